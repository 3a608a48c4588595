"""Reports, as a user makes them: what they say, what they leave out, and what hostile words can do in them."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import moot.cli
from fakes.commands import commands
from moot.publish import page as pages
from moot.publish import stills
from moot.publish.blocks import Bullets, Code, Document, Fold, Link, Paragraph, Said, Section, Table
from moot.publish.plain import markdown
from moot.publish.texts import MASK, masked
from moot.store import Call, open_store
from moot.transcript import Ballot, Heading, Participant, Text, Transcript, Turn, digest, digests, freeze
from test_prose import PAYLOADS, Parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.commands import Answer

CLAIMS = (
    "Zoos should close.",
    "Tea beats coffee.",
    "Rivers are alive.",
    "Homework helps.",
    "Cars are loud.",
    "Maps lie.",
)
GRID = """
name = "zoos & tea"
question = "Does a talk move <what> is said?"
form = "trial"
repeats = 2
seed = 3
[arguments]
claim = "{claim}"
target = "Alex"
persuader = "Sam"
arm = "{arm}"
side = "for"
probes = 1
turns = "{turns}"
CELLS
[[cast]]
name = "Alex"
voice = "script:alex.txt"
[[cast]]
name = "Sam"
voice = "script:sam.txt"
"""


def answers() -> str:
    """Return the target's script: where it stands on each claim before, after a short talk, and after a longer one."""
    lines: list[str] = []
    for at, claim in enumerate(CLAIMS):
        before = 3 + at % 2
        values = (before, before, before + (at == 1), before + 1 + at % 3)
        turned = "|".join(str(8 - one) for one in values)
        lines.append(f"? {'|'.join(map(str, values))}: {claim} … 1 means strongly disagree")
        lines.append(f"? {turned}: {claim} … 1 means strongly agree")
    return "\n".join([*lines, "I see.", "Well, **perhaps**."])


def cells() -> str:
    arms = (("persuader", 4), ("control", 2))
    return "\n".join(
        f"[[cells]]\nclaim = {json.dumps(claim)}\narm = {json.dumps(arm)}\nturns = {turns}"
        for claim in CLAIMS
        for arm, turns in arms
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the grid once, for all tests of this file."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "grid.toml").write_text(GRID.replace("CELLS", cells()))
    (folder / "alex.txt").write_text(answers())
    (folder / "sam.txt").write_text("Consider what this would cost them.\nConsider what this would cost us.\n")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()):
        patch.chdir(folder)
        patch.setenv("MOOT_HOME", str(folder / "home"))
        patch.delenv("MOOT_DB", raising=False)  # this runs before what clears it for each test
        with pytest.raises(SystemExit) as ended:
            moot.cli.main(["experiment", "run", "grid.toml"])
    assert ended.value.code == 0
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOOT_HOME", str(tmp_path / "home"))
    return commands(capfd)


@pytest.fixture
def drawn(run: Callable[..., Answer], ran: Path) -> Callable[..., Answer]:
    """Give a test what `ran` left, in a folder of its own."""
    shutil.copytree(ran, Path.cwd(), dirs_exist_ok=True)
    return run


@pytest.fixture
def grid(drawn: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Do without charts, where they are no part of the claim: to draw them takes a second or two."""
    monkeypatch.setattr(stills, "are_here", lambda: False)
    return drawn


def text_of(html: str) -> str:
    return " ".join("".join(Parsed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)).text).split())


def test_a_report_of_a_grid_tells_the_effect_its_plan_its_n_and_how_to_redo_it(drawn: Callable[..., Answer]) -> None:
    told = drawn("report", "grid.toml", "--markdown", "words.md", "--figures", "pictures")
    assert told.code == 0, told.err
    html = Path("zoos-tea-report.html").read_text("utf-8")
    words = text_of(html)
    for piece in (
        "Does a talk move <what> is said?",
        "Persuader against control, adjusted for the stance before (ANCOVA):",
        "6 claims",
        "The design is the one that was planned.",
        "analysed, seeds of a cell averaged",
        "moot report grid.toml --markdown words.md --figures pictures",
        "95 % interval",
        "Cameron, Gelbach and Miller",
        "stated stance",
        f"Python{sys.version.split()[0]}",
    ):
        assert piece in words, piece
    names = {path.name for path in Path("pictures").iterdir()}
    for name in ("effects", "shifts", "trajectories", "seen4"):
        assert {f"{name}.svg", f"{name}.png", f"{name}.vl.json"} <= names
    plain = Path("words.md").read_text("utf-8")
    assert "![Effects against the control](pictures/effects.svg)" in plain
    assert "| persuader against control, adjusted for the stance before (ANCOVA) |" in plain


def test_the_figures_of_a_report_are_those_of_the_table_that_the_experiment_exports(
    grid: Callable[..., Answer],
) -> None:
    grid("report", "grid.toml")
    grid("experiment", "export", "grid.toml", "-o", "rows.csv")
    rows = list(csv.DictReader(Path("rows.csv").read_text("utf-8").splitlines()))
    whole = {(row["factor_claim"], row["factor_arm"]): row for row in rows}  # the repeats of a cell are alike here
    names = ("factor_claim", "factor_arm", "before", "after")
    lines = ["claim,arm,before,after", *(",".join(row[name] for name in names) for row in whole.values())]
    Path("cells.csv").write_text("\n".join(lines) + "\n")
    found = grid(
        "effect", "cells.csv", "--post", "after", "--pre", "before", "--arm", "arm", "--control", "control",
        "--cluster", "claim", "--scale", "1", "7", "--json",
    ).json  # fmt: skip
    assert "estimates" in found, found
    one = found["estimates"][0]
    html = text_of(Path("zoos-tea-report.html").read_text("utf-8"))
    shown = f"{one['estimate']:.3g} points on 1 to 7 (95 % interval {one['low']:.3g} to {one['high']:.3g}; n {one['n']}"
    assert shown in html


def test_the_same_record_gives_the_same_bytes(drawn: Callable[..., Answer]) -> None:
    first: dict[str, bytes] = {}
    for _ in (0, 1):
        assert drawn("report", "grid.toml", "-o", "a.html", "--markdown", "a.md", "--force").code == 0
        now = {str(path): path.read_bytes() for path in (Path("a.html"), Path("a.md"))}
        assert first in ({}, now)
        first = now


def test_files_that_are_there_are_not_written_over_unasked(grid: Callable[..., Answer]) -> None:
    Path("a.html").write_text("mine")
    told = grid("report", "grid.toml", "-o", "a.html", "--markdown", "b.md")
    assert (told.code, "--force" in told.err, Path("a.html").read_text(), Path("b.md").exists()) == (
        2,
        True,
        "mine",
        False,
    )
    assert grid("report", "grid.toml", "-o", "a.html", "--force").code == 0
    assert "mine" not in Path("a.html").read_text()


def test_what_is_missing_or_was_changed_since_the_plan_is_told(grid: Callable[..., Answer]) -> None:
    Path("grid.toml").write_text(Path("grid.toml").read_text().replace("repeats = 2", "repeats = 3"))
    assert grid("report", "grid.toml", "-o", "a.html").code == 0
    words = text_of(Path("a.html").read_text())
    assert "12 conversations of the design are not on record" in words
    assert "The design has changed since" in words
    Path("grid.toml.plan.json").unlink()
    grid("report", "grid.toml", "-o", "b.html")
    assert "There is no sealed plan" in text_of(Path("b.html").read_text())


def test_a_plan_that_was_changed_by_hand_is_refused(grid: Callable[..., Answer]) -> None:
    plan = Path("grid.toml.plan.json")
    plan.write_text(plan.read_text().replace('"repeats": 2', '"repeats": 9'))
    told = grid("report", "grid.toml")
    assert (told.code, "changed by hand" in told.err) == (2, True)


def test_a_plan_that_was_sealed_after_the_first_word_is_told(grid: Callable[..., Answer]) -> None:
    from moot.experiment.plan import sealed, unsealed  # noqa: PLC0415 - this test's subject

    path = Path("grid.toml.plan.json")
    path.write_text(sealed(unsealed(path.read_text(), "") | {"made": "2999-01-01T00:00:00+00:00"}))
    grid("report", "grid.toml", "-o", "a.html")
    assert "sealed after the first word" in text_of(Path("a.html").read_text())


def test_an_experiment_goes_by_its_name_and_conversations_by_their_ids(grid: Callable[..., Answer]) -> None:
    assert grid("report", "zoos & tea").code == 0
    words = text_of(Path("zoos-tea-report.html").read_text())
    assert "Persuader against control" in words
    ids = [one["id"] for one in grid("list", "--json").json][:2]
    assert grid("report", *ids, "-o", "two.html", "--full").code == 0
    two = text_of(Path("two.html").read_text())
    assert all(f"moot show {one[:8]}" in two for one in ids)
    assert f"moot report {' '.join(ids)} -o two.html --full" in two
    assert grid("report", "nothing").code == 2


def test_every_link_of_a_report_leads_to_a_place_on_it(grid: Callable[..., Answer]) -> None:
    grid("report", "grid.toml", "-o", "a.html")
    found = Parsed(Path("a.html").read_text())
    ids = [value for _, name, value in found.attributes if name == "id"]
    leads = {value.removeprefix("#") for tag, name, value in found.attributes if (tag, name) == ("a", "href")}
    assert leads <= set(ids)
    assert len([one for one in leads if one.startswith("c-")]) == 24
    assert len(ids) == len(set(ids))


def test_without_the_extra_tables_stand_in_place_of_charts(
    grid: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "find_spec", lambda _: None)
    told = grid("report", "grid.toml", "-o", "a.html", "--figures", "f", "--markdown", "a.md")
    assert (told.code, told.err.count('pip install "moot[plots]"')) == (0, 2)
    html = Path("a.html").read_text()
    assert "<svg" not in html
    assert "persuader against control, adjusted for the stance before (ANCOVA)" in text_of(html)
    assert {path.suffix for path in Path("f").iterdir()} == {".json"}
    assert "](f/" not in Path("a.md").read_text()


def test_without_the_statistics_the_rest_still_comes(
    grid: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moot.measures import engines  # noqa: PLC0415 - this test's subject

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(engines, "import_module", missing)
    told = grid("report", "grid.toml", "-o", "a.html")
    assert told.code == 0, told.err
    words = text_of(Path("a.html").read_text())
    assert 'pip install "moot[measures]"' in words
    assert "Stances at each asking, by arm" in words


# Hostile words


def hostile_record(folder: Path) -> list[str]:
    """Put conversations on record that have a payload wherever anybody's words can stand; return their ids."""
    ids: list[str] = []

    async def fill() -> None:
        async with open_store(folder / "moot.db") as store:
            for payload in PAYLOADS:
                words = payload.replace("\n", " ")
                name = words.replace(":", "")[:40].strip()
                people = (Participant(name, f"script:{words}", payload), Participant("Bo", "script:b"))
                judges = {"motion": words, "proposition": name, "opposition": "Bo", "judges": [name]}
                for form, arguments in (
                    ("talk", {}),
                    ("debate", judges),
                    ("trial", {"claim": words, "target": name, "persuader": "Bo", "probes": 1, "turns": 1}),
                    ("audience", {"claim": words, "pieces": [payload], "labels": [words]}),
                ):
                    heading = Heading(
                        people if form != "audience" else people[:1], payload, payload, form, freeze(arguments),
                        series=payload, source=freeze({"factor_x": payload, "repeat": 1}),
                    )  # fmt: skip
                    transcript = Transcript(heading)
                    identity = digest(transcript)[:16]
                    await store.start(identity, transcript)
                    ballot = Turn(name, (Ballot(payload, (payload, "Bo"), payload),), ())
                    for turn in (Turn(name, (Text(payload),), marks=(payload,)), ballot):
                        seq = len(transcript.turns)
                        transcript = transcript.then(turn)
                        call = Call(
                            seq, name, f"lab:{payload}", "x", "2026-01-01", "done", model=payload, input=3, output=4
                        )
                        number = await store.begin(identity, call)
                        await store.append(identity, seq, turn, digests(transcript)[-1], (number, call))
                    await store.close(identity, payload)
                    ids.append(identity)

    asyncio.run(fill())
    return ids


def check(html: str) -> None:
    """Assert that nothing in a page runs, loads or leads anywhere unasked."""
    found = Parsed(html)
    forbidden = {
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "button",
        "link",
        "base",
        "img",
        "image",
        "use",
    }
    assert forbidden & set(found.tags) == set()
    assert "foreignobject" not in found.tags
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "srcset", "srcdoc", "style", "action", "formaction", "xlink:href", "ping"), (
            tag,
            name,
        )
        if name == "href":
            assert re.match(r"#|https?:|mailto:", value), value
        if tag == "meta" and name == "http-equiv":
            assert value == "Content-Security-Policy"
    assert html.count("<style>") == 1


def test_no_payload_in_any_field_runs_or_loads(run: Callable[..., Answer], tmp_path: Path) -> None:
    ids = hostile_record(tmp_path / "home")
    told = run("report", *ids, "-o", "a.html", "--full", "--markdown", "a.md")
    assert told.code == 0, told.err
    html = Path("a.html").read_text("utf-8")
    check(html)
    assert "alert(1)" in html
    outside = re.sub(r"^(`{3,})\n.*?\n\1$", "", Path("a.md").read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert re.findall(r"(?<!\\)(<[a-z!/]|!?\[[^\]\\]*\]\((?!f/))", outside) == []


def test_a_terminal_is_told_nothing_that_it_would_obey(run: Callable[..., Answer]) -> None:
    told = run("report", "\x1b[31mred")
    assert (told.code, "\x1b" in told.err) == (2, False)


@pytest.mark.parametrize(
    "key",
    ["sk-abcdefghijklmnopqrstuvwx", "sk-ant-api03-abcdefghijklmnop", "AIza" + "b" * 35, "hf_" + "c" * 30,
     "AKIA" + "D" * 16, "ghp_" + "e" * 36, "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"],
)  # fmt: skip
def test_what_looks_like_a_key_is_masked(key: str) -> None:
    assert masked(f"it is {key}, keep it") == f"it is {MASK}, keep it"


def test_a_key_that_somebody_said_is_in_no_page(run: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_API_KEY", "Zq7/9+KdLm3vRx8w=Yt5")
    Path("a.txt").write_text("My key is Zq7/9+KdLm3vRx8w=Yt5, and his sk-abcdefghijklmnopqrstuvwx.\n")
    run("talk", "script:a.txt", "script:a.txt", "Tell.", "--turns", "2", "--name", "Ada", "--name", "Bo")
    told = run("report", "last", "-o", "a.html", "--full", "--markdown", "a.md")
    assert told.code == 0, told.err
    for path in ("a.html", "a.md"):
        content = Path(path).read_text()
        assert "KdLm3vRx8w" not in content
        assert "abcdefghijkl" not in content
        assert "looks like a key" in content


# Pages and Markdown themselves


def document(blocks: tuple[Any, ...]) -> Document:
    return Document("moot report", "T <b>", "Q", (("a", "b"),), (Section("S", "s", blocks),))


def test_a_page_forbids_what_it_does_not_have_and_knows_its_own_style() -> None:
    import base64  # noqa: PLC0415 - here alone
    import hashlib  # noqa: PLC0415 - here alone

    html = pages.page(document((Paragraph("p"),)), None)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    digest_ = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(value for _, name, value in Parsed(html).attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; script-src 'none'; ")
    assert f"style-src 'sha256-{digest_}'" in policy
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_a_link_to_what_is_not_on_the_page_is_words() -> None:
    table = Table("c", ("h",), (((Link("here", "x"), Link("gone", "y")),),))
    html = pages.page(document((table, Fold("f", (Code("c"),), "x"))), None)
    assert '<a href="#x">here</a> gone' in html


def test_markdown_keeps_words_in_fences_and_cells_in_their_row() -> None:
    words = "one\n```\n# not a heading\n```"
    said = Said("A|b", 3, words, "n*te")
    plain = markdown(document((said, Table("c", ("h", "i"), (("a | b\nc", "2"),)), Bullets(("x\ny",)))))
    assert f"````\n{words}\n````" in plain
    assert "**A\\|b** · 3 · n\\*te" in plain
    assert "| a \\| b c | 2 |" in plain
    assert "- x y" in plain
