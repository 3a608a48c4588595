"""What a person does to a conversation from outside it: says something, edits a turn on a fork, looks at a request.

It must never put words on record after others than those that the person had before them, nor change a turn there.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from moot.forms import ASSISTANT, Speak, Wait, open_form
from moot.forms.course import EDITED
from moot.own_forms import forms_of
from moot.store import Conflict
from moot.transcript import CHAIR, Ballot, Invalid, Text, Turn, as_json, link
from moot.view import is_ballot, view
from moot.voices.person import option_of, shown
from moot.voices.spec import open_voices

if TYPE_CHECKING:
    from moot.store import Store, Stored
    from moot.transcript import Heading, Question, Transcript
    from moot.voices import Pool

CHOSEN = "chosen by a person"
"""How a ballot was answered where a person gave it in a participant's name."""

LENT = "said by a person"
"""The mark of words that a person said in the name of a participant who is none."""


def new_id() -> str:
    """Return an id for a new conversation: 16 hex digits, of which the first few will do."""
    return secrets.token_hex(8)


def pending(stored: Stored) -> Speak | Wait | None:
    """Return whom the form would let speak or waits for; None where nobody, or where it cannot go on here."""
    try:
        move = open_form(stored.transcript.heading, forms_of(stored))(stored.transcript)
    except Invalid:
        return None
    return move if isinstance(move, Speak | Wait) else None


def said(stored: Stored, speaker: str, words: str, hearers: tuple[str, ...] = ()) -> Turn:
    """Return the turn in which a person says these words as `speaker`: an answer where the form asks for one.

    `Invalid` where there are no words, nobody is called so, or they are no answer to what is asked.
    """
    if not words.strip():
        raise Invalid("there are no words in it, so nothing was said")
    voice = "" if speaker == CHAIR else stored.transcript.heading.participant(speaker).voice
    lent = speaker != CHAIR and (not voice.startswith("person") or voice == ASSISTANT)
    move = pending(stored)
    own = move if move and move.name == speaker else None
    if own and own.ask:
        answer = option_of(words, own.ask)
        if not answer:
            raise Invalid(f"{speaker} is asked: {shown(own.ask)}\nanswer with one of these, or its number")
        return Turn(speaker, (Ballot(own.ask.text, own.ask.options, answer, how=CHOSEN),), ())
    return Turn(speaker, (Text(words),), hearers or (own.heard_by if own else None), marks=(LENT,) if lent else ())


async def put(store: Store, stored: Stored, turn: Turn) -> int:
    """Put a turn on record after those that were read, and return its number.

    `Conflict` where others have come in between.
    """
    stored.transcript.then(turn)
    identity, seq = stored.listing.id, len(stored.transcript.turns)
    try:
        await store.append(identity, seq, turn, link(stored.digest, as_json(turn)))
    except Conflict:
        raise Conflict(
            f"somebody else has spoken as turn {seq + 1} meanwhile, so your words are not on record"
        ) from None
    return seq + 1


def editable(stored: Stored, number: int) -> Turn:
    """Return the turn of this number, counted from 1; `Invalid` where it is none whose words can be edited."""
    turn = stored.transcript.until(number).turns[-1]
    if is_ballot(turn):
        raise Invalid(f"turn {number} is an answer to a question with fixed options, which is not edited")
    return turn


def edited(stored: Stored, number: int, words: str) -> Turn:
    """Return a turn with other words, marked as edited; `Invalid` where it has these words already."""
    turn = editable(stored, number)
    if words.rstrip() == turn.text.rstrip():
        raise Invalid(f"turn {number} has these words already, so nothing was changed")
    marks = tuple(mark for mark in turn.marks if mark != EDITED)
    return Turn(turn.speaker, (Text(words),), turn.heard_by, marks=(*marks, EDITED))


async def branch(store: Store, stored: Stored, count: int, heading: Heading, then: Turn | None = None) -> str:
    """Start a fork that shares the first `count` turns and goes on with `then`; return its id."""
    stored.transcript.until(count)
    identity = new_id()
    await store.fork(identity, stored.listing.id, count, heading, stored.listing.foreigners)
    if then:
        before = await store.read(identity)
        await store.append(identity, count, then, link(before.digest, as_json(then)))
    return identity


async def owner(store: Store, identity: str, number: int | None) -> Stored:
    """Return the conversation in which a turn was spoken: a fork's first turns were asked for under another heading."""
    stored = await store.read(identity)
    while number is not None and stored.listing.forked_from and number <= stored.listing.forked_at:
        stored = await store.read(stored.listing.forked_from)
    return stored


def request_for(stored: Stored, name: str, number: int, pool: Pool) -> dict[str, Any]:
    """Return the request that `name` gets for turn `number`: plain JSON, from the record alone."""
    heading = stored.transcript.heading
    participant = heading.participant(name)
    before = stored.transcript.until(number - 1)
    voice = open_voices(heading, pool)[name]
    return voice.request(participant.brief, view(before, name), _asked(stored, before, name))


def _asked(stored: Stored, before: Transcript, name: str) -> Question | None:
    """Return what the form had `name` asked after these turns, if anything: it is part of the request."""
    try:
        move = open_form(before.heading, forms_of(stored))(before)
    except Invalid:  # a form that this moot does not know: the conversation was made elsewhere
        return None
    return move.ask if isinstance(move, Speak | Wait) and move.name == name else None


async def was_sent(store: Store, stored: Stored, name: str, number: int, digest: str) -> bool | None:
    """Whether this request is among those on record for this turn; None where none is.

    A turn may have several: each try is one, and an answer that named no option is asked for once more.
    """
    calls = await store.calls(stored.listing.id)
    found = [call.request for call in calls if call.seq == number - 1 and call.speaker == name]
    return digest in found if found else None


def verdict(stored: Stored, name: str, number: int, *, sent: bool | None) -> str:
    """Say how a request that was made again stands to the one that was sent."""
    if sent:
        return "this is what was sent, digest for digest"
    if sent is False:
        return "another version of moot sent this turn's request in another shape; the words are those on record"
    if number > len(stored.transcript.turns):
        return f"this is what {name} would be sent next"
    speaker = stored.transcript.turns[number - 1].speaker
    if speaker == name:
        return "no request is on record for this turn (it was imported, said by a person, or typed)"
    whose = "the chair's" if speaker == CHAIR else f"{speaker}'s"
    return f"turn {number} is {whose}; this is what {name} had heard by then"
