"""`moot talk`: who talks, about what, for how long; then the loop takes over.

It must never put anything on record before every voice is known to be able to speak.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from moot.cli import caps, record
from moot.cli.terminal import console, safe
from moot.transcript import Heading, Participant, Transcript, freeze, same_name
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
    from moot.cli.live import carry_and_tell, ready  # noqa: PLC0415 - heavy, and only needed once the words make sense

    voices, prompt = _voices_and_prompt(words)

    async def work(store: Store) -> None:
        heading = Heading(
            await _cast(store, voices, names, briefs, prompt),
            title=title,
            topic=prompt,
            arguments=freeze({"turns": turns, "prompt": prompt, "to": to}),
            seed=_seed(voices) if seed is None else seed,
            series=series,
        )
        await ready(heading)
        identity = record.new_id()
        await store.start(identity, Transcript(heading))
        if not record.wants_json():
            introduce(heading, identity)
        await carry_and_tell(store, identity)

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


def _seed(voices: Sequence[Spec]) -> int:
    """Return a seed by chance, or 0 where no voice leaves anything to chance: the same script, the same digest."""
    fixed = all(voice.kind in ("script", "replay", "person") for voice in voices)
    return 0 if fixed else secrets.randbelow(2**31)


async def _cast(
    store: Store, voices: Sequence[Spec], names: Sequence[str], briefs: Sequence[str], topic: str
) -> tuple[Participant, ...]:
    from moot.cli.cast import settled  # noqa: PLC0415 - reads the record for replays

    if len(names) > len(voices):
        raise click.UsageError(f"{len(names)} names for {len(voices)} voices")
    stands = [await settled(store, spec, index) for index, spec in enumerate(voices)]
    called = _distinct([*names, *(one.name for one in stands[len(names) :])], fixed=len(names))
    usual = [stand.brief_for(name, called, topic) for name, stand in zip(called, stands, strict=True)]
    told = _briefs(called, briefs, usual)
    return tuple(
        Participant(name, spec.voice, brief, freeze(stand.settings))
        for name, spec, brief, stand in zip(called, voices, told, stands, strict=True)
    )


def _distinct(names: Sequence[str], fixed: int) -> list[str]:
    """Number the names that collide, other than those that were asked for: two of those cannot both be had."""
    kept = list(names[:fixed])
    for name in names[fixed:]:
        taken = set(map(same_name, [*kept, *names[:fixed]]))
        numbered = (f"{name} {number}" for number in range(2, len(names) + 2))
        kept.append(
            name if same_name(name) not in taken else next(one for one in numbered if same_name(one) not in taken)
        )
    return kept


def _briefs(names: Sequence[str], briefs: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Give each name its brief: by NAME=TEXT, a single one to all, several in order; else what suits its voice."""
    given: dict[str, str] = {}
    plain: list[str] = []
    for brief in briefs:
        name, equals, text = brief.partition("=")
        if equals and name in names:
            given[name] = text
        else:
            plain.append(brief)
    if len(plain) > len(names):
        raise click.UsageError(f"{len(plain)} briefs for {len(names)} voices")
    given = dict(zip(names, plain * len(names) if len(plain) == 1 else plain, strict=False)) | given
    return [given.get(name, brief) for name, brief in zip(names, usual, strict=True)]


def introduce(heading: Heading, identity: str) -> None:
    """Say on standard error who is about to talk."""
    notes = console(err=True)
    notes.print(f"Conversation {identity[:8]}", style="bold")
    for one in heading.participants:
        base = ", a base model: it continues a script" if dict(one.settings).get("style") == "script" else ""
        notes.print(safe(f"  {one.name}  {one.voice}{base}"), style="dim")
    notes.print()
