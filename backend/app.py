"""The edge of the house: builds the application out of every feature's routes and runs what lives as long as it does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp, ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncSession

from backend import features
from backend.accounts.signin.authenticate import authenticate
from backend.core import jobs
from backend.core.auth import Actor, Admissions, Credential, Me, anyone, provide_actor
from backend.core.bodies import Ask
from backend.core.db import Database
from backend.core.live import Live
from backend.core.resources import Hands, Resources, provide_resources
from backend.core.settings import Settings
from backend.core.web import Edge, remember_error, show_error
from backend.edge.page.routes import show_missing
from backend.edge.stats.docs import HEADERS, Browse
from backend.ledger.receipts.service import Replayed, provide_once, show_replayed
from backend.workbench.previews.gate import PreviewGate
from backend.workbench.previews.locate import locate

API = "/api/v1"


async def provide_db(resources: Hands, actor: Me) -> AsyncIterator[AsyncSession]:  # noqa: ARG001 - see provide_actor
    """The `db: Db` dependency: one transaction a request, committed before the answer is sent."""
    async with resources.database.begin() as session:
        yield session


def make_resources(settings: Settings, database: Database) -> Resources:
    async def who(credential: Credential, address: str = "") -> Actor | None:
        return await authenticate(database, credential, address, session_days=settings.session_days)

    live = Live(database.dsn)
    return Resources(settings, database, live, who, Admissions(live, who))


@contextlib.asynccontextmanager
async def living(resources: Resources) -> AsyncIterator[None]:
    """Runs the ear on the database, the jobs and every feature's own living things until the block ends."""
    async with contextlib.AsyncExitStack() as stack:
        running = [asyncio.create_task(resources.live.run()), asyncio.create_task(resources.admissions.run())]
        stack.push_async_callback(_cancel, running)
        for feature in features.each("lifespan"):
            await stack.enter_async_context(feature.lifespan(resources))
        list(features.each("jobs"))
        if resources.settings.workers:
            running.append(asyncio.create_task(jobs.run_queue(resources, concurrency=resources.settings.workers)))
            running.append(asyncio.create_task(jobs.run_periodic(resources)))
        yield


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def create_app(resources: Resources) -> Litestar:
    """The Litestar application; `asgi(app)` is what a server runs."""
    under_api: list[ControllerRouterHandler] = []
    at_root: list[ControllerRouterHandler] = []
    for feature in features.each("routes"):
        under_api.extend([feature.router] if hasattr(feature, "router") else [])
        at_root.extend(getattr(feature, "at_root", ()))

    @contextlib.asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with living(resources):
            yield

    return Litestar(
        [Router(API, route_handlers=under_api), *at_root],
        dependencies={
            "db": Provide(provide_db),
            "actor": Provide(provide_actor),
            "resources": Provide(provide_resources),
            "once": Provide(provide_once),
        },
        exception_handlers={Replayed: show_replayed, NotFoundException: show_missing, Exception: show_error},
        after_exception=[remember_error],
        state=State({"resources": resources}),
        lifespan=[lifespan],
        request_class=Ask,
        openapi_config=OpenAPIConfig(
            title="Codeyard",
            version="1",
            description="Everything the page can do, an API key can do.",
            openapi_router=Router("/api/docs", route_handlers=[], guards=[anyone], response_headers=HEADERS),
            render_plugins=[Browse(path="/")],
            use_handler_docstrings=True,
        ),
        on_app_init=[_strict],
        logging_config=None,
        request_max_body_size=10_000_000,
    )


def _strict(config: AppConfig) -> AppConfig:
    config.debug = False
    return config


def asgi(app: Litestar) -> ASGIApp:
    """What a server runs: previews, which are other origins and know nothing of the application, before its outermost layer."""
    return PreviewGate(Edge(app), app.state.resources, locate)
