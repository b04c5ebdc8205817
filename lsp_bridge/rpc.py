"""JSON-RPC messages, read no deeper than routing needs: ids, parameters and results stay the bytes that they came as."""

import re
from typing import Any, Final

import msgspec

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
NOT_INITIALIZED: Final = -32002
REQUEST_FAILED: Final = -32803
REQUEST_CANCELLED: Final = -32800

NOTHING: Final = msgspec.Raw()
NULL: Final = b"null"

_ID = re.compile(rb'-?[0-9]{1,18}|"(?:[^"\\]|\\.){0,200}"')


class Message(msgspec.Struct):
    """A request (id and method), a notification (method) or an answer (id, and result or error)."""

    id: msgspec.Raw = NOTHING
    method: str | None = None
    params: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


_decoder = msgspec.json.Decoder(Message)
encode = msgspec.json.Encoder().encode


def read(text: str | bytes) -> Message:
    """Raises msgspec.DecodeError where it is no JSON object, or its method no string."""
    return _decoder.decode(text)


def id_of(message: Message) -> bytes | None:
    """The id as it was written; None where there is none, or null. Raises ValueError where it is neither a whole number
    nor a string."""
    raw = bytes(message.id)
    if raw in (b"", NULL):
        return None
    if _ID.fullmatch(raw) is None:
        raise ValueError("an id is a whole number or a string")
    return raw


def request(number: int, method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (number, encode(method), params or NULL)


def notification(method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (encode(method), params or NULL)


def answer(raw_id: bytes, result: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (raw_id, result or NULL)


def failure(raw_id: bytes, error: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (raw_id, error)


def error(code: int, message: str) -> bytes:
    """The error object of a failure."""
    return encode({"code": code, "message": message})


def value(raw: msgspec.Raw | bytes) -> Any:
    """What the bytes say; None where there are none. Raises msgspec.DecodeError."""
    return msgspec.json.decode(raw) if len(bytes(raw)) else None
