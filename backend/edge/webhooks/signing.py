"""Standard Webhooks (standardwebhooks.com, specification 1.0): secrets and the three headers."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

PREFIX = "whsec_"


def new_secret() -> str:
    """256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def message_id(delivery_id: UUID) -> str:
    """The same for every attempt, so that a receiver can tell that it has it already."""
    return f"msg_{delivery_id.hex}"


def headers(secrets_: Sequence[str], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` (seconds since 1970) and a `webhook-signature` by each secret."""
    signed = f"{message}.{timestamp}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, "sha256")).decode()
        for secret in secrets_
    ]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
