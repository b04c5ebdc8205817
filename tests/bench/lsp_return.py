"""A viewer drops for thirty seconds and returns: how long to its first completion, against a server started anew."""

import asyncio
import sys
import time

import uvloop

from tests.bench.editors import ours, session_of, stdio
from tests.bench.harness import finish, percentile, say
from tests.bench.lsp_sharing import first_completion
from tests.server import Server

SESSIONS = 6
AWAY = 30


async def visit(server: Server, session_id: str) -> float:
    began = time.perf_counter()
    async with ours(server, session_id) as editor:
        return await first_completion(editor, began)


async def measure(server: Server, sessions: list[str]) -> list[float]:
    for session_id in sessions:
        await visit(server, session_id)
    say(f"{len(sessions)} viewers are away for {AWAY} s")
    await asyncio.sleep(AWAY)
    return [await visit(server, session_id) for session_id in sessions]


async def anew(server: Server) -> list[float]:
    times = []
    for number in range(SESSIONS):
        _, root = session_of(server, f"anew-{number}")
        began = time.perf_counter()
        async with stdio(root) as editor:
            times.append(await first_completion(editor, began))
    return times


def main() -> None:
    with Server() as server:
        sessions = [session_of(server, f"return-{number}")[0] for number in range(SESSIONS)]
        returned = uvloop.run(measure(server, sessions))
        fresh = uvloop.run(anew(server))
    ours_ms, theirs_ms = percentile(returned, 0.5), percentile(fresh, 0.5)
    slowest = max(returned)
    finish(
        "lsp-return",
        {"first_completion_ms_p50": round(ours_ms, 1), "first_completion_ms_slowest": round(slowest, 1)},
        {"first_completion_ms_p50": round(theirs_ms, 1), "what": "ty started anew over stdio"},
        {"first_completion_ms_slowest": slowest, "to_a_fresh_server": ours_ms / theirs_ms},
        {"first_completion_ms_slowest": ("<=", 200)},
    )


if __name__ == "__main__":
    sys.exit(main())
