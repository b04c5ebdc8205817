"""The whole API against its own description, by schemathesis: whatever is sent by whomever, no 5xx and no answer outside its
schema."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.server import Server

load_all_checks()
WANTED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
OTHERS = [check for check in CHECKS.get_all() if check.__name__ not in WANTED]
OBEYS = {"run_command"}  # runs on this machine whatever it is sent
ENDS_THE_RUN = {"logout", "change_password"}  # what comes after would all be 401
STREAMS = {"stream_events", "stream_metrics"}  # do not end
COMPOSE = "services:\n  talker:\n    command: sleep 600\n"
ROLES = ("admin", "member", "commenter", "viewer")
CALLERS = {"owner": 3, **dict.fromkeys(ROLES, 1), "key": 2, "stranger": 1, "nobody": 1}  # examples of each operation


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(CODEYARD_REGISTRATION="1") as running:
        yield running


def sign_up(server: Server, **who: str) -> dict[str, str]:
    body = {"email": f"{who['name']}@example.com", "password": "correct horse battery"} | who
    status, me, headers = server.request("POST", "/auth/register", body, signed_in=False)
    assert status == 201, me
    return {"Cookie": headers["set-cookie"].split(";")[0], "X-CSRF-Token": me["csrf_token"], "Origin": server.url}


@pytest.fixture(scope="module")
def headers(server: Server) -> dict[str, dict[str, str]]:
    """What each caller sends."""
    owner = {"Cookie": server.cookie, "X-CSRF-Token": server.csrf_token, "Origin": server.url}
    invitations = f"/organizations/{server.organization_id}/invitations"
    invited = {
        role: server.ask("POST", invitations, {"email": f"{role}@example.com", "role": role})["invitation"]
        for role in ROLES
    }
    return {
        "owner": owner,
        **{role: sign_up(server, name=role, invitation=code) for role, code in invited.items()},
        "key": {"Authorization": f"Bearer {server.key}"},
        "stranger": sign_up(server, name="stranger", organization="Elsewhere"),
        "nobody": {},
    }


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    """Real ids, so that calls get further than to a 404."""
    workspace = server.ask("POST", "/workspace", {"name": "contract"})
    session = server.ask("POST", "/sessions", {"workspace_id": workspace["id"], "name": "tried"})["id"]
    write = {"op": "write", "path": "compose.yaml", "content": COMPOSE}
    server.ask("POST", f"/workspace/{session}/filesystem", write)
    [service] = server.ask("GET", f"/workspace/{session}/services")["items"]
    return {
        "organization_id": server.organization_id,
        "workspace_id": workspace["id"],
        "session_id": session,
        "service_id": service["id"],
    }


@pytest.fixture(scope="module")
def operations(server: Server) -> list[Any]:
    """What the description lists, once: what it makes of schemas it keeps. Deletions come last, since they take away what others
    need."""
    described = schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")
    return sorted((found.ok() for found in described.get_all_operations()), key=lambda found: found.method == "delete")


@pytest.mark.parametrize("caller", CALLERS)
def test_every_operation_answers_as_it_says(
    caller: str, operations: list[Any], server: Server, headers: Any, ids: dict[str, str]
):
    """Attack rows 41, 43, 65 and 66."""
    failures: list[str] = []
    for operation in operations:
        if operation.definition.raw["operationId"] not in ENDS_THE_RUN | STREAMS | OBEYS:
            _try(operation, server, headers[caller], ids, CALLERS[caller], failures)
    assert not failures, "\n\n".join(failures)


def _try(
    operation: Any, server: Server, headers: dict[str, str], ids: dict[str, str], examples: int, failures: list[str]
) -> None:
    mine = {parameter.name for parameter in operation.path_parameters}
    known = {name: value for name, value in ids.items() if name in mine}
    ends = {"follow": False} if "follow" in {parameter.name for parameter in operation.query} else None
    cases = operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known or None, query=ends)
    wrong = operation.as_strategy(GenerationMode.NEGATIVE) if operation.method != "get" else cases

    @hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=cases | wrong)
    def run(case: Any) -> None:
        answer = case.call(base_url=server.url, headers=headers, session=session, timeout=120)
        case.validate_response(answer, excluded_checks=OTHERS)

    with requests.Session() as session:
        try:
            run()
        except (Exception, BaseExceptionGroup) as error:
            failures.append(f"{operation.method.upper()} {operation.path}: {error}"[:1500])
