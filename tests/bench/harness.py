"""What every benchmark shares: percentiles, a description of the machine, and the one JSON line at the end."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}


def say(text: str) -> None:
    """Progress, beside the result."""
    print(text, file=sys.stderr, flush=True)


def finish(
    name: str,
    ours: dict[str, Any],
    against: dict[str, Any],
    ratio: dict[str, float],
    reach: dict[str, tuple[str, float]],
) -> None:
    """Prints the line that ends every benchmark. `reach` says for each ratio ("<=" or ">=", bound); `against` has a "what"."""
    holds = all((ratio[k] <= bound) if sign == "<=" else (ratio[k] >= bound) for k, (sign, bound) in reach.items())
    line = {
        "name": name,
        "ours": ours,
        "against": against,
        "ratio": {key: round(value, 3) for key, value in ratio.items()},
        "reach": {key: f"{sign} {bound}" for key, (sign, bound) in reach.items()},
        "holds": holds,
        "machine": machine(),
    }
    print(json.dumps(line))
