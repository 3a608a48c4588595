"""`moot counterfactual`: which turns moved somebody, by asking again on forks that each leave one of them out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from moot.cli import caps, record
from moot.cli.table import figure, print_rows
from moot.cli.terminal import console, print_json, program, safe
from moot.transcript import CHAIR, Invalid, Transcript, as_json, digests, freeze, link
from moot.view import hears, is_ballot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures import Score
    from moot.store import Store, Stored
    from moot.transcript import Heading, Turn

WORDS = 60
MOST_FORKS = 400
"""Forks of one command; more are asked for by naming turns."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked about what, after how many turns of the conversation; `toward` is -1 where the claim was opposed."""

    of: str
    claim: str
    scale: int
    at: int
    toward: int = 1


@click.command(short_help="Find the turns that moved somebody, by leaving each out on a fork.")
@click.argument("conversation")
@click.option("--of", "name", metavar="NAME", help="Who is asked (a trial's target need not be named).")
@click.option("--claim", metavar="TEXT", help="What about (default: what the conversation is about).")
@click.option("--at", type=click.IntRange(1), metavar="K", help="After how many turns (default: all of the talk).")
@click.option("--turn", "turns", type=click.IntRange(1), multiple=True, metavar="N", help="Leave this one out; again.")
@click.option("--probes", type=click.IntRange(1), default=3, show_default=True, help="Askings, two ballots each.")
@click.option(
    "--scale", type=click.IntRange(2, 101), help="The scale goes from 1 to this (default: the trial's, or 7)."
)
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Draws, each with its own seed.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The first draw's seed.")
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True, help="Forks at the same time.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    conversation: str,
    name: str | None,
    claim: str | None,
    at: int | None,
    turns: tuple[int, ...],
    probes: int,
    scale: int | None,
    repeats: int,
    seed: int,
    jobs: int,
) -> None:
    """Ask a participant where it stands on a claim, with all that was said and with each turn left out.

    \b
    moot counterfactual last
    moot counterfactual 3f2a --of Alex --claim "Zoos should be closed." --turn 5 --turn 7 --repeats 5
    moot counterfactual last --of "Gemma 3" --claim "A river is alive." --probes 2 --json

    What was said after a turn that is left out stays as it was said. Each fork is a conversation on record, named by
    its content: run the same again and nobody is asked again. Limits hold for each fork.
    """

    async def work(store: Store) -> None:
        source = await store.read(await store.find(conversation))
        asked = _asked(source, name, claim, scale, at)
        left_out = _turns(source, asked, turns)
        if (len(left_out) + 1) * repeats > MOST_FORKS:
            raise Invalid(
                f"{len(left_out)} turns and {repeats} repeats are {(len(left_out) + 1) * repeats} forks, more than the "
                f"{MOST_FORKS} of one command: name turns with --turn"
            )
        headings = [
            _heading(source, asked, turn, probes, seed + number) for number in range(repeats) for turn in (0, *left_out)
        ]
        await _carry(store, source, headings, asked, jobs)

    record.run(work)


async def _carry(store: Store, source: Stored, headings: Sequence[Heading], asked: Asked, jobs: int) -> None:
    from moot.cli.live import ready  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.several import carry_begun  # noqa: PLC0415 - the same
    from moot.forms import open_form  # noqa: PLC0415 - the same
    from moot.store import identity_of  # noqa: PLC0415 - the same

    open_form(headings[0])
    who = headings[0].participant(asked.of)
    await ready(replace(headings[0], participants=(who,)), source.listing.foreigners)
    identities = [identity_of(Transcript(one)) for one in headings]
    for identity, heading in zip(identities, headings, strict=True):
        await _begin(store, source, identity, heading, asked)
    outcome = await carry_begun(store, identities, jobs)
    _tell(source, asked, outcome.stored)
    outcome.leave()


def _asked(source: Stored, name: str | None, claim: str | None, scale: int | None, at: int | None) -> Asked:
    """Return what is asked: of a trial, what it asks of its target after the talk."""
    transcript = source.transcript
    heading, told = transcript.heading, dict(transcript.heading.arguments)
    about = claim or next((str(told[one]) for one in ("claim", "motion") if told.get(one)), "")
    if not about:
        raise click.UsageError('on what is anybody to take a stand? --claim "…"')
    if heading.form == "trial" and name in (None, told.get("target")) and claim in (None, told.get("claim")):
        from moot.measures.recorded import Recorded  # noqa: PLC0415 - only of a trial
        from moot.measures.trials import trial_of  # noqa: PLC0415 - the same

        found = trial_of(Recorded(source.listing.id, transcript))
        after = found.point("after")
        end = after.turns[0] - 1 if after else len(transcript.turns)
        toward = -1 if found.shift.side == "against" else 1
        return Asked(str(told["target"]), about, scale or found.shift.scale, at or end, toward)
    if name is None:
        raise click.UsageError(f"who is asked? --of NAME: {', '.join(heading.names)}")
    heading.participant(name)
    return Asked(name, about, scale or 7, len(transcript.turns) if at is None else at)


def _turns(source: Stored, asked: Asked, chosen: Sequence[int]) -> list[int]:
    """Return the turns to leave out, one at a time: those that were named, or what others said to the one asked."""
    turns = source.transcript.until(asked.at).turns
    heard = {
        number
        for number, turn in enumerate(turns, 1)
        if hears(turn, asked.of) and turn.text.strip() and turn.speaker not in (CHAIR, asked.of)
    }
    if not chosen:
        if not heard:
            raise Invalid(
                f"nobody said anything to {asked.of} in the first {asked.at} turns of {source.listing.id[:8]}"
            )
        return sorted(heard)
    for number in chosen:
        if number > len(turns) or is_ballot(turns[number - 1]) or not hears(turns[number - 1], asked.of):
            raise Invalid(f"turn {number} is none that {asked.of} heard before it is asked, after turn {asked.at}")
    return sorted(set(chosen))


def _heading(source: Stored, asked: Asked, turn: int, probes: int, seed: int) -> Heading:
    before = source.transcript.until(asked.at)
    kept = _kept(before, turn)
    told = {"of": asked.of, "claim": asked.claim, "turn": turn, "after": len(kept), "scale": asked.scale}
    missing = f"without turn {turn}" if turn else "nothing left out"
    title = f"{before.heading.title or source.listing.id[:8]}, {missing}"[-120:]
    of = {"conversation": source.listing.id, "digest": digests(before)[-1]}
    return replace(
        before.heading, form="without", arguments=freeze(told | {"probes": probes}), title=title, series="", seed=seed,
        source=freeze(of),
    )  # fmt: skip


def _kept(before: Transcript, turn: int) -> list[tuple[int, Turn]]:
    """Return what such a fork begins with, by number: all up to the turn, and what was said after it."""
    numbered = list(enumerate(before.turns, 1))
    return [
        (number, one) for number, one in numbered if not turn or number < turn or (number > turn and not is_ballot(one))
    ]


async def _begin(store: Store, source: Stored, identity: str, heading: Heading, asked: Asked) -> None:
    """Put a fork on record, or what of its first turns is not there yet."""
    from moot.forms.without import AS_SAID  # noqa: PLC0415 - needed here
    from moot.store import NotFound  # noqa: PLC0415 - the same

    turn = int(str(dict(heading.arguments)["turn"]))
    kept = _kept(source.transcript.until(asked.at), turn)
    shared = turn - 1 if turn else asked.at
    try:
        stored = await store.read(identity)
    except NotFound:
        await store.fork(identity, source.listing.id, shared, heading, source.listing.foreigners)
        stored = await store.read(identity)
    chain, done = stored.digest, len(stored.transcript.turns)
    for at, (number, one) in enumerate(kept[done:], done):
        again = replace(one, marks=(*one.marks, f"{AS_SAID} {number}"))
        chain = link(chain, as_json(again))
        await store.append(identity, at, again, chain)


def _tell(source: Stored, asked: Asked, stored: Sequence[Stored]) -> None:
    from moot.measures.counterfactual import fork_of, influence  # noqa: PLC0415 - needed in the end
    from moot.measures.recorded import Recorded  # noqa: PLC0415 - the same

    forks = [fork_of(Recorded(one.listing.id, one.transcript, one.listing.closed)) for one in stored]
    stance, *moved = influence(forks, {source.listing.id: asked.toward})
    if record.wants_json():
        told: dict[str, Any] = {"command": "counterfactual", "id": source.listing.id, "claim": asked.claim}
        told |= {"of": asked.of, "measures": "stated stance", "stance": stance.as_json(), "at": asked.at}
        print_json(
            told | {"turns": [one.as_json() | _said(source, one) for one in moved], "notes": notes(stance, moved)}
        )
        return

    def write(line: str) -> None:
        console().print(safe(line), soft_wrap=True)

    write(f"Claim: {asked.claim}")
    write(
        f"{asked.of} states {figure(stance.estimate)} ({stance.unit}, 1 disagrees) after turn {asked.at}, n {stance.n}"
    )
    toward = "against the claim, as was argued" if asked.toward < 0 else "towards the claim"
    write(f"How far each turn moved that {toward}:")
    print_rows(("turn", "moved", "95 % interval", "n", "who", "said"), [_row(source, one) for one in moved], write)
    for line in notes(stance, moved):
        write(f"Note: {line}.")
    shown = moved[0].more["forks"][0][:8] if moved else ""
    write(f"{program()} show {shown}   # the fork that leaves out what moved most")


def notes(stance: Score, moved: Sequence[Score]) -> list[str]:
    """Return what has to be known to read such a ranking."""
    told = [f"{len(moved)} turns are compared: the first of many is expected to look large",
            "what was said after a turn answers it still, so that each figure is of its words alone"]  # fmt: skip
    told += [moved[0].why] if moved and moved[0].why else []
    if stance.more["insensitive"]:
        turned = stance.more["reversed_scale_shift"]
        told.insert(0, f"these answers follow the position of the options (with the scale turned round they move by "
                       f"{turned:.1f} points), so that they cannot be read")  # fmt: skip
    return told


def _said(source: Stored, one: Score) -> dict[str, Any]:
    turn = source.transcript.turns[int(one.more["turn"]) - 1]
    return {"speaker": turn.speaker, "words": turn.text}


def _row(source: Stored, one: Score) -> tuple[str, ...]:
    turn = source.transcript.turns[int(one.more["turn"]) - 1]
    ends = "none" if one.low is None else f"{figure(one.low, 3)} to {figure(one.high, 3)}"
    words = " ".join(turn.text.split())
    shown = words if len(words) <= WORDS else f"{words[:WORDS].rstrip()}…"
    moved = "not known" if one.estimate is None else f"{one.estimate:+.2f}"
    return str(one.more["turn"]), moved, ends, str(one.n), turn.speaker, shown
