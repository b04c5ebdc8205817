"""A pull request and its twin, loaded: rows, branches, and who speaks for whom at the provider."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from backend.core import git
from backend.core.resources import Resources
from backend.workbench.access import service as access
from backend.workbench.connections import service as connections
from backend.workbench.connections.clients.contract import Client
from backend.workbench.connections.models import Connection
from backend.workbench.connections.service import NotConnected
from backend.workbench.mirrors.errors import OwnerGone
from backend.workbench.pulls import repository, service
from backend.workbench.pulls.errors import SessionGone
from backend.workbench.pulls.models import PullMirror, PullRequest
from backend.workbench.pulls.service import Sides
from backend.workbench.vcs import remotes
from backend.workbench.vcs import service as vcs
from backend.workbench.vcs.errors import NoRemote, NoSuchRepository
from backend.workbench.workspaces import repository as workspace_rows
from backend.workbench.workspaces.repository import RepositoryRow


@dataclass
class Twin:
    """`name` is the repository's at the provider, `url` its remote with the owner's credential, `seen` what both sides last
    agreed on: title, body, state, and the names of both branches there."""

    resources: Resources
    owner_id: UUID
    seen: dict[str, Any]
    sides: Sides
    row: RepositoryRow
    connection: Connection
    client: Client
    name: str
    url: git.CloneUrl
    _voices: dict[UUID, Connection | None] = field(default_factory=dict)

    @property
    def pull(self) -> PullRequest:
        return self.sides.pull

    @property
    def number(self) -> int:
        assert self.pull.provider_number is not None
        return self.pull.provider_number

    async def voice_of(self, user_id: UUID | None) -> Connection | None:
        """The person's own connection to the same host; None where there is none."""
        if user_id is None:
            return None
        if user_id == self.owner_id:
            return self.connection
        if user_id not in self._voices:
            self._voices[user_id] = await connections.connection_for(self.resources, user_id, self.url)
        return self._voices[user_id]

    async def voices(self, user_id: UUID | None) -> AsyncIterator[tuple[Client, bool]]:
        """Clients to speak with for somebody, the best first, and whether it is their own."""
        own = await self.voice_of(user_id)
        if own is not None:
            yield connections.client_of(self.resources, own), True
        if own is not self.connection:
            yield self.client, False


async def load(resources: Resources, pull_id: UUID) -> Twin:
    """Raises OwnerGone, NoRemote, NotConnected, SessionGone."""
    async with resources.database.begin() as db:
        sides = await service.sides_of(resources, db, pull_id)
        mirror: PullMirror = (await repository.mirrors(db, [pull_id]))[pull_id]
        place = sides.pull.organization_id, sides.pull.workspace_id
        if not await access.still_may(db, *place, mirror.owner_id, repository.WRITE):
            raise OwnerGone
    row = await workspace_rows.find_repository(resources.database, sides.pull.workspace_id, sides.pull.repository)
    if row is None:
        raise NoSuchRepository
    if row.remote_url is None:
        raise NoRemote
    url = await remotes.check_url(resources, row.remote_url)
    connection = await connections.connection_for(resources, mirror.owner_id, url)
    if connection is None:
        raise NotConnected
    credential = connections.credential_of(resources, connection)
    seen = dict(mirror.seen)
    if "head" not in seen:
        if sides.head_session is None or sides.base_session is None:
            raise SessionGone
        seen["head"] = vcs.upstream_of(sides.head_session, row)
        seen["base"] = vcs.upstream_of(sides.base_session, row)
    return Twin(
        resources,
        mirror.owner_id,
        seen,
        sides,
        row,
        connection,
        connections.client_of(resources, connection),
        name_of(row.remote_url),
        replace(url, username=credential.username, password=credential.token),
    )


def name_of(remote_url: str) -> str:
    """`owner/name` out of a remote's address."""
    return urlsplit(remote_url).path.strip("/").removesuffix(".git")
