"""The table of contents: every feature, from the ground up. Imports run down this list, never up; what must travel up
travels as an event. `tests/test_architecture.py` holds it to that.

A feature is a folder. Files in it have fixed names, each there only when it has something to say: models.py (tables),
schemas.py (the wire), repository.py (queries), service.py (rules), routes.py (`router` at the end), events.py, jobs.py,
lifespan.py (what lives as long as the server). Routes outside of /api/v1 are listed as `at_root`.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

FEATURES = [
    "ledger.receipts",
    "ledger.secrets",
    "accounts.mail",
    "accounts.users",
    "accounts.orgs",
    "accounts.audit",
    "accounts.teams",
    "accounts.keys",
    "accounts.factors",
    "accounts.signin",
    "accounts.providers",
    "workbench.workspaces",
    "workbench.access",
    "workbench.sessions",
    "workbench.connections",
    "workbench.provisioning",
    "workbench.closing",
    "workbench.snapshots",
    "workbench.files",
    "workbench.vcs",
    "workbench.pulls",
    "workbench.mirrors",
    "workbench.services",
    "workbench.imports",
    "workbench.templates",
    "workbench.previews",
    "workbench.databases",
    "workbench.idle",
    "workbench.terminals",
    "workbench.lsp",
    "edge.incoming",
    "agents.tasks",
    "edge.webhooks",
    "edge.feed",
    "edge.notifications",
    "edge.stats",
    "edge.page",
]


def each(part: str) -> Iterator[ModuleType]:
    """The module `part` ("routes", "models", "jobs", "lifespan") of every feature that has one."""
    for feature in FEATURES:
        name = f"backend.{feature}.{part}"
        if find_spec(f"backend.{feature}") is not None and find_spec(name) is not None:
            yield import_module(name)
