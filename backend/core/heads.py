"""HTTP as uvicorn speaks it, with a bound to what a caller may send that leads to nothing: the parser keeps an endless header, or
an endless trailer, for as long as it comes. And a request names one host (RFC 9112 §3.2): of two, a proxy may read the other.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AT_MOST = 64 << 10
"""Bytes of a head or a trailer, to a piece as it came from the kernel."""
WITHIN = 60.0
"""Seconds in which one that was begun is to be there."""


class BoundedHeads(HttpToolsProtocol):
    """Closes a connection whose head is too long (400) or too slow, or names no host or several (400)."""

    _open = 0
    _late: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._open += len(data)
        super().data_received(data)
        if self._open > AT_MOST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.send_400_response("The head of this request is too long.")
            else:
                self.transport.abort()
        elif self._open and self._late is None:
            self._late = self.loop.call_later(WITHIN, self.transport.close)

    def on_headers_complete(self) -> None:
        self._led_to_something()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise ValueError("one Host is needed")  # which the parser passes on as a request that is none
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._led_to_something()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._led_to_something()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._led_to_something()
        super().connection_lost(exc)

    def _led_to_something(self) -> None:
        self._open = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None
