"""A commit message out of a diff alone: what kind of change, where, and the files where there are several."""

import os
from collections import Counter
from collections.abc import Sequence

from backend.workbench.vcs.schemas import FileDiff

_VERBS = {
    "added": "Add",
    "untracked": "Add",
    "deleted": "Remove",
    "renamed": "Rename",
    "modified": "Update",
    "conflicted": "Resolve",
}
_DOCS = (".md", ".rst", ".txt", ".adoc")
_DEPENDENCIES = {
    "package.json", "package-lock.json", "pyproject.toml", "requirements.txt", "poetry.lock", "uv.lock", "Cargo.toml",
    "Cargo.lock", "go.mod", "go.sum", "Gemfile", "Gemfile.lock", "composer.json",
    "composer.lock", "pom.xml", "yarn.lock", "pnpm-lock.yaml",
}  # fmt: skip
LONGEST = 72


def propose(files: Sequence[FileDiff]) -> str:
    """A subject of at most 72 characters; below it, one line a file where there are two to twenty."""
    subject = _subject(files)
    if len(subject) > LONGEST:
        subject = subject[: LONGEST - 1].rstrip() + "…"
    if not 2 <= len(files) <= 20:
        return subject
    return subject + "\n\n" + "\n".join(f"- {_line(file)}" for file in files)


def _subject(files: Sequence[FileDiff]) -> str:
    if len(files) == 1:
        return _single(files[0])
    paths = [file.path for file in files]
    verbs = Counter(_VERBS[file.status] for file in files)
    verb = verbs.most_common(1)[0][0] if len(verbs) == 1 else "Update"
    if all(os.path.basename(path) in _DEPENDENCIES for path in paths):
        return "Update dependencies"
    if all(_is_test(path) for path in paths):
        return f"{verb} tests{_in(paths)}"
    if all(path.endswith(_DOCS) for path in paths):
        return f"{verb} documentation{_in(paths)}"
    main = [
        file for file in files if not _is_test(file.path) and os.path.basename(file.path) not in _DEPENDENCIES
    ] or files
    if len(main) == 1:
        tested = " and its tests" if any(_is_test(path) for path in paths) else ""
        return _single(main[0]) + tested
    if len(main) == 2:
        return f"{verb} {_name(main[0].path)} and {_name(main[1].path)}"
    return f"{verb} {len(main)} files{_in([file.path for file in main])}"


def _single(file: FileDiff) -> str:
    if file.status == "renamed" and file.old_path is not None:
        same_folder = os.path.dirname(file.path) == os.path.dirname(file.old_path)
        if same_folder or os.path.basename(file.path) != os.path.basename(file.old_path):
            return f"Rename {_name(file.old_path)} to {_name(file.path)}"
        return f"Move {_name(file.path)} to {os.path.dirname(file.path) or 'the top'}"
    if file.path in _DEPENDENCIES and file.status == "modified":
        return f"Update dependencies in {file.path}"
    name = _name(file.path)
    where = next((hunk.header for hunk in file.hunks if hunk.header), "")
    if file.status == "modified" and len({hunk.header for hunk in file.hunks if hunk.header}) == 1:
        symbol = where.split("(")[0].split()[-1].strip(":{") if where.split("(")[0].split() else ""
        if symbol.isidentifier():
            return f"Update {symbol} in {name}"
    return f"{_VERBS[file.status]} {name}"


def _line(file: FileDiff) -> str:
    counts = "" if file.binary else f" (+{file.additions} −{file.deletions})"
    old = f"{file.old_path} → " if file.old_path else ""
    return f"{_VERBS[file.status]} {old}{file.path}{counts}"


def _in(paths: Sequence[str]) -> str:
    folder = os.path.commonpath(paths) if len(paths) > 1 else os.path.dirname(paths[0])
    return f" in {folder}" if folder else ""


def _name(path: str) -> str:
    """The file's name, with its folder where the name alone says nothing."""
    folder, base = os.path.split(path)
    return (
        f"{os.path.basename(folder)}/{base}"
        if base.split(".")[0] in ("index", "__init__", "main", "mod") and folder
        else base
    )


def _is_test(path: str) -> bool:
    base = os.path.basename(path)
    return (
        "tests" in path.split("/")
        or "__tests__" in path.split("/")
        or base.startswith("test_")
        or ".test." in base
        or ".spec." in base
    )
