"""Commands for tasks: what is to be done in a workspace, and by whom."""

import argparse
from typing import Any

from backend.client import show
from backend.client.api import Server
from backend.client.nouns import Noun, confirmed
from backend.client.people import People

STATES = ("todo", "in_progress", "in_review", "done", "cancelled")
TASK = "number title status assignee labels updated_at"
WHOM = "an e-mail address, a team's name, or none"


def register(commands: Any) -> None:
    task = Noun(commands, "task", "Tasks of a workspace: the board, its cards, who does them.")
    listed = task.verb("list", list_tasks, "Those that are not over, in the order of the board.", "WORKSPACE")
    listed.add_argument("--status", choices=(*STATES, "all"))
    listed.add_argument("--assignee", metavar="WHO", help=WHOM)
    listed.add_argument("--label")
    task.verb("show", show_task, "One task.", "WORKSPACE", "NUMBER")
    create = task.verb("create", create_task, "Add a task.", "WORKSPACE", "TITLE")
    edit = task.verb("edit", edit_task, "Change a task; what is not named stays.", "WORKSPACE", "NUMBER")
    edit.add_argument("--title")
    for made in (create, edit):
        made.add_argument("--body", help="Markdown; @name mentions somebody, and assigns what is nobody's")
        made.add_argument("--status", choices=STATES)
        made.add_argument("--assignee", metavar="WHO", help=WHOM)
        made.add_argument("--label", action="append", default=[], help="may be given several times")
    edit.add_argument("--unlabel", action="append", default=[], metavar="LABEL")
    move = task.verb("move", move_task, "Put a task into a column of the board, at its top.", "WORKSPACE", "NUMBER")
    move.add_argument("status", choices=STATES)
    move.add_argument("--after", metavar="NUMBER", help="not at the top but below this one")
    close = task.verb("close", close_task, "Say that a task is done.", "WORKSPACE", "NUMBER")
    close.add_argument("--cancelled", action="store_true", help="that it will not be done")
    delete = task.verb("delete", delete_task, "Remove a task for good.", "WORKSPACE", "NUMBER")
    delete.add_argument("--yes", action="store_true", help="do not ask")


class _Place:
    """A workspace, its tasks, and who there is to do them."""

    def __init__(self, words: argparse.Namespace, server: Server) -> None:
        self.server = server
        self.workspace = server.workspace(words.workspace)
        self.path = f"/workspace/{self.workspace['id']}/tasks"
        self.all = People(server, self.workspace["organization_id"])

    def named(self, task: dict[str, Any]) -> dict[str, Any]:
        """The task with who does it by name, where that may be known."""
        person, team = task["assignee_id"], task["team_id"]
        return task | {"assignee": self.all.people.get(person, person) or self.all.teams.get(team, team)}

    def whom(self, word: str) -> dict[str, str | None]:
        """The fields that assign. Raises NotFound."""
        if word == "none":
            return {"assignee_id": None, "team_id": None}
        id, is_team = self.all.find(word)
        return {"team_id" if is_team else "assignee_id": id}

    def tell(self, task: dict[str, Any], output: str) -> int:
        show.one(self.named(task), f"{TASK} links author created_at body", output)
        return 0


def list_tasks(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    wanted = place.whom(words.assignee) if words.assignee else {}
    status = None if words.status == "all" else words.status
    person = wanted.get("assignee_id")
    found = server.pages(place.path, limit=200, status=status, label=words.label, assignee=person)
    rows = [place.named(row) for row in found if all(row[field] == value for field, value in wanted.items())]
    if words.status is None:
        rows = [row for row in rows if row["status"] not in ("done", "cancelled")]
    rows.sort(key=lambda row: STATES.index(row["status"]))
    show.rows(rows, TASK, words.output)
    return 0


def show_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    return place.tell(server.ask("GET", f"{place.path}/{words.number}"), words.output)


def create_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    body = {"title": words.title, "labels": words.label, **_given(words, place)}
    return place.tell(server.ask("POST", place.path, body), words.output)


def edit_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    at = f"{place.path}/{words.number}"
    body = _given(words, place) | ({"title": words.title} if words.title else {})
    if words.label or words.unlabel:
        kept = [label for label in server.ask("GET", at)["labels"] if label not in words.unlabel]
        body["labels"] = list(dict.fromkeys([*kept, *words.label]))
    return place.tell(server.ask("PUT", at, body), words.output)


def _given(words: argparse.Namespace, place: _Place) -> dict[str, Any]:
    body = {name: value for name in ("body", "status") if (value := getattr(words, name)) is not None}
    return body | (place.whom(words.assignee) if words.assignee else {})


def move_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    ids = [server.ask("GET", f"{place.path}/{number}")["id"] for number in (words.number, words.after) if number]
    body = {"workspace_id": place.workspace["id"], "task_ids": ids[:1], "status": words.status, "order": True}
    if words.after:
        body["after"] = ids[1]
    return place.tell(server.ask("POST", "/task-management", body)["items"][0], words.output)


def close_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    status = "cancelled" if words.cancelled else "done"
    return place.tell(server.ask("PUT", f"{place.path}/{words.number}", {"status": status}), words.output)


def delete_task(words: argparse.Namespace, server: Server) -> int:
    place = _Place(words, server)
    found = server.ask("GET", f"{place.path}/{words.number}")
    if not confirmed(words, f"Remove {found['title']!r} for good"):
        return 2
    server.ask("DELETE", f"{place.path}/{words.number}")
    return 0
