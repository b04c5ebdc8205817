"""Services as containers of a Docker engine (API ≥ 1.41).

Everything made here bears labels with the installation's id, and nothing without them is ever touched. A group has one
network, in which its services find each other by name. Pulling and building go through the docker SDK in worker threads;
what is asked often speaks to the engine's socket (`runtimes/engine.py`).
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final
from weakref import WeakValueDictionary

import msgspec

from runtimes import docker_disk, docker_images
from runtimes.docker_body import INSTALL_FAILED, INSTALLED, archive, body, misplaced, sources
from runtimes.docker_words import explained, moment, sample_of, since_of, status_of
from runtimes.engine import Engine, EngineAway, EngineError, demultiplexed, lines, path
from runtimes.processes import processes
from runtimes.spec import Found, LogChunk, Mount, RuntimeFailed, Sample, Spec, State, Status, Tell

INSTALLATION: Final = "codeyard.installation"
GROUP: Final = "codeyard.group"
SERVICE: Final = "codeyard.service"
DIGEST: Final = "codeyard.spec"
BINDS: Final = "codeyard.binds"
HELPER: Final = "codeyard.helper"  # on what only holds a volume or a folder for a moment: which driver made it
_LONG: Final = 360.0  # seconds for what waits for a program to end by itself, or for the disk of a busy machine
_CHECK_EVERY: Final = 30_000_000_000  # nanoseconds between two health checks where nothing says how many
_LOOKS: Final = 1000  # for the end of a health check, a minute of them


class Docker:
    """A driver of one engine for one installation. Keeps nothing but its connections."""

    name = "docker"

    def __init__(self, installation: str, *, socket_path: str = "/var/run/docker.sock") -> None:
        self.installation = installation
        self.engine = Engine(socket_path)
        self._id = secrets.token_hex(8)
        self._bounds_disk = True  # until the engine says that its storage cannot
        # The engine makes two networks of one name when asked twice at once, and names a container before it is there.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # --- what every driver does

    async def start(self, spec: Spec, tell: Tell) -> State:
        image = await docker_images.provide(self.engine, self.installation, spec, tell)
        tell("starting")
        async with self._lock(spec.group):
            network = await self._network(spec.group)
        lasting = msgspec.structs.replace(spec, build=None, login=None)  # what gave the image is in its id
        digest = hashlib.sha256(image["Id"].encode() + msgspec.json.encode(lasting, order="deterministic")).hexdigest()
        async with self._lock(self._container(spec)):
            found = await self._run(spec, image, network, digest)
        if found is None:
            raise RuntimeFailed("vanished", "The container was removed while it started.", "Start it again.")
        if spec.install:
            tell("installing")
            await self._installed(self._container(spec))
        return self.handle(spec.group, spec.name)

    def handle(self, group: str, name: str) -> State:
        return {"id": f"{self._name(group)}-{name}", "network": self._name(group)}

    async def poll(self, state: State) -> Status | None:
        found = await self._inspect(state["id"])
        return None if found is None else status_of(found)

    async def stop(self, state: State, *, grace: float | None = None) -> None:
        if await self._inspect(state["id"]) is None:
            return
        with contextlib.suppress(EngineError):  # not there, or not running
            given = {} if grace is None else {"t": int(grace)}
            await self.engine.request("POST", path("containers", state["id"], "stop", **given), timeout=_LONG)
        await self._remove(state["id"])

    async def restart(self, state: State) -> bool:
        found = await self._inspect(state["id"])
        if found is None or BINDS in found["Config"]["Labels"]:  # its mounts are to be looked at, as at a start
            return False
        with explained():
            try:
                await self.engine.request("POST", path("containers", state["id"], "restart"), timeout=_LONG)
            except EngineError as error:
                if error.status != 404:  # it went just now
                    raise
                return False
        return True

    # --- abilities

    async def address(self, state: State, port: int) -> tuple[str, int] | None:
        found = await self._inspect(state["id"])
        if found is None or not found["State"]["Running"]:
            return None
        address = found["NetworkSettings"]["Networks"].get(state["network"], {}).get("IPAddress")
        return (address, port) if address else None

    async def logs(self, state: State, *, since: Mapping[str, str], follow: bool) -> AsyncIterator[LogChunk]:
        # the engine's own `since` is for both streams, and has the lines of that moment again
        first = min(since.get("stdout", ""), since.get("stderr", ""))
        seen = dict(since)
        async for chunk in self._said(state, since, {"follow": follow, "since": since_of(first)}):
            seen[chunk.stream] = chunk.lines[chunk.lines.rfind(b"\n", 0, -1) + 1 :][:30].decode("latin-1")
            yield chunk
        if follow:  # which leaves out a last line that does not end
            async for chunk in self._said(state, seen, {"tail": 100}):
                yield chunk

    async def _said(self, state: State, since: Mapping[str, str], which: dict[str, Any]) -> AsyncIterator[LogChunk]:
        target = path("containers", state["id"], "logs", stdout=True, stderr=True, timestamps=True, **which)
        try:
            async for stream, text in demultiplexed(self.engine.stream("GET", target), stamped=True):
                if seen := since.get(stream, "").encode():
                    text = b"".join(line + b"\n" for line in text.split(b"\n")[:-1] if line[:30] > seen)
                if text:
                    yield LogChunk(stream=stream, lines=text)
        except EngineError as error:
            if error.status != 404:
                raise
        except EngineAway:
            return

    async def measure(self, state: State) -> AsyncIterator[Sample]:
        with contextlib.suppress(EngineError, EngineAway):
            async for found in lines(self.engine.stream("GET", path("containers", state["id"], "stats", stream=True))):
                if found.get("memory_stats", {}).get("usage") is not None:
                    yield sample_of(found)

    async def disk(self) -> dict[tuple[str, str], int]:
        found = await self.engine.request("GET", "/system/df", timeout=120)
        return docker_disk.sizes(found, {INSTALLATION: self.installation}, GROUP, SERVICE)

    async def has_image(self, image: str) -> bool:
        return await docker_images.inspect(self.engine, image) is not None

    async def exec_tty(
        self, state: State, argv: list[str], *, env: dict[str, str], cols: int, rows: int
    ) -> tuple[int, State]:
        descriptor, notes = await self._exec(state, {"Tty": True, "Cmd": argv}, env)
        await self.exec_resize(notes, cols, rows)
        return descriptor, notes

    async def exec_pipes(self, state: State, argv: list[str], *, cwd: str, env: dict[str, str]) -> tuple[int, State]:
        return await self._exec(state, {"Tty": False, "Cmd": argv, "WorkingDir": cwd}, env)

    async def _exec(self, state: State, wanted: dict[str, Any], env: dict[str, str]) -> tuple[int, State]:
        attached = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True}
        body = wanted | attached | {"Env": [f"{name}={value}" for name, value in env.items()]}
        with explained():
            made = await self.engine.request("POST", path("containers", state["id"], "exec"), body)
            start = {"Detach": False, "Tty": wanted["Tty"]}
            descriptor = await self.engine.hijack(path("exec", made["Id"], "start"), start)
        return descriptor, {"exec": made["Id"], "id": state["id"]}

    async def exec_pid(self, notes: State) -> int | None:
        with contextlib.suppress(EngineError):
            found = await self.engine.request("GET", path("exec", notes["exec"], "json"))
            return int(found["Pid"]) or None if found["Running"] else None
        return None

    async def exec_resize(self, notes: State, cols: int, rows: int) -> None:
        with contextlib.suppress(EngineError):  # it may have ended
            await self.engine.request("POST", path("exec", notes["exec"], "resize", h=rows, w=cols))

    async def exec_status(self, notes: State) -> int | None:
        try:
            found = await self.engine.request("GET", path("exec", notes["exec"], "json"))
        except EngineError:
            return 137  # forgotten with its container
        return None if found["Running"] else int(found["ExitCode"] or 0)

    async def exec_signal(self, notes: State, name: str) -> None:
        """To the program and all of its session. The engine has no word for this; on one machine with it, the kernel has."""
        if (pid := await self.exec_pid(notes)) is not None:
            await asyncio.to_thread(_strike, pid, signal.Signals[name])

    async def run(self, state: State, argv: list[str], *, timeout: float = 30.0) -> tuple[int, bytes]:
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": argv}
        said = b""
        with explained():
            made = await self.engine.request("POST", path("containers", state["id"], "exec"), body)
            target = path("exec", made["Id"], "start")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    async for _, text in demultiplexed(self.engine.stream("POST", target, {"Detach": False})):
                        said = (said + text)[: 1 << 20]
        return await self.exec_status({"exec": made["Id"]}) or 0, said

    async def changes(self) -> AsyncIterator[tuple[str, str]]:
        wanted = {"type": ["container"], "label": [f"{INSTALLATION}={self.installation}"]}
        with contextlib.suppress(EngineAway):
            async for event in lines(self.engine.stream("GET", path("events", filters=wanted))):
                if event["Action"].split(":")[0] in (
                    "start",
                    "die",
                    "oom",
                    "destroy",
                    "health_status",
                    "pause",
                    "unpause",
                ):
                    labels = event["Actor"]["Attributes"]
                    if SERVICE in labels:  # else it only holds a volume that is copied
                        yield labels[GROUP], labels[SERVICE]

    async def everything(self) -> list[Found]:
        found = await self.engine.request("GET", path("containers", "json", all=True, filters=self._ours()))
        return [
            Found(
                group=one["Labels"][GROUP],
                name=one["Labels"][SERVICE],
                state={"id": one["Id"], "network": self._name(one["Labels"][GROUP])},
                running=one["State"] == "running",
            )
            for one in found
            if SERVICE in one["Labels"]
        ]

    async def copy_volumes(self, group: str, to: str) -> list[str]:
        """Who writes to them is frozen meanwhile, so the copy is what a crash at one moment would have left."""
        names = [volume["Labels"]["codeyard.volume"] for volume in await self._volumes(group)]
        if not names:
            return []
        async with self._freezing(self._name(group)):
            holders = {
                "label": [*self._ours(to)["label"], SERVICE],
                "volume": [f"{self._name(to)}-{name}" for name in names],
            }
            for one in await self.engine.request("GET", path("containers", "json", all=True, filters=holders)):
                if one["State"] != "running":  # it failed, and holds them
                    await self._remove(one["Id"])
            running = [found for found in await self.everything() if found.group == group and found.running]
            frozen: list[str] = []
            try:
                with explained():
                    for one in running:
                        await self._pause(one.state["id"], frozen)
                    for name in names:
                        await self._copy_volume(group, to, name)
            finally:
                for container in frozen:
                    await self._unpause(container)
        return names

    async def thaw(self, state: State) -> None:
        if not self._freezing(state["network"]).locked():
            await self._unpause(state["id"])

    async def remove_volumes(self, group: str, names: Collection[str]) -> None:
        with explained():
            for name in names:
                try:
                    await self.engine.request("DELETE", path("volumes", f"{self._name(group)}-{name}"))
                except EngineError as error:
                    if error.status != 404:
                        raise

    async def own(self, folder: str, *, image: str, everything: bool = False) -> None:
        """By `find` and `chown` of the image, as root with the rights for that alone. Nothing but the folder is there for them: a
        link that is put in their way leads nowhere."""
        whose = ["!", "-uid", str(os.geteuid())] if everything else ["-uid", "0"]
        owner = f"{os.geteuid()}:{os.getegid()}"
        asked = {
            "Image": image,
            "User": "0:0",
            "Entrypoint": ["find", "/folder", "-xdev", *whose, "-exec", "chown", "--no-dereference", owner, "{}", "+"],
            "Labels": self._labels(os.path.basename(folder), **{HELPER: self._id}),
            "HostConfig": {
                "Mounts": [{"Type": "bind", "Source": folder, "Target": "/folder"}],
                "NetworkMode": "none",
                "UsernsMode": "host",
                "CapDrop": ["ALL"],
                "CapAdd": ["CHOWN", "DAC_OVERRIDE"],
                "SecurityOpt": ["no-new-privileges:true"],
            },
        }
        with explained():
            made = (await self.engine.request("POST", path("containers", "create"), asked, timeout=_LONG))["Id"]
            try:
                await self.engine.request("POST", path("containers", made, "start"), timeout=_LONG)
                await self.engine.request("POST", path("containers", made, "wait"), timeout=_LONG)
            finally:
                await self._remove(made)

    async def remove_group(self, group: str) -> None:
        await self._remove_containers(group)
        for volume in await self._volumes(group):
            with contextlib.suppress(EngineError):
                await self.engine.request("DELETE", path("volumes", volume["Name"], force=True))
        await docker_images.forget(self.engine, self.installation, group)

    async def groups(self) -> set[str]:
        """All of which something is there: a container, a network or a volume."""
        found = set()
        for what in ("containers/json", "networks", "volumes"):
            answer = await self.engine.request("GET", f"/{what}" + path("", all=True, filters=self._ours())[1:])
            for one in (answer["Volumes"] or []) if what == "volumes" else answer:
                found.add(one["Labels"][GROUP])
        return found

    async def put_away(self, group: str) -> None:
        """Containers and network of a group; its volumes stay."""
        await self._remove_containers(group)

    async def sweep(self) -> None:
        filters = {"label": [*self._ours()["label"], HELPER]}
        found = await self.engine.request("GET", path("containers", "json", all=True, filters=filters))
        for one in found:
            if one["Labels"][HELPER] != self._id:
                await self._remove(one["Id"])

    async def began(self) -> float | None:
        """By its own bridge, which it makes anew whenever it starts, unless it was told to have none."""
        try:
            found = await self.engine.request("GET", path("networks", "bridge"))
        except EngineError:
            return None
        return moment(found["Created"])

    async def info(self) -> dict[str, Any]:
        """What the engine says of itself. Raises EngineAway."""
        found: dict[str, Any] = await self.engine.request("GET", "/info", timeout=10)
        return found

    def close(self) -> None:
        self.engine.close()

    # --- names

    def _name(self, group: str) -> str:
        return f"codeyard-{self.installation[:8]}-{group}"

    def _container(self, spec: Spec) -> str:
        return str(self.handle(spec.group, spec.name)["id"])

    def _labels(self, group: str, **more: str) -> dict[str, str]:
        return {INSTALLATION: self.installation, GROUP: group} | more

    def _ours(self, group: str | None = None) -> dict[str, list[str]]:
        labels = [f"{INSTALLATION}={self.installation}"] + ([f"{GROUP}={group}"] if group else [])
        return {"label": labels}

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    def _freezing(self, network: str) -> asyncio.Lock:
        """Held while the volumes of that group are copied."""
        return self._lock(f"volumes of {network}")

    # --- steps

    async def _run(self, spec: Spec, image: dict[str, Any], network: str, digest: str) -> dict[str, Any] | None:
        """The container, running: the one there is if it is as wanted, else a new one in its place."""
        name = self._container(spec)
        for _ in range(300):
            found = await self._inspect(name)
            if found is not None and not _is_whole(spec, found, digest):
                await self._remove(found["Id"])
                found = None
            with explained():
                if found is not None and found["State"]["Running"]:
                    return found
                if found is not None:
                    try:
                        return await self._started(spec, name)
                    except EngineError:  # somebody else removes it, or a killed engine's containerd still has its task
                        await self._remove(found["Id"])
                binds = await asyncio.to_thread(sources, spec.mounts)
                if await self._create(spec, image, network, binds, digest):
                    return await self._started(spec, name)
            await asyncio.sleep(0.1)
        raise RuntimeFailed("name_taken", f"The engine holds the name {name} for another start.", "Start it again.")

    async def _check_mounts(self, spec: Spec, found: dict[str, Any] | None) -> None:
        pid = found["State"]["Pid"] if found is not None else 0
        if found is not None and pid and (wrong := await asyncio.to_thread(misplaced, spec.mounts, pid)):
            await self._remove(found["Id"])
            raise RuntimeFailed(
                "mount_escapes", f"The mount {wrong[0]} was changed while it was mounted; nothing runs."
            )

    async def _inspect(self, container: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self.engine.request("GET", path("containers", container, "json"))
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        return found if found["Config"]["Labels"].get(INSTALLATION) == self.installation else None

    async def _network(self, group: str) -> str:
        """The group's network. The engine's own address pools end at about thirty; then a small one is picked by chance."""
        name = self._name(group)
        body: dict[str, Any] = {"Name": name, "CheckDuplicate": True, "Labels": self._labels(group)}
        for attempt in range(20):
            try:
                await self.engine.request("GET", path("networks", name))
                return name
            except EngineError as error:
                if error.status != 404:
                    raise
            try:
                await self.engine.request("POST", path("networks", "create"), body)
            except EngineError as error:
                if error.status == 409:
                    continue
                if attempt == 19 or "pool" not in error.message.lower():
                    raise
                third, fourth = secrets.randbelow(256), 32 * secrets.randbelow(8)
                body["IPAM"] = {"Config": [{"Subnet": f"10.213.{third}.{fourth}/27"}]}
        return name

    async def _create(
        self, spec: Spec, image: dict[str, Any], network: str, binds: list[dict[str, Any]], digest: str
    ) -> bool:
        """False where its name is taken: by the same start asked twice, or by one that was broken off while the engine made it,
        and is there in a moment."""
        mounts = binds
        for mount in spec.mounts:
            if mount.kind == "volume":
                mounts.append(await self._volume(spec.group, mount))
        wanted = body(spec, image, network, mounts)
        wanted["Labels"] = self._labels(spec.group, **{SERVICE: spec.name, DIGEST: digest})
        if any(mount.source for mount in spec.mounts if mount.kind == "bind"):
            wanted["Labels"][BINDS] = "beneath"
        if spec.limits.disk and self._bounds_disk:
            wanted["HostConfig"]["StorageOpt"] = {"size": str(spec.limits.disk)}
        create = path("containers", "create", name=self._container(spec))
        try:
            await self.engine.request("POST", create, wanted, timeout=_LONG)
        except EngineError as error:
            if "StorageOpt" in wanted["HostConfig"] and docker_disk.takes_no_size(error):
                self._bounds_disk = False  # the server measures, then
                del wanted["HostConfig"]["StorageOpt"]
                await self.engine.request("POST", create, wanted, timeout=_LONG)
            elif error.status != 409:
                raise
            else:
                return False
        if spec.files:
            await self.engine.request(
                "PUT",
                path("containers", self._container(spec), "archive", path="/"),
                raw=archive(spec.files),
                timeout=_LONG,
            )
        return True

    async def _started(self, spec: Spec, container: str) -> dict[str, Any] | None:
        await self.engine.request("POST", path("containers", container, "start"), timeout=_LONG)
        found = await self._inspect(container)
        await self._check_mounts(spec, found)
        return found

    async def _installed(self, container: str) -> None:
        """Until the install line has ended well. Raises RuntimeFailed with its last words."""
        while True:
            try:
                await self.engine.request("HEAD", path("containers", container, "archive", path=INSTALLED))
                return
            except EngineError as error:
                if error.status != 404:
                    raise
            found = await self._inspect(container)
            if found is None:
                raise RuntimeFailed("stopped", "It was stopped while it installed.")
            if not found["State"]["Running"] and found["State"]["ExitCode"] == INSTALL_FAILED:
                raise RuntimeFailed(
                    "install_failed",
                    "The install command failed: " + await self._last_words(container),
                    "Its log has all of it; change `install` under `x-codeyard`, or what it installs.",
                )
            if not found["State"]["Running"]:
                return  # it installed and ended at once: its exit code tells the rest
            await asyncio.sleep(0.2)

    async def _last_words(self, container: str) -> str:
        """The last lines that it said; what it said last may take a moment to arrive."""
        said = b""
        target = path("containers", container, "logs", stdout=True, stderr=True, tail="5")
        for _ in range(10):
            async for _, text in demultiplexed(self.engine.stream("GET", target)):
                said += text
            if said:
                break
            await asyncio.sleep(0.1)
        return said[-600:].decode("utf-8", "replace").strip()

    async def _remove(self, container: str) -> None:
        for _ in range(int(_LONG / 0.1)):
            try:
                await self.engine.request("DELETE", path("containers", container, force=True, v=True), timeout=_LONG)
                return
            except EngineError as error:
                if error.status == 404:
                    return
                if error.status != 409:  # somebody else removes it now: until it is gone
                    raise
            await asyncio.sleep(0.1)
        raise EngineAway(f"{container} is not removed within {_LONG:g} s")

    async def _volume(self, group: str, mount: Mount) -> dict[str, Any]:
        name = f"{self._name(group)}-{mount.source}"
        labels = self._labels(group, **{"codeyard.volume": mount.source})
        await self.engine.request("POST", path("volumes", "create"), {"Name": name, "Labels": labels})
        return {"Type": "volume", "Source": name, "Target": mount.target, "ReadOnly": mount.read_only}

    async def _volumes(self, group: str) -> list[dict[str, Any]]:
        found = await self.engine.request("GET", path("volumes", filters=self._ours(group)))
        return list(found["Volumes"] or [])

    async def _remove_containers(self, group: str) -> None:
        found = await self.engine.request("GET", path("containers", "json", all=True, filters=self._ours(group)))
        await asyncio.gather(*(self._remove(one["Id"]) for one in found))
        with contextlib.suppress(EngineError):
            await self.engine.request("DELETE", path("networks", self._name(group)))

    async def _pause(self, container: str, frozen: list[str]) -> None:
        """One that ended meanwhile writes nothing. Between two health checks: a program that the engine is starting while all is
        frozen is frozen half started, and the engine waits for it without an end (20.10: nor does it thaw anything then)."""
        try:
            for _ in range(_LOOKS):
                if _between_checks(await self.engine.request("GET", path("containers", container, "json"))):
                    break
                await asyncio.sleep(0.05)
            frozen.append(container)  # whatever the engine answers
            await self.engine.request("POST", path("containers", container, "pause"))
        except EngineError as error:
            if error.status not in (404, 409):
                raise

    async def _unpause(self, container: str) -> None:
        with contextlib.suppress(EngineError, EngineAway):  # gone, or not frozen any more; the next look thaws it, too
            await self.engine.request("POST", path("containers", container, "unpause"))

    async def _copy_volume(self, group: str, to: str, name: str) -> None:
        """Through two containers that never run: their archives keep owners, modes and links."""
        image = await docker_images.empty(self.engine)
        mount = Mount(kind="volume", source=name, target="/volume")
        try:
            await self.engine.request("DELETE", path("volumes", f"{self._name(to)}-{name}"))
        except EngineError as error:
            if error.status != 404:  # something has it: the copy would be of both
                raise
        made = []
        try:
            for side in (group, to):
                body = {
                    "Image": image,
                    "Cmd": ["never"],
                    "Labels": self._labels(side, **{HELPER: self._id}),
                    "HostConfig": {"Mounts": [await self._volume(side, mount)], "NetworkMode": "none"},
                }
                made.append((await self.engine.request("POST", path("containers", "create"), body))["Id"])
            await asyncio.to_thread(docker_images.copy_folder, self.engine.socket_path, made[0], made[1], "/volume")
        finally:
            for container in made:
                await self._remove(container)


def _between_checks(found: dict[str, Any]) -> bool:
    """Whether the engine is in the first part of its pause between two health checks of a container, or makes none."""
    health = found["State"].get("Health")
    if not found["State"]["Running"] or health is None:
        return True
    pause = (found["Config"].get("Healthcheck") or {}).get("Interval") or _CHECK_EVERY
    last = health["Log"][-1]["End"] if health.get("Log") else found["State"]["StartedAt"]
    return time.time() - (moment(last) or 0.0) < pause / 1e9 - min(1.0, pause / 2e9)


def _is_whole(spec: Spec, found: dict[str, Any], digest: str) -> bool:
    """Whether it is the container that was wanted. One that never ran may have been left before it had its files."""
    half = bool(spec.files) and found["State"]["Status"] == "created"
    return not half and found["Config"]["Labels"].get(DIGEST) == digest


def _strike(leader: int, number: int) -> None:
    _, sessions = processes()
    for pid, session in sessions.items():
        if session == leader or pid == leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
