"""What is known of previews and their viewers, never older than two seconds: every request needs it, few change it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from backend.core import crypto
from backend.core.auth import Credential
from backend.core.resources import Resources
from backend.workbench.previews import repository
from backend.workbench.previews.hosts import Host
from backend.workbench.previews.located import Locate, Located
from backend.workbench.previews.models import Visibility
from backend.workbench.previews.repository import Viewer
from backend.workbench.previews.signing import Claims, Signer

SOFT, HARD = 1.0, 2.0
_KEPT = 8192

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cached(Generic[K, V]):
    """Answers to one question. Older than `SOFT` seconds, one is asked again beside whoever uses it; older than `HARD`, whoever
    asks waits. A question that fails is not answered from memory for longer than that."""

    def __init__(self, ask: Callable[[K], Awaitable[V]]) -> None:
        self._ask = ask
        self._kept: dict[K, tuple[float, V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, *, wait: bool = False) -> V:
        """The answer; with `wait`, never one older than `SOFT`."""
        found = self._kept.get(key)
        if found is not None:
            age = time.monotonic() - found[0]
            if age < SOFT:
                return found[1]
            if age < HARD and not wait:
                self._start(key)
                return found[1]
        return await asyncio.shield(self._start(key))

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)
        self._asking.pop(key, None)

    def clear(self) -> None:
        self._kept.clear()
        self._asking.clear()

    def _start(self, key: K) -> asyncio.Task[V]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._put(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting
        return task

    async def _put(self, key: K) -> V:
        asked, mine = time.monotonic(), asyncio.current_task()
        try:
            value = await self._ask(key)
            if self._asking.get(key) is mine:  # else it was forgotten meanwhile
                if len(self._kept) >= _KEPT:
                    self._kept.clear()
                self._kept[key] = (asked, value)
            return value
        finally:
            if self._asking.get(key) is mine:
                del self._asking[key]


class Place(NamedTuple):
    """One preview and who may see it."""

    located: Located
    visibility: Visibility
    owner_id: UUID | None

    def open_to(self, viewer: Viewer | None) -> bool:
        if self.visibility is Visibility.PUBLIC:
            return True
        if viewer is None or not viewer.may_read:
            return False
        return self.visibility is Visibility.ORGANIZATION or (viewer.is_person and viewer.id == self.owner_id)


class _Holder(NamedTuple):
    """A pass's holder in one workspace, as the cache knows them."""

    kind: Literal["sign-in", "key"]
    subject: UUID
    organization_id: UUID
    workspace_id: UUID


def _holder(place: Place, claims: Claims) -> _Holder:
    return _Holder(claims.kind, claims.subject, place.located.organization_id, place.located.workspace_id)


class Places:
    """The previews that this server's viewers ask for; one for the whole server, found in `resources.kept`."""

    def __init__(self, resources: Resources, locate: Locate) -> None:
        self._resources = resources
        self._locate = locate
        self.signer = Signer(resources)
        self._places: Cached[Host, Place | None] = Cached(self._find)
        self._viewers: Cached[_Holder, Viewer | None] = Cached(self._see)
        self._keys: Cached[bytes, UUID | None] = Cached(self._authenticate)
        self._shown: dict[bytes, str] = {}
        resources.kept.put(self)

    async def find(self, host: Host) -> Place | None:
        return await self._places.get(Host(host.name, host.label, ""))

    def forget(self, host: Host) -> None:
        self._places.forget(Host(host.name, host.label, ""))

    async def viewer(self, place: Place, claims: Claims) -> Viewer | None:
        return await self._viewers.get(_holder(place, claims))

    async def key_id(self, key: str) -> UUID | None:
        """The id behind an API key; None for one that is not, or no more."""
        digest = crypto.digest(key)
        self._shown[digest] = key
        try:
            return await self._keys.get(digest, wait=True)  # asked beside us, it would be asked without the key
        finally:
            self._shown.pop(digest, None)

    async def still(self, host: Host, claims: Claims | None) -> bool:
        """Whether whoever was let in may be, as the database had it a second ago at most."""
        place = await self._places.get(Host(host.name, host.label, ""), wait=True)
        if place is None or claims is None:
            return place is not None and place.visibility is Visibility.PUBLIC
        return place.open_to(await self._viewers.get(_holder(place, claims), wait=True))

    def clear(self) -> None:
        """Somebody's access changed: everything is asked again."""
        for cache in (self._places, self._viewers, self._keys):
            cache.clear()

    async def _find(self, host: Host) -> Place | None:
        for slug, port in host.candidates():
            located = await self._locate(self._resources, session_prefix=host.prefix, service_slug=slug, port=port)
            if located is not None:
                database = self._resources.database
                visibility, by = await repository.chosen(database, located.session_id, located.service, located.port)
                return Place(located, visibility, located.owner_id or by)
        return None

    async def _see(self, holder: _Holder) -> Viewer | None:
        return await repository.viewer(self._resources.database, *holder)

    async def _authenticate(self, digest: bytes) -> UUID | None:
        actor = await self._resources.authenticate(Credential(self._shown.get(digest, ""), is_key=True))
        return actor.key_id if actor is not None else None
