"""`moot debate`: two voices, a motion, and any number of judges; with `--swap` once more with the sides exchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.forms.debate import TIE, swapped, votes
from moot.transcript import Heading, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store import Store, Stored

SIDES = ("Proposition", "Opposition")
"""What the sides go by: a judge must not learn a model from a name."""

PAIR = ("local:smollm2", "local:gemma3")

BRIEF = (
    'This is a debate on the motion "{motion}". Proposition argues for it, Opposition argues against it. Each gives '
    "reasons and examples in a few plain sentences, answers what the other said, and never changes sides. {name} "
    "argues {side} the motion."
)
JUDGE = (
    'This is a debate on the motion "{motion}" between Proposition and Opposition. {name} listens to both, and says '
    "afterwards how well each of them argued."
)


@click.command(short_help="Have two voices debate a motion, and judges vote.")
@click.argument("motion")
@click.argument("words", nargs=-1, metavar="[FOR AGAINST]")
@click.option("--judge", "judges", multiple=True, metavar="VOICE", help="Who votes in the end; as often as you like.")
@click.option("--rounds", type=click.IntRange(0), default=1, show_default=True, help="Rebuttals of each side.")
@click.option("--cross", type=click.IntRange(0), default=0, show_default=True, help="Questions to the other side.")
@click.option("--words", "limit", type=click.IntRange(10), default=200, show_default=True, help="Words of a speech.")
@click.option("--reasons/--no-reasons", default=True, show_default=True, help="Whether judges give reasons first.")
@click.option("--swap", is_flag=True, help="Debate twice, the second time with the sides exchanged.")
@click.option("--brief", "briefs", multiple=True, metavar="NAME=TEXT", help="What that one is told first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Even: the proposition speaks first.")
@click.option("--title", default="", help="A title for lists and exports.")
@click.option("--series", default="", help="The series that this conversation belongs to.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    motion: str,
    words: tuple[str, ...],
    judges: tuple[str, ...],
    rounds: int,
    cross: int,
    limit: int,
    reasons: bool,  # noqa: FBT001 - a flag, given by name
    swap: bool,  # noqa: FBT001 - a flag, given by name
    briefs: tuple[str, ...],
    seed: int | None,
    title: str,
    series: str,
) -> None:
    """Have two voices debate a motion: the first for it, the second against it; judges hear all, then vote.

    \b
    moot debate "Cities should ban cars."                          two embedded models
    moot debate "Cities should ban cars." openai:gpt-5 anthropic:claude-sonnet-4-5 --judge google:gemini-2.5-pro
    moot debate "Cities should ban cars." person local:smollm2     you against a model
    moot debate "Cities should ban cars." --judge local:smollm2 --swap

    The sides are called Proposition and Opposition, so that no judge learns which model speaks.
    """
    from moot.cast import cast, seed_for  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.live import begin  # noqa: PLC0415 - the same

    if len(words or PAIR) != len(SIDES):
        raise click.UsageError(f"a debate has two sides, so name two voices after the motion, not {len(words)}")
    voices = [parse(one) for one in (*(words or PAIR), *judges)]
    names = (*SIDES, *(("Judge",) if len(judges) == 1 else (f"Judge {place + 1}" for place in range(len(judges)))))
    told = {
        name: BRIEF.format(motion=motion, name=name, side=side)
        for name, side in zip(SIDES, ("for", "against"), strict=True)
    }
    told |= {name: JUDGE.format(motion=motion, name=name) for name in names[len(SIDES) :]}
    told |= _briefs(briefs, names)
    arguments = {"motion": motion, "proposition": SIDES[0], "opposition": SIDES[1], "judges": list(names[len(SIDES) :])}

    async def work(store: Store) -> None:
        heading = Heading(
            await cast(
                store,
                record.config().endpoints,
                voices,
                names,
                [f"{name}={text}" for name, text in told.items()],
                motion,
            ),
            title=title,
            topic=motion,
            form="debate",
            arguments=freeze(arguments | {"rounds": rounds, "cross": cross, "words": limit, "reasons": reasons}),
            seed=seed_for(voices) if seed is None else seed,
            series=series,
        )
        await (_both(store, heading) if swap else begin(store, heading))

    record.run(work)


def _briefs(briefs: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    given = [brief.partition("=") for brief in briefs]
    strange = [name for name, equals, _ in given if not equals or name not in names]
    if strange:
        raise click.UsageError(f"--brief is NAME=TEXT with one of {', '.join(names)}, not {strange[0]!r}")
    return {name: text for name, _, text in given}


async def _both(store: Store, heading: Heading) -> None:
    """Hold the debate and its swap, and tell both results."""
    from moot.cli.several import carry_all  # noqa: PLC0415 - only where there are two
    from moot.cli.terminal import print_json, safe  # noqa: PLC0415 - the same

    other = swapped(heading)
    if other == heading:
        raise click.UsageError("the same voice with the same settings is on both sides: there is nothing to swap")
    outcome = await carry_all(store, (heading, other), 1)
    if record.wants_json():
        print_json({"debates": [_as_json(one) for one in outcome.stored], "together": _together(outcome.stored)})
    else:
        for one in outcome.stored:
            sides = ", ".join(f"{name} {one.transcript.heading.participant(name).voice}" for name in SIDES)
            click.echo(safe(f"{one.listing.id[:8]}  {sides}: {one.listing.closed or 'not over yet'}"))
        click.echo(_together(outcome.stored))
    outcome.leave()


def _as_json(one: Stored) -> dict[str, object]:
    voices = {name: one.transcript.heading.participant(name).voice for name in SIDES}
    return {"id": one.listing.id, "voices": voices, "closed": one.listing.closed, "votes": dict(votes(one.transcript))}


def _together(both: Sequence[Stored]) -> str:
    """Say what two debates with the sides exchanged come to."""
    winners = [_winner(one) for one in both]
    if any(one.listing.closed is None for one in both):
        return "one of the two is not over yet"
    match winners:
        case ["", _] | [_, ""]:
            return "one of the two has no winner, so the two together tell nothing about the voices"
        case [first, second] if first == second:
            return f"{first} won both times, whichever voice spoke for it: the side decided, not the voice"
        case [first, *_]:
            voice = both[0].transcript.heading.participant(first).voice
            return f"{voice} won both times, on either side"
        case _:
            return ""


def _winner(one: Stored) -> str:
    """Return the side with the most votes; nothing where none has, or where that is a tie."""
    counted = votes(one.transcript)
    best = [option for option, count in counted.items() if count == max(counted.values())]
    return best[0] if len(best) == 1 and best[0] not in (TIE, "") else ""
