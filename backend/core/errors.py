"""Errors that callers may see. A feature subclasses one beside its rule: the docstring is the message, the name the code.

AppError
├── BadRequest 400      ├── Conflict 409        ├── TooLarge 413
├── Unauthorized 401    ├── Gone 410            ├── Invalid 422
├── Forbidden 403       ├── StaleEtag 412       ├── TooMany 429
├── NotFound 404        └── Unavailable 503     └── DiskFull 507
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
from litestar.exceptions import HTTPException
from sqlalchemy.exc import IntegrityError


class AppError(HTTPException):
    """Something went wrong."""

    status: ClassVar[int] = 400

    def __init__(self, message: str | None = None, *, headers: dict[str, str] | None = None, **details: object) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        self.details = details
        super().__init__(detail=self.message, status_code=self.status, headers=headers)

    @property
    def code(self) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()


class BadRequest(AppError):
    """The request could not be understood."""

    status = 400


class Unauthorized(AppError):
    """Sign in, or send an API key as `Authorization: Bearer cy_live_…`."""

    status = 401


class Forbidden(AppError):
    """Your role or key does not allow this."""

    status = 403


class NotFound(AppError):
    """There is nothing here that you may see."""

    status = 404


class Conflict(AppError):
    """This clashes with what is there."""

    status = 409


class Gone(AppError):
    """It was here, and is no more."""

    status = 410


class StaleEtag(AppError):
    """Somebody changed it since you read it: read it again, then decide."""

    status = 412


class TooLarge(AppError):
    """More than one call may carry."""

    status = 413


class Invalid(AppError):
    """A value is not acceptable."""

    status = 422


class TooMany(AppError):
    """Too many at once: wait, then try again."""

    status = 429


class Unavailable(AppError):
    """The database is not reachable at the moment; nothing was lost, try again in a few seconds."""

    status = 503


class PermissionDenied(Forbidden):
    """The server's user may not do this to that file: look at its mode and owner."""


class DiskFull(AppError):
    """The server's disk is full: free some space; nothing was changed."""

    status = 507


class ErrorBody(msgspec.Struct):
    """What `error` holds in every answer of 400 and above."""

    code: str
    message: str
    details: dict[str, Any]
    request_id: str


class ErrorEnvelope(msgspec.Struct):
    """Every error on the wire: {"error": {code, message, details, request_id}}."""

    error: ErrorBody


@contextmanager
def clash(constraint: str, error: type[AppError]) -> Iterator[None]:
    """Turns a violation of the named constraint into `error`: uniqueness is the database's to say."""
    try:
        yield
    except IntegrityError as broken:
        if constraint in str(broken.orig):
            raise error from None
        raise
