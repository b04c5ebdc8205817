"""Where a service's database is and how to sign in to it, found in what compose.yaml says of the service."""

from collections.abc import Mapping, Sequence
from string import Template

import msgspec

from runtimes.compose import engines
from runtimes.compose.engines import Engine

PORTS: Mapping[Engine, int] = {"postgres": 5432, "mysql": 3306, "redis": 6379}


class Target(msgspec.Struct, frozen=True):
    """One database server. `database` is a number for Redis; an empty `password` is none."""

    engine: Engine
    host: str
    port: int
    database: str
    user: str
    password: str


def engine_of(image: str, environment: Mapping[str, str]) -> Engine | None:
    """By the image's name; of an image of one's own, by the variables that the well-known images take."""
    if (engine := engines.of_image(image)) is not None:
        return engine
    if "POSTGRES_PASSWORD" in environment:
        return "postgres"
    if environment.keys() & {"MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD", "MYSQL_PASSWORD", "MARIADB_PASSWORD"}:
        return "mysql"
    return None


def target_of(
    image: str, environment: Mapping[str, str], host: str, port: int, command: Sequence[str] = ()
) -> Target | None:
    """The database that a service with that image, resolved environment and command is; None when it is none.

    The variables are those of the well-known images: POSTGRES_USER, _PASSWORD, _DB (also POSTGRESQL_USERNAME and its like);
    MYSQL_… and MARIADB_… USER, PASSWORD, DATABASE, ROOT_PASSWORD; REDIS_PASSWORD or `--requirepass`. For MySQL the ordinary
    user is taken before root, since that one can read files of its host.
    """

    def first(*names: str) -> str:
        return next((environment[name] for name in names if environment.get(name)), "")

    match engine_of(image, environment):
        case "postgres":
            user = first("POSTGRES_USER", "POSTGRESQL_USERNAME") or "postgres"
            database = first("POSTGRES_DB", "POSTGRESQL_DATABASE") or user
            return Target("postgres", host, port, database, user, first("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD"))
        case "mysql":
            database = first("MARIADB_DATABASE", "MYSQL_DATABASE")
            if user := first("MARIADB_USER", "MYSQL_USER"):
                return Target("mysql", host, port, database, user, first("MARIADB_PASSWORD", "MYSQL_PASSWORD"))
            password = first("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD")
            return Target("mysql", host, port, database, "root", password)
        case "redis":
            password = _option(command, "--requirepass", environment) or first("REDIS_PASSWORD")
            return Target("redis", host, port, "0", "", password)
        case _:
            return None


def _option(command: Sequence[str], name: str, environment: Mapping[str, str]) -> str:
    """The word after `name`, also where a shell's line holds it, which fills `$NAME` from the environment."""
    words = [(word, " " in part) for part in command for word in (part.split() if " " in part else [part])]
    for (word, by_shell), (following, _) in zip(words, [*words[1:], ("", False)], strict=False):
        if word == name or word.startswith(name + "="):
            found = following if word == name else word[len(name) + 1 :]
            filled = Template(found).safe_substitute(environment) if by_shell and not found.startswith("'") else found
            return filled.strip("'\"")
    return ""
