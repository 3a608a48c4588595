"""Whether a server has dropped the beginning of what it was sent, judged from one request and what it says of that one.

It must never remember an earlier request, as the transcript is the only state, nor take a guess for a finding: a
conversation is closed by what is said here.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from moot.voices import Done
from moot.voices.attempts import Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from moot.voices import Usage
    from moot.voices.attempts import Sign

LONGEST_TOKEN = 8
"""Letters of a script without spaces that one token stands for at the most, in the mean over a text."""

SHORTEST_TOKEN = 3
"""Bytes that one token stands for at the least, in the mean over a message."""

TEMPLATE = 16
"""Tokens that a template puts around a message at the most."""


def fewest_tokens(request: Mapping[str, Any]) -> int:
    """Return a number of tokens that a chat's or script's request cannot be fewer than.

    No tokenizer in use joins words over a space, so there is a token for each word at least; where words are not
    parted by spaces, one for each few letters. What a template adds is left out.
    """
    body = cast("Mapping[str, Any]", request["body"])
    texts = [str(body["prompt"])] if "prompt" in body else [str(one["content"]) for one in body["messages"]]
    return sum(_fewest(text) for text in texts)


def _fewest(text: str) -> int:
    if text.isascii():
        return len(text.split())
    return sum(1 if word.isascii() else max(1, _letters(word) // LONGEST_TOKEN) for word in text.split())


def _letters(word: str) -> int:
    return sum(char.isalpha() for char in word)


def cut(request: Mapping[str, Any], usage: Usage, context: int) -> str:
    """Say how it shows that a reply may have been made from the end of its request alone; empty where nothing does.

    `context` is how many tokens the server reads, 0 where that is not known.
    """
    sent, read = fewest_tokens(request), usage.input
    found = _filled(sent, usage, context) if context else ""
    if found or read is None:
        return found
    # Some releases of Ollama report only what was not cached (ollama/ollama#3427, #16414), which is not much of a long
    # conversation, where one that was cut leaves about half of the context or more (#18399): so few are no finding,
    # unless what was cached is told apart.
    if read < sent and (usage.cached is not None or read >= context // 2):
        return f"it read {read} tokens and was sent {sent} or more"
    # A release that tells what was cached has long known how to refuse (ollama/ollama#17943), and was asked to.
    body = cast("Mapping[str, Any]", request["body"])
    refuses = body.get("truncate") is False and usage.cached is not None
    if context and not refuses and _fits_without_the_first(body.get("messages", ()), read, context):
        return f"it read {read} tokens, which with what comes first would be more than its context of {context} holds"
    return ""


def _filled(sent: int, usage: Usage, context: int) -> str:
    read, written = usage.input or 0, usage.output or 0
    if sent >= context:
        return f"it reads {context} tokens and was sent {sent} or more"
    if read >= context:
        return f"it read {read} tokens, which is all that its context of {context} holds"
    if read + written > context + 1:  # Ollama's counts of a reply that just fills its context differ by one
        return f"its reply went beyond its context of {context} tokens"
    return ""


def _fits_without_the_first(messages: Sequence[Mapping[str, Any]], read: int, context: int) -> bool:
    """Whether a count is what is left when so many of the first messages are dropped that the rest just fits.

    So do older releases of Ollama, which keep the system message and the last. A conversation that has no more room
    than for one more such message cannot be told from one that was cut, and is taken for one.
    """
    most = [len(str(one["content"]).encode()) // SHORTEST_TOKEN + TEMPLATE for one in messages]
    rest = sum(most)
    for one, size in zip(messages[:-1], most[:-1], strict=True):
        if one["role"] != "system":
            rest -= size
            if read <= rest and read + size > context:
                return True
    return False


async def judged(
    signs: AsyncGenerator[Sign], request: Mapping[str, Any], context: int, advice: str, tail: float
) -> AsyncGenerator[Sign]:
    """Pass on one try's signs, but where its reply was made from a cut request, a `Trouble` in place of `Done`.

    `advice` is how to give the voice more to read; `tail` the seconds to wait for counts once the reply is complete.
    """
    async with aclosing(signs):
        async for sign in signs:
            if isinstance(sign, Done):
                done = await _last(signs, sign, tail)
                found = cut(request, done.usage, context)
                said = f"{found}, so its beginning may have been dropped and the reply is not kept; {advice}"
                yield Trouble(said, retry=False, request_id=done.request_id, full=True) if found else done
                return
            yield replace(sign, said=f"{sign.said}; {advice}") if isinstance(sign, Trouble) and sign.full else sign


async def _last(signs: AsyncGenerator[Sign], done: Done, tail: float) -> Done:
    """Return the `Done` that knows most: counts may come after the last word, or never."""
    with suppress(TimeoutError):
        async with asyncio.timeout(tail):
            async for sign in signs:
                if isinstance(sign, Done):
                    done = sign
                elif isinstance(sign, Trouble):  # the reply is complete, whatever the connection does now
                    break
    return done
