"""Real git remotes for tests: `git http-backend` behind a small HTTP server that wants a token, and an SSH server."""

import asyncio
import base64
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncssh

TOKEN = "s3cret-token"
Answered = tuple[int, dict[str, str], bytes]


def bare(at: Path) -> Path:
    """An empty bare repository that takes pushes."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(at)], check=True)
    subprocess.run(["git", "-C", str(at), "config", "http.receivepack", "true"], check=True)
    return at


@contextmanager
def over_http(
    folder: Path,
    *,
    elsewhere: str = "",
    api: Callable[[str, str, Mapping[str, str], bytes], Answered | None] | None = None,
    tokens: Container[str] = (TOKEN,),
) -> Iterator[str]:
    """Serves the repositories in `folder` to who shows one of `tokens` as a password; with `elsewhere`, redirects there instead.
    `api` is asked first, by method, path, headers and body, and gives (status, headers, body) for what is not git's."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            if self.headers.get("transfer-encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
            self.answer(body)

        do_PUT = do_PATCH = do_DELETE = do_POST

        def answer(self, body: bytes) -> None:
            seen.append(self.headers.get("authorization", ""))
            if api is not None and (answered := api(self.command, self.path, self.headers, body)) is not None:
                status, headers, content = answered
                self.send_response(status)
                for name, value in (headers | {"content-length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                return
            if elsewhere:
                self.send_response(302)
                self.send_header("Location", elsewhere + self.path)
                self.end_headers()
                return
            given = self.headers.get("authorization", "").removeprefix("Basic ")
            if base64.b64decode(given).decode().partition(":")[2] not in tokens:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("content-type", ""),
                "REMOTE_USER": "someone",
                "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
            }
            done = subprocess.run(
                ["git", "http-backend"], input=body, capture_output=True, env=environment, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = seen  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@asynccontextmanager
async def over_ssh(folder: Path, algorithm: str, *, port: int = 0) -> AsyncIterator[tuple[str, Path]]:
    """Serves the repositories in `folder` to a key of `algorithm`; (URL, path of the private key). Where no `port` is given it is
    a host that nobody knows yet."""
    host_key, user_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key(algorithm)
    private = folder / f"id-{algorithm}"
    user_key.write_private_key(str(private))
    private.chmod(0o600)
    allowed = folder / f"authorized-{algorithm}"
    user_key.write_public_key(str(allowed))

    async def serve(process: asyncssh.SSHServerProcess) -> None:
        program, _, path = (process.command or "").partition(" ")
        assert program in ("git-upload-pack", "git-receive-pack")
        local = await asyncio.create_subprocess_exec(
            program,
            str(folder / path.strip("'/")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"]},
        )
        await process.redirect(stdin=local.stdin, stdout=local.stdout)
        process.exit(await local.wait())
        await process.wait_closed()

    server = await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        authorized_client_keys=str(allowed),
        process_factory=serve,
        encoding=None,
    )
    if not port:  # an earlier test may have been there
        subprocess.run(["ssh-keygen", "-R", f"[127.0.0.1]:{server.get_port()}"], capture_output=True, check=False)
    async with server:
        yield f"ssh://git@127.0.0.1:{server.get_port()}", private
