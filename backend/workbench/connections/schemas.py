"""Connections, and what lies at a provider, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

Token = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[\x21-\x7e]+$(?!\n)")]
Username = Annotated[str, Meta(max_length=200, pattern=r"^[\x21-\x39\x3b-\x7e]*$(?!\n)")]
Url = Annotated[str, Meta(max_length=500)]


class ConnectionCreate(msgspec.Struct, forbid_unknown_fields=True):
    """`token` is a personal access token that may read (and, to push, write) repositories. `base_url` is an instance of your own;
    left out, what the server's settings say. Bitbucket's app passwords need the `username` that they are of."""

    token: Token
    base_url: Url | None = None
    username: Username = ""


class Connection(msgspec.Struct):
    """`account` is who the provider says that it is of; `oauth` that it was made there by a click, not by a token."""

    id: UUID
    provider: str
    base_url: str
    account: str
    oauth: bool
    created_at: datetime


class Organization(msgspec.Struct):
    """`name` is what repositories are asked for by."""

    name: str
    title: str


class Repository(msgspec.Struct):
    """`name` is its full one, `owner/name`; `url` is what is cloned."""

    name: str
    url: str
    default_branch: str
    private: bool
    description: str


class Branch(msgspec.Struct):
    name: str
    head: str
