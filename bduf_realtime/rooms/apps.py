from django.apps import AppConfig


class RoomsConfig(AppConfig):
    name = "bduf_realtime.rooms"
    label = "rooms"
    verbose_name = "Rooms"
