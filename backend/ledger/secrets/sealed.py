"""Columns of sealed values, and sealing what is in all of them anew."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import LargeBinary, Table, select, tuple_, update

from backend.core.db import Database
from backend.ledger.secrets.vault import KeyLost, Vault, vault

log = logging.getLogger(__name__)

BATCH: Final = 200


class Sealed(LargeBinary):
    """The type of a column whose value the vault sealed, by the key that the column `key` names. `of` tells, from a row, what the
    value belongs to. A test holds every column of bytes to be of this type, or known not to be sealed."""

    def __init__(self, of: Callable[[Any], str], *, key: str = "key_id") -> None:
        super().__init__()
        self.of, self.key = of, key


async def rotate(database: Database, data: Path, tables: Iterable[Table]) -> tuple[int, int]:
    """Makes a new key and seals everything in `tables` anew with it; (how many values that were, how many do not open and stay as
    they are). Old keys stay. A value that was being sealed with an older one meanwhile is found by the next look, until one
    finds nothing."""
    keys = vault(data)
    current = await asyncio.to_thread(keys.add_key)
    sealing = [table for table in tables if columns(table)]
    count = 0
    while True:
        done = [await _rotate(database, keys, table, current) for table in sealing]
        count += sum(sealed for sealed, _ in done)
        if not any(sealed for sealed, _ in done):
            return count, sum(lost for _, lost in done)


def columns(table: Table) -> dict[str, Sealed]:
    return {column.name: column.type for column in table.c if isinstance(column.type, Sealed)}


async def _rotate(database: Database, keys: Vault, table: Table, current: str) -> tuple[int, int]:
    found = columns(table)
    [key] = {table.c[column.key] for column in found.values()}
    id = tuple_(*table.primary_key)
    old = select(table).where(key != current).order_by(*table.primary_key).limit(BATCH).with_for_update()
    after, count, lost = None, 0, 0
    while True:
        async with database.begin() as db:
            rows = (await db.execute(old if after is None else old.where(id > after))).all()
            for row in rows:
                after = tuple(row._mapping[column.name] for column in table.primary_key)
                values = {}
                try:
                    for name, column in found.items():
                        if (sealed := row._mapping[name]) is not None:
                            value, of = keys.open(row._mapping[key.name], sealed, of=column.of(row)), column.of(row)
                            values[name] = keys.seal(value, of=of, by=current)[1]
                except KeyLost as error:
                    lost += 1
                    log.warning("a value in %s stays as it is: %s", table.name, error)
                    continue
                await db.execute(update(table).where(id == after).values({key.name: current, **values}))
                count += len(values)
        if not rows:
            return count, lost
