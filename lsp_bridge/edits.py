"""Edits that a server wants made: only to files of the working copy, and only to the text that the server meant."""

from typing import Any

from lsp_bridge.documents import Documents
from lsp_bridge.paths import VIEWERS, Paths, edited


def objection(edit: Any, viewer: int, documents: Documents, paths: Paths) -> str:
    """Why this viewer must not make a WorkspaceEdit; empty if it may."""
    for uri in edited(edit):
        if not isinstance(uri, str) or not paths.is_inside(uri):
            return f"the edit would change {str(uri)[:200]}, which is not in the workspace"
        document = documents.get(uri)
        if document is None:
            continue
        name = document.key.removeprefix(VIEWERS + "/")
        if viewer in document.copies:
            if not document.in_step(viewer):
                return f"another editor of this session has other text of {name}"
        elif document.saved != document.version:
            return f"another editor of this session has changes of {name} that are not saved"
    return ""


def localise(value: Any, viewer: int, documents: Documents) -> None:
    """In every WorkspaceEdit within `value`, the versions of documents become those that the viewer gave them; null where it
    has not opened them."""
    if isinstance(value, list):
        for one in value:
            localise(one, viewer, documents)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "documentChanges":
                localise(inner, viewer, documents)
            for one in inner if name == "documentChanges" and isinstance(inner, list) else ():
                item = one.get("textDocument") if isinstance(one, dict) else None
                if isinstance(item, dict):
                    document = documents.get(str(item.get("uri")))
                    copy = document.copies.get(viewer) if document else None
                    item["version"] = copy.version if copy else None
