"""Session traces (the Hugging Face Hub's simple format): a line of the session, then a message a line. Read only here.

It must never take a tool's words for somebody's.
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
    moment,
    object_of,
    plain_of,
    text_of,
)
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.formats.page import Imported


def fits(document: object) -> bool:
    """Whether a document is the first line of a session."""
    match document:
        case {"type": "session"}:
            return True
        case _:
            return False


def read_all(found: Iterator[tuple[str, Any]]) -> Iterator[Imported]:
    """Yield the conversation of each session of a trace; `Unreadable` where a line is neither session nor message."""
    session: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    for where, document in found:
        match document:
            case {"type": "session"}:
                if messages:
                    yield _conversation(session, messages)
                session, messages = cast("dict[str, Any]", document), []
            case {"type": "message", "message": dict()}:
                messages.append(object_of(cast("dict[str, Any]", document), "message"))
            case _:
                raise Unreadable(f"{where}: a line of a session trace is of the type 'session' or 'message'")
    if messages:
        yield _conversation(session, messages)


def _conversation(session: dict[str, Any], messages: list[dict[str, Any]]) -> Imported:
    lost, briefs, lines = Lost(), list[str](), list[Line]()
    for message in messages:
        text, name = text_of(message, "content"), text_of(message, "name")
        lost.count("tool call*", len(cast("list[Any]", message.get("toolCalls") or [])))
        match message.get("role"):
            case "system" if not lines:
                briefs.append(text)
            case "system":
                lines.append(Line(LEADER, text))
            case "user":
                lines.append(Line(name or USER, text, person=not name))
            case "assistant":
                thought, model = text_of(message, "reasoningContent"), text_of(message, "model")
                lines.append(Line(name or ASSISTANT, text, thought, model))
            case _:
                lost.count("tool answer*")
    started = next((one["timestamp"] for one in messages if "timestamp" in one), None)
    about = About(
        text_of(session, "name"),
        "\n\n".join(briefs),
        started=moment(started / 1000) if isinstance(started, int | float) else "",
        id=text_of(session, "id"),
        source={"format": "session trace"} | plain_of(session, "type", "name"),
    )
    return conversation(lines, about, lost)
