"""What every server is told that its client can do, and what viewers are told that the servers together can do.

The client of a shared server is no one editor, so the same capabilities are declared whoever looks: those of a modern
editor, less what cannot be shared. Diagnostics are pushed, never pulled: pushed ones can be kept for newcomers. Abilities
are said at the start, not registered later: not every editor knows registrations (servers that register all the same are
passed on to those that do)."""

from collections.abc import Iterable
from typing import Any, Final

_KINDS: Final = ["", "quickfix", "refactor", "refactor.extract", "refactor.inline", "refactor.rewrite", "source"]
_SOURCE_KINDS: Final = ["source.organizeImports", "source.fixAll"]
_TOKENS: Final = (
    "namespace type class enum interface struct typeParameter parameter variable property enumMember event function "
    "method macro keyword modifier comment string number regexp operator decorator"
)
_MODIFIERS: Final = (
    "declaration definition readonly static deprecated abstract async modification documentation defaultLibrary"
)
_MARKUP: Final = ["markdown", "plaintext"]
_PLAIN: Final[dict[str, Any]] = {}
_LINKS: Final = {"linkSupport": False}
_DYNAMIC: Final = {"dynamicRegistration": True}

CLIENT: Final[dict[str, Any]] = {
    "general": {"positionEncodings": ["utf-16"], "regularExpressions": {"engine": "ECMAScript", "version": "ES2020"}},
    "window": {"workDoneProgress": True, "showMessage": {}, "showDocument": {"support": True}},
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "workspaceFolders": True,
        "didChangeConfiguration": _DYNAMIC,
        "didChangeWatchedFiles": {"dynamicRegistration": True, "relativePatternSupport": False},
        "executeCommand": _PLAIN,
        "symbol": {"symbolKind": {"valueSet": list(range(1, 27))}},
        "semanticTokens": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
        "fileOperations": {"didCreate": True, "didRename": True, "didDelete": True, "willRename": True},
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename", "delete"],
            "failureHandling": "abort",
        },
    },
    "textDocument": {
        "synchronization": {"didSave": True},
        "publishDiagnostics": {
            "relatedInformation": True,
            "versionSupport": True,
            "codeDescriptionSupport": True,
            "dataSupport": True,
            "tagSupport": {"valueSet": [1, 2]},
        },
        "completion": {
            "contextSupport": True,
            "completionItem": {
                "snippetSupport": True,
                "commitCharactersSupport": True,
                "documentationFormat": _MARKUP,
                "deprecatedSupport": True,
                "preselectSupport": True,
                "insertReplaceSupport": False,
                "labelDetailsSupport": True,
                "tagSupport": {"valueSet": [1]},
                "resolveSupport": {"properties": ["documentation", "detail", "additionalTextEdits"]},
            },
            "completionItemKind": {"valueSet": list(range(1, 26))},
        },
        "hover": {"contentFormat": _MARKUP},
        "signatureHelp": {
            "contextSupport": True,
            "signatureInformation": {
                "documentationFormat": _MARKUP,
                "parameterInformation": {"labelOffsetSupport": True},
                "activeParameterSupport": True,
            },
        },
        "declaration": _LINKS,
        "definition": _LINKS,
        "typeDefinition": _LINKS,
        "implementation": _LINKS,
        "references": _PLAIN,
        "documentHighlight": _PLAIN,
        "documentSymbol": {
            "hierarchicalDocumentSymbolSupport": True,
            "symbolKind": {"valueSet": list(range(1, 27))},
        },
        "codeAction": {
            "isPreferredSupport": True,
            "disabledSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": _KINDS + _SOURCE_KINDS}},
        },
        "codeLens": _PLAIN,
        "documentLink": _PLAIN,
        "colorProvider": _PLAIN,
        "formatting": _PLAIN,
        "rangeFormatting": _PLAIN,
        "onTypeFormatting": _PLAIN,
        "rename": {"prepareSupport": True},
        "foldingRange": {"lineFoldingOnly": True},
        "selectionRange": _PLAIN,
        "linkedEditingRange": _PLAIN,
        "callHierarchy": _PLAIN,
        "typeHierarchy": _PLAIN,
        "inlayHint": {"resolveSupport": {"properties": ["tooltip", "textEdits"]}},
        "semanticTokens": {
            "requests": {"range": True, "full": {"delta": False}},
            "tokenTypes": _TOKENS.split(),
            "tokenModifiers": _MODIFIERS.split(),
            "formats": ["relative"],
            "overlappingTokenSupport": False,
            "multilineTokenSupport": False,
        },
    },
}

PROVIDERS: Final = {
    "textDocument/completion": "completionProvider",
    "textDocument/hover": "hoverProvider",
    "textDocument/signatureHelp": "signatureHelpProvider",
    "textDocument/declaration": "declarationProvider",
    "textDocument/definition": "definitionProvider",
    "textDocument/typeDefinition": "typeDefinitionProvider",
    "textDocument/implementation": "implementationProvider",
    "textDocument/references": "referencesProvider",
    "textDocument/documentHighlight": "documentHighlightProvider",
    "textDocument/documentSymbol": "documentSymbolProvider",
    "textDocument/codeAction": "codeActionProvider",
    "textDocument/codeLens": "codeLensProvider",
    "textDocument/documentLink": "documentLinkProvider",
    "textDocument/documentColor": "colorProvider",
    "textDocument/formatting": "documentFormattingProvider",
    "textDocument/rangeFormatting": "documentRangeFormattingProvider",
    "textDocument/onTypeFormatting": "documentOnTypeFormattingProvider",
    "textDocument/rename": "renameProvider",
    "textDocument/foldingRange": "foldingRangeProvider",
    "textDocument/selectionRange": "selectionRangeProvider",
    "textDocument/linkedEditingRange": "linkedEditingRangeProvider",
    "textDocument/prepareCallHierarchy": "callHierarchyProvider",
    "textDocument/prepareTypeHierarchy": "typeHierarchyProvider",
    "textDocument/semanticTokens": "semanticTokensProvider",
    "textDocument/inlayHint": "inlayHintProvider",
    "workspace/symbol": "workspaceSymbolProvider",
    "workspace/executeCommand": "executeCommandProvider",
}
"""The method under which a capability is registered → its name among a server's capabilities (LSP 3.17)."""

_UNDER: Final = {
    "completionItem/resolve": "textDocument/completion",
    "codeAction/resolve": "textDocument/codeAction",
    "codeLens/resolve": "textDocument/codeLens",
    "documentLink/resolve": "textDocument/documentLink",
    "inlayHint/resolve": "textDocument/inlayHint",
    "workspaceSymbol/resolve": "workspace/symbol",
    "textDocument/prepareRename": "textDocument/rename",
    "textDocument/colorPresentation": "textDocument/documentColor",
    "textDocument/semanticTokens/full": "textDocument/semanticTokens",
    "textDocument/semanticTokens/range": "textDocument/semanticTokens",
    "textDocument/semanticTokens/full/delta": "textDocument/semanticTokens",
    "callHierarchy/incomingCalls": "textDocument/prepareCallHierarchy",
    "callHierarchy/outgoingCalls": "textDocument/prepareCallHierarchy",
    "typeHierarchy/supertypes": "textDocument/prepareTypeHierarchy",
    "typeHierarchy/subtypes": "textDocument/prepareTypeHierarchy",
}

SYNC: Final = {"openClose": True, "change": 2, "save": {"includeText": False}}
_NOT_PASSED_ON: Final = {
    "textDocumentSync",
    "positionEncoding",
    "diagnosticProvider",
    "notebookDocumentSync",
    "workspace",
}
_UNITED: Final = {"triggerCharacters", "retriggerCharacters", "allCommitCharacters", "codeActionKinds", "commands"}


def registered_as(method: str) -> str:
    """The method under which a server says that it answers `method`."""
    return _UNDER.get(method, method)


def together(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The capabilities of a server that would be all of them. Where two answer the same, the first one's options, with the
    lists of characters, kinds and commands of both."""
    made: dict[str, Any] = {"positionEncoding": "utf-16", "textDocumentSync": SYNC}
    operations: dict[str, Any] = {}
    for capabilities in several:
        workspace = capabilities.get("workspace")
        if isinstance(workspace, dict) and isinstance(workspace.get("fileOperations"), dict):
            operations = workspace["fileOperations"] | operations
        for name, value in capabilities.items():
            if value not in (None, False) and name not in _NOT_PASSED_ON:
                made[name] = _united(name, made[name], value) if name in made else value
    if operations:
        made["workspace"] = {"fileOperations": operations}
    return made


def _united(name: str, first: Any, second: Any) -> Any:
    if name == "semanticTokensProvider" or not isinstance(second, dict):
        return first  # numbers mean what the first one's legend says
    if not isinstance(first, dict):
        return {key: value for key, value in second.items() if key not in _UNITED or name != "codeActionProvider"}
    made = dict(first)
    for key in _UNITED & (first.keys() | second.keys()):
        if name == "codeActionProvider" and not (key in first and key in second):
            made.pop(key, None)  # without a list: any kind
        else:
            made[key] = list(dict.fromkeys([*first.get(key, ()), *second.get(key, ())]))
    if second.get("resolveProvider"):
        made["resolveProvider"] = True
    return made


def synchronised(capabilities: dict[str, Any]) -> tuple[int, bool, bool]:
    """How a server wants to learn of changes (0 not, 1 whole texts, 2 what changed), whether of saving, whether with text."""
    sync = capabilities.get("textDocumentSync")
    if isinstance(sync, int):
        return sync, sync > 0, False
    if not isinstance(sync, dict):
        return 0, False, False
    save = sync.get("save")
    change = sync.get("change", 0)
    return (
        change if change in (0, 1, 2) else 1,
        bool(save) or save == {},
        isinstance(save, dict) and bool(save.get("includeText")),
    )
