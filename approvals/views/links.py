"""Decision links over REST: for whoever has one, signed in or not; only a POST that says what is decided decides."""

from __future__ import annotations

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from approvals import selectors, services
from approvals.answers import LinkDecide, LinkInfo, LinkRead
from approvals.messages import ApprovalDetail
from bduf_realtime.accounts.views import LoginThrottle
from bduf_realtime.gateway.openapi import shape
from bduf_realtime.gateway.rest import read_body
from bduf_realtime.rooms.events import timestamp
from collaboration.messages import Person


class LinkThrottle(LoginThrottle):
    """Counts links tried per address, apart from logins."""

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"decision-link-{self.get_ident(request)}"


class Link(APIView):
    """A link's token, for what it is about."""

    authentication_classes = ()
    permission_classes = [AllowAny]
    throttle_classes = [LinkThrottle]

    @extend_schema(request={"application/json": shape(LinkRead)}, responses={200: shape(LinkInfo)}, auth=[])
    def post(self, request: Request) -> Response:
        """Tells what a link is about, and does not use it up."""
        link = services.link_read(token=read_body(request, LinkRead).token)
        detail = selectors.approval_detail(link.approval_id, link.user)
        user = Person(str(link.user_id), link.user.display_name)
        return Response(msgspec.to_builtins(LinkInfo(user, timestamp(link.expires_at), detail)))


class LinkDecision(Link):
    """A link's token, to decide."""

    @extend_schema(request={"application/json": shape(LinkDecide)}, responses={200: shape(ApprovalDetail)}, auth=[])
    def post(self, request: Request) -> Response:
        """Decides as the one whom the link was sent to, on the content with that hash, and uses the link up."""
        given = msgspec.structs.asdict(read_body(request, LinkDecide))
        link = services.link_read(token=given.pop("token"))
        services.link_decide(link=link, **given)
        return Response(msgspec.to_builtins(selectors.approval_detail(link.approval_id, link.user)))
