"""What names become in addresses."""

import pytest

from backend.core.slugs import free, slug


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Demo One", "demo-one"),
        ("Müßige Straße!", "mussige-strasse"),
        ("ÉCOLE № 5", "ecole-no-5"),
        ("ａｂｃ", "abc"),
        ("文 x 文", "x"),
        ("文", ""),
    ],
)
def test_letters_with_marks_become_those_without(name: str, wanted: str):
    assert slug(name) == wanted


def test_one_that_is_taken_is_numbered():
    assert [free("a", taken) for taken in (set(), {"a"}, {"a", "a-2"})] == ["a", "a-2", "a-3"]
