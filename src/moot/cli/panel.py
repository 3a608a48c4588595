"""`moot panel`: several voices on one subject, in turn, picked by a moderator, or as they raise their hands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from moot.cli import caps, endings, record
from moot.forms.panel import FEWEST
from moot.transcript import Heading, freeze
from moot.voices.spec import is_spec, parse

if TYPE_CHECKING:
    from moot.store import Store

MODERATOR = "Moderator"


@click.command(short_help="Let several voices discuss, in turn or as they are picked or raise their hands.")
@click.argument("words", nargs=-1, metavar="VOICE VOICE [VOICE...] TOPIC", required=True)
@click.option(
    "--order", type=click.Choice(["round-robin", "moderator", "hands"]), help="Who is next (default: round-robin)."
)
@click.option("--moderator", metavar="VOICE", help="Who picks the next to speak, by ballot; speaks to nobody.")
@click.option("--turns", type=click.IntRange(1), default=12, show_default=True, help="Spoken turns in all.")
@click.option("--name", "names", multiple=True, help="What a voice goes by, in the order of the voices.")
@click.option("--brief", "briefs", multiple=True, metavar="[NAME=]TEXT", help="What only that one is told first.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same seed and local models, the same words.")
@click.option("--title", default="", help="A title for lists and exports.")
@click.option("--series", default="", help="The series that this conversation belongs to.")
@endings.options
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    words: tuple[str, ...],
    order: Literal["round-robin", "moderator", "hands"] | None,
    moderator: str | None,
    turns: int,
    names: tuple[str, ...],
    briefs: tuple[str, ...],
    seed: int | None,
    title: str,
    series: str,
) -> None:
    """Let several voices discuss a topic: everyone hears everything.

    \b
    moot panel local:smollm2 local:gemma3 local:smollm2 "What is a good school?"
    moot panel local:smollm2 local:gemma3 person "What is a good school?" --order hands
    moot panel openai:gpt-5 ollama:llama3.2 local:gemma3 "What is a good school?" --moderator openai:gpt-5

    Who is next is decided in turn, by the moderator's ballot, or by how much each says it wants to speak. Ballots are
    heard by nobody.
    """
    from moot.cast import cast, seed_for  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.live import begin  # noqa: PLC0415 - the same

    *first, topic = words
    if is_spec(topic) or len(first) < FEWEST:
        raise click.UsageError(f"name {FEWEST} voices or more, and the topic after them")
    if (order == "moderator") != (moderator is not None) and (order is not None or moderator is None):
        raise click.UsageError("--moderator VOICE and --order moderator belong together")
    voices = [parse(one) for one in first]
    if len(names) > len(voices):
        raise click.UsageError(f"{len(names)} names for {len(voices)} voices")

    async def work(store: Store) -> None:
        people = await cast(store, record.config().endpoints, voices, names, briefs, topic)
        if moderator is not None:
            brief = f"{MODERATOR} leads a discussion between {', '.join(one.name for one in people)} about: {topic}"
            people += await cast(store, record.config().endpoints, [parse(moderator)], [MODERATOR], [brief], topic)
        told = {"turns": turns, "prompt": topic, "order": order or ("moderator" if moderator else "round-robin")}
        heading = Heading(
            people,
            title=title,
            topic=topic,
            form="panel",
            arguments=freeze(told | endings.chosen() | ({"moderator": MODERATOR} if moderator else {})),
            seed=seed_for(voices) if seed is None else seed,
            series=series,
        )
        await begin(store, heading)

    record.run(work)
