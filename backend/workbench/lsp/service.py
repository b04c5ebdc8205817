"""Language servers: who may look through them, and what can be done to them."""

import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

from backend.core.auth import Actor
from backend.core.errors import NotFound
from backend.core.resources import Resources
from backend.workbench.files import schemas as files
from backend.workbench.files import service as files_service
from backend.workbench.files.beneath import BadPath
from backend.workbench.lsp import library, places, schemas
from backend.workbench.lsp.watched import Watched
from backend.workbench.services.inside import inside, told
from backend.workbench.sessions import repository
from backend.workbench.sessions import service as sessions
from backend.workbench.sessions.models import Session
from backend.workbench.terminals import service as terminals
from lsp_bridge import catalog
from lsp_bridge.bridge import Place
from lsp_bridge.bridges import Bridges
from lsp_bridge.paths import Paths
from lsp_bridge.viewer import Send, Viewer

READ, WRITE = "files:read", "files:write"


class NoSuchLanguage(NotFound):
    """No language server is known for this language; GET /workspace/{session_id}/language-servers lists those that are."""


class NoSuchServer(NotFound):
    """No such language server runs in this session; it starts when an editor opens a file of its language."""


@contextlib.asynccontextmanager
async def attached(
    resources: Resources, actor: Actor, session_id: UUID, language: str, send: Send
) -> AsyncIterator[Viewer]:
    """A viewer of the session's servers of that language, which are started where they do not run. One who may not write
    files changes nothing that others see."""
    session = await sessions.ready(resources, actor, session_id, READ)
    known = _language(language)
    bridges = _kept(resources)
    place = bridges.place(str(session_id), language)
    if place is None or place.root != places.INSIDE:
        place = await _place(resources, actor, session, known)
    viewer = bridges.attach(place, send, writes=actor.may(session.organization_id, WRITE, session.workspace_id))
    try:
        watched = resources.kept.get(Watched)
        assert watched is not None
        with watched.looking(session_id):
            yield viewer
    finally:
        viewer.leave()


async def _place(resources: Resources, actor: Actor, session: Session, language: catalog.Language) -> Place:
    with told():
        if (place := await places.find(resources, session, language)) is not None:
            return place
    await terminals.share_our_user(resources, actor, session.id)
    return await resources.in_thread(places.find_here, resources, session, language)


async def listed(resources: Resources, actor: Actor, session_id: UUID) -> list[schemas.LanguageServers]:
    """Every language that is known, with what runs of it."""
    await sessions.ready(resources, actor, session_id, READ)
    running = _kept(resources).status(str(session_id))
    return [schemas.show(language, running) for language in catalog.LANGUAGES.values()]


async def restart(
    resources: Resources, actor: Actor, session_id: UUID, language: str, server: str | None
) -> schemas.LanguageServers:
    """One server, for the viewers that it has; without `server` all of the language, looked for anew: viewers come again."""
    await sessions.ready(resources, actor, session_id, WRITE)
    known, bridges = _language(language), _kept(resources)
    if server is None:
        await bridges.end(str(session_id), language)
    else:
        try:
            bridges.restart(str(session_id), language, server)
        except KeyError as error:
            raise NoSuchServer from error
    return schemas.show(known, bridges.status(str(session_id)))


async def logs(
    resources: Resources, actor: Actor, session_id: UUID, language: str, server: str | None
) -> list[schemas.Log]:
    """What the servers of a language said last."""
    await sessions.ready(resources, actor, session_id, READ)
    bridges, session, known = _kept(resources), str(session_id), _language(language)
    names = [one.server for one in bridges.status(session) if one.language == known.name]
    if server is not None and server not in names:
        raise NoSuchServer
    return [schemas.Log(name, bridges.logs(session, language, name)) for name in names if server in (None, name)]


async def file(
    resources: Resources, actor: Actor, session_id: UUID, uri: str, op: str
) -> files.Content | files.Status | files.FileTree:
    """A file or folder by the URI that language servers call it; outside of the working copy, a library's file."""
    if op == "read" and not Paths(places.INSIDE).is_inside(uri) and (outside := library.path_of(uri)) is not None:
        return await _library(resources, actor, session_id, outside)
    path = path_of(uri)
    if op == "list":
        return await files_service.list_tree(resources, actor, session_id, files.TreeQuery(path=path))
    operation = files.Stat(path=path) if op == "stat" else files.Read(path=path)
    found = await files_service.act(resources, actor, session_id, operation)
    assert isinstance(found, files.Content | files.Status)
    return found


async def _library(resources: Resources, actor: Actor, session_id: UUID, path: str) -> files.Content:
    await sessions.ready(resources, actor, session_id, READ)
    with told():
        place = await inside(resources, session_id, None)
        if place is not None:
            return await library.read_inside(place.driver, place.handle, path)
    await terminals.share_our_user(resources, actor, session_id)
    return await resources.in_thread(library.read_here, path, private=resources.data / "sessions")


def path_of(uri: str) -> str:
    """Beneath the working copy. Raises BadPath for what is not a file there."""
    root = Paths(places.INSIDE)
    if not root.is_inside(uri):
        raise BadPath("Send a URI below file:///workspace, or read a file of a library.")
    return root.key(uri.partition("?")[0].partition("#")[0]).removeprefix(root.uri).lstrip("/")


async def end_all(resources: Resources, session_id: UUID) -> None:
    """Ends the servers of a session; its viewers are closed."""
    await _kept(resources).end(str(session_id))


async def restart_compose(resources: Resources, workspace_id: UUID) -> None:
    """It was told the names of the workspace's variables when it started. Its editors stay and see it come back."""
    async with resources.database.begin() as db:
        of_workspace = await repository.of_workspace(db, workspace_id)
    for session in of_workspace:
        with contextlib.suppress(KeyError):
            _kept(resources).restart(str(session.id), "yaml", catalog.COMPOSE.name)


def _language(name: str) -> catalog.Language:
    if name not in catalog.LANGUAGES:
        raise NoSuchLanguage(languages=sorted(catalog.LANGUAGES))
    return catalog.LANGUAGES[name]


def _kept(resources: Resources) -> Bridges:
    bridges = resources.kept.get(Bridges)
    assert bridges is not None, "language servers need the server's lifespan"
    return bridges
