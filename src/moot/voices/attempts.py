"""The one way a request is tried, watched and tried again, whatever wire it goes over.

It must never glue words of two tries together, send anything before whoever listens has asked for more, or let a key
into what it says: an error's text is stripped of the key before it leaves the wire.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import quote, urlsplit

from moot.voices import Attempt, ContextFull, Done, Failed, Paused, Thinking, Usage, VoiceError, Words

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from moot.voices import Delta
    from moot.voices.limits import Line

C = TypeVar("C")

LONGEST_SAID = 300
"""Characters of a provider's own words that are worth repeating in one line."""

TELLTALE = 8
"""Characters of a key's beginning by which a masked one is known; keys shorter than twice that are not masked."""

_FULL = re.compile(
    r"context[ _](?:length|window|size)|maximum context|prompt is too long|exceed\w* (?:the )?(?:available )?context"
    r"|too many (?:input )?tokens|input is too long|input token count|maximum prompt length",
    re.IGNORECASE,
)

OUT_OF_ORDER = "the events came out of order"

_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "billing_error", "insufficient_credits")
"""Codes of a 429 or an error in mid-stream that no waiting will change."""

_PASSING_STATUS = (408, 409, 425, 429)
_PASSING_KIND = ("api_error", "overloaded", "rate_limit", "server_error", "timeout", "unavailable")
_OVERLONG_STATUS = (400, 413, 422)
_KEY_STATUS = 401
_REDIRECTS = range(300, 400)
_BROKEN_SERVER = 500


def _chance() -> float:
    return secrets.randbelow(1 << 20) / (1 << 20)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a voice waits, in seconds, and how often it tries.

    `connect` is for a connection, `first` for the first word (a local model may have to be loaded), `idle` for each
    next sign of life, `tail` for what follows a complete reply, and `total` for one try from its sending to its last
    event; `pause` is the first wait between two tries, doubled each time up to `longest`; `asked` is the longest wait
    that a provider may ask for before moot gives up. `sleep` and `jitter` (0 to 1) are the clock and the chance that it
    uses.
    """

    tries: int = 5
    connect: float = 15.0
    first: float = 600.0
    idle: float = 180.0
    tail: float = 2.0
    total: float = 3600.0
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


@dataclass(frozen=True, slots=True)
class GoOn:
    """The provider has paused in the middle of a turn; `request` has it go on behind the words that it has said."""

    request: Mapping[str, Any]
    paused: Paused


Sign = Words | Thinking | Done | GoOn | Trouble | None
"""What one try yields: words, None for a sign of life without words, how it broke, or that the reply is complete.

A reply that is complete stays so, whatever the connection does then; a later `Done` only knows more about it.
"""

MOST_PAUSES = 20
"""How often a provider may pause within one turn."""


async def attempts(
    voice: str,
    request: Mapping[str, Any],
    connect: Callable[[], Awaitable[Line[C]]],
    send: Callable[[C, Mapping[str, Any]], AsyncGenerator[Sign]],
    patience: Patience = PATIENCE,
) -> AsyncGenerator[Delta]:
    """Stream a request's deltas, trying again where that may help; `voice` is what errors call the speaker.

    `connect` is asked before every try for what `send` sends through, whose limits are waited for before the try is
    told. `VoiceError` where it cannot, or after the last try; `ContextFull` where the conversation no longer fits.
    """
    number, pauses, part = 1, 0, request
    while True:
        line = await connect()
        last: Done | GoOn | Trouble = Trouble("the stream ended before the reply did")
        usage = Usage()
        async with line.limiter.passage(part) as passage:
            yield Attempt(part)
            async with aclosing(_Watched(send(line.client, part), patience)) as signs:
                async for sign in signs:
                    if isinstance(sign, Words | Thinking):
                        yield sign
                    elif isinstance(sign, Trouble | GoOn):
                        last = last if isinstance(last, Done) else sign
                        break
                    elif sign is not None:
                        last = sign
            passage.used = _used(last)
            if isinstance(last, GoOn) and pauses == MOST_PAUSES:
                usage = last.paused.usage
                last = Trouble(f"it has paused {pauses} times within one turn", retry=False)
            if isinstance(last, Trouble) and last.retry:
                line.limiter.hold_back(_asked(last, patience) or 0.0)
        match last:
            case Done():
                yield last
                return
            case GoOn(part, paused):
                pauses += 1
                yield paused
            case Trouble():  # exhaustive
                wait = _wait(last, number, patience)
                yield Failed(last.said, wait, last.request_id, usage)
                if wait is None:
                    raise _error(voice, last, number)
                await patience.sleep(wait)
                request = last.instead or request
                number, pauses, part = number + 1, 0, request  # whole again, whatever was said before a pause


def _used(last: Done | GoOn | Trouble) -> int | None:
    """Return the tokens that a try was reported to have used, None where that is not known."""
    if isinstance(last, Trouble):
        return None
    usage = last.usage if isinstance(last, Done) else last.paused.usage
    return None if usage.input is None or usage.output is None else usage.input + usage.output


class _Watched:
    """One try's signs, with one timer for all of them: a sign that comes too late is a `Trouble`.

    A time-out for each would cost more than reading it. The timer looks, when it goes off, whether it is time yet, and
    never goes off while whoever listens is busy.
    """

    def __init__(self, signs: AsyncGenerator[Sign], patience: Patience) -> None:
        self._signs = signs
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._limit = patience.first
        self._end = self._loop.time() + patience.total
        self._until = self._end
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._late = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sign:
        now = self._loop.time()
        self._until = min(now + self._limit, self._end)
        if now >= self._end:
            return self._trouble()
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - nothing else runs coroutines
        cancelling = task.cancelling()
        self._waiting = task
        try:
            sign = await anext(self._signs)
        except asyncio.CancelledError:
            if not self._late or task.cancelling() > cancelling + 1:
                raise
            sign = self._trouble()
        finally:
            self._waiting = None
            if self._late:
                task.uncancel()
        if isinstance(sign, Words | Thinking):
            self._limit = self._patience.idle
        elif isinstance(sign, Done):
            self._end = min(self._end, self._loop.time() + self._patience.tail)
        return sign

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting is None:
            return  # whoever listens is busy: the next wait sets it anew
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._late = True
            self._waiting.cancel()

    def _trouble(self) -> Trouble:
        if self._until < self._end:
            return Trouble(f"nothing came for {self._limit:g} seconds")
        return Trouble(f"it was not over after {self._patience.total:g} seconds")

    async def aclose(self) -> None:
        """Close the connection at once."""
        if self._timer is not None:
            self._timer.cancel()
        await self._signs.aclose()


def _wait(trouble: Trouble, number: int, patience: Patience) -> float | None:
    """Return the seconds until the next try, None where there is none."""
    if number >= patience.tries or not trouble.retry:
        return None
    if trouble.instead is not None:
        return 0.0
    if trouble.after is not None:
        return _asked(trouble, patience)
    return min(patience.longest, patience.pause * 2 ** (number - 1)) * (0.5 + 0.5 * patience.jitter())


def _asked(trouble: Trouble, patience: Patience) -> float | None:
    """Return the seconds that a provider asks to wait, None where it asks for none, or for more than moot waits."""
    return None if trouble.after is None or trouble.after > patience.asked else trouble.after


def _error(voice: str, trouble: Trouble, number: int) -> VoiceError:
    if trouble.full:
        return ContextFull(f"{voice} can read no more, the conversation fills its context: {trouble.said}")
    tried = f" (tried {number} times)" if number > 1 else ""
    asked = f"; it asks to wait {trouble.after:g} seconds" if trouble.after is not None else ""
    later = "; try again later" if trouble.retry else ""
    return VoiceError(f"{voice} cannot answer{tried}: {trouble.said}{asked}{later}")


def one_line(text: str, key: str = "") -> str:
    """Return a provider's words as one line of sensible length, without the key."""
    line = " ".join(without(key, text).split())
    return line if len(line) <= LONGEST_SAID else line[: LONGEST_SAID - 1] + "…"


def without(key: str, text: str) -> str:
    """Return text without the key, also as a URL quotes it, and without what begins as it does: some mask the rest."""
    if not key:
        return text
    for written in (key, quote(key, safe="")):
        text = text.replace(written, "[key]")
    begun = key[:TELLTALE] if len(key) >= 2 * TELLTALE else ""
    return re.sub(rf"{re.escape(begun)}[^\s\"'<>,;)]*", "[key]", text) if begun else text


def connection_lost(url: str, error: Exception, key: str, request_id: str) -> Trouble:
    """Say that a connection could not be made or broke."""
    cause = one_line(str(error.__cause__ or error.__context__ or error), key)
    return Trouble(f"the connection to {url} " + (f"failed: {cause}" if cause else "broke"), request_id=request_id)


def without_key(sign: Sign, key: str) -> Sign:
    """Return a sign without the key in what a provider says of itself, and with what it says of a trouble as one line.

    Only the words of the turn are left as they are.
    """
    match sign:
        case Trouble():
            return replace(sign, said=one_line(sign.said, key), request_id=without(key, sign.request_id))
        case Done():
            return replace(sign, model=without(key, sign.model), request_id=without(key, sign.request_id))
        case _:
            return sign


def judge(status: int, code: str, message: str, headers: Mapping[str, str]) -> Trouble:
    """Say what a provider's HTTP error means; `message` is one line already, `code` the provider's name for it."""
    if status in _REDIRECTS:
        return _redirected(status, headers)
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


def _redirected(status: int, headers: Mapping[str, str]) -> Trouble:
    """Say where a server would send a request on to, without what stands in the query, which may be a secret."""
    parts = urlsplit(headers.get("location", ""))
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path
    to = f" to {one_line(place)}" if place else ""
    said = f"HTTP {status}: the server redirects{to}, where moot does not follow, for a key goes no further"
    return Trouble(f"{said}; correct its base_url", retry=False)


def judge_type(kind: str) -> Trouble | None:
    """Say what a content type means that no answer has, None where it may be one's."""
    if _plain(kind) not in ("text/html", "application/xhtml+xml"):
        return None
    return Trouble("a web page came instead of an answer; correct its base_url (is /v1 missing?)", retry=False)


def _plain(kind: str) -> str:
    return kind.partition(";")[0].strip().lower()


class _Answer(Protocol):
    """An answer whose body was not read yet."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def aread(self) -> bytes: ...


async def judge_answer(answer: _Answer, request_id: str) -> Trouble | None:
    """Say why an answer of HTTP 200 is no stream of events, None where it may be one.

    A web page is none, nor is one JSON document, of which an error is told in the server's words.
    """
    kind = answer.headers.get("content-type", "")
    if trouble := judge_type(kind):
        return replace(trouble, request_id=request_id)
    if _plain(kind) != "application/json":
        return None
    try:
        whole: Any = json.loads(await answer.aread())
    except (ValueError, RecursionError):
        return None  # some servers call a stream so
    match whole:
        case {"error": {"message": str(message), **rest}}:
            names = (str(rest[name]) for name in ("code", "type") if rest.get(name))
            return judge_in_stream(next(names, ""), message, request_id)
        case {"error": str(message)}:
            return judge_in_stream("", message, request_id)
        case _:
            said = "the answer came in one piece, and moot reads streams only; does this server have them?"
            return Trouble(said, retry=False, request_id=request_id)


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
