"""What is run on the server's own machine: `codeyard up`, `worker`, `doctor`, `settings`, `reset-password`, `rotate-keys`.

Each command takes its words and the settings, and gives an exit code.
"""

import argparse
import asyncio
import contextlib
import getpass
import json
import sys
from collections.abc import Iterator

import msgspec

from backend import doctor, features, holding, server
from backend.accounts.signin.service import set_password
from backend.accounts.users import service as users
from backend.core.db import Base, Database
from backend.core.errors import AppError
from backend.core.postgres import Postgres, PostgresError
from backend.core.settings import SECRET, InvalidSetting, Settings, load
from backend.ledger.secrets import sealed


def run(name: str, words: argparse.Namespace) -> int:
    """The command of that name, its errors told."""
    try:
        code: int = globals()[name](words, load())
        return code
    except (InvalidSetting, PostgresError, holding.CannotStart, AppError) as error:
        print(f"codeyard: {error.message if isinstance(error, AppError) else error}", file=sys.stderr)
        return 1


def up(_: argparse.Namespace, settings: Settings) -> int:
    doctor.warn(settings)
    server.up(settings)
    return 0


def worker(_: argparse.Namespace, settings: Settings) -> int:
    server.work(settings)
    return 0


def examine(words: argparse.Namespace, settings: Settings) -> int:
    findings = doctor.examine(settings)
    if words.json:
        print(json.dumps(msgspec.to_builtins(findings), indent=2))
    else:
        doctor.show(findings)
    return 0 if all(finding.ok or not finding.needed for finding in findings) else 1


def show_settings(words: argparse.Namespace, settings: Settings) -> int:
    values = {
        f"CODEYARD_{name.upper()}": "…" if name in SECRET and value else value
        for name, value in msgspec.structs.asdict(settings).items()
    }
    if words.json:
        print(json.dumps(values, indent=2, default=str))
    else:
        for name, value in values.items():
            print(f"{name}={int(value) if isinstance(value, bool) else value}")
    return 0


def reset_password(words: argparse.Namespace, settings: Settings) -> int:
    password = getpass.getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < 8:
        print("codeyard: the password needs at least 8 characters", file=sys.stderr)
        return 2
    asyncio.run(_reset(settings, words.email, password))
    print(f"{words.email} has a new password; every browser was signed out.")
    return 0


def rotate_keys(_: argparse.Namespace, settings: Settings) -> int:
    count, lost = asyncio.run(_rotate(settings))
    print(f"{count} secrets are sealed with a new key. Older keys stay in {settings.data / 'keys'}, for backups.")
    if lost:
        print(f"codeyard: {lost} do not open, their key is not there, and stay as they are", file=sys.stderr)
    return 1 if lost else 0


async def _rotate(settings: Settings) -> tuple[int, int]:
    list(features.each("models"))
    with _reachable_database(settings) as dsn:
        database = Database(dsn, pool_size=1)
        try:
            return await sealed.rotate(database, settings.data, Base.metadata.sorted_tables)
        finally:
            await database.close()


async def _reset(settings: Settings, email: str, password: str) -> None:
    with _reachable_database(settings) as dsn:
        database = Database(dsn, pool_size=1)
        try:
            async with database.begin() as db:
                user = await users.by_email(db, users.normal_email(email))
                if user is None:
                    raise users.NoSuchUser
                await set_password(db, user.id, await users.hash_password(password), how="reset by the operator")
        finally:
            await database.close()


@contextlib.contextmanager
def _reachable_database(settings: Settings) -> Iterator[str]:
    """The running server's database, or the embedded one started just for this."""
    if settings.database_url:
        yield settings.database_url
    elif holding.holder(settings.data) is not None:
        yield Postgres(settings.data / "postgres").dsn()
    else:
        with holding.owning(settings.data), server.database_url(settings) as dsn:
            yield dsn
