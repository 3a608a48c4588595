"""moot in a notebook: values that show themselves without running anything, and figures as frames."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from fakes.commands import commands
from moot.measures import Score
from moot.measures.frames import polars_frame
from moot.measures.recorded import Recorded
from moot.notebook import conversations, measure, scores_frame
from moot.store import open_store
from moot.transcript import Ballot, Heading, Invalid, Participant, Text, Transcript, Turn

if TYPE_CHECKING:
    from fakes.commands import Answer

HOSTILE = "<script>alert(1)</script></blockquote><img src=x onerror=alert(1)> $\\href{javascript:alert(1)}{x}$ \u202e"


class _Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.words += data


def tags(html: str) -> _Tags:
    found = _Tags()
    found.feed(html)
    return found


def test_a_conversation_shows_itself_and_nothing_in_it_runs() -> None:
    people = (Participant("Ada", "script:a"), Participant("<b>Bo</b>", "script:b"))
    talk = Transcript(Heading(people, title=HOSTILE))
    talk = talk.then(Turn("Ada", (Text(HOSTILE),))).then(Turn("<b>Bo</b>", (Text("Hm.\nYes."),), ("Ada",)))
    talk = talk.then(Turn("Ada", (Ballot("Q?", ("yes", HOSTILE), HOSTILE),), ()))
    for shown in (talk._repr_html_(), Recorded("x", talk)._repr_html_()):
        found = tags(shown)
        assert found.found == {"div", "class", "h4", "bdi", "p", "b", "blockquote", "style"}
        assert found.words.count("<script>alert(1)</script>") == 3
        assert "<b>Bo</b> (to Ada only)" in found.words
        assert "tex2jax_ignore mathjax_ignore" in shown


def test_a_figure_shows_itself_and_nothing_in_it_runs() -> None:
    score = Score(HOSTILE, 1.5, None, None, None, 3, None, HOSTILE, "mean", why="no interval: 3 <b>")
    found = tags(score._repr_html_())
    assert found.found == {"table", "class", "tr", "th", "td"}
    assert "no interval: 3 <b>" in found.words
    assert "1.5" in found.words


@pytest.mark.anyio
async def test_conversations_and_their_figures_come_off_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    talk = Transcript(Heading((Participant("Ada", "script:a"), Participant("Bo", "script:b")), series="x"))
    for words in ("We meet.", "We do.", "Is that so?"):
        talk = talk.then(Turn("Ada" if len(talk.turns) % 2 == 0 else "Bo", (Text(words),)))
    async with open_store(tmp_path / "moot.db") as store:
        await store.start("a" * 16, talk)
        assert (await store.read("a" * 16))._repr_html_() == talk.as_html()
    [found] = await conversations("last", db=tmp_path / "moot.db")
    assert (found.id, found.transcript) == ("a" * 16, talk)
    told = await measure(experiment="x", only=["basics"], db=str(tmp_path / "moot.db"))
    assert "words per turn" in told._repr_html_()
    frame = scores_frame(told)
    assert isinstance(frame, pl.DataFrame)
    assert frame.filter(pl.col("name") == "turns").select("estimate", "id", "cites").row(0) == (
        3.0, "a" * 16, " ".join(f"{'a' * 16}:{turn}" for turn in (1, 2, 3)),
    )  # fmt: skip
    other = scores_frame([score for _, scores in told.each for score in scores], "pandas")
    assert list(other["name"]) == list(frame["name"])
    assert polars_frame([]).height == 0
    with pytest.raises(Invalid, match="which conversations"):
        await conversations()


def test_what_an_experiments_file_names_is_read_in_a_notebook_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import asyncio  # noqa: PLC0415 - as a notebook has a loop of its own

    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("One.\nTwo.\n")
    Path("grid.toml").write_text(
        'name = "g"\n[arguments]\nturns = 2\nprompt = "{claim}"\n[factors]\nclaim = ["A.", "B."]\n'
        '[[cast]]\nname = "Ada"\nvoice = "script:a.txt"\n[[cast]]\nname = "Bo"\nvoice = "script:a.txt"\n'
    )
    run: Answer = commands(capfd)("experiment", "run", "grid.toml")
    assert run.code == 0
    found = asyncio.run(conversations(experiment="grid.toml"))
    assert [one.factors["claim"] for one in found] == ["A.", "B."]
