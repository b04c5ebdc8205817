"""API keys on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.orgs.schemas import Name

AwareTime = Annotated[datetime, Meta(tz=True)]


class Lasts(StrEnum):
    """How long a key is to work: 1, 30 or 365 days, or until it is revoked."""

    DAY = "1 day"
    MONTH = "1 month"
    YEAR = "1 year"
    NEVER = "never"


class ApiKeyCreate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    scopes: Annotated[list[str], Meta(min_length=1, max_length=50)]
    expires_at: AwareTime | None = None
    expires_in: Lasts | None = None
    requests_per_minute: Annotated[int, Meta(ge=1, le=100_000)] | None = None


class ApiKey(msgspec.Struct):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None
    last_used_address: str | None
    requests_per_minute: int | None


class NewApiKey(ApiKey):
    """The only answer that carries `key`; what is stored cannot give it back."""

    key: str = ""
