"""Edits of a compose file's text: what an edit is not about keeps every byte, since only the lines that it changes are written.

Each takes the text and gives the new one. `fields` and `changes` are plain data as the specification has them; None takes a field
away. Raises KeyError for a service that is not in the text, ValueError for one that already is, BadCompose for a text that is no
compose file. What an alias takes is copied before it is changed;
what has an anchor changes for all who take it.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from runtimes.compose.document import Document
from runtimes.compose.render import scalar


def add_service(text: str, name: str, fields: Mapping[str, Any]) -> str:
    """After the last one, a blank line before it where others have one."""
    document = Document(text)
    if name in document.services():
        raise ValueError(name)
    kept = {key: value for key, value in fields.items() if value is not None}
    spans = document.spans()
    if not spans:  # none yet, or not written as a block
        document.change({"services": {name: kept or None}}, adding=True)
    else:
        spaced = any("\n\n" in document.between(one, two) for one, two in pairwise(spans))
        document.insert(spans[-1][1], ("\n" if spaced else "") + document.lines(name, kept or None, spans[0][2]))
    return document.written()


def update_service(text: str, name: str, changes: Mapping[str, Any]) -> str:
    """Mappings are gone into: {"environment": {"A": "1", "B": None}} sets one variable and takes another away."""
    document = Document(text)
    if name not in document.services():
        raise KeyError(name)
    document.change({"services": {name: changes}})
    return document.written()


def rename_service(text: str, name: str, new: str) -> str:
    """In its place, and wherever the file speaks of it: dependencies, `extends`, references in values."""
    document = Document(text)
    services = document.services()
    if name not in services:
        raise KeyError(name)
    if new in services:
        raise ValueError(new)
    for node in document.mentions(name):
        document.splice(node.start_mark.index, node.end_mark.index, scalar(new, node.style or ""))
    reference = re.compile(rf"(\$\{{(?:host|domainUrl|env)::){re.escape(name)}(?=::|\}})")
    return reference.sub(lambda found: found[1] + new, document.written())


def remove_service(text: str, name: str) -> str:
    """With the comment above it, and with what others say of depending on it."""
    document = Document(text)
    services = document.services()
    if name not in services:
        raise KeyError(name)
    spans, names = document.spans(), list(services)
    others: dict[str, Any] = {}
    for other, body in services.items():
        depends = body.get("depends_on") if isinstance(body, Mapping) else None
        if other != name and depends and name in depends:
            others[other] = {"depends_on": {name: None}}
    if not spans:
        document.change({"services": {name: None, **others}})
        return document.written()
    document.change({"services": others})
    number = [span[3] for span in spans].index(name)
    start, end = spans[number][0], spans[number][1]
    if number:
        start = spans[number - 1][1] if not document.between(*spans[number - 1 : number + 1]).strip() else start
    elif len(names) > 1 and not document.between(spans[0], spans[1]).strip():
        end = spans[1][0]
    document.splice(start, end, "")
    return document.written()


def reorder(text: str, names: Sequence[str]) -> str:
    """Services in this order, with the comments above each; those that are not named keep their places. Names of services
    that other files declare are passed over."""
    document = Document(text)
    here = document.services()
    order = [name for name in dict.fromkeys(names) if name in here]
    if not order:
        raise KeyError("none of these services is in this file")
    following = iter(order)
    wanted = [next(following) if name in order else name for name in here]
    spans = document.spans()
    if not spans:
        document.replace_services({name: here[name] for name in wanted})
        return document.written()
    by_name = {span[3]: span for span in spans}
    for span, name in zip(spans, wanted, strict=True):
        document.splice(span[0], span[1], document.text[by_name[name][0] : by_name[name][1]])
    return document.written()


def declare_volume(text: str, name: str) -> str:
    """A named volume under `volumes`, where it is not yet."""
    document = Document(text)
    volumes = document.value(document.root).get("volumes") if document.root is not None else None
    if isinstance(volumes, Mapping) and name in volumes:
        return text
    document.change({"volumes": {name: None}}, adding=True)
    return document.written()
