"""Hover and completion through /ws/lsp against the same server over its own streams, and what a bare forwarder of Node adds."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from lsp_bridge.catalog import TY
from tests.bench.editors import COMPLETION, HOVER, Editor, command, ours, session_of, stdio
from tests.bench.harness import finish, percentile, say
from tests.bench.wire import connect
from tests.server import ROOT, Server

ROUNDS = 5
QUESTIONS = 150
WHAT = {"hover": HOVER, "completion": COMPLETION}


@contextlib.contextmanager
def forwarder(root: Path) -> Iterator[int]:
    node, program = ROOT / ".venv/node/bin/node", ROOT / "tests/clients_js/forward.mjs"
    words = [str(node), str(program), str(root), *command(TY)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


async def measure(server: Server, session_id: str, root: Path, port: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each answer, the three in turn, one question at a time."""
    async with contextlib.AsyncExitStack() as stack:
        wire = await stack.enter_async_context(connect(f"ws://127.0.0.1:{port}/"))
        editors = {
            "ours": await stack.enter_async_context(ours(server, session_id)),
            "node": Editor(wire, str(root)),
            "stdio": await stack.enter_async_context(stdio(root)),
        }
        times: dict[str, dict[str, list[float]]] = {who: {what: [] for what in WHAT} for who in editors}
        for editor in editors.values():
            await editor.start()
            for _ in range(20):
                for what, position in WHAT.items():
                    assert len(await editor.at(what, position)) > 200
        await asyncio.sleep(2)  # what they all still do after the first questions
        for _ in range(QUESTIONS):
            for what, position in WHAT.items():
                for who, editor in editors.items():
                    began = time.perf_counter()
                    await editor.at(what, position)
                    times[who][what].append((time.perf_counter() - began) * 1000)
        return times


def main() -> None:
    found: dict[str, dict[str, list[float]]] = {who: {what: [] for what in WHAT} for who in ("ours", "node", "stdio")}
    with Server() as server:
        session_id, root = session_of(server, "overhead")
        for number in range(ROUNDS):
            with forwarder(root) as port:
                times = uvloop.run(measure(server, session_id, root, port))
            for who, by in times.items():
                for what, some in by.items():
                    found[who][what] += some
                    p50, p99 = percentile(some, 0.5), percentile(some, 0.99)
                    say(f"round {number + 1}: {who}, {what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    shares = {"p50": 0.5, "p99": 0.99}
    added = {
        who: {
            f"{what}_added_{name}_ms": round(percentile(by[what], share) - percentile(found["stdio"][what], share), 3)
            for what in WHAT
            for name, share in shares.items()
        }
        for who, by in found.items()
    }
    plain = {
        f"{what}_stdio_{name}_ms": round(percentile(found["stdio"][what], share), 3)
        for what in WHAT
        for name, share in shares.items()
    }
    ratio = dict(added["ours"])
    reach = {key: ("<=", 0.3 if "p50" in key else 3.0) for key in ratio}
    for key in added["ours"]:
        ratio[f"{key}_to_node"] = added["ours"][key] - added["node"][key]
        reach[f"{key}_to_node"] = ("<=", 0.0)
    peer = (
        "a bare forwarder on vscode-ws-jsonrpc, and the same server over stdio; `…_to_node` is our addition less Node's"
    )
    finish("lsp-overhead", added["ours"], added["node"] | plain | {"what": peer}, ratio, reach)


if __name__ == "__main__":
    sys.exit(main())
