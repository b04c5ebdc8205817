"""/healthz, /readyz, /metrics, and the API's description as JSON."""

import asyncio
import hmac
import shutil
from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from backend.core import migrations
from backend.core.auth import anyone
from backend.core.errors import Unauthorized
from backend.core.resources import Hands, Resources
from backend.edge.stats.describe import describe
from runtimes.docker import Docker

LEAST_FREE = 200 * 1024 * 1024


class Part(msgspec.Struct):
    """One thing that the server needs. `detail` names cause and remedy where `ok` is false."""

    ok: bool
    detail: str


class Readiness(msgspec.Struct):
    ready: bool
    parts: dict[str, Part]


class MetricsAreLocal(Unauthorized):
    """Metrics are for this machine; set CODEYARD_METRICS_TOKEN and send it as a bearer token to read them from elsewhere."""


@get("/healthz", guards=[anyone], media_type="text/plain", tags=["operation"])
async def healthz() -> str:
    """The process answers. Asks nothing else."""
    return "OK"


@get("/readyz", guards=[anyone], tags=["operation"])
async def readyz(resources: Hands) -> Response[Readiness]:
    """Whether requests can be served, by part; 503 when not, and while draining."""
    parts = {
        "serving": Part(
            not resources.live.draining.is_set(), "draining" if resources.live.draining.is_set() else "yes"
        ),
        **await _database(resources),
        "disk": _disk(resources),
        "runtime": await _runtime(resources),
    }
    ready = all(part.ok for name, part in parts.items() if name != "runtime")  # files and history do without
    return Response(Readiness(ready, parts), status_code=200 if ready else 503)


async def _database(resources: Resources) -> dict[str, Part]:
    newest = migrations.newest()
    try:
        async with asyncio.timeout(3), resources.database.read() as connection:
            found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except Exception as error:
        away = Part(False, f"not reachable ({type(error).__name__}): is PostgreSQL running?")
        return {"database": away, "migrations": Part(False, "unknown while the database is away")}
    behind = f"at {found}, this version needs {newest}: restart the server"
    return {
        "database": Part(True, "reachable"),
        "migrations": Part(found == newest, behind if found != newest else f"at {found}"),
    }


async def _runtime(resources: Resources) -> Part:
    path = resources.settings.docker_socket
    if not isinstance(resources.runtime, Docker):
        return Part(True, "no container engine: what needs no image runs as processes")
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()
    except OSError as error:  # TimeoutError, too
        return Part(False, f"the container engine does not answer at {path} ({error!r}): is it running?")
    return Part(True, f"a container engine answers at {path}")


def _disk(resources: Resources) -> Part:
    free = shutil.disk_usage(resources.data).free
    return Part(free > LEAST_FREE, f"{free // 2**20} MiB free in {resources.data}")


@get("/metrics", guards=[anyone], produces=("text/plain",), tags=["operation"])
async def metrics(request: Request[Any, Any, Any], resources: Hands) -> Response[bytes]:
    """Prometheus metrics: for loopback, or for who shows CODEYARD_METRICS_TOKEN."""
    token = resources.settings.metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    shown = bool(token) and hmac.compare_digest(given.encode(), token.encode())
    local = not token and request.client is not None and request.client.host in ("127.0.0.1", "::1")
    passed_on = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if not shown and (not local or passed_on):
        raise MetricsAreLocal
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


@get("/openapi.json", guards=[anyone], include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 description of every route."""
    return Response(msgspec.json.encode(describe(request.app)), media_type="application/json")


router = Router("/", route_handlers=[openapi])
at_root = [healthz, readyz, metrics]
