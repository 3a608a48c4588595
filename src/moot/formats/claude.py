"""Claude's data export: conversations of `chat_messages`, which branch where each names the one before it. Read only.

It must never give the models that spoke a name: the export tells none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import USER, About, Line, Lost, Tree, branches, entries, text_of, words
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moot.formats.page import Imported

CLAUDE = "Claude"


def fits(document: object) -> bool:
    """Whether a document is a conversation of this kind."""
    match document:
        case {"chat_messages": list()}:
            return True
        case _:
            return False


def read(document: object, where: str) -> Iterator[Imported]:
    """Yield a document's conversation and its branches; nothing where nobody says anything in it."""
    whole = cast("dict[str, Any]", document)
    lost, tree, before = Lost(), Tree(), ""
    for number, message in enumerate(entries(whole, "chat_messages"), 1):
        name = text_of(message, "uuid") or f"message {number}"
        parent = text_of(message, "parent_message_uuid") if "parent_message_uuid" in message else before
        tree.add(name, parent, _line(message, where, number, lost))
        before = name
    paths = [path for path in tree.paths(before, lost) if path]
    if not paths:
        return  # such an export is full of conversations that nobody began
    name = text_of(whole, "uuid")
    about = About(
        text_of(whole, "name"),
        started=text_of(whole, "created_at"),
        id=name,
        source={"format": "claude", "id": name},
    )
    yield from branches(paths, about, lost)


def _line(message: Mapping[str, Any], where: str, number: int, lost: Lost) -> Line | None:
    text, thought = words(message.get("content") or None, lost)
    text = text or text_of(message, "text")
    attached = [*entries(message, "attachments"), *entries(message, "files")]
    lost.count("attached file*", len(attached))
    if not text and not thought:
        return None
    match message.get("sender"):
        case "human":
            return Line(USER, text, person=True)
        case "assistant":
            return Line(CLAUDE, text, thought)
        case _:
            raise Unreadable(f"{where}message {number} of this Claude export is from neither 'human' nor 'assistant'")
