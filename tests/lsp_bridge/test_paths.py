"""One working copy, two names for it."""

import json

import pytest

from lsp_bridge.paths import Paths, edited

PATHS = Paths("/srv/a b/ünï@1")
REAL = "file:///srv/a%20b/%C3%BCn%C3%AF%401"


@pytest.mark.parametrize(
    "spelled",
    [
        REAL,
        "file:///srv/a%20b/%C3%BCn%C3%AF@1",
        "file:///srv/a b/ünï@1",
        "file:\\/\\/\\/srv\\/a%20b\\/%C3%BCn%C3%AF%401",
    ],
)
def test_a_server_s_spelling_of_the_root_is_known(spelled: str):
    body = f'{{"uri":"{spelled}/x.py","{spelled}":[ "{spelled}" ]}}'.encode()
    assert json.loads(PATHS.to_viewer(body)) == {
        "uri": "file:///workspace/x.py",
        "file:///workspace": ["file:///workspace"],
    }


def test_only_a_string_that_starts_with_the_root_is_a_path():
    untouched = json.dumps(
        {"a": f"see {REAL}/x", "b": f'"{REAL}/x"', "c": f'\\"{REAL}/x', "d": f"{REAL}-other/x", "e": f"{REAL}%2Fx"}
    ).encode()
    assert PATHS.to_viewer(untouched) == untouched
    theirs = json.dumps({"a": 'say "file:///workspace/x"', "b": "file:///workspaces/x"}).encode()
    assert PATHS.to_server(theirs) == theirs


def test_there_and_back_is_the_same():
    body = b'{"uri":"file:///workspace/x%20y.py","n":["file:///workspace"]}'
    assert PATHS.to_viewer(PATHS.to_server(body)) == body
    assert json.loads(PATHS.to_server(body))["uri"] == REAL + "/x%20y.py"


def test_where_both_names_are_the_same_nothing_is_done():
    same = Paths("/workspace")
    body = b'{"uri":"file:///workspace/x"}'
    assert same.to_server(body) is body and same.to_viewer(body) is body


def test_a_document_has_one_key():
    spellings = [
        REAL + "/x%20y.py",
        "file:///workspace/x y.py",
        "file:///workspace/x%20y.py",
        "file:///srv/a b/ünï@1/x y.py",
    ]
    assert {PATHS.key(uri) for uri in spellings} == {"file:///workspace/x y.py"}


@pytest.mark.parametrize(
    "uri", ["file:///workspace", "file:///workspace/a/../b", REAL + "/x", "file://localhost/workspace/x"]
)
def test_inside(uri: str):
    assert PATHS.is_inside(uri)


@pytest.mark.parametrize(
    "uri",
    ["file:///workspace/a/../../b", "file:///workspace%00/x", "file:///workspace/\0", "file:///srv", "FILE:///etc/x",
     "file:workspace/x", "//workspace/x", "file://[bad/workspace", ["file:///workspace/x"]],
)  # fmt: skip
def test_outside(uri: object):
    assert not PATHS.is_inside(uri)


def test_every_kind_of_edit_names_its_files():
    edit = {
        "changes": {"a": []},
        "documentChanges": [
            {"textDocument": {"uri": "b"}, "edits": []},
            {"kind": "rename", "oldUri": "c", "newUri": "d"},
            {"kind": "delete", "uri": "e"},
            {"textDocument": None},
            7,
        ],
    }
    assert list(edited(edit)) == ["a", "b", "c", "d", "e", None, None]
    assert list(edited(None)) == []
