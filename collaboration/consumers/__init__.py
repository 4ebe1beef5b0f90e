"""What sockets may ask for."""

from collaboration.consumers.cursors import CursorConsumer
from collaboration.consumers.documents import DocumentConsumer
from collaboration.consumers.sessions import SessionConsumer

__all__ = ["CursorConsumer", "DocumentConsumer", "SessionConsumer"]
