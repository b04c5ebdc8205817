"""References between services."""

import pytest

from runtimes.compose.model import BadCompose
from runtimes.compose.references import resolve

HIDDEN = {("a", "PASSWORD")}


def resolved(services: dict[str, dict[str, str]], **more: dict[str, str]) -> dict[str, dict[str, str]]:
    hosts = {name: f"{name}.internal" for name in services}
    urls = {name: f"https://{name}.example.com" for name in services}
    return resolve(services, hosts=hosts, domain_urls=urls, variables=more.get("variables", {}), hidden=HIDDEN)


def wrong(services: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    with pytest.raises(BadCompose) as bad:
        resolved(services)
    return [(problem.code, problem.path, problem.message) for problem in bad.value.problems]


def test_each_form_is_put_in_place():
    found = resolved(
        {
            "web": {"API": "${domainUrl::api}/v1", "KEY": "${variable::KEY}", "PLAIN": "$HOME ${OTHER}"},
            "api": {"DB": "postgres://${env::db::USER}:${env::db::PASSWORD}@${host::db}:5432/app"},
            "db": {"USER": "app", "PASSWORD": "${variable::KEY}"},
        },
        variables={"KEY": "k$1"},
    )
    assert found["web"] == {"API": "https://api.example.com/v1", "KEY": "k$1", "PLAIN": "$HOME ${OTHER}"}
    assert found["api"] == {"DB": "postgres://app:k$1@db.internal:5432/app"}


def test_a_value_that_looks_like_a_reference_is_not_looked_up_again():
    assert resolved({"a": {"X": "${variable::V}"}}, variables={"V": "${variable::V}"})["a"]["X"] == "${variable::V}"


def test_nothing_is_told_of_a_value_that_is_hidden():
    kept = {"a": {"PASSWORD": "p${hunter::2", "USER": "u"}, "b": {"URL": "${env::a::USER}:${env::a::PASSWORD}"}}
    assert resolved(kept)["b"]["URL"] == "u:p${hunter::2"
    found = wrong({"a": {"PASSWORD": "p${host::hunter2}"}, "b": {"URL": "${env::a::PASSWORD}"}})
    assert [path for _, path, _ in found] == ["services.a.environment.PASSWORD", "services.b.environment.URL"]
    assert not any("hunter" in message for _, _, message in found)


def test_circles_are_named_with_all_that_is_in_them():
    found = wrong({"a": {"X": "${env::b::Y}", "Z": "${env::a::X}"}, "b": {"Y": "${env::a::Z}", "Q": "1"}})
    assert {code for code, _, _ in found} == {"circular_reference"}
    assert found[0][1] == "services.a.environment.X" and "a.X → b.Y → a.Z → a.X" in found[0][2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${host::nope}", "no service nope"),
        ("${domainUrl::nope}", "no service nope"),
        ("${env::nope::X}", "no service nope"),
        ("${env::a::NOPE}", "a has no variable NOPE"),
        ("${variable::NOPE}", "no variable NOPE"),
        ("${env::a}", "write ${host::SERVICE}"),
        ("${host::a::X}", "write ${host::SERVICE}"),
        ("${hots::a}", "write ${host::SERVICE}"),
        ("${host::a", "write ${host::SERVICE}"),
    ],
)
def test_what_refers_to_nothing_is_named(text, said):
    [(_, path, message)] = wrong({"a": {"X": text}})
    assert path == "services.a.environment.X" and message.startswith("X: ") and said in message


def test_references_made_to_grow_or_to_go_deep_are_refused():
    doubling = {"V0": "x" * 100} | {f"V{n}": f"${{env::a::V{n - 1}}}" * 2 for n in range(1, 60)}
    assert "too_large" in {code for code, _, _ in wrong({"a": doubling})}
    chain = {f"V{n}": f"${{env::a::V{n + 1}}}" for n in range(5000)} | {"V5000": "x"}
    assert {code for code, _, _ in wrong({"a": chain})} == {"too_complex"}
