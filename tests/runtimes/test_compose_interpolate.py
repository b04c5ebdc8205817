"""`${NAME…}` as the table of the specification has it, by itself and nested in any way; and files of NAME=value lines."""

import random

import pytest

from runtimes.compose.envfile import env_lines
from runtimes.compose.interpolate import Filling, fill
from runtimes.compose.model import BadCompose

#: compose-spec, interpolation: operator → (set, set but empty, not set). "value", "word", "" or an error.
TABLE = {
    "": ("value", "", ""),
    ":-": ("value", "word", "word"),
    "-": ("value", "", "word"),
    ":?": ("value", "error", "error"),
    "?": ("value", "", "error"),
    ":+": ("word", "", ""),
    "+": ("word", "word", ""),
}
STATES = {"set": {"NAME": "value"}, "empty": {"NAME": ""}, "unset": {}}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("operator", TABLE)
def test_the_table_of_the_specification(operator, state):
    text = f"a${{NAME{operator}{'word' if operator else ''}}}b"
    expected = TABLE[operator][list(STATES).index(state)]
    filling = Filling(STATES[state])
    if expected == "error":
        with pytest.raises(BadCompose, match="NAME must be set: word"):
            fill(text, filling)
    else:
        assert fill(text, filling) == f"a{expected}b"
    assert filling.asked == {"NAME"} and bool(filling.unset) == (operator == "" and state == "unset")


def expression(chance: random.Random, variables: dict[str, str], depth: int) -> tuple[str, str | None]:
    """A random text and what it becomes; None where a required variable is missing."""
    parts = [piece(chance, variables, depth) for _ in range(chance.randint(0, 3))]
    values = [value for _, value in parts]
    return "".join(text for text, _ in parts), None if None in values else "".join(value or "" for value in values)


def piece(chance: random.Random, variables: dict[str, str], depth: int) -> tuple[str, str | None]:
    kind = chance.randrange(5)
    if kind == 0 or depth > 3:
        literal = chance.choice(["x", " ", "é/", ":", "-?+", "a=b", "#", "😀", "{y}", "{}", '"'])
        return literal, literal
    if kind == 1:
        return "$$", "$"
    if kind == 2:
        reference = chance.choice(["${host::db}", "${env::api::KEY}", "${domainUrl::web}"])
        return reference, reference
    name = chance.choice(["FULL", "EMPTY", "UNSET", "_9"])
    if kind == 3:
        return (f"${name}." if chance.random() < 0.5 else f"${{{name}}}."), variables.get(name, "") + "."
    operator = chance.choice([one for one in TABLE if one])
    word, filled = expression(chance, variables, depth + 1)
    column = 2 if name not in variables else 1 if not variables[name] else 0
    meant = {"value": variables.get(name), "": "", "word": filled, "error": None}[TABLE[operator][column]]
    return f"${{{name}{operator}{word}}}", meant


@pytest.mark.parametrize("seed", range(40))
def test_any_nesting_becomes_what_its_parts_become(seed):
    chance = random.Random(seed)
    variables = {"FULL": "v$a}l", "EMPTY": "", "_9": "9"}
    for _ in range(100):
        text, expected = expression(chance, variables, 0)
        if expected is None:
            with pytest.raises(BadCompose, match="must be set"):
                fill(text, Filling(variables))
        else:
            assert fill(text, Filling(variables)) == expected, text


@pytest.mark.parametrize(
    "text", ["$", "a$ b", "$1", "${", "${}", "${1}", "${A", "${A:-b", "${A:=b}", "${A!}", "${A b}", "${a::b"]
)
def test_what_is_no_form_is_refused_with_its_place(text):
    with pytest.raises(BadCompose) as bad:
        fill(text, Filling({}), path="services.a.image", where=("compose.yaml", 7))
    [problem] = bad.value.problems
    assert (problem.code, problem.path, problem.line) == ("bad_variable", "services.a.image", 7)


def test_a_variable_that_is_not_needed_may_be_missing():
    assert fill("${A:-${B:?needed}}", Filling({"A": "1"})) == "1"
    assert fill("${A:+${B:?needed}}", Filling({})) == ""


@pytest.mark.parametrize("text", ["${A:-" * 5000 + "}" * 5000, "$A" * 500_000, "${A:-$A}" * 300_000])
def test_attack_31_texts_made_to_grow_or_to_go_deep_are_refused(text):
    with pytest.raises(BadCompose) as bad:
        fill(text, Filling({"A": "x" * 100_000} if text.startswith("$A") or "$A}" in text else {}))
    assert bad.value.problems[0].code in ("too_large", "too_complex")


FILE = """\
# a comment
export A=1
B = two words   # and a comment
C=a#b
D='as it $A is' # here
E="line
two ${A} \\"quoted\\" \\$A\\n"

F=
G=${A}-${NOPE:-default}-${GIVEN}
GIVEN=from the file
H=${GIVEN}
BARE
ALSO_BARE
I="last"\
"""


def test_a_file_of_variables():
    found = env_lines(FILE, ".env", Filling({"GIVEN": "from outside", "BARE": "given"}))
    assert found == {
        "A": "1",
        "B": "two words",
        "C": "a#b",
        "D": "as it $A is",
        "E": 'line\ntwo 1 "quoted" $A\n',
        "F": "",
        "G": "1-default-from outside",
        "GIVEN": "from the file",
        "H": "from outside",
        "BARE": "given",
        "I": "last",
    }
    assert env_lines(FILE.replace("\n", "\r\n"), ".env", Filling({"GIVEN": "from outside", "BARE": "given"})) == found


def test_a_raw_file_is_taken_as_it_stands():
    assert env_lines("A='$B' # c\nC=\"x\n", ".env", Filling({}), raw=True) == {"A": "'$B' # c", "C": '"x'}


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\nnot a line\n", 2), ("=x", 1), ("A=1\n\nB='x\ny", 3), ('A="x" y', 1), ("A=1\nB=${", 2), ("1A=x", 1)],
)
def test_what_is_no_such_file_is_refused_with_its_line(text, line):
    with pytest.raises(BadCompose) as bad:
        env_lines(text, ".env", Filling({}))
    assert (bad.value.problems[0].file, bad.value.problems[0].line) == (".env", line)
