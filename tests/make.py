"""Rows for tests, made directly: people with a sign-in, keys, organisations, workspaces."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import argon2

from backend.accounts.keys.models import ApiKey
from backend.accounts.orgs.models import Membership, Organization
from backend.accounts.signin.models import SignIn
from backend.accounts.users.models import User
from backend.core import crypto
from backend.core.auth import Access, Role
from backend.core.db import Database, new_id, now
from backend.workbench.access.models import WorkspaceGrant

# Passwords cost next to nothing in this process; servers of their own (tests/server.py) take as long for them as everybody's.
crypto._hasher = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"
_PASSWORD_HASH = crypto.hash_password(PASSWORD)


@dataclass
class Somebody:
    """A caller: what to send as headers, and who that is."""

    headers: dict[str, str]
    organization_id: UUID
    user_id: UUID | None = None
    key_id: UUID | None = None
    email: str = ""
    scopes: list[str] = field(default_factory=list)


async def organization(database: Database, name: str = "Acme") -> UUID:
    async with database.begin() as db:
        row = Organization(name=name, slug=f"org-{new_id().hex[-8:]}")
        db.add(row)
        await db.flush()
        return row.id


async def person(
    database: Database, organization_id: UUID, role: Role = Role.OWNER, *, owns_installation: bool = False
) -> Somebody:
    """A member with `role`, signed in by cookie."""
    secret, csrf = crypto.new_token(), crypto.new_token()[:32]
    async with database.begin() as db:
        email = f"{role}-{new_id().hex[-8:]}@example.com"
        user = User(
            email=email, name=str(role).title(), password_hash=_PASSWORD_HASH, owns_installation=owns_installation
        )
        db.add(user)
        await db.flush()
        db.add(Membership(organization_id=organization_id, user_id=user.id, role=role))
        sign_in = SignIn(
            user_id=user.id,
            hash=crypto.digest(secret),
            csrf_token=csrf,
            address="127.0.0.1",
            browser="test",
            last_used_at=now(),
            expires_at=now() + timedelta(days=1),
        )
        db.add(sign_in)
        await db.flush()
    return Somebody({"cookie": f"codeyard={secret}", "x-csrf-token": csrf}, organization_id, user.id, email=email)


async def grant(database: Database, somebody: Somebody, workspace_id: UUID, access: Access) -> None:
    """Another access to one workspace than the person's role gives."""
    async with database.begin() as db:
        org, user = somebody.organization_id, somebody.user_id
        db.add(WorkspaceGrant(organization_id=org, user_id=user, workspace_id=workspace_id, access=access))


async def key(database: Database, organization_id: UUID, *scopes: str, **fields: Any) -> Somebody:
    """An API key with `scopes`, and what else `fields` say of its row."""
    secret = crypto.new_key()
    async with database.begin() as db:
        row = ApiKey(
            organization_id=organization_id,
            name="test",
            prefix=secret[:12],
            hash=crypto.digest(secret),
            scopes=list(scopes),
            **fields,
        )
        db.add(row)
        await db.flush()
    return Somebody({"authorization": f"Bearer {secret}"}, organization_id, key_id=row.id, scopes=list(scopes))
