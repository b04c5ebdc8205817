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


@pytest.mark.parametrize(
    "path", ["/singin", "/nowhere/at/all", "/s/a/b", "/o", "/favicon.ico", "/%00", "/..%2f", "/" + "x" * 3000]
)
async def test_an_address_that_is_none_shows_a_browser_the_page_and_tells_a_program(call, path):
    stranger, at = call(None), f"http://localhost:8300{path}"
    shown = await stranger.get(at, headers={"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
    assert (shown.status_code, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert (
        "default-src 'none'" in shown.headers["content-security-policy"] and b"<!doctype html>" in shown.content.lower()
    )
    for method, accept in (("GET", "*/*"), ("GET", "application/json"), ("POST", "text/html"), ("GET", "text/htmlx")):
        told = await stranger.request(method, at, headers={"accept": accept})
        assert (told.status_code, told.json()["error"]["code"]) == (404, "no_such_route"), (method, accept)


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/nowhere", "/assets/nowhere.js"])
async def test_what_only_programs_ask_for_is_told_as_to_a_program(call, path):
    told = await call(None).get(f"http://localhost:8300{path}", headers={"accept": "text/html"})
    assert (told.status_code, told.headers["content-type"]) == (404, "application/json")


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
