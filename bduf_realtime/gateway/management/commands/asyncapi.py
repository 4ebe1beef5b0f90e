import json
from importlib import import_module

from bduf_realtime.gateway.asyncapi import document
from bduf_realtime.gateway.generated import GeneratedDocument


class Command(GeneratedDocument):
    help = "Writes docs/asyncapi.json from the message structs."
    path = "docs/asyncapi.json"

    def text(self) -> str:
        import_module("bduf_realtime.routing")  # it describes the endpoint
        return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
