"""Sealing anew: everything that is sealed, wherever it lies."""

import shutil

from sqlalchemy import LargeBinary, select

from backend.accounts.providers.exchange import Tokens
from backend.core.db import Base, new_id
from backend.features import each
from backend.ledger.secrets import sealed, service
from backend.ledger.secrets.vault import Vault, vault
from backend.workbench.connections import tokens
from backend.workbench.connections.models import Connection
from backend.workbench.previews import signing
from tests import make
from tests.test_architecture import feature_of, imports, module_of, sources

list(each("models"))
TABLES = Base.metadata.sorted_tables
NOT_SEALED = {
    "api_keys.hash",
    "audit_entries.hash",
    "email_tokens.hash",
    "failed_logins.account",
    "installation.setup_hash",
    "invitations.hash",
    "provider_attempts.browser",
    "provider_attempts.hash",
    "receipts.body_hash",
    "received_deliveries.body",
    "received_deliveries.digest",
    "recovery_codes.hash",
    "sign_ins.hash",
    "used_invitations.hash",
}
"""Hashes, and what a provider sent."""


async def test_after_a_rotation_nothing_needs_an_older_key(client, resources, database, tmp_path):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()["id"]
    login = {"username": "ada", "password": "hush-hush"}
    assert (await client.put(f"/workspace/{workspace}/registries/a.io", json=login)).status_code == 204
    body = {"workspace_id": workspace, "provider": "github", "secret": "a secret of theirs"}
    assert (await client.post("/webhook-integrations", json=body)).status_code == 201
    await signing.add_key(resources)
    whose = {"owner_id": new_id(), "provider": "gitlab", "base_url": "https://gitlab.example"}
    given = tokens.sealed(resources, *whose.values(), Tokens("access", "renewal", 7200, None))
    async with database.begin() as db:
        db.add(Connection(account="ada", **whose, **given))
    assert (await client.post("/account/second-factor", json={"password": make.PASSWORD})).status_code == 200
    count, lost = await sealed.rotate(database, resources.data, TABLES)
    assert lost == 0
    (tmp_path / "keys").mkdir()
    newest = vault(resources.data).current
    shutil.copy(resources.data / "keys" / newest, tmp_path / "keys")
    alone, opened = Vault(tmp_path), 0
    for table in TABLES:
        for name, column in sealed.columns(table).items():
            async with database.begin() as db:
                rows = (await db.execute(select(table).where(table.c[name].is_not(None)))).all()
            assert rows, f"nothing in {table.name}.{name}: this test makes one of each"
            for row in rows:
                assert alone.open(row._mapping[column.key], row._mapping[name], of=column.of(row))
            opened += len(rows)
    assert opened == count
    assert (await sealed.rotate(database, resources.data, TABLES))[0] == count


async def test_what_does_not_open_stays_as_it_is_and_is_counted(client, resources, database):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    owner, organization = workspace["id"], workspace["organization_id"]
    async with database.begin() as db:
        await service.put(db, resources.data, organization, owner, {f"N{n}": "value" for n in range(sealed.BATCH + 2)})
        table = service.Secret.__table__
        gone = {"key_id": "0" * 15}
        await db.execute(table.update().where(table.c.name.in_(["N1", "N2"])).values(gone))
    assert await sealed.rotate(database, resources.data, [table]) == (sealed.BATCH, 2)
    async with database.begin() as db:
        kept = await db.execute(select(table.c.name).where(table.c.key_id == gone["key_id"]))
        assert set(kept.scalars()) == {"N1", "N2"}


def test_every_column_of_bytes_is_sealed_or_known_not_to_be():
    bytes_ = {f"{t.name}.{c.name}": c.type for t in TABLES for c in t.c if isinstance(c.type, LargeBinary)}
    assert {name for name, kind in bytes_.items() if not isinstance(kind, sealed.Sealed)} == NOT_SEALED


def test_who_seals_keeps_it_in_such_a_column():
    """Cookies by which browsers are known are the exception: they lie in the browsers."""
    sealing = {
        feature_of(module_of(path))
        for path, tree in sources("backend")
        if any(name == "backend.ledger.secrets.vault.vault" for _, name in imports(tree))
    }
    keeping = {
        feature_of(mapper.class_.__module__) for mapper in Base.registry.mappers if sealed.columns(mapper.local_table)
    }
    assert sealing - {"accounts.signin"} == keeping
