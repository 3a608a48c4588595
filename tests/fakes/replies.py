"""What a fake provider was asked and what it is to answer, as plain values."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

Fault = Literal["reset", "stall", "garbage", "end", "error"]
"""Cut the connection hard, fall silent, send what is no JSON, end too early but cleanly, or report an error in-band."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: words in pieces, or an HTTP `status` other than 200 with its error, and what goes wrong on the way.

    `fault` strikes before event number `at` (-1: before the headers; beyond the last: after it). `split` cuts the bytes
    into pieces of that size; `pace` waits so many seconds before each event. `raw` replaces the events of the wire by
    these data lines.
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
    split: int = 0
    pace: float = 0.0
    usage: bool = True
    redacted: bool = False
    raw: tuple[str, ...] | None = None


@dataclass(slots=True)
class Request:
    """One request as it came in; `gone` is set when its sender hung up before the answer was complete."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    complete: bool = False
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
