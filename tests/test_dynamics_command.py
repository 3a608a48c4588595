from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fakes.commands import Answer, commands
from moot.cli.embedding import packaged
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

np = library("numpy")

COLUMNS = ("--conversation", "id", "--speaker", "who", "--text", "said")
ORDERED = (*COLUMNS, "--order", "n")
SAID = ("The tide is in.", "I agree, it is!", "And the moon?", "Full, of course.", "Goodbye then.", "Goodbye!")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


def rows(talks: int = 6) -> dict[str, list[Any]]:
    """Return a table of talks, one of which falls silent, one of whose speakers takes itself for the other."""
    told = [
        (f"c{at}", ("Ada", "Bo")[turn % 2], "" if at == 1 and turn > 1 else text, turn, f"t{at % 2}")
        for at in range(talks)
        for turn, text in enumerate(SAID)
    ]
    told[3] = ("c0", "Bo", "I am Ada, and it is full.", 3, "t0")
    return {name: [row[at] for row in told] for at, name in enumerate(("id", "who", "said", "n", "topic"))}


def scores(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["estimates"]}


def test_one_document_tells_each_figure_its_unit_n_method_and_turns(run: Callable[..., Answer]) -> None:
    pl.DataFrame(rows()).write_csv("t.csv")
    document = run("dynamics", "t.csv", *ORDERED, "--topic", "topic", "--json").json
    keys = {"name", "estimate", "se", "low", "high", "level", "n", "clusters", "unit", "method", "why_no_interval"}
    assert all(keys <= one.keys() for one in document["estimates"])
    assert all(one["low"] is not None or one["why_no_interval"] for one in document["estimates"])
    told = scores(document)
    assert told["silences"]["estimate"] == pytest.approx(1 / 6)
    assert told["silences"]["cites"] == [{"id": "c1", "turn": 3}]
    assert told["conversations with a swap"]["cites"] == [{"id": "c0", "turn": 4}]
    assert document["swaps"] == [
        {"id": "c0", "turn": 4, "speaker": "Bo", "kind": "name", "whom": "Ada", "words": "I am Ada", "copied": False,
         "carried": False}
    ]  # fmt: skip
    assert (document["conversations"], document["turns"], document["speakers"]) == (6, 36, ["Ada", "Bo"])
    assert document["model"]["dimension"] == 256
    assert document["model"]["hash"].startswith("sha256:")
    assert document["model"]["version"]
    assert document["flow"][0] == {"stage": "in the table", "n": 36}
    assert {one["turn"] for one in document["by_turn"] if one["figure"] == "words per turn"} == set(range(1, 7))
    assert "4 turns have no text" in " ".join(document["notes"])


def test_the_order_of_rows_counts_only_where_none_is_given_and_that_is_said(run: Callable[..., Answer]) -> None:
    frame = pl.DataFrame(rows())
    frame.write_csv("t.csv")
    frame.reverse().write_csv("back.csv")
    here, back = (run("dynamics", one, *ORDERED, "--json").json for one in ("t.csv", "back.csv"))
    assert here["estimates"][0]["estimate"] == back["estimates"][0]["estimate"]
    assert scores(here)["agreement drift"] == scores(back)["agreement drift"]
    plain = run("dynamics", "back.csv", *COLUMNS)
    assert "no --order was given" in plain.out
    mixed = scores(run("dynamics", "back.csv", *COLUMNS, "--json").json)
    assert mixed["agreement drift"]["estimate"] != scores(here)["agreement drift"]["estimate"]


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet"])
def test_all_kinds_of_tables_give_the_same(run: Callable[..., Answer], kind: str) -> None:
    frame = pl.DataFrame(rows())
    frame.write_csv("t.csv")
    write = {"tsv": lambda: frame.write_csv("t.tsv", separator="\t"), "jsonl": lambda: frame.write_ndjson("t.jsonl")}
    write.get(kind, lambda: frame.write_parquet("t.parquet"))()
    one, other = (run("dynamics", name, *ORDERED, "--only", "basics", "--json").json for name in ("t.csv", f"t.{kind}"))
    assert one["estimates"] == other["estimates"]


def test_dates_are_an_order(run: Callable[..., Answer]) -> None:
    told = rows()
    told["n"] = [f"2026-03-01T10:{59 - one:02}:00" for one in told["n"]]
    pl.DataFrame(told).write_csv("t.csv")
    pl.DataFrame(told).with_columns(pl.col("n").str.to_datetime()).write_parquet("t.parquet")
    one, other = (run("dynamics", name, *ORDERED, "--json").json for name in ("t.csv", "t.parquet"))
    assert one["estimates"] == other["estimates"]
    assert scores(one)["silences"]["cites"] == [{"id": "c1", "turn": 1}]


def test_files_hold_a_row_a_conversation_and_a_row_a_turn(run: Callable[..., Answer], tmp_path: Path) -> None:
    pl.DataFrame(rows()).write_csv("t.csv")
    assert run("dynamics", "t.csv", *ORDERED, "--each", "each.csv", "--turns", "turns.jsonl").code == 0
    each = pl.read_csv("each.csv")
    assert each.height == 6
    assert each["silences"].to_list() == [0, 1, 0, 0, 0, 0]
    lines = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert len(lines) == 36
    assert (lines[9]["conversation"], lines[9]["turn"], lines[9]["empty turns"]) == ("c1", 4, 1)
    assert lines[0]["seen4"] is None or lines[0]["seen4"] == 0
    assert "must end in" in run("dynamics", "t.csv", *ORDERED, "--each", "each.xls").err
    assert "cannot be written" in run("dynamics", "t.csv", *ORDERED, "--each", "nowhere/each.csv").err


def test_a_theme_of_ones_own_and_a_cluster(run: Callable[..., Answer]) -> None:
    pl.DataFrame(rows(12)).write_csv("t.csv")
    words = ("dynamics", "t.csv", *ORDERED, "--only", "themes", "--cluster", "topic")
    document = run(*words, "--theme", "sea=tide* moon", "--json").json
    sea = scores(document)["theme sea"]
    assert (sea["n"], sea["clusters"], sea["low"]) == (12, 2, None)
    assert "2 independent clusters" in sea["why_no_interval"]
    assert document["model"] is None
    assert "--theme needs" in run(*words, "--theme", "sea").err


def test_what_people_read_tells_what_cannot_be_told(run: Callable[..., Answer]) -> None:
    pl.DataFrame(rows(2)).write_csv("t.csv")
    plain = run("dynamics", "t.csv", *ORDERED).out
    for words in (
        "Dynamics of 2 conversations, 12 turns", "2 conversations are few", "fewer than 5 allow none",
        "silences: c1 turn 3", "fewer than 50", "Meaning: wordllama", "Multiplicity: ", "no --topic was given",
        "docs/measures/dynamics.md",
    ):  # fmt: skip
        assert words in plain


def changed(**columns: list[Any]) -> dict[str, list[Any]]:
    return rows() | columns


BAD: tuple[tuple[str, dict[str, list[Any]], tuple[str, ...], str], ...] = (
    ("wrong column", rows(), ("--conversation", "idd", *COLUMNS[2:]), "no column 'idd'; did you mean 'id'?"),
    (
        "the same column",
        rows(),
        ("--conversation", "id", "--speaker", "id", "--text", "said"),
        "three different columns",
    ),
    ("no order", changed(n=["x"] * 36), ORDERED, "must hold numbers"),
    ("endless order", changed(n=[float("inf"), *map(float, range(35))]), ORDERED, "infinite"),
    ("twice the same place", changed(n=[1] * 36), ORDERED, "36 rows share their place in 'n'"),
    ("two topics", changed(topic=list("xy" * 18)), (*COLUMNS, "--topic", "topic"), "more than one topic, such as 'c0'"),
    ("nobody", changed(who=[None] * 36), COLUMNS, "no row has a conversation, a speaker"),
    ("nothing left", rows(), (*COLUMNS, "--missing", "Ada", "--missing", "Bo"), "no row has"),
)


@pytest.mark.parametrize(("columns", "options", "line"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_a_bad_table_gets_a_line(
    run: Callable[..., Answer], columns: dict[str, list[Any]], options: tuple[str, ...], line: str
) -> None:
    pl.DataFrame(columns, strict=False).write_csv("t.csv")
    answer = run("dynamics", "t.csv", *options)
    assert answer.code == 2
    assert line in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_cells_that_are_no_words_get_a_line(run: Callable[..., Answer]) -> None:
    for name, column, line in (
        ("numbers", list(range(36)), "holds numbers"), ("flags", [True, False] * 18, "holds true and false"),
        ("lists", [["a"]] * 36, "lists or objects"),
    ):  # fmt: skip
        pl.DataFrame(changed(said=column)).write_parquet(f"{name}.parquet")
        answer = run("dynamics", f"{name}.parquet", *COLUMNS)
        assert (answer.code, line in answer.err) == (2, True), answer.err
    pl.DataFrame(rows()).with_columns(pl.lit("2026-01-01").str.to_date().alias("said")).write_parquet("d.parquet")
    assert "dates or times" in run("dynamics", "d.parquet", *COLUMNS).err


def test_mixed_types_are_read_and_what_lacks_something_is_counted(run: Callable[..., Answer], tmp_path: Path) -> None:
    lines = [
        {"id": 1, "who": "Ada", "said": "Hello.", "n": 1}, {"id": "1", "who": "Bo", "said": 7, "n": 2},
        {"id": 1.0, "who": "Ada", "said": None, "n": 3}, {"id": "1", "who": None, "said": "Lost.", "n": 4},
        {"id": "1", "who": "Bo", "said": "Late.", "n": None}, {"id": "1", "who": "Bo", "said": "NA", "n": 6},
    ]  # fmt: skip
    text = "\n".join(json.dumps(one) for one in lines) + '\n{"id": NaN, "who": "Bo", "said": "x", "n": 7}'
    (tmp_path / "t.jsonl").write_text(text)
    document = run("dynamics", "t.jsonl", *ORDERED, "--missing", "NA", "--json").json
    assert [one["n"] for one in document["flow"]][-1] == 1
    assert document["turns"] == 3
    notes = " ".join(document["notes"])
    assert "rows lack something" in notes
    assert "1 turns have no text" in notes
    assert "one conversation" in notes


def test_one_speaker_and_no_words_at_all_give_a_result_that_says_so(run: Callable[..., Answer]) -> None:
    pl.DataFrame(changed(who=["Ada"] * 36, said=[" "] * 36)).write_csv("t.csv")
    document = run("dynamics", "t.csv", *ORDERED, "--json").json
    assert "all turns are by one speaker" in " ".join(document["notes"])
    told = scores(document)
    assert told["turns without words"]["estimate"] == 1
    assert told["longest loop"]["estimate"] == 5
    for name in (
        "accommodation",
        "balance",
        "closing loops",
        "identity swaps",
        "style matching",
        "MTLD",
        "topic drift",
    ):
        assert told[name]["estimate"] is None
        assert told[name]["why_no_interval"]
    assert "NaN" not in json.dumps(document)


def test_words_of_a_model_do_not_reach_the_terminal_as_commands(run: Callable[..., Answer]) -> None:
    told = rows()
    told["id"] = [f"\x1b[31m{one}" for one in told["id"]]
    pl.DataFrame(told).write_csv("t.csv")
    assert "\x1b[31m" not in run("dynamics", "t.csv", *ORDERED).out


# The model


def test_vectors_are_those_of_the_package_itself() -> None:
    """The mean of a text's tokens, of length 1, as `WordLlama.load().embed(text, norm=True)` gives it."""
    model = packaged()
    vectors = model.embed(["The tide comes in.", "", "Die Flut kommt.", "The tide comes in, and goes out."])
    assert vectors.shape == (4, model.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 1, 1], abs=1e-6)
    near = vectors @ vectors[0]
    assert near[3] > near[2]
    assert model.embed([]).shape == (0, model.dimension)


def test_without_the_model_all_else_is_told(run: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moot.cli.embedding.PACKAGE", "no_such_package")
    pl.DataFrame(rows()).write_csv("t.csv")
    document = run("dynamics", "t.csv", *ORDERED, "--json").json
    assert document["model"] is None
    assert any('pip install "moot[measures]"' in note for note in document["notes"])
    assert scores(document)["accommodation"]["estimate"] is None
    assert scores(document)["accommodation, by words"]["estimate"] is not None
