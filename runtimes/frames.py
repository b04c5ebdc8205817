"""The text frames of a terminal's socket, as JSON objects with a `type`. Binary frames are bytes: output down, input
up.

Down, first `attached`: offset is that of the first byte to come. `lag`: the bytes between the two offsets are not
sent; what follows at `to` is a terminal reset and the modes in force, counted like output, then output from a line's
start. `exit` is the last one, with a code or a signal. `error`: a frame was not acted on, the connection goes on.

Up: `ack` says up to which offset the viewer has taken the output, `resize` how large its screen is, `signal` goes to
the foreground process group.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Cells = Annotated[int, Meta(ge=1, le=1000)]
Offset = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
SignalName = Literal["SIGINT", "SIGQUIT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGTSTP", "SIGCONT", "SIGUSR1", "SIGUSR2"]
TEXT_LIMIT = 4096  # characters of a text frame


class BadFrame(ValueError):
    """A frame that the protocol does not have."""


class Attached(Struct, tag="attached", frozen=True):
    terminal_id: str
    offset: int
    pid: int | None
    cols: int
    rows: int


class Lag(Struct, tag="lag", frozen=True, rename={"from_": "from"}):
    from_: int
    to: int


class Resized(Struct, tag="resized", frozen=True):
    cols: int
    rows: int


class Exit(Struct, tag="exit", frozen=True):
    code: int | UnsetType = UNSET
    signal: str | UnsetType = UNSET


class Failure(Struct, tag="error", frozen=True):
    code: str
    message: str


class Resize(Struct, tag="resize", frozen=True, forbid_unknown_fields=True):
    cols: Cells
    rows: Cells


class Ack(Struct, tag="ack", frozen=True, forbid_unknown_fields=True):
    offset: Offset


class Signal(Struct, tag="signal", frozen=True, forbid_unknown_fields=True):
    name: SignalName


_decoder: msgspec.json.Decoder[Resize | Ack | Signal] = msgspec.json.Decoder(Resize | Ack | Signal)


def parse(text: str) -> Resize | Ack | Signal:
    """A text frame from a viewer. BadFrame says what is wrong with it."""
    if len(text) > TEXT_LIMIT:
        raise BadFrame(f"a text frame has {TEXT_LIMIT} characters at most")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadFrame(str(error)) from None
