"""How somebody comes in: a token becomes a cookie, once; and the files that every page needs.

It must never say whether a token was ever good, nor leave one where another site can read it.
"""

from __future__ import annotations

from starlette.responses import Response

from moot.store import NotFound
from moot.web.pages import KINDS
from moot.web.ways import Visit, Way

HOMES = {"owner": "/", "participant": "/join", "rater": "/rate"}
"""Where a visitor of a role is led after coming in."""

DAY = 86400


async def enter(visit: Visit) -> Response:
    """Make a cookie of a token. The page leads on by itself: a redirect would keep a strict cookie back."""
    if visit.asked("left"):
        return visit.page("trouble.html", {"words": "You have left. What you said stays on record.", "status": 200})
    if not visit.asked("token"):
        return visit.page("trouble.html", {"words": "This link is not whole.", "status": 401}, 401)
    found = visit.site.doors.enter(visit.asked("token"))
    if found is None:
        words = "This link is not good, or was used already. The terminal where moot serve runs shows the next one."
        return visit.page("trouble.html", {"words": words, "status": 401}, 401)
    cookie, visitor = found
    response = visit.page("onward.html", {"to": HOMES[visitor.role]})
    name = f"moot-{visitor.role}-{visit.request.url.port or 80}"
    response.set_cookie(
        name, cookie, max_age=30 * DAY, httponly=True, samesite="strict", secure=visit.request.url.scheme == "https"
    )
    visit.site.entered(visitor)
    return response


async def static(visit: Visit) -> Response:
    """Send one of our own files."""
    name = visit.request.path_params["name"]
    kind = KINDS.get(name.rpartition(".")[2])
    if kind is None or name not in visit.site.pages.static:
        raise NotFound("there is no such file")
    headers = {"cache-control": "private, max-age=86400"}
    return Response(visit.site.pages.static[name], media_type=kind, headers=headers)


WAYS = (
    Way("GET", "/enter", enter, ("anyone",)),
    Way("GET", "/static/{name}", static, ("anyone",)),
)
