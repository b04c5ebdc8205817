"""Signing in, on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backend.accounts.keys.schemas import ApiKey
from backend.accounts.orgs.schemas import Name, Organization

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=8, max_length=1000, description="At least 8 characters.")]


Secret = Annotated[str, Meta(max_length=1000)]


class SetupToken(msgspec.Struct, forbid_unknown_fields=True):
    """The one-time token that the server printed."""

    token: Annotated[str, Meta(max_length=200)]


class Setup(SetupToken, forbid_unknown_fields=True):
    """The first account."""

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
    email_verified: bool = False
    default_organization_id: UUID | None = None
    has_second_factor: bool = False
    owns_installation: bool = False


class Profile(msgspec.Struct, forbid_unknown_fields=True):
    """`default_organization_id` is where the person lands after signing in; null is the first by name."""

    name: Name | UnsetType = UNSET
    default_organization_id: UUID | UnsetType | None = UNSET


class EmailChange(msgspec.Struct, forbid_unknown_fields=True):
    email: Email
    password: Secret


class Address(msgspec.Struct, forbid_unknown_fields=True):
    email: Secret


class EmailToken(msgspec.Struct, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=200)]


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=200)]
    password: Password


class Acceptance(msgspec.Struct, forbid_unknown_fields=True):
    invitation: Annotated[str, Meta(max_length=200)]


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """The password, asked for again."""

    password: Secret


class Code(msgspec.Struct, forbid_unknown_fields=True):
    code: Annotated[str, Meta(max_length=20)]


class Factor(msgspec.Struct):
    enabled: bool
    recovery_codes_left: int


class NewFactor(msgspec.Struct):
    """What an authenticator app is given; `qr_svg` is the address as a picture. It counts once a code of it was confirmed."""

    secret: str
    address: str
    qr_svg: str


class RecoveryCodes(msgspec.Struct):
    """Shown once; each works once in place of a code."""

    recovery_codes: list[str]


class FactorRemoval(msgspec.Struct, forbid_unknown_fields=True):
    password: Secret
    code: Annotated[str, Meta(max_length=20)]


class MeAnswer(msgspec.Struct):
    """Who calls: the `user` who is signed in, or the API `key` of one organisation; the other is null. `csrf_token` goes into
    X-CSRF-Token of every unsafe request by cookie. `feed` is the cursor of the event streams at this moment: who follows them
    from there misses nothing that happened since."""

    user: User | None
    key: ApiKey | None
    organizations: list[Organization]
    csrf_token: str
    feed: str


class SignIn(msgspec.Struct):
    """A browser that is signed in; `current` is the one asking."""

    id: UUID
    address: str
    browser: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool
