"""A YAML text with the places of all that is in it, and the splices that change it. Block style is changed line by line; what
stands on one line in brackets, or is taken by an alias, is written anew where it stands."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runtimes.compose.render import block, entry, inline, item, scalar
from runtimes.compose.source import Reader, compose, parse

Span = tuple[int, int, int, str]
"""Of a service: where its lines begin and end, the column of its name, its name."""
_LINES: Final = ("environment", "labels", "args", "depends_on")


class Document:
    """One text while it is edited. Raises BadCompose for what is no compose file."""

    def __init__(self, text: str) -> None:
        parse(text.removeprefix("\ufeff"), "compose.yaml")  # bombs, tags and duplicates
        self._before = text
        plain = text.removeprefix("\ufeff")
        self._crlf = 0 < plain.count("\r\n") == plain.count("\n")
        plain = plain.replace("\r\n", "\n") if self._crlf else plain
        self.text = plain if plain.endswith("\n") or not plain else plain + "\n"
        self.root = compose(self.text, "compose.yaml")
        self._splices: list[tuple[int, int, str]] = []
        self.step, self.dash = self._indents()

    def _indents(self) -> tuple[int, int]:
        """The indentation of mappings, and that of a list's dash below its key, as the text has them."""
        steps: list[int] = []
        dashes: list[int] = []
        for key, value, column in _pairs(self.root):
            if _is_block(key, value):
                found = self._column(value) - column
                (steps if isinstance(value, MappingNode) else dashes).append(found)
        step = steps[0] if steps else 2
        return step, dashes[0] if dashes else step

    def value(self, node: Node) -> Any:
        """As plain data, aliases and merges followed."""
        return Reader("compose.yaml").value(node, 0)

    def services(self) -> dict[str, Any]:
        found = self.value(self.root).get("services") if self.root is not None else None
        return found if isinstance(found, dict) else {}

    def splice(self, start: int, end: int, new: str) -> None:
        if self.text[start:end] != new:
            self._splices.append((start, end, new))

    def insert(self, at: int, new: str) -> None:
        self._splices.append((at, at, new))

    def written(self) -> str:
        """The text with every splice in place; line ends are those that it had."""
        parts, at = [], 0
        for start, end, new in sorted(self._splices, key=lambda one: one[:2]):
            parts += [self.text[at:start], new]
            at = max(at, end)
        text = "".join([*parts, self.text[at:]])
        before = self._before.removeprefix("\ufeff")
        if before and not before.endswith("\n"):
            text = text.removesuffix("\n")
        if self._crlf:
            text = text.replace("\n", "\r\n")
        return ("\ufeff" if self._before.startswith("\ufeff") else "") + text

    # --- services as blocks of lines

    def _block(self) -> MappingNode | None:
        for key, value in self.root.value if isinstance(self.root, MappingNode) else ():
            if key.value == "services" and _is_block(key, value) and isinstance(value, MappingNode):
                return value
        return None

    def spans(self) -> list[Span]:
        """Each service's lines, with comments directly above and those indented below. None where they are not a block."""
        node, found = self._block(), list[Span]()
        if node is None or any(key.value == "<<" for key, _ in node.value):
            return []
        column = self._column(node)
        floor = 0
        for key, value in node.value:
            start = self._line(key.start_mark.index)
            while start > floor and _comment(above := self.text[self._line(start - 1) : start], column, column):
                start -= len(above)
            end = self._end(key, value)
            at = end
            while at < len(self.text) and (
                not (line := self.text[at : self._next(at)]).strip() or _comment(line, column + 1)
            ):
                at += len(line)
                end = at if line.strip() else end
            found.append((start, end, column, str(key.value)))
            floor = end
        return found

    def between(self, one: Span, two: Span) -> str:
        return "\n" + self.text[one[1] : two[0]]

    def lines(self, key: str, value: Any, column: int) -> str:
        return entry(key, value, column, step=self.step, dash=self.dash)

    def mentions(self, name: str) -> Iterator[ScalarNode]:
        """Where the text names a service: its key, dependencies, `extends`. Each once, also what an alias takes."""
        seen: set[int] = set()
        for node in self._mentions(name):
            if node.start_mark.index not in seen:
                seen.add(node.start_mark.index)
                yield node

    def _mentions(self, name: str) -> Iterator[ScalarNode]:
        top = _get(self.root, "services")
        for key, body in top.value if isinstance(top, MappingNode) else ():
            if key.value == name:
                yield key
            depends, extends = _get(body, "depends_on"), _get(body, "extends")
            if isinstance(depends, MappingNode | SequenceNode):
                for one in depends.value:
                    named = one[0] if isinstance(one, tuple) else one
                    if named.value == name:
                        yield named
            if _get(extends, "file") is None:
                extends = _get(extends, "service") if isinstance(extends, MappingNode) else extends
                if isinstance(extends, ScalarNode) and extends.value == name:
                    yield extends

    # --- places

    def _column(self, node: Node) -> int:
        """Of a block's keys or dashes; its own place may be that of its anchor."""
        if isinstance(node, MappingNode):
            return int(node.value[0][0].start_mark.column)
        start = self._items(node)[0][0] if isinstance(node, SequenceNode) else 0
        return len(re.match(" *", self.text[start : self._next(start)])[0])  # type: ignore[index]

    def _line(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _next(self, index: int) -> int:
        found = self.text.find("\n", index)
        return len(self.text) if found < 0 else found + 1

    def _end(self, key: Node, value: Node) -> int:
        """Where the line after an entry begins; comments after its last word are not its own."""
        if _is_alias(key, value) or value.start_mark.index == value.end_mark.index:
            return self._next(key.end_mark.index)
        return self._end_of(value)

    def _end_of(self, node: Node) -> int:
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            end = node.end_mark.index
            body = self.text[:end].rstrip()
            return self._next(len(body))
        if isinstance(node, MappingNode) and not node.flow_style and node.value:
            return self._end(*node.value[-1])
        if isinstance(node, SequenceNode) and not node.flow_style and node.value:
            return self._items(node)[-1][1]
        return self._next(node.end_mark.index)

    def _items(self, node: SequenceNode) -> list[tuple[int, int]]:
        """Each item's lines. An alias has no place of its own in the tree, so lines are counted from the one before."""
        found: list[tuple[int, int]] = []
        at = self._next(node.start_mark.index) if node.anchor else self._line(node.start_mark.index)
        for one in node.value:
            while not (line := self.text[at : self._next(at)]).strip() or line.lstrip().startswith("#"):
                at = self._next(at)
            alias = one.start_mark.index < at
            empty = one.start_mark.index == one.end_mark.index
            end = self._next(at) if alias or empty else self._end_of(one)
            found.append((at, end))
            at = end
        return found

    # --- changes

    def change(self, changes: Mapping[str, Any], *, adding: bool = False) -> None:
        """Changes of the whole. `adding`: null is a value to put there."""
        root = self.root
        if isinstance(root, MappingNode) and not root.flow_style and root.value:
            self._mapping(root, changes, adding=adding)
            return
        new = _applied(self.value(root) if root is not None else None, changes, adding=adding)
        if isinstance(root, MappingNode) and root.flow_style:
            self.splice(root.start_mark.index, root.end_mark.index, json.dumps(new, indent=2, ensure_ascii=False))
        else:
            self.insert(len(self.text), block(new, 0, step=self.step, dash=self.dash))

    def replace_services(self, services: dict[str, Any]) -> None:
        node = _get(self.root, "services")
        if isinstance(self.root, MappingNode) and self.root.flow_style:
            whole = self.value(self.root) | {"services": services}
            self.splice(self.root.start_mark.index, self.root.end_mark.index, json.dumps(whole, indent=2))
        elif node is not None:
            self.splice(node.start_mark.index, node.end_mark.index, inline(services))

    def _mapping(self, node: MappingNode, changes: Mapping[str, Any], *, adding: bool, depth: int = 0) -> bool:
        """Whether nothing is left of it. `depth`: 0 is the whole, 1 the services, 2 a service."""
        own = {key.value: (key, value) for key, value in node.value}
        whole, column = self.value(node), self._column(node)
        left, added = set(own), dict[str, Any]()
        hidden = {name for name, change in changes.items() if change is None and name in whole and name not in own}
        for name, change in changes.items():
            if name in own and name != "<<":
                if not self._entry(*own[name], column, change, adding=adding, depth=depth):
                    left.discard(name)
            elif change is None and not adding:
                continue
            else:
                new = _applied(whole.get(name), change, name, adding=adding)
                if (new or not isinstance(change, Mapping)) and _differ(new, whole.get(name, _Nothing)):
                    added[name] = new
        if hidden and not adding:  # they come from elsewhere, so the rest of that is written here instead
            key, value = own["<<"]
            rest = {name: one for name, one in whole.items() if name not in own and name not in hidden | set(added)}
            self.splice(self._line(key.start_mark.index), self._end(key, value), self._lines_of(rest, column))
            left.discard("<<")
            left |= set(rest)
        if added:
            lines = "".join(("" if depth else "\n") + self.lines(name, value, column) for name, value in added.items())
            self.insert(self._end(*node.value[-1]), lines)
        return not left and not added

    def _lines_of(self, values: Mapping[str, Any], column: int) -> str:
        return block(values, column, step=self.step, dash=self.dash)

    def _entry(self, key: Node, value: Node, column: int, change: Any, *, adding: bool, depth: int) -> bool:
        """Whether it is still there. What becomes empty goes, but a service stays."""
        start, end, name = self._line(key.start_mark.index), self._end(key, value), str(key.value)
        if change is None and not adding:
            self.splice(start, end, "")
            return False
        old, alias = self.value(value), _is_alias(key, value)
        if isinstance(change, Mapping) and _is_block(key, value):
            before = len(self._splices)
            if isinstance(value, MappingNode):
                empty = self._mapping(value, change, adding=adding, depth=depth + 1) and depth > 1
            elif (plain := self._list(value, change, name)) is not None:
                empty = plain
            else:
                self.splice(start, end, self.lines(name, _applied(old, change, name, adding=adding), column))
                return True
            if empty:
                del self._splices[before:]
                self.splice(start, end, "")
            return not empty
        new = _applied(old, change, name, adding=adding)
        if isinstance(change, Mapping) and not new and old and depth > 1:
            self.splice(start, end, "")
            return False
        if not _differ(new, old):
            return True
        anchor = str(value.anchor) if value.anchor and not alias else ""
        if not alias and not anchor and self._on_one_line(value, new):
            quote = value.style or "" if isinstance(value, ScalarNode) else ""
            written = scalar(new, quote) if isinstance(value, ScalarNode) else inline(new)
            self.splice(value.start_mark.index, value.end_mark.index, written)
        else:
            lines = entry(name, new, column, step=self.step, dash=self.dash, anchor=anchor)
            self.splice(start, end, lines)
        return True

    def _on_one_line(self, value: Node, new: Any) -> bool:
        """Whether the new value can stand where the old one does, on its line."""
        if value.start_mark.line != value.end_mark.line or value.start_mark.index == value.end_mark.index:
            return False
        collection = isinstance(new, Mapping | list | tuple)
        if isinstance(value, ScalarNode):
            return value.style not in ("|", ">") and not collection and new is not None
        return collection

    def _list(self, node: Node, changes: Mapping[str, Any], name: str) -> bool | None:
        """Changes of a list of NAME=value lines: whether nothing is left of it. None where it has to become a mapping."""
        if (
            not isinstance(node, SequenceNode)
            or name not in _LINES
            or not all(_is_text(one, node) for one in node.value)
        ):
            return None
        plain = name == "depends_on"
        if plain and any(change is not None for change in changes.values()):
            return None
        places, added = self._items(node), list[str]()
        names = [str(one.value) if plain else str(one.value).partition("=")[0] for one in node.value]
        gone = 0
        for key, change in changes.items():
            numbers = [number for number, one in enumerate(names) if one == key]
            line = f"{key}={_said(change)}"
            for number in numbers[:-1] if change is not None else numbers:
                self.splice(*places[number], "")
                gone += 1
            if change is not None and numbers:
                one = node.value[numbers[-1]]
                if one.value != line:
                    self.splice(one.start_mark.index, one.end_mark.index, scalar(line, one.style or ""))
            elif change is not None:
                added.append(item(line, self._column(node)))
        if added:
            self.insert(places[-1][1], "".join(added))
        return gone == len(names) and not added


class _Nothing:
    """What no value is equal to."""


def _applied(old: Any, change: Any, name: str = "", *, adding: bool = False) -> Any:
    """A value after a change, as plain data."""
    if not isinstance(change, Mapping):
        return change
    if isinstance(old, list):
        if name == "depends_on" and all(one is None for one in change.values()):
            return [one for one in old if one not in change]
        if name == "depends_on":
            found: dict[str, Any] = {str(one): {"condition": "service_started"} for one in old}
        else:
            found = {str(one).partition("=")[0]: str(one).partition("=")[2] if "=" in str(one) else None for one in old}
    elif isinstance(old, str) and name == "build":
        found = {"context": old}
    else:
        found = dict(old) if isinstance(old, Mapping) else {}
    for key, one in change.items():
        if one is None and not adding:
            found.pop(key, None)
        else:
            new = _applied(found.get(key), one, str(key))
            if new or not isinstance(one, Mapping) or isinstance(found.get(key), Mapping):
                found[key] = new
            else:
                found.pop(key, None)
    return found


def _differ(new: Any, old: Any) -> bool:
    """1 is not true, and an order of keys is none."""
    return (
        new != old
        or (isinstance(new, bool) is not isinstance(old, bool))
        or isinstance(new, str) is not isinstance(old, str)
    )


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_text(node: Node, parent: Node) -> bool:
    return (
        isinstance(node, ScalarNode)
        and node.start_mark.index >= parent.start_mark.index
        and node.style not in ("|", ">")
    )


def _is_alias(key: Node, value: Node) -> bool:
    """An alias has the place of what it stands for, which is above."""
    return bool(value.start_mark.index < key.end_mark.index)


def _is_block(key: Node, value: Node) -> bool:
    """Whether it stands on lines of its own, below its key."""
    if not isinstance(value, MappingNode | SequenceNode) or value.flow_style or _is_alias(key, value):
        return False
    return bool(value.value) and (bool(value.anchor) or value.start_mark.line > key.end_mark.line)


def _comment(line: str, least: int, most: int = 1000) -> bool:
    found = re.match(r"( *)#", line)
    return found is not None and least <= len(found[1]) <= most


def _get(node: Node | None, name: str) -> Node | None:
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if key.value == name:
            return value  # type: ignore[no-any-return]
    return None


def _pairs(node: Node | None) -> Iterator[tuple[Node, Node, int]]:
    """Every entry of every block mapping, with the mapping's column."""
    if isinstance(node, MappingNode) and not node.flow_style:
        for key, value in node.value:
            yield key, value, key.start_mark.column
            if not _is_alias(key, value):
                yield from _pairs(value)
