"""What is particular to containers: mounts that cannot be led out of the working copy, labels, volumes."""

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import pytest

from runtimes.docker import HELPER, SERVICE, Docker
from runtimes.docker_body import misplaced, open_beneath
from runtimes.engine import EngineError, path
from runtimes.spec import Health, Mount, RuntimeFailed, Spec

pytestmark = pytest.mark.docker

IMAGE = "debian:bookworm-slim"


def tell(step, *, percent=None, message=""):
    """Nobody listens."""


@pytest.fixture
async def docker():
    driver = Docker(f"test-{uuid4().hex}")
    yield driver
    for group in await driver.groups():  # those of starts that failed, too: they have a network
        await driver.remove_group(group)
    driver.close()


def spec(**more) -> Spec:
    return Spec(**({"group": uuid4().hex, "name": "web", "image": IMAGE, "command": ["sleep", "60"]} | more))


@pytest.mark.parametrize("source", ["link", "folder/link", "../outside", "link/below", "fifo"])
async def test_attack_31_a_mount_through_a_link_or_out_of_the_working_copy_is_refused(docker, tmp_path, source):
    root = tmp_path / "workspace"
    (root / "folder").mkdir(parents=True)
    (root / "link").symlink_to("/etc")
    (root / "folder" / "link").symlink_to("../../..")
    os.mkfifo(root / "fifo")
    mount = Mount(kind="bind", root=str(root), source=source, target="/mnt")
    with pytest.raises(RuntimeFailed) as failed:
        await docker.start(spec(mounts=[mount]), tell)
    assert failed.value.code in ("bad_mount", "mount_escapes")
    assert await docker.everything() == []


async def test_what_was_mounted_is_compared_with_what_was_asked(docker, tmp_path):
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
    mount = Mount(kind="bind", root=str(tmp_path), source="data", target="/mnt")
    state = await docker.start(spec(mounts=[mount]), tell)
    pid = (await docker.engine.request("GET", f"/containers/{state['id']}/json"))["State"]["Pid"]
    assert misplaced([mount], pid) == []
    assert misplaced([Mount(kind="bind", root=str(tmp_path), source="other", target="/mnt")], pid) == ["other"]


async def test_a_single_file_is_mounted_live(docker, tmp_path):
    Path(tmp_path / "nginx.conf").write_text("one")
    mount = Mount(kind="bind", root=str(tmp_path), source="nginx.conf", target="/etc/nginx.conf", read_only=True)
    state = await docker.start(spec(mounts=[mount]), tell)
    (tmp_path / "nginx.conf").write_text("two")
    assert await docker.run(state, ["cat", "/etc/nginx.conf"]) == (0, b"two")
    code, _ = await docker.run(state, ["sh", "-c", "echo three >/etc/nginx.conf"])
    assert code != 0


def test_a_missing_mount_is_made_as_a_folder(tmp_path):
    os.close(open_beneath(str(tmp_path), "a/b"))
    assert (tmp_path / "a" / "b").is_dir()


async def test_configs_are_in_the_container_before_it_starts_and_are_not_written_to_disk(docker):
    state = await docker.start(
        spec(command=["sh", "-c", "cat /etc/app/token >/seen; sleep 60"], files={"/etc/app/token": b"hush"}), tell
    )
    assert await docker.run(state, ["cat", "/seen"]) == (0, b"hush")


async def test_volumes_are_copied_with_owners_and_links_and_then_go_their_own_ways(docker):
    data = Mount(kind="volume", source="data", target="/data")
    one = spec(mounts=[data])
    state = await docker.start(one, tell)
    await docker.run(state, ["sh", "-c", "echo kept >/data/file; chown 1234:4321 /data/file; ln -s file /data/link"])
    other = uuid4().hex
    assert await docker.copy_volumes(one.group, other) == ["data"]
    await docker.run(state, ["sh", "-c", "echo later >/data/file"])
    copy = await docker.start(spec(group=other, mounts=[data]), tell)
    assert await docker.run(copy, ["sh", "-c", "cat /data/link; stat -c %u:%g /data/file"]) == (0, b"kept\n1234:4321\n")


async def test_a_copy_removes_only_what_holds_the_volumes_and_failed(docker):
    data = Mount(kind="volume", source="data", target="/data")
    one = spec(mounts=[data])
    await docker.start(one, tell)
    other = uuid4().hex
    for name, mounts in (("failed", [await docker._volume(other, data)]), ("workbench", [])):
        body = {"Image": IMAGE, "Labels": docker._labels(other, **{SERVICE: name}), "HostConfig": {"Mounts": mounts}}
        await docker.engine.request("POST", path("containers", "create"), body)
    assert await docker.copy_volumes(one.group, other) == ["data"]
    assert [each.name for each in await docker.everything() if each.group == other] == ["workbench"]


async def test_a_copy_freezes_nothing_while_its_health_is_checked(docker, monkeypatch):
    check = Health(test=["CMD", "sleep", "0.6"], interval=1)
    one = spec(mounts=[Mount(kind="volume", source="data", target="/data")], health=check)
    state = await docker.start(one, tell)
    there = []

    async def copy(*_):
        found = await docker.engine.request("GET", path("containers", state["id"], "top"))
        there.extend(words[-1] for words in found["Processes"])

    monkeypatch.setattr(docker, "_copy_volume", copy)
    for number in range(5):
        await asyncio.sleep(0.3 * number)  # at other moments between two checks
        await docker.copy_volumes(one.group, uuid4().hex)
        assert not (await docker.poll(state)).frozen
    assert there.count("sleep 60") == 5 and "sleep 0.6" not in there


async def test_what_a_killed_server_left_of_a_copy_is_swept_and_nothing_is_copied_over_what_is_there(docker):
    one = spec(mounts=[Mount(kind="volume", source="data", target="/data")])
    state = await docker.start(one, tell)
    other = uuid4().hex
    killed = Docker(docker.installation)
    labels = killed._labels(other, **{HELPER: killed._id})
    mounts = [await killed._volume(other, one.mounts[0])]
    body = {"Image": IMAGE, "Labels": labels, "HostConfig": {"Mounts": mounts}}
    await killed.engine.request("POST", path("containers", "create"), body)
    await killed.sweep()  # its own stays
    with pytest.raises(RuntimeFailed, match="volume is in use"):
        await docker.copy_volumes(one.group, other)
    status = await docker.poll(state)
    assert status is not None and not status.frozen
    await docker.sweep()
    assert await docker.copy_volumes(one.group, other) == ["data"]
    killed.close()


async def test_another_installations_containers_are_never_touched(docker):
    other = Docker(f"other-{uuid4().hex}")
    mine = spec()
    state = await other.start(mine, tell)
    try:
        assert await docker.everything() == []
        await docker.stop(docker.handle(mine.group, "web"))
        await docker.put_away(mine.group)
        status = await other.poll(state)
        assert status is not None and status.running
        assert await docker.poll(state) is None
        await docker.stop(state)
        status = await other.poll(state)
        assert status is not None and status.running
    finally:
        await other.remove_group(mine.group)
        other.close()


async def test_removing_a_group_leaves_nothing(docker):
    one = spec(mounts=[Mount(kind="volume", source="data", target="/data")])
    await docker.start(one, tell)
    assert await docker.groups() == {one.group}
    await docker.remove_group(one.group)
    assert await docker.groups() == set()
    filters = {"label": [f"codeyard.group={one.group}"]}
    for kind, key in (("containers/json", None), ("volumes", "Volumes"), ("networks", None)):
        import json
        from urllib.parse import quote

        found = await docker.engine.request("GET", f"/{kind}?all=true&filters={quote(json.dumps(filters))}")
        assert not (found[key] if key else found)


@pytest.mark.parametrize("image", ["-v", "a b", "x@sha256:1", "../up", "http://x/y", ""])
async def test_attack_33_an_odd_image_reference_is_refused(docker, image):
    with pytest.raises((RuntimeFailed, EngineError)) as failed:
        await docker.start(spec(image=image), tell)
    assert getattr(failed.value, "code", "") in ("bad_image", "image_not_found", "registry_away")
