"""Proposes a compose.yaml for a repository that has none, from what lies in it."""

from pathlib import Path

import msgspec


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """`stack` in a word, why in a sentence, and the whole file."""

    stack: str
    explanation: str
    compose: str


def propose(root: Path) -> Proposal | None:
    """None where nothing is recognised."""
    if (root / "index.html").is_file():
        compose = "services:\n  web:\n    x-codeyard:\n      start: python3 -m http.server 8000 --bind 0.0.0.0\n    ports:\n      - 8000\n"
        return Proposal(stack="static", explanation="index.html is served as it is.", compose=compose)
    return None
