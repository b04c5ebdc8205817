"""Providers and identities on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.core.paging import Page


class Provider(msgspec.Struct):
    """One that people can sign in with here; `label` is for the button."""

    name: str
    label: str


class WaysIn(Page[Provider]):
    """`registration`: whether strangers may sign up."""

    registration: bool = False


class ProviderSettings(msgspec.Struct):
    """One that could be set up. `redirect` is what to register with the provider, `variables` what to set for this server."""

    name: str
    label: str
    configured: bool
    redirect: str
    variables: list[str]


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """`invitation` is used up by an account that is made on the way."""

    invitation: Annotated[str, Meta(max_length=200)] | None = None


class Departure(msgspec.Struct):
    """Where to send the browser, which was given a cookie that it must come back with."""

    url: str


class Identity(msgspec.Struct):
    id: UUID
    provider: str
    email: str
    created_at: datetime
