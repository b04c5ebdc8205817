"""The way into a preview that is not public: a signed entry, good once and for half a minute, becomes a cookie of that host."""

from urllib.parse import parse_qs, quote, urlsplit

from backend.core.auth import Actor
from backend.core.resources import Resources
from backend.workbench.previews import hosts, repository
from backend.workbench.previews.hosts import Host
from backend.workbench.previews.places import Place, Places
from backend.workbench.previews.signing import ENTRY_SECONDS, PASS_SECONDS, Claims, claims_for

_MAX_PATH = 2000


async def open_place(places: Places, actor: Actor, host: Host) -> Place | None:
    """The preview at `host`, if it is open to `actor`."""
    place = await places.find(host)
    if place is None:
        return None
    return place if place.open_to(await places.viewer(place, claims_of(actor, host))) else None


def claims_of(actor: Actor, host: Host, *, path: str = "/") -> Claims:
    if actor.sign_in_id is not None:
        return claims_for(host.name, "sign-in", actor.sign_in_id, seconds=ENTRY_SECONDS, path=path)
    return claims_for(host.name, "key", actor.id, seconds=ENTRY_SECONDS, path=path)


async def url(places: Places, actor: Actor, base: str, host: Host, path: str = "/") -> str:
    """The address that lets `actor`'s browser in: `base` is the preview's origin, `path` where it leads."""
    token = await places.signer.sign("entry", claims_of(actor, host, path=path))
    return f"{base}/.codeyard/entry?token={token}"


async def redeem(resources: Resources, places: Places, host: Host, query: bytes) -> tuple[str, str] | None:
    """(pass, path) for an entry that is right and was not used; else None."""
    [token, *others] = parse_qs(query.decode("latin-1")).get("token", [""])
    claims = await places.signer.verify("entry", token, host.name)
    if claims is None or others or not await repository.use(resources.database, claims):
        return None
    lasting = claims_for(host.name, claims.kind, claims.subject, seconds=PASS_SECONDS)
    return await places.signer.sign("pass", lasting), claims.path


def cookie(value: str, *, secure: bool, framed: bool) -> str:
    """The pass as a Set-Cookie. `__Host-` (RFC 6265bis §4.1.3.2) over TLS. In the preview pane the page is a frame of another
    site, where browsers send only what is `SameSite=None` and kept per embedding site (Partitioned); a tab gets `Lax`."""
    name = "__Host-codeyard-preview" if secure else "codeyard-preview"
    reach = "Secure; SameSite=None; Partitioned" if framed else f"{'Secure; ' if secure else ''}SameSite=Lax"
    return f"{name}={value}; Path=/; Max-Age={PASS_SECONDS}; HttpOnly; {reach}"


def target(to: str, domain: str) -> tuple[Host, str] | None:
    """(host, path) of an address under the preview domain; None for any other. Only these two are taken from it."""
    try:
        split = urlsplit(to)
        host = hosts.parse(split.netloc.encode("latin-1"), domain)
    except (ValueError, UnicodeEncodeError):
        return None
    if host is None or split.scheme not in ("http", "https"):
        return None
    path = "/" + split.path.lstrip("/\\") + (f"?{split.query}" if split.query else "")
    path = quote(path, safe="/?&=%:@!$'()*+,;-._~#[]")
    return host, path if len(path) <= _MAX_PATH else "/"
