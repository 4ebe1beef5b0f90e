"""What REST takes and answers about policies, and about links in mails. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec

from approvals.messages import ApprovalDetail, ContentHash, Text
from approvals.policy import Policy
from approvals.states import Decision
from bduf_realtime.gateway.handlers import Data
from collaboration.messages import Person
from collaboration.text import MAX_NAME

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]


class PolicyCreate(Data, frozen=True):
    """A policy for a project; users are named by id or username, and have to be members."""

    project: UUID
    name: Name
    rules: Policy
    is_default: bool = False


class PolicyChange(Data, frozen=True):
    """Changes a policy; other `rules` become a new version, and requests made before keep to theirs."""

    name: Name | None = None
    rules: Policy | None = None
    is_default: bool | None = None


class PolicyVersionInfo(msgspec.Struct, frozen=True):
    """What a policy says since one moment: as data, with the names of its `people`, and in plain English."""

    number: int
    rules: Policy
    people: dict[str, str]
    words: list[str]
    created_by: Person | None
    created_at: str


class StoredPolicy(msgspec.Struct, frozen=True):
    """A project's policy, with its newest version; requests that name none take the default one."""

    id: str
    project: str
    name: str
    is_default: bool
    created_at: str
    version: PolicyVersionInfo


class LinkRead(Data, frozen=True):
    """The token of a link in a mail: what stands behind its #."""

    token: Token


class LinkDecide(LinkRead, frozen=True, kw_only=True):
    """Decides by a link, on the content with that hash."""

    decision: Decision
    content_hash: ContentHash
    comment: Text = ""


class LinkInfo(msgspec.Struct, frozen=True):
    """Who may decide what by a link, and until when."""

    user: Person
    expires_at: str
    approval: ApprovalDetail
