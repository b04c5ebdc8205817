"""API keys on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.orgs.schemas import Name

AwareTime = Annotated[datetime, Meta(tz=True)]


class ApiKeyCreate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name
    scopes: Annotated[list[str], Meta(min_length=1, max_length=50)]
    expires_at: AwareTime | None = None


class ApiKey(msgspec.Struct):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    expires_at: datetime | None
    created_at: datetime
    last_used_at: datetime | None


class NewApiKey(ApiKey):
    """The only answer that carries `key`; what is stored cannot give it back."""

    key: str = ""
