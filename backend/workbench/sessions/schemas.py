"""Sessions on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from backend.accounts.orgs.schemas import Name
from backend.workbench.sessions.models import Status


class SessionCreate(msgspec.Struct, forbid_unknown_fields=True):
    """Starts from `parent_session_id`, uncommitted changes included; from the default session where that is left out."""

    workspace_id: UUID
    name: Name
    parent_session_id: UUID | None = None


class Session(msgspec.Struct):
    """`head` is the commit checked out and `dirty` whether the working copy differs from it; both null until it is ready.
    `status_reason` is {code, message} of what failed, or of submodules that a clone could not fetch."""

    id: UUID
    workspace_id: UUID
    name: str
    branch: str
    parent_session_id: UUID | None
    is_default: bool
    head: str | None
    dirty: bool | None
    status: Status
    status_reason: dict[str, Any] | None
    created_at: datetime
    last_active_at: datetime
    deleted_at: datetime | None
