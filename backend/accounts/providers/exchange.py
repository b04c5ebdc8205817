"""What is said to a provider: where it lives, a code for a token (RFC 6749, RFC 7636), and who that is.

The operator named the provider's host; whatever else its answers name must be on the public internet. No redirect is followed,
answers are bounded, and nothing of a token's header but `alg` and `kid` is believed: keys come from the issuer's own set.
"""

import asyncio
import hmac
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend.accounts.providers.catalogue import Provider
from backend.core import outside
from backend.core.errors import Forbidden, Unavailable

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60
MOST = 1_000_000
LONGEST_TOKEN = 4000


class ProviderAway(Unavailable):
    """The provider cannot be reached, or answers in a way that is not understood: try again later."""


class ProviderRefused(Forbidden):
    """The provider did not confirm who you are, or what it said does not hold: begin again."""


class Endpoints(msgspec.Struct):
    authorization: str
    token: str
    keys: str = ""
    userinfo: str = ""
    by_body: bool = False
    """Whether the client's secret goes into the body; else HTTP Basic."""


class Tokens(msgspec.Struct):
    """What a code or a refresh token is exchanged for; `lasts` is in seconds, None for what does not expire."""

    access: str
    refresh: str
    lasts: int | None
    id_token: Any


class Person(msgspec.Struct):
    """Who it is at the provider. `email` is empty unless the provider itself has proved it."""

    subject: str
    email: str
    name: str


async def endpoints(provider: Provider) -> Endpoints:
    """Raises ProviderAway, ProviderRefused."""
    base = provider.base.rstrip("/")
    if provider.kind == "github":
        return Endpoints(f"{base}/login/oauth/authorize", f"{base}/login/oauth/access_token", by_body=True)
    if provider.kind == "bitbucket":
        return Endpoints(f"{base}/site/oauth2/authorize", f"{base}/site/oauth2/access_token")
    found = await _json(provider, "GET", f"{base}/.well-known/openid-configuration")
    if found.get("issuer") != provider.base:
        raise ProviderRefused("The provider says that it is another issuer than the settings name.")
    places = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    userinfo = found.get("userinfo_endpoint") or ""
    if not all(isinstance(place, str) and outside.is_plain_url(place) for place in (*places, userinfo or base)):
        raise ProviderAway
    methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    authorization, token, keys = map(str, places)
    return Endpoints(authorization, token, keys, userinfo, by_body="client_secret_basic" not in methods)


SIGN_IN = {"oidc": "openid email profile", "github": "read:user user:email", "bitbucket": "account email"}
"""What signing in asks a kind of provider for."""
REPOSITORIES = {"github": "repo read:org", "gitlab": "api", "bitbucket": "account repository:write pullrequest:write"}
"""What a connection asks a provider for: to read and push repositories, and to work on pull requests."""


def departure(
    provider: Provider, places: Endpoints, *, scopes: str, redirect: str, state: str, nonce: str, verifier: str
) -> str:
    """The address that the browser is sent to."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect,
        "scope": scopes,
        "state": state,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    if provider.kind == "oidc":
        asked["nonce"] = nonce
    return f"{places.authorization}{'&' if '?' in places.authorization else '?'}{urlencode(asked)}"


async def person_of(provider: Provider, code: str, *, redirect: str, nonce: str, verifier: str) -> Person:
    """Who came back with `code`. Raises ProviderRefused, ProviderAway."""
    places = await endpoints(provider)
    tokens = await redeem(provider, places, code, redirect=redirect, verifier=verifier)
    if provider.kind == "oidc":
        return await _by_id_token(provider, places, tokens.id_token, tokens.access, nonce)
    return await (_at_github if provider.kind == "github" else _at_bitbucket)(provider, tokens.access)


async def redeem(provider: Provider, places: Endpoints, code: str, *, redirect: str, verifier: str) -> Tokens:
    """Tokens for a code (RFC 6749 §4.1.3). Raises ProviderRefused, ProviderAway."""
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return await _tokens(provider, places, sent)


async def refresh(provider: Provider, token: str) -> Tokens:
    """New tokens for a refresh token, which most providers take once (RFC 6749 §6)."""
    places = await endpoints(provider)
    return await _tokens(provider, places, {"grant_type": "refresh_token", "refresh_token": token})


async def _tokens(provider: Provider, places: Endpoints, sent: dict[str, str]) -> Tokens:
    auth: tuple[str, str] | None = (provider.client_id, provider.client_secret)
    if places.by_body or not provider.client_secret:
        sent |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        auth = None
    found = await _json(provider, "POST", places.token, data=sent, auth=auth)
    access, renew, lasts = found.get("access_token"), found.get("refresh_token"), found.get("expires_in")
    if not isinstance(access, str) or not 0 < len(access) <= LONGEST_TOKEN or not access.isprintable():
        raise ProviderRefused
    return Tokens(
        access,
        renew if isinstance(renew, str) and 0 < len(renew) <= LONGEST_TOKEN else "",
        lasts if isinstance(lasts, int) and not isinstance(lasts, bool) and 0 < lasts < 10**9 else None,
        found.get("id_token"),
    )


async def revoke(provider: Provider, token: str) -> None:
    """Makes the provider forget a token: RFC 7009 at GitLab, "Delete an app token" at GitHub. Bitbucket has no such call."""
    base, by = provider.base.rstrip("/"), (provider.client_id, provider.client_secret)
    if provider.kind == "github":
        api = _api_of_github(base)
        at = f"{api}/applications/{quote(provider.client_id, safe='')}/token"
        await _json(provider, "DELETE", at, kind=object, json={"access_token": token}, auth=by)
    elif provider.kind == "oidc":
        sent = {"token": token, "client_id": by[0], "client_secret": by[1]}
        await _json(provider, "POST", f"{base}/oauth/revoke", kind=object, data=sent)


def _api_of_github(base: str) -> str:
    return "https://api.github.com" if base == "https://github.com" else f"{base}/api/v3"


async def _by_id_token(provider: Provider, places: Endpoints, token: Any, access: str, nonce: str) -> Person:
    keys = await _json(provider, "GET", places.keys)
    claims = check_id_token(provider, token, keys, nonce)
    if "email" not in claims and places.userinfo:
        more = await _json(provider, "GET", places.userinfo, token=access)
        if more.get("sub") != claims["sub"]:
            raise ProviderRefused
        claims = more | claims
    proved = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
    return Person(claims["sub"], claims["email"] if proved else "", _name(claims.get("name")))


def check_id_token(provider: Provider, token: Any, keys: dict[str, Any], nonce: str) -> dict[str, Any]:
    """The claims of a token that holds (OpenID Connect Core 1.0 §3.1.3.7). Raises ProviderRefused."""
    try:
        if not isinstance(token, str):
            raise ProviderRefused
        claims: dict[str, Any] = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims  # type: ignore[arg-type]
        jwt.JWTClaimsRegistry(leeway=LEEWAY, exp={"essential": True}, iat={"essential": True}).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderRefused from error
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    alone = audiences == [provider.client_id]
    meant = provider.client_id in audiences and (alone or claims.get("azp") == provider.client_id)
    given, subject = claims.get("nonce"), claims.get("sub")
    holds = (
        claims.get("iss") == provider.base
        and meant
        and claims.get("azp", provider.client_id) == provider.client_id
        and isinstance(given, str)
        and hmac.compare_digest(given.encode(), nonce.encode())
        and isinstance(subject, str)
        and 0 < len(subject) <= 255
        and subject.isprintable()
    )
    if not holds:
        raise ProviderRefused
    return claims


async def _at_github(provider: Provider, access: str) -> Person:
    base = provider.base.rstrip("/")
    api = _api_of_github(base)
    user = await _json(provider, "GET", f"{api}/user", token=access)
    emails = await _json(provider, "GET", f"{api}/user/emails", kind=list, token=access)
    email = next((row["email"] for row in _rows(emails) if row.get("primary") and row.get("verified") is True), "")
    return Person(_subject(user.get("id")), email, _name(user.get("name") or user.get("login")))


async def _at_bitbucket(provider: Provider, access: str) -> Person:
    base = provider.base.rstrip("/")
    api = "https://api.bitbucket.org/2.0" if base == "https://bitbucket.org" else f"{base}/2.0"
    user = await _json(provider, "GET", f"{api}/user", token=access)
    emails = await _json(provider, "GET", f"{api}/user/emails", token=access)
    rows = _rows(emails.get("values"))
    email = next((row["email"] for row in rows if row.get("is_primary") and row.get("is_confirmed") is True), "")
    return Person(_subject(user.get("uuid")), email, _name(user.get("display_name")))


def _rows(found: Any) -> list[dict[str, Any]]:
    rows = found if isinstance(found, list) else []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("email"), str)]


def _subject(found: Any) -> str:
    if not isinstance(found, str | int) or not 0 < len(str(found)) <= 255:
        raise ProviderAway
    return str(found)


def _name(found: Any) -> str:
    return "".join(c for c in found if c.isprintable()).strip()[:200] if isinstance(found, str) else ""


async def _json(provider: Provider, method: str, url: str, *, kind: type = dict, token: str = "", **sent: Any) -> Any:
    """The answer, which must be a `kind`. Raises ProviderRefused, ProviderAway."""
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    ours = urlsplit(url).hostname == urlsplit(provider.base).hostname
    try:
        async with (
            asyncio.timeout(20),
            outside.client(allow_private=ours) as client,
            client.stream(method, url, headers=headers, **sent) as answer,
        ):
            body = await outside.read(answer, most=MOST)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, outside.TooLong, ValueError) as error:
        raise ProviderAway from error
    if 400 <= answer.status_code < 500:
        raise ProviderRefused
    try:
        found = outside.decoded(body) if body or kind is not object else None
    except ValueError as error:
        raise ProviderAway from error
    if answer.status_code not in (200, 204) or not isinstance(found, kind):
        raise ProviderAway
    return found
