"""An OpenID Connect issuer on a port of its own, made of authlib's and joserfc's parts, that can be told to misbehave.
It answers at the addresses of GitHub's and Bitbucket's own APIs too. To a browser at `authorize` the person says yes at once."""

import asyncio
import base64
import hmac
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from litestar import Litestar, Request, Response, get, post
from litestar.params import FromQuery

CLIENT, SECRET = "codeyard-client", "the client's secret"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))


class Issuer:
    """`claims` and `header` are laid over those of every ID token, None takes one out; `sign` takes the place of signing; `back`
    is laid over what a browser is sent back with."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.back: dict[str, str | None] = {}
        self.sign = self.by_our_key
        self.userinfo: dict[str, Any] = {}
        self.user: Any = {}
        self.emails: Any = []
        self.exchanged = 0
        self._codes: dict[str, dict[str, str]] = {}

    def by_our_key(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(header, claims, self.key)

    def by_public_key_as_secret(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """HS256 with the public key's PEM as the shared secret: the classic confusion of algorithms. By hand, since no library
        lets one do it."""
        signed = _signed(header | {"alg": "HS256"}, claims)
        return f"{signed}.{_b64(hmac.digest(self.key.as_pem(private=False), signed.encode(), 'sha256'))}"

    def by_nobody(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return f"{_signed(header | {'alg': 'none'}, claims)}."

    def by_a_key_of_the_header(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        other = RSAKey.generate_key(2048, {"kid": "one"})
        return jwt.encode(header | {"jwk": other.as_dict(private=False)}, claims, other)

    def visit(self, url: str) -> dict[str, str]:
        """What a browser does there: the person says yes, and is sent back with a code and the state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256" and asked["client_id"] == CLIENT
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def _answer(self, request: Request[Any, Any, Any], found: Any) -> Response[Any]:
        return Response(found, status_code=200 if request.headers.get("authorization") == "Bearer a" else 401)

    def app(self) -> Litestar:
        @get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            found = {name: f"{self.url}/{path}" for name, path in places.items()}
            return {"issuer": self.url, "userinfo_endpoint": f"{self.url}/userinfo"} | found | self.discovery

        @get("/authorize")
        async def authorize(request: Request[Any, Any, Any]) -> Response[None]:
            returned = {k: v for k, v in (self.visit(str(request.url)) | self.back).items() if v is not None}
            to = f"{request.query_params['redirect_uri']}?{urlencode(returned)}"
            return Response(None, status_code=302, headers={"location": to})

        @get("/keys")
        async def keys() -> dict[str, Any]:
            return KeySet([self.key]).as_dict(private=False)

        @get("/userinfo")
        async def userinfo() -> dict[str, Any]:
            return self.userinfo

        @get("/redirected")
        async def redirected(to: FromQuery[str]) -> Response[None]:
            return Response(None, status_code=302, headers={"location": to})

        @get(["/api/v3/user", "/2.0/user"])
        async def user(request: Request[Any, Any, Any]) -> Response[Any]:
            return self._answer(request, self.user)

        @get(["/api/v3/user/emails", "/2.0/user/emails"])
        async def emails(request: Request[Any, Any, Any]) -> Response[Any]:
            return self._answer(request, self.emails)

        @post(["/token", "/login/oauth/access_token", "/site/oauth2/access_token"], status_code=200)
        async def token(request: Request[Any, Any, Any]) -> Response[Any]:
            form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
            asked = self._codes.pop(form.get("code", ""), None)
            basic = httpx.BasicAuth(CLIENT, SECRET)._auth_header
            by_body = (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
            holds = (
                asked is not None
                and (by_body if "login/oauth" in request.url.path else request.headers.get("authorization") == basic)
                and create_s256_code_challenge(form["code_verifier"]) == asked["code_challenge"]
                and form["redirect_uri"] == asked["redirect_uri"]
            )
            if not holds or asked is None:
                return Response({"error": "invalid_grant"}, status_code=400)
            self.exchanged += 1
            at = int(time.time())
            claims = {
                "iss": self.url,
                "aud": CLIENT,
                "sub": "s-1",
                "iat": at,
                "exp": at + 300,
                "nonce": asked.get("nonce"),
            }
            claims |= {"email": "grace@example.com", "email_verified": True, "name": "Grace"}
            claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
            header = {"alg": "RS256", "kid": "one"} | self.header
            return Response({"access_token": "a", "token_type": "Bearer", "id_token": self.sign(header, claims)})

        return Litestar(
            [discovery, authorize, keys, userinfo, redirected, user, emails, token],
            openapi_config=None,
            logging_config=None,
        )


def _prepare() -> tuple[Issuer, uvicorn.Server, socket.socket]:
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = Issuer(listening.getsockname()[1])
    return issuer, uvicorn.Server(uvicorn.Config(issuer.app(), log_level="error", lifespan="off")), listening


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    issuer, server, listening = _prepare()
    task = asyncio.create_task(server._serve([listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    yield issuer
    server.should_exit = True
    await task


@contextmanager
def issuing_beside() -> Iterator[Issuer]:
    """In a thread of its own, for tests that run no loop. Connections wait in the socket's queue until it is up."""
    issuer, server, listening = _prepare()
    thread = threading.Thread(target=lambda: asyncio.run(server._serve([listening])))
    thread.start()
    yield issuer
    server.should_exit = True
    thread.join()
