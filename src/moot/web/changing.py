"""What the owner does to a conversation: steps in, forks, edits on a fork, lets it go on or rest.

It must never put words after others than those that the page had shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from moot.stepping import branch, edited, put, said
from moot.store import Conflict
from moot.transcript import Invalid
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from moot.store import Stored

MOST_MORE = 1000


async def say(visit: Visit) -> Response:
    """Put words on record, after the turns that the page had; what is being spoken is let finish first."""
    form, site = await visit.form(), visit.site
    identity = await site.store.find(visit.request.path_params["id"])
    was_on = await site.runs.rest(identity)
    stored = await site.store.read(identity)
    try:
        _check_place(stored, form.get("after", ""), was_on=was_on)
        hearers = tuple(name for name in (form.get("to", ""),) if name)
        await put(site.store, stored, said(stored, form.get("as", "chair"), form.get("words", ""), hearers))
    finally:
        if was_on or form.get("go"):
            await site.runs.go_on(identity)
    await site.hub.catch_up(identity)
    return Response(status_code=204)


def _check_place(stored: Stored, after: str, *, was_on: bool) -> None:
    """See that nobody has spoken since the page was shown; who steps into a turn speaks after it."""
    turns = len(stored.transcript.turns)
    known = int(after[:9]) if after.isdecimal() else turns
    if not known <= turns <= known + was_on:
        raise Conflict("somebody has spoken meanwhile, so your words are not on record; read on, and say them again")


async def fork(visit: Visit) -> Response:
    """Start a fork that shares the first turns, and show it."""
    form, site = await visit.form(), visit.site
    stored = await site.store.read(await site.store.find(visit.request.path_params["id"]))
    at = form.get("at", "")
    count = int(at[:9]) if at.isdecimal() else len(stored.transcript.turns)
    identity = await branch(site.store, stored, count, stored.transcript.heading)
    return visit.see(f"/c/{identity}#t{count}" if count else f"/c/{identity}")


async def edit(visit: Visit) -> Response:
    """Start a fork on which a turn has other words, and show it."""
    form, site = await visit.form(), visit.site
    stored = await site.store.read(await site.store.find(visit.request.path_params["id"]))
    number, words, heading = visit.number("turn"), form.get("words", "").rstrip(), stored.transcript.heading
    if not words:
        raise Invalid("there are no words in it, so nothing was changed")
    turn = edited(stored, max(1, number), words.replace("\r\n", "\n"))
    told = replace(heading, title=form.get("title", "").strip() or heading.title)
    identity = await branch(site.store, stored, max(1, number) - 1, told, turn)
    if form.get("go"):
        await site.runs.go_on(identity)
    return visit.see(f"/c/{identity}#t{number}")


async def go(visit: Visit) -> Response:
    """Let a conversation go on, for so many turns or as far as its form goes."""
    form, site = await visit.form(), visit.site
    more = form.get("more", "").strip()
    if more and not (more.isdecimal() and 1 <= int(more[:9]) <= MOST_MORE):
        raise Invalid(f"a number of turns is one from 1 to {MOST_MORE}")
    identity = await site.store.find(visit.request.path_params["id"])
    await site.runs.go_on(identity, int(more) if more else None)
    return Response(status_code=204)


async def rest(visit: Visit) -> Response:
    """Let a conversation rest: after the turn that is being spoken, or at once."""
    form, site = await visit.form(), visit.site
    identity = await site.store.find(visit.request.path_params["id"])
    if form.get("now"):
        site.runs.stop(identity)
    else:
        site.runs.rest_soon(identity)
    return Response(status_code=204)


_OWNER = ("owner",)

WAYS = (
    Way("POST", "/c/{id}/say", say, _OWNER),
    Way("POST", "/c/{id}/fork", fork, _OWNER),
    Way("POST", "/c/{id}/t/{turn:int}/edit", edit, _OWNER),
    Way("POST", "/c/{id}/go", go, _OWNER),
    Way("POST", "/c/{id}/rest", rest, _OWNER),
)
