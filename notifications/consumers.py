"""What sockets may ask of their user's notifications."""

from __future__ import annotations

from uuid import UUID

from bduf_realtime.gateway.answering import ANSWERED, Answered, Request
from bduf_realtime.gateway.consumer import RealtimeConsumer
from bduf_realtime.gateway.doors import Joined, Since, Wish
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.gateway.joining import enter
from bduf_realtime.gateway.reading import read_moment
from bduf_realtime.gateway.storage import call
from bduf_realtime.rooms.commands import Effect
from bduf_realtime.rooms.events import ack_frame, encode
from notifications import messages as wire
from notifications import selectors, services
from notifications.topics import read_topics


class NotificationConsumer(RealtimeConsumer):
    """Hearing of notifications, reading them, and saying which ones are wanted."""

    @property
    def _own_room(self) -> str:
        return f"user:{self.user_id}"

    @handles("notification:subscribe", rate="join")
    async def notification_subscribe(
        self, message: wire.NotificationSubscribe, request: Request
    ) -> Answered[wire.NotificationsSubscribed]:
        """Enters the user's own room, and is answered with what there is to read."""
        room, user, since = self._own_room, UUID(self.user_id), message.since
        self.refuse_more_rooms(room)
        interest = await call(read_topics, message.topics, user)
        position = since if isinstance(since, Since) else None
        after = None if isinstance(since, Since) else read_moment(since, "since")

        def greet(joined: Joined) -> None:
            if request.id is not None:
                seen: wire.NotificationsSeen = joined.state
                answer = wire.NotificationsSubscribed(
                    room,
                    joined.epoch,
                    joined.seq,
                    joined.recovered,
                    seen.unread,
                    seen.notifications,
                    seen.more,
                    message.topics,
                )
                self.outbox.put(ack_frame(request.id, encode(answer)).decode())

        wish = Wish(room, self.visitor, position, look=lambda: selectors.notifications_seen(user, interest, after))
        await enter(self, wish, greet, None if interest.is_all else interest.sieve)
        return ANSWERED

    @handles("notification:unsubscribe", rate="join")
    async def notification_unsubscribe(self, message: wire.NotificationUnsubscribe, request: Request) -> None:
        """Leaves the user's own room, if the connection is in it."""
        if self.rooms.pop(self._own_room, None) is not None:
            self.process.hub.leave(self, self._own_room)

    @handles("notification:read", rate="manage")
    async def notification_read(
        self, message: wire.NotificationsMark, request: Request
    ) -> Answered[wire.NotificationsMarked]:
        """Notes that the user has read notifications."""
        return await self.carry_out(
            request,
            lambda: Effect(
                services.notifications_read(ids=message.ids, all_=message.all, by=self.author), self._own_room
            ),
        )

    @handles("notification:preferences", rate="manage")
    async def notification_preferences(
        self, message: wire.NotificationPreferences, request: Request
    ) -> Answered[wire.PreferencesInfo]:
        """Changes what the user is told of, and tells it."""
        user = UUID(self.user_id)
        return await self.carry_out(request, lambda: Effect(services.preferences_set(user=user, changes=message)))
