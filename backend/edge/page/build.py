"""What the frontend build left in frontend/dist, read once: only what was there then can be asked for."""

import functools
import gzip
import mimetypes
from pathlib import Path
from typing import NamedTuple

DIST = Path(__file__).resolve().parents[3] / "frontend" / "dist"
NOT_BUILT = b"""<!doctype html><html lang="en"><title>Codeyard</title><h1>The page is not built</h1>
<p>Run <code>make frontend</code> and start the server again. The API works without it: <a href="/api/docs">/api/docs</a>.</p>"""


class Asset(NamedTuple):
    content: bytes
    kind: str


@functools.cache
def page() -> bytes:
    """index.html with `__NONCE__` where each answer's nonce goes, or a page that says what to do."""
    index = DIST / "index.html"
    return index.read_bytes() if index.exists() else NOT_BUILT


@functools.cache
def assets() -> dict[str, Asset]:
    """By path below /assets/."""
    folder = DIST / "assets"
    found = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        if path.is_file():
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            text = kind.startswith("text/") or kind == "application/javascript"
            found[str(path.relative_to(folder))] = Asset(path.read_bytes(), f"{kind}; charset=utf-8" if text else kind)
    return found


@functools.cache
def packed(path: str) -> bytes | None:
    """The asset as gzip (RFC 1952), made when first asked for; None where that would save nothing: pictures, small ones."""
    content = assets()[path].content
    smaller = gzip.compress(content, 9, mtime=0) if len(content) > 1000 else content
    return smaller if len(smaller) < len(content) * 0.9 else None
