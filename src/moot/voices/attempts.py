"""The one way a request is tried, watched and tried again, whatever wire it goes over.

It must never glue words of two tries together, send anything before whoever listens has asked for more, or let a key
into what it says: an error's text is stripped of the key before it leaves the wire.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from moot.voices import Attempt, ContextFull, Done, Failed, Thinking, VoiceError, Words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from moot.voices import Delta

C = TypeVar("C")

LONGEST_SAID = 300
"""Characters of a provider's own words that are worth repeating in one line."""

_FULL = re.compile(
    r"context[ _](?:length|window|size)|maximum context|prompt is too long|exceed\w* (?:the )?(?:available )?context"
    r"|too many (?:input )?tokens|input is too long",
    re.IGNORECASE,
)
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_credits")
"""Codes of a 429 or an error in mid-stream that no waiting will change."""

_PASSING_STATUS = (408, 409, 425, 429)
_PASSING_KIND = ("api_error", "overloaded", "rate_limit", "server_error", "timeout", "unavailable")
_OVERLONG_STATUS = (400, 413, 422)
_KEY_STATUS = 401
_BROKEN_SERVER = 500


def _chance() -> float:
    return secrets.randbelow(1 << 20) / (1 << 20)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a voice waits, in seconds, and how often it tries.

    `first` is for the first word (a local model may have to be loaded), `idle` for each next sign of life and `tail`
    for what follows a complete reply; `pause` is the first wait between two tries, doubled each time up to `longest`;
    `asked` is the longest wait that a provider may ask for before moot gives up. `sleep` and `jitter` (0 to 1) are the
    clock and the chance that it uses.
    """

    tries: int = 5
    connect: float = 15.0
    first: float = 600.0
    idle: float = 180.0
    tail: float = 2.0
    pause: float = 1.0
    longest: float = 60.0
    asked: float = 600.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = _chance


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one try broke.

    `retry` is whether another may do better, `after` the seconds that the provider asks to wait, `full` whether the
    conversation no longer fits the model, `instead` a changed request that the provider would accept.
    """

    said: str
    retry: bool = True
    after: float | None = None
    request_id: str = ""
    full: bool = False
    instead: Mapping[str, Any] | None = None


Sign = Words | Thinking | Done | Trouble | None
"""What one try yields: words, None for a sign of life without words, how it broke, or that the reply is complete.

A reply that is complete stays so, whatever the connection does then; a later `Done` only knows more about it.
"""


async def attempts(
    voice: str,
    request: Mapping[str, Any],
    connect: Callable[[], Awaitable[C]],
    send: Callable[[C, Mapping[str, Any]], AsyncGenerator[Sign]],
    patience: Patience = PATIENCE,
) -> AsyncGenerator[Delta]:
    """Stream a request's deltas, trying again where that may help; `voice` is what errors call the speaker.

    `connect` is asked before every try for what `send` sends through. `VoiceError` where it cannot, or after the last
    try; `ContextFull` where the conversation no longer fits.
    """
    for number in range(1, patience.tries + 1):
        connection = await connect()
        yield Attempt(request)
        last: Done | Trouble = Trouble("the stream ended before the reply did")
        async with aclosing(_watched(send(connection, request), patience)) as signs:
            async for sign in signs:
                if isinstance(sign, Trouble):
                    last = last if isinstance(last, Done) else sign
                    break
                if isinstance(sign, Done):
                    last = sign
                elif sign is not None:
                    yield sign
        if isinstance(last, Done):
            yield last
            return
        wait = _wait(last, number, patience)
        yield Failed(last.said, wait, last.request_id)
        if wait is None:
            raise _error(voice, last, number)
        await patience.sleep(wait)
        request = last.instead or request


async def _watched(signs: AsyncGenerator[Sign], patience: Patience) -> AsyncGenerator[Sign]:
    """Pass on one try's signs; `Trouble` where none comes in time. Closing this closes the connection at once."""
    limit = patience.first
    async with aclosing(signs):
        while True:
            try:
                async with asyncio.timeout(limit):
                    sign = await anext(signs)
            except StopAsyncIteration:
                return
            except TimeoutError:
                yield Trouble(f"nothing came for {limit:g} seconds")
                return
            if isinstance(sign, Done):
                limit = patience.tail
            elif isinstance(sign, Words | Thinking):
                limit = patience.idle
            yield sign


def _wait(trouble: Trouble, number: int, patience: Patience) -> float | None:
    """Return the seconds until the next try, None where there is none."""
    if number >= patience.tries or not trouble.retry:
        return None
    if trouble.instead is not None:
        return 0.0
    if trouble.after is not None:
        return trouble.after if trouble.after <= patience.asked else None
    return min(patience.longest, patience.pause * 2 ** (number - 1)) * (0.5 + 0.5 * patience.jitter())


def _error(voice: str, trouble: Trouble, number: int) -> VoiceError:
    if trouble.full:
        return ContextFull(f"{voice} can read no more, the conversation fills its context: {trouble.said}")
    tried = f" (tried {number} times)" if number > 1 else ""
    asked = f"; it asks to wait {trouble.after:g} seconds" if trouble.after is not None else ""
    later = "; try again later" if trouble.retry else ""
    return VoiceError(f"{voice} cannot answer{tried}: {trouble.said}{asked}{later}")


def one_line(text: str, key: str = "") -> str:
    """Return a provider's words as one line of sensible length, without the key."""
    hidden = text.replace(key, "[key]") if key else text
    line = " ".join(hidden.split())
    return line if len(line) <= LONGEST_SAID else line[: LONGEST_SAID - 1] + "…"


def connection_lost(url: str, error: Exception, key: str, request_id: str) -> Trouble:
    """Say that a connection could not be made or broke."""
    cause = one_line(str(error.__cause__ or error.__context__ or error), key)
    return Trouble(f"the connection to {url} " + (f"failed: {cause}" if cause else "broke"), request_id=request_id)


def without_key(sign: Sign, key: str) -> Sign:
    """Return a sign with what it says of a trouble as one line, without the key."""
    return replace(sign, said=one_line(sign.said, key)) if isinstance(sign, Trouble) else sign


def judge(status: int, code: str, message: str, headers: Mapping[str, str]) -> Trouble:
    """Say what a provider's HTTP error means; `message` is one line already, `code` the provider's name for it."""
    after = retry_after(headers, time.time())
    full = status in _OVERLONG_STATUS and _tells_of_length(code, message)
    passing = status in _PASSING_STATUS or status >= _BROKEN_SERVER
    told = headers.get("x-should-retry", "")
    retry = (passing or told == "true") and told != "false" and code not in _SPENT and not full
    name = f" {code}" if code and code not in message and code != str(status) else ""
    request_id = headers.get("x-request-id", "") or headers.get("request-id", "")
    return Trouble(f"HTTP {status}{name}: {message}", retry, after, request_id, full)


def judge_in_stream(code: str, message: str, request_id: str) -> Trouble:
    """Say what an error means that came in mid-stream, where HTTP had already said that all was well."""
    full = _tells_of_length(code, message)
    if code.isdigit():
        passing = int(code) in _PASSING_STATUS or int(code) >= _BROKEN_SERVER
    else:
        passing = not code or any(kind in code for kind in _PASSING_KIND)
    said = message if not code or code in message else f"{code}: {message}"
    return Trouble(said, passing and code not in _SPENT and not full, None, request_id, full)


def _tells_of_length(code: str, message: str) -> bool:
    return bool(_FULL.search(code) or _FULL.search(message))


def key_refused(status: int, variable: str, base_url: str | None) -> Trouble | None:
    """Say that a key was refused, naming where it came from and never repeating what the provider says of it."""
    if status != _KEY_STATUS:
        return None
    where = f" by {base_url}" if base_url else ""
    if variable:
        said = f"the key in {variable} was refused{where} (HTTP 401); set {variable} to a valid key"
    else:
        said = f"no key was sent and one is wanted{where} (HTTP 401); name its variable with ?key_env=NAME"
    return Trouble(said, retry=False)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that a response asks to wait, given as milliseconds, seconds or an HTTP date; None if not."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        asked = headers["retry-after"].strip()
        if re.fullmatch(r"\d+(?:\.\d+)?", asked):
            return float(asked)
        return max(0.0, parsedate_to_datetime(asked).timestamp() - now)
    except ValueError:
        return None  # an unreadable wish is none
