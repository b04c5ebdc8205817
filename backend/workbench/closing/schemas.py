"""Deleted organisations on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec


class DeletedOrganization(msgspec.Struct):
    """One in the bin; `purged_at` is when it is gone for good."""

    id: UUID
    name: str
    deleted_at: datetime
    purged_at: datetime
