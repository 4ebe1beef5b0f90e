"""The durable log of every room, and the commands that were answered."""

import secrets

from django.db import models
from django.utils import timezone


def new_epoch() -> str:
    """A name for one life of a log; positions of another life mean nothing in it."""
    return secrets.token_urlsafe(9)


class Room(models.Model):
    """A named log. Its row is the lock under which events are numbered."""

    name = models.CharField(max_length=80, unique=True)
    epoch = models.CharField(max_length=16, default=new_epoch)
    head = models.BigIntegerField(default=0, help_text="Number of the newest event; 0 when there is none.")
    floor = models.BigIntegerField(default=1, help_text="Lowest number that is still held.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """One numbered event, as the very bytes that are fanned out and replayed."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_index=False)
    seq = models.BigIntegerField()
    type = models.CharField(max_length=80)
    at = models.DateTimeField()
    frame = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "seq"], name="one_event_per_number")]

    def __str__(self) -> str:
        return f"{self.room_id}#{self.seq} {self.type}"


class Command(models.Model):
    """A command that took effect, and its answer, so that a resend does nothing and gets the same one."""

    user = models.CharField(max_length=64)
    instance = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=32)
    answer = models.TextField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "instance", "key"], name="one_answer_per_command")]

    def __str__(self) -> str:
        return f"{self.user}/{self.instance}/{self.key}"
