"""The few pages that are ours on a preview's origin: what an app that is not up is waited for with, and refusals."""

import html
import secrets

import msgspec

from backend.workbench.previews.upstream import Headers

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;
background:light-dark(#fff,#14161a);color:light-dark(#1c1f24,#e6e8ec)}
main{max-width:34rem;padding:2rem}
h1{font-size:1.25rem;margin:0 0 .5rem}
p{margin:.25rem 0;color:light-dark(#565d68,#a4abb6)}
"""

_SCRIPT = """
const text=(id,value)=>{document.getElementById(id).textContent=value};
async function look(){
  try{
    const answer=await fetch("/.codeyard/status",{cache:"no-store"});
    if(answer.status===401||answer.status===404||answer.status===409){location.reload();return}
    const now=await answer.json();
    if(now.ready){location.reload();return}
    text("title",now.title);text("reason",now.reason);
  }catch(error){text("reason","The server does not answer; trying again.")}
  setTimeout(look,1000);
}
setTimeout(look,700);
"""


def waiting(title: str, reason: str, ancestors: bytes) -> tuple[Headers, bytes]:
    """(headers, page) that says what is waited for, looks every second, and reloads itself when the app answers."""
    return _page(title, reason, _SCRIPT, ancestors, '<noscript><meta http-equiv="refresh" content="3"></noscript>')


def plain(title: str, reason: str, ancestors: bytes, home: str = "") -> tuple[Headers, bytes]:
    """`home` is where the control plane is, for who has nowhere else to go from here."""
    more = f'<p><a target="_top" href="{html.escape(home)}">Open Codeyard</a></p>' if home else ""
    return _page(title, reason, "", ancestors, "", more)


def _page(title: str, reason: str, script: str, ancestors: bytes, head: str, more: str = "") -> tuple[Headers, bytes]:
    nonce = secrets.token_urlsafe(18)
    code = f'<script nonce="{nonce}">{script}</script>' if script else ""
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>{head}'
        f'<meta name="viewport" content="width=device-width"><style nonce="{nonce}">{_STYLE}</style></head><body>'
        f'<main role="status" aria-live="polite"><h1 id="title">{html.escape(title)}</h1>'
        f'<p id="reason">{html.escape(reason)}</p>{more}</main>{code}</body></html>'
    )
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors.decode()}"
    )
    return [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
    ], body.encode()


def error(code: str, message: str, **details: object) -> tuple[Headers, bytes]:
    """(headers, body) of the same envelope that the API answers with."""
    body = {"error": {"code": code, "message": message, "details": details, "request_id": ""}}
    return [(b"content-type", b"application/json")], msgspec.json.encode(body)


def status(state: str, *, ready: bool, title: str, reason: str) -> tuple[Headers, bytes]:
    """What the waiting page asks for every second."""
    body = {"ready": ready, "state": state, "title": title, "reason": reason}
    return [(b"content-type", b"application/json")], msgspec.json.encode(body)
