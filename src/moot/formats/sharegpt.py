"""ShareGPT's layout, as many training sets have it: `conversations` of `from` and `value`.

It must never drop what a tool was asked or answered in silence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import (
    ASSISTANT,
    LEADER,
    USER,
    About,
    Line,
    Lost,
    conversation,
    entries,
    plain_of,
    text_of,
    unknown_keys,
)
from moot.formats.page import Unreadable, Written
from moot.formats.perspective import chat, lost_of, unheard

if TYPE_CHECKING:
    from moot.formats.page import Imported, Record
    from moot.formats.perspective import Way

_PEOPLE = ("human", "user")
_MODELS = ("gpt", "assistant", "chatgpt", "bing", "bard", "model")
_TOOLS = ("tool", "function_call", "observation", "function_response")


def fits(document: object) -> bool:
    """Whether a document is a conversation of this kind."""
    match document:
        case {"conversations": list()}:
            first = next(entries(cast("dict[str, Any]", document), "conversations"), dict[str, Any]())
            return "from" in first and "value" in first
        case _:
            return False


def read(document: object, where: str) -> Imported:
    """Return a document's conversation; `Unreadable` where it holds none."""
    whole = cast("dict[str, Any]", document)
    lost, briefs, lines = Lost(), list[str](), list[Line]()
    for number, one in enumerate(entries(whole, "conversations"), 1):
        who, value = one.get("from"), one.get("value")
        if not isinstance(who, str) or not isinstance(value, str):
            raise Unreadable(f"{where}entry {number} of 'conversations' has no 'from' and 'value' that are texts")
        match who.casefold():
            case "system" if not lines:
                briefs.append(value)
            case "system":
                lines.append(Line(LEADER, value))
            case name if name in _PEOPLE:
                lines.append(Line(USER, value, person=True))
            case name if name in _MODELS:
                lines.append(Line(ASSISTANT, value, model=_model(whole, name)))
            case name if name in _TOOLS:
                lost.count("message* to or from a tool")
            case _:
                lines.append(Line(who, value))
        unknown_keys(one, ("from", "value"), lost)
    if not lines:
        raise Unreadable(f"{where}nobody says anything in these 'conversations'")
    plain = plain_of(whole, "title")
    unknown_keys(whole, ("conversations", "title", *plain), lost)
    about = About(text_of(whole, "title"), "\n\n".join(briefs), id=text_of(whole, "id"), source=plain)
    return conversation(lines, about, lost)


def _model(whole: dict[str, Any], name: str) -> str:
    said = whole.get("model")
    return said if isinstance(said, str) and said else name if name in ("chatgpt", "bing", "bard") else ""


_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}


def write(record: Record, way: Way) -> Written:
    """Return a conversation as one line, as `way` has it told; what is lost is what would not be read back."""
    said = [{"from": _ROLES[one.role], "value": one.words} for one in chat(record.transcript, way)]
    about = {"id": record.id, "title": record.transcript.heading.title}
    document = {key: value for key, value in about.items() if value} | {"conversations": said}
    try:
        lost = lost_of(record.transcript, read(document, ""), way)
    except Unreadable:  # nobody says anything in it
        lost = tuple(unheard(record.transcript, way))
    return Written(f"{json.dumps(document, ensure_ascii=False)}\n", lost)
