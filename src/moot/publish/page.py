"""A page as one file of HTML: no script, nothing loaded, light and dark, on paper and on a telephone.

It must never let a word of anybody's out of its place: all text is escaped as the page is made, speakers' Markdown goes
through `prose`, and a policy in the page forbids whatever might slip through.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from moot.publish.blocks import Bullets, Code, Figure, Fold, Link, Paragraph, Said, Section, Table
from moot.publish.charts import INK
from moot.publish.markup import Markup, element, joined
from moot.publish.prose import prose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from moot.publish.blocks import Block, Cell, Document

    Draw = Callable[[Mapping[str, Any], str], str] | None
    """Draws a chart as SVG whose ids begin with a name; None where charts cannot be drawn here."""

LACKING = 'Markdown is shown as it was written; to have it formatted: pip install "moot[plots]"'

POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def is_formatted() -> bool:
    """Whether Markdown can be shown as HTML here."""
    return find_spec("nh3") is not None and find_spec("markdown_it") is not None


def page(document: Document, draw: Draw, language: str = "en") -> str:
    """Return a whole page."""
    written = _Writer(draw, frozenset(_anchors(document.sections)))
    body = element("body", _top(document), element("main", *map(written.block, document.sections)), _foot(document))
    return whole(head(document.title, "page.css"), body, language)


def head(title: str, sheet: str, *more: Markup) -> Markup:
    """Return the head of a page that may load nothing and has the style of one of the sheets here."""
    style = (files("moot.publish") / sheet).read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return element(
        "head",
        element("meta", of={"charset": "utf-8"}),
        element("meta", of={"http-equiv": "Content-Security-Policy", "content": POLICY.format(style=digest)}),
        element("meta", of={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", of={"name": "referrer", "content": "no-referrer"}),
        element("title", title),
        *more,
        element("style", Markup(style)),
    )


def whole(top: Markup, body: Markup, language: str) -> str:
    """Return a whole page of a head and a body."""
    return f"<!DOCTYPE html>\n{element('html', top, body, of={'lang': language})}\n"


def _top(document: Document) -> Markup:
    facts = [element("div", element("dt", name), element("dd", value)) for name, value in document.facts]
    found = [element("li", element("a", one.title, of={"href": f"#{one.anchor}"})) for one in document.sections]
    return element(
        "header",
        element("p", document.kind, of={"class": "kind"}),
        element("h1", document.title),
        *([element("p", document.opening, of={"class": "opening"})] if document.opening else []),
        *([element("dl", *facts)] if facts else []),
        element("nav", element("ul", *found), of={"aria-label": "Sections"}),
    )


def _foot(document: Document) -> Markup:
    return element("footer", element("p", f"Made by {document.kind}. This page loads nothing and runs no script."))


def _anchors(blocks: Iterable[Block]) -> Iterable[str]:
    """Return all places of a page that links can lead to."""
    for one in blocks:
        match one:
            case Section():
                yield one.anchor
                yield from _anchors(one.blocks)
            case Fold():
                if one.anchor:
                    yield one.anchor
                yield from _anchors(one.blocks)
            case _:
                pass


def formatted(words: str) -> Markup:
    """Return somebody's Markdown as HTML that can do nothing, or plain where the extra is not here."""
    return Markup(prose(words)) if is_formatted() else element("div", words, of={"class": "plain"})


class _Writer:
    """Blocks as HTML; a link to what is not on the page is words alone."""

    def __init__(self, draw: Draw, anchors: frozenset[str]) -> None:
        self._draw = draw
        self._anchors = anchors

    def block(self, one: Block) -> Markup:  # noqa: PLR0911 - one for each kind of block
        """Return a block as HTML."""
        match one:
            case Paragraph(text, tone):
                return element("p", text, of={"class": tone} if tone else None)
            case Bullets(lines):
                return element("ul", *(element("li", line) for line in lines))
            case Table():
                return self._table(one)
            case Figure():
                return self._figure(one)
            case Code(text):
                return element("pre", element("code", text))
            case Said():
                note = f" · {one.note}" if one.note else ""
                who = element("p", element("b", one.speaker), f" · {one.number}{note}", of={"class": "who"})
                return element("div", who, formatted(one.words), of={"class": "turn"})
            case Fold(summary, blocks, anchor):
                of = {"id": anchor} if anchor else None  # within, so that a link to it opens what it is in
                inner = element("div", *map(self.block, blocks), of=of)
                return element("details", element("summary", summary), inner)
            case Section(title, anchor, blocks):  # exhaustive
                head = element("h2", title, of={"id": f"{anchor}-title"})
                of = {"id": anchor, "aria-labelledby": f"{anchor}-title"}
                return element("section", head, *map(self.block, blocks), of=of)

    def _table(self, one: Table) -> Markup:
        linked = {at for row in one.rows for at, cell in enumerate(row) if not isinstance(cell, str)}

        def of(at: int) -> dict[str, str] | None:
            return {"class": "links"} if at in linked else {"class": "w"} if at < one.words else None

        heads = [element("th", head, of={"scope": "col"} | (of(at) or {})) for at, head in enumerate(one.heads)]
        rows = [
            element("tr", *(element("td", self._cell(cell), of=of(at)) for at, cell in enumerate(row)))
            for row in one.rows
        ]
        caption = element("caption", one.caption)
        whole = element("table", caption, element("thead", element("tr", *heads)), element("tbody", *rows))
        return element(
            "div", whole, of={"class": "scroll", "tabindex": "0", "role": "group", "aria-label": one.caption}
        )

    def _cell(self, cell: Cell) -> Markup:
        if isinstance(cell, str):
            return joined((cell,))
        return joined(
            piece for at, link in enumerate(cell) for piece in ((" ", self._link(link)) if at else (self._link(link),))
        )

    def _link(self, link: Link) -> str:
        return element("a", link.words, of={"href": f"#{link.to}"}) if link.to in self._anchors else link.words

    def _figure(self, one: Figure) -> Markup:
        caption = element("figcaption", element("h3", one.title), element("p", one.caption))
        if self._draw is None:
            return element("figure", caption, self._table(one.table), of={"id": f"figure-{one.name}"})
        drawn = [
            element("div", inlined(self._draw(_untitled(spec), f"{one.name}-{kind}"), one), of={"class": kind})
            for kind, spec in (("wide", one.wide), ("narrow", one.narrow))
        ]
        same = element("details", element("summary", "The same in figures"), self._table(one.table))
        return element("figure", caption, *drawn, same, of={"id": f"figure-{one.name}"})


def _untitled(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chart without its title, which the page says itself."""
    return {name: value for name, value in spec.items() if name != "title"}


_ROOT = re.compile(r"<svg\b[^>]*?(\bviewBox=\"[^\"]*\")[^>]*>")


def inlined(svg: str, of: Figure) -> Markup:
    """Return a chart to stand in a page: in the page's own ink, as one picture with a name for who cannot see it."""
    name = element("title", of.title) + element("desc", of.caption)

    def root(found: re.Match[str]) -> str:
        return f'<svg xmlns="http://www.w3.org/2000/svg" {found[1]} role="img" aria-label="{escape(of.title)}">{name}'

    return Markup(_ROOT.sub(root, svg, count=1).replace(f'"{INK}"', '"currentColor"'))
