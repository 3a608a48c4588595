"""SillyTavern's chats, a message a line, and its character cards. Read only.

A message's swipes are branches. A card is somebody who has not spoken yet, but for a greeting. This file must never
take a message that was hidden from the model for one that was heard.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from moot.formats.chat import About, Line, Lost, branches, list_of, moment, object_of, text_of
from moot.formats.files import loads
from moot.formats.page import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moot.formats.page import Imported

_CARDS = ("chara_card_v2", "chara_card_v3")
_PNG = b"\x89PNG\r\n\x1a\n"
_BRIEFS = ("system_prompt", "description", "personality", "scenario", "mes_example", "post_history_instructions")
_NOT_BRIEF = ("name", "first_mes", "alternate_greetings", "tags", "creator", "creator_notes", "character_version")
_MILLISECONDS = 1e11


def fits(document: object) -> bool:
    """Whether a document is the first line of a chat."""
    match document:
        case {"chat_metadata": dict()} | {"user_name": str(), "character_name": str()}:
            return True
        case _:
            return False


def read_all(found: Iterator[tuple[str, Any]]) -> Iterator[Imported]:
    """Yield the conversation of a chat's lines and its branches; `Unreadable` where one is no message."""
    _, head = next(found)
    lost, main, others = Lost(), list[Line](), list[tuple[Line, ...]]()
    began = text_of(head, "create_date")
    for where, document in found:
        message = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
        if not isinstance(message.get("mes"), str) or not isinstance(message.get("name"), str):
            raise Unreadable(f"{where}: a message of a SillyTavern chat has a 'name' and a 'mes'")
        if message.get("is_system") is True:
            lost.count("message* hidden from the model")
            continue
        began = began or _time(message.get("send_date"))
        others += [(*main, swipe) for swipe in _swipes(message)]
        main.append(_line(message, text_of(message, "mes")))
    if not main:
        raise Unreadable("nobody says anything in this SillyTavern chat")
    about = About(started=began, source={"format": "sillytavern"})
    yield from branches([main, *others], about, lost)


def _line(message: Mapping[str, Any], text: str) -> Line:
    more = object_of(message, "extra")
    person = message.get("is_user") is True
    return Line(text_of(message, "name"), text, text_of(more, "reasoning"), text_of(more, "model"), person=person)


def _swipes(message: Mapping[str, Any]) -> Iterator[Line]:
    for other in list_of(message, "swipes"):
        if isinstance(other, str) and other != message["mes"]:
            yield Line(text_of(message, "name"), other, model=text_of(object_of(message, "extra"), "model"))


def _time(value: object) -> str:
    if isinstance(value, str):
        return value
    return moment(value / 1000) if isinstance(value, int | float) and value > _MILLISECONDS else moment(value)


# --- Cards


def is_card(document: object) -> bool:
    """Whether a document is a character card."""
    match document:
        case {"spec": str(spec), "data": dict()} if spec in _CARDS:
            return True
        case _:
            return False


def read_card(document: object, where: str) -> Iterator[Imported]:
    """Yield a card's character with its greeting, then one branch for each other greeting."""
    card = object_of(cast("dict[str, Any]", document), "data")
    name, lost = text_of(card, "name"), Lost()
    if not name.strip():
        raise Unreadable(f"{where}this character card has no name")
    told = {key: value for key in _BRIEFS if (value := text_of(card, key).strip())}
    for key, value in card.items():
        if key not in (*_BRIEFS, *_NOT_BRIEF) and value not in (None, "", [], {}):
            lost.count(f"field* {key[:40]!r} of the card")
    brief = "\n\n".join(value.replace("{{char}}", name) for value in told.values())
    about = About(name, brief, source={"format": "character card", "creator": text_of(card, "creator")})
    greetings = list_of(card, "alternate_greetings")
    said = [text_of(card, "first_mes"), *(one for one in greetings if isinstance(one, str))]
    paths = [(Line(name, one.replace("{{char}}", name)),) for one in said if one.strip()]
    for one in branches(paths or [(Line(name, ""),)], about, lost):
        yield one if paths else replace(one, transcript=one.transcript.until(0))


def card_of_picture(content: bytes) -> Any:  # noqa: ANN401 - any JSON may stand there
    """Return the card in a PNG picture's text; `Unreadable` where there is none."""
    at, found = len(_PNG), dict[bytes, bytes]()
    while at + 8 <= len(content):
        (size,), kind = struct.unpack(">I", content[at : at + 4]), content[at + 4 : at + 8]
        if kind == b"tEXt":
            key, _, value = content[at + 8 : at + 8 + size].partition(b"\0")
            found[key] = value
        at += size + 12
    packed = found.get(b"ccv3") or found.get(b"chara")
    if packed is None:
        raise Unreadable("this picture holds no character card")
    try:
        return loads(base64.b64decode(packed, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise Unreadable("the character card in this picture is damaged") from None


def is_picture(start: bytes) -> bool:
    """Whether a file begins as a PNG picture does."""
    return start.startswith(_PNG)
