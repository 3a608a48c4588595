"""Session traces (the Hugging Face Hub's simple format): a line of the session, then a message a line.

It must never take a tool's words for somebody's.
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
    list_of,
    moment,
    object_of,
    plain_of,
    text_of,
)
from moot.formats.page import Unreadable, Written
from moot.formats.perspective import chat, lost_of, unheard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moot.formats.page import Imported, Record
    from moot.formats.perspective import Way


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
        lost.count("tool call*", len(list_of(message, "toolCalls")))
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


def write(record: Record, way: Way) -> Written:
    """Return a conversation as a session of lines, as `way` has it told."""
    transcript = record.transcript
    voices = {one.name: one.voice for one in transcript.heading.participants}
    head = {"type": "session", "harness": "moot", "id": record.id, "name": transcript.heading.title}
    lines: list[dict[str, Any]] = [{key: value for key, value in head.items() if value}]
    for one in chat(transcript, way):
        more = {"name": one.speaker if one.role == "user" else "", "reasoningContent": one.thought}
        more |= {"model": voices.get(one.speaker, "") if one.role == "assistant" else ""}
        message = {"role": one.role, "content": one.words} | {key: value for key, value in more.items() if value}
        lines.append({"type": "message", "message": message})
    back = next(read_all(iter([("", line) for line in lines])), None)
    lost = lost_of(transcript, back, way) if back else tuple(unheard(transcript, way))
    return Written("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), lost)
