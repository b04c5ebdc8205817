"""The catalogue: what is looked for, what is found, what is said where nothing is."""

import json
import subprocess
from pathlib import Path

import pytest

from lsp_bridge import catalog
from lsp_bridge.catalog import LANGUAGES, find, language_of


def test_the_best_of_each_role_is_found():
    found = find(LANGUAGES["python"], {"pyrefly": "/bin/pyrefly", "ruff": "/bin/ruff"}.get)
    assert [(spec.name, argv) for spec, argv in found.servers] == [
        ("pyrefly", ["/bin/pyrefly", "lsp"]),
        ("ruff", ["/bin/ruff", "server"]),
    ]
    assert not found.missing


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({}, "ty"),
        ({"pyrightconfig.json": b"{}"}, "basedpyright"),
        ({"pyproject.toml": b"[tool.basedpyright]\n"}, "basedpyright"),
        ({"pyproject.toml": b"[tool.pyrefly]\n[tool.ruff]\n"}, "ty"),  # which is not there
        ({"pyproject.toml": b"[tool.ruff]\n"}, "ty"),
        ({"pyproject.toml": b"[tool"}, "ty"),
        ({"pyproject.toml": b"\xff"}, "ty"),
        ({"pyproject.toml": b"tool = 3\n"}, "ty"),
        ({"pyproject.toml": b"tool = {ty = 1, pyright = 2}\n"}, "ty"),
    ],
)
def test_what_the_project_is_configured_for_goes_before_the_best(files, chosen):
    there = {name: f"/bin/{name}" for name in ("ty", "basedpyright-langserver", "pyright-langserver", "ruff")}
    found = find(LANGUAGES["python"], there.get, files.get)
    assert [spec.name for spec, _ in found.servers] == [chosen, "ruff"]


def test_what_is_missing_says_how_to_install_it():
    found = find(LANGUAGES["go"], lambda _: None)
    assert not found.servers and "go install" in found.missing[0].install


def test_every_server_says_what_it_is():
    for language in LANGUAGES.values():
        assert language.ids and catalog.commands(language)
        for role in language.servers:
            for spec in role:
                assert spec.install and spec.memory_limit > 0, spec.name
                if spec is not catalog.COMPOSE:  # a line to be typed as it stands: by which program, into whose home
                    assert spec.install.partition(" ")[0] in ("npm", "pip", "{"), spec.name
                    assert subprocess.run(["sh", "-nc", spec.install], check=False).returncode == 0, spec.name
                    assert "(" not in spec.install and "," not in spec.install, spec.name


def test_names_of_servers_are_their_own_within_a_language():
    for language in LANGUAGES.values():
        names = [spec.name for role in language.servers for spec in role]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("path", "language", "language_id"),
    [
        ("src/a.py", "python", "python"),
        ("a.tsx", "typescript", "typescriptreact"),
        ("x/y/package.json", "json", "json"),
        ("compose.yaml", "yaml", "yaml"),
        ("Dockerfile.dev", "dockerfile", "dockerfile"),
        ("a.h", "cpp", "c"),
        ("go.mod", "go", "go.mod"),
        ("run.sh", "shell", "shellscript"),
    ],
)
def test_a_file_s_name_tells_its_language(path, language, language_id):
    found = language_of(path)
    assert found is not None and (found[0].name, found[1]) == (language, language_id)


def test_a_file_that_nothing_serves_has_none():
    assert language_of("README") is None


def test_the_page_asks_for_the_servers_that_the_catalogue_has_for_a_name():
    house = Path(__file__).resolve().parents[2]
    names = [name.replace("*", "a") for language in LANGUAGES.values() for name in language.ids]
    script = (
        'import { serverLanguage } from "./frontend/src/editor/names.ts";'
        "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(serverLanguage)))"
    )
    words = [house / ".venv/node/bin/node", "--no-warnings", "--input-type=module", "-e", script, json.dumps(names)]
    said = json.loads(subprocess.run(words, cwd=house, capture_output=True, text=True, check=True, timeout=60).stdout)
    for name, asked in zip(names, said, strict=True):
        known = language_of(name)
        assert known is not None and asked == {"language": known[0].name, "id": known[1]}, name
