"""What a fake provider was asked and what it is to answer, as plain values."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal["reset", "close", "stall", "garbage", "end", "error"]
"""Cut the connection hard or quietly, fall silent, send what is no JSON, end too early but cleanly, or report an error
in-band."""

Framing = Literal["chunked", "long", "short", "gzip", "false gzip", "bomb", "bloated", "page"]
"""How the bytes of a reply are put on the line: in chunks, with a length that is more or less than comes, packed,
called packed and not packed, packed so that it bursts, under headers that are too large, or as a page for a browser."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: words in pieces, or an HTTP `status` other than 200 with its error, and what goes wrong on the way.

    `fault` strikes before event number `at` (-1: before the headers; beyond the last: after it), or with `into` inside
    that event or inside a character of it; what was sent has `settle` seconds to be read first. `split` cuts the bytes
    into pieces of that size; with `drip` the event number `at` comes byte by byte, so many seconds apart; `pace` waits
    so many seconds before each event. `raw` replaces the events of the wire by these data lines, `events` by these
    events as they stand on the wire, where a lone surrogate stands for a byte that is no UTF-8. `odds` says by number
    what else a piece of the words might have been, and how probable each was.
    """

    words: tuple[str, ...] = ("Hello", " there", ".")
    thoughts: tuple[str, ...] = ()
    stop: Literal["end", "length", "refusal", "filtered", "pause", "context"] = "end"
    status: int = 200
    code: str = ""
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    fault: Fault | None = None
    at: int = 0
    into: Literal["", "event", "character"] = ""
    settle: float = 0.02
    split: int = 0
    drip: float = 0.0
    pace: float = 0.0
    framing: Framing = "chunked"
    usage: bool = True
    redacted: bool = False
    odds: tuple[tuple[int, tuple[tuple[str, float], ...]], ...] = ()
    raw: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None


@dataclass(slots=True)
class Request:
    """One request as it came in, and the events of its answer that were `sent` whole.

    `gone` is set when its sender hung up before the answer was complete.
    """

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    complete: bool = False
    sent: list[str] = field(default_factory=list[str])
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> str:
        """The key that came with it."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("x-api-key") or bearer

    @property
    def text(self) -> str:
        """All of it as one string, to look for what must not be there."""
        return self.path + json.dumps(self.body) + json.dumps(self.headers)


class Refused(Exception):
    """A rule of the provider's was broken: its status, its name for the error, and its words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
