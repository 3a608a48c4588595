"""OpenAI's chat messages, one conversation an object, as for fine-tuning and in data sets. Read only.

It must never take a system message that comes late for a brief: whoever was told it heard it then.
"""

from __future__ import annotations

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
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moot.formats.page import Imported

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
    about = About(text_of(whole, "title"), "\n\n".join(briefs), id=text_of(whole, "id"), source=plain)
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
