"""Alembic's entry: compares and upgrades through the connection that backend/core/migrations.py hands in."""

from typing import Any

from alembic import context
from sqlalchemy import Connection

from backend import features
from backend.core import db, events, jobs

assert events and jobs  # their tables belong to the metadata as much as the features'
list(features.each("models"))


def ours(_: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:
    """PgQueuer's tables are its own; the migration only installs them."""
    return not (kind == "table" and name is not None and name.startswith("pgqueuer"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.Base.metadata,
        include_object=ours,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
