"""Who is connected where: a lease per instance, a row per connection, and a row per room a connection is in."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.timezone import now


class Instance(models.Model):
    """A server process; one whose lease ran out is dead, and any other cleans up after it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    started_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(db_index=True)
    draining = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Connection(models.Model):
    """One socket, as its instance last reported it."""

    class State(models.TextChoices):
        CONNECTING = "connecting"
        CONNECTED = "connected"
        AUTHENTICATED = "authenticated"
        IDLE = "idle"
        RECONNECTING = "reconnecting"
        DISCONNECTED = "disconnected"

    id = models.UUIDField(primary_key=True, editable=False)
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="connections")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections")
    state = models.CharField(max_length=16, choices=State.choices, default=State.AUTHENTICATED)
    address = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)
    client = models.CharField(max_length=120, blank=True, help_text="Name and version the client gave.")
    timezone = models.CharField(max_length=64, blank=True)
    connected_at = models.DateTimeField(default=now)
    last_activity = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    close_code = models.IntegerField(null=True, blank=True)
    round_trip_ms = models.FloatField(null=True, blank=True)
    messages_in = models.BigIntegerField(default=0)
    messages_out = models.BigIntegerField(default=0)
    bytes_in = models.BigIntegerField(default=0)
    bytes_out = models.BigIntegerField(default=0)
    queue_bytes = models.BigIntegerField(default=0)
    cut_at = models.DateTimeField(null=True, blank=True, help_text="When an operator had it disconnected.")

    class Meta:
        # What every instance asks every second, and what is almost always nothing.
        indexes = [
            models.Index(
                fields=["instance"],
                name="connection_to_cut",
                condition=models.Q(cut_at__isnull=False, closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attendance(models.Model):
    """A connection's place in a room; the last one gone means that the user is away."""

    connection = models.UUIDField()
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="attendances")
    room = models.CharField(max_length=80)
    user = models.CharField(max_length=64)
    since = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "room"], name="one_place_per_connection")]
        indexes = [models.Index(fields=["room", "user"], name="attendance_room_user")]

    def __str__(self) -> str:
        return f"{self.connection} in {self.room}"
