"""ChatGPT's data export: trees of messages, of which one path is what its reader saw last. Read only.

It must never take a message that was hidden from the reader, or meant for a tool, for something that was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import (
    ASSISTANT,
    LEADER,
    USER,
    About,
    Line,
    Lost,
    Tree,
    branches,
    list_of,
    moment,
    object_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moot.formats.page import Imported
    from moot.transcript import Stop

_STOPS: dict[str, Stop] = {"max_tokens": "length", "interrupted": "interrupted", "content_filter": "filtered"}


@dataclass(frozen=True, slots=True)
class Node:
    """A message of the tree, and the name of the one before it."""

    parent: str
    message: Mapping[str, Any]

    @property
    def content(self) -> dict[str, Any]:
        """What it holds."""
        return object_of(self.message, "content")

    @property
    def about(self) -> dict[str, Any]:
        """What the export says of it."""
        return object_of(self.message, "metadata")

    @property
    def role(self) -> str:
        """Whose it is."""
        return text_of(object_of(self.message, "author"), "role")

    @property
    def hidden(self) -> bool:
        """Whether its reader never saw it."""
        return self.about.get("is_visually_hidden_from_conversation") is True

    @property
    def tool(self) -> bool:
        """Whether it is to or from a tool."""
        return self.role == "tool" or text_of(self.message, "recipient") not in ("", "all")


def fits(document: object) -> bool:
    """Whether a document is a conversation of this kind."""
    match document:
        case {"mapping": dict()}:
            return True
        case _:
            return False


def read(document: object, where: str) -> Iterator[Imported]:
    """Yield a document's conversation and its branches; nothing where nobody says anything in it."""
    del where  # whatever is in it can be read
    whole = cast("dict[str, Any]", document)
    lost, tree, mapping = Lost(), Tree(), object_of(whole, "mapping")
    found = {name: object_of(mapping, name) for name in mapping}
    nodes = {name: Node(text_of(one, "parent"), object_of(one, "message")) for name, one in found.items()}
    for name, node in nodes.items():
        tree.add(name, node.parent, _line(node, _thought_before(nodes, node.parent), lost))
    paths = [path for path in tree.paths(text_of(whole, "current_node"), lost) if path]
    if not paths:
        return  # an export may hold conversations that nobody began
    name = text_of(whole, "conversation_id") or text_of(whole, "id")
    about = About(
        text_of(whole, "title"),
        started=moment(whole.get("create_time")),
        id=name,
        source={"format": "chatgpt", "id": name},
    )
    yield from branches(paths, about, lost)


def _line(node: Node, thought: str, lost: Lost) -> Line | None:
    """Return what a message says, None where it says nothing to anybody."""
    text = _text(node.content, lost)
    if node.hidden or node.tool or not text.strip():
        lost.count("hidden message*", node.hidden and bool(text.strip()))
        lost.count("message* to or from a tool", node.tool and not node.hidden)
        return None
    match node.role:
        case "user":
            return Line(USER, text, person=True)
        case "assistant":
            stop = _STOPS.get(text_of(object_of(node.about, "finish_details"), "type"), "end")
            return Line(ASSISTANT, text, thought, text_of(node.about, "model_slug"), stop=stop)
        case _:
            return Line(LEADER, text)


def _thought_before(nodes: Mapping[str, Node], name: str) -> str:
    """Return the thoughts that stand, as messages of their own, between a message and the last that said something."""
    told: list[str] = []
    seen: set[str] = set()
    while name in nodes and name not in seen and not _line(nodes[name], "", Lost()):
        seen.add(name)
        found = _objects(nodes[name].content.get("thoughts"))
        told += [text_of(one, "content") or text_of(one, "summary") for one in reversed(found)]
        name = nodes[name].parent
    return "\n\n".join(one for one in reversed(told) if one)


def _objects(found: object) -> list[dict[str, Any]]:
    some = cast("list[Any]", found) if isinstance(found, list) else []
    return [cast("dict[str, Any]", one) for one in some if isinstance(one, dict)]


def _text(content: Mapping[str, Any], lost: Lost) -> str:
    match content.get("content_type"):
        case "thoughts" | "reasoning_recap" | None:
            return ""
        case "text" | "multimodal_text":
            parts = list_of(content, "parts")
            said = [one for one in parts if isinstance(one, str)]
            heard = [one for one in _objects(parts) if one.get("content_type") == "audio_transcription"]
            said += [text_of(one, "text") for one in heard]
            lost.count("picture*, sound or file", len(_objects(parts)) - len(heard))
            return "\n\n".join(one for one in said if one)
        case "user_editable_context" | "model_editable_context":
            lost.count("note* of the reader's instructions or the model's memory")
            return ""
        case _:
            return text_of(content, "text") or text_of(content, "result")
