"""What can go wrong with somebody else's database, as a caller is told."""

from backend.core.errors import AppError, Conflict, Invalid, NotFound, TooLarge, TooMany, Unavailable


class NoSuchTable(NotFound):
    """There is no such table in this database."""


class NoSuchQuery(NotFound):
    """No such query runs: it is over, or was never asked."""


class QueryTaken(Conflict):
    """A query with that `query_id` runs already."""


class NotADatabase(Invalid):
    """This is not a database that can be looked into: PostgreSQL, MySQL, MariaDB and Redis are known by their image, SQLite by
    the file itself."""

    @property
    def code(self) -> str:
        return "not_a_database"


class SqlError(Invalid):
    """The database refused the statement. `details` has its message and, where it says so, the position (from 1)."""

    def __init__(self, said: str, *, position: int | None = None, **details: object) -> None:
        super().__init__(said[:2000] or None)
        self.details = {"message": self.message, "position": position, **details}


class BadQuery(Invalid):
    """The request does not fit this table or engine."""


class ReadOnly(Invalid):
    """This would change something: send `write: true`, which needs services:write."""


class CannotSignIn(Conflict):
    """The database does not take the user and password that compose.yaml names: were they changed after it was first started? Its
    volume keeps the first ones."""


class CannotReach(Unavailable):
    """The database does not answer: it may still be starting, see its logs."""


class NotProtected(Conflict):
    """This server cannot keep its reader from changing something, so it only reads with `write: true`."""


class QueryTimeout(AppError):
    """The query took longer than it may, and was stopped."""

    status = 408


class QueryCancelled(Conflict):
    """The query was stopped, as somebody asked."""


class AnswerTooLarge(TooLarge):
    """One step of this answer is more than 64 MiB: ask for less of it, such as `left(column, 1000)`."""


class TooManyQueries(TooMany):
    """Many queries run already: wait for one to end, or cancel it."""
