"""Who calls and what they may: the Actor, scopes and roles as data, and the guards that every route names one of.

Guards check scopes, queries check rows. A guard also refuses what only a browser could be tricked into: a cookie without
its CSRF token, a socket from another origin.
"""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope
from sqlalchemy import ColumnElement, and_, or_

from backend.core.errors import Forbidden, Unauthorized
from backend.core.live import Live
from backend.core.settings import Settings

log = logging.getLogger(__name__)

SCOPES: Mapping[str, str] = {
    "organization:read": "See the organisation, its members and what happened in it",
    "workspaces:read": "See workspaces",
    "workspaces:write": "Create, change, duplicate and delete workspaces",
    "sessions:read": "See sessions",
    "sessions:write": "Create, delete and restore sessions",
    "files:read": "Read, list and search files",
    "files:write": "Write, move, delete and upload files",
    "terminals:read": "List and watch terminals",
    "terminals:write": "Open terminals and type into them",
    "services:read": "See services, their logs and metrics",
    "services:write": "Create, change, run and stop services",
    "vcs:read": "Read history, status and differences",
    "vcs:write": "Commit, discard, roll back, merge, push and pull",
    "pulls:read": "Read pull requests",
    "pulls:comment": "Comment on pull requests",
    "pulls:write": "Open, review and merge pull requests",
    "tasks:read": "See tasks",
    "tasks:write": "Create, assign, order and delete tasks",
    "admin": "Manage the organisation: members, roles, API keys",
}


class Role(StrEnum):
    """What a member of an organisation is; each role may all that the one below may."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    COMMENTER = "commenter"
    VIEWER = "viewer"


_reads = frozenset(name for name in SCOPES if name.endswith(":read"))

ROLES: Mapping[Role, frozenset[str]] = {
    Role.OWNER: frozenset(SCOPES),
    Role.ADMIN: frozenset(SCOPES),
    Role.MEMBER: frozenset(SCOPES) - {"admin"},
    Role.COMMENTER: _reads | {"pulls:comment"},
    Role.VIEWER: _reads,
}


class Access(StrEnum):
    """What somebody may in one workspace, in place of what their role gives them: more, less, or nothing."""

    MEMBER = "member"
    COMMENTER = "commenter"
    VIEWER = "viewer"
    NONE = "none"


ACCESS: Mapping[Access, frozenset[str]] = {
    Access.MEMBER: ROLES[Role.MEMBER],
    Access.COMMENTER: ROLES[Role.COMMENTER],
    Access.VIEWER: ROLES[Role.VIEWER],
    Access.NONE: frozenset(),
}


def with_reads(scopes: frozenset[str]) -> frozenset[str]:
    """A write scope includes its read, and writing pull requests commenting on them; `admin` includes seeing the organisation."""
    implied = {name.partition(":")[0] + ":read" for name in scopes if ":" in name}
    implied |= {"pulls:comment"} if "pulls:write" in scopes else set()
    return scopes | implied | ({"organization:read"} if "admin" in scopes else set())


class Credential(msgspec.Struct, frozen=True):
    """What a caller showed: the secret of an API key, or of a sign-in cookie."""

    secret: str
    is_key: bool


class Allowance(msgspec.Struct, frozen=True):
    """What is left of a key's calls in its minute, `remaining` below zero for a call too many."""

    limit: int
    remaining: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
        left = max(self.remaining, 0)
        return {
            "RateLimit-Policy": f'"minute";q={self.limit};w=60',
            "RateLimit": f'"minute";r={left};t={self.seconds}',
        }


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls: a person by cookie (`sign_in_id`) or an API key (`key_id`), and what each organisation lets them do.
    `workspaces` holds the workspaces in which they may more or less than their role in the organisation says."""

    name: str
    grants: dict[UUID, frozenset[str]]
    workspaces: dict[UUID, frozenset[str]] = {}
    user_id: UUID | None = None
    sign_in_id: UUID | None = None
    key_id: UUID | None = None
    owns_installation: bool = False
    csrf_token: str = ""
    expires_at: datetime | None = None
    allowance: Allowance | None = None

    @property
    def id(self) -> UUID:
        """The person or the key: what receipts and the audit name."""
        found = self.user_id or self.key_id
        if found is None:
            raise RuntimeError("an actor is a person or a key")
        return found

    def organizations(self, scope: str) -> list[UUID]:
        """The organisations in which the caller has `scope`."""
        return [org for org, scopes in self.grants.items() if scope in scopes]

    def holds(self, scope: str) -> bool:
        """Whether the caller has `scope` anywhere."""
        return any(scope in scopes for given in (self.grants, self.workspaces) for scopes in given.values())

    def sees(self, organization: Any, workspace: Any, scope: str) -> ColumnElement[bool]:
        """The condition on a table's columns `organization_id` and `workspace_id` (a workspace's own `id`) that leaves the rows
        where the caller has `scope`. What `repository.visible` of a workspace and of everything beneath it is made of."""
        ours: ColumnElement[bool] = organization.in_(self.organizations(scope))
        if not self.workspaces:
            return ours
        more = [id for id, scopes in self.workspaces.items() if scope in scopes]
        return or_(and_(ours, workspace.not_in(list(self.workspaces))), workspace.in_(more))

    def may(self, organization_id: UUID, scope: str, workspace_id: UUID | None = None) -> bool:
        """Whether the caller has `scope` in the organisation; in the workspace, where it is about one or what is beneath it."""
        if workspace_id is not None and workspace_id in self.workspaces:
            return scope in self.workspaces[workspace_id]
        return scope in self.grants.get(organization_id, frozenset())

    def require(self, organization_id: UUID, scope: str, workspace_id: UUID | None = None) -> None:
        """Raises Forbidden where the caller sees the row but may not do this to it; see `may`."""
        if not self.may(organization_id, scope, workspace_id):
            raise MissingScope(f"This needs the scope {scope}, which your role or key lacks here.", scope=scope)


Me = NamedDependency[Actor]


class MissingScope(Forbidden):
    """Your role or key lacks the scope that this needs."""


class KeyRefused(Unauthorized):
    """This API key is not whole, was revoked or has expired: send it as `Authorization: Bearer cy_live_…`, or make another."""


class NeedsPerson(Forbidden):
    """Only a signed-in person can do this, not an API key."""


class CsrfMismatch(Forbidden):
    """Send the `csrf_token` of GET /api/v1/auth/me as X-CSRF-Token."""


class ForeignOrigin(Forbidden):
    """A browser page of another origin may not do this; set CODEYARD_PUBLIC_URL if this is your own address."""


class Authenticator(Protocol):
    """Finds who holds a credential; None when nobody does (any more). accounts/signin provides it."""

    async def __call__(self, credential: Credential, address: str = "") -> Actor | None:
        """With the `address` that a call comes from, the call counts as a use of its key; without, it is only looked at."""
        ...


ANYONE = "anyone"
SIGNED_IN = "signed-in"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def cookie_name(*, secure: bool) -> str:
    """`__Host-` (RFC 6265bis §4.1.3.2) binds the cookie to this very host; browsers refuse the prefix without TLS."""
    return "__Host-codeyard" if secure else "codeyard"


def is_secure(connection: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> bool:
    """Whether the browser reached us over TLS: as `public_url` says where it is set, else as the request does."""
    if settings.public_url:
        return settings.public_url.startswith("https://")
    return connection.url.scheme in ("https", "wss")


def credential_of(connection: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> Credential | None:
    """The bearer key if there is one, else the sign-in cookie. A cookie given twice is nobody's: one of them was planted."""
    authorization = connection.headers.get("authorization", "")
    if authorization:
        kind, _, secret = authorization.partition(" ")
        return Credential(secret.strip(), is_key=True) if kind.lower() == "bearer" and secret else None
    name = cookie_name(secure=is_secure(connection, settings))
    values = [
        value
        for header in connection.headers.getall("cookie", [])
        for key, _, value in (part.strip().partition("=") for part in header.split(";"))
        if key == name
    ]
    return Credential(values[0], is_key=False) if len(values) == 1 and values[0] else None


def scope(name: str) -> Guard:
    """The caller must hold scope `name` in some organisation; which rows it opens is the query's to say."""
    if name not in SCOPES:
        raise ValueError(f"{name} is not a scope")

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        actor = await _authenticate(connection)
        if not actor.holds(name):
            raise MissingScope(f"This needs the scope {name}, which your role or key lacks.", scope=name)

    guard.needs = name  # type: ignore[attr-defined]  # the authorization matrix and OpenAPI read it
    return guard


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Any caller with a credential."""
    await _authenticate(connection)


async def person(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Any signed-in person: a key cannot change who may sign in."""
    if (await _authenticate(connection)).user_id is None:
        raise NeedsPerson


async def anyone(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Open on purpose. Every route names a guard, so that forgetting one is visible."""


async def stranger(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Who is not signed in yet, and is by this. A page of another origin may not: it would sign its visitor in as somebody
    else, who then reads what they type (“login CSRF”)."""
    check_origin(connection, connection.app.state.resources.settings, optional=True)


signed_in.needs = SIGNED_IN  # type: ignore[attr-defined]
person.needs = "person"  # type: ignore[attr-defined]
anyone.needs = stranger.needs = ANYONE  # type: ignore[attr-defined]


async def _authenticate(connection: ASGIConnection[Any, Any, Any, Any]) -> Actor:
    resources = connection.app.state.resources
    credential = credential_of(connection, resources.settings)
    if credential is None:
        raise Unauthorized
    is_socket = connection.scope["type"] == ScopeType.WEBSOCKET
    if is_socket:
        check_origin(connection, resources.settings, optional=credential.is_key)
    client = connection.client
    address = client.host if client else "unknown"
    looks = resources.admissions.looks
    actor: Actor | None = await resources.authenticate(credential, address)
    if actor is None:
        raise KeyRefused if credential.is_key else Unauthorized
    if not credential.is_key and connection.scope.get("method", "GET") not in _SAFE:
        given = connection.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), actor.csrf_token.encode()):
            raise CsrfMismatch
    remember(connection.scope, actor)
    calling.set(Call(actor, address))
    if is_socket:
        resources.admissions.admit(connection.scope, credential, actor, since=looks)
    return actor


def check_origin(connection: ASGIConnection[Any, Any, Any, Any], settings: Settings, *, optional: bool) -> None:
    """Browsers always send Origin on a socket (RFC 6455 §10.2) and with a POST (Fetch §3.3): it must be ours, to the letter.
    Where it is `optional`, a program may leave it out."""
    origin = connection.headers.get("origin")
    if origin is None:
        if optional:
            return
        raise ForeignOrigin(
            "Send an API key as `Authorization: Bearer cy_live_…`; a socket that signs in by cookie, its Origin."
        )
    if settings.public_url:
        ours = settings.public_url.rstrip("/")
    else:
        scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
        ours = f"{scheme}://{connection.headers.get('host', '')}"
    if origin != ours:
        raise ForeignOrigin


class Call(msgspec.Struct, frozen=True):
    """The call that this task answers: who made it, from where. What the audit log names."""

    actor: Actor
    address: str


calling: ContextVar[Call | None] = ContextVar("calling", default=None)

_KEY = "codeyard.actor"


def remember(asgi: Scope, actor: Actor) -> None:
    """Keeps the actor on the connection; the log line and the `actor` dependency read it there."""
    asgi["state"][_KEY] = actor


def actor_of(asgi: Scope) -> Actor | None:
    found: Actor | None = asgi.get("state", {}).get(_KEY)
    return found


async def provide_actor(scope: Scope, resources: NamedDependency[Any]) -> Actor:  # noqa: ARG001
    """The `Me` dependency. It names `resources` only so that the framework, which starts a task for each dependency of
    the same depth, resolves one after the other: that halves the cost of a small request."""
    actor = actor_of(scope)
    if actor is None:
        raise Unauthorized
    return actor


_LONGEST_LOOK: Final = 15.0  # seconds between two looks at who holds open connections


class Admission:
    """One open socket (or stream) and the access it was opened with."""

    def __init__(self, credential: Credential, actor: Actor, end: Callable[[int, str], Awaitable[None]]) -> None:
        self.credential = credential
        self.actor = actor
        self.end = end


class Admissions:
    """The long connections of this process. When access changes anywhere, each is looked at again and closed if its own
    changed: 4401 when the credential is gone, 4403 when its rights are others. A client simply connects again."""

    def __init__(self, live: Live, authenticate: Authenticator) -> None:
        self._live = live
        self._authenticate = authenticate
        self._open: dict[int, Admission] = {}
        self.looks = 0
        """How many there were, the one under way included."""

    def admit(self, asgi: Scope, credential: Credential, actor: Actor, *, since: int) -> None:
        """Called by the guard; the edge's middleware set `codeyard.end` and calls `leave` when the connection is over. `since`:
        how many looks there were before it was asked who `actor` is."""
        end = asgi["state"].get("codeyard.end")
        if end is not None:
            self._open[id(asgi["state"])] = Admission(credential, actor, end)
            if self.looks != since:
                self._live.ring("access")  # one was meanwhile, which did not see this connection
            elif actor.expires_at is not None and self._patience() < _LONGEST_LOOK:
                self._live.ring("access")  # it may end before the next look

    def leave(self, asgi: Scope) -> None:
        self._open.pop(id(asgi["state"]), None)

    def __len__(self) -> int:
        return len(self._open)

    async def run(self) -> None:
        """Looks again whenever somebody's access changed, and when the next credential expires by itself."""
        with self._live.bell("access") as bell:
            while True:
                await bell.wait(self._patience())
                try:
                    await self.review()
                except Exception:
                    log.exception("could not review open connections; trying again")
                    await asyncio.sleep(0.3)
                    bell.ring()

    def _patience(self) -> float:
        """Seconds until the next look: half a second after the first credential expires, if that is soon."""
        ends = [one.actor.expires_at for one in self._open.values() if one.actor.expires_at is not None]
        soonest = min(ends, default=None)
        left = _LONGEST_LOOK if soonest is None else (soonest - datetime.now(UTC)).total_seconds() + 0.5
        return min(max(left, 0.5), _LONGEST_LOOK)

    async def review(self) -> None:
        self.looks += 1
        by_credential: dict[Credential, list[Admission]] = {}
        for admission in list(self._open.values()):
            by_credential.setdefault(admission.credential, []).append(admission)
        for credential, admissions in by_credential.items():
            actor = await self._authenticate(credential)
            for admission in admissions:
                if actor is None:
                    await _end(admission, 4401, "You were signed out, or the key was revoked or expired.")
                elif (actor.grants, actor.workspaces) != (admission.actor.grants, admission.actor.workspaces):
                    await _end(admission, 4403, "Your access changed: connect again.")
                else:
                    admission.actor = actor  # a sign-in in use lasts on


async def _end(admission: Admission, code: int, reason: str) -> None:
    with contextlib.suppress(Exception):  # one broken connection must not keep the others open
        await admission.end(code, reason)


def expired(moment: datetime | None) -> bool:
    return moment is not None and moment <= datetime.now(UTC)
