"""What the engine says, in this library's words: its refusals, the states of its containers, what they use."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from runtimes.engine import EngineError
from runtimes.spec import RuntimeFailed, Sample, Status


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """The engine's refusals, said for people."""
    try:
        yield
    except EngineError as error:
        raise explain(error) from error


def explain(error: EngineError) -> RuntimeFailed:
    words = error.message
    if "executable file not found" in words or ("no such file or directory" in words and "exec" in words):
        return RuntimeFailed(
            "command_not_found", words, "The command is not in the image: check `command`, `entrypoint` and `user`."
        )
    if "is not running" in words:
        return RuntimeFailed("not_running", "It is not running.", "Start it first.")
    if "permission denied" in words:
        return RuntimeFailed("not_executable", words, "Make the command executable, or start it by its interpreter.")
    if "unable to find user" in words or "no matching entries in passwd" in words:
        return RuntimeFailed("no_such_user", words, "`user` names nobody in the image.")
    if "no space left" in words:
        return RuntimeFailed("disk_full", words, "The machine's disk is full: delete what is not needed.")
    return RuntimeFailed("engine_refused", words, "The engine's words say what it does not like.")


def status_of(found: dict[str, Any]) -> Status:
    state = found["State"]
    health = state.get("Health") or {}
    log = health.get("Log") or []
    return Status(
        running=state["Running"],
        frozen=state["Paused"],
        exit_code=None if state["Running"] else state["ExitCode"],
        oom_killed=state["OOMKilled"],
        error=state["Error"],
        health=health.get("Status") if health.get("Status") in ("starting", "healthy", "unhealthy") else None,
        health_log=log[-1]["Output"][:2000] if log else "",
        started_at=moment(state["StartedAt"]),
        finished_at=moment(state["FinishedAt"]),
    )


def moment(text: str) -> float | None:
    """Seconds of the epoch; None for the engine's "never" (year 1)."""
    if text.startswith("0001"):
        return None
    return datetime.fromisoformat(text).timestamp()


def since_of(moment: str) -> str:
    """The engine's form of a moment, seconds and nanoseconds; "0" for the beginning."""
    if not moment:
        return "0"
    whole = int(datetime.fromisoformat(moment[:19] + "+00:00").timestamp())
    return f"{whole}.{moment[20:].rstrip('Z')}"


def sample_of(found: dict[str, Any]) -> Sample:
    memory, cpu = found["memory_stats"], found["cpu_stats"]["cpu_usage"]
    detail = memory.get("stats", {})
    cache = detail.get("inactive_file", detail.get("total_inactive_file", 0))
    networks = (found.get("networks") or {}).values()
    blocks = found.get("blkio_stats", {}).get("io_service_bytes_recursive") or []
    limit = memory.get("limit")
    return Sample(
        at=moment(found["read"]) or 0.0,
        cpu_seconds=cpu["total_usage"] / 1e9,
        memory=max(memory["usage"] - cache, 0),
        memory_limit=limit if limit and limit < 1 << 60 else None,
        received=sum(one["rx_bytes"] for one in networks),
        sent=sum(one["tx_bytes"] for one in networks),
        read=sum(one["value"] for one in blocks if one["op"].lower() == "read"),
        written=sum(one["value"] for one in blocks if one["op"].lower() == "write"),
        pids=found.get("pids_stats", {}).get("current", 0),
    )
