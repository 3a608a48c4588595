"""`moot ask`: one participant answers a question with fixed options, on a fork of the conversation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.cli.live import carry, ready
from moot.cli.terminal import console, print_json, program, safe
from moot.cli.waiting import asked, way_in
from moot.transcript import Ballot, Question, Turn, freeze

if TYPE_CHECKING:
    from moot.store import Store, Stored


@click.command(short_help="Ask a participant a question with fixed options, on a fork.")
@click.argument("conversation")
@click.argument("question")
@click.option("--of", "name", required=True, metavar="NAME", help="Who is asked.")
@click.option("--option", "options", multiple=True, metavar="TEXT", help="One of the answers to choose from.")
@click.option("--scale", type=click.IntRange(2), metavar="N", help="Options 1 to N, in place of --option.")
@click.option("--at", type=click.IntRange(0), metavar="K", help="After how many turns (default: all).")
@click.option("--shuffle", is_flag=True, help="Show the options in an order that the conversation's seed decides.")
@record.option
@record.as_json
def command(
    conversation: str,
    question: str,
    name: str,
    options: tuple[str, ...],
    scale: int | None,
    at: int | None,
    shuffle: bool,  # noqa: FBT001 - a flag, given by name
) -> None:
    """Ask a participant a question with fixed options. It answers on a fork, so that nothing else changes.

    \b
    moot ask last "Is a river alive?" --of "Gemma 3" --option yes --option no
    moot ask 3f2a "How far do you agree, from 1 to 7?" --of Bo --scale 7 --at 4

    How the answer was obtained is on record with it, and the probability of each option where the voice can tell.
    """
    if bool(options) == (scale is not None):
        raise click.UsageError("give the options to choose from: --option TEXT, twice or more, or --scale N")
    put = Question(question, options or tuple(map(str, range(1, (scale or 0) + 1))))

    async def work(store: Store) -> None:
        source = await store.find(conversation)
        stored = await store.read(source)
        before = stored.transcript.until(len(stored.transcript.turns) if at is None else at)
        before.heading.participant(name)
        told = {"of": name, "question": put.text, "options": list(put.options), "after": len(before.turns)}
        heading = replace(before.heading, form="ask", arguments=freeze(told | {"shuffle": shuffle}))
        await ready(replace(heading, participants=(heading.participant(name),)), stored.listing.foreigners)
        identity = record.new_id()
        await store.fork(identity, source, len(before.turns), heading, stored.listing.foreigners)
        await carry(store, identity, limits=caps.limits(), silent=True)
        after = await store.read(identity)
        _tell(after, after.transcript.turns[len(before.turns) :])

    record.run(work)


def _tell(stored: Stored, turns: tuple[Turn, ...]) -> None:
    identity = stored.listing.id
    ballots = [part for turn in turns for part in turn.parts if isinstance(part, Ballot) and part.answer]
    words = "".join(turn.text for turn in turns)
    if record.wants_json():
        found = ballots[0] if ballots else None
        odds = dict(zip(found.options, found.probabilities, strict=True)) if found and found.probabilities else None
        answer = {"answer": found.answer, "how": found.how} if found else {"answer": None, "words": words}
        print_json({"id": identity} | answer | {"probabilities": odds})
        return
    if not turns and (way := way_in(stored)):  # a person who is not here
        click.echo(f"{asked(stored)}\n{program()} {way}")
        return
    for ballot in ballots:
        click.echo(safe(ballot.answer))
        odds = ", ".join(
            f"{option} {chance:.2f}" for option, chance in zip(ballot.options, ballot.probabilities or (), strict=False)
        )
        told = f"{ballot.how}: {odds}" if odds else ballot.how
        console(err=True).print(safe(f"[{told}; on record as {identity[:8]}]"), style="dim")
    if not ballots:
        console(err=True).print(safe(f"[no option could be made out of: {words or 'nothing'}]"), style="yellow")
