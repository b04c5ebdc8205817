"""Signing in and linking by a provider.

An identity is (issuer, subject). An address alone opens no account: somebody who has one with a password signs in with that
and links. A new account is made for a proved address where registration is open or an invitation came along.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import service as orgs
from backend.accounts.providers import catalogue, exchange
from backend.accounts.providers.events import IdentityChanged
from backend.accounts.providers.exchange import Person, ProviderRefused
from backend.accounts.providers.models import Attempt, Identity
from backend.accounts.signin.events import tell
from backend.accounts.signin.service import RegistrationClosed
from backend.accounts.users import service as users
from backend.accounts.users.models import User
from backend.core import crypto
from backend.core.auth import Actor
from backend.core.db import now
from backend.core.errors import Conflict, Forbidden, NotFound, Unauthorized, clash
from backend.core.resources import Resources

LASTS = timedelta(minutes=10)


class AccountExists(Conflict):
    """There is an account with that address: sign in with its password, then link the provider in its settings."""


class AddressNotProved(Conflict):
    """The provider has not proved your e-mail address: do that there first."""


class LinkedElsewhere(Conflict):
    """Another account here is linked with that identity."""


class LastWayIn(Conflict):
    """That is the only way into your account: set a password first, by `Forgot your password?`."""


LINKING = "link."
"""How the cookie of a browser that went to link begins: even where its state is no more, it is sent back to the profile."""


CONNECTING = "connect."
"""How the state of a browser begins that went to connect: what it comes back with opens no account and links none."""


async def start(
    resources: Resources,
    name: str,
    *,
    user_id: UUID | None = None,
    invitation: str | None = None,
    connecting: bool = False,
) -> tuple[str, str]:
    """(where to send the browser, the secret for its cookie)."""
    settings = resources.settings
    provider = catalogue.find(settings, name)
    places = await exchange.endpoints(provider)
    state = (CONNECTING if connecting else "") + crypto.new_token()
    browser = (LINKING if user_id else "") + crypto.new_token()
    scopes = exchange.REPOSITORIES[name] if connecting else exchange.SIGN_IN[provider.kind]
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    async with resources.database.begin() as db:
        await db.execute(delete(Attempt).where(Attempt.expires_at < now()))
        db.add(
            Attempt(
                hash=crypto.digest(state),
                provider=name,
                browser=crypto.digest(browser),
                nonce=nonce,
                verifier=verifier,
                user_id=user_id,
                invitation=invitation,
                expires_at=now() + LASTS,
            )
        )
    redirect = catalogue.redirect_of(settings, provider)
    url = exchange.departure(
        provider, places, scopes=scopes, redirect=redirect, state=state, nonce=nonce, verifier=verifier
    )
    return url, browser


async def come_back(resources: Resources, provider: catalogue.Provider, attempt: Attempt, code: str) -> User | None:
    """Who may be signed in; None where somebody linked. An invitation is used up by an account that is made of it: who has one
    already is asked first. Raises ProviderRefused and what says why not."""
    redirect = catalogue.redirect_of(resources.settings, provider)
    person = await exchange.person_of(provider, code, redirect=redirect, nonce=attempt.nonce, verifier=attempt.verifier)
    async with resources.database.begin() as db:
        if attempt.user_id is not None:
            await _link(db, provider, attempt.user_id, person)
            return None
        return await _user(db, resources, provider, person, attempt.invitation)


async def still_invites(resources: Resources, invitation: str) -> bool:
    """Whether that code lets somebody in: the page asks whoever came with it."""
    async with resources.database.begin() as db:
        try:
            await orgs.read_invitation(db, invitation)
        except Forbidden:
            return False
    return True


async def claim(
    resources: Resources, name: str, *, state: str, code: str, issuer: str, browser: str
) -> tuple[catalogue.Provider, Attempt]:
    """The attempt that this state is of, which is used up by asking: each works once. Raises ProviderRefused."""
    provider = catalogue.find(resources.settings, name)
    async with resources.database.begin() as db:
        used = delete(Attempt).where(Attempt.hash == crypto.digest(state), Attempt.expires_at > now())
        attempt: Attempt | None = await db.scalar(used.returning(Attempt))
    ours = attempt is not None and hmac.compare_digest(attempt.browser, crypto.digest(browser))
    if attempt is None or not ours or attempt.provider != name or not code:
        raise ProviderRefused
    if issuer and issuer != provider.issuer:  # RFC 9207: the answer of another issuer
        raise ProviderRefused
    return provider, attempt


async def _link(db: AsyncSession, provider: catalogue.Provider, user_id: UUID, person: Person) -> None:
    found = await _identity(db, provider, person)
    if found is not None and found.user_id != user_id:
        raise LinkedElsewhere
    if found is None:
        row = Identity(
            user_id=user_id,
            provider=provider.name,
            issuer=provider.issuer,
            subject=person.subject,
            email=person.email[:254],
        )
        db.add(row)
        with clash("uq_identities_issuer_subject", LinkedElsewhere):
            await db.flush()
        await tell(db, user_id, IdentityChanged, provider=provider.name, how="linked")


async def _user(
    db: AsyncSession, resources: Resources, provider: catalogue.Provider, person: Person, invitation: str | None
) -> User:
    found = await _identity(db, provider, person)
    if found is not None:
        user = await users.get(db, found.user_id)
        if user is None:
            raise Unauthorized
        return user
    if not person.email:
        raise AddressNotProved
    email = users.normal_email(person.email)
    if await users.by_email(db, email) is not None:
        raise AccountExists
    if not invitation and not resources.settings.registration:
        raise RegistrationClosed
    name = person.name or email.partition("@")[0]
    user = await users.add(db, email=email, name=name, password_hash="")
    user.email_verified_at = now()
    if invitation:
        await orgs.accept(db, user, invitation)
    else:
        await orgs.create(db, user, f"{name}'s organisation"[:200])
    await _link(db, provider, user.id, person)
    return user


async def _identity(db: AsyncSession, provider: catalogue.Provider, person: Person) -> Identity | None:
    query = select(Identity).where(Identity.issuer == provider.issuer, Identity.subject == person.subject)
    return await db.scalar(query)


async def list_mine(db: AsyncSession, actor: Actor) -> Sequence[Identity]:
    query = select(Identity).where(Identity.user_id == actor.user_id).order_by(Identity.created_at)
    return (await db.scalars(query)).all()


async def unlink(db: AsyncSession, actor: Actor, identity_id: UUID) -> None:
    """Raises LastWayIn; of two at once the second sees what the first left."""
    user = await db.get(User, actor.id, with_for_update=True)
    gone = delete(Identity).where(Identity.id == identity_id, Identity.user_id == actor.user_id)
    provider = await db.scalar(gone.returning(Identity.provider)) if user is not None else None
    if user is None or provider is None:
        raise NotFound("There is no such linked identity.")
    left = await db.scalar(select(func.count()).where(Identity.user_id == user.id))
    if not user.password_hash and not left:
        raise LastWayIn
    await tell(db, user.id, IdentityChanged, provider=provider, how="unlinked")
