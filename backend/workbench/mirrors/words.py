"""Texts on their way between the two sides: bounded, free of what cannot be kept, and marked so that an echo is known.

The mark is a Markdown link definition, which all three providers leave out of what they show. It alone proves nothing: only
a comment by an account that we speak with counts as our own echo.
"""

import hashlib
import re
from uuid import UUID

LONGEST = 65_000
_MARK = re.compile(r"\n*^\[//\]: # \(codeyard:([0-9a-f-]{36})\)[ \t]*$", re.MULTILINE)
_LEAD = re.compile(r"\A\*\*[^*\n]{1,200}\*\* (?:wrote|approves this|asks for changes|reviewed this) in Codeyard:\n\n")
SAYS = {"": "wrote", "approve": "approves this", "request_changes": "asks for changes", "comment": "reviewed this"}


def marked(body: str, id: UUID, *, by: str | None = None, verdict: str = "") -> str:
    """What is sent: `by` names who wrote it, where the account that speaks is not theirs."""
    name = re.sub(r"[^\w .'@-]", "", by)[:200].strip() or "Somebody" if by is not None else None
    lead = "" if name is None else f"**{name}** {SAYS[verdict]} in Codeyard:\n\n"
    return f"{lead}{body}\n\n[//]: # (codeyard:{id})"


def mark_of(body: str) -> UUID | None:
    found = _MARK.search(body.replace("\r\n", "\n"))
    try:
        return UUID(found[1]) if found else None
    except ValueError:
        return None


def own(body: str) -> str:
    """What somebody wrote here, out of what was sent of it."""
    return clean(_LEAD.sub("", _MARK.sub("", body.replace("\r\n", "\n"))))


def clean(body: str) -> str:
    """A text as both sides have it: without carriage returns and what is blank at its end, and no endless one."""
    return body.replace("\r\n", "\n")[:LONGEST].rstrip()


def line(text: str, most: int) -> str:
    """The same in one line."""
    return "".join(c if c.isprintable() else " " for c in clean(text)).strip()[:most]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
