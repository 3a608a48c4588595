"""What an assistant reads of the record, as plain JSON: lists, pages of a conversation, hits of a search, results.

It must never show an assistant what was not said to it in a conversation that it takes part in, nor anybody's thoughts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moot.forms import ASSISTANT
from moot.store.words import words_of
from moot.transcript import Ballot, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.store import Hit, Listing, Store, Stored
    from moot.transcript import Heading, Participant, Turn

    Plain = dict[str, Any]

MOST_CHARACTERS = 40_000
"""Characters of turns in one page."""

WHOLE = 1_000_000
"""Characters of turns where a conversation is read as one resource."""

MOST_ROWS = 100
"""Rows of a list, turns of a page and hits of a search."""

MOST_CITES = 20
"""Turns that are named with one figure."""


def own_name(heading: Heading) -> str:
    """Return what the assistant goes by in a conversation, empty where it takes no part."""
    return next((one.name for one in heading.participants if one.voice == ASSISTANT), "")


def hears(heading: Heading, turn: Turn) -> bool:
    """Whether an assistant may read a turn: where it takes part, it reads what it has heard."""
    name = own_name(heading)
    return not name or turn.speaker == name or turn.heard_by is None or name in turn.heard_by


def within(what: str, given: int, least: int, most: int) -> int:
    """Return a number that an assistant gave; `Invalid` where it is out of bounds."""
    if not least <= given <= most:
        raise Invalid(f"{what} is from {least} to {most}, not {given}")
    return given


async def hits(store: Store, words: str, limit: int) -> list[Plain]:
    """Return the turns in which all words were said, the newest first."""
    if not words_of(words):
        raise Invalid(f"there is no word to look for in {words!r}")
    found = await store.search(words, within("limit", limit, 1, MOST_ROWS))
    return [_hit(one) for one in found if await _may_read(store, one)]


async def _may_read(store: Store, hit: Hit) -> bool:
    if not own_name((await store.look(hit.id)).heading):
        return True
    transcript = (await store.read(hit.id)).transcript
    return hears(transcript.heading, transcript.turns[hit.seq])


def _hit(one: Hit) -> Plain:
    return {
        "conversation": one.id,
        "turn": one.seq + 1,
        "speaker": one.speaker,
        "excerpt": one.snippet,
        "at": one.at,
    }


async def page(
    store: Store, conversation: str, from_turn: int = 1, from_character: int = 0, most: int = MOST_CHARACTERS
) -> Plain:
    """Return a conversation's heading and its turns from one on, as many as fit; `next` says where to read on.

    A turn longer than a page is cut, and read on from a character of it.
    """
    stored = await store.read(await store.find(conversation))
    heading, turns = stored.transcript.heading, stored.transcript.turns
    within("from_turn", from_turn, 1, max(1, len(turns)))
    within("from_character", from_character, 0, 10**9)
    shown: list[Plain] = []
    room, at, skipped = most, from_turn, from_character
    while at <= len(turns) and room > 0 and (most == WHOLE or len(shown) < MOST_ROWS):
        turn = turns[at - 1]
        if hears(heading, turn):
            told = _turn(at, turn, stored.at[at - 1])
            text = str(told["words"])[skipped:]
            shown.append(told | {"words": text[:room]})
            room -= len(text)
            if room < 0:
                skipped += len(text) + room
                break
        at, skipped = at + 1, 0
    on = {"from_turn": at, "from_character": skipped} if at <= len(turns) else None
    return _heading(stored) | {"turns": shown, "next": on}


def _heading(stored: Stored) -> Plain:
    own = own_name(stored.transcript.heading)
    told = row(stored.listing) | {
        "participants": [_participant(one, own) for one in stored.transcript.heading.participants],
        "turns_in_all": len(stored.transcript.turns),
    }
    return told | ({"not_as_recorded": list(stored.broken)} if stored.broken else {})


def _participant(one: Participant, own: str) -> Plain:
    brief = {"brief": one.brief} if one.brief and own in ("", one.name) else {}
    return {"name": one.name, "voice": one.voice} | brief


def _turn(number: int, turn: Turn, at: str) -> Plain:
    ballots = [
        {"question": part.question, "options": list(part.options), "answer": part.answer or None}
        for part in turn.parts
        if isinstance(part, Ballot)
    ]
    told: Plain = {"turn": number, "speaker": turn.speaker, "words": turn.text, "at": at}
    told |= {"ballots": ballots} if ballots else {}
    told |= {} if turn.heard_by is None else {"heard_by": list(turn.heard_by)}
    told |= {} if turn.stop == "end" else {"stop": turn.stop}
    return told | ({"marks": list(turn.marks)} if turn.marks else {})


def row(listing: Listing) -> Plain:
    """Return a line of the list of conversations."""
    heading = listing.heading
    told = {
        "conversation": listing.id,
        "title": heading.title,
        "topic": heading.topic,
        "series": heading.series,
        "form": heading.form,
        "participants": [{"name": one.name, "voice": one.voice} for one in heading.participants],
        "turns_in_all": listing.turns,
        "begun": listing.at,
        "closed": listing.closed,
    }
    return told | ({"forked_from": listing.forked_from, "at": listing.forked_at} if listing.forked_from else {})


async def rows(store: Store, series: str, limit: int, skip: int) -> Plain:
    """Return conversations, the last touched first, of a series alone where one is named."""
    found = [one for one in await store.list() if not series or one.heading.series == series]
    within("limit", limit, 1, MOST_ROWS)
    shown = found[within("skip", skip, 0, 10**9) :][:limit]
    return {"in_all": len(found), "conversations": [row(one) for one in shown]}


async def experiments(store: Store) -> list[Plain]:
    """Return the experiments and series on record: how many conversations each has, and what its cells differ in."""
    of: dict[str, list[Listing]] = {}
    for one in await store.list():
        if one.heading.series:
            of.setdefault(one.heading.series, []).append(one)
    return [_experiment(name, members) for name, members in of.items()]


def _experiment(name: str, members: Sequence[Listing]) -> Plain:
    factors: dict[str, list[Any]] = {}
    for factor, value in _levels(members):
        levels = factors.setdefault(factor, [])
        if value not in levels and len(levels) < MOST_ROWS:
            levels.append(value)
    closed = sum(one.closed is not None for one in members)
    return {
        "name": name,
        "is_grid": bool(factors),
        "conversations": len(members),
        "closed": closed,
        "forms": sorted({one.heading.form for one in members}),
        "factors": factors,
    }


def _levels(members: Sequence[Listing]) -> Iterator[tuple[str, Any]]:
    from moot.measures.recorded import FACTOR  # noqa: PLC0415 - only who asks for experiments needs measures

    for one in members:
        for name, value in one.heading.source:
            if name.startswith(FACTOR):
                yield name.removeprefix(FACTOR), value


async def chosen(store: Store, conversations: Sequence[str], experiment: str) -> list[str]:
    """Return the ids of conversations that results are asked of: named ones, or those of an experiment on record.

    An experiment is named by its name alone: an assistant opens no file.
    """
    if bool(conversations) == bool(experiment):
        raise Invalid("which results? name conversations, or one experiment")
    if conversations:
        within("the number of conversations", len(conversations), 1, MOST_ROWS)
        return [await store.find(one) for one in conversations]
    listings = await store.list()
    found = [one.id for one in reversed(listings) if one.heading.series == experiment]
    if not found:
        raise Invalid(f"no experiment or series on record is called {experiment!r}; see list_experiments")
    return found


def shortened(told: Plain) -> Plain:
    """Return results in which each figure names few turns of those that it rests on, and says how many more."""
    scores = [_short(one) for one in told.get("scores", ())]
    each = [one | {"scores": [_short(score) for score in one["scores"]]} for one in told.get("conversations", ())]
    return told | {"scores": scores, "conversations": each}


def _short(score: Plain) -> Plain:
    cites = score.get("cites", ())
    left = len(cites) - MOST_CITES
    if left <= 0:
        return score
    return score | {"cites": cites[:MOST_CITES], "cites_left_out": left + int(score.get("cites_left_out", 0))}
