"""What a conversation has used and may use: hard caps, kept by reserving the worst before a request is sent.

It must never send, wait or look at a clock: requests, prices and seconds arrive as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from moot.transcript import canonical
from moot.voices.limits import longest_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moot.store import Call

    Price = Callable[[Call], Decimal | None]
    """Dollars of a call, None where they are not known."""

N = TypeVar("N", int, float, Decimal)

BYTES_PER_TOKEN = 2
"""So few bytes of a request's JSON make a token at worst, that is for text that tokenizers know little of."""

ASSUMED_OUTPUT = 16_384
"""Tokens that are reserved for an answer whose request sets no limit."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be used at most; None is no cap. `turns` are spoken ones, `tokens` read and written together."""

    turns: int | None = None
    tokens: int | None = None
    dollars: Decimal | None = None
    seconds: float | None = None

    def and_at_most(self, other: Caps) -> Caps:
        """Return the smaller of each two caps."""
        return Caps(
            turns=_smaller(self.turns, other.turns),
            tokens=_smaller(self.tokens, other.tokens),
            dollars=_smaller(self.dollars, other.dollars),
            seconds=_smaller(self.seconds, other.seconds),
        )


def _smaller(one: N | None, other: N | None) -> N | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def unpriced(call: Call) -> Decimal | None:
    """Know no price of any call."""
    del call


class Ledger(Protocol):
    """One budget of many conversations: the worst of each call is set aside before it goes out.

    `lease` is that under which calls are sent, empty where no other process shares the budget.
    """

    @property
    def lease(self) -> str:
        """The lease that calls are sent under."""
        ...

    async def reserve(self, call: Call) -> str:
        """Set the worst of a call aside, waiting for others to end where that makes room; else say why it may not."""
        ...

    def settle(self, sent: Call, ended: Call) -> None:
        """Take back what was set aside for a call, and count what became of it."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of the conversation as a whole and of this run of it, a budget it shares, and how calls are priced.

    The seconds of a run count from `since`, a time of `time.monotonic`, so that several conversations share them; None
    is from when each is carried on.
    """

    conversation: Caps = field(default=Caps())
    run: Caps = field(default=Caps())
    price: Price = unpriced
    ledger: Ledger | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used so far; `unpriced` names a voice whose price is not known, where one spoke."""

    turns: int = 0
    tokens: int = 0
    dollars: Decimal = Decimal(0)
    seconds: float = 0.0
    unpriced: str = ""

    def and_call(self, call: Call, price: Price) -> Spent:
        """Return this with one more call: as reported, and at its worst where it went out and nothing was reported."""
        assumed = at_worst(call) if _went_out(call) else call
        dollars = price(assumed)
        return Spent(
            self.turns,
            self.tokens + (assumed.input or 0) + (assumed.output or 0),
            self.dollars + (dollars or 0),
            self.seconds + (call.total_ms or 0) / 1000,
            self.unpriced or (call.voice if dollars is None else ""),
        )

    def plus(self, other: Spent, times: int = 1) -> Spent:
        """Return this with another so many times, -1 being without it."""
        return Spent(
            self.turns + times * other.turns,
            self.tokens + times * other.tokens,
            self.dollars + times * other.dollars,
            self.seconds + times * other.seconds,
            self.unpriced or other.unpriced,
        )


def spent(calls: Iterable[Call], turns: int, price: Price) -> Spent:
    """Return what calls and turns come to."""
    total = Spent(turns)
    for call in calls:
        total = total.and_call(call, price)
    return total


def reserved(request: Mapping[str, Any], written: str = "") -> tuple[int, int]:
    """Return the most tokens that a request can have read and written, from its JSON alone.

    `written` is that JSON, canonical, where it is there already: of a long conversation it is not written twice.
    """
    body: Mapping[str, Any] = request.get("body", {})
    if not body:
        return 0, 0  # no model is asked
    around = canonical({**request, "body": 0})
    length = len(written or canonical(dict(request))) - len(around) + 1
    return length // BYTES_PER_TOKEN, longest_answer(body) or ASSUMED_OUTPUT


def refusal(caps: Caps, used: Spent, call: Call, price: Price, whose: str) -> str:
    """Say why a call must not be sent: with the worst that it can use, a cap would be passed. Empty where it may."""
    after = used.and_call(replace(call, outcome="open"), price)
    next_one = "and the next call may pass that"
    if caps.turns is not None and used.turns >= caps.turns:
        return f"{whose} may have {caps.turns} turns and has had them"
    if caps.seconds is not None and used.seconds >= caps.seconds:
        return f"{whose} may take {caps.seconds:g} seconds and has taken {used.seconds:.1f}"
    if caps.tokens is not None and after.tokens > caps.tokens:
        return f"{whose} may use {caps.tokens:,} tokens, has used {used.tokens:,}, {next_one}"
    if caps.dollars is not None and after.unpriced:
        return f"{whose} has a cap on money, and the price of {after.unpriced} is not known: set it in moot.toml"
    if caps.dollars is not None and after.dollars > caps.dollars:
        return f"{whose} may cost ${caps.dollars}, has cost ${used.dollars:.4f}, {next_one}"
    return ""


def at_worst(call: Call) -> Call:
    """Return a call with what was reserved for it where its provider reported nothing."""
    return replace(
        call,
        input=call.reserved_input if call.input is None else call.input,
        output=call.reserved_output if call.output is None else call.output,
    )


def _went_out(call: Call) -> bool:
    """Whether a provider may bill this call: one that failed before its first word or thought is none of those."""
    return call.outcome != "failed" or bool(call.partial) or call.first_ms is not None
