"""Templates on the wire."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.accounts.orgs.schemas import Name
from backend.workbench.services.schemas import Operation, Value, VariableName
from backend.workbench.workspaces.schemas import Workspace


class Techstack(msgspec.Struct):
    name: str
    icon: str = ""


class TemplateVariable(msgspec.Struct):
    """`generated`: the first start makes a strong value unless one is given. Without that and without a default, one must be
    given."""

    name: str
    description: str = ""
    default: str | None = None
    generated: bool = False


class Template(msgspec.Struct):
    id: str
    name: str
    description: str
    icon: str
    techstacks: list[Techstack]
    services: list[str]
    variables: list[TemplateVariable]
    tags: list[str]


class Archive(msgspec.Struct, forbid_unknown_fields=True):
    """A zip or tar.gz file in a session's working copy, such as one that was uploaded there."""

    session_id: UUID
    path: Annotated[str, Meta(min_length=1, max_length=4096)]


class AutoCreate(msgspec.Struct, forbid_unknown_fields=True):
    """One of `template` (an id of GET /templates), `clone_url` and `archive`. `variables` fill in `${NAME}` of its compose
    file and are kept encrypted."""

    template: Annotated[str, Meta(max_length=80)] | None = None
    clone_url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    clone_token: Annotated[str, Meta(max_length=1000)] | None = None
    archive: Archive | None = None
    name: Name | None = None
    organization_id: UUID | None = None
    variables: dict[VariableName, Value] = {}
    run: bool = True


class Created(msgspec.Struct):
    """`operation` runs everything; it is null where nothing was asked to run, or cannot yet: `problem` says why."""

    workspace: Workspace
    session_id: UUID
    services: list[str]
    operation: Operation | None
    problem: str | None = None
