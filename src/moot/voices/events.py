"""Server-sent events, read as plain JSON from a stream's bytes.

It must never give out half an event, nor fail in any way of its own where a server sends what nobody can read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

_END = b"[DONE]"
"""What OpenAI's streams end with, which is no JSON."""


class Unreadable(Exception):
    """What came is not JSON, or none that can be read: nested too deeply, or with a number of thousands of digits."""


def read_json(text: bytes) -> object:
    """Return what JSON says; `Unreadable` where it cannot be read."""
    try:
        return json.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from error


async def events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[object]:
    r"""Yield the JSON of each event, None for what says nothing but that the other side is alive.

    As the specification of server-sent events says, an event without data is none, nor is one that was begun when the
    stream ended; lines end by \n or \r\n. `Unreadable` where an event's data cannot be read.
    """
    reader = _Reader()
    async for piece in pieces:
        for event in reader.feed(piece):
            yield event


class _Reader:
    """What of a stream has come and is not yet an event."""

    def __init__(self) -> None:
        self._open: list[bytes] = []
        self._told: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[object]:
        """Take the next piece of a stream and yield what it completes."""
        *whole, rest = piece.split(b"\n")
        for end in whole:
            line = (b"".join((*self._open, end)) if self._open else end).removesuffix(b"\r")
            self._open.clear()
            if line.startswith(b"data:"):
                self._told.append(line[5:].removeprefix(b" "))
            elif not line:
                text = b"\n".join(self._told)
                self._told.clear()
                yield read_json(text) if text and not text.startswith(_END) else None
            elif line.startswith(b":"):
                yield None
        if rest:
            self._open.append(rest)
