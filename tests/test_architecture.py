"""The law of the house, held by machine: imports run down the table of contents, libraries know nothing of the backend,
no long or disk-touching handler holds a database session, and every route names its guard."""

import ast
import inspect
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.features import FEATURES, each

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("runtimes", "lsp_bridge")
FIXED_NAMES = {"models", "schemas", "repository", "service", "routes", "events", "jobs", "lifespan"}
TOUCHES_THE_WORLD = (
    "pygit2",
    "subprocess",
    "shutil",
    "runtimes",
    "docker",
    "backend.core.git",
    "backend.core.worktree",
)


def sources(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "catalogue" in path.parts:  # templates are other people's programs to be
            continue
        yield path, ast.parse(path.read_text(), str(path))


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, module) of every import that runs; `if TYPE_CHECKING:` does not."""
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for statement in branch.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def feature_of(module: str) -> str | None:
    """The feature that a dotted module lies in, if any."""
    name = module.removeprefix("backend.")
    return next((feature for feature in FEATURES if name == feature or name.startswith(feature + ".")), None)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_imports_run_down_the_table_of_contents():
    wrong = []
    for path, tree in sources("backend"):
        here = module_of(path)
        mine = feature_of(here)
        for line, module in imports(tree):
            theirs = feature_of(module)
            in_cellar = here.startswith("backend.core")
            if theirs and (in_cellar or (mine and FEATURES.index(theirs) > FEATURES.index(mine))):
                wrong.append(f"{path.relative_to(ROOT)}:{line} reaches up to {module}")
    assert not wrong, "\n".join(wrong)


def test_libraries_do_not_know_the_backend():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for library in LIBRARIES
        for path, tree in sources(library)
        for line, module in imports(tree)
        if module.split(".")[0] in {"backend", "litestar", "sqlalchemy", "asyncpg"}
        or (module.split(".")[0] in LIBRARIES and module.split(".")[0] != library)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_feature_folder_is_listed_and_every_listed_one_exists():
    found = {
        f"{path.parent.parent.name}.{path.parent.name}"
        for path in (ROOT / "backend").glob("*/*/__init__.py")
        if path.parent.parent.name != "core"
    }
    assert found == set(FEATURES)


def test_every_file_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for folder in ("backend", *LIBRARIES, "migrations", "tests")
        for path, tree in sources(folder)
        if not ast.get_docstring(tree)
    ]
    assert not silent, "\n".join(silent)


def handlers() -> Iterator[tuple[Path, ast.Module, ast.AsyncFunctionDef | ast.FunctionDef]]:
    for path, tree in sources("backend"):
        if path.name != "routes.py":
            continue
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and any(
                isinstance(d, ast.Call)
                and ast.unparse(d.func) in {"get", "post", "put", "patch", "delete", "head", "websocket", "route"}
                for d in node.decorator_list
            ):
                yield path, tree, node


def holds_session(node: ast.AsyncFunctionDef | ast.FunctionDef) -> bool:
    return any(argument.annotation and ast.unparse(argument.annotation) == "Db" for argument in node.args.args)


def test_no_socket_or_stream_holds_a_database_session():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, _, node in handlers()
        if holds_session(node)
        and (
            any("websocket" in ast.unparse(d) for d in node.decorator_list)
            or (node.returns is not None and any(s in ast.unparse(node.returns) for s in ("ServerSentEvent", "Stream")))
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_no_handler_that_touches_the_world_holds_a_database_session():
    """A handler with `Db` must not reach disk, git or a runtime: not in its own module's imports, nor, by name, in the
    functions it calls of modules that do."""
    wrong = []
    for path, _, node in handlers():
        if not holds_session(node):
            continue
        if any(argument.annotation and ast.unparse(argument.annotation) == "Hands" for argument in node.args.args):
            called = {ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
            if any("in_thread" in name or "git" in name.split(".") for name in called):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} holds `Db` and touches the world")
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and touches_the_world(path, ast.unparse(call.func)):
                wrong.append(
                    f"{path.relative_to(ROOT)}:{call.lineno} {node.name} holds `Db` and calls {ast.unparse(call.func)}"
                )
    assert not wrong, "\n".join(wrong)


def touches_the_world(path: Path, name: str) -> bool:
    """Whether `module.function` called in `path` names a function whose body uses a module that touches the world."""
    module_name, _, function_name = name.rpartition(".")
    source = path.parent / f"{module_name}.py"
    if not module_name or not source.exists():
        return False
    tree = ast.parse(source.read_text())
    worldly = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if f"{getattr(node, 'module', None) or ''}.{alias.name}".lstrip(".").startswith(TOUCHES_THE_WORLD)
    }
    function = next((n for n in tree.body if getattr(n, "name", None) == function_name), None)
    return function is not None and any(isinstance(n, ast.Name) and n.id in worldly for n in ast.walk(function))


def test_routes_do_not_postpone_annotations():
    """Litestar reads handler signatures at run time."""
    wrong = [
        str(path.relative_to(ROOT))
        for path, tree in sources("backend")
        if path.name == "routes.py" and any(module == "__future__" for _, module in imports(tree))
    ]
    assert not wrong


def test_every_handler_names_its_guard():
    unguarded = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, _, node in handlers()
        if not any("guards=" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert not unguarded, "\n".join(unguarded)


@pytest.mark.parametrize("part", ["routes", "models", "jobs", "schemas", "repository", "service", "events"])
def test_parts_can_be_imported(part: str):
    assert all(inspect.ismodule(module) for module in each(part))


def test_nothing_loses_a_cancellation():
    """`asyncio.wait_for` of Python 3.11 does, where it comes together with the result; `asyncio.timeout` does not."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("backend", *LIBRARIES)
        for path, tree in sources(folder)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.wait_for"
    ]
    assert not found, "\n".join(found)


def patterns() -> set[str]:
    """What `pattern=` holds, in every schema and route."""
    return {
        node.value.value
        for _, tree in sources("backend")
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant)
    }


@pytest.mark.parametrize("pattern", sorted(patterns()))
def test_a_pattern_ends_where_the_text_does_and_takes_no_longer_than_that(pattern: str):
    """`$` alone also fits before a last newline, in Python though not in the dialect of the API's description, ECMA-262; and a
    pattern that tries every way to divide a text holds the server up for seconds."""
    assert not pattern.startswith("^") or pattern.endswith(r"$(?!\n)"), pattern

    def give_up(*_: object) -> None:
        raise AssertionError(pattern)

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(
        signal.ITIMER_VIRTUAL, 5
    )  # of this process's own work, however busy the machine: a right one takes 0.01
    try:
        for text in ("a", " ", "/", "a/", "0", "h.", "https://a"):
            for end in ("\0", "\n", " ", "!"):
                re.search(pattern, text * 60_000 + end)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
