"""What containers hold on disk: their writable layer and the volumes that they mount, out of the engine's GET /system/df."""

from typing import Any

from runtimes.engine import EngineError


def sizes(found: dict[str, Any], labels: dict[str, str], group: str, service: str) -> dict[tuple[str, str], int]:
    """Bytes by (group, service) of the containers that bear `labels`; `group` and `service` are the labels that name them. A
    volume counts for each that mounts it."""
    volumes = {one["Name"]: max(one.get("UsageData", {}).get("Size", 0), 0) for one in found.get("Volumes") or []}
    held = {}
    for one in found.get("Containers") or []:
        mine = one.get("Labels") or {}
        if service in mine and labels.items() <= mine.items():
            mounted = (mount.get("Name", "") for mount in one.get("Mounts") or [] if mount.get("Type") == "volume")
            held[mine[group], mine[service]] = one.get("SizeRw", 0) + sum(volumes.get(name, 0) for name in mounted)
    return held


def takes_no_size(error: EngineError) -> bool:
    """Whether the engine refused a container because its storage cannot bound one (overlay2 needs xfs with pquota)."""
    words = str(error).lower()
    return "storage-opt" in words or "storage opt" in words or "pquota" in words
