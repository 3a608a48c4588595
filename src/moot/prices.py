"""What a call cost in dollars: by the user's own prices first, then by a bundled list that needs no network.

It must never guess: a model that neither knows, or tokens that nobody reported, have no price, which is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.store import Call

MILLION = 1_000_000

FREE = frozenset(
    ("local", "ollama", "lmstudio", "vllm", "llama-server", "person", "script", "replay", "unknown"),
)
"""Kinds of voices that cost nothing unless the user's own prices say so: they speak from machines of their own."""

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "anthropic",
        "openai": "openai",
        "openrouter": "openrouter",
        "google": "google",
        "mistral": "mistral",
        "xai": "x-ai",
        "deepseek": "deepseek",
        "groq": "groq",
        "together": "together",
    }
)
"""What the bundled list calls the providers that moot knows; a user's own endpoints are in no list."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Dollars for a million tokens; what is read from or written to a cache costs as much as input where None."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None


NO_PRICES: Mapping[str, Rates] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens to be priced: `cached` and `written` are part of `input`, `reasoning` of `output`."""

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


def price_of(call: Call, prices: Mapping[str, Rates] = NO_PRICES) -> Decimal | None:
    """Return the dollars of a call, None where they are not known.

    Input that is not reported as cached counts as read anew. Where a call came to no end and nothing was said of the
    cache, its tokens cost the most that they can. A request that failed before its first word is free, for providers do
    not bill what they refuse.
    """
    if call.outcome == "failed" and not call.partial and call.input is None and call.output is None:
        return Decimal(0)
    kind, _, asked = call.voice.partition(":")
    models = tuple(dict.fromkeys(model for model in (call.model, asked) if model))
    if kind in FREE and _own(kind, models, prices) is None:
        return Decimal(0)
    if call.input is None or call.output is None or min(call.input, call.output) < 0:
        return None
    if call.outcome != "done" and call.cached is None and call.cache_write is None:
        return _at_most(kind, models, _Tokens(call.input, call.output), prices, _time(call.begun))
    cached = _within(call.cached, call.input)
    written = _within(call.cache_write, call.input - cached)
    tokens = _Tokens(call.input, call.output, cached, written, _within(call.reasoning, call.output))
    return _dollars(kind, models, tokens, prices, _time(call.begun))


def worst_case(
    voice: str, model: str, input_tokens: int, output_tokens: int, prices: Mapping[str, Rates] = NO_PRICES
) -> Decimal | None:
    """Return the most dollars that a request of a voice can cost, None where its price is not known.

    `model` is what the provider calls the model, empty where it is not known yet.
    """
    kind, _, asked = voice.partition(":")
    models = tuple(dict.fromkeys(one for one in (model, asked) if one))
    return _at_most(kind, models, _Tokens(input_tokens, output_tokens), prices, None)


def edition() -> str:
    """Return the name and version of the bundled list, empty where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - only `moot cost` and doctor ask

    try:
        return f"genai-prices {version('genai-prices')}"
    except PackageNotFoundError:
        return ""


def _at_most(
    kind: str, models: Sequence[str], tokens: _Tokens, prices: Mapping[str, Rates], at: datetime | None
) -> Decimal | None:
    """Return the dearest way to bill so many tokens: all read anew or all written to the cache, words or thoughts."""
    ways = [
        _Tokens(tokens.input, tokens.output, 0, written, reasoning)
        for written in (0, tokens.input)
        for reasoning in (0, tokens.output)
    ]
    known = [dollars for way in ways if (dollars := _dollars(kind, models, way, prices, at)) is not None]
    return max(known, default=None)


def _dollars(
    kind: str, models: Sequence[str], tokens: _Tokens, prices: Mapping[str, Rates], at: datetime | None
) -> Decimal | None:
    own = _own(kind, models, prices)
    if own is not None:
        return _by_rates(own, tokens)
    return Decimal(0) if kind in FREE else _by_list(kind, models, tokens, at)


def _own(kind: str, models: Sequence[str], prices: Mapping[str, Rates]) -> Rates | None:
    """Return the user's own price of the model as reported, as asked for, or of all models of this kind."""
    return next((prices[key] for key in (*(f"{kind}:{one}" for one in models), f"{kind}:*") if key in prices), None)


def _by_rates(rates: Rates, tokens: _Tokens) -> Decimal:
    cached = rates.input if rates.cached is None else rates.cached
    written = rates.input if rates.cache_write is None else rates.cache_write
    fresh = tokens.input - tokens.cached - tokens.written
    whole = fresh * rates.input + tokens.cached * cached + tokens.written * written + tokens.output * rates.output
    return whole / MILLION


def _by_list(kind: str, models: Sequence[str], tokens: _Tokens, at: datetime | None) -> Decimal | None:
    """Return dollars by the bundled list at that time; None where the list or the model in it is missing."""
    if kind not in PROVIDERS:
        return None
    try:
        from genai_prices import Usage, calc_price  # noqa: PLC0415 - a large table, read when something is priced
    except ImportError:
        return None
    usage = Usage(
        input_tokens=tokens.input,
        cache_read_tokens=tokens.cached,
        cache_write_tokens=tokens.written,
        output_tokens=tokens.output,
        output_reasoning_tokens=tokens.reasoning,
    )
    for model in models:
        try:
            found = calc_price(usage, model, provider_id=PROVIDERS[kind], genai_request_timestamp=at)
        except (LookupError, ValueError):  # not in the list under this name, or by no price that suits
            continue
        if found.model_price.input_mtok is not None and found.model_price.output_mtok is not None:
            return found.total_price
    return None


def _within(count: int | None, whole: int) -> int:
    """Return a part that was reported of a whole, at least 0 and at most all of it."""
    return max(0, min(count or 0, whole))


def _time(begun: str) -> datetime | None:
    """Return when a call was begun, because prices change; None, which is now, where that was not recorded."""
    try:
        at = datetime.fromisoformat(begun)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
