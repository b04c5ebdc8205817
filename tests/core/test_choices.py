"""What may stand where only a few values may."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest

from backend.core.choices import choices


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(msgspec.Struct, tag="paint", tag_field="op"):
    colour: Colour | msgspec.UnsetType = msgspec.UNSET


class Wait(msgspec.Struct, tag="wait", tag_field="op"):
    days: Literal[1, 7] | None = None


class Plan(msgspec.Struct):
    first: Paint | Wait
    then: Annotated[list[Paint | Wait], msgspec.Meta(max_length=9)] = []
    name: str = ""


@pytest.mark.parametrize(
    ("kind", "path", "values"),
    [
        (Plan, "first.op", ["paint", "wait"]),
        (Plan, "first.days", ["1", "7"]),
        (Plan, "then[12].colour", ["red", "blue"]),
        (Plan, "then[].op", ["paint", "wait"]),
        (Paint | Wait, "op", ["paint", "wait"]),
        (list[Colour], "[0]", ["red", "blue"]),
        (Plan, "name", []),
        (Plan, "name.of.nothing", []),
        (Plan, "[0]", []),
        (dict, "data", []),
    ],
)
def test_the_values_of_a_place_are_found(kind, path, values):
    assert choices(kind, path) == values
