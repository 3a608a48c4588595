"""The wire-level prefix net: a participant's request begins with the whole of the one that its last reply answered.

It must never guess who asked: what a request says it was answered is enough to find the request before it. So it
cannot see a past that was dropped whole, which looks like a conversation's beginning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fakes.replies import Request


def moved(requests: Iterable[Request]) -> list[str]:
    """Say of each request in which something moved what it was.

    A request's stem is all that stood in it when the last own reply was given; it must have been sent before, to the
    same model under the same brief. Two participants of one model each find their own; one whose brief changed finds
    its stem under another. A request without own replies begins a conversation; one whose stem nobody sent goes on
    with a past from elsewhere, which is believed of the first request of a model and brief only. Cache marks do not
    count, and what follows the last own reply (a question, on a fork) is free.
    """
    families: dict[str, dict[str, set[str]]] = {}
    found: list[str] = []
    for number, request in enumerate(requests, 1):
        kind, brief, said, stem = _taken_apart(_bare(request.body))
        briefs = families.setdefault(json.dumps([request.path, kind]), {})
        earlier = briefs.get(brief, set())
        if stem and stem not in earlier and (why := _why(stem, earlier, briefs)):
            found.append(f"request {number} ({request.path}, {kind}): {why}: {said:.300}")
        briefs.setdefault(brief, set()).add(said)
    return found


def _why(stem: str, earlier: set[str], briefs: dict[str, set[str]]) -> str:
    if any(stem in said for said in briefs.values()):
        return "its brief has changed"
    return "it begins with no earlier request" if earlier else ""


def _taken_apart(body: dict[str, Any]) -> tuple[str, str, str, str]:
    """Return who is asked, the brief, all that is said and the stem of it, empty where there is no own reply."""
    match body:
        case {"prompt": str(prompt)}:  # a script: its brief opens it, and its last line is the cue of who is asked
            cue = prompt[prompt.rfind("\n") + 1 :]
            own = prompt.rfind(f"\n{cue} ")
            return f"{body.get('model')}, {cue}", "", prompt, prompt[: own + 1] + cue if own >= 0 else ""
        case _:
            said: list[Any] = body.get("messages") or body.get("input") or []
            briefs = [one for one in said if one.get("role") == "system"]
            brief = [body.get("system"), body.get("instructions"), briefs]
            said = [one for one in said if one.get("role") != "system"]
            stem = _asked(said)
            return str(body.get("model")), json.dumps(brief), json.dumps(said), json.dumps(stem) if stem else ""


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
