"""/api/docs: the API's description to browse, with Swagger UI from our own page build and nothing from outside."""

from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
"""Swagger UI sets styles on elements, which a nonce does not allow."""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><title>Codeyard API</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/assets/docs/swagger-ui.css">
</head>
<body>
<div id="docs"><noscript>This page needs JavaScript; the description itself is at /api/v1/openapi.json.</noscript></div>
<script src="/assets/docs/swagger-ui-bundle.js"></script>
<script src="/assets/docs/start.js"></script>
</body>
</html>
"""


class Browse(OpenAPIRenderPlugin):
    """The page; it reads /api/v1/openapi.json."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return PAGE.encode()
