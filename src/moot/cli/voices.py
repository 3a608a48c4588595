"""`moot voices`: who can speak here, and what the others need."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.keys import KeysError

if TYPE_CHECKING:
    from moot.config import Config
    from moot.voices.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of voice: how it is written, what it is, and what it needs, empty where it can speak now."""

    written: str
    what: str
    needs: str


def kinds(config: Config) -> tuple[Kind, ...]:
    """Return each kind of voice with what it still needs here; of a key, only whether there is one.

    No server is asked whether it runs.
    """
    return (
        *_embedded(),
        Kind("local:PATH.gguf", "any model in a GGUF file, run here", _package("xllamacpp", "local")),
        Kind("anthropic:MODEL", "Anthropic's models", _hosted(config, "anthropic", "ANTHROPIC_API_KEY")),
        Kind(
            "openai:MODEL",
            "OpenAI's models, or any compatible server (OPENAI_BASE_URL)",
            _hosted(config, "openai", "OPENAI_API_KEY"),
        ),
        *(_served(config, one) for one in config.endpoints.values() if one.name not in ("anthropic", "openai")),
        Kind("person", "you, at this terminal", ""),
        Kind("script:FILE", "the lines of a file, one a turn", ""),
        Kind("replay:ID/NAME", "the words of a recorded speaker", ""),
    )


def _embedded() -> tuple[Kind, ...]:
    from moot.voices.weights import CATALOG, cache_folder, is_here  # noqa: PLC0415 - only needed to look

    found: list[Kind] = []
    for model in CATALOG.values():
        needs = _package("xllamacpp", "local")
        if not needs and not is_here(model, cache_folder()):
            needs = (
                f"{model.download / 1e6:.0f} MB, fetched when it first speaks, or by: moot models fetch {model.name}"
            )
        found.append(Kind(f"local:{model.name}", f"{model.about}, run here, no key ({model.licence})", needs))
    return tuple(found)


def _package(name: str, extra: str) -> str:
    return "" if find_spec(name) else f'pip install "moot[{extra}]"'


def _hosted(config: Config, package: str, variable: str) -> str:
    needs = [_package(package, package), _key(config, variable) if variable else ""]
    return " and ".join(need for need in needs if need)


def _key(config: Config, variable: str) -> str:
    try:
        return "" if config.key(variable) else f"a key in {variable}"
    except KeysError as error:  # one of many voices; the others are to be listed all the same
        return f"a key in {variable}, but {error}"


def _served(config: Config, endpoint: Endpoint) -> Kind:
    yours = "your endpoint" if endpoint.own else "models"
    what = f"{yours} at {endpoint.base_url}" + ("" if endpoint.key_env else ", where that server runs")
    package = "anthropic" if endpoint.wire == "anthropic" else "openai"
    return Kind(f"{endpoint.name}:MODEL", what, _hosted(config, package, endpoint.key_env))


@click.command(short_help="List who can speak here, and what they need.")
@record.as_json
def command() -> None:
    """List who can speak here, and what the others need. Settings follow a question mark.

    \b
    moot voices
    moot talk "local:smollm2?temperature=1.1" local:gemma3
    """
    found = kinds(record.config())
    if record.wants_json():
        print_json(
            [{"voice": one.written, "what": one.what, "ready": not one.needs, "needs": one.needs} for one in found]
        )
        return
    out = console()
    width = max(len(one.written) for one in found) + 2
    for one in found:
        out.print(safe(one.written.ljust(width)), style="bold", end="")
        out.print("ready   " if not one.needs else "not yet ", style="yellow" if one.needs else "green", end="")
        out.print(safe(one.what))
        if one.needs:
            out.print(safe(f"{' ' * width}        needs {one.needs}"), style="dim")
    if any("a key in" in one.needs for one in found):
        console(err=True).print("A key is set in the environment, or kept with: moot keys set NAME", style="dim")
