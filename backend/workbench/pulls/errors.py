"""What pull requests refuse, and why."""

from backend.core.errors import AppError, Conflict, Forbidden, Invalid, NotFound


class NoSuchPull(NotFound):
    """There is no such pull request in this workspace."""


class NoSuchThread(NotFound):
    """There is no such thread or comment on this pull request."""


class SameSession(Invalid):
    """Head and base must be two different sessions of this workspace."""


class NothingToMerge(Conflict):
    """The head has no commit that the base lacks: commit there first."""


class AlreadyOpen(Conflict):
    """There is an open pull request from that session into that one already."""


class AlreadyEnded(Conflict):
    """It is merged or closed: reopen it first, or open another."""


class AlreadyMerged(Conflict):
    """It is merged already."""


class IsDraft(Conflict):
    """It is a draft: mark it as ready first."""


class SessionGone(Conflict):
    """The session that this needs is deleted: restore it first."""


class StaleHead(AppError):
    """The branch has moved since you looked: look at what is new, then try again with its head as `expected_head`."""

    status = 423


class NotApproved(Invalid):
    """The base branch wants approvals that this lacks."""


class NoConflicts(Conflict):
    """Head and base do not conflict."""


class NotSettled(Invalid):
    """Every conflicting file needs one of `content`, `delete` and `take`."""


class NoSuchLine(Invalid):
    """That line is not in that file as it is shown: look at the differences again."""


class SaysNothing(Invalid):
    """A review that neither approves nor asks for changes needs a body or comments."""


class NoSuggestion(Invalid):
    """That comment has no ```suggestion block, or the lines that it speaks of are gone."""


class Overlapping(Conflict):
    """Two of these suggestions change the same lines: apply them one after the other."""


class NotMember(Invalid):
    """A reviewer must be a member of the organisation who may read pull requests."""


class NoSuchTeam(Invalid):
    """A team that is asked must be one of the organisation."""


class NotYours(Forbidden):
    """Only its author can change a comment."""
