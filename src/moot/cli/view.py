"""`moot view`: the exact request that a participant was sent, made again from the record alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.forms import Speak, Wait, open_form
from moot.transcript import CHAIR, Invalid, link
from moot.view import view
from moot.voices.spec import open_voices

if TYPE_CHECKING:
    from moot.store import Store, Stored
    from moot.transcript import Question, Transcript


@click.command(short_help="Show the exact request that a participant was sent for a turn.")
@click.argument("conversation", default="last")
@click.option("--as", "name", required=True, metavar="NAME", help="Whose view.")
@click.option(
    "--turn", type=click.IntRange(1), metavar="K", help="Before turn K (default: what it would be sent next)."
)
@record.option
@record.as_json
def command(
    conversation: str,
    name: str,
    turn: int | None,
) -> None:
    """Show the exact request that a participant was sent for a turn, made again from the record alone.

    \b
    moot view last --as Bo --turn 3
    """

    async def work(store: Store) -> None:
        stored = await _owner(store, await store.find(conversation), turn)
        number = len(stored.transcript.turns) + 1 if turn is None else turn
        request = request_for(stored, name, number)
        sent = await _was_sent(store, stored, name, number, link("", request))
        if record.wants_json():
            print_json({"id": stored.listing.id, "name": name, "turn": number, "sent": sent, "request": request})
            return
        click.echo(safe(json.dumps(request, indent=2, ensure_ascii=False)))
        console(err=True).print(safe(f"[{_verdict(stored, name, number, sent=sent)}]"), style="dim")

    record.run(work)


async def _owner(store: Store, identity: str, turn: int | None) -> Stored:
    """Return the conversation in which a turn was spoken: a fork's first turns were asked for under another heading."""
    stored = await store.read(identity)
    while turn is not None and stored.listing.forked_from and turn <= stored.listing.forked_at:
        stored = await store.read(stored.listing.forked_from)
    return stored


def request_for(stored: Stored, name: str, number: int) -> dict[str, Any]:
    """Return the request that `name` gets for turn `number`: plain JSON, from the record alone."""
    heading = stored.transcript.heading
    participant = heading.participant(name)
    before = stored.transcript.until(number - 1)
    voice = open_voices(heading, record.pool())[name]
    return voice.request(participant.brief, view(before, name), _asked(stored, before, name))


def _asked(stored: Stored, before: Transcript, name: str) -> Question | None:
    """Return what the form had `name` asked after these turns, if anything: it is part of the request."""
    try:
        move = open_form(before.heading, record.forms_of(stored))(before)
    except Invalid:  # a form that this moot does not know: the conversation was made elsewhere
        return None
    return move.ask if isinstance(move, Speak | Wait) and move.name == name else None


async def _was_sent(store: Store, stored: Stored, name: str, number: int, digest: str) -> bool | None:
    """Whether this request is among those on record for this turn; None where none is.

    A turn may have several: each try is one, and an answer that named no option is asked for once more.
    """
    calls = await store.calls(stored.listing.id)
    found = [call.request for call in calls if call.seq == number - 1 and call.speaker == name]
    return digest in found if found else None


def _verdict(stored: Stored, name: str, number: int, *, sent: bool | None) -> str:
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
