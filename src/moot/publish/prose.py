"""A model's words as HTML that can do nothing: Markdown without raw HTML, then a list of what may stay.

It must never let through a tag, attribute or address that is not on its lists, nor load anything from elsewhere: a
picture becomes a link that says whose it is, for to load it would tell its host who reads.
"""

from __future__ import annotations

import html
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 200_000
"""Characters of one text that are read as Markdown; a longer one stays plain."""

HIGHEST = 3
"""Headings in a model's words begin at this level: those above it are the page's own."""

TAGS = frozenset(
    (
        *("a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s"),
        *("strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
    )
)
ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "ol": {"start"}}
SCHEMES = ("http://", "https://", "mailto:")


def prose(text: str) -> str:
    """Return words as harmless HTML."""
    import nh3  # noqa: PLC0415 - an extra

    if len(text) > LONGEST:
        return f"<pre>{html.escape(text)}</pre>"
    return nh3.clean(
        _markdown().render(text),
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_kept,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow ugc",
    )


def _kept(tag: str, name: str, value: str) -> str | None:
    match tag, name:
        case "a", "href":  # a relative address would lead to a page of our own
            return value if value.lower().startswith(SCHEMES) else None
        case "code", "class":
            return value if value.startswith("language-") and " " not in value else None
        case _:
            return value


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 - an extra

    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    reader.core.ruler.push("lower_headings", _lower_headings)
    reader.add_render_rule("image", _picture)
    return reader


def _lower_headings(state: Any) -> None:  # noqa: ANN401 - the reader's own state
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + HIGHEST - 1)}"


def _picture(renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ANN401 - the reader's own
    """Return a picture as a link that says what it shows and whose it is."""
    token = tokens[at]
    source = str(token.attrs.get("src", ""))
    shown = renderer.renderInlineAsText(token.children or [], options, env) or "no description"
    try:
        host = urlsplit(source).hostname or "no address"
    except ValueError:
        host = "no address"
    return f'<a href="{html.escape(source)}">[image: {html.escape(shown)}] {html.escape(host)}</a>'
