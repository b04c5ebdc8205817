"""Edits change what they say and nothing else."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from runtimes.compose import edit
from runtimes.compose.document import Document
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


FILES = sorted(
    path for path in (Path(__file__).parent / "compose").rglob("*compose*.y*ml") if "!override" not in path.read_text()
)
KINDS = {
    "as it is": lambda text: text,
    "without a line end at its end": lambda text: text.removesuffix("\n"),
    "from another system": lambda text: text.replace("\n", "\r\n"),
    "with a mark of its encoding": lambda text: "\ufeff" + text,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(Path(__file__).parent)))
def test_an_edit_and_its_inverse_give_the_same_bytes(path, kind):
    text = KINDS[kind](path.read_bytes().decode())
    services = Document(text).services()
    names = list(services)
    merging = [
        name for name, body in YAML(typ="rt").load(text.removeprefix("\ufeff"))["services"].items() if body.merge
    ]
    assert edit.remove_service(edit.add_service(text, "new-one", {"image": "x", "ports": [80]}), "new-one") == text
    turned = names[::-1]
    assert edit.reorder(edit.reorder(text, turned), names) == text
    for name, body in services.items():
        assert edit.rename_service(edit.rename_service(text, name, "another"), "another", name) == text
        for field, value in body.items():
            if not isinstance(value, dict) or None not in value.values():  # which is to take one away
                assert edit.update_service(text, name, {field: value}) == text
            if name not in merging and isinstance(value, str) and "\n" not in value and f"{field}: {value}\n" in text:
                changed = edit.update_service(text, name, {field: "else"})
                assert edit.update_service(changed, name, {field: value}) == text
        added = edit.update_service(text, name, {"x-new": {"a": ["b"]}})
        assert edit.update_service(added, name, {"x-new": None}) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(Path(__file__).parent)))
def test_an_edit_changes_what_it_says_and_no_other_value(path):
    text = path.read_text()
    for name, body in data_of(text)["services"].items():
        changes = {"image": "a:1", "environment": {"NEW": "x: y", "LOG": "1"}, "command": ["a", "-b"], "restart": None}
        after = data_of(edit.update_service(text, name, changes))
        expected = data_of(text)
        service = expected["services"][name]
        service |= {"image": "a:1", "command": ["a", "-b"]}
        service.pop("restart", None)
        given = body.get("environment")
        if isinstance(given, list):
            kept = [line for line in given if line.partition("=")[0] not in ("NEW", "LOG")]
            assert sorted(after["services"][name].pop("environment")) == sorted([*kept, "LOG=1", "NEW=x: y"])
            service.pop("environment")
        else:
            service["environment"] = (given or {}) | {"NEW": "x: y", "LOG": "1"}
        assert after == expected
        removed = data_of(edit.remove_service(text, name))
        expected = data_of(text)
        del expected["services"][name]
        for other in expected["services"].values():
            depends = other.get("depends_on")
            if depends and name in depends:
                depends.remove(name) if isinstance(depends, list) else depends.pop(name)
                if not depends:
                    del other["depends_on"]
        assert removed.get("services") == (expected["services"] or None)


def test_comments_go_with_the_service_that_they_are_about():
    turned = edit.reorder(FILE, ["api", "web", "db"])
    assert "services:\n  # speaks to the database\n  api:\n" in turned
    assert "speaks" not in edit.remove_service(FILE, "api")


def test_a_variable_of_a_list_is_changed_in_the_list():
    text = "services:\n  a:\n    environment:\n      # first\n      - A=1\n      - B=2 # two\n"
    changed = edit.update_service(text, "a", {"environment": {"A": "3", "C": "x y", "B": None}})
    assert changed == "services:\n  a:\n    environment:\n      # first\n      - A=3\n      - C=x y\n"


def test_what_an_alias_takes_is_copied_before_it_changes():
    text = "x: &e\n  A: 1\nservices:\n  a:\n    environment: *e\n  b:\n    environment: *e\n"
    assert data_of(edit.update_service(text, "a", {"environment": {"B": "2"}})) == {
        "x": {"A": 1},
        "services": {"a": {"environment": {"A": 1, "B": "2"}}, "b": {"environment": {"A": 1}}},
    }


def test_what_is_merged_in_can_be_taken_away():
    text = "x: &e\n  image: q\n  user: bob\nservices:\n  a:\n    <<: *e\n    init: true\n"
    changed = data_of(edit.update_service(text, "a", {"user": None, "init": None}))
    assert changed == {"x": {"image": "q", "user": "bob"}, "services": {"a": {"image": "q"}}}


@pytest.mark.parametrize(
    "text",
    [
        "services: {a: {image: x, depends_on: [b]}, b: {image: x}}\n",
        '{"services": {"a": {"image": "x", "depends_on": ["b"]}, "b": {"image": "x"}}}\n',
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n",
    ],
)
def test_files_in_brackets_are_edited_too(text):
    assert data_of(edit.add_service(text, "c", {"image": "y"}))["services"]["c"] == {"image": "y"}
    assert data_of(edit.update_service(text, "a", {"image": "y"}))["services"]["a"]["image"] == "y"
    removed = data_of(edit.remove_service(text, "b"))["services"]
    assert list(removed) == ["a"] and not removed["a"].get("depends_on")
    assert list_of(edit.reorder(text, ["b", "a"])) == ["b", "a"]


@pytest.mark.parametrize(
    "value",
    [
        *("true", "yes", "off", "null", "~", "1", "1e3", "0o7", "12:30", "2026-01-01", ".5", ".inf", "", " x", "x ", "#c"),
        *("a: b", "a #b", "a:", "- a", "-b", "*a", "&a", "!a", "%a", "@a", "`a`", "'a'", '"a"', "it's", "a\\b", "[a]", "{a}"),
        *("a\nb", "a\tb", "\n", "\u2028", "é", "😀", "${A:-b}", "a, b", "? a", "|", ">", "<<", "=", "---", "...", "\x7f"),
        "\u00a0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_every_text_comes_back_as_it_was_given(value, quote):
    text = f"services:\n  a:\n    user: {quote}q{quote}\n    command: [q]\n"
    changes = {"user": value, "command": [value, "b"], "environment": {"A": value}, "entrypoint": [value]}
    found = data_of(edit.update_service(text, "a", changes))["services"]["a"]
    assert found == {"user": value, "command": [value, "b"], "environment": {"A": value}, "entrypoint": [value]}


@pytest.mark.parametrize("indent", ["  ", "    "])
def test_the_files_own_indentation_is_kept(indent):
    text = f"services:\n{indent}web:\n{indent * 2}image: x\n{indent * 2}ports:\n{indent * 2}- 80\n"
    assert edit.update_service(text, "web", {"image": "nginx"}) == text.replace("image: x", "image: nginx")


def test_what_is_not_there_or_already_there_is_said():
    with pytest.raises(KeyError):
        edit.update_service(FILE, "nope", {"image": "x"})
    with pytest.raises(ValueError):
        edit.add_service(FILE, "web", {"image": "x"})
    with pytest.raises(KeyError):
        edit.reorder(FILE, ["nope"])
    with pytest.raises(KeyError):
        edit.remove_service("services:\n", "web")
    with pytest.raises(ValueError):
        edit.rename_service(FILE, "api", "db")


def test_an_edited_file_still_says_the_same(tmp_path):
    (tmp_path / "compose.yaml").write_text(FILE)
    before = load(tmp_path, variables={})
    (tmp_path / "compose.yaml").write_text(edit.update_service(FILE, "web", {"image": "node:24"}))
    assert load(tmp_path, variables={}).services == before.services


def list_of(text: str) -> list[str]:
    return list(data_of(text)["services"])


def data_of(text: str) -> dict:
    """As another reader of YAML has it."""
    return YAML(typ="safe", pure=True).load(text.removeprefix("\ufeff"))
