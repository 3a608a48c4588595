"""`moot cost`: what conversations have used, in calls, tokens and dollars.

It must never add up what is not known as if it were nothing: each sum says how many calls it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, get_args

import click

from moot.cli import record
from moot.cli.terminal import console, print_json, safe
from moot.prices import edition
from moot.store import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moot.spending import Price
    from moot.store import Call, Listing, Store

KINDS = ("input", "cached", "cache_write", "output", "reasoning")
"""Of tokens, as a call has them."""

SPOKEN = ("person", "script", "replay")
"""Kinds of voices whose words are no model's, so that there are no tokens to miss."""


@dataclass(frozen=True, slots=True)
class Used:
    """What some calls come to: calls by outcome, tokens by kind where any were reported, dollars that are known.

    `read` and `from_cache` are the input of those calls that say how much of it came from a cache; `untold` are calls
    whose tokens were not reported, `unpriced` those whose price is not known.
    """

    calls: Mapping[Outcome, int] = field(default_factory=dict["Outcome", int])
    tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    dollars: Decimal = Decimal(0)
    read: int = 0
    from_cache: int = 0
    untold: int = 0
    unpriced: int = 0

    @property
    def cache_share(self) -> float | None:
        """The share of input that was read from a cache, None where that was not told."""
        return self.from_cache / self.read if self.read else None


def used(calls: Iterable[Call], price: Price) -> Used:
    """Return what calls come to; a request that was refused before its first word lacks nothing."""
    outcomes: dict[Outcome, int] = {}
    tokens: dict[str, int] = {}
    dollars, read, from_cache, untold, unpriced = Decimal(0), 0, 0, 0, 0
    for call in calls:
        outcomes[call.outcome] = outcomes.get(call.outcome, 0) + 1
        for kind in KINDS:
            if (count := getattr(call, kind)) is not None:
                tokens[kind] = tokens.get(kind, 0) + count
        if call.input is not None and call.cached is not None:
            read += call.input
            from_cache += call.cached
        cost = price(call)
        dollars += cost or 0
        unpriced += cost is None
        untold += _is_untold(call)
    return Used(outcomes, tokens, dollars, read, from_cache, untold, unpriced)


def _is_untold(call: Call) -> bool:
    if call.voice.partition(":")[0] in SPOKEN or (call.outcome == "failed" and not call.partial):
        return False
    return call.input is None or call.output is None


@dataclass(frozen=True, slots=True)
class _Account:
    """One conversation's calls."""

    listing: Listing
    calls: tuple[Call, ...]


@click.command(short_help="Count the calls, tokens and dollars of conversations.")
@click.argument("conversations", nargs=-1)
@record.option
@record.as_json
def command(
    conversations: tuple[str, ...],
) -> None:
    """Count what conversations (default: all) have used: calls, tokens as reported, and dollars.

    \b
    moot cost
    moot cost last
    moot cost 3f2a 77c0 --json

    A fork counts its own calls only; those of the turns that it shares are counted where they were made. Prices are
    your own ([prices] in moot.toml), then those of a list that comes with moot. What is not known is never counted as
    nothing.
    """
    price = record.config().limits.price

    async def work(store: Store) -> None:
        ids = [await store.find(one) for one in conversations]
        rows = {row.id: row for row in await store.list()}
        chosen = [rows[one] for one in dict.fromkeys(ids)] if ids else list(rows.values())
        accounts = [_Account(row, await store.calls(row.id)) for row in chosen]
        if record.wants_json():
            print_json(_document(accounts, price))
        else:
            _print(accounts, price)

    record.run(work)


def _by_voice(calls: Iterable[Call], price: Price) -> dict[str, Used]:
    voices: dict[str, list[Call]] = {}
    for call in calls:
        voices.setdefault(call.voice, []).append(call)
    return {voice: used(theirs, price) for voice, theirs in voices.items()}


def _document(accounts: Sequence[_Account], price: Price) -> dict[str, object]:
    everything = [call for account in accounts for call in account.calls]
    return {
        "price_list": edition() or None,
        "conversations": [
            {"id": one.listing.id, "title": one.listing.heading.title, "forked_from": one.listing.forked_from}
            | _plain(used(one.calls, price))
            | {"voices": _plain_voices(one.calls, price)}
            for one in accounts
        ],
        "voices": _plain_voices(everything, price),
        "total": _plain(used(everything, price)),
    }


def _plain_voices(calls: Iterable[Call], price: Price) -> list[dict[str, object]]:
    return [{"voice": voice} | _plain(sums) for voice, sums in _by_voice(calls, price).items()]


def _plain(sums: Used) -> dict[str, object]:
    """Return sums as JSON: `dollars` is null where any part is unknown, and `known_dollars` what is known then."""
    return {
        "calls": {outcome: sums.calls.get(outcome, 0) for outcome in get_args(Outcome)},
        "tokens": {kind: sums.tokens.get(kind) for kind in KINDS},
        "calls_without_tokens": sums.untold,
        "cache_share": None if sums.cache_share is None else round(sums.cache_share, 4),
        "dollars": None if sums.unpriced else float(sums.dollars),
        "known_dollars": float(sums.dollars),
        "calls_without_price": sums.unpriced,
    }


def _print(accounts: Sequence[_Account], price: Price) -> None:
    notes = console(err=True)
    everything = [call for account in accounts for call in account.calls]
    if not everything:
        notes.print("No calls are on record here: nothing was asked of any voice.")
        return
    if len(accounts) > 1:
        spoken = [one for one in accounts if one.calls]
        rows = [(_called(one.listing), used(one.calls, price)) for one in spoken]
        _print_table("conversation", rows)
        console().print()
    total = used(everything, price)
    voices = list(_by_voice(everything, price).items())
    _print_table("voice", [*voices, ("total", total)] if len(voices) > 1 else voices)
    for line in _remarks(accounts, total):
        notes.print(safe(line), style="dim")


def _called(listing: Listing) -> str:
    fork = f" (fork of {listing.forked_from[:8]})" if listing.forked_from else ""
    return f"{listing.id[:8]}{fork}"


def _remarks(accounts: Sequence[_Account], total: Used) -> Iterable[str]:
    if total.untold:
        yield f"Tokens of {_calls(total.untold)} were not reported, so sums marked + are too small."
    if total.unpriced:
        yield (
            f"The price of {_calls(total.unpriced)} is not known; the others cost {_money(total.dollars)}. "
            'Set it with [prices."KIND:MODEL"] in moot.toml.'
        )
    if any(one.listing.forked_from for one in accounts):
        yield "A fork counts its own calls only."
    by = edition()
    yield f"Prices: your own, then {by}." if by else 'Prices: your own only; for a list: pip install "moot[openai]"'


def _calls(count: int) -> str:
    return f"{count} call" if count == 1 else f"{count} calls"


def _print_table(what: str, rows: Sequence[tuple[str, Used]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - comes with the console

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(what, no_wrap=True, overflow="ellipsis", min_width=16)
    for name in ("calls", "input", "from cache", "to cache", "output", "thought", "dollars"):
        table.add_column(name, no_wrap=True, justify="right")
    for name, sums in rows:
        table.add_row(safe(name), *_cells(sums))
    console().print(table, soft_wrap=False)


def _cells(sums: Used) -> tuple[str, ...]:
    others = [f"{sums.calls[one]} {one}" for one in get_args(Outcome) if one != "done" and sums.calls.get(one)]
    calls = " + ".join([str(sums.calls.get("done", 0)), *others])
    share = "" if sums.cache_share is None else f" {sums.cache_share:.0%}"
    more = "+" if sums.untold else ""
    counts = {kind: f"{sums.tokens[kind]:,}{more}" if kind in sums.tokens else "-" for kind in KINDS}
    dollars = f"unknown ({_calls(sums.unpriced)})" if sums.unpriced else _money(sums.dollars)
    return (
        calls,
        counts["input"],
        f"{counts['cached']}{share}",
        counts["cache_write"],
        counts["output"],
        counts["reasoning"],
        dollars,
    )


def _money(dollars: Decimal) -> str:
    """Return dollars to a hundredth of a cent, for most calls cost less than a cent; a trace is no zero."""
    least = Decimal("0.0001")
    return f"<${least}" if 0 < dollars < least else f"${dollars:,.4f}"
