"""The commands of approvals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from approvals import messages as wire
from approvals import services
from approvals.messages import ApprovalAnswer
from bduf_realtime.gateway.answering import Answered, Request
from bduf_realtime.gateway.consumer import RealtimeConsumer
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.rooms.commands import Effect
from collaboration import selectors


class ApprovalConsumer(RealtimeConsumer):
    """Requests for approval, and what people decide and say on them."""

    @handles("approval:request", rate="manage")
    async def approval_request(self, message: wire.ApprovalRequest, request: Request) -> Answered[ApprovalAnswer]:
        """Asks for approval of a document, or of what the request itself says."""
        return await self._approval(request, services.approval_request, message=message)

    @handles("approval:decide", rate="manage")
    async def approval_decide(self, message: wire.ApprovalDecide, request: Request) -> Answered[ApprovalAnswer]:
        """Votes on the content with that hash."""
        return await self._approval(request, services.approval_decide, **asdict(message))

    @handles("approval:comment", rate="manage")
    async def approval_comment(self, message: wire.ApprovalComment, request: Request) -> Answered[ApprovalAnswer]:
        """Says something about a request: begins a conversation, or answers in one."""
        return await self._approval(request, services.approval_comment, **asdict(message))

    @handles("approval:resolve", rate="manage")
    async def approval_resolve(self, message: wire.ApprovalResolve, request: Request) -> Answered[ApprovalAnswer]:
        """Closes a conversation, or opens it again."""
        return await self._approval(request, services.approval_resolve, **asdict(message))

    @handles("approval:delegate", rate="manage")
    async def approval_delegate(self, message: wire.ApprovalDelegate, request: Request) -> Answered[ApprovalAnswer]:
        """Has somebody decide in one's place."""
        return await self._approval(request, services.approval_delegate, **asdict(message))

    @handles("approval:cancel", rate="manage")
    async def approval_cancel(self, message: wire.ApprovalCancel, request: Request) -> Answered[ApprovalAnswer]:
        """Takes a request back."""
        return await self._approval(request, services.approval_cancel, **asdict(message))

    @handles("approval:bypass", rate="manage")
    async def approval_bypass(self, message: wire.ApprovalBypass, request: Request) -> Answered[ApprovalAnswer]:
        """Goes without the approvals that are missing, and says why."""
        return await self._approval(request, services.approval_bypass, **asdict(message))

    async def _approval(
        self, request: Request, service: Callable[..., ApprovalAnswer], **given: Any
    ) -> Answered[ApprovalAnswer]:
        """Has a service called for this connection's user."""
        user = self.user_id

        def change() -> Effect:
            answer = service(by=selectors.account(user), door="socket", connection=self.id, **given)
            return Effect(answer, f"project:{answer.approval.project}")

        return await self.carry_out(request, change)
