"""What sockets may ask for."""

from collaboration.consumers.cursors import CursorConsumer
from collaboration.consumers.documents import DocumentConsumer
from collaboration.consumers.sessions import SessionConsumer
from collaboration.consumers.yjs import YjsConsumer

__all__ = ["CursorConsumer", "DocumentConsumer", "SessionConsumer", "YjsConsumer"]
