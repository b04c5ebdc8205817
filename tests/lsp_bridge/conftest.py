"""Bridges that a test may start, in a hurry."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lsp_bridge.bridges import Bridges
from lsp_bridge.server import Timing
from tests.lsp_bridge.editor import Editor, place

HURRIED = Timing(back_off=(0.0, 0.05, 0.1), tick=0.05, sample=0.1, merge=60.0)
"""With patience for the answers of several servers: one of them is slow only where a test says so."""


@pytest.fixture
async def bridges() -> AsyncIterator[Bridges]:
    made = Bridges(HURRIED)
    yield made
    await made.close()


@pytest.fixture
async def editor(bridges: Bridges, tmp_path: Path) -> Editor:
    """At one fake server, initialised."""
    made = Editor(bridges, place(tmp_path))
    await made.start()
    return made
