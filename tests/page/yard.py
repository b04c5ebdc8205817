"""Sessions made by the API and opened on a page that is signed in, for tests of what one does in them."""

import os
import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.server import Server


class Yard:
    """One session: its files on the disk, its calls."""

    def __init__(self, server: Server, name: str, url: str = "", session: str = "") -> None:
        self.server = server
        body = {"name": name} | ({"clone_url": url} if url else {})
        self.session = session or server.ask("POST", "/workspace", body)["default_session_id"]
        self.root = server.data / "sessions" / self.session / "workspace"

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def vcs(self, method: str, call: str, body: Any = None) -> Any:
        return self.server.ask(method, f"/workspace/{self.session}/version-controls{call}", body)

    def commit(self, text: str, **more: Any) -> str:
        return self.vcs("POST", "/commit", {"message": text} | more)["id"]

    def fork(self, name: str) -> "Yard":
        workspace = self.server.ask("GET", f"/sessions/{self.session}")["workspace_id"]
        made = self.server.ask(
            "POST", "/sessions", {"workspace_id": workspace, "name": name, "parent_session_id": self.session}
        )
        return Yard(self.server, name, session=made["id"])

    def git(self, *words: str) -> str:
        return git(self.root, *words)

    def open(self, page: Page, view: str = "") -> None:
        """The session on a page, signed in as the owner, with that view at the side."""
        name, _, value = self.server.cookie.partition("=")
        page.context.add_cookies([{"name": name, "value": value, "url": self.server.url}])
        page.goto(f"{self.server.url}/s/{self.session}")
        if view:
            page.get_by_role("button", name=view, exact=True).click()
        expect(page.get_by_role("tab", name="Terminal 1")).to_be_visible()


def git(at: Path, *words: str) -> str:
    identity = ["-c", "user.name=Hand", "-c", "user.email=hand@example.com", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", str(at), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout


def picture(page: Page, name: str) -> None:
    """A screenshot for who wants to look: in the folder that CODEYARD_PICTURES names."""
    if folder := os.environ.get("CODEYARD_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text
