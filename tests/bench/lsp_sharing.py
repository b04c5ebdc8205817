"""Ten viewers of one session's language servers, a type checker and ruff: their memory and each one's first completion, against
servers each. With two checkers: of ty's small memory most is the program itself, whose pages the kernel shares by itself."""

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from lsp_bridge.catalog import RUFF
from lsp_bridge.process import tree_pss
from tests.bench.editors import CHECKERS, COMPLETION, Editor, ours, servers_of, session_of, stdio
from tests.bench.harness import finish, percentile, say
from tests.server import Server

VIEWERS = 10
ROUNDS = 3


async def first_completion(editor: Editor, began: float) -> float:
    """Milliseconds since `began`, its handshake included. Asks once more: basedpyright indexes what could be imported then."""
    await editor.start()
    assert "status_code" in await editor.at("completion", COMPLETION)
    took = (time.perf_counter() - began) * 1000
    await editor.at("completion", COMPLETION)
    return took


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


async def separate(root: Path, checker: Any) -> tuple[list[float], float]:
    """The same with servers each, as an editor of each person's own would start them."""
    times, pids = [], []
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(VIEWERS):
            began = time.perf_counter()
            first, second = [await stack.enter_async_context(stdio(root, spec)) for spec in (checker, RUFF)]
            times.append(await first_completion(first, began))
            await second.start()
            pids += [editor.socket.process.pid for editor in (first, second)]  # type: ignore[union-attr]
        return times[1:], sum(tree_pss(pid) or 0 for pid in pids) / 1e6


def main() -> None:
    memory: dict[str, dict[str, list[float]]] = {"ours": {}, "theirs": {}}
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    with Server() as server:
        for checker in CHECKERS:
            for number in range(ROUNDS):
                session_id, root = session_of(server, f"{checker.name}-{number}", checker)
                rounds = {"ours": uvloop.run(shared(server, session_id))}
                server.ask("POST", f"/workspace/{session_id}/language-servers/python/restart")  # they end
                rounds["theirs"] = uvloop.run(separate(root, checker))
                for who, (took, used) in rounds.items():
                    memory[who].setdefault(checker.name, []).append(used)
                    times[who] += took
                    say(
                        f"{checker.name} {number + 1}: {who}: {used:.0f} MB, slowest first completion {max(took):.0f} ms"
                    )
    figures = {
        who: {f"memory_mb_{name}": round(percentile(used, 0.5), 1) for name, used in by_name.items()}
        | {
            "first_completion_ms_p50": round(percentile(times[who], 0.5), 1),
            "first_completion_ms_slowest": round(max(times[who]), 1),
        }
        for who, by_name in memory.items()
    }
    ours_, theirs = figures["ours"], figures["theirs"]
    finish(
        "lsp-sharing",
        ours_,
        theirs | {"what": "a type checker and ruff started for each of ten viewers"},
        {name: value / theirs[name] for name, value in ours_.items() if name.startswith("memory")}
        | {"first_completion_ms_slowest": ours_["first_completion_ms_slowest"]},
        {"memory_mb_basedpyright": ("<=", 0.12), "first_completion_ms_slowest": ("<=", 200)},
    )


if __name__ == "__main__":
    sys.exit(main())
