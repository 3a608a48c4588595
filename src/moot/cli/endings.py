"""What a command lets its user say about how a talk ends: an action for each kind of ending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from moot.forms.endings import KINDS, Action

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

_WORDS = {
    "goodbye": "What to do when they have said goodbye to each other (default: close).",
    "loop": "What to do when nothing new is said any more (default: close).",
    "collapse": "What to do when words give out: silence, pictures, refusals (default: close).",
    "meta": "What to do when they talk about nothing but their talk (default: note).",
}


def _remember(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[f"moot.{parameter.name}"] = value


def options(command: F) -> F:
    """Give a command the options that say what follows each kind of ending; `chosen` looks at them."""
    for kind in reversed(KINDS):
        option = click.option(
            f"--on-{kind}",
            type=click.Choice(get_args(Action)),
            expose_value=False,
            callback=_remember,
            help=_WORDS[kind],
        )
        command = option(command)
    return command


def chosen() -> dict[str, str]:
    """Return the actions that the command that runs was given, as arguments of its form."""
    meta = click.get_current_context().meta
    return {kind: meta[f"moot.on_{kind}"] for kind in KINDS if f"moot.on_{kind}" in meta}
