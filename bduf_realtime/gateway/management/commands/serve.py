import asyncio
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from bduf_realtime.gateway import process
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.health import readiness
from bduf_realtime.gateway.uvicorn import Protocol


class Server(uvicorn.Server):
    """uvicorn that lets its clients go before it stops: the first signal drains, the second ends at once."""

    _draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: Any) -> None:
        if readiness.draining:
            super().handle_exit(sig, frame)
            self.force_exit = True
            return
        readiness.draining = True
        self._loop.call_soon_threadsafe(self._start_drain, sig, frame)

    def _start_drain(self, sig: int, frame: Any) -> None:
        self._draining = asyncio.create_task(self._drain(sig, frame))

    async def _drain(self, sig: int, frame: Any) -> None:
        running = process.current()
        done = False
        try:
            done = running is None or await running.shut_down()
        finally:
            if done:
                self.should_exit = True
            else:  # ends by the signal: what held up the drain would hold up a clean exit too
                super().handle_exit(sig, frame)

    async def serve(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        process.wake()
        await super().serve(sockets)


class Command(BaseCommand):
    help = "Serves HTTP and sockets with uvicorn and uvloop; SIGTERM lets every client go in good order first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=settings.HOST, help="Address to listen on (HOST, default 127.0.0.1).")
        parser.add_argument("--port", type=int, default=settings.PORT, help="Port to listen on (PORT, default 8000).")
        parser.add_argument("--backlog", type=int, default=4096, help="Connections that may wait to be accepted.")

    def handle(self, *args: Any, **options: Any) -> None:
        config = uvicorn.Config(
            "bduf_realtime.asgi:application",
            host=options["host"],
            port=options["port"],
            backlog=options["backlog"],
            loop="uvloop",
            http="httptools",
            ws=Protocol,
            # A frame over the limit still reaches the application, which closes 4413 with a reason.
            ws_max_size=conf.document_update_bytes * 4 // 3 + 131_072,
            ws_per_message_deflate=False,  # doubles an idle connection's memory, and opens a bomb
            # The application's own pings measure the round trip and prove arrival; two are one too many.
            ws_ping_interval=None,
            access_log=False,  # it would print query strings
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=int(conf.drain_timeout / 2) or 1,
            proxy_headers=False,
        )
        page = f"http://{options['host']}:{options['port']}/"
        self.stdout.write(f"Listening. Open {page} to see what to do next; Ctrl-C stops.")
        Server(config).run()
