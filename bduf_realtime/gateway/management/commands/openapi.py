import json

from django.core.management.base import CommandError
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from bduf_realtime.gateway import openapi
from bduf_realtime.gateway.generated import GeneratedDocument


class Command(GeneratedDocument):
    help = "Writes docs/openapi.json from the REST views."
    path = "docs/openapi.json"

    def text(self) -> str:
        GENERATOR_STATS.reset()
        openapi.document.cache_clear()  # so that its warnings are of now
        schema = openapi.document()
        validate_schema(schema)  # type: ignore[no-untyped-call]
        if GENERATOR_STATS:
            raise CommandError("Not every view says what it takes and answers; see the warnings above.")
        return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
