"""What each provider signs, how it names a delivery and an event, and where its payload says what it is about.

Sources: docs.github.com "Validating webhook deliveries"; docs.gitlab.com "Webhooks" (a shared token, no signature);
support.atlassian.com "Manage webhooks"; linear.app/developers/webhooks; docs.sentry.io "Integration platform webhooks".
"""

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

WINDOW: Final = 300
"""Seconds that a signed time may lie in the past or future."""
Payload = dict[str, Any]


@dataclass(frozen=True)
class Provider:
    """`signature` and `prefix`: the header that carries the signature and what stands before its hex digits; no prefix of None
    is a shared token. `delivery` and `event` are headers too, the first of them that is there. `subjects` are the payload's
    keys that may hold what it is about, `default` the events that become tasks unless rules say otherwise."""

    signature: str
    delivery: tuple[str, ...]
    event: tuple[str, ...]
    subjects: tuple[str, ...]
    default: tuple[str, ...]
    prefix: str | None = ""
    action: str = "action"


PROVIDERS: Final[Mapping[str, Provider]] = {
    "github": Provider(
        signature="x-hub-signature-256",
        prefix="sha256=",
        delivery=("x-github-delivery",),
        event=("x-github-event",),
        subjects=(
            "issue",
            "pull_request",
            "discussion",
            "alert",
            "release",
            "workflow_run",
            "check_run",
            "check_suite",
        ),
        default=("issues.opened",),
    ),
    "gitlab": Provider(
        signature="x-gitlab-token",
        prefix=None,
        delivery=("idempotency-key", "x-gitlab-event-uuid"),
        event=("x-gitlab-event",),
        subjects=("object_attributes",),
        default=("issue.open",),
        action="object_attributes.action",
    ),
    "bitbucket": Provider(
        signature="x-hub-signature",
        prefix="sha256=",
        delivery=("x-request-uuid",),
        event=("x-event-key",),
        subjects=("pullrequest", "issue"),
        default=("issue:created",),
    ),
    "linear": Provider(
        signature="linear-signature",
        delivery=("linear-delivery",),
        event=("linear-event",),
        subjects=("data",),
        default=("Issue.create",),
    ),
    "sentry": Provider(
        signature="sentry-hook-signature",
        delivery=("request-id",),
        event=("sentry-hook-resource",),
        subjects=("data.issue", "data.event", "data.error", "data.metric_alert"),
        default=("issue.created",),
    ),
}
KEPT_HEADERS: Final = ("content-type", "user-agent")


def is_signed(provider: Provider, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether `body`, byte for byte, was signed with `secret`; compared in constant time."""
    given = headers.get(provider.signature, "").encode("latin-1", "replace")
    if provider.prefix is None:
        return hmac.compare_digest(given, secret.encode())
    expected = provider.prefix + hmac.digest(secret.encode(), body, "sha256").hex()
    return hmac.compare_digest(given, expected.encode())


def is_timely(payload: Any) -> bool:
    """Whether the time that Linear signs (`webhookTimestamp`, milliseconds) is about now."""
    sent = payload.get("webhookTimestamp") if isinstance(payload, dict) else None
    return isinstance(sent, int | float) and abs(time.time() - sent / 1000) <= WINDOW


def first(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := headers.get(name, ""))), "")


def event_of(provider: Provider, headers: Mapping[str, Any], payload: Payload) -> str:
    """`issues.opened`: the provider's word for the kind, and its action where the payload names one."""
    kind = str(payload.get("object_kind") or "") if provider.prefix is None else ""
    kind = kind or first(headers, provider.event)
    action = look_up(payload, provider.action)
    return f"{kind}.{action}" if isinstance(action, str) and ":" not in kind else kind


def look_up(payload: Any, path: str) -> Any:
    """What lies at a dotted path, a number being an index; None where nothing does."""
    for part in path.split("."):
        if isinstance(payload, dict):
            payload = payload.get(part)
        elif isinstance(payload, list) and part.isascii() and part.isdigit() and int(part) < len(payload):
            payload = payload[int(part)]
        else:
            return None
    return payload


_TITLES: Final = ("title", "name", "summary.title", "rule.description", "alert_rule.title")
_URLS: Final = ("html_url", "url", "links.html.href", "web_url", "permalink")


def subject_of(provider: Provider, payload: Payload) -> tuple[str, str, list[str]]:
    """(title, URL, labels) of what the payload is about; empty where it does not say."""
    subject = next((found for path in provider.subjects if isinstance(found := look_up(payload, path), dict)), {})
    urls = [look_up(subject, path) for path in _URLS] + [payload.get("url")]
    labels = subject.get("labels") or payload.get("labels") or []
    names = (
        [one.get("name") or one.get("title") for one in labels if isinstance(one, dict)]
        if isinstance(labels, list)
        else []
    )
    return (
        _first_text(look_up(subject, path) for path in _TITLES),
        _first_text(url for url in urls if isinstance(url, str) and url.startswith(("https://", "http://"))),
        [name[:50] for name in names if isinstance(name, str) and name][:20],
    )


def _first_text(values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")
