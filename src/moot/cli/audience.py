"""`moot audience`: readers go through recorded words and say where they stand on a claim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import click

from moot.cli import caps, record
from moot.cli.sources import Source, Split, blind_names, source_of
from moot.cli.terminal import console, print_json, safe
from moot.transcript import CHAIR, Heading, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.cli.several import Outcome
    from moot.measures import Score
    from moot.measures.curves import Reading
    from moot.store import Store
    from moot.transcript import Participant

BRIEF = "You are {name}. You read with care, and say what you think yourself."
PLOT = 31
LABEL = 28


@click.command(short_help="Have readers go through words and say where they stand on a claim.")
@click.argument("source", metavar="ID|FILE")
@click.option("--claim", required=True, help="What the readers are asked about.")
@click.option("--reader", "voices", multiple=True, required=True, metavar="VOICE", help="Who reads.")
@click.option("--readers", type=click.IntRange(1), help="Readers of each voice (default: one for each persona).")
@click.option("--persona", "personas", multiple=True, metavar="TEXT", help="Who a reader is, in turn; once or more.")
@click.option("--negation", default="", help='The claim\'s negation (default: "It is not so that: CLAIM").')
@click.option(
    "--scale", type=click.IntRange(2, 101), default=7, show_default=True, help="The scale goes from 1 to this."
)
@click.option("--probes", type=click.IntRange(1), default=1, show_default=True, help="Askings, two ballots each.")
@click.option("--last-only", is_flag=True, help="Ask before and after all, not after each piece.")
@click.option("--no-check", is_flag=True, help="Do not check whether a reader's answers can be read.")
@click.option("--scrub", is_flag=True, help="Take names of speakers, models and makers out of the words.")
@click.option("--split", type=click.Choice(get_args(Split)), default="sections", show_default=True,
              help="What a document that is no conversation is cut into.")  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The first reader's seed."
)
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True, help="Readers at the same time.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    source: str,
    claim: str,
    voices: tuple[str, ...],
    readers: int | None,
    personas: tuple[str, ...],
    negation: str,
    scale: int,
    probes: int,
    last_only: bool,  # noqa: FBT001 - a flag, given by name
    no_check: bool,  # noqa: FBT001 - the same
    scrub: bool,  # noqa: FBT001 - the same
    split: Split,
    seed: int,
    jobs: int,
) -> None:
    """Have readers go through a conversation or a document, and say by ballot where they stand on a claim.

    \b
    moot audience last --claim "Rivers should have rights." --reader openai:gpt-5 --readers 10
    moot audience letter.md --claim "…" --reader local:smollm2 --last-only
    moot audience 3f2a --claim "…" --reader person

    Each reader is alone, in a conversation of its own. It is first checked whether its answers can be read: one whose
    answers follow the position of the options is told as insensitive and left out. Run the same again to go on.
    """
    from moot.cli.several import carry_all  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.forms import open_form  # noqa: PLC0415 - the same

    told = {"claim": claim, "negation": negation, "scale": scale, "probes": probes}
    plan = told | {"each": not last_only, "check": not no_check}

    async def work(store: Store) -> None:
        found = await source_of(store, source, split)
        found = blinded(found) if scrub else found
        people = await readers_of(store, voices, readers or max(1, len(personas)), personas)
        pieces = {"pieces": [one.words for one in found.pieces], "labels": labels(found), "about": found.about}
        headings = [
            Heading((one,), title=f"{one.name} reads {found.title}"[:80], form="audience",
                    arguments=freeze(plan | pieces), seed=seed + number)
            for number, one in enumerate(people)
        ]  # fmt: skip
        open_form(headings[0])
        outcome = await carry_all(store, headings, jobs)
        _tell(claim, found, outcome)
        outcome.leave()

    record.run(work)


async def readers_of(
    store: Store, voices: Sequence[str], count: int, personas: Sequence[str]
) -> tuple[Participant, ...]:
    """Return so many readers of each voice, told in turn who they are."""
    from moot.cast import cast  # noqa: PLC0415 - reads the record for replays

    specs = [parse(voice) for voice in voices for _ in range(count)]
    names = [f"Reader {number}" for number in range(1, len(specs) + 1)]
    given = personas or ("",)
    briefs = [
        " ".join((BRIEF.format(name=name), given[number % count % len(given)])).strip()
        for number, name in enumerate(names)
    ]
    people = await cast(store, record.config().endpoints, specs, names, (), "")
    return tuple(replace(one, brief=brief) for one, brief in zip(people, briefs, strict=True))


def labels(source: Source) -> list[str]:
    """Return who each piece is by; nothing where nobody is named."""
    if not any(one.by for one in source.pieces):
        return []
    return ["the chair" if one.by == CHAIR else one.by for one in source.pieces]


def blinded(source: Source) -> Source:
    """Return a source without names, in its labels and in its words."""
    from moot.measures.scrub import scrub  # noqa: PLC0415 - only where it was asked for

    names = blind_names(source.people)
    pieces = (replace(one, by=names.get(one.by, one.by), words=scrub(one.words, names)) for one in source.pieces)
    return replace(source, pieces=tuple(pieces))


def _tell(claim: str, source: Source, outcome: Outcome) -> None:
    from moot.measures.curves import as_json, curve, reading  # noqa: PLC0415 - needed in the end

    found = [reading(one.transcript) for one in outcome.stored]
    ids = [one.listing.id for one in outcome.stored]
    *points, moved = curve(found)
    if record.wants_json():
        readers = [{"id": identity} | as_json(one) for identity, one in zip(ids, found, strict=True)]
        scores = {"curve": [one.as_json() for one in points], "moved": moved.as_json()}
        print_json({"claim": claim, "about": source.about, "readers": readers} | scores)
        return
    click.echo(safe(f"Claim: {claim}\nRead: {source.title}, {len(source.pieces)} pieces\n"))
    for identity, one in zip(ids, found, strict=True):
        click.echo(safe(_of_reader(identity, one)))
    counted = sum(not one.left_out for one in found)
    click.echo(f"\n{counted} of {len(found)} readers count.")
    if not counted:
        click.echo("Nothing can be said about whether it persuaded.")
        return
    click.echo(safe(f"Stance, {moved.unit} (1 disagrees), mean over readers that count:"))
    for score in points:
        click.echo(safe(_line(score, found[0].scale)))
    click.echo(f"moved towards the claim by {moved.estimate or 0:+.2f} {moved.unit}, n {moved.n}; {_interval(moved)}")
    if moved.n and any(one.check is None for one in found):
        console(err=True).print("[readers were not checked]", style="yellow")


def _of_reader(identity: str, one: Reading) -> str:
    stands = [f"{stance.mean:.2f}" if stance.mean is not None else "?" for stance in one.stances]
    verdict = one.check.verdict if one.check else "check unfinished" if one.checked else "not checked"
    out = f"\n    left out: {one.left_out}" if one.left_out and one.left_out != verdict else ""
    return f"{identity[:8]}  {one.reader}  {one.voice}  {verdict}{out}\n    said: {' '.join(stands) or 'nothing yet'}"


def _interval(score: Score) -> str:
    return score.why if score.low is None else f"95 % interval {score.low:+.2f} to {score.high or 0:+.2f}"


def _line(score: Score, scale: int) -> str:
    label = score.name if len(score.name) <= LABEL else f"{score.name[: LABEL - 1]}…"
    if score.estimate is None:
        return f"{label:<{LABEL}}     ?  |{' ' * PLOT}|  n 0"
    at = round((score.estimate - 1) / (scale - 1) * (PLOT - 1))
    spread = "" if score.low is None else f"  [{score.low:.2f}, {score.high or 0:.2f}]"
    return f"{label:<{LABEL}} {score.estimate:5.2f}  |{'·' * at}●{'·' * (PLOT - 1 - at)}|  n {score.n}{spread}"
