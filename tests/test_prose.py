"""Words in Markdown as HTML: what is formatted, and what never gets through."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moot.publish.markup import Markup, element
from moot.publish.prose import LONGEST, TAGS, prose

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![p](https://evil.example/p.png)",
    "![p][r]\n\n[r]: https://evil.example/p.png",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example/"onmouseover="alert(1))',
    "```html onload=alert(1)\n<b>\n```",
    "<a href='https://a.example' style='position:fixed'>x</a>",
    "<button hx-get=/evil data-on-load=alert(1)>x</button>",
    "<form action=https://evil.example><input name=x></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "| a |\n|:-:|\n| <script>x</script> |",
    "`` <script> ``",
    "<!-- --!><img src=x onerror=alert(1)>-->",
)


class Parsed(HTMLParser):
    """The tags and attributes of a piece of HTML, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(html: str) -> None:
    found = Parsed(html)
    assert set(found.tags) <= TAGS
    allowed = {("a", "href"), ("a", "title"), ("a", "rel"), ("ol", "start"), ("code", "class")}
    assert {(tag, name) for tag, name, _ in found.attributes} <= allowed
    assert {urlsplit(value).scheme for _, name, value in found.attributes if name == "href"} <= {
        "http",
        "https",
        "mailto",
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_runs_or_loads_gets_through(payload: str) -> None:
    check(prose(payload))


@given(
    st.text()
    | st.lists(st.sampled_from((*PAYLOADS, "# ", "> ", "- ", "\n", "*", "`", "](", "![", "<", "&"))).map("".join)
)
@example("[x](/evil)")
def test_whatever_is_said_stays_within_the_list(text: str) -> None:
    check(prose(text))


def test_a_picture_is_shown_as_a_link_that_says_whose_it_is() -> None:
    html = prose("![a cat](https://a.example/c.png)")
    assert '<a href="https://a.example/c.png"' in html
    assert "[image: a cat] a.example" in html
    assert "[image: no description]" in prose("![](http://[)")


def test_headings_begin_below_those_of_the_page_and_end_at_the_last() -> None:
    assert re.findall(r"<h\d>", prose("# a\n## b\n###### c")) == ["<h3>", "<h4>", "<h6>"]


def test_what_markdown_means_is_shown() -> None:
    html = prose("**a** *b* ~~c~~ `d`\n\n> e\n\n1. f\n\n| g |\n|---|\n| h |\n\n[i](https://i.example)")
    for piece in (
        "<strong>a",
        "<em>b",
        "<s>c",
        "<code>d",
        "<blockquote>",
        "<ol>",
        "<th>g",
        '<a href="https://i.example"',
    ):
        assert piece in html


def test_a_text_that_is_too_long_stays_plain() -> None:
    assert prose("<" + "a" * LONGEST) == f"<pre>&lt;{'a' * LONGEST}</pre>"


@given(st.text(), st.text())
def test_an_element_holds_any_text_and_attribute_as_it_is(text: str, value: str) -> None:
    sound = value.replace("\r", "\n").replace("\0", "")
    found = Parsed(element("p", text.replace("\r", "").replace("\0", ""), of={"title": sound}))
    assert "".join(found.text) == text.replace("\r", "").replace("\0", "")
    assert found.attributes == [("p", "title", sound)]


def test_only_what_is_markup_stands_as_it_is() -> None:
    assert element("p", Markup("<b>x</b>"), "<b>") == "<p><b>x</b>&lt;b&gt;</p>"
    assert element("br") == "<br>"
