"""Edits change what they say and nothing else."""

import pytest

from runtimes.compose import edit
from runtimes.compose.read import load

FILE = """\
# Everything that the shop needs.
services:
  web:
    image: "node:24"   # pinned on purpose
    environment:
      # where the API is
      API: 'http://api:8000'
      DEBUG: "true"
    ports:
      - "3000:3000"
    depends_on: [api, db]

  # speaks to the database
  api:
    image: python:3.13
    command: ["uvicorn", "main:app"]

  db:
    image: postgres:17
    volumes:
      - data:/var/lib/postgresql/data

volumes:
  data:
"""


def lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went, and lines that came."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_one_value_is_changed_and_not_a_byte_else():
    changed = edit.update_service(FILE, "api", {"image": "python:3.14"})
    assert changed == FILE.replace("python:3.13", "python:3.14")


def test_a_variable_is_set_and_another_taken_away():
    changed = edit.update_service(FILE, "web", {"environment": {"DEBUG": None, "COLOUR": "red"}})
    gone, come = lines(FILE, changed)
    assert [line.strip() for line in gone] == ['DEBUG: "true"']
    assert [line.strip() for line in come] == ["COLOUR: red"]
    assert "# where the API is" in changed and "# pinned on purpose" in changed


def test_a_service_is_added_at_the_end_and_removing_it_gives_the_same_bytes():
    added = edit.add_service(FILE, "cache", {"image": "redis:8", "ports": [6379]})
    assert list_of(added) == ["web", "api", "db", "cache"]
    assert lines(FILE, added)[0] == []
    assert edit.remove_service(added, "cache").strip() == FILE.strip()


def test_removing_a_service_takes_it_out_of_what_depends_on_it():
    removed = edit.remove_service(FILE, "db")
    assert "db" not in list_of(removed) and "depends_on: [api]" in removed


def test_renaming_keeps_its_place_and_what_depends_on_it():
    renamed = edit.rename_service(FILE, "api", "backend")
    assert list_of(renamed) == ["web", "backend", "db"] and "depends_on: [backend, db]" in renamed
    assert edit.rename_service(renamed, "backend", "api") == FILE


def test_services_are_reordered_with_all_that_is_theirs():
    turned = edit.reorder(FILE, ["db", "web", "api"])
    assert list_of(turned) == ["db", "web", "api"]
    assert sorted(line for line in turned.splitlines() if line.strip()) == sorted(
        line for line in FILE.splitlines() if line.strip()
    )


def test_a_new_file_is_begun():
    text = edit.add_service("", "web", {"image": "nginx:1", "x-codeyard": {"kind": "gateway"}})
    assert text == "services:\n  web:\n    image: nginx:1\n    x-codeyard:\n      kind: gateway\n"


def test_a_volume_is_declared_once():
    assert edit.declare_volume(FILE, "data") == FILE
    assert edit.declare_volume(FILE, "cache").endswith("volumes:\n  data:\n  cache:\n")


@pytest.mark.parametrize("indent", ["  ", "    "])
def test_the_files_own_indentation_is_kept(indent):
    text = f"services:\n{indent}web:\n{indent * 2}image: x\n{indent * 2}ports:\n{indent * 2}- 80\n"
    assert edit.update_service(text, "web", {"image": "y"}) == text.replace("image: x", "image: y")


def test_what_is_not_there_or_already_there_is_said():
    with pytest.raises(KeyError):
        edit.update_service(FILE, "nope", {"image": "x"})
    with pytest.raises(ValueError):
        edit.add_service(FILE, "web", {"image": "x"})
    with pytest.raises(KeyError):
        edit.reorder(FILE, ["web"])


def test_an_edited_file_still_says_the_same(tmp_path):
    (tmp_path / "compose.yaml").write_text(FILE)
    before = load(tmp_path, variables={})
    (tmp_path / "compose.yaml").write_text(edit.update_service(FILE, "web", {"image": "node:24"}))
    assert load(tmp_path, variables={}).services == before.services


def list_of(text: str) -> list[str]:
    from runtimes.compose.source import parse

    return list(parse(text, "compose.yaml")["services"])
