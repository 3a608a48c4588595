"""`moot run`: a conversation that was written down beforehand, or one in any form, a user's own included."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moot.cli import caps, record
from moot.own_forms import find, settled
from moot.scenario import Role, Scenario, read_scenario, shipped
from moot.transcript import Heading, Invalid, freeze
from moot.voices.spec import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.store import Store


@click.command(short_help="Run a scenario file, or any form with voices of your choice.")
@click.argument("what", metavar="SCENARIO|FORM")
@click.argument("voices", nargs=-1, metavar="[VOICE...]")
@click.option("--name", "names", multiple=True, help="What a voice goes by, in the order of the voices.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="An argument of the form.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="The same seed and local models, the same words.")
@click.option("--title", help="A title for lists and exports.")
@caps.options
@record.option
@record.as_json
def command(
    what: str,
    voices: tuple[str, ...],
    names: tuple[str, ...],
    given: tuple[str, ...],
    seed: int | None,
    title: str | None,
) -> None:
    """Run a scenario: a file that writes a conversation down, or one that ships with moot (see: moot scenarios).

    \b
    moot run open-letter
    moot run my-debate.toml openai:gpt-5 anthropic:claude-sonnet-4-5
    moot run duel.py:duel local:smollm2 local:gemma3 --set rounds=3

    Voices replace those of the cast, in its order. A form of your own is a function in a file; docs/forms/own.md says
    how to write one.
    """
    scenario = _with_arguments(_found(what, voices), given)
    changed = {"seed": seed, "title": title}
    scenario = replace(scenario, **{name: value for name, value in changed.items() if value is not None})
    scenario = replace(scenario, cast=_recast(scenario.cast, voices, names))
    scenario.checked(find(scenario.form))

    async def work(store: Store) -> None:
        from moot.cli.live import begin  # noqa: PLC0415 - heavy, and only needed once all makes sense

        await begin(store, await _heading(store, scenario))

    record.run(work)


def _found(what: str, voices: Sequence[str]) -> Scenario:
    """Return the scenario of a file, one that ships, or a bare one of a form, whose cast is the voices."""
    path = Path(what)
    if what in shipped():
        return read_scenario(shipped()[what].read_text("utf-8"), what)
    if path.suffix == ".toml":
        try:
            scenario = read_scenario(path.read_text("utf-8"), what)
        except OSError as error:
            raise Invalid(f"the scenario {what} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Invalid(f"the scenario {what} is not UTF-8 text") from None
        return replace(scenario, form=settled(scenario.form, path.parent))
    if not voices:
        raise click.UsageError(
            f"{what!r} is no scenario (there are {', '.join(shipped())}, or a .toml file); a form needs voices"
        )
    return Scenario(tuple(Role("", voice) for voice in voices), form=settled(what, Path.cwd()))


def _with_arguments(scenario: Scenario, given: Sequence[str]) -> Scenario:
    changed = dict(scenario.arguments)
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise click.UsageError(f"{one!r} is not NAME=VALUE")
        changed[name] = _value(value)
    return replace(scenario, arguments=freeze(changed))


def _value(text: str) -> Any:  # noqa: ANN401 - whatever TOML can say
    """Read a value as TOML does; what is no TOML is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _recast(roles: tuple[Role, ...], voices: Sequence[str], names: Sequence[str]) -> tuple[Role, ...]:
    if max(len(voices), len(names)) > len(roles):
        called = ", ".join(role.name for role in roles)
        raise click.UsageError(f"the cast has {len(roles)} roles ({called}), not {max(len(voices), len(names))}")
    recast = [replace(role, voice=voice) for role, voice in zip(roles, voices, strict=False)] + [*roles[len(voices) :]]
    renamed = [replace(role, name=name) for role, name in zip(recast, names, strict=False)]
    return (*renamed, *recast[len(names) :])


async def _heading(store: Store, scenario: Scenario) -> Heading:
    from moot.cast import cast, seed_for  # noqa: PLC0415 - reads the record for replays

    specs = [parse(role.voice) for role in scenario.cast]
    names = [role.name for role in scenario.cast if role.name]
    people = await cast(store, record.config().endpoints, specs, names, (), scenario.topic)
    briefed = tuple(
        one if role.brief is None else replace(one, brief=role.brief)
        for one, role in zip(people, scenario.cast, strict=True)
    )
    return Heading(
        briefed,
        title=scenario.title,
        topic=scenario.topic,
        form=scenario.form,
        arguments=scenario.arguments,
        seed=seed_for(specs) if scenario.seed is None else scenario.seed,
        series=scenario.series,
        source=scenario.source,
    )
