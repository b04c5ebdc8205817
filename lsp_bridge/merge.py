"""One answer made of several servers'. Each takes (server's name, result) in the catalogue's order; nulls are left out."""

from collections.abc import Callable, Sequence
from typing import Any, Final

Answers = Sequence[tuple[str, Any]]

TAG: Final = "codeyard.server"
"""Under an item's `data`: which server it came from, so that it resolves it; its own data under "data"."""


def completion(answers: Answers) -> Any:
    """A CompletionList: `isIncomplete` if one is; defaults of a list are written into its items, since lists differ."""
    items: list[Any] = []
    incomplete = False
    for name, result in answers:
        if isinstance(result, dict):
            incomplete = incomplete or bool(result.get("isIncomplete"))
            defaults = result.get("itemDefaults") or {}
            found = [_with_defaults(item, defaults) for item in result.get("items", ())]
        else:
            found = list(result)
        items += [tagged(name, item) for item in found]
    return {"isIncomplete": incomplete, "items": items} if answers else None


def code_actions(answers: Answers) -> Any:
    """Actions are tagged; bare commands (`command` is a string) are found by their names."""
    return [
        item if isinstance(item.get("command"), str) else tagged(name, item)
        for name, result in answers
        for item in result
        if isinstance(item, dict)
    ]


def hover(answers: Answers) -> Any:
    """Markdown, the parts under one another."""
    parts = [part for _, result in answers if (part := _markdown(result.get("contents")).strip())]
    if not parts:
        return None
    made: dict[str, Any] = {"contents": {"kind": "markdown", "value": "\n\n---\n\n".join(parts)}}
    where = next((result["range"] for _, result in answers if result.get("range")), None)
    return made | ({"range": where} if where else {})


def lists(answers: Answers) -> Any:
    return [item for _, result in answers for item in result]


MERGED: Final[dict[str, Callable[[Answers], Any]]] = {
    "textDocument/completion": completion,
    "textDocument/codeAction": code_actions,
    "textDocument/hover": hover,
    "workspace/symbol": lists,
}


def tagged(name: str, item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return item | {"data": {TAG: name} | ({"data": item["data"]} if "data" in item else {})}


def untagged(item: Any) -> tuple[str, Any]:
    """Which server an item came from ("": not tagged), and the item as that server made it."""
    data = item.get("data") if isinstance(item, dict) else None
    if not isinstance(data, dict) or TAG not in data:
        return "", item
    own = {key: value for key, value in item.items() if key != "data"}
    return str(data[TAG]), own | ({"data": data["data"]} if "data" in data else {})


def _with_defaults(item: Any, defaults: dict[str, Any]) -> Any:
    if not defaults or not isinstance(item, dict):
        return item
    made: dict[str, Any] = {
        key: defaults[key]
        for key in ("commitCharacters", "insertTextFormat", "insertTextMode", "data")
        if key in defaults
    }
    where = defaults.get("editRange")
    if where is not None and "textEdit" not in item:
        text = item.get("textEditText") or item.get("insertText") or item.get("label", "")
        made["textEdit"] = {"newText": text} | (where if "insert" in where else {"range": where})
    return made | item


def _markdown(contents: Any) -> str:
    """Of MarkupContent, MarkedString or a list of those."""
    if isinstance(contents, list):
        return "\n\n".join(_markdown(one) for one in contents)
    if not isinstance(contents, dict):
        return str(contents or "")
    value = str(contents.get("value", ""))
    if "language" in contents:
        return f"```{contents['language']}\n{value}\n```"
    return f"```\n{value}\n```" if contents.get("kind") == "plaintext" else value
