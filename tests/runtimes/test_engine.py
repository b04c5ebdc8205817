"""What the engine's HTTP says, however it comes in."""

import asyncio

import pytest

from runtimes.engine import Engine, _body, _Head, demultiplexed

CHUNKED = _Head(200, {"transfer-encoding": "chunked"})


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
async def test_chunks_are_put_together_wherever_the_bytes_are_cut(step):
    said = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b"a\r\nb", b"c" * 300, b"\n"))
    wire = said + b"0\r\n\r\n"
    reader = asyncio.StreamReader()

    async def feed() -> None:
        for at in range(0, len(wire), step):
            reader.feed_data(wire[at : at + step])
            await asyncio.sleep(0)

    feeding = asyncio.create_task(feed())
    found = [part async for part in _body(reader, CHUNKED)]
    await feeding
    assert b"".join(found) == b"a\r\nb" + b"c" * 300 + b"\n"
    assert step < 1000 or len(found) == 1
    reader.feed_eof()
    assert await reader.read() == b""  # the connection is at the next answer


async def test_a_body_that_breaks_off_is_no_body():
    reader = asyncio.StreamReader()
    reader.feed_data(b"5\r\nhel")
    reader.feed_eof()
    with pytest.raises(asyncio.IncompleteReadError):
        [part async for part in _body(reader, CHUNKED)]


async def test_lines_of_one_stream_that_came_together_are_one_piece():
    def frame(stream: int, text: bytes) -> bytes:
        return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text

    async def parts():
        whole = frame(1, b"a\n") + frame(1, b"b\n") + frame(2, b"c\n")
        yield whole[:3]
        yield whole[3:]

    assert [piece async for piece in demultiplexed(parts())] == [("stdout", b"a\nb\n"), ("stderr", b"c\n")]


async def test_a_kept_connection_that_the_engine_has_closed_is_not_used_again(tmp_path):
    asked = []

    async def answer(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async with await asyncio.start_unix_server(answer, str(tmp_path / "socket")):
        engine = Engine(str(tmp_path / "socket"))
        await engine.request("GET", "/_ping")
        [(since, reader, writer)] = engine._idle
        async with asyncio.timeout(30):
            while not reader.at_eof():
                await asyncio.sleep(0.005)
        await engine.request("POST", "/containers/one/start")  # asked once only: it might have done it
        assert asked == [b"GET", b"POST"]
        engine.close()
        engine._idle = [(since - 3600, asyncio.StreamReader(), writer)]  # not closed, as far as is known, and old
        await engine.request("POST", "/containers/one/start")
        assert asked == [b"GET", b"POST", b"POST"]
        engine.close()
        await asyncio.sleep(0.05)
