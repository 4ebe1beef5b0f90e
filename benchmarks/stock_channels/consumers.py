"""The baseline's one consumer: a room is a group, and every message goes to all of it."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class RoomConsumer(AsyncJsonWebsocketConsumer):
    """Joins the room in the URL and echoes what is sent there to everyone in it."""

    async def connect(self) -> None:
        self.room_group_name = f"room_{self.scope['url_route']['kwargs']['room']}"
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.channel_layer.group_send(self.room_group_name, {"type": "room.message", "message": content})

    async def room_message(self, event: dict[str, Any]) -> None:
        await self.send_json({"message": event["message"]})
