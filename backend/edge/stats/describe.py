"""The OpenAPI 3.1 description as callers need it: operations by the handlers' own names, the scope that each needs, how to
sign in, and the one shape that every error has.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from backend.core.auth import ANYONE, cookie_name
from backend.core.bodies import may_lack_body
from backend.core.errors import ErrorEnvelope

REFUSAL = {
    "description": "Refused, or failed: the status says how.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}},
}
SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An organisation's API key, cy_live_…"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": cookie_name(secure=True),
        "description": "A browser's sign-in; unsafe requests send Me's `csrf_token` as X-CSRF-Token, too.",
    },
}


def describe(app: Litestar) -> dict[str, Any]:
    """The whole document, as plain data."""
    document = app.openapi_schema.to_schema()
    for path in [path for path in document["paths"] if path.startswith("/api/docs")]:
        del document["paths"][path]  # the page that shows this document
    components = document.setdefault("components", {})
    _, errors = msgspec.json.schema_components([ErrorEnvelope], ref_template="#/components/schemas/{name}")
    components.setdefault("schemas", {}).update(errors)
    components["securitySchemes"] = SCHEMES
    names: dict[str, int] = {}
    for path, method, handler in _handlers(app):
        operation = document["paths"].get(path, {}).get(method)
        if operation is None:
            continue
        name = handler.handler_name
        names[name] = names.get(name, 0) + 1
        operation["operationId"] = name if names[name] == 1 else f"{name}_{names[name]}"
        operation["summary"] = name.replace("_", " ").capitalize()
        if may_lack_body(handler):
            operation["requestBody"]["required"] = False
        _describe_answers(operation["responses"], handler.opt.get("produces", ()))
        needs = next((guard.needs for guard in handler.guards or () if hasattr(guard, "needs")), ANYONE)
        if needs != ANYONE:
            operation["security"] = [{"cookie": []}] if needs == "person" else [{"key": []}, {"cookie": []}]
            operation["x-codeyard-needs"] = needs
            operation["description"] = f"{operation.get('description', '')}\n\nNeeds: `{needs}`.".strip()
    return document


def _describe_answers(responses: dict[str, Any], produces: tuple[str, ...]) -> None:
    """`produces` are a handler's media types beside JSON, given as an option of its decorator."""
    responses.pop("400", None)  # the framework's own idea of an error
    responses.get("204", {}).pop("content", None)
    if "200" in responses:
        content = responses["200"].setdefault("content", {})
        for described in content.values():
            choices = described["schema"].get("oneOf", [])
            described["schema"] = {"oneOf": [one for one in choices if one]} if {} in choices else described["schema"]
        content.update({media_type: {"schema": {}} for media_type in produces})
    responses["default"] = REFUSAL


def _handlers(app: Litestar) -> Iterator[tuple[str, str, Any]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                yield route.path_format, method.lower(), handler
