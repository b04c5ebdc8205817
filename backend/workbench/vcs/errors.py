"""What version control refuses, and why."""

from backend.core.errors import Conflict, Invalid, NotFound


class NothingToCommit(Conflict):
    """Nothing has changed since the last commit."""


class DetachedHead(Conflict):
    """The session is on no branch (a detached HEAD): in its terminal, `git switch` to one, or `git switch -c NAME`."""


class Conflicts(Conflict):
    """Both sides changed the same lines; nothing was touched. `git merge` of `theirs` in the session's terminal leaves them to
    you to settle."""


class UncommittedChanges(Conflict):
    """Files that this would change have uncommitted changes: commit or discard them first; nothing was touched."""


class StaleHunks(Conflict):
    """These files have changed since you looked: look at their differences again; nothing was touched."""


class NotByHunk(Invalid):
    """Only text is taken by hunk: name this file in `paths`."""


class NoSuchRevision(NotFound):
    """There is no such commit, branch or tag here."""


class NoSuchFile(NotFound):
    """There is no such file in that commit."""


class NoSuchRepository(NotFound):
    """This session has no repository of that name."""


class NoRemote(Invalid):
    """This repository has no remote yet: send its `url`."""


class BadPath(Invalid):
    """A path must lie inside of the working copy, and outside of .git."""
