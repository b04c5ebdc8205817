"""What happens to linked identities, told to each organisation of the person."""

from typing import ClassVar

from backend.accounts.signin.events import SignInEvent


class IdentityChanged(SignInEvent, frozen=True):
    """`how`: linked or unlinked."""

    name: ClassVar[str] = "member.identity_changed"
    provider: str
    how: str
