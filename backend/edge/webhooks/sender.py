"""The sender: makes deliveries of facts and sends what is due, many at a time, few of them to any one endpoint.

Deliveries do not run as jobs: an endpoint that hangs would hold one of the few slots that clones and clean-ups need. The rows
are the queue: a claim counts the attempt and takes a lease, so a server that dies while it sends leaves the delivery to the
next one, and a delivery that kills its server ends. A receiver may thus get one twice, always under the same `webhook-id`.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import httpx

from backend.core import outside
from backend.core.db import is_away, now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.edge.webhooks import repository, signing
from backend.edge.webhooks.events import WebhookDisabled, WebhookFailing, WebhookRecovered
from backend.edge.webhooks.models import WebhookEndpoint
from backend.edge.webhooks.repository import Claimed, Outcome
from backend.edge.webhooks.service import part
from backend.ledger.secrets import service as vaults

log = logging.getLogger(__name__)

DELAYS: Final = (5, 300, 1800, 7200, 18_000, 28_800, 28_800)
"""Seconds before each further attempt: eight attempts within a day."""
SECONDS: Final = 15.0
MOST: Final = 512
"""Attempts under way in this process; those to endpoints that fail get at most half of them."""
LONGEST_ANSWER: Final = 4096
REST_FROM: Final = 5
"""Failed attempts in a row after which an endpoint rests, ever longer up to `LONGEST_REST`."""
LONGEST_REST: Final = 600
GIVE_UP_AFTER: Final = timedelta(days=3)
POLL: Final = 2.0


class Sender:
    """One process's sending. `run` goes on until it is cancelled."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._under_way: dict[asyncio.Task[None], Claimed] = {}
        allow_private = resources.settings.allow_private_webhooks
        self._client = outside.client(allow_private=allow_private, connections=MOST, timeout=SECONDS)

    async def run(self) -> None:
        with self._resources.live.bell("events", "webhooks") as bell:
            try:
                while True:
                    try:
                        again = await self._turn()
                    except Exception as error:
                        again = False
                        log.log(logging.INFO if is_away(error) else logging.ERROR, "webhooks wait: %r", error)
                    await bell.wait(0 if again else POLL)
                    await asyncio.sleep(0.02)  # what comes close together is one turn
            finally:
                for task in self._under_way:
                    task.cancel()
                await asyncio.gather(*self._under_way, return_exceptions=True)
                await self._client.aclose()

    async def _turn(self) -> bool:
        """Facts into deliveries, due deliveries under way; whether more facts wait."""
        database = self._resources.database
        more = await repository.fan_out(database)
        busy = Counter(one.endpoint_id for one in self._under_way.values())
        failing = sum(1 for one in self._under_way.values() if one.failures)
        claimed = await repository.claim(database, busy, failing=False, most=MOST - len(self._under_way))
        free = min(MOST // 2 - failing, MOST - len(self._under_way) - len(claimed))
        claimed += await repository.claim(database, busy, failing=True, most=free)
        secrets = await secrets_of(self._resources, claimed) if claimed else {}
        for one in claimed:
            task = asyncio.create_task(self._deliver(one, secrets[one.endpoint_id]))
            self._under_way[task] = one
            task.add_done_callback(self._done)
        return more

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        if not task.cancelled():
            if (error := task.exception()) is not None:
                log.error("a delivery could not be recorded; it is sent again: %r", error)
            self._resources.live.ring("webhooks")

    async def _deliver(self, one: Claimed, secrets: list[str]) -> None:
        """The endpoint learns first what came of it: who sees the attempt as over sees the endpoint as it is since."""
        database = self._resources.database
        outcome = await self._send(one, secrets)
        if not outcome.error:
            if one.failures:
                await database.persist(lambda: recovered(self._resources, one))
            await database.persist(lambda: repository.record(database, one.id, "delivered", None, outcome))
            return
        state, after = "failed", None
        if one.tries <= len(DELAYS) and outcome.status != 410:
            delay = max(DELAYS[one.tries - 1], min(outcome.retry_after, 3600))
            state, after = "pending", timedelta(seconds=delay * random.uniform(1, 1.1))  # noqa: S311 - only spreads them
        await database.persist(lambda: failed(self._resources, one, outcome))
        await database.persist(lambda: repository.record(database, one.id, state, after, outcome))

    async def _send(self, one: Claimed, secrets: list[str]) -> Outcome:
        """One attempt. Never raises but when cancelled."""
        body = one.body.encode()
        signed = signing.headers(secrets, signing.message_id(one.id), int(time.time()), body)
        sent = {"content-type": "application/json", "user-agent": "Codeyard-Webhooks"} | signed
        started = time.perf_counter()
        outcome = Outcome(sent, 0)
        try:
            async with asyncio.timeout(SECONDS):
                async with self._client.stream("POST", one.url, content=body, headers=sent) as answer:
                    outcome.status = answer.status_code
                    outcome.answer_headers = {k[:100]: _text(v)[:500] for k, v in list(answer.headers.items())[:50]}
                    outcome.answer = _text((await outside.head(answer, most=LONGEST_ANSWER)).decode(errors="replace"))
            outcome.error = _refusal(answer)
            if (given := answer.headers.get("retry-after", "")).isascii() and given.isdigit():
                outcome.retry_after = int(given[:6])
        except TimeoutError:
            outcome.error = f"no complete answer within {SECONDS:.0f} seconds"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            outcome.error = _text(str(error) or type(error).__name__)[:500]
        outcome.milliseconds = round((time.perf_counter() - started) * 1000)
        return outcome


async def secrets_of(resources: Resources, claimed: Sequence[Claimed]) -> dict[UUID, list[str]]:
    """By endpoint, the secrets that sign now, the newest first."""
    kept: dict[str, dict[str, str]] = {}
    async with resources.database.begin() as db:
        for organization_id in {one.organization_id for one in claimed}:
            kept |= await vaults.read(db, resources.data, organization_id)
    found = {}
    for one in claimed:
        both = one.previous_until is not None and one.previous_until > now()
        mine = kept.get(part(one.endpoint_id), {})
        found[one.endpoint_id] = [mine[name] for name in ("current", "previous")[: 1 + both] if name in mine]
    return found


def _refusal(answer: httpx.Response) -> str:
    if answer.is_success:
        return ""
    if answer.has_redirect_location:
        return f"{answer.status_code}: redirects are not followed; set the address that it leads to"
    return f"{answer.status_code} {answer.reason_phrase}"[:500]


def _text(of_stranger: str) -> str:
    """Without what PostgreSQL cannot keep."""
    return of_stranger.replace("\x00", "�").encode(errors="replace").decode()


async def recovered(resources: Resources, one: Claimed) -> None:
    async with resources.database.begin() as db:
        endpoint = await db.get(WebhookEndpoint, one.endpoint_id, with_for_update=True)
        if endpoint is None or endpoint.failures == 0:
            return
        if endpoint.failures >= REST_FROM:
            await emit(db, WebhookRecovered(**facts(endpoint)))
        endpoint.failures, endpoint.failing_since, endpoint.paused_until, endpoint.last_error = 0, None, None, ""


async def failed(resources: Resources, one: Claimed, outcome: Outcome) -> None:
    """Counts a failed attempt against the endpoint: it rests from the fifth in a row on, and is disabled when nothing got
    through for days, or at once when it says that it is gone (410)."""
    async with resources.database.begin() as db:
        endpoint = await db.get(WebhookEndpoint, one.endpoint_id, with_for_update=True)
        if endpoint is None or not endpoint.enabled:
            return
        endpoint.failures += 1
        endpoint.failing_since = endpoint.failing_since or now()
        endpoint.last_error = outcome.error
        too_long = endpoint.failures >= 2 * REST_FROM and endpoint.failing_since < now() - GIVE_UP_AFTER
        if too_long or outcome.status == 410:
            endpoint.enabled = False
            await emit(db, WebhookDisabled(**facts(endpoint), error=outcome.error))
        elif endpoint.failures >= REST_FROM:
            rest = min(5 * 2 ** min(endpoint.failures - REST_FROM, 10), LONGEST_REST)
            endpoint.paused_until = now() + timedelta(seconds=rest)
            if endpoint.failures == REST_FROM:
                await emit(db, WebhookFailing(**facts(endpoint), error=outcome.error))


def facts(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "organization_id": endpoint.organization_id,
        "workspace_id": endpoint.workspace_id,
        "webhook_id": endpoint.id,
    }
