"""A compose file's text as maps and lists that know their lines; what no honest file holds is refused (YAML 1.2).

Files are opened beneath the working copy by descriptor: no link is followed, nothing but a regular file is read.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from runtimes.compose.model import BadCompose, Problem

FILE_BYTES: Final = 1 << 20
NODES: Final = 50_000  # of a file, also after aliases are followed: a bomb has billions
DEPTH: Final = 50
FILES: Final = 64
_SMALL: Final = 16 << 10  # characters of a file that is worth remembering: each of its bytes may be a node
DIGITS: Final = 40  # a longer number is text: Python refuses to write some of them out

_YAML = "tag:yaml.org,2002:"
Where = tuple[str, int | None]
"""File and line, counted from 1."""


class Map(dict[str, Any]):
    """A mapping; `where` tells each key's place."""

    def __init__(self) -> None:
        super().__init__()
        self.where: dict[str, Where] = {}

    def put(self, key: str, value: Any, where: Where) -> None:
        self[key] = value
        self.where[key] = where


class Seq(list[Any]):
    """A list; `where` tells each item's place."""

    def __init__(self) -> None:
        super().__init__()
        self.where: list[Where] = []

    def put(self, value: Any, where: Where) -> None:
        self.append(value)
        self.where.append(where)


class Reset:
    """`!reset`: the value of the file below is taken away."""


class Override:
    """`!override`: the value takes the place of the one below instead of being merged into it."""

    def __init__(self, value: Any) -> None:
        self.value = value


def bad(code: str, message: str, *, path: str = "", where: Where = ("compose.yaml", None)) -> BadCompose:
    return BadCompose([Problem(severity="error", code=code, path=path, message=message, file=where[0], line=where[1])])


def clean(relative: str, base: str = "") -> str | None:
    """A path of a file as one relative to the working copy ("" is its top); None if it leads out."""
    if relative.startswith(("/", "~")) or "\0" in relative:
        return None
    path = os.path.normpath(os.path.join(base, relative)) if relative or base else "."
    return None if path == ".." or path.startswith("../") else "" if path == "." else path


def printable(text: str) -> bool:
    """Whether a program can be given it: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


@contextmanager
def opened(root: str | os.PathLike[str], relative: str) -> Iterator[int]:
    """A descriptor of a regular file beneath `root`. Raises OSError, also where a link or special file is in the way."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *folders, name = relative.split("/")
        for part in folders:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
        try:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise PermissionError(1, "it is no regular file")
            yield found
        finally:
            os.close(found)
    finally:
        os.close(here)


def read_text(root: str | os.PathLike[str], relative: str, *, where: Where | None = None) -> str | None:
    """A file of the working copy; None where there is none. Raises BadCompose for one that cannot be taken."""
    place = where or (relative, None)
    try:
        with opened(root, relative) as descriptor, open(os.dup(descriptor), "rb") as file:
            data = file.read(FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = (
            f"{relative} cannot be read: {error.strerror}; links, and files that are not regular, are not followed"
        )
        raise bad("bad_file", message, where=place) from error
    if len(data) > FILE_BYTES:
        raise bad("too_large", f"{relative} is larger than 1 MiB", where=place)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad("bad_encoding", f"{relative} is not UTF-8", where=place) from error
    if "\0" in text:
        raise bad("bad_encoding", f"{relative} is not text: it has NUL bytes", where=place)
    return text


def parse(text: str, file: str) -> Map:
    """One document. Raises BadCompose with the line."""
    node = compose(text, file)
    value = Reader(file).value(node, 0) if node is not None else Map()
    if not isinstance(value, Map):
        raise bad("bad_yaml", "a compose file is a mapping with `services`", where=(file, 1))
    return value


_lately = lru_cache(maxsize=32)(parse)


def parsed(text: str, file: str) -> Map:
    """As `parse`, for who changes nothing of it: what was parsed lately is not parsed again."""
    return _lately(text, file) if len(text) <= _SMALL else parse(text, file)


def compose(text: str, file: str) -> Node | None:
    """The tree of one document, with the place of all that is in it. Raises BadCompose with the line."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _Composer
    try:
        return yaml.compose(text)  # type: ignore[no-any-return]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        if error.problem == _TOO_MUCH:
            raise bad("too_complex", _TOO_MUCH, where=(file, line)) from error
        raise bad("bad_yaml", f"this is no YAML: {error.problem or error.context}", where=(file, line)) from error
    except (YAMLError, ReaderError, ValueError, RecursionError) as error:
        raise bad("bad_yaml", f"this is no YAML: {str(error).splitlines()[0]}", where=(file, None)) from error


class _Composer(Composer):
    """Stops at what is too much while it reads, instead of reading all of it first."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.nodes = self.deep = 0
        self.warn_double_anchors = False  # the later one counts, as the specification of YAML has it

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.nodes += 1
        self.deep += 1
        if self.nodes > NODES or self.deep > DEPTH:
            raise MarkedYAMLError(problem=_TOO_MUCH, problem_mark=self.parser.peek_event().start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.deep -= 1


_TOO_MUCH: Final = "this holds too much, or too deeply, when its aliases are followed"


class Reader:
    """Turns nodes into values. Aliases are followed, and counted each time."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.left = NODES

    def value(self, node: Node, depth: int) -> Any:
        self.left -= 1
        where = self.file, node.start_mark.line + 1
        if self.left < 0 or depth > DEPTH:
            raise bad("too_complex", _TOO_MUCH, where=where)
        tag = str(node.tag)
        if tag == "!reset":
            return Reset()
        if tag == "!override":
            return Override(self._plain(node, depth))
        if (
            not tag.startswith(_YAML)
            or tag.removeprefix(_YAML) in ("binary", "set", "omap", "pairs")
            or "python" in tag
        ):
            raise bad("bad_tag", f"the tag {tag} is not known here", where=where)
        return self._plain(node, depth)

    def _plain(self, node: Node, depth: int) -> Any:
        if isinstance(node, MappingNode):
            return self._map(node, depth)
        if isinstance(node, SequenceNode):
            found = Seq()
            for item in node.value:
                found.put(self.value(item, depth + 1), (self.file, item.start_mark.line + 1))
            return found
        return self._scalar(node) if isinstance(node, ScalarNode) else None

    def _scalar(self, node: ScalarNode) -> Any:
        kind, text = str(node.tag).removeprefix(_YAML), str(node.value)
        if not printable(text):
            where = self.file, node.start_mark.line + 1
            raise bad("bad_text", "a text has no NUL, and only whole Unicode characters", where=where)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("true", "yes", "on")
        if kind in ("int", "float") and len(text) <= DIGITS:
            try:
                return int(text.replace("_", ""), 0) if kind == "int" else float(text)
            except ValueError:
                return text
        return text

    def _map(self, node: MappingNode, depth: int) -> Map:
        found, merged = Map(), Map()
        for key, value in node.value:
            where = self.file, key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or not printable(key.value):
                raise bad("bad_key", "a key is a plain word", where=where)
            if key.value == "<<" and key.style is None:
                self._merge(merged, self.value(value, depth + 1), where)
                continue
            if key.value in found:
                raise bad("duplicate_key", f"{key.value} stands here twice", where=where)
            found.put(str(key.value), self.value(value, depth + 1), where)
        for name, value in merged.items():
            if name not in found:
                found.put(name, value, merged.where[name])
        return found

    def _merge(self, into: Map, value: Any, where: Where) -> None:
        for one in value if isinstance(value, Seq) else [value]:
            if not isinstance(one, Map):
                raise bad("bad_merge", "<< takes a mapping", where=where)
            for name, inner in one.items():
                if name not in into:
                    into.put(name, inner, one.where[name])
