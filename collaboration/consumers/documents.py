"""The commands of documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from bduf_realtime.gateway.answering import Answered, Request
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.gateway.storage import call
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.commands import Effect
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.consumers.sessions import SessionConsumer
from collaboration.documents.texts import decoded, state_vector_checked
from collaboration.messages import DocumentAnswer, DocumentAttributed, DocumentSynced, VersionAnswer


class DocumentConsumer(SessionConsumer):
    """Documents: their lives, and what is written in them."""

    @handles("collaboration:document:create", rate="manage")
    async def document_create(self, message: wire.DocumentCreate, request: Request) -> Answered[DocumentAnswer]:
        """Starts a document in a session, or in a project for all of its members."""

        def change(by: Any) -> Effect:
            made = services.document_create(
                session=message.session,
                project=message.project,
                title=message.title,
                strategy=message.strategy,
                content=message.content,
                by=by,
                door="socket",
                connection=self.id,
            )
            return _effect(made, services.list_room(made))

        return await self._manage(request, change)

    @handles("collaboration:document:rename", rate="manage")
    async def document_rename(self, message: wire.DocumentRename, request: Request) -> Answered[DocumentAnswer]:
        """Gives a document another title."""
        return await self._document(request, services.document_rename, message.document, title=message.title)

    @handles("collaboration:document:delete", rate="manage")
    async def document_delete(self, message: wire.DocumentDelete, request: Request) -> Answered[DocumentAnswer]:
        """Deletes a document; everybody in it is shown out."""
        room = f"document:{message.document}"
        self.rooms_ended.add(room)  # as in session_end
        try:
            return await self._document(request, services.document_delete, message.document)
        except RealtimeError:
            self.rooms_ended.discard(room)
            raise

    @handles("collaboration:document:version:create", rate="manage")
    async def version_create(self, message: wire.VersionCreate, request: Request) -> Answered[VersionAnswer]:
        """Keeps what is in a document now as a version with a name."""
        return await self._version(request, services.version_create, message.document, title=message.title)

    @handles("collaboration:document:version:restore", rate="manage")
    async def version_restore(self, message: wire.VersionRestore, request: Request) -> Answered[VersionAnswer]:
        """Makes a document what it was in a version; the edits that do so follow as events."""
        return await self._version(request, services.version_restore, message.document, version=message.version)

    async def _version(
        self, request: Request, service: Callable[..., Any], document: UUID, **given: Any
    ) -> Answered[VersionAnswer]:
        def change(by: Any) -> Effect:
            version = service(document=document, by=by, door="socket", connection=self.id, **given)
            return Effect(VersionAnswer(str(version.pk), selectors.version_info(version)), f"document:{document}")

        return await self._manage(request, change)

    async def _document(
        self, request: Request, service: Callable[..., Any], document: UUID, **changes: Any
    ) -> Answered[DocumentAnswer]:
        def change(by: Any) -> Effect:
            changed = service(document=document, by=by, door="socket", connection=self.id, **changes)
            return _effect(changed, f"document:{document}")

        return await self._manage(request, change)

    @handles("collaboration:document:update", rate="document")
    def document_update(self, message: wire.DocumentUpdate, request: Request) -> Submission:
        """Edits a document that this connection has joined."""
        joined = f"document:{message.document}" in self.rooms
        return services.document_update(message=message, by=self.author, joined=joined)

    @handles("collaboration:document:sync", rate="join")
    async def document_sync(self, message: wire.DocumentSync, request: Request) -> DocumentSynced:
        """Reads a document, or what of a text the client lacks."""
        vector = None
        if message.state_vector is not None:
            vector = state_vector_checked(decoded(message.state_vector, "state_vector"))
        return await call(_synced, message.document, self.user_id, vector)

    @handles("collaboration:document:attribution", rate="join")
    async def document_attribution(self, message: wire.DocumentAttribution, request: Request) -> DocumentAttributed:
        """Tells who wrote what in a document."""
        return await call(_attributed, message.document, self.user_id)


def _synced(document: UUID, user: str, state_vector: bytes | None) -> DocumentSynced:
    found, _ = selectors.document_for(document, UUID(user))
    return selectors.document_synced(found, state_vector)


def _attributed(document: UUID, user: str) -> DocumentAttributed:
    found, _ = selectors.document_for(document, UUID(user))
    return selectors.document_attribution(found, in_frame=True)


def _effect(document: Any, room: str) -> Effect:
    return Effect(DocumentAnswer(str(document.pk), selectors.document_info(document)), room)
