"""`moot letters`: an open letter for a claim, the devil's advocate's reply, and a rebuttal.

It must never change a setting that an address asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.transcript import Heading, Participant, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Collection

    from moot.store import Store

WORDS = 300
TOKENS_A_WORD = 3
"""More than any usual language needs, so that a letter comes to its signature."""

AUTHOR = (
    "You are {name}, who writes letters for the public. You argue for this claim, as well as it can honestly be done: "
    "{claim} Say plainly what you mean, give reasons and examples, and answer what was really said."
)
CRITIC = (
    "You are {name}, the devil's advocate. Whatever you think yourself, you make the strongest case that can honestly "
    "be made against this claim: {claim} Go to the heart of what was said, and invent no facts."
)


@click.command(short_help="Write an open letter, a reply and a rebuttal about a claim.")
@click.option("--claim", required=True, help="What the author argues for and the critic against.")
@click.option("--author", required=True, metavar="VOICE", help="Who writes the open letter and the rebuttals.")
@click.option("--critic", metavar="VOICE", help="Who replies as the devil's advocate (default: the author's voice).")
@click.option("--author-name", default="Author", show_default=True, help="The name that the author signs with.")
@click.option("--critic-name", default="Critic", show_default=True, help="The name that the critic signs with.")
@click.option("--author-brief", help="What only the author is told, in place of moot's brief.")
@click.option("--critic-brief", help="What only the critic is told, in place of moot's brief.")
@click.option("--to", "reader", default="", metavar="READER", help="To whom the open letter is addressed.")
@click.option("--exchanges", type=click.IntRange(0), default=1, show_default=True, help="Pairs of reply and rebuttal.")
@click.option("--drafts", type=click.IntRange(0), default=0, show_default=True, help="Drafts before each letter.")
@click.option("--words", type=click.IntRange(1), default=WORDS, show_default=True, help="About how long a letter is.")
@click.option("--title", default="", help="A title for lists and exports.")
@click.option("--series", default="", help="The series that this conversation belongs to.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same seed and local models, the same words.")
@caps.options
@record.option
@record.as_json
def command(  # noqa: PLR0913, PLR0917 - one for each option
    claim: str,
    author: str,
    critic: str | None,
    author_name: str,
    critic_name: str,
    author_brief: str | None,
    critic_brief: str | None,
    reader: str,
    exchanges: int,
    drafts: int,
    words: int,
    title: str,
    series: str,
    seed: int | None,
) -> None:
    """Write an open letter for a claim, the devil's advocate's reply to it, and a rebuttal.

    \b
    moot letters --claim "Rivers should have rights." --author local:smollm2
    moot letters --claim "…" --author anthropic:claude-sonnet-4-5 --critic openai:gpt-5 --to "the town council"
    moot letters --claim "…" --author person --critic local:smollm2 --author-name Dan

    Each letter stands alone, from salutation to signature. With --drafts 1 its writer first writes one that nobody else
    sees. Edit any letter with `moot edit`.
    """
    from moot.cast import cast, seed_for  # noqa: PLC0415 - heavy, and only needed once the words make sense
    from moot.cli.live import begin  # noqa: PLC0415 - the same
    from moot.forms import open_form  # noqa: PLC0415 - the same

    specs = (parse(author), parse(critic or author))
    names = (author_name, critic_name)
    briefs = (author_brief, critic_brief)
    usual = tuple(brief.format(name=name, claim=claim) for brief, name in zip((AUTHOR, CRITIC), names, strict=True))
    told = {"claim": claim, "author": author_name, "critic": critic_name, "reader": reader}

    async def work(store: Store) -> None:
        people = await cast(store, record.config().endpoints, specs, names, (), claim)
        heading = Heading(
            tuple(
                at_length(replace(one, brief=mine if given is None else given), dict(spec.options), words)
                for one, mine, given, spec in zip(people, usual, briefs, specs, strict=True)
            ),
            title=title,
            topic=claim,
            form="letters",
            arguments=freeze(told | {"exchanges": exchanges, "drafts": drafts, "words": words}),
            seed=seed_for(specs) if seed is None else seed,
            series=series,
        )
        open_form(heading)
        await begin(store, heading)

    record.run(work)


def at_length(participant: Participant, asked: Collection[str], words: int) -> Participant:
    """Return a participant whose voice may write a document of so many words, where its settings held it to a line.

    A document has lines and paragraphs: what ends a turn at a line's end or after some sentences is taken off, and the
    length limit is raised. Settings in `asked` stay as they are.
    """
    settings = dict(participant.settings)
    stops, limit = settings.get("stop"), settings.get("max_tokens")
    longer = {
        "sentences": 0,
        "stop": tuple(stop for stop in stops if str(stop).strip()) if isinstance(stops, tuple) else stops,
        "max_tokens": max(limit, TOKENS_A_WORD * words) if isinstance(limit, int) else limit,
    }
    changed = {name: value for name, value in longer.items() if name in settings and name not in asked}
    return replace(participant, settings=freeze(settings | changed))
