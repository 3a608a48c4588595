"""`moot interview`: one voice answers, and a person, a file of questions or another voice asks.

It must never read the file again once the interview has begun: its questions are in the heading.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.cli.letters import at_length
from moot.transcript import Heading, freeze
from moot.voices.spec import Spec, parse

if TYPE_CHECKING:
    from moot.store import Store

_DASHES = re.compile(r"^---+[ \t]*$", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n\s*")

HUMAN = ("person",)
"""Kinds of voices that know what to ask, and when they have no more questions."""

COUNT = 5
"""Questions that a model asks where no number is given."""


@click.command(short_help="Interview a voice: your questions, a file of them, or another voice's.")
@click.argument("voice")
@click.option(
    "--questions",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A text file of questions, divided by blank lines, or by lines of three dashes.",
)
@click.option("--interviewer", metavar="VOICE", help="Who asks (default: you, at this terminal).")
@click.option("--topic", default="", help="What the interviewer is told to ask about.")
@click.option("--count", type=click.IntRange(1), help="How many questions (default: all of a file; 5 of a model).")
@click.option("--words", type=click.IntRange(1), help="Let small models answer at this length, not in two sentences.")
@click.option("--asker", metavar="NAME", help="What the one who asks goes by.")
@click.option("--name", metavar="NAME", help="What the one who answers goes by.")
@click.option("--brief", "briefs", multiple=True, metavar="[NAME=]TEXT", help="What only that one is told first.")
@click.option("--title", default="", help="A title for lists and exports.")
@click.option("--series", default="", help="The series that this conversation belongs to.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same seed and local models, the same words.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    voice: str,
    file: Path | None,
    interviewer: str | None,
    topic: str,
    count: int | None,
    words: int | None,
    asker: str | None,
    name: str | None,
    briefs: tuple[str, ...],
    title: str,
    series: str,
    seed: int | None,
) -> None:
    """Interview a voice: it answers one question at a time, over as many days as you like.

    \b
    moot interview anthropic:claude-sonnet-4-5 --questions questions.txt --asker DH
    moot interview local:smollm2                                            you ask, here
    moot interview local:smollm2 --interviewer local:gemma3 --topic "rivers" --count 3
    moot interview person --interviewer local:smollm2 --topic "my work"     you are asked

    Ctrl-D alone leaves an interview that `moot resume` goes on with, another day.
    """
    from moot.cast import cast, seed_for, settled  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.live import begin  # noqa: PLC0415 - the same

    if file and interviewer:
        raise click.UsageError("the questions are a file's or an interviewer's: give --questions or --interviewer")
    if interviewer and not topic and parse(interviewer).kind not in HUMAN:
        raise click.UsageError("say what the interviewer is to ask about: --topic TEXT")
    asked = questions_of(file) if file else ()
    specs = (Spec("script", str(file)) if file else parse(interviewer or "person"), parse(voice))
    if count is None and specs[0].kind not in HUMAN:
        count = len(asked) or COUNT

    async def work(store: Store) -> None:
        names = (asker or "Interviewer",) if asker or file else ()
        if name:
            names = (*(names or ((await settled(store, record.config().endpoints, specs[0], 0)).name,)), name)
        first, second = await cast(store, record.config().endpoints, specs, names, briefs, topic)
        if file:
            first = replace(first, settings=freeze(dict(first.settings) | {"lines": asked}))
        if words:
            second = at_length(second, dict(specs[1].options), words)
        told = {"asker": first.name, "answerer": second.name, "questions": count, "topic": topic}
        heading = Heading(
            (first, second),
            title=title,
            topic=topic,
            form="interview",
            arguments=freeze(told),
            seed=seed_for(specs) if seed is None else seed,
            series=series,
        )
        await begin(store, heading)

    record.run(work)


def questions_of(file: Path) -> tuple[str, ...]:
    """Return the questions of a text file, each as it was written: what stands between blank lines, or lines of dashes.

    Where there is a line of three or more dashes, those lines alone divide, so that a question may have paragraphs.
    """
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    divider = _DASHES if _DASHES.search(text) else _BLANK
    found = tuple(block.strip() for block in divider.split(text) if block.strip())
    if not found:
        raise click.UsageError(f"there are no questions in {file}")
    return found
