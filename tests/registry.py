"""A registry of images for tests: what an engine asks when it pulls (Docker Registry HTTP API v2, Image Manifest V2 Schema 2),
open to all or with a login, Basic (RFC 7617) or by a token as at Docker Hub. On loopback, where engines ask without TLS."""

import base64
import functools
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from tests import require

IMAGE = "debian:bookworm-slim"
USER, PASSWORD = "ada", "love:lace"
_TYPES = "application/vnd.docker.distribution.manifest"
_TOKEN = "a-token-of-this-registry"


class Registry:
    """Use as a context manager. `logins` are the credentials that it was told."""

    def __init__(self, scheme: Literal["", "basic", "bearer"] = "") -> None:
        require.missing("docker")
        self.scheme = scheme
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}  # by name, and by tag or digest
        self.blobs: dict[str, bytes] = {}
        self.logins: set[str] = set()
        self.going = threading.Event()  # cleared: of each blob that is pulled the first half comes, and then nothing
        self.going.set()
        self._images: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Answer, self))
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Registry":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.going.set()
        self._server.shutdown()
        self._server.server_close()
        self.forget()

    def push(self, name: str, mark: str) -> str:
        """An image under a name with a tag: IMAGE and a layer that no engine has seen, with `mark` in /mark. Its digest."""
        config, layers = _base()
        layers = [*layers, _layer({"mark": mark.encode(), "much": os.urandom(8 << 20)})]
        config = config | {"rootfs": {"type": "layers", "diff_ids": [_digest(layer) for layer in layers]}}
        config["config"] = config["config"] | {"ExposedPorts": {"8080/tcp": {}}, "Cmd": ["sleep", "600"]}
        blobs = [json.dumps(config).encode(), *layers]
        self.blobs |= {_digest(blob): blob for blob in blobs}
        self._images.add(_digest(blobs[0]))
        kinds = ["application/vnd.docker.container.image.v1+json"]
        kinds += ["application/vnd.docker.image.rootfs.diff.tar"] * len(layers)
        parts = [{"mediaType": k, "size": len(b), "digest": _digest(b)} for k, b in zip(kinds, blobs, strict=True)]
        return self._put(name, f"{_TYPES}.v2+json", config=parts[0], layers=parts[1:])

    def push_for(self, name: str, architecture: str) -> None:
        """A list of one image, for machines of that kind."""
        one = {"mediaType": f"{_TYPES}.v2+json", "size": 2, "digest": _digest(b"{}")}
        one["platform"] = {"architecture": architecture, "os": "linux"}
        self._put(name, f"{_TYPES}.list.v2+json", manifests=[one])

    def forget(self) -> None:
        """The engine has its images no more."""
        for image in self._images:
            subprocess.run(["docker", "image", "rm", "--force", image], capture_output=True, check=False)

    def _put(self, name: str, kind: str, **parts: Any) -> str:
        content = json.dumps({"schemaVersion": 2, "mediaType": kind, **parts}).encode()
        repository, _, tag = name.partition(":")
        for reference in (tag, _digest(content)):
            self.manifests[repository, reference] = kind, content
        return _digest(content)


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, registry: Registry, *words: Any) -> None:
        self.registry = registry
        super().__init__(*words)

    def do_GET(self) -> None:
        registry, path = self.registry, self.path.partition("?")[0]
        told = self.headers.get("Authorization", "")
        if told.startswith("Basic "):
            registry.logins.add(base64.b64decode(told[6:]).decode())
        known = told == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        name, _, reference = re.sub("^/v2/(.+)/(manifests|blobs)/", r"\1 ", path).partition(" ")
        if path == "/token" and told and not known:
            self._refuse(401, "UNAUTHORIZED", "incorrect username or password")
        elif path == "/token":  # who comes without a login gets one that is good for nothing
            self._say(200, "application/json", json.dumps({"token": _TOKEN if known else "-"}).encode())
        elif not {"": True, "basic": known, "bearer": told == f"Bearer {_TOKEN}"}[registry.scheme]:
            self._refuse(401, "UNAUTHORIZED", "authentication required")
        elif path == "/v2/":
            self._say(200, "application/json", b"{}")
        elif (name, reference) in registry.manifests:
            self._say(200, *registry.manifests[name, reference])
        elif reference in registry.blobs:
            self._say(200, "application/octet-stream", registry.blobs[reference])
        else:
            self._refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")

    do_HEAD = do_GET

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._say(status, "application/json", json.dumps({"errors": [{"code": code, "message": message}]}).encode())

    def _say(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        if status == 401:
            realm = 'Basic realm="here"' if self.registry.scheme == "basic" else self._bearer()
            self.send_header("WWW-Authenticate", realm)
        if kind.startswith(_TYPES):
            self.send_header("Docker-Content-Digest", _digest(content))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(content) // 2 if kind == "application/octet-stream" else 0
        self.wfile.write(content[:half])
        if half:
            self.registry.going.wait()
        self.wfile.write(content[half:])

    def _bearer(self) -> str:
        return f'Bearer realm="http://{self.registry.host}/token",service="{self.registry.host}"'

    def log_message(self, *words: object) -> None:
        """The engine tries TLS first, which is no error here."""


@functools.cache
def _base() -> tuple[dict[str, Any], list[bytes]]:
    """The configuration of IMAGE and its layers, as the engine saves them."""
    saved = subprocess.run(["docker", "save", IMAGE], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(saved)) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file is not None, name
            return file.read()

        parts = json.loads(read("manifest.json"))[0]
        config = json.loads(read(parts["Config"]))
        config.pop("history", None)
        return config, [read(layer) for layer in parts["Layers"]]


def _layer(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
