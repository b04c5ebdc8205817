"""The command line: `codeyard up`, `down`, `doctor`, `shell` and what an operator needs now and then.

Exit codes: 0 done, 1 failed, 2 cancelled or wrong usage, 4 not allowed.
"""

import argparse
import asyncio
import contextlib
import getpass
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import msgspec

from backend import completion, doctor, server
from backend.accounts.signin.service import set_password
from backend.accounts.users import service as users
from backend.core.db import Database
from backend.core.errors import AppError
from backend.core.postgres import Postgres, PostgresError
from backend.core.settings import SECRET, InvalidSetting, Settings, load

Command = Callable[[argparse.Namespace, Settings], int]


def main() -> int:
    parser = build_parser()
    words = parser.parse_args()
    try:
        settings = load()
        command: Command = words.run
        return command(words, settings)
    except (InvalidSetting, PostgresError, server.CannotStart, AppError) as error:
        print(f"codeyard: {error.message if isinstance(error, AppError) else error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 2
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="codeyard", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=f"codeyard {version('codeyard')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    add("up", up, "Start the server. Ctrl-C ends it and its terminals; SIGTERM leaves the terminals running.")
    add("down", down, "End the server of this data directory, and its terminals.")
    add("worker", worker, "Run jobs only, beside servers that share CODEYARD_DATABASE_URL.")
    add("doctor", examine, "Say what this machine has and lacks.").add_argument("--json", action="store_true")
    add("settings", show_settings, "Print every setting as it is now; secrets hidden.").add_argument(
        "--json", action="store_true"
    )
    reset = add("reset-password", reset_password, "Set a new password for an account and sign its browsers out.")
    reset.add_argument("email")
    attach = add("shell", shell, "Attach this terminal to a session's. Detach with Ctrl-] (or ~. after Enter).")
    attach.add_argument("session", help="the session's id")
    attach.add_argument(
        "--url", default=os.environ.get("CODEYARD_URL"), help="the server, such as https://code.example.com"
    )
    attach.add_argument("--key", default=os.environ.get("CODEYARD_KEY"), help="an API key; better in CODEYARD_KEY")
    attach.add_argument("--terminal", help="the id of a terminal to attach to; a new one without")
    add("completion", complete, "Print completion for a shell.").add_argument("shell", choices=completion.SHELLS)
    return parser


def up(_: argparse.Namespace, settings: Settings) -> int:
    doctor.warn(settings)
    server.up(settings)
    return 0


def worker(_: argparse.Namespace, settings: Settings) -> int:
    server.work(settings)
    return 0


def down(_: argparse.Namespace, settings: Settings) -> int:
    """SIGINT to the server, then waits until it is gone; without a server, ends terminals that a crash left."""
    pid = server.holder(settings.data)
    if pid is None:
        ended = asyncio.run(server.end_terminals(settings))
        print("No server was running." + (" Its terminals were ended." if ended else ""))
        return 0
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if server.holder(settings.data) != pid:
            print("Ended.")
            return 0
        time.sleep(0.05)
    print(
        f"codeyard: process {pid} has not ended within 30 s; `kill -9 {pid}` ends it and keeps the terminals",
        file=sys.stderr,
    )
    return 1


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


async def _reset(settings: Settings, email: str, password: str) -> None:
    with _reachable_database(settings) as dsn:
        database = Database(dsn, pool_size=1)
        try:
            async with database.begin() as db:
                user = await users.by_email(db, users.normal_email(email))
                if user is None:
                    raise users.NoSuchUser
                await set_password(db, user.id, await users.hash_password(password))
        finally:
            await database.close()


@contextlib.contextmanager
def _reachable_database(settings: Settings) -> Iterator[str]:
    """The running server's database, or the embedded one started just for this."""
    if settings.database_url:
        yield settings.database_url
    elif server.holder(settings.data) is not None:
        yield Postgres(settings.data / "postgres").dsn()
    else:
        with server.owning(settings.data), server.database_url(settings) as dsn:
            yield dsn


def shell(words: argparse.Namespace, settings: Settings) -> int:
    from backend.shell import attach

    if not words.key:
        print("codeyard: set CODEYARD_KEY to an API key with terminals:write", file=sys.stderr)
        return 4
    url = words.url or f"http://localhost:{settings.port}"
    return attach(url, words.key, words.session, terminal_id=words.terminal)


def complete(words: argparse.Namespace, _: Settings) -> int:
    print(completion.script(words.shell, build_parser()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
