"""OpenAI's chat messages, one conversation an object, as for fine-tuning and in data sets.

It must never take a system message that comes late for a brief: whoever was told it heard it then.
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
    words,
)
from moot.formats.page import Unreadable, Written
from moot.formats.perspective import chat, lost_of, unheard, wire_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moot.formats.page import Imported, Record
    from moot.formats.perspective import Way
    from moot.transcript import Transcript

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_KNOWN = ("role", "content", "name", "reasoning_content", "refusal")


def fits(document: object) -> bool:
    """Whether a document is a conversation of this kind."""
    found = _messages(document)
    return found is not None and any(one.get("role") in _ROLES for one in entries(found, "messages"))


def read(document: object, where: str) -> Imported:
    """Return a document's conversation; `Unreadable` where its messages are not as they should be."""
    holder = _messages(document)
    if holder is None:
        raise Unreadable(f"{where}a conversation of this kind is an object with a list of 'messages'")
    lost, briefs, lines = Lost(), list[str](), list[Line]()
    whole = cast("dict[str, Any]", document)
    model = holder.get("model") or whole.get("model")
    for number, message in enumerate(entries(holder, "messages"), 1):
        text, thought = words(message.get("content"), lost)
        thought = thought or text_of(message, "reasoning_content")
        name = text_of(message, "name")
        match message.get("role"):
            case "system" | "developer" if not lines:
                briefs.append(text)
            case "system" | "developer":
                lines.append(Line(LEADER, text))
            case "user":
                lines.append(Line(name or USER, text, person=not name))
            case "assistant":
                refused = text_of(message, "refusal")
                stop = "refusal" if refused and not text else "end"
                lines.append(Line(name or ASSISTANT, text or refused, thought, str(model or ""), stop=stop))
            case "tool" | "function":
                lost.count("tool answer*")
            case _:
                raise Unreadable(f"{where}message {number} has a role that is none of {', '.join(_ROLES)}")
        unknown_keys(message, _KNOWN, lost)
    if not lines:
        raise Unreadable(f"{where}nobody says anything in these messages")
    plain = plain_of(whole, "title")
    unknown_keys(whole, ("messages", "body", "title", *plain), lost)
    about = About(
        text_of(whole, "title"),
        "\n\n".join(briefs),
        id=text_of(whole, "id") or text_of(whole, "conversation_id"),
        source=plain,
    )
    return conversation(lines, about, lost)


def _messages(document: object) -> Mapping[str, Any] | None:
    """Return what holds the messages: the document, or the body of a request in a batch."""
    match document:
        case {"messages": list()}:
            return cast("dict[str, Any]", document)
        case {"body": {"messages": list()}}:
            return cast("dict[str, Any]", cast("dict[str, Any]", document)["body"])
        case _:
            return None


def write(record: Record, way: Way) -> Written:
    """Return a conversation as one line, as `way` has it told; what is lost is what would not be read back."""
    told: list[dict[str, Any]] = []
    for one in chat(record.transcript, way):
        name = {"name": wire_name(one.speaker)} if one.role != "system" and one.speaker else {}
        thought = {"reasoning_content": one.thought} if one.thought else {}
        told.append({"role": one.role} | name | {"content": one.words} | thought)
    about = {"title": record.transcript.heading.title, "id": record.id}
    document = {"messages": told} | {key: value for key, value in about.items() if value}
    return Written(f"{json.dumps(document, ensure_ascii=False)}\n", _lost(record.transcript, document, way))


def _lost(transcript: Transcript, document: object, way: Way) -> tuple[str, ...]:
    try:
        return lost_of(transcript, read(document, ""), way)
    except Unreadable:  # nobody says anything in it
        return tuple(unheard(transcript, way))
