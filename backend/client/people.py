"""Who is meant on the command line: people by their e-mail address, teams by their name."""

from backend.client.api import NotFound, Refused, Server


class People:
    """Those of one organisation, each by id. A key that may not see them does without their names."""

    def __init__(self, server: Server, organization_id: str) -> None:
        of = f"/organizations/{organization_id}"
        self.people: dict[str, str] = {}
        self.teams: dict[str, str] = {}
        self.refused: Refused | None = None
        try:
            self.people = {row["user_id"]: row["email"] for row in server.pages(f"{of}/members")}
            self.teams = {row["id"]: row["name"] for row in server.pages(f"{of}/teams")}
        except Refused as refused:
            if refused.status != 403:
                raise
            self.refused = refused

    def find(self, word: str) -> tuple[str, bool]:
        """The id, and whether it is a team's. Raises NotFound, Refused."""
        if self.refused is not None:
            raise self.refused
        for names in (self.people, self.teams):
            for id, name in names.items():
                if name.lower() == word.lower():
                    return id, names is self.teams
        there = ", ".join([*self.people.values(), *self.teams.values()][:12])
        raise NotFound(f"There is no member or team {word!r}. There are: {there}.")
