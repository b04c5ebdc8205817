"""Real rows behind every id that a route's path or body names, each made when it is first asked for: most rows of the
authorization matrix need one or two of them."""

import json
from base64 import b64encode
from string import Formatter
from typing import Any

from backend.core.auth import Role
from backend.core.db import Database, new_id
from tests import make
from tests.clients import Caller
from tests.make import Somebody

TUS = {"Tus-Resumable": "1.0.0"}


class Seeds:
    """Made by the organisation's owner. A seed is a coroutine here; its value is what stands for `{its name}`."""

    def __init__(self, client: Caller, owner: Somebody, database: Database) -> None:
        self.client, self.owner, self.database = client, owner, database
        self.made: dict[str, str] = {}

    async def fill(self, value: Any) -> Any:
        """`value` with every `{name}` in it replaced."""
        if isinstance(value, str):
            names = [name for _, name, _, _ in Formatter().parse(value) if name] if "{" in value else []
            return value.format(**{name: await self.get(name) for name in names}) if names else value
        if isinstance(value, dict):
            return {key: await self.fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [await self.fill(inner) for inner in value]
        return value

    async def get(self, name: str) -> str:
        if name in ("unique", "nobody"):
            return new_id().hex if name == "unique" else str(new_id())
        if name not in self.made:
            self.made[name] = str(await getattr(self, name)())
        return self.made[name]

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.client.post(path, json={} if body is None else body, **more)
        assert answer.status_code < 400, (path, answer.text)
        return answer.json()

    async def newest(self, path: str) -> Any:
        return (await self.client.get(path)).json()["items"][0]["id"]

    # --- accounts

    async def organization(self) -> Any:
        return self.owner.organization_id

    async def path(self) -> str:
        return "nowhere"

    async def user(self) -> Any:
        return (await make.person(self.database, self.owner.organization_id, Role.MEMBER)).user_id

    async def team(self) -> Any:
        org = f"/organizations/{self.owner.organization_id}"
        team = (await self.post(f"{org}/teams", {"name": "one"}))["id"]
        await self.client.put(f"{org}/teams/{team}/members/{await self.get('user')}")
        return team

    async def granted_user(self) -> Any:
        return await self._granted("people", "user")

    async def granted_team(self) -> Any:
        return await self._granted("teams", "team")

    async def _granted(self, kind: str, name: str) -> str:
        holder = await self.get(name)
        path = f"/workspace/{await self.get('workspace')}/access/{kind}/{holder}"
        assert (await self.client.put(path, json={"access": "member"})).status_code < 400
        return holder

    async def key(self) -> Any:
        return (await make.key(self.database, self.owner.organization_id, "files:read")).key_id

    async def invitation(self) -> Any:
        path = f"/organizations/{self.owner.organization_id}/invitations"
        return (await self.post(path, {"email": "z@example.com"}))["id"]

    async def sign_in(self) -> Any:
        return await self.newest("/auth/sign-ins")

    # --- workspaces and sessions

    async def workspace(self) -> Any:
        return (await self.post("/workspace", {"name": "one"}))["id"]

    async def binned_workspace(self) -> Any:
        made = (await self.post("/workspace", {"name": "binned"}))["id"]
        await self.client.delete(f"/workspace/{made}")
        return made

    async def session(self) -> Any:
        return await self._session("one")

    async def binned_session(self) -> Any:
        made = await self._session("binned")
        await self.client.delete(f"/sessions/{made}")
        return made

    async def _session(self, name: str) -> Any:
        return (await self.post("/sessions", {"workspace_id": await self.get("workspace"), "name": name}))["id"]

    async def snapshot(self) -> Any:
        return (await self.post(f"/workspace/{await self.get('session')}/version-controls/snapshots"))["id"]

    async def terminal(self) -> str:
        return "none"

    async def upload_metadata(self) -> str:
        fields = {"session_id": await self.get("session"), "path": "a"}
        return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in fields.items())

    async def upload(self) -> str:
        headers = TUS | {"Upload-Length": "1", "Upload-Metadata": await self.get("upload_metadata")}
        made = await self.client.post("/filestorage", headers=headers)
        return made.headers["location"].rsplit("/", 1)[1]

    # --- services

    async def stack(self) -> Any:
        """A session with a service that can be asked to run, and cannot."""
        made = await self._session("stack")
        nothing = {"services": {"web": {"image": "nothing:1", "pull_policy": "never", "ports": [80]}}}
        write = {"op": "write", "path": "compose.yaml", "content": json.dumps(nothing)}
        await self.post(f"/workspace/{made}/filesystem", write)
        return made

    async def service(self) -> Any:
        return await self.newest(f"/workspace/{await self.get('stack')}/services")

    async def operation(self) -> Any:
        return (await self.post(f"/workspace/{await self.get('stack')}/runtimes/run-all"))["id"]

    async def variable(self) -> str:
        path = f"/workspace/{await self.get('workspace')}/variables/SEEDED"
        assert (await self.client.put(path, json={"value": "x"})).status_code == 204
        return "SEEDED"

    async def registry(self) -> str:
        path = f"/workspace/{await self.get('workspace')}/registries/seeded.io"
        assert (await self.client.put(path, json={"username": "a", "password": "b"})).status_code == 204
        return "seeded.io"

    # --- webhooks

    async def webhook(self) -> Any:
        quiet = {"url": "http://127.0.0.1:9/", "events": ["workspace.restored"]}
        return (await self.post(f"/organizations/{self.owner.organization_id}/webhooks", quiet))["id"]

    async def delivery(self) -> Any:
        path = f"/organizations/{self.owner.organization_id}/webhooks/{await self.get('webhook')}/ping"
        return (await self.post(path))["id"]

    async def integration(self) -> Any:
        body = {"workspace_id": await self.get("workspace"), "provider": "gitlab", "secret": "shared-between-us"}
        incoming = await self.post("/webhook-integrations", body)
        heard = incoming["path"].removeprefix("/api/v1")
        await self.client.post(heard, json={}, headers={"x-gitlab-token": body["secret"]})
        return incoming["id"]

    async def received(self) -> Any:
        return await self.newest(f"/webhook-integrations/{await self.get('integration')}/deliveries")

    async def task(self) -> Any:
        return (await self.post(f"/workspace/{await self.get('workspace')}/tasks", {"title": "t"}))["id"]

    # --- pull requests

    async def pull(self) -> Any:
        """One from the session `{head}` into the default session, with a thread."""
        head = self.made["head"] = await self._session("head")
        await self.post(f"/workspace/{head}/filesystem", {"op": "write", "path": "x.txt", "content": "x"})
        await self.post(f"/workspace/{head}/version-controls/commit", {"message": "x"})
        at = f"/workspace/{await self.get('workspace')}/pull-requests"
        pull = (await self.post(at, {"head_session_id": head, "title": "t"}))["number"]
        thread = await self.post(f"{at}/{pull}/threads", {"body": "b"})
        self.made |= {"thread": thread["id"], "comment": thread["comments"][0]["id"]}
        return pull

    async def head(self) -> str:
        return await self._of_pull("head")

    async def thread(self) -> str:
        return await self._of_pull("thread")

    async def comment(self) -> str:
        return await self._of_pull("comment")

    async def _of_pull(self, name: str) -> str:
        await self.get("pull")
        return self.made[name]
