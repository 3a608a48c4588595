"""A series as a small site of files: an index, a page for each conversation, and a feed.

It must never name a file after words that somebody wrote: names are made of letters and digits of ids and titles alone.
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from moot.publish.markup import element
from moot.publish.page import formatted, head, whole
from moot.publish.press import GENERATOR, article, entries, said_day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.publish.article import Piece
    from moot.publish.overlay import Overlay

INDEX, FEED = "index.html", "feed.xml"
LONGEST_SLUG, LONGEST_EXCERPT = 48, 220
NEVER = "1970-01-01"
_ATOM = "http://www.w3.org/2005/Atom"
_RESERVED = re.compile(r"[^a-z0-9]+")


def slug(title: str) -> str:
    """Return a title's letters and digits of ASCII, joined by hyphens; empty where it has none."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return _RESERVED.sub("-", plain).strip("-")[:LONGEST_SLUG].rstrip("-")


def file_of(piece: Piece) -> str:
    """Return the name of a piece's page: the beginning of its id, which stays, then its title's."""
    key = _RESERVED.sub("-", piece.key.lower()).strip("-") or "piece"
    return "-".join(filter(None, (key, slug(piece.title)))) + ".html"


def series(name: str, pieces: Sequence[Piece], overlay: Overlay, address: str = "") -> dict[str, str]:
    """Return the files of a site by their names; `address` is where it will be, for the feed."""
    title = overlay.title or name
    files = {file_of(one): article((one,), overlay, (title, INDEX)) for one in pieces}
    return {
        INDEX: _index(title, pieces, overlay),
        FEED: _feed(name, title, pieces, overlay, address and address.rstrip("/") + "/"),
    } | files


def _index(title: str, pieces: Sequence[Piece], overlay: Overlay) -> str:
    rows = [
        element(
            "li",
            element("h2", element("a", one.title, of={"href": file_of(one), "dir": "auto"})),
            element("p", _line(one), of={"class": "byline"}),
            element("p", excerpt(one), of={"class": "excerpt", "dir": "auto"}),
        )
        for one in pieces
    ]
    top = element(
        "header",
        element("p", "A series", of={"class": "kind"}),
        element("h1", title, of={"dir": "auto"}),
        *([element("p", overlay.subtitle, of={"class": "subtitle", "dir": "auto"})] if overlay.subtitle else []),
        *([element("p", overlay.author, of={"class": "byline author"})] if overlay.author else []),
        *(
            [element("div", formatted(overlay.introduction), of={"class": "introduction"})]
            if overlay.introduction
            else []
        ),
    )
    ended = [element("section", formatted(overlay.afterword), of={"class": "afterword"})] if overlay.afterword else []
    feed = element("a", "Feed (Atom)", of={"href": FEED})
    link = {"rel": "alternate", "type": "application/atom+xml", "title": title, "href": FEED}
    main = element("main", element("ol", *rows, of={"class": "index"}), *ended)
    body = element("body", top, main, element("footer", element("p", feed)))
    return whole(head(title, "article.css", GENERATOR, element("link", of=link)), body, overlay.language or "en")


def _line(piece: Piece) -> str:
    names = ", ".join(one.name for one in piece.people)
    return " \u00b7 ".join(filter(None, (said_day(piece.day), names)))


def excerpt(piece: Piece) -> str:
    """Return the first words of a piece that are words of somebody: its subtitle where it has one."""
    aloud = (one.words for one in piece.entries if one.kind in ("letter", "said"))
    text = piece.overlay.subtitle or " ".join(re.sub(r"[#*_`>]+", "", next(aloud, "")).split())
    return text if len(text) <= LONGEST_EXCERPT else text[:LONGEST_EXCERPT].rsplit(" ", 1)[0] + "\u2026"


def _feed(name: str, title: str, pieces: Sequence[Piece], overlay: Overlay, address: str) -> str:
    newest = max((_moment(one.day) for one in pieces), default=_moment(""))
    feed = ET.Element("feed", {"xmlns": _ATOM})
    _add(feed, "id", _urn(f"series {name}"))
    _add(feed, "title", title)
    _add(feed, "updated", newest)
    _add(feed, "link", rel="self", href=address + FEED)
    _add(feed, "link", rel="alternate", type="text/html", href=address + INDEX)
    _add(_add(feed, "author"), "name", overlay.author or ", ".join(_names(pieces)) or title)
    for one in sorted(pieces, key=lambda piece: (piece.day, piece.id), reverse=True):
        entry = _add(feed, "entry")
        _add(entry, "id", _urn(one.id))
        _add(entry, "title", one.title)
        _add(entry, "updated", _moment(one.day))
        _add(entry, "link", rel="alternate", type="text/html", href=address + file_of(one))
        _add(entry, "summary", excerpt(one))
        _add(entry, "content", str(entries(one, {}, "")), type="html")
    ET.indent(feed)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(feed, encoding="unicode")}\n'


def _add(to: ET.Element, name: str, text: str | None = None, **of: str) -> ET.Element:
    made = ET.SubElement(to, name, of)
    made.text = text
    return made


def _names(pieces: Sequence[Piece]) -> Mapping[str, None]:
    return dict.fromkeys(one.name for piece in pieces for one in piece.people)


def _urn(name: str) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'moot:{name}')}"


def _moment(day: str) -> str:
    return f"{day if re.fullmatch(r'[0-9]{4}-[0-9]{2}-[0-9]{2}', day) else NEVER}T00:00:00Z"
