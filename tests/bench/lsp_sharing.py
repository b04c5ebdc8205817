"""Ten viewers of one session's language servers: their memory and each one's first completion, against a server each."""

import contextlib
import sys
import time

import uvloop

from lsp_bridge.process import tree_pss
from tests.bench.editors import COMPLETION, SERVERS, Editor, ours, servers_of, session_of, stdio
from tests.bench.harness import finish, percentile, say
from tests.server import Server

VIEWERS = 10
ROUNDS = 3


async def first_completion(editor: Editor, began: float) -> float:
    """Milliseconds since `began`, its handshake included."""
    await editor.start()
    assert "status_code" in await editor.at("completion", COMPLETION)
    return (time.perf_counter() - began) * 1000


async def shared(server: Server, session_id: str) -> tuple[list[float], float]:
    """Milliseconds of the 2nd to 10th viewer; MB of the servers, and of what our own process grew by with those viewers."""
    assert server.process is not None
    times = []
    async with contextlib.AsyncExitStack() as stack:
        for number in range(VIEWERS):
            began = time.perf_counter()
            editor = await stack.enter_async_context(ours(server, session_id))
            times.append(await first_completion(editor, began))
            if number == 0:
                before = server.resident_mb()
        grown = max(server.resident_mb() - before, 0)
        return times[1:], servers_of(server.process.pid) / 1e6 + grown


async def separate(server: Server, name: str) -> tuple[list[float], float, float]:
    """The same with a type checker and a linter each, as an editor of each person's own would start them; and MB of the first
    two while they were alone. Together they need less than ten times that, since the kernel shares their programs' pages."""
    _, root = session_of(server, name)
    times, memory, alone = [], 0, 0
    async with contextlib.AsyncExitStack() as stack:
        pids = []
        for _ in range(VIEWERS):
            began = time.perf_counter()
            checker, linter = [await stack.enter_async_context(stdio(root, spec)) for spec in SERVERS]
            times.append(await first_completion(checker, began))
            await linter.start()
            pids += [editor.socket.process.pid for editor in (checker, linter)]  # type: ignore[union-attr]
            if not alone:
                alone = sum(tree_pss(pid) or 0 for pid in pids)
        memory = sum(tree_pss(pid) or 0 for pid in pids)
    return times[1:], memory / 1e6, alone / 1e6


def main() -> None:
    found: dict[str, list[tuple[list[float], float]]] = {"ours": [], "theirs": []}
    alone: list[float] = []
    with Server() as server:
        for number in range(ROUNDS):
            session_id, _ = session_of(server, f"shared-{number}")
            found["ours"].append(uvloop.run(shared(server, session_id)))
            server.ask("POST", f"/workspace/{session_id}/language-servers/python/restart")  # they end
            times, memory, one = uvloop.run(separate(server, f"separate-{number}"))
            found["theirs"].append((times, memory))
            alone.append(one)
            for who, rounds in found.items():
                times, memory = rounds[-1]
                say(f"round {number + 1}: {who}: {memory:.0f} MB, slowest first completion {max(times):.0f} ms")
    figures = {
        who: {
            "memory_mb": round(percentile([memory for _, memory in rounds], 0.5), 1),
            "first_completion_ms_p50": round(percentile([one for times, _ in rounds for one in times], 0.5), 1),
            "first_completion_ms_slowest": round(max(one for times, _ in rounds for one in times), 1),
        }
        for who, rounds in found.items()
    }
    ratio = {
        "memory": figures["ours"]["memory_mb"] / figures["theirs"]["memory_mb"],
        "memory_to_ten_machines": figures["ours"]["memory_mb"] / (VIEWERS * percentile(alone, 0.5)),
        "first_completion_ms_slowest": figures["ours"]["first_completion_ms_slowest"],
    }
    finish(
        "lsp-sharing",
        figures["ours"],
        figures["theirs"] | {"what": "ty and ruff started for each of ten viewers"},
        ratio,
        {"memory": ("<=", 0.12), "first_completion_ms_slowest": ("<=", 200)},
    )


if __name__ == "__main__":
    sys.exit(main())
