"""Pidgin's event logs, an event a line, of one or more conversations between two models. Read only.

It must never take a chunk or a retry for something that was said: only whole messages count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import LEADER, About, Line, Lost, conversation, object_of, plain_of, text_of
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moot.formats.page import Imported

_AGENTS = ("agent_a", "agent_b")
_ODD = {"ErrorEvent", "APIErrorEvent", "ProviderTimeoutEvent", "ContextTruncationEvent", "ConversationBranchedEvent"}


def fits(document: object) -> bool:
    """Whether a document is an event of such a log."""
    match document:
        case {"event_type": str(kind), "conversation_id": str()}:
            return kind.endswith("Event")
        case _:
            return False


def read_all(found: Iterator[tuple[str, Any]]) -> Iterator[Imported]:
    """Yield the conversations of a log, in the order in which they begin."""
    logs: dict[str, list[Mapping[str, Any]]] = {}
    for where, document in found:
        if not fits(document):
            raise Unreadable(f"{where}: this is no event of a Pidgin log")
        event = cast("dict[str, Any]", document)
        logs.setdefault(event["conversation_id"], []).append(event)
    for name, events in logs.items():
        if any(event["event_type"] == "MessageCompleteEvent" for event in events):
            yield _conversation(name, events)


def _conversation(name: str, events: list[Mapping[str, Any]]) -> Imported:
    lost, lines, thoughts = Lost(), list[Line](), dict[str, str]()
    start = next((one for one in events if one["event_type"] == "ConversationStartEvent"), dict[str, Any]())
    shown = {agent: text_of(start, f"{agent}_display_name") or agent for agent in _AGENTS}
    models = {agent: text_of(start, f"{agent}_model") for agent in _AGENTS}
    if prompt := text_of(start, "initial_prompt"):
        lines.append(Line(LEADER, prompt))
    briefs: dict[str, str] = {}
    for event in events:
        agent = text_of(event, "agent_id")
        match event["event_type"]:
            case "SystemPromptEvent":
                briefs.setdefault(agent, text_of(event, "prompt"))
            case "ThinkingCompleteEvent":
                thoughts[agent] = text_of(event, "thinking_content")
            case "MessageCompleteEvent":
                text = text_of(object_of(event, "message"), "content")
                lines.append(
                    Line(shown.get(agent, agent or "agent"), text, thoughts.pop(agent, ""), models.get(agent, ""))
                )
            case kind if kind in _ODD:
                lost.count(f"event* {kind!r}")
            case _:
                pass
    about = About(
        f"{shown['agent_a']} and {shown['agent_b']}",
        started=text_of(start, "timestamp"),
        id=name,
        source={"format": "pidgin", "id": name} | plain_of(start, "initial_prompt", "event_type", "timestamp"),
        briefs={shown.get(agent, agent): brief for agent, brief in briefs.items()},
    )
    return conversation(lines, about, lost)
