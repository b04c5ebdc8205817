"""A process that has one SQLite file open: a program of the standard library alone, run by sqlite.py for each request.

Why a process: a file from a stranger is read by C code, a statement may take for ever or all memory (the process is ended, or
limited), and SQLite's locks on a file are lost when anybody in the same process closes that file (POSIX advisory locks).

It gets the working copy's folder and the file, opened and looked at by the server, as descriptors. SQLite opens by path, so:
Landlock (Linux 5.13) lets this process open nothing but what lies beneath that folder, and what SQLite opened must be that very
file. Without Landlock it only reads, without looking at journals (`immutable`), so that no second file is opened by path.

In: lines of JSON. Out: frames, four bytes of length (big-endian) and JSON. Bytes are {"b": base64}.
"""

import base64
import contextlib
import ctypes
import json
import os
import resource
import signal
import sqlite3
import struct
import sys
import time
from urllib.parse import quote

LARGEST_VALUE = 48 << 20
MEMORY = 1 << 30
BATCH_ROWS, BATCH_BYTES = 200, 1 << 20
MOST_COUNTED = 100_000

_READ_PRAGMAS = {
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "foreign_key_check",
    "user_version", "application_id", "schema_version", "encoding", "page_size", "page_count", "freelist_count", "journal_mode",
    "auto_vacuum", "integrity_check", "quick_check", "compile_options", "function_list", "module_list", "pragma_list",
    "collation_list", "foreign_keys", "data_version",
}  # fmt: skip
_WRITE_PRAGMAS = _READ_PRAGMAS | {
    "optimize",
    "wal_checkpoint",
    "incremental_vacuum",
    "defer_foreign_keys",
    "recursive_triggers",
}
_SETTABLE = {
    "user_version",
    "application_id",
    "foreign_keys",
    "defer_foreign_keys",
    "recursive_triggers",
    "auto_vacuum",
}
_TAKE_NAMES = {
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "foreign_key_check",
    "integrity_check", "quick_check", "optimize", "wal_checkpoint", "incremental_vacuum",
}  # fmt: skip
_CLOSED_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_dbpage"}
_WAL = 2


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent(order["parent"])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        connection = open_file(order)
        _say({"ready": True})
        for line in sys.stdin.buffer:
            asked = json.loads(line)
            if asked["op"] == "schema":
                _say({"tables": _schema(connection)})
            else:
                _run(connection, asked["sql"], [_value(one) for one in asked["params"]])
    except sqlite3.Error as error:
        _say({"error": str(error), "name": getattr(error, "sqlite_errorname", "")})
    except sqlite3.Warning as error:  # what Python 3.11 says of two statements
        _say({"error": str(error), "name": ""})
    except (ValueError, OverflowError) as error:  # NUL in a statement, a number of more than 64 bits
        _say({"error": f"{error}.", "name": "SQLITE_MISMATCH"})
    except MemoryError:
        _say({"error": "The statement needs more memory than it may have.", "name": "SQLITE_NOMEM"})
    except Refused as error:
        _say({"error": str(error), "name": error.name})


class Refused(Exception):
    """What this process does not do."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def open_file(order: dict[str, object]) -> sqlite3.Connection:
    """A connection to exactly the file of descriptor `file`, which lies at `path` beneath the folder of descriptor `root`."""
    root, file, path, write = int(str(order["root"])), int(str(order["file"])), str(order["path"]), bool(order["write"])
    sqlite3.connect(":memory:").execute("SELECT random()")  # it reads its seed before files are out of reach
    guarded = not order["unguarded"] and _restrict(root)
    if write and not guarded:
        raise Refused("UNGUARDED", "Writing needs a kernel with Landlock (Linux 5.13).")
    header = os.pread(file, 20, 0)
    if header and not header.startswith(b"SQLite format 3\0"):
        raise Refused("NOT_A_DATABASE", "it begins like none")
    name = f"/proc/self/fd/{root}/{path}"
    words = "mode=rw" if write else "mode=ro"
    if not guarded or (not write and header[18:19] == bytes([_WAL]) and not os.path.exists(name + "-wal")):
        words += "&immutable=1"  # nothing waits in a journal: none is made beside the file for having looked at it
    before = _open_files()
    connection = sqlite3.connect(f"file:{quote(name)}?{words}", uri=True, isolation_level=None, timeout=5)
    mine = os.fstat(file)
    opened = [status for number, status in _open_files().items() if number not in before]
    if not opened or any((one.st_dev, one.st_ino) != (mine.st_dev, mine.st_ino) for one in opened):
        raise Refused("MOVED", "Another file took this one's place: try again.")
    connection.text_factory = lambda text: text.decode(errors="replace")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 1 if write else 0)
    connection.execute("PRAGMA temp_store = memory")
    connection.execute("PRAGMA trusted_schema = off")
    connection.execute(f"PRAGMA query_only = {'off' if write else 'on'}")
    connection.set_authorizer(_authorizer(write))
    deadline = time.monotonic() + float(str(order["seconds"])) + 1
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    return connection


def _authorizer(write: bool):  # type: ignore[no-untyped-def]  # sqlite3's callbacks are of many shapes
    pragmas = _WRITE_PRAGMAS if write else _READ_PRAGMAS

    def decide(action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None) -> int:
        if action == sqlite3.SQLITE_ATTACH:  # VACUUM attaches a nameless file of its own
            return sqlite3.SQLITE_OK if write and first == "" else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (second or "").lower() in _CLOSED_FUNCTIONS else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA:
            name = (first or "").lower()
            free = second is None or name in _TAKE_NAMES or (write and name in _SETTABLE)
            return sqlite3.SQLITE_OK if name in pragmas and free else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    return decide


def _run(connection: sqlite3.Connection, sql: str, params: list[object]) -> None:
    """Frames: {"columns": …}, then {"rows": …} each, then {"end": rows changed or null}."""
    changed = connection.total_changes
    cursor = connection.execute(sql, params)
    names = [one[0] for one in cursor.description or ()]
    rows: list[list[object]] = []
    size, told = 0, False
    for row in cursor:
        if not told:
            _say({"columns": [[name, _kind(value)] for name, value in zip(names, row, strict=True)]})
            told = True
        rows.append([{"b": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for v in row])
        size += sum(len(v) for v in row if isinstance(v, str | bytes))
        if len(rows) >= BATCH_ROWS or size > BATCH_BYTES:
            _say({"rows": rows})
            rows, size = [], 0
    if not told:
        _say({"columns": [[name, ""] for name in names]})
    if rows:
        _say({"rows": rows})
    if connection.in_transaction:  # a BEGIN alone: each call stands for itself
        connection.rollback()
    _say({"end": connection.total_changes - changed})


def _kind(value: object) -> str:
    return {int: "integer", float: "real", str: "text", bytes: "blob"}.get(type(value), "")


def _value(given: object) -> object:
    return base64.b64decode(given["b"]) if isinstance(given, dict) else given


def _schema(connection: sqlite3.Connection) -> list[dict[str, object]]:
    listed = connection.execute(
        "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name LIMIT 5001"
    ).fetchall()
    sizes = {}
    with contextlib.suppress(sqlite3.Error):  # not every SQLite is built with it
        sizes = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat WHERE aggregate = 1 GROUP BY name"))
    tables: list[dict[str, object]] = []
    for name, kind in listed[:5000]:
        quoted = _quote(name)
        try:
            columns = connection.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
            rows = None
            if kind == "table" and len(tables) < 200:
                counted = f"SELECT count(*) FROM (SELECT 1 FROM {quoted} LIMIT {MOST_COUNTED})"  # noqa: S608
                found = connection.execute(counted).fetchone()[0]
                rows = found if found < MOST_COUNTED else None
        except sqlite3.OperationalError:  # a view of something that is gone, a module that is not here
            columns, rows = [], None
        tables.append(
            {
                "name": name,
                "kind": kind,
                "rows": rows,
                "bytes": sizes.get(name),
                "columns": [[c[1], c[2], not c[3] and not c[5], c[4], c[5] > 0] for c in columns if c[6] != 1],
                "keys": _keys(connection, quoted) if kind == "table" else [],
                "indexes": _indexes(connection, quoted) if kind == "table" else [],
            }
        )
    return tables


def _keys(connection: sqlite3.Connection, quoted: str) -> list[list[object]]:
    found: dict[int, list[object]] = {}
    for number, _, table, ours, theirs, *_rest in connection.execute(f"PRAGMA foreign_key_list({quoted})"):
        key = found.setdefault(number, [table, [], []])
        key[1].append(ours)  # type: ignore[attr-defined]
        key[2].append(theirs or "")  # type: ignore[attr-defined]
    return list(found.values())


def _indexes(connection: sqlite3.Connection, quoted: str) -> list[list[object]]:
    found = []
    for _, name, unique, *_rest in connection.execute(f"PRAGMA index_list({quoted})").fetchall():
        inside = connection.execute(f"PRAGMA index_info({_quote(name)})").fetchall()
        found.append([name, [row[2] or "(expression)" for row in inside], bool(unique)])
    return found


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _say(said: dict[str, object]) -> None:
    data = json.dumps(said).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
    sys.stdout.buffer.flush()


def _open_files() -> dict[int, os.stat_result]:
    """The descriptors of this small process, found without a folder to list."""
    found = {}
    for number in range(100):
        with contextlib.suppress(OSError):
            found[number] = os.fstat(number)
    return found


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


# Landlock, <linux/landlock.h>: the numbers are the same on every architecture.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READING = 1 << 2 | 1 << 3  # READ_FILE, READ_DIR
_WRITING = 1 << 1 | 1 << 5 | 1 << 8 | 1 << 14  # WRITE_FILE, REMOVE_FILE, MAKE_REG, TRUNCATE
_ALL = (1 << 13) - 1  # what the first version knows
_NO_NEW_PRIVS = 38


def _restrict(root: int) -> bool:
    """From here on nothing but what lies beneath the folder `root` can be opened. False where the kernel cannot do that.

    For reading SQLite must still lock, and may make the -shm file of a write-ahead log that is there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    known = _ALL | (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0)
    rights = struct.pack("=Q", known)
    ruleset = libc.syscall(_CREATE, rights, ctypes.c_size_t(len(rights)), 0)
    if ruleset < 0:
        return False
    allowed = (_READING | _WRITING) & known
    rule = struct.pack("=Qi", allowed, root)
    if libc.syscall(_ADD, ruleset, 1, rule, 0) != 0:
        return False
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.syscall(_RESTRICT, ruleset, 0) != 0:
        return False
    os.close(ruleset)
    return True


if __name__ == "__main__":
    main()
