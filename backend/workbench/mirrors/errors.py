"""What keeps a mirror from being in step, in words that help, and whether trying again does."""

from typing import Final

from backend.core import git
from backend.core.errors import AppError, Conflict
from backend.workbench.connections.clients import contract
from backend.workbench.connections.service import NoSuchConnection, NotConnected
from backend.workbench.pulls.errors import AlreadyOpen
from backend.workbench.vcs.errors import Conflicts, DetachedHead, NoRemote, UncommittedChanges


class NotMirrored(Conflict):
    """This pull request has no mirror: POST …/mirror makes one."""


class OwnerGone(Conflict):
    """Who kept it in step, by their own connection, may not write to pull requests here any more."""


class Diverged(Conflict):
    """The branch has commits at the provider that the head session lacks, and the session has some that the provider lacks."""


class UncommittedInHead(UncommittedChanges):
    """Commits were pushed at the provider to files that have uncommitted changes in the head session; nothing was touched."""


class HeadElsewhere(Conflict):
    """Commits were pushed to the branch at the provider, and the head session has another one checked out."""


class BaseElsewhere(Conflict):
    """The base session has another branch checked out than the pull request's."""


class NotMergedYet(Conflict):
    """The base was pushed; the provider has not noticed yet that this merges the pull request."""


TRANSIENT: Final = (
    contract.ProviderBusy,
    contract.ProviderUnreachable,
    git.RemoteUnreachable,
    git.RemoteTooSlow,
    NotMergedYet,
)
_AGAIN: Final = "then refresh the pull request."
_BY_ITSELF: Final = "Nothing: it is tried again by itself."
_TOKEN: Final = f"Connect to the provider again, with a token that may read and write this repository, {_AGAIN}"
_REMEDIES: Final[dict[type[AppError], str]] = {
    contract.ProviderRefused: _TOKEN,
    git.RemoteRefused: _TOKEN,
    OwnerGone: "Mirror it by your own connection.",
    NotConnected: f"Connect to the provider, {_AGAIN}",
    NoSuchConnection: f"Connect to the provider, {_AGAIN}",
    contract.ProviderBusy: _BY_ITSELF,
    contract.ProviderUnreachable: _BY_ITSELF,
    git.RemoteUnreachable: _BY_ITSELF,
    git.RemoteTooSlow: _BY_ITSELF,
    NotMergedYet: _BY_ITSELF,
    contract.ProviderDeclined: f"Do at the provider what it asks for, {_AGAIN}",
    contract.NotAtProvider: f"If it was moved or deleted there, stop the mirror; else give the token access, {_AGAIN}",
    git.RemoteNotFound: f"If it was moved or deleted there, stop the mirror; else give the token access, {_AGAIN}",
    NoRemote: "Import the repository from a provider, or give it a remote by a push with `url`.",
    AlreadyOpen: f"Close the other one, {_AGAIN}",
    Diverged: f"Take theirs into the head session (a pull there merges both), {_AGAIN}",
    UncommittedInHead: f"Commit or discard those files in the head session, {_AGAIN}",
    HeadElsewhere: f"Check the branch out in the head session, {_AGAIN}",
    git.PushDeclined: f"Let the token push to the branch, or merge at the provider, {_AGAIN}",
    git.PushRejected: f"Pull the base branch in the base session, {_AGAIN}",
    Conflicts: f"Pull the base branch in the base session and settle what conflicts, {_AGAIN}",
    UncommittedChanges: f"Commit or discard those files in the base session, {_AGAIN}",
    BaseElsewhere: f"Check the base branch out in the base session, {_AGAIN}",
    DetachedHead: f"Check the base branch out in the base session, {_AGAIN}",
}


def told(error: AppError) -> dict[str, str]:
    """{code, cause, remedy} as the pull request shows them."""
    remedy = next((words for kind, words in _REMEDIES.items() if isinstance(error, kind)), f"Mend that, {_AGAIN}")
    files = error.details.get("files")
    named = f" ({', '.join(files[:5])}{' …' if len(files) > 5 else ''})" if isinstance(files, list) and files else ""
    return {"code": error.code, "cause": error.message + named, "remedy": remedy}
