"""A session as tests of version control handle it: its files, its calls, and the git client of a person in its shell."""

import asyncio
import subprocess
from pathlib import Path


def by_hand(at: Path, *words: str) -> str:
    """The git client, as a person in a shell would call it."""
    identity = ["-c", "user.name=Hand", "-c", "user.email=hand@example.com", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", "-C", str(at), *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout


async def started(client, session_id: str) -> dict:
    """The session, once it is ready or failed: the POST that clones waits only for a while."""
    async with asyncio.timeout(60):
        while (session := (await client.get(f"/sessions/{session_id}")).json())["status"] == "starting":
            await asyncio.sleep(0.05)
    return session


class Yard:
    """One session: its files, and its version control calls."""

    def __init__(self, client, session, data: Path):
        self.client, self.session, self.id = client, session, session["id"]
        self.root = data / "sessions" / session["id"] / "workspace"

    def write(self, path: str, text: str = "text\n") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    async def get(self, call: str, status: int = 200, **params):
        answer = await self.client.get(f"/workspace/{self.id}/version-controls{call}", params=params)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, body=None, status: int = 200):
        answer = await self.client.post(f"/workspace/{self.id}/version-controls{path}", json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def commit(self, text: str = "Commit", **more) -> str:
        return (await self.post("/commit", {"message": text} | more, 201))["id"]

    async def files(self) -> dict[str, str]:
        return {file["path"]: file["status"] for file in (await self.get("/status"))["files"]}
