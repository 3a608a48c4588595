"""The limits of a run, from the command line and the configuration.

It must never raise a cap that the configuration sets: of two, the smaller holds.
"""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

import click

from moot.cli import record
from moot.scenario import caps_of
from moot.spending import Caps, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from moot.transcript import Heading

F = TypeVar("F", bound="Callable[..., Any]")


class Dollars(click.ParamType[Decimal]):
    """An amount of dollars, with or without its sign."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401
        """Read an amount of dollars."""
        try:
            amount = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount of dollars", param, ctx)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is not an amount that can be spent", param, ctx)
        return amount


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None:
        ctx.meta[f"moot.{parameter.name}"] = value


_OPTIONS = (
    ("--max-tokens", click.IntRange(0), "Rest before the conversation has used more tokens than these."),
    ("--max-cost", Dollars(), "Rest before the conversation has cost more dollars than these."),
    ("--max-time", click.FloatRange(0), "Rest when this command has talked for so many seconds, in all."),
)


def options(command: F) -> F:
    """Give a command the options that cap what it may use; reaching one rests the conversation, with code 4."""
    for name, kind, words in reversed(_OPTIONS):
        command = click.option(name, type=kind, expose_value=False, callback=_remember, help=words)(command)
    return command


def limits(heading: Heading | None = None) -> Limits:
    """Return the smaller of the caps that the command was given, those of the configuration, and a scenario's own.

    The command's seconds count from when this is first asked, over all of its conversations.
    """
    meta = click.get_current_context().meta
    usual = record.config().limits
    conversation = Caps(tokens=meta.get("moot.max_tokens"), dollars=meta.get("moot.max_cost"))
    run = Caps(seconds=meta.get("moot.max_time"))
    if heading is not None:
        conversation = conversation.and_at_most(caps_of(heading))
    since = meta.setdefault("moot.since", time.monotonic())
    caps = conversation.and_at_most(usual.conversation), run.and_at_most(usual.run)
    return Limits(*caps, usual.price, since=since)
