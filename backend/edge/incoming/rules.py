"""Rules: which deliveries become tasks, and what the tasks say."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from backend.edge.incoming.providers import Provider, event_of, look_up, subject_of
from backend.edge.incoming.schemas import Rule

_HOLE = re.compile(r"\{\{\s*([^{}\s]{1,100})\s*\}\}")
LONGEST_TITLE, LONGEST_BODY, LONGEST_VALUE = 300, 20_000, 5000


class Wanted(NamedTuple):
    """A task that a rule asks for."""

    title: str
    body: str
    url: str
    labels: list[str]
    assignee: str | None


def apply(
    provider: Provider, rules: list[Rule], headers: Mapping[str, Any], payload: dict[str, Any]
) -> tuple[str, list[Wanted]]:
    """The event's name and a task for each rule that it matches."""
    event = event_of(provider, headers, payload)
    title, url, labels = subject_of(provider, payload)
    ours = {"title": title or event, "url": url, "event": event}

    def value(path: str) -> str:
        found = ours[path] if path in ours else look_up(payload, path)
        return "" if found is None or isinstance(found, dict | list) else str(found)[:LONGEST_VALUE]

    wanted = [
        Wanted(
            _filled(rule.title, value).replace("\n", " ").strip()[:LONGEST_TITLE] or event,
            _filled(rule.body, value)[:LONGEST_BODY],
            url,
            list(dict.fromkeys([*rule.labels, *labels]))[:20],
            rule.assignee,
        )
        for rule in rules
        if matches(rule, event, value)
    ]
    return event, wanted


def matches(rule: Rule, event: str, value: Callable[[str], str]) -> bool:
    if not any(fnmatchcase(event, pattern) for pattern in rule.events):
        return False
    return all(
        value(path) in ([accepted] if isinstance(accepted, str) else accepted) for path, accepted in rule.where.items()
    )


def _filled(template: str, value: Callable[[str], str]) -> str:
    """One pass: what a payload says is never read as a template."""
    return _HOLE.sub(lambda hole: value(hole[1]), template)
