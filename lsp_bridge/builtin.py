"""A language server for compose.yaml with `x-codeyard`: problems, completion, hover, and repairs.

What is right and wrong in such a file is not for this library to say: whoever starts the server hands it `Knows`, and it
speaks the protocol (LSP 3.17, by pygls) over its standard streams.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

_WAIT: Final = 0.15
_LINE: Final = re.compile(
    r"^(?P<indent> *)(?P<dash>- +)?(?P<key>[^\s:#'\"{}\[\],&*!|>%@`][^:#]*?|\"[^\"]*\"):(?=\s|$)(?P<value>.*)$"
)
_REFERENCE: Final = re.compile(r"(?<!\$)\$\{?([A-Za-z_][A-Za-z0-9_]*)?$")
_USED: Final = re.compile(r"(?<!\$)\$(?:\{([A-Za-z_][A-Za-z0-9_]*)|([A-Za-z_][A-Za-z0-9_]*))")
_FLOW: Final = re.compile(r"(?P<before>[^\[#]*\[)(?P<items>[^\[\]{}#]*)(?P<after>\].*)", re.DOTALL)
_SEVERITIES: Final = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "ignored": lsp.DiagnosticSeverity.Information,
}


class Problem(NamedTuple):
    """`severity` is error, warning or ignored; `path` is dotted, `line` counts from 1, 0 where nobody knows."""

    severity: str
    code: str
    path: str
    message: str
    line: int


class Knows(NamedTuple):
    """`problems`: of a file's name and text. `fields`: the names that a mapping at a dotted path may have, with what each is;
    a name of the author's own is `*` in the path. `notes`: what else is said of a field there that is not proposed. `values`:
    for a field's path, what its value may be. `variables`: those that may be referred to, with where each is from."""

    problems: Callable[[str, str], Sequence[Problem]]
    fields: Mapping[str, Mapping[str, str]]
    notes: Mapping[str, Mapping[str, str]]
    values: Mapping[str, Sequence[str]]
    variables: Callable[[], Mapping[str, str]]


class Place(NamedTuple):
    """Where a line stands: the keys above it, its own key (empty while it is typed), and how far in it is."""

    path: tuple[str, ...]
    key: str
    indent: int


def serve(knows: Knows) -> None:
    """Until its client says `exit`."""
    _server(knows).start_io()


def _server(knows: Knows) -> LanguageServer:
    server = LanguageServer("codeyard-compose", "1", text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental)
    waiting: dict[str, asyncio.TimerHandle] = {}

    def check(uri: str) -> None:
        waiting.pop(uri, None)
        document = server.workspace.get_text_document(uri)
        found = [_diagnostic(document.lines, one) for one in knows.problems(uri.rpartition("/")[2], document.source)]
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, document.version))

    def soon(uri: str) -> None:
        if uri in waiting:
            waiting[uri].cancel()
        waiting[uri] = asyncio.get_running_loop().call_later(_WAIT, check, uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        check(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        soon(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        if params.text_document.uri in waiting:
            waiting.pop(params.text_document.uri).cancel()
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(params.text_document.uri, []))

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["$", "{", " "]))
    async def complete(params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        lines = server.workspace.get_text_document(params.text_document.uri).lines
        return list(_completions(knows, lines, params.position))

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        lines = server.workspace.get_text_document(params.text_document.uri).lines
        said = _about(knows, lines, params.position)
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, said)) if said else None

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))
    async def repairs(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        document = server.workspace.get_text_document(params.text_document.uri)
        return [
            action
            for one in params.context.diagnostics
            if one.source == "compose" and (action := _repair(document.uri, document.lines, one))
        ]

    return server


def place(lines: Sequence[str], number: int) -> Place:
    """Of a line of block YAML. A flow mapping is a value to it."""
    found = _LINE.match(lines[number].rstrip("\r\n")) if number < len(lines) else None
    text = lines[number] if number < len(lines) else ""
    indent = len(text) - len(text.lstrip(" "))
    key = found["key"].strip().strip('"') if found else ""
    above: list[str] = []
    left = indent
    for line in reversed(lines[:number]):
        parent = _LINE.match(line.rstrip("\r\n"))
        if parent is None or line.lstrip().startswith("#"):
            continue
        depth = len(parent["indent"])
        if depth < left or (depth == left and text.lstrip().startswith("-") and not parent["dash"]):
            above.append(parent["key"].strip().strip('"'))
            left, text = depth, line
    return Place(tuple(reversed(above)), key, indent)


def _known(table: Mapping[str, object], path: Sequence[str]) -> str | None:
    """The entry of a table for this path: names of the author's own are `*` there."""
    for name in table:
        parts = name.split(".") if name else []
        if len(parts) == len(path) and all(part in ("*", one) for part, one in zip(parts, path, strict=True)):
            return name
    return None


def _completions(knows: Knows, lines: Sequence[str], at: lsp.Position) -> Iterator[lsp.CompletionItem]:
    line = lines[at.line].rstrip("\r\n") if at.line < len(lines) else ""
    before = line[: at.character]
    if (reference := _REFERENCE.search(before)) is not None:
        closing = "" if "{" not in reference[0] or line[at.character :].startswith("}") else "}"
        for name, said in knows.variables().items():
            yield lsp.CompletionItem(
                name, kind=lsp.CompletionItemKind.Variable, detail=said, insert_text=name + closing, filter_text=name
            )
        return
    here = place(lines, at.line)
    found = _LINE.match(before)
    if found is not None:
        yield from (_value(one) for one in _values(knows, lines, (*here.path, here.key)))
        return
    if before.lstrip().startswith("-"):
        yield from (_value(one) for one in _values(knows, lines, here.path))
        return
    if (known := _known(knows.fields, here.path)) is not None:
        for field, said in knows.fields[known].items():
            yield lsp.CompletionItem(
                field, kind=lsp.CompletionItemKind.Property, documentation=said, insert_text=f"{field}: "
            )
    yield from (_value(one) for one in _values(knows, lines, here.path))


def _values(knows: Knows, lines: Sequence[str], path: Sequence[str]) -> Sequence[str]:
    if path and path[0] == "services" and len(path) == 3 and path[2] in ("depends_on", "links", "volumes_from"):
        return [one for one in _services(lines) if one != path[1]]
    name = _known(knows.values, path)
    return knows.values[name] if name is not None else ()


def _value(text: str) -> lsp.CompletionItem:
    return lsp.CompletionItem(text, kind=lsp.CompletionItemKind.Value)


def _services(lines: Sequence[str]) -> list[str]:
    """The keys right below `services`, in one pass."""
    names: list[str] = []
    inside, depth = False, 0
    for line in lines:
        found = _LINE.match(line.rstrip("\r\n"))
        if found is None or found["dash"] or line.lstrip().startswith("#"):
            continue
        indent = len(found["indent"])
        if indent == 0:
            inside, depth = found["key"] == "services", 0
        elif inside and indent == (depth := depth or indent):
            names.append(found["key"].strip().strip('"'))
    return names


def _about(knows: Knows, lines: Sequence[str], at: lsp.Position) -> str:
    line = lines[at.line].rstrip("\r\n") if at.line < len(lines) else ""
    for used in _USED.finditer(line):
        if used.start() <= at.character <= used.end():
            name = used[1] or used[2]
            said = knows.variables().get(name, "nothing here gives it a value: set it as a variable of the workspace")
            return f"`{name}`: {said}"
    here = place(lines, at.line)
    start = line.find(here.key)
    if here.key and start <= at.character <= start + len(here.key):
        for table in (knows.fields, knows.notes):
            known = _known(table, here.path)
            if known is not None and here.key in table[known]:
                return f"**{here.key}**: {table[known][here.key]}"
    return ""


def _diagnostic(lines: Sequence[str], problem: Problem) -> lsp.Diagnostic:
    number = min(max(problem.line - 1, 0), max(len(lines) - 1, 0))
    line = lines[number].rstrip("\r\n") if lines else ""
    text = line.strip()
    start = line.find(text) if text else 0
    return lsp.Diagnostic(
        lsp.Range(lsp.Position(number, _units(line[:start])), lsp.Position(number, _units(line[: start + len(text)]))),
        problem.message,
        severity=_SEVERITIES.get(problem.severity, lsp.DiagnosticSeverity.Error),
        code=problem.code,
        source="compose",
        data=problem.path,
    )


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _repair(uri: str, lines: Sequence[str], diagnostic: lsp.Diagnostic) -> lsp.CodeAction | None:
    """A field that is refused or has no effect is taken out, and all that is in it; so is a service that nobody knows, others in
    the same list stay."""
    if diagnostic.code not in ("refused", "ignored", "unknown_service") or not isinstance(diagnostic.data, str):
        return None
    first = diagnostic.range.start.line
    if first >= len(lines):
        return None
    if diagnostic.code == "unknown_service" and (found := _FLOW.fullmatch(lines[first])) is not None:
        items, known = [one.strip() for one in found["items"].split(",")], _services(lines)
        kept = [one for one in items if one.strip("'\"") in known]
        gone = next((one for one in items if one not in kept), "")
        if kept and gone:
            text = f"{found['before']}{', '.join(kept)}{found['after']}"
            return _change(uri, diagnostic, gone, first, first + 1, text)
    here = place(lines, first)
    if not here.key and not lines[first].lstrip().startswith("-"):
        return None
    after = first + 1
    while after < len(lines) and (not lines[after].strip() or _is_inside(lines[after], here, lines[first])):
        after += 1
    while after > first + 1 and not lines[after - 1].strip():
        after -= 1
    return _change(uri, diagnostic, diagnostic.data.rpartition(".")[2] or here.key, first, after, "")


def _change(uri: str, diagnostic: lsp.Diagnostic, name: str, first: int, after: int, text: str) -> lsp.CodeAction:
    """`text` in place of the lines from `first` to before `after`."""
    edit = lsp.TextEdit(lsp.Range(lsp.Position(first, 0), lsp.Position(after, 0)), text)
    return lsp.CodeAction(
        f"Remove {name}", lsp.CodeActionKind.QuickFix, [diagnostic], True, edit=lsp.WorkspaceEdit({uri: [edit]})
    )


def _is_inside(line: str, here: Place, first: str) -> bool:
    indent = len(line) - len(line.lstrip(" "))
    is_item = line.lstrip().startswith("- ") and not first.lstrip().startswith("-")
    return indent > here.indent or (indent == here.indent and is_item)
