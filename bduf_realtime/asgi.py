"""The ASGI application: HTTP to Django, sockets to the consumers, for daphne and uvicorn alike."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bduf_realtime.settings")
django = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - Django's apps come first

from bduf_realtime.gateway.intake import BoundedBodies  # noqa: E402
from bduf_realtime.gateway.process import waking  # noqa: E402
from bduf_realtime.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter({"http": waking(BoundedBodies(django)), "websocket": URLRouter(websocket_urlpatterns)})
