"""The wire-level prefix net: a participant's request begins with the whole of the one that its last reply answered.

It must never guess who asked: what a request says it was answered is enough to find the request before it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakes.replies import Request


def moved(requests: Iterable[Request]) -> list[str]:
    """Say of each request whose beginning is no earlier request that its prefix moved.

    Requests are of one family where path, model and brief are the same; what a test sends without anything earlier
    in its family has nothing to extend. Cache marks do not count. Identical requests (retries) and forks pass.
    """
    families: dict[str, list[Any]] = {}
    found: list[str] = []
    for number, request in enumerate(requests, 1):
        body = _bare(request.body)
        model, brief = body.get("model"), body.get("system") or body.get("instructions")
        earlier = families.setdefault(json.dumps([request.path, model, brief]), [])
        said = body.get("messages") or body.get("input") or body.get("prompt") or []
        if earlier and not _extends(said, earlier):
            found.append(f"request {number} ({request.path}, {model}) begins with no earlier request: {said!r:.300}")
        earlier.append(said)
    return found


def _extends(said: Any, earlier: list[Any]) -> bool:
    if isinstance(said, str):  # a prompt does not mark whose words are whose: some earlier one must begin it
        return any(said.startswith(one) for one in earlier)
    stem = _asked(said)
    return not stem or stem in earlier


def _asked(said: list[Any]) -> list[Any]:
    """Return what was asked when the last own reply was given, empty where there is none yet."""
    end = len(said)
    while end and not _own(said[end - 1]):
        end -= 1
    while end and _own(said[end - 1]):
        end -= 1
    return said[:end]


def _own(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" or message.get("type") == "reasoning"


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(one) for name, one in value.items() if name != "cache_control"}
    return [_bare(one) for one in value] if isinstance(value, list) else value
