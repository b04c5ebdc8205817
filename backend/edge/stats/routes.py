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


@get("/healthz", guards=[anyone], media_type="text/plain")
async def healthz() -> str:
    """The process answers. Asks nothing else."""
    return "OK"


@get("/readyz", guards=[anyone])
async def readyz(resources: Hands) -> Response[Readiness]:
    """Whether requests can be served, by part; 503 when not, and while draining."""
    parts = {
        "serving": Part(
            not resources.live.draining.is_set(), "draining" if resources.live.draining.is_set() else "yes"
        ),
        "database": await _database(resources),
        "disk": _disk(resources),
    }
    ready = all(part.ok for part in parts.values())
    return Response(Readiness(ready, parts), status_code=200 if ready else 503)


async def _database(resources: Resources) -> Part:
    try:
        async with asyncio.timeout(3), resources.database.read() as connection:
            found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one_or_none()
    except Exception as error:
        return Part(False, f"not reachable ({type(error).__name__}): is PostgreSQL running?")
    if found != migrations.newest():
        return Part(False, f"at migration {found}, this version needs {migrations.newest()}: restart the server")
    return Part(True, f"at migration {found}")


def _disk(resources: Resources) -> Part:
    free = shutil.disk_usage(resources.data).free
    return Part(free > LEAST_FREE, f"{free // 2**20} MiB free in {resources.data}")


@get("/metrics", guards=[anyone], produces=("text/plain",))
async def metrics(request: Request[Any, Any, Any], resources: Hands) -> Response[bytes]:
    """Prometheus metrics: for loopback, or for who shows CODEYARD_METRICS_TOKEN."""
    token = resources.settings.metrics_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    shown = bool(token) and hmac.compare_digest(given.encode(), token.encode())
    local = not token and request.client is not None and request.client.host in ("127.0.0.1", "::1")
    if not shown and not local:
        raise MetricsAreLocal
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})


@get("/openapi.json", guards=[anyone], include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI 3.1 description of every route."""
    return Response(msgspec.json.encode(describe(request.app)), media_type="application/json")


router = Router("/", route_handlers=[openapi])
at_root = [healthz, readyz, metrics]
