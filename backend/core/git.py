"""Git, safely: where repositories lie, the git client for what crosses a network, pygit2 for what is local.

A session's git dir belongs to whoever has a shell there: its config, hooks and attributes are a stranger's. The git client
would honour them, so it only ever runs on bare repositories, which the server alone writes. Session git dirs are opened by
libgit2, which runs no hook, filter, fsmonitor or external diff whatever a config says; of what a config can still say,
`core.worktree` is overruled here. (libgit2 over SSH aborts on RSA keys, so every remote is the client's.)
"""

import asyncio
import contextlib
import os
import re
import signal
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID

import pygit2
from pygit2.enums import ConfigLevel, ObjectType

from backend.core import outside
from backend.core.errors import AppError, DiskFull, Invalid

for _level in (ConfigLevel.SYSTEM, ConfigLevel.XDG, ConfigLevel.GLOBAL, ConfigLevel.PROGRAMDATA):
    pygit2.settings.search_path[_level] = ""
pygit2.settings.owner_validation = False
pygit2.settings.cache_object_limit(ObjectType.BLOB, 1 << 16)  # what is named by its content is never stale
pygit2.settings.cache_max_size(64 << 20)  # bytes, of all repositories that are kept open

Progress = Callable[[str, int | None], None]
"""Called with a step ("Receiving objects") and how far it is, 0–100, where git says."""


@dataclass(frozen=True)
class Place:
    """Where one repository of one session lies."""

    data: Path
    workspace_id: UUID
    session_id: UUID
    repository: str = "root"
    folder: str = ""

    @property
    def bare(self) -> Path:
        """Published branches and snapshots; only the server writes it."""
        return self.data / "repos" / str(self.workspace_id) / f"{self.repository}.git"

    @property
    def session(self) -> Path:
        return self.data / "sessions" / str(self.session_id)

    @property
    def git_dir(self) -> Path:
        """The session's own HEAD, index, refs and new objects."""
        return self.session / "git" / f"{self.repository}.git"

    @property
    def root(self) -> Path:
        """The session's working copy, with the root repository at its top."""
        return self.session / "workspace"

    @property
    def work_tree(self) -> Path:
        """This repository's part of the working copy."""
        return self.root / self.folder if self.folder else self.root


class GitFailed(AppError):
    """Git could not do that."""

    status = 422


class RemoteRefused(GitFailed):
    """The remote refused the credentials: give a token that may read (and, to push, write) this repository."""


_OVER_SSH = (
    "The remote refused the server's SSH key: whoever runs the server can have it let in there. Or take the repository's "
    "https:// URL, with a token."
)


class HostKeyChanged(GitFailed):
    """The remote shows another host key than it did before: it was set up anew, or somebody sits in between. Whoever runs the
    server can let it be believed anew, by `ssh-keygen -R` with the host's name as the server's user."""


class RemoteNotFound(GitFailed):
    """There is no such repository, or it is private: is the URL spelt right? If it is private, give a token."""


class NoSuchBranch(Invalid):
    """The repository has no branch of that name."""


class RemoteUnreachable(GitFailed):
    """The remote could not be reached: is the host spelt right, and reachable from this server?"""


class RemoteMoved(GitFailed):
    """The remote redirects to another address, which is not followed with your credentials: use that address itself."""


class RemoteTooSlow(GitFailed):
    """The remote did not answer in time: try again later."""


class HistoryRefused(GitFailed):
    """An object of this history is malformed or attacks who checks it out: whoever owns it can rewrite it (`git filter-repo`)."""


class PushRejected(GitFailed):
    """The remote has commits that are not here: pull first, then push."""

    status = 409


class PushDeclined(GitFailed):
    """The remote does not let that branch be pushed to: it is protected, or a hook declines. Open a pull request there."""

    status = 409


class BadCloneUrl(Invalid):
    """That is not a URL that can be cloned: https://, ssh:// or user@host:path."""


class PrivateAddress(BadCloneUrl):
    """That host lies in a private network; whoever runs the server can allow it by CODEYARD_ALLOW_PRIVATE_CLONE."""


class FolderMissing(AppError):
    """The folder of this repository is gone, or leads elsewhere: put a folder back in its place."""

    status = 409


def open_session(place: Place) -> pygit2.Repository:
    """The session's repository with its working copy where we know it to be, whatever its config says. Raises FolderMissing."""
    _check_folder(place)
    repository = pygit2.Repository(str(place.git_dir))
    repository.workdir = str(place.work_tree)
    return repository


def _check_folder(place: Place) -> None:
    """A shell in the session can put a link in place of an imported repository's folder; what that leads to is not its own."""
    here = place.root
    for part in place.folder.split("/") if place.folder else ():
        here = here / part
        if here.is_symlink() or not here.is_dir():
            raise FolderMissing(folder=place.folder)


class _Opened:
    """Session repositories kept open between calls, so that an index of many files is not parsed again for each: libgit2
    looks by itself whether index, refs and packs have changed. One caller at a time has each."""

    MOST = 32

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, int], tuple[threading.Lock, pygit2.Repository]] = OrderedDict()

    @contextlib.contextmanager
    def __call__(self, place: Place, beside: int = 0) -> Iterator[pygit2.Repository]:
        """`beside`: another handle, for a thread that looks at the same repository at the same time."""
        _check_folder(place)
        key = (str(place.git_dir), place.git_dir.stat().st_ino, beside)  # a folder made anew is another repository
        with self._guard:
            lock, repository = self._kept.get(key) or (threading.Lock(), open_session(place))
            self._kept[key] = lock, repository
            self._kept.move_to_end(key)
            if len(self._kept) > self.MOST:
                self._kept.popitem(last=False)
        with lock:
            repository.index.read(False)
            try:
                yield repository
            except BaseException:
                with self._guard:  # its index in memory may be half changed
                    self._kept.pop(key, None)
                raise


opened = _Opened()
"""`with opened(place) as repository:`; who changes something holds the session's lock besides."""


def open_bare(place: Place) -> pygit2.Repository:
    return pygit2.Repository(str(place.bare))


# --- the git client ---------------------------------------------------------------------------------------------------

_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "protocol.ext.allow": "never",
    "http.followRedirects": "false",
    "submodule.recurse": "false",
    "fetch.fsckObjects": "true",
    "transfer.credentialsInUrl": "die",
    "gc.auto": "0",
    "advice.detachedHead": "false",
}
_ASKPASS = Path(__file__).with_name("askpass.sh")
_PROGRESS = re.compile(rb"^(?:remote: )?([A-Z][A-Za-z ]+):\s+(\d+)%")


async def run(
    *words: str | Path,
    git_dir: Path | None = None,
    token: str = "",
    username: str = "",
    allow_file: bool = False,
    timeout: float = 600,
    progress: Progress | None = None,
) -> bytes:
    """Standard output of the git client on a bare repository. It sees no configuration but ours, asks nobody, and gets
    credentials through the environment, never in its words. Killed with its helpers on timeout or cancellation.
    Raises GitFailed with cause and remedy."""
    command = ["git", *(["--git-dir", str(git_dir)] if git_dir else []), *map(str, words)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(token, username, allow_file=allow_file),
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            output, errors = await asyncio.gather(_read(process.stdout), _follow(process.stderr, progress))
            await process.wait()
    except TimeoutError:
        raise RemoteTooSlow from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise explain(errors.decode(errors="replace"), token)
    return output


def environment(token: str = "", username: str = "", *, allow_file: bool = False) -> dict[str, str]:
    """What the git client gets: no configuration but ours, nobody to ask, nothing of the server's own settings."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_DEFAULT_REF_FORMAT": "files",  # libgit2 knows no other
        "GIT_ASKPASS": str(_ASKPASS),
        "GIT_ALLOW_PROTOCOL": "https:http:ssh" + (":file" if allow_file else ""),
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=20 -F /dev/null",
        "CODEYARD_GIT_USERNAME": username or "x-access-token",
        "CODEYARD_GIT_TOKEN": token,
        "GIT_CONFIG_COUNT": str(len(_CONFIG)),
    }
    for name in (
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "GIT_SSL_CAINFO",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSH_AUTH_SOCK",
    ):
        if name in os.environ:
            environment[name] = os.environ[name]
    for number, (name, value) in enumerate(_CONFIG.items()):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    return await stream.read() if stream else b""


async def _follow(stream: asyncio.StreamReader | None, progress: Progress | None) -> bytes:
    """Standard error to its end; keeps the last 16 KiB and tells `progress` of each new percentage."""
    kept, told = b"", ("", -1)
    while stream is not None and (piece := await stream.read(4096)):
        kept = (kept + piece)[-16384:]
        if progress is None:
            continue
        for line in re.split(rb"[\r\n]", piece):
            if (found := _PROGRESS.match(line)) and (now := (found[1].decode(), int(found[2]))) != told:
                told = now
                progress(*now)
    return kept


def explain(errors: str, token: str) -> AppError:
    """What went wrong, in words that help, without credentials: DiskFull, or a kind of GitFailed."""
    text = re.sub(r"//[^/@\s]+@", "//", errors.replace(token, "…") if token else errors)
    low = text.lower()
    ours = [line for line in low.splitlines() if not line.startswith("remote:")]
    if any(
        "no space left on device" in line or "unable to write file" in line for line in ours
    ):  # a checkout says no more
        return DiskFull()
    if "redirect" in low or "error: 30" in low:
        return RemoteMoved()
    if "host key verification failed" in low:
        return HostKeyChanged()
    if "permission denied (" in low:
        return RemoteRefused(_OVER_SSH)
    if any(
        word in low for word in ("authentication failed", "permission denied", "could not read username", "error: 403")
    ):
        return RemoteRefused()
    if "not found" in low or "does not exist" in low or "does not appear to be a git repository" in low:
        return RemoteNotFound()
    if "could not resolve" in low or "unable to access" in low or "connection" in low or "unreachable" in low:
        return RemoteUnreachable()
    if found := re.search(r"(?:^|\r)error: object [0-9a-f]{40,64}: (\w+: .*)", text, re.MULTILINE):  # of fsck
        return HistoryRefused(f"{HistoryRefused.__doc__} ({found[1][:200]})")
    if "rejected" in low or "fetch first" in low or "non-fast-forward" in low:
        return PushRejected()
    if "failed to push some refs" in low:
        return PushDeclined()
    last = next((line for line in reversed(text.splitlines()) if line.startswith(("fatal:", "error:"))), "")
    return GitFailed(f"Git could not do that: {last.partition(':')[2].strip()[:300] or 'no reason was given'}")


# --- URLs of strangers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CloneUrl:
    """A URL that may be cloned; `address` carries no credentials and is what is stored and shown."""

    address: str
    username: str = ""
    password: str = ""


def origin_of(address: str) -> str:
    """Scheme, host and port of a remote: what a credential is for."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


_SCP = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)@([A-Za-z0-9][A-Za-z0-9.-]*):(?!//)([^:].*)")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


async def check_clone_url(url: str, *, allow_file: bool, allow_private: bool) -> CloneUrl:
    """The URL, if it is one that a stranger may make this server fetch. Raises BadCloneUrl, PrivateAddress.

    A name is resolved here and again by git: one that answers differently in between (DNS rebinding) reaches at most a git
    protocol on a private host. Redirects are not followed.
    """
    if not url.isprintable() or " " in url or url.startswith("-") or "\\" in url or len(url) > 2000:
        raise BadCloneUrl
    if scp := _SCP.fullmatch(url):
        user, host, path = scp.groups()
        if path.startswith("-"):
            raise BadCloneUrl
        await _check_host(host, 22, allow_private=allow_private)
        return CloneUrl(f"ssh://{user}@{host}/{path.lstrip('/')}")
    parts = urlsplit(url)
    if parts.scheme == "file":
        if not allow_file or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise BadCloneUrl(
                "file:// URLs are not allowed here; whoever runs the server can by CODEYARD_ALLOW_FILE_CLONE."
            )
        return CloneUrl(f"file://{parts.path}")
    return await _check_remote(url, allow_private=allow_private)


async def _check_remote(url: str, *, allow_private: bool) -> CloneUrl:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadCloneUrl from None
    bare_host = host.strip("[]")
    is_v6 = ":" in bare_host
    if parts.scheme not in ("https", "http", "ssh") or parts.query or parts.fragment or parts.netloc.count("@") > 1:
        raise BadCloneUrl
    if not (is_v6 or _HOST.fullmatch(bare_host)) or not parts.path.strip("/"):
        raise BadCloneUrl
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if username.startswith("-") or not (username + password).isprintable():
        raise BadCloneUrl
    if parts.scheme == "http" and not allow_private:
        raise BadCloneUrl("http:// sends everything in the clear: use https://.")
    await _check_host(
        bare_host, port or {"https": 443, "http": 80, "ssh": 22}[parts.scheme], allow_private=allow_private
    )
    shown = f"[{bare_host}]" if is_v6 else bare_host
    user = f"{quote(username)}@" if parts.scheme == "ssh" and username else ""
    address = f"{parts.scheme}://{user}{shown}{f':{port}' if port else ''}{parts.path}"
    return CloneUrl(address, "" if parts.scheme == "ssh" else username, password)


async def _check_host(host: str, port: int, *, allow_private: bool) -> None:
    if allow_private:
        return
    try:
        await outside.resolve(host, port, allow_private=False)
    except outside.NotPublic:
        raise PrivateAddress from None
    except OSError:
        raise RemoteUnreachable(f"The host {host} is not known.") from None
