"""Images from a registry that is one, by a real engine: how far a pull is, what is pinned, who may, what is said where not."""

import asyncio
import base64
import contextlib
import json
import subprocess

import pytest

from tests.registry import PASSWORD, USER, Registry
from tests.workbench.test_services import IMAGE, stack

__all__ = ["stack"]  # a fixture
pytestmark = pytest.mark.docker


def compose(image: str) -> str:
    return f"services:\n  web:\n    image: {image}\n    stop_grace_period: 0s\n"


def built_of(image: str) -> str:
    return f"services:\n  built:\n    build: {{dockerfile_inline: 'FROM {image}'}}\n    stop_grace_period: 0s\n"


@pytest.fixture
def registry():
    """Makes one. Asked for before `stack`, so that it forgets its images when no container needs them any more."""
    with contextlib.ExitStack() as after:
        yield lambda scheme="": after.enter_context(Registry(scheme))


async def imported(stack, image: str, status: int = 201, **login) -> dict:
    answer = await stack.client.post(f"{stack.path}/services/import-dockerhub", json={"image": image, **login})
    assert answer.status_code == status, answer.text
    return answer.json() if status == 201 else answer.json()["error"]


async def test_a_pull_tells_how_far_it_is(registry, stack):
    here = registry()
    here.push("shop/web:1", "one")
    await stack.declare(compose(f"{here.host}/shop/web:1"))
    here.going.clear()
    asked = await stack.ask("run-all")
    async with asyncio.timeout(60):
        while not (step := (await stack.operation(asked))["steps"][0])["percent"]:
            await asyncio.sleep(0.05)
    assert step["step"] == "pulling" and 0 < step["percent"] <= 50, step
    assert (await stack.services())["web"]["state"] == "pulling"
    here.going.set()
    await stack.well(asked)
    assert await stack.inside("web", "cat /mark") == (0, b"one")


async def test_what_is_imported_is_pinned_to_what_its_tag_meant_then(registry, stack):
    here = registry()
    digest = here.push("shop/web:1", "one")
    web = await imported(stack, f"{here.host}/shop/web:1")
    assert web["image"] == f"{here.host}/shop/web:1@{digest}" and web["ports"][0]["target"] == 8080, web
    here.push("shop/web:1", "two")
    here.forget()
    await stack.well("run-all")
    assert await stack.inside("web", "cat /mark") == (0, b"one")


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_a_private_image_needs_its_login_which_no_other_registry_is_told(
    registry, stack, scheme, tmp_path, monkeypatch
):
    here, other = registry(scheme), registry("basic")
    image, login = f"{here.host}/shop/web:1", {"username": USER, "password": PASSWORD}
    here.push("shop/web:1", "one")
    other.push("shop/web:1", "other")

    # whoever runs the server may pull it, which is nobody's business here
    known = {here.host: {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": known}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    await stack.declare(compose(image) + f"  built:\n    build: {{dockerfile_inline: 'FROM {image}'}}\n")
    await stack.run("run-all")
    missing, built = [one["reason"] for one in (await stack.services()).values()]
    assert missing["code"] == "image_not_found" and "private? add credentials" in missing["message"], missing
    assert built["code"] == "build_failed" and here.logins == set(), built

    await stack.declare(compose(image))
    wrong = await imported(stack, image, 409, name="shop", username=USER, password="wrong")
    assert wrong["details"]["reason"] == "registry_login" and "user and password" in wrong["message"], wrong
    assert (await imported(stack, image, 409, **login))["code"] == "name_taken"
    await imported(stack, image, name="shop", **login)
    wrong = await imported(stack, image, 409, name="again", username=USER, password="wrong")
    assert wrong["details"]["reason"] == "registry_login", wrong  # though the engine has the image now
    here.forget()
    await stack.well("start", "shop")
    assert await stack.inside("shop", "cat /mark") == (0, b"one")

    await stack.well("stop", "shop")
    here.forget()
    theirs = f"{other.host}/shop/web:1"
    await stack.declare(built_of(image))  # by another service's login, of the same workspace and for that registry
    await stack.well("start", "built")
    assert await stack.inside("built", "cat /mark") == (0, b"one")

    await stack.declare(built_of(theirs) + compose(theirs).replace("web:\n", "shop:\n", 1).removeprefix("services:\n"))
    failed = (await stack.run("restart", "built"))["error"]
    assert failed["code"] == "build_failed" and "If it is private, give" in failed["remedy"], failed
    assert (await stack.run("start", "shop"))["error"]["code"] == "image_not_found"
    assert other.logins == set()

    # the workspace's own: for what only builds, for what the file alone names, and for an import that brings none
    logins = f"/workspace/{stack.session['workspace_id']}/registries"
    await stack.declare(built_of(theirs) + compose(theirs).removeprefix("services:\n"))
    assert (await stack.client.put(f"{logins}/{other.host}", json=login)).status_code == 204
    await stack.well("run-all")
    assert await stack.inside("built", "cat /mark") == await stack.inside("web", "cat /mark") == (0, b"other")
    shown = (await stack.client.get(logins)).json()["items"]
    assert shown == [{"registry": other.host, "username": USER}]
    other.forget()
    await imported(stack, theirs, name="brought")
    assert (await stack.client.delete(f"{logins}/{other.host}")).status_code == 204
    assert (await stack.client.delete(f"{logins}/{other.host}")).json()["error"]["code"] == "no_such_registry"
    for odd in ("none", "-a.io", "a.io:x", "a.io%2Fb", "a.io%0A"):
        assert (await stack.client.put(f"{logins}/{odd}", json=login)).status_code in (404, 422), odd
    assert "such as ghcr.io" in (await stack.client.put(f"{logins}/none", json=login)).json()["error"]["message"]


async def test_an_image_is_added_by_what_its_tag_means_or_says_why_not(registry, stack):
    here, private = registry(), registry("basic")
    digest = here.push("shop/web:1", "one")
    private.push("shop/web:1", "two")

    async def added(name: str, image: str) -> tuple[str, str]:
        body = {"name": name, "type": "image", "image": image}
        answer = await stack.client.post(f"{stack.path}/services", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["image"], answer.json()["note"]

    assert await added("web", f"{here.host}/shop/web:1") == (f"{here.host}/shop/web:1@{digest}", "")
    await stack.well("start", "web")
    assert await stack.inside("web", "cat /mark") == (0, b"one")
    subprocess.run(["docker", "tag", IMAGE, "codeyard-test/here:1"], check=True)
    for number, (image, why) in enumerate(
        [
            (f"{here.host}/shop/none:1", "is it spelt right?"),
            (f"{private.host}/shop/web:1", "private? add credentials"),
            ("127.0.0.1:1/shop/web:1", "connection refused"),
            ("codeyard-test/here:1", "came from no registry"),
        ]
    ):
        assert (told := await added(f"other-{number}", image))[0] == image and why in told[1], told
    subprocess.run(["docker", "image", "rm", "codeyard-test/here:1"], check=True, capture_output=True)


async def test_an_image_that_cannot_be_had_says_why(registry, stack):
    here = registry()
    here.push_for("shop/far:1", "s390x")
    images = {"tag": "shop/far:2", "name": "shop/farr:1", "far": "shop/far:1"}
    lines = [f"  {name}: {{image: '{here.host}/{image}'}}\n" for name, image in images.items()]
    await stack.declare("".join(["services:\n", *lines, "  away: {image: '127.0.0.1:1/shop/web:1'}\n"]))
    await stack.run("run-all")
    why = {name: one["reason"] for name, one in (await stack.services()).items()}
    assert {name: one["code"] for name, one in why.items()} == {
        "tag": "image_not_found",
        "name": "image_not_found",
        "far": "other_platform",
        "away": "registry_away",
    }, why
    assert all("is it spelt right?" in why[name]["message"] for name in ("tag", "name"))
    assert why["away"]["message"].endswith("connection refused") and "http+docker" not in str(why), why


async def test_a_name_that_the_engine_takes_for_none_is_told_as_such(stack):
    answer = await stack.client.post(f"{stack.path}/services/import-dockerhub", json={"image": "SHOP/web"})
    assert (answer.status_code, answer.json()["error"]["details"]["reason"]) == (409, "bad_image"), answer.text
    assert "must be lowercase. Write it as" in answer.json()["error"]["message"]
    body = {"name": "web", "type": "image", "image": "SHOP/web"}
    answer = await stack.client.post(f"{stack.path}/services", json=body)
    assert answer.status_code == 201 and "must be lowercase" in answer.json()["note"], answer.text
