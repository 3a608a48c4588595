"""Articles and series as a writer makes them: what is set, what stays behind, and what hostile words can do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.commands import commands
from moot.publish import leaving
from moot.publish.article import Source, pieces, short
from moot.publish.overlay import Overlay, overlay_of
from moot.publish.press import article, letter_of, said_day
from moot.publish.series import file_of, series, slug
from moot.store import open_store
from moot.transcript import (
    CHAIR,
    Ballot,
    Heading,
    Invalid,
    Participant,
    Text,
    Thought,
    Transcript,
    Turn,
    digest,
    digests,
    freeze,
)
from test_prose import PAYLOADS, Parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakes.commands import Answer

ATOM = "{http://www.w3.org/2005/Atom}"
_BEGINS = "sk-canary-"
KEY = _BEGINS + "Zq7KdLm3vRx8wYt5Pn6bTc2s"
OPEN = """Dear members of the town council,

I am writing to ask that the river be given **a voice of its own**.

Three summers ago the water stood at my door. I did not blame it.

With respect and some hope,
Ada"""
REPLY = """Dear Ada,
You ask for a voice. I ask who would speak with it.

Yours sincerely,

Bo"""
BACK = "Dear Bo,\n\nThen let us choose the speaker together.\n\n- by lot\n- for a year\n\nAda"


def letters(title: str = "Who speaks for the river?", *words: str, series: str = "rivers") -> Transcript:
    """Return an exchange of letters with a private cue before each, a thought and a draft."""
    people = (
        Participant("Ada", "script:a", "You are Ada. Write to ada.secret@example.org."),
        Participant("Bo", "person", ""),
    )
    about = {"claim": "Rivers should have rights.", "author": "Ada", "critic": "Bo", "exchanges": 1}
    heading = Heading(people, title, "Rivers", "letters", freeze(about), series=series, started="2026-05-04T10:00:00Z")
    told = Transcript(heading)
    for number, letter in enumerate(words or (OPEN, REPLY, BACK)):
        who = ("Ada", "Bo")[number % 2]
        told = told.then(Turn(CHAIR, (Text(f"Write letter {number} now."),), (who,)))
        told = told.then(Turn(who, (Thought("I must sound calm."), Text(letter))))
    return told


def talk(*words: str, title: str = "", series: str = "", form: str = "talk") -> Transcript:
    people = (Participant("Ada", "openai:gpt-5"), Participant("Dan Brown", "person", "Be kind."))
    told = Transcript(Heading(people, title, "Rivers", form, series=series))
    for number, one in enumerate(words):
        told = told.then(Turn(("Ada", "Dan Brown")[number % 2], (Text(one),)))
    return told


def kept(folder: Path, *transcripts: Transcript) -> list[str]:
    """Put conversations on record and return their ids."""

    async def fill() -> list[str]:
        ids: list[str] = []
        async with open_store(folder / "moot.db") as store:
            for one in transcripts:
                identity = digest(one)[:16]
                await store.start(identity, Transcript(one.heading))
                for seq, turn in enumerate(one.turns):
                    await store.append(identity, seq, turn, digests(one.until(seq + 1))[-1])
                ids.append(identity)
        return ids

    return asyncio.run(fill())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    monkeypatch.setenv("MOOT_HOME", str(tmp_path))
    monkeypatch.delenv("MOOT_DB", raising=False)
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


def page_of(*transcripts: Transcript, overlay: Overlay | None = None, kept_in: Sequence[str] = ()) -> str:
    sources = [Source(digest(one), one, ("2026-01-02T03:04:05Z",) * len(one.turns)) for one in transcripts]
    given = overlay or Overlay()
    return article(pieces(sources, [given] * len(sources), kept_in), given)


def text_of(html: str) -> str:
    return " ".join(" ".join(Parsed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)).text).split())


def check_links(html: str, there: Sequence[str] = ()) -> None:
    """Assert that nothing runs or loads, and that each address on the page leads to something that is there."""
    found = Parsed(html)
    assert {"script", "iframe", "object", "embed", "form", "input", "button", "base", "img", "svg"}.isdisjoint(
        found.tags
    )
    anchors = [value for _, name, value in found.attributes if name == "id"]
    assert len(anchors) == len(set(anchors))
    for tag, name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in ("src", "srcset", "style", "action", "ping", "srcdoc", "background"), (tag, name)
        if name == "href":
            assert value in there or value[1:] in anchors or re.match(r"(?:https?|mailto):", value), value
            assert tag == "a" or value == "feed.xml"
    assert html.count("<style>") == 1
    assert not re.search(r"url\(|@import", html.partition("</style>")[0])


# What is set


def test_a_letter_is_set_with_salutation_close_date_and_an_address_of_its_own(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    kept(tmp_path, letters())
    told = run("publish", "last", "-o", "a.html", "--yes")
    assert told.code == 0, told.err
    html = Path("a.html").read_text()
    assert re.search(r'class="salutation" dir="auto"><p>Dear members of the town council,</p>', html)
    assert re.search(r'class="close" dir="auto"><p>With respect and some hope,<br>\s*Ada</p>', html)
    assert re.search(r'class="close" dir="auto"><p>Yours sincerely,<br>\s*Bo</p>', html)
    assert html.count('class="letter"') == 3
    assert '<time datetime="2026-05-04">4 May 2026</time>' in html
    assert re.search(r'id="turn-2".*id="turn-4".*id="turn-6"', html, re.DOTALL)
    assert "<strong>a voice of its own</strong>" in html
    words = text_of(html)
    for behind in ("Write letter", "sound calm", "You are Ada"):
        assert behind not in words
    check_links(html)


@pytest.mark.parametrize(
    ("words", "salutation", "close"),
    [
        (OPEN, "Dear members of the town council,", "With respect and some hope,\nAda"),
        (REPLY, "Dear Ada,", "Yours sincerely,\nBo"),
        (BACK, "Dear Bo,", "Ada"),
        ("# On rivers\n\nTo whom it may concern:\n\nWords.\n\nAda", "To whom it may concern:", "Ada"),
        ("No letter at all, only words.", "", ""),
        ("Dear Bo,\n\n```\na\n\nAda\n```", "Dear Bo,", ""),
        ("Dear Bo,", "Dear Bo,", ""),
        ("", "", ""),
    ],
)
def test_salutation_and_close_are_found_and_no_word_is_lost(words: str, salutation: str, close: str) -> None:
    writer = "Bo" if "Bo" in close else "Ada"
    told = letter_of(words, writer)
    assert (told.salutation, told.close) == (salutation, close)
    assert f"{told.before} {told.salutation} {told.body} {told.close}".split() == words.split()


@given(st.text(alphabet=st.sampled_from("Dear Bo,\n:*-`A"), max_size=120), st.sampled_from(["Ada", "B", "Dear"]))
def test_no_word_of_any_letter_is_lost(words: str, writer: str) -> None:
    told = letter_of(words, writer)
    assert f"{told.before} {told.salutation} {told.body} {told.close}".split() == words.split()


def test_a_debate_stands_under_its_motion_with_its_sides_and_how_it_ended() -> None:
    about = {"motion": "Zoos <should> close.", "proposition": "Ada", "opposition": "Dan Brown", "judges": ["Cy"]}
    people = (*talk().heading.participants, Participant("Cy", "script:c"))
    told = Transcript(Heading(people, "On zoos", "", "debate", freeze(about)))
    told = told.then(Turn("Ada", (Text("They should."),))).then(Turn("Dan Brown", (Text("No."),), stop="length"))
    vote = Turn("Cy", (Ballot("Who won?", ("Ada", "Dan Brown"), "Ada"),), ())
    source = Source("d" * 16, told.then(vote), ("2026-01-02T03:04:05Z",) * 3, "Ada wins by 1 to 0")
    words = text_of(article(pieces([source], [Overlay()]), Overlay()))
    for wanted in (
        "Motion Zoos <should> close.",
        "Ada for the motion",
        "against the motion",
        "cut short",
        "Ada wins by 1",
    ):
        assert wanted in words
    assert "Who won?" not in words
    with_votes = text_of(article(pieces([source], [Overlay()], ("private",)), Overlay()))
    assert "Who won? Ada" in with_votes


def test_what_is_asked_for_is_let_out() -> None:
    words = text_of(page_of(letters(), kept_in=("briefs", "thoughts", "private")))
    for wanted in ("Write letter 0 now.", "I must sound calm.", "You are Ada.", "to Ada only"):
        assert wanted in words


def test_several_conversations_are_one_page_with_contents(run: Callable[..., Answer], tmp_path: Path) -> None:
    ids = kept(tmp_path, letters(), talk("Hello.", "Hi."))
    told = run("publish", *ids, "-o", "two.html", "--title", "Two of them", "--intro", "Read *both*.", "--yes")
    assert told.code == 0, told.err
    html = Path("two.html").read_text()
    check_links(html)
    assert "<h1" in html
    assert "<em>both</em>" in html
    assert f'href="#{ids[0][:8]}"' in html
    assert f'id="{ids[1][:8]}-turn-2"' in html


def test_as_markdown_headings_and_tags_of_the_words_are_none_of_the_articles(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    kept(tmp_path, talk("# Mine\n\n<b>bold</b>\n\nunder\n===\n\n```\nopen", "Hi.", title="A *title*"))
    told = run("publish", "last", "--markdown", "-o", "a.md", "--yes")
    assert told.code == 0, told.err
    text = Path("a.md").read_text()
    assert text.startswith("# A \\*title\\*\n")
    assert "#### Mine" in text
    assert "\\<b>" in text
    assert text.count("```") == 2
    assert [line for line in text.splitlines() if re.match(r"#{1,3} ", line)] == ["# A \\*title\\*"]


def test_the_same_record_gives_the_same_bytes(run: Callable[..., Answer], tmp_path: Path) -> None:
    kept(tmp_path, letters(), letters("Another"))
    for name in ("one", "two"):
        assert run("publish", "--series", "rivers", "-o", name, "--yes").code == 0
        assert run("publish", "last", "-o", f"{name}.html", "--yes").code == 0
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()
    once, again = ({path.name: path.read_bytes() for path in Path(name).iterdir()} for name in ("one", "two"))
    assert once == again


# An editor's words


def test_an_overlay_adds_words_and_leaves_the_record_as_it_is(run: Callable[..., Answer], tmp_path: Path) -> None:
    kept(tmp_path, letters())
    before = run("show", "last", "--json").out
    Path("o.toml").write_text(
        'title = "A river\'s voice"\nsubtitle = "Three letters"\nauthor = "RK"\nintroduction = "Read *slowly*."\n'
        'afterword = "The end."\nlanguage = "en-GB"\n[[notes]]\nturn = 4\ntext = "He did **not** sign at first."\n'
    )
    told = run("publish", "last", "--overlay", "o.toml", "-o", "a.html", "--yes")
    assert told.code == 0, told.err
    html = Path("a.html").read_text()
    for wanted in ("<em>slowly</em>", "<strong>not</strong>", 'lang="en-GB"', "Three letters", "RK", "The end."):
        assert wanted in html
    assert html.index("Yours sincerely") < html.index("sign at first") < html.index("choose the speaker")
    assert run("show", "last", "--json").out == before


@pytest.mark.parametrize(
    ("overlay", "said"),
    [
        ("titel = 'x'", "titel"),
        ("title = 3", "title must be words"),
        ("[[notes]]\nturn = 1\ntext = 'to a private cue'", "turn 1"),
        ("[[notes]]\nturn = 99\ntext = 'x'", "turn 99"),
        ("notes = 'x'", "a note is a table"),
        ("[pieces.zzz]\ntitle = 'x'", "pieces.zzz"),
        ("pieces = 3", "pieces are tables"),
        ("pieces.x = 3", "must be a table"),
        ("title =", "no TOML"),
    ],
)
def test_an_overlay_that_does_not_fit_is_refused_in_a_line(
    run: Callable[..., Answer], tmp_path: Path, overlay: str, said: str
) -> None:
    kept(tmp_path, letters())
    Path("o.toml").write_text(overlay)
    told = run("publish", "last", "--overlay", "o.toml", "-o", "a.html", "--yes")
    assert told.code == 2
    assert said in told.err
    assert not Path("a.html").exists()


def test_pieces_of_an_overlay_belong_to_conversations_by_the_beginning_of_their_ids() -> None:
    whole, theirs = overlay_of(
        {"title": "All", "pieces": {"3f": {"title": "One", "notes": [{"turn": 2, "text": "x"}]}}}
    )
    assert (whole.title, theirs["3f"].title, theirs["3f"].notes) == ("All", "One", ((2, "x"),))


def test_each_piece_has_words_of_its_own_as_a_page_and_as_markdown(run: Callable[..., Answer], tmp_path: Path) -> None:
    one, two = kept(tmp_path, letters(), talk("Hello.", "Hi."))
    Path("o.toml").write_text(
        f'title = "Both"\nsubtitle = "Of two"\nauthor = "RK"\nintroduction = "All."\nafterword = "End."\n'
        f'[pieces.{one[:6]}]\ntitle = "First"\nintroduction = "Of the first."\nafterword = "So far."\n'
        f'[[pieces.{one[:6]}.notes]]\nturn = 2\ntext = "Sent\\nat once."\n'
    )
    for name, more in (("a.html", ()), ("a.md", ("--markdown",))):
        told = run("publish", one, two, "--overlay", "o.toml", "-o", name, "--with", "briefs", "--yes", *more)
        assert told.code == 0, told.err
    order = (
        "Both",
        "Of two",
        "RK",
        "All.",
        "First",
        "Of the first.",
        "You are Ada.",
        "town council",
        "at once.",
        "So far.",
    )
    text = Path("a.md").read_text()
    places = [text.find(wanted) for wanted in order]
    assert -1 not in places
    assert places == sorted(places)
    html = text_of(Path("a.html").read_text())
    assert [wanted for wanted in order if wanted not in html] == []
    assert "### An open letter" in text
    assert "> *Editor\u2019s note:* Sent\n> at once." in text
    told = run("publish", two, "--overlay", "o.toml", "-o", "b.html", "--yes")
    assert told.code == 2
    Path("o.toml").write_text(f'title = "Mine"\n[pieces.{one[:6]}]\ntitle = "Theirs"\nsubtitle = "Under"\n')
    assert run("publish", one, "--overlay", "o.toml", "-o", "c.md", "--markdown", "--yes").code == 0
    assert Path("c.md").read_text().startswith("# Mine\n\n*Under*")
    Path("o.toml").write_text('[[notes]]\nturn = 2\ntext = "x"\n')
    assert "pieces.ID.notes" in run("publish", one, two, "--overlay", "o.toml", "-o", "d.html", "--yes").err


# A series


def test_a_series_is_a_site_whose_links_lead_somewhere_and_whose_feed_is_atom(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    ids = kept(tmp_path, letters(), letters("Ein zweiter Fluß & <mehr>"), talk("Not of it."))
    told = run("publish", "--series", "rivers", "-o", "site", "--url", "https://example.org/r", "--yes")
    assert told.code == 0, told.err
    files = {path.name: path.read_text() for path in Path("site").iterdir()}
    assert len(files) == 4
    for name, content in files.items():
        if name.endswith(".html"):
            check_links(content, tuple(files))
    feed = ET.fromstring(files["feed.xml"])  # noqa: S314 - our own file
    assert feed.tag == f"{ATOM}feed"
    assert all(feed.find(f"{ATOM}{name}") is not None for name in ("id", "title", "updated", "author"))
    entries = feed.findall(f"{ATOM}entry")
    assert {one.findtext(f"{ATOM}title") for one in entries} == {
        "Who speaks for the river?",
        "Ein zweiter Fluß & <mehr>",
    }
    for one in entries:
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", one.findtext(f"{ATOM}id") or "")
        assert one.findtext(f"{ATOM}updated") == "2026-05-04T00:00:00Z"
        link = one.find(f"{ATOM}link")
        assert link is not None
        assert link.get("href", "").removeprefix("https://example.org/r/") in files
        assert "town council" in (one.findtext(f"{ATOM}content") or "")
    assert f"{ids[0][:8]}-who-speaks-for-the-river.html" in files


TITLES = (
    "../../etc/passwd", "..", "/", "\\..\\x", "NUL\0 and CON", "a" * 300, "\u202egnp.exe", "\u0634\u0639\u0631", "",
    "-rf", "x\ny", "<script>alert(1)</script>", "%2e%2e%2f", "con", ".htaccess", "\U0001f30a" * 20,
)  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_a_title_never_names_a_place(title: str, tmp_path: Path, run: Callable[..., Answer]) -> None:
    kept(tmp_path, letters(title, series=title or "none"))
    told = run("publish", "--series", title.replace("\0", "\ufffd") or "none", "--yes")
    assert told.code == 0, told.err
    [site] = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", site.name)
    names = sorted(path.name for path in site.iterdir())
    assert len(names) == 3
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*\.(?:html|xml)", name) and len(name) < 70 for name in names)
    ET.fromstring((site / "feed.xml").read_bytes())  # noqa: S314 - our own file


@given(st.text(max_size=400))
def test_a_slug_is_letters_and_digits(title: str) -> None:
    assert re.fullmatch(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", slug(title))
    assert len(slug(title)) <= 48


# What leaves

PLANTED = (
    ("keys", KEY, "looks like a key"),
    ("emails", "dan.brown+x@mail.example.co.uk", "dan.brown+x@mail.example.co.uk"),
    ("paths", "/srv/dan/letters/draft.md", "/srv/dan/letters/draft.md"),
    ("paths", "C:\\Users\\Dan\\draft.txt", "C:\\Users\\Dan\\draft.txt"),
    ("paths", "~/letters/draft.md", "~/letters/draft.md"),
    ("names", "Dan Brown", "Dan Brown"),
)


@pytest.mark.parametrize(("kind", "planted", "told"), PLANTED)
@pytest.mark.parametrize("where", ["words", "title", "overlay"])
def test_what_is_planted_is_in_the_preview_and_never_in_the_output(
    run: Callable[..., Answer], tmp_path: Path, kind: str, planted: str, told: str, where: str
) -> None:
    words = f"As {planted} says." if where == "words" else "Hello."
    title = f"On {planted}" if where == "title" else "On it"
    kept(tmp_path, talk(words, "Well.", title=title, series="s"))
    Path("o.toml").write_text(f"introduction = '''By {planted if where == 'overlay' else 'me'}.'''\n")
    more = ("--overlay", "o.toml", "--hide-names", "--yes")
    for words_of in (("last", "-o", "a.html"), ("last", "--markdown", "-o", "a.md"), ("--series", "s", "-o", "site")):
        said = run("publish", *words_of, *more)
        assert said.code == 0, said.err
        assert f"{kind}: " in said.err
        assert told in " ".join(said.err.split())
        assert KEY not in said.err + said.out
    for path in (Path("a.html"), Path("a.md"), *Path("site").iterdir()):
        written = path.read_text()
        assert planted not in written
        assert planted not in unescape(unescape(written)).replace("\\\\", "\\")


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=30), st.emails(), st.text(max_size=30))
def test_any_address_in_any_words_is_found_and_taken_out(before: str, address: str, after: str) -> None:
    told = Text(f"{before} {address} {after}")
    found = {one.what for one in leaving.found_in(told, str) if one.kind == "emails"}
    assert any(address in one for one in found)
    assert address not in leaving.redacted(told, {}, (), str).text


@pytest.mark.parametrize(
    "piece", ["a", "<", "<head>", "/", "/a", "a@", "~", "C:\\", "\\\\a", "@a", "*", "\n\n", "Dear Bo,\n"]
)
def test_long_words_are_searched_in_a_moment(piece: str) -> None:
    words = piece * (200_000 // len(piece))
    began = time.process_time()
    leaving.found_in(Text(words), str)
    leaving.redacted(Text(words), {"Dan": "D."}, (), str)
    with contextlib.suppress(Invalid):
        leaving.check_page(words, (), str)
    letter_of(words, "Bo")
    assert time.process_time() - began < 2


def test_what_is_no_path_stays() -> None:
    for words in ("and/or", "24/7", "1/2/2026", "https://example.org/a/b/c", "he/she/they", "w/o", "//", "a / b / c"):
        assert leaving.redacted(Text(words), {}, (), str).text == words


def test_a_path_ends_before_the_full_stop_of_its_sentence() -> None:
    for words in ("See /srv/maps/one.pdf.", "See ~/maps/one.pdf."):
        assert leaving.redacted(Text(words), {}, (), str).text == "See [path]."


def test_a_motion_that_is_the_title_is_not_said_twice() -> None:
    about = freeze({"motion": "Zoos should close.", "proposition": "Ada", "opposition": "Dan Brown"})
    people = talk().heading.participants
    told = Transcript(Heading(people, "", "Zoos should close.", "debate", about)).then(Turn("Ada", (Text("Yes."),)))
    assert text_of(page_of(told)).count("Zoos should close.") == 2  # the page's title and its heading
    named = Transcript(Heading(people, "A debate", "", "debate", about)).then(Turn("Ada", (Text("Yes."),)))
    assert "Motion Zoos should close." in text_of(page_of(named))


def test_a_kept_key_of_this_machine_is_taken_out_though_it_looks_like_none(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", "plainly-a-password-of-mine")
    kept(tmp_path, talk("It is plainly-a-password-of-mine."))
    told = run("publish", "last", "-o", "a.html", "--yes")
    assert told.code == 0, told.err
    assert "plainly-a-password" not in Path("a.html").read_text() + told.err
    assert "keys: " in told.err


@pytest.mark.parametrize("words", ["dan&#64;example.org", "dan@**example**.org", f"{KEY[:14]}*{KEY[14:20]}*{KEY[20:]}"])
def test_what_markdown_would_put_together_is_refused(run: Callable[..., Answer], tmp_path: Path, words: str) -> None:
    kept(tmp_path, talk(f"So: {words} it is."))
    for more in ((), ("--markdown",)):
        told = run("publish", "last", "-o", "a.page", "--yes", *more)
        assert told.code == 2
        assert "nothing was written" in told.err
    assert list(tmp_path.glob("*.page")) == []


def test_names_are_others_everywhere_and_what_is_kept_is_kept(run: Callable[..., Answer], tmp_path: Path) -> None:
    kept(tmp_path, talk("Dan  brown, write to me@example.org from /srv/ada/x.", "I, Dan Brown, will."))
    told = run(
        "publish", "last", "-o", "a.html", "--rename", "Dan Brown=D.", "--keep", "emails", "--keep", "paths", "--yes"
    )
    assert told.code == 0, told.err
    words = text_of(Path("a.html").read_text())
    assert "brown" not in words.casefold()
    assert "D., write to me@example.org from /srv/ada/x." in words
    assert "Dan Brown (person), as D." in told.err
    for wrong in ("Dan", "=x", "Dan=chair", "Dan= "):
        assert run("publish", "last", "-o", "b.html", "--rename", wrong, "--yes").code == 2


def test_a_name_that_is_a_word_of_moots_own_spoils_nothing() -> None:
    people = (Participant("letter", "person"), Participant("said", "person"))
    told = Transcript(Heading(people, "t")).then(Turn("letter", (Text("I, said said."),)))
    before = pieces([Source("a" * 16, told)], [Overlay()])
    after = leaving.fit(before, lambda one: leaving.redacted(one, leaving.hidden(before), (), str))
    assert after[0].entries[0].kind == "said"
    assert text_of(article(after, Overlay())).count("someone") >= 4


# Asking, and files


def test_nobody_there_to_ask_writes_nothing_and_a_preview_asks_nothing(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    kept(tmp_path, letters())
    told = run("publish", "last", "-o", "a.html")
    assert told.code == 2
    assert "--yes" in told.err
    told = run("publish", "last", "--preview")
    assert told.code == 0
    for wanted in (
        "3 turns of 1 conversation",
        "briefs: 1, which stay",
        "thoughts: 3",
        "private: 3",
        "names: Bo (person)",
    ):
        assert wanted in told.err
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 130)])
def test_somebody_there_is_asked(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    kept(tmp_path, letters())

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self, *_: int) -> str:
            return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert run("publish", "last", "-o", "a.html").code == code
    assert Path("a.html").exists() == (code == 0)


def test_what_is_there_is_not_written_over_unasked(run: Callable[..., Answer], tmp_path: Path) -> None:
    kept(tmp_path, letters())
    Path("a.html").write_text("mine")
    told = run("publish", "last", "-o", "a.html", "--yes")
    assert told.code == 2
    assert "--force" in told.err
    assert Path("a.html").read_text() == "mine"
    assert run("publish", "last", "-o", "a.html", "--yes", "--force").code == 0
    Path("site").mkdir()
    Path("site/mine.txt").write_text("mine")
    assert run("publish", "--series", "rivers", "-o", "site", "--yes").code == 2
    told = run("publish", "--series", "rivers", "-o", "site", "--yes", "--force")
    assert told.code == 2
    assert "no folder that moot published" in told.err
    assert [path.name for path in Path("site").iterdir()] == ["mine.txt"]
    assert run("publish", "last", "-o", "site", "--yes", "--force").code == 2


def test_a_published_series_is_written_anew_with_force_and_nothing_is_left_beside_it(
    run: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path, letters())
    assert run("publish", "--series", "rivers", "-o", "site", "--yes").code == 0
    kept(tmp_path, letters("More"))
    was = sorted(path.name for path in Path("site").iterdir())
    with monkeypatch.context() as broken:
        broken.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        told = run("publish", "--series", "rivers", "-o", "site", "--yes", "--force")
    assert told.code == 2
    assert sorted(path.name for path in Path("site").iterdir()) == was
    assert run("publish", "--series", "rivers", "-o", "site", "--yes", "--force").code == 0
    assert len(list(Path("site").iterdir())) == 4
    assert [path.name for path in tmp_path.iterdir() if "site" in path.name] == ["site"]


@pytest.mark.parametrize(
    "words", [("--series", "none", "--yes"), ("--series", "x", "last"), ("last", "--url", "javascript:x"), ("nowhere",)]
)
def test_what_cannot_be_is_said_in_a_line(run: Callable[..., Answer], tmp_path: Path, words: tuple[str, ...]) -> None:
    kept(tmp_path, letters())
    told = run("publish", *words)
    assert told.code == 2
    assert told.err.startswith("moot: ")


# Hostile words


def test_no_payload_in_any_field_runs_or_loads() -> None:
    for payload in PAYLOADS:
        flat = payload.replace("\n", " ")
        name = flat.replace(":", "")[:40].strip()
        people = (Participant(name, f"script:{flat}", payload), Participant("Bo", f"person:{flat}"))
        ballot = Turn(name, (Ballot(payload, (payload, "Bo"), payload),))
        overlay = Overlay(payload, payload, payload, payload, payload, payload, ((1, payload),))
        sources: list[Source] = []
        for form in ("talk", "letters", "debate", payload):
            about = {"motion": payload, "claim": payload, "proposition": name, "opposition": "Bo"}
            heading = Heading(people, payload, payload, form, freeze(about), series=payload, started=payload)
            told = (
                Transcript(heading).then(Turn(name, (Thought(payload), Text(payload)), marks=(payload,))).then(ballot)
            )
            sources.append(Source(digest(told), told, (payload,) * 2, payload))
        every = pieces(sources, [overlay] * len(sources), ("briefs", "thoughts", "private"))
        files = series(payload, every, overlay)
        for content in (article(every, overlay), *(files[name] for name in files if name.endswith(".html"))):
            check_links(content, tuple(files))
        feed = ET.fromstring(files["feed.xml"])  # noqa: S314 - our own file
        for one in feed.iter(f"{ATOM}content"):
            check_links(f"<style></style>{one.text}")


def test_keys_of_pieces_tell_them_apart_and_days_are_said() -> None:
    assert short(["a" * 16, "a" * 9 + "b" * 7]) == ("a" * 10, "a" * 9 + "b")
    assert [said_day(one) for one in ("2026-05-04", "2026-13-04", "soon", "")] == [
        "4 May 2026",
        "2026-13-04",
        "soon",
        "",
    ]
    source = Source("\u202e../x", talk("Hi."))
    assert re.fullmatch(r"[a-z0-9-]+\.html", file_of(pieces([source], [Overlay()])[0]))
    with pytest.raises(Invalid, match="no such turn"):
        pieces([source], [Overlay(notes=((2, "x"),))])


def test_a_conversation_without_words_is_no_article_and_not_in_a_series(
    run: Callable[..., Answer], tmp_path: Path
) -> None:
    private = letters("Only a cue").until(1)
    kept(tmp_path, letters(), private)
    told = run("publish", "last", "-o", "a.html", "--yes")
    assert told.code == 2
    assert "nothing can be read" in told.err
    assert not Path("a.html").exists()
    told = run("publish", "--series", "rivers", "-o", "site", "--yes")
    assert told.code == 0, told.err
    assert "left out" in told.err
    assert len(list(Path("site").iterdir())) == 3


def test_of_an_imported_model_the_name_is_told_and_it_is_nobody_to_hide() -> None:
    people = (Participant("Claude", "unknown:claude-2"), Participant("RK", "unknown"))
    told = Transcript(Heading(people, "t")).then(Turn("RK", (Text("Hello."),)))
    every = pieces([Source("a" * 16, told)], [Overlay()])
    assert leaving.people(every) == {"Claude": "claude-2", "RK": "unknown"}
    assert leaving.hidden(every) == {"RK": "someone"}


def test_words_that_run_to_the_left_are_set_by_themselves() -> None:
    html = page_of(talk("\u0634\u0639\u0631 \u0639\u0631\u0628\u064a"))
    assert re.search(r'<div class="words" dir="auto"><p>\u0634', html)
