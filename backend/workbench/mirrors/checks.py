"""Checks of the head commit: those of the provider come here, those that were set here go there."""

from sqlalchemy import update

from backend.core.db import new_id
from backend.core.events import emit
from backend.workbench.connections.clients.contract import RemoteCheck, RemotePull
from backend.workbench.mirrors import words
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls import repository
from backend.workbench.pulls.events import PullUpdated
from backend.workbench.pulls.models import PullCheck
from backend.workbench.pulls.service import facts

MOST = 300


async def reconcile(pair: Twin, remote: RemotePull) -> None:
    commit = pair.pull.head_commit
    if not remote.head_commit or not commit.startswith(remote.head_commit):
        return  # the provider speaks of another head than we know
    there: dict[str, RemoteCheck] = {}
    for check in await pair.client.checks(pair.name, commit):
        if name := words.line(check.name, 200):
            there.setdefault(name, check)  # the newest comes first
    async with pair.resources.database.begin() as db:
        here = {row.name: row for row in await repository.checks(db, pair.pull.id, commit)}
        changed = False
        for name, check in list(there.items())[:MOST]:
            row = here.get(name)
            if row is not None and row.ours:
                continue
            url = check.url if check.url.startswith(("https://", "http://")) else ""
            said = (check.state, words.line(url, 2000), words.line(check.description, 300))
            if row is None:
                row = PullCheck(id=new_id(), pull_id=pair.pull.id, commit_id=commit, name=name, ours=False)
                db.add(row)
            elif (row.state, row.url, row.description) == said:
                continue
            row.state, row.url, row.description = said
            changed = True
        if changed:
            await emit(db, PullUpdated(**facts(pair.pull, there=""), how="checks"))
    for row in here.values():
        if row.ours and not row.told:
            check = RemoteCheck(row.name, row.state, row.url, row.description)
            await pair.client.set_check(pair.name, commit, check)
            same = PullCheck.id == row.id, PullCheck.state == row.state
            async with pair.resources.database.begin() as db:
                await db.execute(update(PullCheck).where(*same).values(told=True))
