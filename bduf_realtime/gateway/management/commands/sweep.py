from typing import Any

from django.core.management.base import BaseCommand

from bduf_realtime.gateway import sweeps


class Command(BaseCommand):
    help = (
        "Does everything that is due by the clock once: ends grace periods, cleans up after dead instances, trims "
        "logs. Running servers do this by themselves; run it from cron where none is up all the time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in sweeps.run_all().items():
            self.stdout.write(f"{name}: {count}")
