"""Imports on the wire."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.workbench.services.schemas import Line, ServiceName
from backend.workbench.workspaces.schemas import Branch

RepositoryName = Annotated[
    str, Meta(min_length=3, max_length=300, pattern=r"^[^/\x00-\x20?#%\\]+(/[^/\x00-\x20?#%\\]+)+$(?!\n)")
]
Subdirectory = Annotated[str, Meta(max_length=500, pattern=r"^([^/\x00\\]+(/[^/\x00\\]+)*)?$(?!\n)")]


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """`repository` is `owner/name` at the provider. `branch` left out is its default one; `subdirectory` is where the service
    lies in it; `name` is the service's and its folder's, the repository's own where it is left out."""

    repository: RepositoryName
    branch: Branch = ""
    subdirectory: Subdirectory = ""
    name: ServiceName | None = None
    connection_id: UUID | None = None
    start_command: Line = ""
