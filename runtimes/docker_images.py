"""Images for containers: found, pulled or built, with progress, by the docker SDK in worker threads."""

import asyncio
import contextlib
import io
import os
import re
import socket
import stat
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import docker
from docker import auth
from docker.errors import APIError, BuildError, DockerException
from docker.utils.build import PatternMatcher

from runtimes.docker_body import open_beneath
from runtimes.engine import Engine, EngineAway, EngineError, path
from runtimes.spec import Build, Limits, Login, RuntimeFailed, Spec, Tell

EMPTY: Final = "codeyard/empty:latest"
CONTEXT: Final = 2 << 30  # bytes of a build's context: it is packed on the server's disk
_TELL_WITHIN: Final = 10.0  # seconds for a registry to say what a tag means
INLINE: Final = ".codeyard.Dockerfile"
BUILT: Final = "codeyard.image"  # whose a built image is; no label of containers, which have those of their image, too

_REFERENCE = re.compile(r"[a-z0-9][\w./:-]*(@sha256:[0-9a-f]{64})?\Z", re.ASCII | re.IGNORECASE)


async def provide(engine: Engine, installation: str, spec: Spec, tell: Tell) -> dict[str, Any]:
    """The image that `spec` asks for, as the engine inspects it. Raises RuntimeFailed."""
    if spec.build is not None:
        tag = f"codeyard/{installation[:8]}:{spec.group}-{spec.name}"[:200]
        before = await inspect(engine, tag)
        labels = {BUILT: _whose(installation, spec.group)}
        await _in_thread(_build, engine.socket_path, spec.build, tag, labels, spec.limits, tell)
        if before is not None and (old := await inspect(engine, before["Id"])) and not old["RepoTags"]:
            with contextlib.suppress(EngineError):  # a container still needs it: it goes with the group
                await engine.request("DELETE", path("images", old["Id"]))
        return await inspect(engine, tag) or {}
    if not _REFERENCE.match(spec.image):
        raise RuntimeFailed("bad_image", f"“{spec.image}” is not an image's name.", "Write it as name:tag.")
    found = None if spec.pull == "always" else await inspect(engine, spec.image)
    if found is None and spec.pull == "never":
        raise RuntimeFailed(
            "image_not_found", f"The image {spec.image} is not here, and `pull_policy` forbids to get it."
        )
    if found is None:
        tell("pulling")
        await _in_thread(_pull, engine.socket_path, spec, tell)
        found = await inspect(engine, spec.image)
    if found is None:
        raise RuntimeFailed("image_not_found", f"The image {spec.image} was pulled and is gone again.")
    return found


async def pin(engine: Engine, image: str) -> str:
    """The reference with the digest that its tag means now: of the image that is here, which is what would run, else as its
    registry says. Raises RuntimeFailed where there is none to be had."""
    if "@" in image or not _REFERENCE.match(image):
        return image
    try:
        if (found := await inspect(engine, image)) is None:
            told = await engine.request("GET", f"/distribution/{image}/json", timeout=_TELL_WITHIN)
            if not told:  # a path that the engine writes otherwise, as of a//b
                raise RuntimeFailed("bad_image", f"“{image}” is not an image's name.", "Write it as name:tag.")
            return f"{image}@{told['Descriptor']['digest']}"
    except EngineError as error:
        raise _no_image(image, None, error.message) from error
    except EngineAway as error:
        raise RuntimeFailed("registry_away", f"The registry of {image} does not answer.") from error
    if (named := pinned(image, found)) != image:
        return named
    raise RuntimeFailed("no_digest", "It is here and came from no registry, so nothing has a digest of it.")


async def forget(engine: Engine, installation: str, group: str) -> None:
    """Removes what was built for the group and no container needs."""
    filters = {"label": [f"{BUILT}={_whose(installation, group)}"], "dangling": ["false"]}  # those with names, too
    for _ in range(300):
        try:
            await engine.request("POST", path("images", "prune", filters=filters), timeout=60)
            return
        except EngineError as error:
            if error.status != 409:  # one at a time, whoever asked for the other
                return
        await asyncio.sleep(0.1)


def _whose(installation: str, group: str) -> str:
    return f"{installation}/{group}"


async def empty(engine: Engine) -> str:
    """An image with nothing in it, for containers that only hold volumes. Made where it lacks."""
    if await inspect(engine, EMPTY) is None:
        await engine.request("POST", path("images", "create", fromSrc="-", repo=EMPTY), raw=bytes(1024))
    return EMPTY


def copy_folder(socket_path: str, source: str, target: str, folder: str) -> None:
    """Copies a folder's content from one container into another, stopped or not. Streams; blocks. Raises EngineError,
    EngineAway."""
    client = docker.APIClient(base_url=f"unix://{socket_path}", timeout=3600)
    try:
        content, _ = client.get_archive(source, folder)
        client.put_archive(target, os.path.dirname(folder) or "/", content)
    except APIError as error:
        raise EngineError(error.status_code or 500, str(error.explanation or error)) from error
    except (DockerException, OSError) as error:  # requests' own are of the latter
        raise EngineAway(str(error)) from error
    finally:
        client.close()


async def _in_thread(function: Callable[..., None], *words: Any) -> None:
    """In a thread of its own: a build may never end, and others wait for those of the pool. When this is cancelled the engine is
    hung up on, which ends what it does."""
    *first, tell = words
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    call = _Call(loop, tell)

    def settle(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def work() -> None:
        failure = None
        try:
            function(*first, call)
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=work, name=function.__name__, daemon=True).start()
    try:
        await done
    finally:
        call.end()


class _Call:
    """What such a thread asks of the engine. Called to tell how far it is, in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Tell) -> None:
        self._loop = loop
        self._tell = tell
        self._lock = threading.Lock()
        self._ended = False
        self._answer: socket.socket | None = None

    def __call__(self, step: Any, **more: Any) -> None:
        self._go_on()
        self._loop.call_soon_threadsafe(lambda: self._tell(step, **more))

    def by(self, client: Any) -> Any:
        """The client, the answers to which end with this."""
        post = client._post

        def ask(*words: Any, **more: Any) -> Any:
            self._go_on()
            answer = post(*words, **more)
            with self._lock:
                self._go_on()
                self._answer = client._get_raw_response_socket(answer)._sock
            return answer

        client._post = ask
        return client

    def _go_on(self) -> None:
        if self._ended:
            raise InterruptedError("stopped while it got its image")

    def end(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._ended = True
            if self._answer is not None:
                self._answer.shutdown(socket.SHUT_RDWR)


async def inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    """The image as the engine knows it; None where it is not here. Raises RuntimeFailed for what it takes for no name."""
    try:
        found: dict[str, Any] = await engine.request("GET", f"/images/{name}/json")
    except EngineError as error:
        if error.status == 404:
            return None
        if error.status == 400:
            message = f"“{name}” is not an image's name: {error.message}."
            raise RuntimeFailed("bad_image", message, "Write it as name:tag.") from error
        raise
    return found


def _client(socket_path: str, timeout: int, logins: list[Login] | None = None) -> Any:
    """With these logins for its builds, and without those that whoever runs this server has in ~/.docker: they are not for every
    session's images. The engine tells each registry its own alone."""
    client = docker.APIClient(base_url=f"unix://{socket_path}", timeout=timeout)
    told = {
        auth.INDEX_URL if one.registry == auth.INDEX_NAME else one.registry: {
            "username": one.username,
            "password": one.password,
        }
        for one in logins or []
    }

    def set_headers(headers: dict[str, Any]) -> None:
        if told:
            headers["X-Registry-Config"] = auth.encode_header(told)

    client._set_auth_headers = set_headers
    return client


def _pull(socket_path: str, spec: Spec, call: _Call) -> None:
    client = call.by(_client(socket_path, 600))
    login = spec.login if spec.login is not None and spec.login.registry == registry_of(spec.image) else None
    said = {"username": login.username, "password": login.password} if login else {}
    name, tag = _parts(spec.image)
    try:
        _follow_pull(client.pull(name, tag=tag, stream=True, decode=True, auth_config=said), call)
    except (DockerException, OSError) as error:
        if isinstance(error, InterruptedError):
            raise
        words = str(error.explanation) if isinstance(error, APIError) else str(error)
        raise _no_image(spec.image, login, words) from error
    finally:
        client.close()


def registry_of(image: str) -> str:
    """The host (and port) that a reference leads to."""
    host, slash, _ = image.partition("/")
    return host.lower() if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def pinned(image: str, found: dict[str, Any]) -> str:
    """The reference with the digest that its repository has for what the engine found; as it is where it came from none."""
    plain = image.partition("@")[0]
    name = _parts(plain)[0].removeprefix("docker.io/").removeprefix("library/")
    digests = dict(one.split("@", 1) for one in found.get("RepoDigests") or [])
    return f"{plain}@{digests[name]}" if name in digests else image


def _parts(image: str) -> tuple[str, str]:
    """Name and tag (or digest) of a reference; a colon before the last slash is a port's."""
    if "@" in image:
        name, _, digest = image.partition("@")
        return name, digest
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _follow_pull(said: Iterator[dict[str, Any]], tell: Tell) -> None:
    """Tells how much has come of the layers that come; never less than before, though their sizes are known one by one."""
    layers: dict[str, tuple[int, int]] = {}  # bytes that have come, of how many: 0 is not known yet
    percent, failure = -1, ""
    for word in said:  # to the end: what is left unread keeps the connection open
        failure = word.get("error", failure)
        status, layer, detail = word.get("status"), word.get("id", ""), word.get("progressDetail") or {}
        if status in ("Pulling fs layer", "Waiting"):
            layers.setdefault(layer, (0, 0))
        elif status == "Downloading" and detail.get("total", 0) > 0:
            layers[layer] = detail["current"], detail["total"]
        elif status in ("Already exists", "Download complete"):
            size = layers.pop(layer, (0, 0))[1]
            layers |= {layer: (size, size)} if size else {}
        if (now := max(percent, _share(list(layers.values())))) != percent:
            percent = now
            tell("pulling", percent=percent, message="unpacking" if percent == 100 else "")
    if failure:
        raise DockerException(failure)


def _share(layers: list[tuple[int, int]]) -> int:
    """In percent. Layers of unknown size are taken for as large as the others are on average."""
    known = [size for _, size in layers if size]
    whole = sum(known) * len(layers) // len(known) if known else 0
    return 100 * sum(got for got, _ in layers) // whole if whole else 0


def _no_image(image: str, login: Login | None, words: str) -> RuntimeFailed:
    low = words.lower()
    if "toomanyrequests" in low or "rate limit" in low:
        return RuntimeFailed("registry_busy", f"The registry limits pulls: {words}", "Wait, or add credentials.")
    if "no matching manifest" in low:
        return RuntimeFailed(
            "other_platform", f"{image} is not made for this machine: {words[:500]}", "Choose an image that is."
        )
    refused = _is_refusal(low)
    if refused and login is not None:
        return RuntimeFailed(
            "registry_login",
            f"The registry refused the login for {image}: {words[:500]}",
            "Check user and password, and whether this user may pull it.",
        )
    if refused or "not found" in low or "does not exist" in low or "manifest unknown" in low or "name unknown" in low:
        return RuntimeFailed(
            "image_not_found",
            f"image not found: {image}; is it spelt right? private? add credentials",
            "Check name and tag, or give the workspace the user and password of its registry (“Registries”, beside “Variables”).",
        )
    if "no space left" in low:
        return RuntimeFailed("disk_full", words, "The machine's disk is full: delete what is not needed.")
    return RuntimeFailed(
        "registry_away",
        f"{image} could not be had from its registry: {words[:500]}",
        "Can the engine reach the registry? `deploy/images/build` makes stand-ins where none can be reached.",
    )


def _is_refusal(words: str) -> bool:
    """Whether a registry wants another login, or one at all."""
    return any(say in words for say in ("unauthorized", "authentication required", "no basic auth", "denied"))


def _build(socket_path: str, build: Build, tag: str, labels: dict[str, str], limits: Limits, call: _Call) -> None:
    call("building")
    client = call.by(_client(socket_path, 3600, build.logins))
    if limits.cpus:  # the SDK has no word for these two of the engine's
        client.params = {"cpuperiod": 100_000, "cpuquota": int(limits.cpus * 100_000)}
    said: list[str] = []
    try:
        with _context(build) as packed:
            steps = client.build(
                fileobj=packed,
                custom_context=True,
                dockerfile=INLINE if build.inline is not None else build.dockerfile,
                tag=tag,
                buildargs=build.args,
                target=build.target or "",
                labels=labels,
                container_limits={"memory": limits.memory, "memswap": limits.memory} if limits.memory else None,
                rm=True,
                forcerm=True,
                decode=True,
            )
            failure = ""
            for word in steps:  # to the end, as above
                failure = word.get("error", failure)
                _follow_build(word, said, call)
            if failure:
                raise DockerException(failure)
    except (BuildError, APIError, DockerException) as error:
        words = str(error.explanation) if isinstance(error, APIError) else str(error)  # else it has the whole request
        tail = "\n".join(said[-12:])
        remedy = "The last lines say which step; change the Dockerfile."
        if words.startswith("Cannot locate"):
            remedy = (
                f"Make the file {build.dockerfile} in {build.context or '.'}, or name another by `build.dockerfile`."
            )
        elif _is_refusal(words.lower()) and "permission denied" not in words.lower():
            remedy = (
                "Is the image that it begins with spelt right? If it is private, give the workspace the user and "
                "password of its registry (“Registries”, beside “Variables”)."
            )
        raise RuntimeFailed("build_failed", f"The build failed: {words}\n{tail}".rstrip()[:4000], remedy) from error
    except OSError as error:
        if isinstance(error, InterruptedError):
            raise
        raise RuntimeFailed(
            "build_failed", f"The build context cannot be read: {error}", "Check `build.context`."
        ) from error
    finally:
        client.close()


def _follow_build(word: dict[str, Any], said: list[str], tell: Tell) -> None:
    text = word.get("stream", "").rstrip()
    if not text:
        return
    said.append(text)
    if (step := re.match(r"Step (\d+)/(\d+) : (.*)", text)) is not None:
        tell("building", percent=100 * (int(step[1]) - 1) // int(step[2]), message=step[3][:200])


@contextlib.contextmanager
def _context(build: Build) -> Iterator[IO[bytes]]:
    """The build context as a tar file. Read beneath open folders and past no link, since who has a shell in the session may put
    one in the place of anything while this reads. Raises OSError."""
    try:
        top = open_beneath(build.root, build.context, make=False)
    except RuntimeFailed as error:
        raise OSError(f"{build.context} is no folder of the working copy") from error
    with tempfile.TemporaryFile() as packed, contextlib.ExitStack() as after:
        after.callback(os.close, top)
        ignored = _ignored(top, build)
        left = CONTEXT
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for folder, folders, files, here in os.fwalk(".", dir_fd=top):
                for name in [*folders, *files]:
                    where = os.path.normpath(f"{folder}/{name}")
                    if not ignored.matches(where):
                        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                            left = _add(tar, here, name, where, left)
                folders[:] = [name for name in folders if _enters(ignored, os.path.normpath(f"{folder}/{name}"))]
            if build.inline is not None:
                text = build.inline.encode()
                entry = tarfile.TarInfo(INLINE)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
        packed.seek(0)
        yield packed


def _ignored(top: int, build: Build) -> PatternMatcher:
    """What of the context stays here (https://docs.docker.com/build/concepts/context/#dockerignore-files)."""
    lines: list[str] = []
    for name in (f"{build.dockerfile}.dockerignore", ".dockerignore"):
        try:
            file = _opened(top, name)
        except OSError:
            continue
        with file:
            lines = [line.strip() for line in file.read(1 << 20).decode("utf-8", "replace").splitlines()]
        break
    kept = [] if build.inline is not None else [f"!{build.dockerfile}"]
    return PatternMatcher([line for line in lines if line and not line.startswith("#")] + kept)


def _enters(ignored: PatternMatcher, folder: str) -> bool:
    """Whether anything in it may be wanted."""
    taken_back = (one.cleaned_pattern for one in ignored.patterns if one.exclusion)
    return not ignored.matches(folder) or any(pattern.startswith(f"{folder}/") for pattern in taken_back)


def _add(tar: tarfile.TarFile, here: int, name: str, where: str, left: int) -> int:
    """One folder, file or link; pipes, sockets and devices are left out. What is left of so many bytes after it. Raises OSError,
    RuntimeFailed."""
    entry = tarfile.TarInfo(where)
    about = os.stat(name, dir_fd=here, follow_symlinks=False)
    entry.mode, entry.mtime = stat.S_IMODE(about.st_mode), int(about.st_mtime)
    if stat.S_ISLNK(about.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=here)
        tar.addfile(entry)
    elif stat.S_ISDIR(about.st_mode):
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    elif stat.S_ISREG(about.st_mode):
        with _opened(here, name) as file:
            entry.size = os.fstat(file.fileno()).st_size
            if entry.size > left:
                raise RuntimeFailed(
                    "context_too_large",
                    f"The build context is larger than {CONTEXT >> 30} GiB; {where} is too much.",
                    "Name what the image does not need in .dockerignore.",
                )
            tar.addfile(entry, file)
    return left - entry.size


def _opened(here: int, name: str) -> IO[bytes]:
    """A regular file that is no link. Raises OSError."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{name} is no regular file any more")
    return open(descriptor, "rb")
