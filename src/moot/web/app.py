"""The application: all ways put together, each behind its roles, all behind the guard.

It must never have a route that is not in a table of ways, nor show a person a traceback.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from moot.store import Conflict, NotFound, StoreError
from moot.transcript import Invalid
from moot.voices import VoiceError
from moot.web import changing, entering, joining, reading, starting, studies
from moot.web.doors import Visitor
from moot.web.guard import READS, Guard, fault
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from moot.web.site import Site

WAYS: tuple[Way, ...] = (*entering.WAYS, *reading.WAYS, *changing.WAYS, *starting.WAYS, *studies.WAYS, *joining.WAYS)
"""Every route there is. A new subject has a file of its own, and a line here."""

NOBODY = Visitor("anyone")


def application(site: Site, hosts: Collection[str]) -> ASGIApp:
    """Return the application, which answers to these hosts ("127.0.0.1:8765") only."""
    routes = [Route(way.path, _endpoint(site, way), methods=[way.method]) for way in WAYS]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused})
    app.router.redirect_slashes = False  # an address is right or wrong
    return Guard(app, hosts)


def _endpoint(site: Site, way: Way) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visitor = site.doors.who(request.cookies.values(), way.roles)
        if visitor is None and "anyone" not in way.roles:
            return _turned_away(site, request)
        visit = Visit(site, request, visitor or NOBODY)
        try:
            response = await way.endpoint(visit)
        except Exception as error:  # noqa: BLE001 - this is the one place where errors end
            return _told(visit, error)
        if request.method == "HEAD" and isinstance(response, StreamingResponse):
            return Response(media_type=response.media_type)  # a stream has no end to wait for
        return response

    return endpoint


def _turned_away(site: Site, request: Request) -> Response:
    """Say that nobody is known here, or not for this; a link from elsewhere is followed once more from here.

    Browsers keep a strict cookie back where another site's page has led here.
    """
    someone = site.doors.who(request.cookies.values(), ("owner", "participant", "rater"))
    visit = Visit(site, request, someone or NOBODY)
    if request.method in READS and someone is None and request.headers.get("sec-fetch-site") == "cross-site":
        return visit.page("onward.html", {"to": request.url.path + (f"?{request.url.query}" * bool(request.url.query))})
    status = 401 if someone is None else 403
    words = (
        "This needs the link that moot serve has printed: open it in this browser."
        if someone is None
        else "Your invitation is not good for this page."
    )
    return _line(visit, words, status)


def _told(visit: Visit, error: Exception) -> Response:
    """Say an error to the person: what happened, in one line."""
    match error:
        case Invalid():
            return _line(visit, str(error), 400)
        case NotFound():
            return _line(visit, str(error), 404)
        case Conflict():
            return _line(visit, str(error), 409)
        case VoiceError():
            return _line(visit, str(error), 422)
        case StoreError():
            return _line(visit, str(error), 503)
        case _:
            sys.stderr.write(f"moot: {fault(error)}\n")
            return _line(visit, fault(error), 500)


def _line(visit: Visit, words: str, status: int) -> Response:
    """Say one line: as a page to whoever reads, as plain text to a form."""
    if visit.request.method not in READS:
        return PlainTextResponse(words, status)
    return visit.page("trouble.html", {"words": words, "status": status}, status)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer where there is no such page, or not in this way."""
    del request
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: "There is no such page.", 405: "That cannot be done here."}.get(status, "That cannot be done.")
    headers = error.headers if isinstance(error, HTTPException) else None
    return HTMLResponse(f"<!doctype html><title>moot</title><p>{words}</p>\n", status, headers)
