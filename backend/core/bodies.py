"""A POST without a body is as if it had an empty one, where that is enough: what all has a default need not be said."""

from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler


class Ask(Request[Any, Any, Any]):
    """A request as handlers get it."""

    async def body(self) -> bytes:
        given = await super().body()
        return given if given or not may_lack_body(self.route_handler) else b"{}"


def may_lack_body(handler: HTTPRouteHandler) -> bool:
    """Whether a call of it need not have a body. Of a PUT that is what will be: one that is missing was forgotten."""
    field = handler.parsed_data_field
    return field is not None and handler.http_methods == {"POST"} and _has_defaults(field.annotation)


@cache
def _has_defaults(kind: Any) -> bool:
    try:
        msgspec.convert({}, kind)
    except msgspec.ValidationError:
        return False
    return True
