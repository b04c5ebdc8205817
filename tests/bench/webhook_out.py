"""5,000 deliveries to thirty endpoints of which a third fail or hang: how long the good ones wait for theirs, against the same
with the bad ones away; each delivery made once, sent once to a good endpoint, and of a bad one either attempted or told."""

import asyncio
import multiprocessing
import sys
import time
from collections import Counter
from typing import Any

import asyncpg

from tests.bench.harness import finish, say
from tests.receivers import hang, receiver, status
from tests.server import Server

GOOD, FAILING, HANGING = 20, 5, 5
FACTS = 5000 // (GOOD + FAILING + HANGING)


def receive(pipe: Any) -> None:
    """The receivers, in a process of their own: says its port, then on each request what came to whom."""

    async def serve() -> None:
        async with receiver() as here:
            here.answers = {f"/failing/{n}": status(500) for n in range(FAILING)}
            here.answers |= {f"/hanging/{n}": hang for n in range(HANGING)}
            pipe.send(here.port)
            while await asyncio.get_running_loop().run_in_executor(None, pipe.recv):
                pipe.send(Counter((got.path, got.headers["webhook-id"]) for got in here.got))

    asyncio.run(serve())


async def facts(dsn: str, organization_id: str, name: str) -> None:
    """What would make `FACTS` facts, at once."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO events (organization_id, name, data) SELECT $1::uuid, $2::varchar, '{}' FROM generate_series(1, $3::int)",
        organization_id,
        name,
        FACTS,
    )
    await connection.execute("SELECT pg_notify('codeyard', 'events')")
    await connection.close()


def count(server: Server, statement: str) -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(server.dsn())
        found = await connection.fetchval(statement)
        await connection.close()
        return found

    return asyncio.run(ask())


def round_of(server: Server, pipe: Any, port: int, *, bad: bool) -> float:
    """Seconds until every good endpoint has all of its facts."""
    name = "session.created" if bad else "session.ready"
    paths = [f"/good-{bad}/{n}" for n in range(GOOD)]
    if bad:
        paths += [f"/failing/{n}" for n in range(FAILING)] + [f"/hanging/{n}" for n in range(HANGING)]
    for path in paths:
        body = {"url": f"http://127.0.0.1:{port}{path}", "events": [name]}
        server.ask("POST", f"/organizations/{server.organization_id}/webhooks", body)
    started = time.perf_counter()
    asyncio.run(facts(server.dsn(), server.organization_id, name))
    while True:
        pipe.send(True)
        got = pipe.recv()
        good = {key: times for key, times in got.items() if key[0].startswith(f"/good-{bad}/")}
        if len(good) >= GOOD * FACTS:
            break
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    say(f"{'with' if bad else 'without'} bad ones: {len(good)} good deliveries in {seconds:.2f} s")
    assert len(good) == GOOD * FACTS and set(good.values()) == {1}, "each once"
    return seconds


def main() -> None:
    with Server(CODEYARD_ALLOW_PRIVATE_WEBHOOKS="1") as server:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
        process.start()
        port = ours.recv()
        alone = round_of(server, ours, port, bad=False)
        beside = round_of(server, ours, port, bad=True)
        made = count(server, "SELECT count(*) FROM webhook_deliveries WHERE event = 'session.created'")
        time.sleep(16)  # what hangs is given up after fifteen seconds
        bad = "e.url LIKE '%/failing/%' OR e.url LIKE '%/hanging/%'"
        untold = count(
            server,
            "SELECT count(*) FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id"
            f" WHERE ({bad}) AND d.error = '' AND (e.failures < 4 OR e.last_error = '')",
        )
        ours.send(False)
        process.terminate()
    wanted = FACTS * (GOOD + FAILING + HANGING)
    finish(
        "webhook-out",
        {"seconds": round(beside, 2), "deliveries": made, "untold": untold},
        {"seconds": round(alone, 2), "what": "the same facts to the same good endpoints, without the bad ones"},
        {"seconds": beside / alone, "made": made / wanted, "untold": float(untold)},
        {"seconds": ("<=", 1.5), "made": (">=", 1.0), "untold": ("<=", 0.0)},
    )


if __name__ == "__main__":
    sys.exit(main())
