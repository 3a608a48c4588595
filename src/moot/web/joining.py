"""Taking part by an invitation: a person in the cast reads what they hear, and says their words.

It must never show a guest more than that participant hears: no title, voice, thought, ballot, private turn of others or
other conversation; nor tell a guest why a conversation does not go on, which is the owner's business.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from moot.forms import Wait
from moot.stepping import pending, put, said
from moot.store import Conflict, StoreError
from moot.transcript import Invalid
from moot.view import hears
from moot.voices import VoiceError
from moot.voices.person import ASSISTANT
from moot.web.doors import Visitor
from moot.web.hub import as_told
from moot.web.turns import colour_of, facts_of, shown
from moot.web.ways import Visit, Way

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from moot.store import Stored
    from moot.transcript import Participant


def is_guest(participant: Participant) -> bool:
    """Whether a participant is a person who can be invited to a browser."""
    return participant.voice.startswith("person") and participant.voice != f"person:{ASSISTANT}"


async def invite(visit: Visit) -> Response:
    """Make a link for a person in the cast, or take all of that person's links back."""
    form, site = await visit.form(), visit.site
    identity = await site.store.find(visit.request.path_params["id"])
    one = (await site.store.read(identity)).transcript.heading.participant(form.get("name", ""))
    if not is_guest(one):
        raise Invalid(f"{one.name} is not a person, so nobody can be invited to speak as {one.name}")
    guest = Visitor("participant", identity, one.name)
    if form.get("back"):
        site.doors.turn_out(guest)
        return PlainTextResponse(f"The links of {one.name} are no longer good.")
    url = visit.request.url
    return PlainTextResponse(f"{url.scheme}://{url.netloc}/enter?token={site.doors.invite(guest, once=False)}")


async def join(visit: Visit) -> Response:
    """Show a guest what they hear, and where to say their words."""
    site, name = visit.site, visit.visitor.name
    facts = await facts_of(site.store, visit.visitor.scope)
    heading = facts.stored.transcript.heading
    numbers = range(1, len(facts.stored.transcript.turns) + 1)
    price = site.config.limits.price
    turns = [turn for number in numbers if (turn := shown(facts, number, site.pages, price, name))]
    values = {
        "you": heading.participant(name),
        "others": [(one, colour_of(one, heading)) for one in heading.names if one != name],
        "colour": colour_of(name, heading),
        "shown": turns,
        "last": turns[-1].number if turns else 0,
        "standing": as_told(await site.hub.standing(facts.stored), name),
        "keep": hashlib.sha256(f"{visit.visitor.scope} {name}".encode()).hexdigest()[:16],
        "guest": True,
        "beside": (),
        "id": "",
        "names": (),
    }
    return visit.page("join.html", values)


async def follow(visit: Visit) -> Response:
    """Stream what a guest hears, for as long as they are invited."""
    given = visit.request.headers.get("last-event-id") or visit.asked("after")
    after = int(given[:9]) if given.isdecimal() else 0
    return StreamingResponse(_while_invited(visit, after), media_type="text/event-stream")


async def _while_invited(visit: Visit, after: int) -> AsyncGenerator[bytes]:
    guest, cookies = visit.visitor, tuple(visit.request.cookies.values())
    async for told in visit.site.hub.follow(guest.scope, guest.name, after):
        if visit.site.doors.who(cookies, (guest.role,)) != guest:
            return
        yield told


async def say(visit: Visit) -> Response:
    """Put a guest's words on record after what they had heard; what waited for them goes on."""
    form, site, name, identity = await visit.form(), visit.site, visit.visitor.name, visit.visitor.scope
    was_on = await site.runs.rest(identity)
    stored = await site.store.read(identity)
    move = pending(stored)
    waited = isinstance(move, Wait) and move.name == name
    try:
        _check_heard(stored, name, form.get("after", ""), was_on=was_on)
        await put(site.store, stored, said(stored, name, form.get("words", "").replace("\r\n", "\n")))
    except BaseException:
        await _go_on(visit, wanted=was_on)
        raise
    await _go_on(visit, wanted=was_on or waited)
    await site.hub.catch_up(identity)
    return Response(status_code=204)


def _check_heard(stored: Stored, name: str, after: str, *, was_on: bool) -> None:
    """See that a guest had heard all that they hear; who speaks into a turn speaks after it."""
    heard = [number for number, turn in enumerate(stored.transcript.turns, 1) if hears(turn, name)]
    known = int(after[:9]) if after.isdecimal() else len(stored.transcript.turns)
    if sum(number > known for number in heard) > was_on:
        raise Conflict("somebody has spoken meanwhile, so your words are not on record; read on, and say them again")


async def _go_on(visit: Visit, *, wanted: bool) -> None:
    """Let the conversation go on; where it cannot, the owner sees why when they let it."""
    if wanted:
        with suppress(VoiceError, Invalid, Conflict, StoreError):
            await visit.site.runs.go_on(visit.visitor.scope)


async def leave(visit: Visit) -> Response:
    """Let a guest out, for good: their links are void. What they said stays."""
    visit.site.doors.turn_out(visit.visitor)
    return visit.see("/enter?left=1")


_GUEST = ("participant",)

WAYS = (
    Way("POST", "/c/{id}/invite", invite, ("owner",)),
    Way("GET", "/join", join, _GUEST),
    Way("GET", "/join/live", follow, _GUEST),
    Way("POST", "/join/say", say, _GUEST),
    Way("POST", "/join/leave", leave, _GUEST),
)
