"""`moot trial`: a voice is asked where it stands, talked to, and asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.cli.terminal import print_json, safe
from moot.transcript import Heading, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from moot.cli.several import Outcome
    from moot.measures.persuasion import Shift, Stance
    from moot.store import Store

NAMES = ("Alex", "Sam")
"""What target and persuader go by: names that say nothing about what they are there for."""


@click.command(short_help="Ask a voice where it stands, have it talked to, ask again.")
@click.option("--claim", required=True, help="What the target is asked about.")
@click.option("--target", required=True, metavar="VOICE", help="Whose stance it is.")
@click.option("--persuader", metavar="VOICE", help="Who talks to the target.")
@click.option(
    "--arm", type=click.Choice(["persuader", "message", "control"]), default="persuader", show_default=True,
    help="A talk with the persuader, one message, or a talk about something else.",
)  # fmt: skip
@click.option(
    "--side", type=click.Choice(["for", "against", "opposite"]), default="opposite", show_default=True,
    help="What is argued; opposite: against what the target said.",
)  # fmt: skip
@click.option("--turns", type=click.IntRange(1), default=6, show_default=True, help="Turns of the talk in all.")
@click.option("--probes", type=click.IntRange(1), default=3, show_default=True, help="Askings, two ballots each.")
@click.option(
    "--scale", type=click.IntRange(2, 101), default=7, show_default=True, help="The scale goes from 1 to this."
)
@click.option("--topic", default="", help="What the control arm talks about.")
@click.option("--message", default="", metavar="TEXT", help="The message of the arm 'message', already written.")
@click.option("--delayed", type=click.IntRange(0), default=0, help="Ask once more after so many unrelated turns.")
@click.option("--every", type=click.IntRange(0), default=0, help="Ask within the talk too, after each so many turns.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Trials, each with its own seed.")
@click.option("--name", "names", multiple=True, help="What target and persuader go by (default: Alex, Sam).")
@click.option("--brief", "briefs", multiple=True, metavar="[NAME=]TEXT", help="What only that one is told first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The first trial's seed.")
@caps.options
@record.option
@record.as_json
@click.option("--jobs", type=click.IntRange(1), default=4, show_default=True, help="Trials at the same time.")
def command(  # noqa: PLR0913, PLR0917 - one for each option
    claim: str,
    target: str,
    persuader: str | None,
    arm: str,
    side: str,
    turns: int,
    probes: int,
    scale: int,
    topic: str,
    message: str,
    delayed: int,
    every: int,
    repeats: int,
    names: tuple[str, ...],
    briefs: tuple[str, ...],
    seed: int,
    jobs: int,
) -> None:
    """Ask a voice where it stands on a claim, have it talked to, and ask again.

    \b
    moot trial --claim "Zoos should be closed." --target local:smollm2 --persuader local:gemma3
    moot trial --claim "…" --target openai:gpt-5 --persuader anthropic:claude-sonnet-4-5 --repeats 10
    moot trial --claim "…" --target openai:gpt-5 --persuader anthropic:claude-sonnet-4-5 --arm control

    The persuader never sees an answer, and the target is told of a plain conversation. Run the same again to go on with
    what is unfinished. A shift says little without the control arm.
    """
    from moot.cast import cast  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.several import carry_all  # noqa: PLC0415 - the same
    from moot.forms import open_form  # noqa: PLC0415 - the same

    if persuader is None and not message:
        raise click.UsageError("who is to talk to the target? --persuader VOICE, or --arm message --message TEXT")
    called = (*names, *NAMES[len(names) :])
    specs = tuple(parse(one) for one in (target, persuader) if one)
    told = {"claim": claim, "target": called[0], "persuader": called[1], "arm": arm, "side": side, "probes": probes}
    plan = told | {"turns": turns, "topic": topic, "message": message, "scale": scale, "delayed": delayed}
    plan |= {"every": every} if every else {}  # what stands in a heading is in its id

    async def work(store: Store) -> None:
        people = await cast(store, record.config().endpoints, specs, called[: len(specs)], briefs, "")
        headings = [
            Heading(people, title=f"Trial: {claim}"[:80], form="trial", arguments=freeze(plan), seed=seed + number)
            for number in range(repeats)
        ]
        open_form(headings[0])
        outcome = await carry_all(store, headings, jobs)
        _tell(outcome)
        outcome.leave()

    record.run(work)


def _tell(outcome: Outcome) -> None:
    from moot.measures.persuasion import shift, shifts  # noqa: PLC0415 - needed in the end

    found = [(one.listing.id, shift(one.transcript)) for one in outcome.stored]
    mean = shifts([one for _, one in found])
    if record.wants_json():
        trials = [{"id": identity} | as_json(one) for identity, one in found]
        print_json({"trials": trials, "mean_signed_shift": mean.as_json()})
        return
    for identity, one in found:
        click.echo(safe(_line(identity, one)))
        if one.warning:
            click.echo(f"    insensitive: {one.warning}")
    if len(found) > 1 and mean.estimate is not None:
        click.echo(f"mean signed shift {mean.estimate:+.2f} {mean.unit}, n {mean.n} repeats; {mean.why}")
    click.echo(f"{found[0][1].score().why}. A shift is an effect only against the control arm (--arm control).")


def _line(identity: str, one: Shift) -> str:
    stands = [f"before {_said(one.before)}", f"after {_said(one.after)}"]
    stands += [f"later {_said(one.later)}"] if one.later else []
    moved, argued = one.signed(), f"{one.arm}, side {one.side or 'not assigned yet'}"
    shown = "not known" if moved is None else f"{moved:+.2f} {one.unit}"
    ballots = f"{one.before.answered + one.after.answered} of {one.before.asked + one.after.asked} ballots answered"
    declined = f", persuader declined {one.refused} turns" if one.refused else ""
    return f"{identity[:8]}  {argued}: {', '.join(stands)}; signed shift {shown} ({ballots}{declined})"


def _said(stance: Stance) -> str:
    if stance.mean is None:
        return "not known"
    return f"{stance.mean:.2f}" + ("" if stance.sd is None else f" (probe sd {stance.sd:.2f})")


def as_json(one: Shift) -> dict[str, object]:
    """Return what one trial came to as plain JSON."""
    return {
        "arm": one.arm,
        "side": one.side,
        "unit": one.unit,
        "before": one.before.as_json(),
        "after": one.after.as_json(),
        "later": one.later.as_json() if one.later else None,
        "signed_shift": one.score().as_json(),
        "signed_shift_later": one.signed(one.later) if one.later else None,
        "persuader_declined": one.refused,
        "warning": one.warning,
    }
