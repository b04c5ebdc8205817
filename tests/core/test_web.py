"""The outermost layer: every error an envelope, nothing a 500, ids in and out, nothing secret in a log line."""

import asyncio
import json
import logging
import re
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.web import translate
from tests import make


def envelope(answer, status: int) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[", b"null", b"1", b'"x"', b"\xff\xfe", b'{"name": "\xff"}', b'{"name": NaN}', b'{"name": Infinity}',
     b'{"name": "\\ud800"}', b'{"name": "a", "name": 1}',
     b"[" * 10_000, b'{"a":' * 10_000, b'{"name": 9223372036854775808}', b'{"name": {}}'],
)  # fmt: skip
async def test_a_body_that_is_none_is_a_4xx(client, body):
    """Attack row 65."""
    answer = await client.post("/organizations", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    envelope(answer, answer.status_code)


async def test_nul_is_refused_by_whatever_would_keep_it(client, database):
    """Attack row 65: by the field itself where somebody thought of it, else by what the database says."""
    made = (await client.post("/workspace", json={"name": "x"})).json()
    for method, path, body in (
        ("POST", "/workspace", {"name": "x", "description": "a\0b"}),
        ("PUT", f"/workspace/{made['id']}", {"description": "a\0b"}),
        ("POST", f"/workspace/{made['default_session_id']}/version-controls/snapshots", {"label": "a\0b"}),
    ):
        envelope(await client.request(method, path, json=body), 422)
    for statement, value in (("SELECT CAST(:it AS text)", "a\0b"), ("SELECT CAST(:it AS jsonb)", '"a\\u0000b"')):
        with pytest.raises(DBAPIError) as said:
            async with database.begin() as db:
                await db.execute(text(statement), {"it": value})
        assert (translate(said.value).status, translate(said.value).code) == (422, "invalid_request")


async def test_a_body_of_a_hundred_megabytes_is_refused_early(client):
    """Attack row 65: also when it comes in pieces and says no length."""
    sent = 0

    async def pieces():
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 1_000_000

    envelope(await client.post("/organizations", content=pieces()), 413)
    assert sent < 100


@pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "application/json; charset=klingon"])
async def test_other_content_types_are_read_as_json_or_refused(client, kind):
    """Attack row 65."""
    headers = {"content-type": kind} if kind else {}
    answer = await client.post("/organizations", content=b'{"name": "x"}', headers=headers)
    assert answer.status_code in (201, 415, 422)


async def test_unknown_addresses_and_methods_are_told(client):
    assert envelope(await client.get("/nowhere"), 404)["code"] == "no_such_route"
    answer = await client.delete("/auth/me")
    told = envelope(answer, 405)
    assert told["code"] == "method_not_allowed" and "GET" in told["message"] and "GET" in answer.headers["allow"]


async def test_a_call_without_its_body_or_with_a_dead_key_is_told_so(client):
    """As `curl` makes them by mistake."""
    assert "needs a body of JSON" in envelope(await client.post("/workspace"), 422)["message"]
    client.headers["authorization"] = "Bearer cy_live_nothing"
    assert envelope(await client.get("/workspace"), 401)["code"] == "key_refused"


async def test_a_post_whose_fields_all_have_defaults_needs_no_body(client):
    """`curl -X POST …/merge` means what `-d '{}'` does, and the description says so."""
    session = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    tree = f"/workspace/{session}/file-tree"
    assert (await client.post(tree)).json() == (await client.post(tree, json={})).json()
    paths = (await client.get("/openapi.json")).json()["paths"]
    needless = {
        path for path, at in paths.items() if at.get("post", {}).get("requestBody", {}).get("required") is False
    }
    merge = "/api/v1/workspace/{workspace_id}/pull-requests/{pull}/merge"
    assert {merge, "/api/v1/workspace/{session_id}/version-controls/push"} <= needless and len(needless) >= 15
    for path in needless:
        at = f"http://localhost:8300{re.sub(r'{[^}]*}', str(UUID(int=0)), path)}"
        without, empty = await client.post(at), await client.post(at, json={})
        assert (without.status_code, without.text[:60]) == (empty.status_code, empty.text[:60]), path
        assert "needs a body" not in without.text, path


async def test_a_put_says_what_is_to_be_and_needs_its_body(client):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    rules = f"/workspace/{workspace['id']}/sessions/{workspace['default_session_id']}/pull-requests/rules"
    assert "needs a body of JSON" in envelope(await client.put(rules), 422)["message"]


async def test_who_gives_a_value_that_is_none_of_a_few_is_told_the_few(client, ada):
    session = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    keys = f"/organizations/{ada.organization_id}/api-keys"
    error = envelope(await client.post(keys, json={"name": "ci", "scopes": ["admin"], "expires_in": "month"}), 422)
    assert error["message"] == "expires_in: Invalid enum value 'month': it is one of 1 day, 1 month, 1 year, never"
    error = envelope(await client.post(f"/workspace/{session}/filesystem", json={"op": "cat", "path": "x"}), 422)
    assert error["message"].startswith("op: Invalid value 'cat': it is one of ") and "read" in error["message"]
    assert error["details"]["fields"][0]["message"] in error["message"]


async def test_a_body_is_called_one_in_an_error(client):
    for sent, words in (({}, "Object missing required field `name`"), ([], "Expected `object`, got `array`")):
        assert envelope(await client.post("/workspace", json=sent), 422)["message"] == f"body: {words}"


async def test_a_parameter_is_called_in_an_error_as_it_is_on_the_wire(client):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()["id"]
    answer = await client.get(f"/workspace/{workspace}/pull-requests", params={"state": "done"})
    words = envelope(answer, 422)["message"]
    assert words.startswith("state: Invalid enum value 'done': it is one of ") and "open" in words


async def test_who_leaves_out_a_parameter_is_told_which(client):
    session = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    error = envelope(await client.get(f"/workspace/{session}/version-controls/blame"), 422)
    assert error["message"] == "path: This call needs it"
    assert error["details"]["fields"] == [{"message": "This call needs it", "key": "path", "source": "query"}]


async def test_a_text_that_does_not_fit_is_told_in_words_what_would(client):
    for name in ("  ", "two\nlines"):
        error = envelope(await client.post("/workspace", json={"name": name}), 422)
        assert error["message"] == "name: Expected one line of text that is not blank"
    session = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    error = envelope(await client.post(f"/workspace/{session}/version-controls/commit", json={"message": " "}), 422)
    assert error["message"] == "message: Expected text that is not blank"
    error = envelope(await client.put(f"/workspace/{session}/variables/9", json={"value": "x"}), 422)
    assert error["message"] == "name: Expected text that matches ^[A-Za-z_][A-Za-z0-9_]{0,199}$"


async def test_head_is_answered_as_get_without_its_body(client):
    """Attack row 65."""
    for path in ("/workspace", "/auth/me", "/events"):
        answer = await client.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path


async def test_every_address_is_asked_oddly_and_none_breaks(client, app):
    """Attack row 65: HEAD and OPTIONS everywhere, a method that nothing takes, an `Accept` that means nothing."""
    paths = {re.sub(r"\{[^}]*\}", str(UUID(int=0)), path) for path in (route.path for route in app.app.app.routes)}
    odd = [("HEAD", {}), ("OPTIONS", {}), ("PATCH", {}), ("HEAD", {"accept": "x"})]
    for path in sorted(path for path in paths if path.startswith("/api/v1/") and "/ws/" not in path):
        for method, headers in odd:
            answer = await client.request(method, f"http://localhost:8300{path}", headers=headers)
            assert answer.status_code < 500, (method, path, answer.text)


async def test_a_method_override_is_not_believed(client):
    """Attack row 65."""
    answer = await client.get("/auth/me", headers={"x-http-method-override": "DELETE"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=1000000000", "limit=x", "limit=1e3", "cursor=%ff", "cursor=e30"]
)
async def test_a_page_is_asked_for_within_bounds(client, query):
    """Attack row 66."""
    answer = await client.get(f"/workspace?{query}")
    assert answer.status_code in (400, 422)


async def test_a_request_id_is_taken_when_harmless(client):
    assert (await client.get("/workspace", headers={"x-request-id": "abc-1"})).headers["x-request-id"] == "abc-1"
    odd = await client.get("/workspace", headers={"x-request-id": "a b\tc"})
    assert odd.headers["x-request-id"] != "a b\tc"


async def test_log_lines_carry_no_secret(client, ada, caplog):
    """Attack row 13: neither tokens nor bodies nor query strings."""
    with caplog.at_level(logging.DEBUG):
        await client.post("/organizations", json={"name": "topsecret"})
        await client.get("/workspace?cursor=topsecret", headers={"authorization": "Bearer topsecret"})
        await client.post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    lines = " ".join(str(r.__dict__) for r in caplog.records if r.name.startswith("codeyard"))
    assert "request" in lines
    for secret in ("topsecret", make.PASSWORD, ada.headers["cookie"].split("=")[1], ada.headers["x-csrf-token"]):
        assert secret not in lines


async def test_health_readiness_and_metrics(client, call, resources, monkeypatch):
    root = {"base_url": "http://localhost:8300"}
    anonymous = call(None)
    assert (await anonymous.get(f"{root['base_url']}/healthz")).text == "OK"
    ready = (await anonymous.get(f"{root['base_url']}/readyz")).json()
    assert ready["ready"] is True
    assert set(ready["parts"]) == {"database", "migrations", "disk", "runtime", "serving"}
    metrics = await anonymous.get(f"{root['base_url']}/metrics")
    assert "codeyard_requests_total" in metrics.text
    monkeypatch.setattr(resources.live, "draining", asyncio.Event())
    resources.live.draining.set()
    leaving = await anonymous.get(f"{root['base_url']}/readyz")
    assert (leaving.status_code, leaving.json()["parts"]["serving"]["ok"]) == (503, False)


async def test_metrics_are_for_this_machine(call):
    stranger = call(None)
    stranger._transport.client = ("10.1.1.1", 1)
    assert (await stranger.get("http://localhost:8300/metrics")).status_code == 401
    for name in ("x-forwarded-for", "forwarded"):  # a proxy on this machine, of which nobody said that it is trusted
        assert (await call(None).get("http://localhost:8300/metrics", headers={name: "x"})).status_code == 401


async def test_the_description_names_every_route(call, app):
    described = json.loads((await call(None).get("/openapi.json")).text)["paths"]
    for route in app.app.app.routes:
        if (
            route.path.startswith("/api/v1")
            and route.path != "/api/v1/openapi.json"
            and hasattr(route, "route_handler_map")
        ):
            path = route.path.replace(":uuid", "").replace(":str", "").replace(":int", "")
            assert path in described, path
    answer = await call(None).get("http://localhost:8300/api/docs")
    assert answer.status_code == 200 and "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert [path for path, at in described.items() for one in at.values() if not one.get("tags")] == []
