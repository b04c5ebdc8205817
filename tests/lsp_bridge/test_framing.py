"""Content-Length framing, fed in awkward pieces and hostile ones."""

import pytest

from lsp_bridge.framing import MAX_BODY, MAX_HEADER, FramingError, TooLarge, Unframer, frame


def test_messages_survive_being_cut_anywhere():
    stream = frame(b'{"id":1}') + frame('{"text":"é"}'.encode()) + frame(b"")
    for size in range(1, len(stream) + 1):
        unframer = Unframer()
        bodies = [body for at in range(0, len(stream), size) for body in unframer.feed(stream[at : at + size])]
        assert bodies == [b'{"id":1}', '{"text":"é"}'.encode(), b""]


def test_other_headers_and_odd_case_are_accepted():
    assert Unframer().feed(b"content-LENGTH:  2\r\nContent-Type: application/vscode-jsonrpc\r\n\r\n{}") == [b"{}"]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: -1",
        b"Content-Length: 1e3",
        b"Content-Length: 99999999999999",
        b"Content-Type: x",
        b"Content-Length: 2\r\nContent-Length: 3",
    ],
)
def test_a_length_that_is_none_ends_the_stream(header: bytes):
    """Attack row 51."""
    with pytest.raises(FramingError):
        Unframer().feed(header + b"\r\n\r\n{}")


def test_a_header_that_never_ends_is_not_buffered_for_ever():
    unframer = Unframer()
    with pytest.raises(FramingError):
        for _ in range(MAX_HEADER):
            unframer.feed(b"xx")


def test_a_body_that_is_too_large_is_skipped_and_what_follows_is_read():
    unframer = Unframer()
    length = MAX_BODY + 1
    found = unframer.feed(b"Content-Length: %d\r\n\r\n" % length)
    piece = b'{"id":7,' + b" " * (1024 * 1024 - 8)
    for start in range(0, length, len(piece)):
        found += unframer.feed(piece[: length - start])
    found += unframer.feed(frame(b"{}"))
    assert found == [TooLarge(length, piece[:512]), b"{}"]
