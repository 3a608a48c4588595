"""`moot judge`: judges vote on recorded words by a rubric, without knowing whose they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moot.cli import caps, record
from moot.cli.sources import Source, blind_names, source_of
from moot.cli.terminal import print_json, safe
from moot.transcript import Heading, Invalid, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.judging import Vote
    from moot.store import Store, Stored
    from moot.transcript import Participant

BRIEF = "You judge what others have written, by a rubric alone. You do not know who wrote it, and do not guess."
RUBRIC = "plain.md"


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: one side to be graded or two to be compared, what they are called here, and who spoke there."""

    words: tuple[tuple[str, ...], ...]
    titles: tuple[str, ...]
    about: str
    people: tuple[Participant, ...]
    interleaved: bool = False
    topic: str = ""
    sides: tuple[tuple[tuple[str, ...], str], ...] = ()

    def source(self) -> dict[str, Any]:
        """Return what a judgement's heading says of the two sides, which no judge is shown: measures need it."""
        if len(self.words) == 1:
            return {}
        told: dict[str, Any] = {"topic": self.topic}
        for letter, title, (voices, argues) in zip("ab", self.titles, self.sides, strict=True):
            told |= {letter: title, f"{letter}_voices": voices, f"{letter}_argues": argues}
        return told


@click.command(short_help="Have judges vote on recorded words by a rubric, blind.")
@click.argument("sources", nargs=-1, required=True, metavar="ID|FILE [ID|FILE]")
@click.option("--judge", "voices", multiple=True, required=True, metavar="VOICE", help="Who judges; once or more.")
@click.option("--between", nargs=2, metavar="NAME NAME", help="Compare two speakers of one conversation.")
@click.option("--rubric", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A rubric in Markdown.")
@click.option("--scale", type=click.IntRange(2, 101), default=10, show_default=True, help="Grades go from 1 to this.")
@click.option("--no-reasons", is_flag=True, help="Vote without saying why first.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Judgements of each judge.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The first one's seed.")
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True, help="Judgements at the same time.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    sources: tuple[str, ...],
    voices: tuple[str, ...],
    between: tuple[str, str] | None,
    rubric: Path | None,
    scale: int,
    no_reasons: bool,  # noqa: FBT001 - a flag, given by name
    repeats: int,
    seed: int,
    jobs: int,
) -> None:
    """Have judges compare two conversations or two speakers, or grade one conversation, by a rubric.

    \b
    moot judge 3f2a 9c1d --judge openai:gpt-5 --judge anthropic:claude-sonnet-4-5
    moot judge last --between Ada Bo --judge openai:gpt-5 --rubric clarity.md
    moot judge essay.md --judge local:smollm2 --scale 7

    Names are scrubbed, and a pair is judged in both orders: two votes that contradict each other are a tie. A judge of
    a contestant's family is flagged. Run the same again to go on with what is unfinished.
    """
    from moot.cli.several import carry_all  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.forms import open_form  # noqa: PLC0415 - the same

    by = rubric.read_text("utf-8-sig", "replace") if rubric else (files("moot.rubrics") / RUBRIC).read_text("utf-8")

    async def work(store: Store) -> None:
        case = case_of([await source_of(store, one, "whole") for one in sources], between or ())
        plan = plan_of(case, by, scale, reasons=not no_reasons)
        people = await judges_of(store, voices)
        orders = (False, True) if len(case.words) > 1 else (False,)
        headings = [
            Heading((one,), title=f"Judged: {' / '.join(case.titles)}"[:80], form="judge",
                    arguments=freeze(plan | {"swap": swap}), seed=seed + number, source=freeze(case.source()))
            for one in people for number in range(repeats) for swap in orders
        ]  # fmt: skip
        open_form(headings[0])
        outcome = await carry_all(store, headings, jobs)
        _tell(case, outcome.stored)
        outcome.leave()

    record.run(work)


def case_of(found: Sequence[Source], between: Sequence[str] = ()) -> Case:
    """Return what is judged: one source to be graded, two to be compared, or two speakers of one."""
    match found, between:
        case [one], []:
            return Case((_blind(one),), (one.title,), one.about, one.people)
        case [one], [first, second]:
            return _between(one, first, second)
        case [one, other], []:
            about = f"{one.about} / {other.about}"
            people, titles = (*one.people, *other.people), (one.title, other.title)
            topic = one.topic if one.topic == other.topic else " / ".join(filter(None, (one.topic, other.topic)))
            sides = tuple((_voices(each), "") for each in (one, other))
            return Case((_blind(one), _blind(other)), titles, about, people, topic=topic, sides=sides)
        case _:
            raise click.UsageError("judge one conversation, two, or two speakers of one: --between NAME NAME")


def _blind(source: Source) -> tuple[str, ...]:
    from moot.measures.scrub import scrub  # noqa: PLC0415 - needed once there are words

    names = blind_names(source.people)
    return tuple(f"{names[one.by]}: {scrub(one.words, names)}" if one.by else scrub(one.words, names)
                 for one in source.pieces)  # fmt: skip


def _between(source: Source, first: str, second: str) -> Case:
    """Return two speakers of one conversation as sides that take turns; whoever has the first word is shown first."""
    from moot.measures.scrub import scrub  # noqa: PLC0415 - needed once there are words

    speakers = [one.by for one in source.pieces]
    for name in (first, second):
        if name not in speakers or first == second:
            raise Invalid(
                f"{name!r} and another must have spoken there; there are {', '.join(dict.fromkeys(speakers))}"
            )
    hidden = dict.fromkeys(blind_names(source.people), "[name]")
    runs: list[tuple[str, list[str]]] = []
    for one in source.pieces:
        if one.by not in (first, second):
            continue
        if not runs or runs[-1][0] != one.by:
            runs.append((one.by, []))
        runs[-1][1].append(scrub(one.words, hidden))
    sides = (runs[0][0], second if runs[0][0] == first else first)
    words = tuple(tuple("\n\n".join(said) for by, said in runs if by == side) for side in sides)
    people = tuple(one for one in source.people if one.name in sides)
    told = tuple((_voices(source, side), source.argues.get(side, "")) for side in sides)
    return Case(words, sides, source.about, people, interleaved=True, topic=source.topic, sides=told)


def _voices(source: Source, *names: str) -> tuple[str, ...]:
    """Return the voices of those who spoke, or of these alone."""
    spoke = names or [one.by for one in source.pieces]
    return tuple(sorted({one.voice for one in source.people if one.name in spoke}))


def plan_of(case: Case, rubric: str, scale: int, *, reasons: bool) -> dict[str, Any]:
    """Return what the form is called with, but for the order of the sides."""
    told = {"rubric": rubric, "a": case.words[0], "about": case.about, "reasons": reasons, "scale": scale}
    if len(case.words) == 1:
        return told | {"mode": "grade"}
    return told | {"mode": "pair", "b": case.words[1], "interleaved": case.interleaved}


async def judges_of(store: Store, voices: Sequence[str]) -> tuple[Participant, ...]:
    """Return a judge for each voice, who is told nothing of whom it judges."""
    from moot.cast import cast  # noqa: PLC0415 - reads the record for replays

    names = [f"Judge {number}" for number in range(1, len(voices) + 1)]
    return tuple(
        replace(one, brief=BRIEF)
        for one in await cast(store, record.config().endpoints, [parse(one) for one in voices], names, (), "")
    )


def _tell(case: Case, stored: Sequence[Stored]) -> None:
    from moot.measures.judging import family, vote  # noqa: PLC0415 - needed in the end

    ids = [one.listing.id for one in stored]
    votes = [vote(one.transcript) for one in stored]
    families = [family(one.voice) for one in case.people]
    if len(case.words) == 1:
        _tell_grades(case, ids, votes, families)
    else:
        _tell_pairs(case, ids, votes, families)


def _tell_grades(case: Case, ids: Sequence[str], votes: Sequence[Vote | None], families: Sequence[str]) -> None:
    from moot.measures import mean_of  # noqa: PLC0415 - needed in the end
    from moot.measures.judging import family  # noqa: PLC0415 - the same

    given = [float(one.answer) for one in votes if one and one.answer]
    told: list[dict[str, Any]] = [
        {"id": identity, "judge": one.judge, "voice": one.voice, "grade": one.answer or None, "reasons": one.reasons,
         "same_family": [made for made in dict.fromkeys(families) if made and made == family(one.voice)]}
        for identity, one in zip(ids, votes, strict=True) if one
    ]  # fmt: skip
    mean = mean_of("grade", given, "grade points", "judgements")
    if record.wants_json():
        print_json({"title": case.titles[0], "about": case.about, "grades": told, "mean": mean.as_json()})
        return
    for one in told:
        flag = f"  (of the same family: {', '.join(one['same_family'])})" if one["same_family"] else ""
        click.echo(safe(f"{one['id'][:8]}  {one['judge']}  {one['voice']}: {one['grade'] or 'no grade'}{flag}"))
    if mean.estimate is None:
        click.echo("no grade was given")
        return
    sure = mean.why if mean.low is None else f"95 % interval {mean.low:.2f} to {mean.high:.2f}"
    click.echo(f"mean {mean.estimate:.2f} {mean.unit}, n {mean.n} ({sure})")


def _tell_pairs(case: Case, ids: Sequence[str], votes: Sequence[Vote | None], families: Sequence[str]) -> None:
    from moot.measures.judging import tally, verdict  # noqa: PLC0415 - needed in the end

    legs = list(zip(zip(ids[::2], ids[1::2], strict=True), zip(votes[::2], votes[1::2], strict=True), strict=True))
    found = [(both, verdict(one, other, families)) for both, (one, other) in legs if one and other]
    count = tally([one for _, one in found])
    called = {"a": case.titles[0], "b": case.titles[1], "tie": "tie", "": "no verdict"}
    if record.wants_json():
        verdicts = [
            {"ids": list(both), "judge": one.judge, "voice": one.voice, "outcome": one.outcome or None,
             "consistent": one.consistent, "position": one.position, "same_family": list(one.same_family)}
            for both, one in found
        ]  # fmt: skip
        sides = {"a": case.titles[0], "b": case.titles[1]}
        print_json({"about": case.about, "sides": sides, "verdicts": verdicts, "tally": count})
        return
    for both, one in found:
        flags = ["" if one.consistent or not one.outcome else "the two orders contradict each other"]
        flags += [f"chose {one.position} in both orders"] if one.position else []
        flags += [f"of the same family as a contestant: {', '.join(one.same_family)}"] if one.same_family else []
        note = "; ".join(filter(None, flags))
        ways = "/".join(identity[:8] for identity in both)
        click.echo(safe(f"{ways}  {one.judge}  {one.voice}: {called[one.outcome]}{f'  ({note})' if note else ''}"))
    click.echo(
        safe(
            f"{count['a']} for {called['a']}, {count['b']} for {called['b']}, {count['tie']} ties of which "
            f"{count['inconsistent']} by contradiction; n {count['n']} {count['unit']}; position alone: "
            f"{count['always_A']} times A, {count['always_B']} times B"
        )
    )
