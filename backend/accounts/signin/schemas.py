"""Signing in, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.orgs.schemas import Name, Organization

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=8, max_length=1000, description="At least 8 characters.")]


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    """The first account, with the one-time token that the server printed."""

    token: Annotated[str, Meta(max_length=200)]
    email: Email
    password: Password
    name: Name
    organization: Name


class Register(msgspec.Struct, forbid_unknown_fields=True):
    """A new account: with an invitation, or where registration is open. `organization` names a new one of its own."""

    email: Email
    password: Password
    name: Name
    organization: Name | None = None
    invitation: Annotated[str, Meta(max_length=200)] | None = None


class Login(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, Meta(max_length=1000)]
    password: Annotated[str, Meta(max_length=1000)]
    code: Annotated[str, Meta(max_length=20)] | None = None


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    current: Annotated[str, Meta(max_length=1000)]
    new: Password


class User(msgspec.Struct):
    id: UUID
    email: str
    name: str
    created_at: datetime


class MeAnswer(msgspec.Struct):
    """Who is signed in. `csrf_token` goes into X-CSRF-Token of every unsafe request by cookie."""

    user: User
    organizations: list[Organization]
    csrf_token: str


class SignIn(msgspec.Struct):
    """A browser that is signed in; `current` is the one asking."""

    id: UUID
    address: str
    browser: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool
