"""What every request passes first: whose host it names, where a change comes from, and the headers of every answer.

It must never let a request through for the sake of convenience, nor know what any page is about.
"""

from __future__ import annotations

import secrets
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2 * 2**20
"""Bytes of what can be sent to us at once."""

READS = ("GET", "HEAD")

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types moot"
)

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class _TooLarge(Exception):
    """More was sent than anybody types."""


class Guard:
    """An application within this guard answers only to its own hosts, and changes nothing for anybody else's page."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope["moot.nonce"] = nonce
        closed = _dressed(send, nonce)
        if refusal := self._refusal(scope["method"], Headers(scope=scope)):
            status, line = refusal
            await PlainTextResponse(f"{line}\n", status)(scope, receive, closed)
            return
        try:
            await self._app(scope, _bounded(receive), closed)
        except _TooLarge:
            await PlainTextResponse("that is more than can be sent at once\n", 413)(scope, receive, closed)
        except Exception as error:  # noqa: BLE001 - in the middle of a stream, after all others were caught
            sys.stderr.write(f"moot: {fault(error)}\n")

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        """Return the status and the words with which a request is turned away, None where it may go on."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return 421, "this server does not answer to that name"
        return _load_refused(headers) if method in READS else _change_refused(headers, hosts[0])


def fault(error: Exception) -> str:
    """Return a line about an error that is nobody's but ours; it names a place, never a value."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    return f"this is a fault in moot ({place}); what was recorded is kept"


def _load_refused(headers: Headers) -> tuple[int, str] | None:
    """Say why something cannot be loaded: only a person can be led here by another site's page, as one walks in."""
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_visit:
        return 403, "other sites' pages cannot load anything from here"
    return None


def _change_refused(headers: Headers, host: str) -> tuple[int, str] | None:
    """Say why a change cannot be made: it comes from one of our own pages, or from nowhere."""
    if headers.getlist("origin") not in ([f"http://{host}"], [f"https://{host}"]):
        return 403, "a change must come from a page of this server (with its script running)"
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return 403, "a change must come from a page of this server"
    if (length := headers.get("content-length", "0")).isdecimal() and int(length[:18]) > LARGEST_BODY:
        return 413, "that is more than can be sent at once"
    return None


def _dressed(send: Send, nonce: str) -> Send:
    """Return a `send` that puts the headers of every answer on it."""

    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = POLICY.format(nonce=nonce)
            headers.setdefault("cache-control", "no-store")
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return dressed


def _bounded(receive: Receive) -> Receive:
    """Return a `receive` that gives up where a body grows too large."""
    came = 0

    async def bounded() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > LARGEST_BODY:
            raise _TooLarge
        return message

    return bounded
