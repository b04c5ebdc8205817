"""The catalogue on disk: a folder a template, described under `x-codeyard` of its compose.yaml."""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

from backend.workbench.templates.schemas import Techstack, Template, TemplateVariable
from runtimes.compose.source import Map, Seq, parse

FOLDER: Final = Path(__file__).parent / "catalogue"


@cache
def catalogue() -> dict[str, Template]:
    """By id, in alphabetical order of their names. Part of the program, so it is read once."""
    found = {
        path.name: describe(path.name, (path / "compose.yaml").read_text())
        for path in FOLDER.iterdir()
        if path.is_dir()
    }
    return dict(sorted(found.items(), key=lambda item: item[1].name.lower()))


def describe(name: str, text: str) -> Template:
    """What a compose file says of itself as a template. Raises BadCompose."""
    top = parse(text, "compose.yaml")
    said = _map(top.get("x-codeyard"))
    return Template(
        id=name,
        name=str(said.get("name") or name),
        description=str(said.get("description") or ""),
        icon=str(said.get("icon") or ""),
        techstacks=[
            Techstack(str(one.get("name")), str(one.get("icon") or "")) for one in _maps(said.get("techstacks"))
        ],
        services=list(_map(top.get("services"))),
        variables=[
            TemplateVariable(
                name=str(one.get("name")),
                description=str(one.get("description") or ""),
                default=None if one.get("default") is None else str(one["default"]),
                generated=bool(one.get("generate")),
            )
            for one in _maps(said.get("variables"))
        ],
        tags=[str(one) for one in said.get("tags") or []],
    )


def copy(template: str, to: Path) -> None:
    """All files of a template into an empty working copy."""
    for path in (FOLDER / template).rglob("*"):
        target = to / path.relative_to(FOLDER / template)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            os.chmod(target, 0o644)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, Map) else {}


def _maps(value: Any) -> list[Map]:
    return [one for one in value if isinstance(one, Map)] if isinstance(value, Seq) else []
