"""The page's parts, as they travel."""

import gzip

import pytest

from backend.edge.page import build


@pytest.fixture
def script() -> str:
    found = next((path for path in build.assets() if path.endswith(".js") and not path.startswith("docs/")), None)
    if found is None:
        pytest.skip("the page is not built: make frontend")
    return found


async def test_scripts_travel_packed_to_who_can_unpack_them(call, script):
    stranger = call(None)
    async with stranger.stream(
        "GET", f"http://localhost:8300/assets/{script}", headers={"accept-encoding": "br, gzip"}
    ) as got:
        assert got.headers["content-encoding"] == "gzip" and got.headers["vary"] == "accept-encoding"
        raw = b"".join([part async for part in got.aiter_raw()])
    assert gzip.decompress(raw) == build.assets()[script].content
    plain = await stranger.get(f"http://localhost:8300/assets/{script}", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.content == build.assets()[script].content
    assert "immutable" in plain.headers["cache-control"]
