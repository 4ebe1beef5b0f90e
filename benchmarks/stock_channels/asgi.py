"""The baseline's ASGI application, with one page that says it is up."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.stock_channels.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

http = get_asgi_application()

from benchmarks.stock_channels.consumers import RoomConsumer  # noqa: E402

urlpatterns = [path("", lambda request: HttpResponse("up"))]
application = ProtocolTypeRouter(
    {"http": http, "websocket": URLRouter([path("ws/room/<str:room>/", RoomConsumer.as_asgi())])}
)
