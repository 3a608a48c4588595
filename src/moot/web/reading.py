"""One conversation to read: its page, its stream, a turn's raw text and exact request, its forks side by side.

It must never change anything.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.responses import PlainTextResponse, StreamingResponse

from moot.stepping import editable, owner, request_for, verdict, was_sent
from moot.store import NotFound
from moot.transcript import CHAIR, link
from moot.web import listing
from moot.web.branches import lanes, shared, siblings
from moot.web.listing import about
from moot.web.turns import colour_of, facts_of, shown
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from moot.store import Stored
    from moot.web.turns import Facts, Shown

GAP = "\0"
"""Where the turns go in the page of a conversation: the one character that no text on record has."""

AT_ONCE = 25
"""Turns that are rendered before others get their share of the server."""


async def conversation(visit: Visit) -> Response:
    """Show a conversation: the head first, then its turns as they are rendered."""
    facts = await facts_of(visit.site.store, await _found(visit))
    return StreamingResponse(_pieces(visit, facts), media_type="text/html")


async def _pieces(visit: Visit, facts: Facts) -> AsyncGenerator[str]:
    site, stored = visit.site, facts.stored
    identity = stored.listing.id
    values = {**visit.usual(), **await _head(visit, stored), "gap": GAP}
    head, _, foot = site.pages.render("conversation.html", values).partition(GAP)
    yield head
    family = {line.id: line for line in await site.store.family(identity)}
    near = siblings(identity, family)
    for number in range(1, len(stored.transcript.turns) + 1):
        turn = shown(facts, number, site.pages, site.config.limits.price)
        beside = near.get(number, ())
        yield site.pages.render("article.html", {**values, "turn": turn, "beside": beside})
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    yield foot


async def _head(visit: Visit, stored: Stored) -> dict[str, Any]:
    heading, identity = stored.transcript.heading, stored.listing.id
    return {
        "id": identity,
        "stored": stored,
        "heading": heading,
        "about": about(stored.listing),
        "names": heading.names,
        "colours": {name: colour_of(name, heading) for name in heading.names},
        "standing": await visit.site.hub.standing(stored),
        "turns": len(stored.transcript.turns),
        "chair": CHAIR,
        "guest": False,
        "beside": (),
    }


async def follow(visit: Visit) -> Response:
    """Stream what happens in a conversation, from the turn after those that the page has."""
    identity = await _found(visit)
    given = visit.request.headers.get("last-event-id") or visit.asked("after")
    after = int(given[:9]) if given.isdecimal() else 0
    return StreamingResponse(visit.site.hub.follow(identity, "", after), media_type="text/event-stream")


async def raw(visit: Visit) -> Response:
    """Show a turn's words as they were said."""
    stored = await visit.site.store.read(await _found(visit))
    turn = stored.transcript.until(max(1, visit.number("turn"))).turns[-1]
    return PlainTextResponse(turn.text)


async def as_seen(visit: Visit) -> Response:
    """Show the exact request that a participant was sent for a turn, or would be sent."""
    store, number, name = visit.site.store, visit.number("turn"), visit.asked("as")
    whole = await store.read(await _found(visit))
    stored = await owner(store, whole.listing.id, number)
    request = request_for(stored, name, number, visit.site.pool)
    sent = await was_sent(store, stored, name, number, link("", request))
    values = {
        **await _head(visit, whole),
        "number": number,
        "name": name,
        "request": json.dumps(request, indent=2, ensure_ascii=False),
        "verdict": verdict(stored, name, number, sent=sent),
    }
    return visit.page("seen.html", values)


async def edit(visit: Visit) -> Response:
    """Show a turn's words in a form, to be edited on a fork."""
    stored = await visit.site.store.read(await _found(visit))
    number = max(1, visit.number("turn"))
    turn = editable(stored, number)
    return visit.page("edit.html", {**await _head(visit, stored), "number": number, "turn": turn})


async def tree(visit: Visit) -> Response:
    """Show how a conversation's forks hang together."""
    identity = await _found(visit)
    family = await visit.site.store.family(identity)
    found = lanes(family)
    longest = max(1, *(line.turns for line in family))
    rows = [(lane, about(lane.line), visit.site.hub.state(lane.line)) for lane in found]
    return visit.page("tree.html", {"id": identity, "rows": rows, "longest": longest, "about": rows[0][1]})


async def compare(visit: Visit) -> Response:
    """Show two conversations side by side, what they share at their beginning folded away."""
    one, other = [await visit.site.store.find(visit.asked(name)) for name in ("a", "b")]
    left, right = await facts_of(visit.site.store, one), await facts_of(visit.site.store, other)
    family = {line.id: line for line in await visit.site.store.family(one)}
    common = shared(one, other, family) if other in family else 0
    while common < min(len(left.stored.transcript.turns), len(right.stored.transcript.turns)) and (
        left.stored.transcript.turns[common] == right.stored.transcript.turns[common]
    ):
        common += 1
    before = [turn for number in range(1, common + 1) if (turn := _shown(visit, left, number))]
    most = max(len(left.stored.transcript.turns), len(right.stored.transcript.turns))
    pairs = [(_shown(visit, left, number), _shown(visit, right, number)) for number in range(common + 1, most + 1)]
    sides = [(facts.stored, about(facts.stored.listing)) for facts in (left, right)]
    return visit.page("compare.html", {"sides": sides, "before": before, "pairs": pairs, "common": common})


def _shown(visit: Visit, facts: Facts, number: int) -> Shown | None:
    if number > len(facts.stored.transcript.turns):
        return None
    return shown(facts, number, visit.site.pages, visit.site.config.limits.price)


async def _found(visit: Visit) -> str:
    """Return the conversation that the path names; `NotFound` where there is none."""
    prefix = str(visit.request.path_params["id"])
    if not prefix.isalnum():
        raise NotFound("there is no such conversation")
    return await visit.site.store.find(prefix)


_OWNER = ("owner",)

WAYS = (
    *listing.WAYS,
    Way("GET", "/c/{id}", conversation, _OWNER),
    Way("GET", "/c/{id}/live", follow, _OWNER),
    Way("GET", "/c/{id}/tree", tree, _OWNER),
    Way("GET", "/c/{id}/t/{turn:int}/raw", raw, _OWNER),
    Way("GET", "/c/{id}/t/{turn:int}/view", as_seen, _OWNER),
    Way("GET", "/c/{id}/t/{turn:int}/edit", edit, _OWNER),
    Way("GET", "/compare", compare, _OWNER),
)
