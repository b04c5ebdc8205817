"""Previews on the wire."""

from uuid import UUID

import msgspec

from backend.workbench.previews.models import Visibility


class Preview(msgspec.Struct):
    """One exposed port and where a browser opens it."""

    service_id: UUID
    service: str
    port: int
    url: str
    visibility: Visibility


class PreviewUpdate(msgspec.Struct, forbid_unknown_fields=True):
    visibility: Visibility


class Entry(msgspec.Struct):
    """An address that signs a browser in at the preview's origin: once, within 30 seconds."""

    url: str
