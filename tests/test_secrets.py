"""Attack row 13: secrets are nowhere but where they belong – not in a URL that counts, nor in errors, exports, events, logs, what
webhooks send, what strangers are handed, nor in any file or row in the clear."""

import io
import json
import logging
import subprocess
import zipfile

from sqlalchemy import text

from backend.core.db import Base
from tests.conftest import idle
from tests.forges import NAME, forge
from tests.receivers import receiver
from tests.remotes import TOKEN, bare
from tests.workbench.yard import by_hand

PASSWORD = "canary password, long enough"
HOOK = "canary-of-the-incoming-hook"


async def test_a_canary_of_each_kind_is_found_nowhere(client, call, ada, resources, database, tmp_path, caplog):
    bare(tmp_path / f"{NAME}.git")
    by_hand(tmp_path, "clone", "-q", str(tmp_path / f"{NAME}.git"), "work")
    (tmp_path / "work/package.json").write_text("{}")
    by_hand(tmp_path / "work", "add", "-A")
    by_hand(tmp_path / "work", "commit", "-qm", "First")
    by_hand(tmp_path / "work", "push", "-q", "origin", "HEAD:main")
    organization = f"/organizations/{ada.organization_id}"
    async with receiver() as there:
        with forge(tmp_path) as upstream, caplog.at_level(logging.DEBUG):
            workspace = (await client.post("/workspace", json={"name": "one"})).json()
            session = workspace["default_session_id"]
            key = (await client.post(f"{organization}/api-keys", json={"name": "ci", "scopes": ["admin"]})).json()[
                "key"
            ]
            hook = {"url": there.url()}
            hook = (await client.post(f"{organization}/webhooks", json=hook)).json()
            body = {"workspace_id": workspace["id"], "provider": "github", "secret": HOOK}
            assert (await client.post("/webhook-integrations", json=body)).status_code == 201
            assert (await client.post("/github", json={"token": TOKEN, "base_url": upstream.base})).status_code == 201
            imported = await client.post(f"/workspace/{session}/services/import-github", json={"repository": NAME})
            assert imported.status_code == 202, imported.text
            new = {"current": "wrong", "new": PASSWORD}
            errors = [await client.post("/auth/password", json=new)]
            await idle(database)
            secrets = {
                "key": key,
                "webhook": hook["secret"][6:],
                "incoming": HOOK,
                "token": TOKEN,
                "password": PASSWORD,
            }
            secrets |= {"cookie": ada.headers["cookie"].split("=")[1], "csrf": ada.headers["x-csrf-token"]}

            nobody = call(None)
            for name in ("token", "key", "api_key", "access_token", "authorization", "session"):
                for secret in (secrets["key"], secrets["cookie"]):
                    answer = await nobody.get("/workspace", params={name: secret})
                    assert answer.status_code == 401, name  # a secret in a URL opens nothing
                    errors.append(answer)
            as_key = call(None)
            for path in (f"/workspace/{key}", f"/{TOKEN}", "/workspace?limit=x"):
                errors.append(await as_key.get(path, headers={"authorization": f"Bearer {key}"}))
            errors.append(await client.post("/github", content=f'{{"token": "{TOKEN}"'.encode()))
            errors.append(await client.post("/github", json={"token": [TOKEN], "base_url": 1}))
            await there.until(1)
            archive = await client.get(f"/workspace/{session}/archive", params={"format": "zip"})
            exports = [await client.get(f"{organization}/audit/csv"), await client.get(f"{organization}/audit")]
            exports += [await client.get(f"{organization}/{what}") for what in ("api-keys", "webhooks")]
            exports += [await client.get("/webhook-integrations"), await client.get("/github")]
    assert all(400 <= answer.status_code < 500 for answer in errors), [answer.status_code for answer in errors]
    assert all(answer.status_code == 200 for answer in (*exports, archive))
    for answer in (*errors, *exports):
        assert answer.headers["referrer-policy"] == "no-referrer"
    packed = zipfile.ZipFile(io.BytesIO(archive.content))
    places = {
        "errors": [answer.text for answer in errors if TOKEN not in str(answer.url) and key not in str(answer.url)],
        "exports": [answer.text for answer in exports],
        "archive": [packed.read(name).decode(errors="replace") for name in packed.namelist()],
        "webhooks": [f"{one.path} {json.dumps(one.headers)} {one.body.decode()}" for one in there.got],
        "logs": [
            str(record.__dict__) for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
        ],
    }
    async with database.begin() as db:
        for table in Base.metadata.sorted_tables:
            rows = (await db.execute(text(f'SELECT t::text FROM "{table.name}" t'))).scalars()
            places[f"table {table.name}"] = list(rows)
    found = [
        (place, name)
        for place, texts in places.items()
        for name, secret in secrets.items()
        for one in texts
        if secret in one or secret.encode().hex() in one
    ]
    assert found == [("table sign_ins", "csrf")], found  # GET /auth/me shows it again; alone it opens nothing
    for secret in secrets.values():
        words = ["grep", "-rlaF", "--exclude-dir=postgres", secret, str(resources.data)]
        assert subprocess.run(words, capture_output=True, text=True, check=False).stdout == ""
