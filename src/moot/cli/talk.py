"""`moot talk`: who talks, about what, for how long; then the loop takes over.

It must never put anything on record before every voice is known to be able to speak.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from moot.cli import caps, endings, record
from moot.transcript import Heading, freeze
from moot.voices.spec import is_spec, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store import Store
    from moot.voices.spec import Spec

PAIR = ("local:smollm2", "local:gemma3")
PROMPT = "Is a river alive?"
TURNS = 12


@click.command(short_help="Let two or more voices talk, live and on the record.")
@click.argument("words", nargs=-1, metavar="[VOICE VOICE...] [PROMPT]")
@click.option("--turns", type=click.IntRange(1), default=TURNS, show_default=True, help="Spoken turns in all.")
@click.option("--name", "names", multiple=True, help="What a voice goes by, in the order of the voices.")
@click.option("--brief", "briefs", multiple=True, metavar="[NAME=]TEXT", help="What only that one is told first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same seed and local models, the same words.")
@click.option(
    "--to", type=click.Choice(["first", "all"]), default="first", show_default=True, help="Who hears the prompt."
)
@click.option("--title", default="", help="A title for lists and exports.")
@click.option("--series", default="", help="The series that this conversation belongs to.")
@endings.options
@caps.options
@record.option
@record.as_json
def command(
    words: tuple[str, ...],
    turns: int,
    names: tuple[str, ...],
    briefs: tuple[str, ...],
    seed: int | None,
    to: str,
    title: str,
    series: str,
) -> None:
    """Let two or more voices talk: each one's words become the others' input.

    \b
    moot talk                                     two embedded models, no key needed
    moot talk "What is a good question?"          the same, about this
    moot talk openai:gpt-5 anthropic:claude-sonnet-4-5 "Discuss Lem." --turns 6
    moot talk person local:smollm2                you and a model

    The prompt goes to the first speaker alone, whose words open the conversation for the next. See `moot voices` for
    who can speak here. Ctrl-C leaves a conversation that `moot resume` goes on with.
    """
    from moot.cast import cast, seed_for  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.live import begin  # noqa: PLC0415 - the same

    voices, prompt = _voices_and_prompt(words)

    async def work(store: Store) -> None:
        heading = Heading(
            await cast(store, record.config().endpoints, voices, names, briefs, prompt),
            title=title,
            topic=prompt,
            arguments=freeze({"turns": turns, "prompt": prompt, "to": to} | endings.chosen()),
            seed=seed_for(voices) if seed is None else seed,
            series=series,
        )
        await begin(store, heading)

    record.run(work)


def _voices_and_prompt(words: Sequence[str]) -> tuple[tuple[Spec, ...], str]:
    """Tell voices from the prompt: the last word is a prompt unless it has the form of a voice's address."""
    *first, last = words or ("",)
    if is_spec(last):
        first, last = [*first, last], ""
    specs = tuple(parse(one) for one in first or PAIR)
    if first and len(specs) < len(PAIR):
        named = f"{last!r} is not a voice, so it was taken as the prompt" if last else "it needs somebody to talk with"
        raise click.UsageError(f"only one voice is named, {first[0]}: {named}; see: moot voices")
    unasked = "" if specs[0].kind == "person" else PROMPT  # a person knows what to say first
    return specs, last or unasked
