from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fakes.commands import Answer, commands
from moot.cli.table import figure, read_table
from moot.formats import Unreadable
from moot.measures.tables import labels, numbers, sides, suspects
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


ROWS = [{"post": 50 + i % 7 + 5 * (i % 2), "pre": 50 + i % 5, "arm": "tc"[i % 2 == 0], "g": i % 8} for i in range(40)]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., str]:
    def write(rows: list[dict[str, Any]], name: str = "t.csv") -> str:
        path = tmp_path / name
        frame = pl.DataFrame(rows, infer_schema_length=None)
        match path.suffix:
            case ".tsv":
                frame.write_csv(path, separator="\t")
            case ".jsonl":
                frame.write_ndjson(path)
            case ".parquet":
                frame.write_parquet(path)
            case _:
                frame.write_csv(path)
        return str(path)

    return write


EFFECT = ("--post", "post", "--pre", "pre", "--arm", "arm", "--control", "c")


def test_every_kind_of_table_gives_the_same_figures(run: Callable[..., Answer], table: Callable[..., str]) -> None:
    told = [run("effect", table(ROWS, f"t.{kind}"), *EFFECT, "--json") for kind in ("csv", "tsv", "jsonl", "parquet")]
    assert {one.code for one in told} == {0}
    assert len({json.dumps(one.json["estimates"]) for one in told}) == 1


def without(name: str) -> list[dict[str, Any]]:
    return [row | {name: ROWS[0][name]} for row in ROWS]


def at_first(value: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [{key: str(cell) for key, cell in row.items()} for row in ROWS]
    rows[0]["post"] = value
    return rows


BAD: dict[str, tuple[list[dict[str, Any]], tuple[str, ...], str]] = {
    "wrong column": (ROWS, ("--post", "pots", "--pre", "pre"), "no column 'pots'; did you mean 'post'?"),
    "no such column at all": (ROWS, ("--post", "zzz", "--pre", "pre"), "there are: 'post', 'pre', 'arm', 'g'"),
    "constant outcome": (without("post"), EFFECT, "'post' is 50 in all 40 rows"),
    "one arm": (without("arm"), EFFECT, "of one arm, 'c'"),
    "no such control": (ROWS, (*EFFECT[:-1], "x"), "has no 'x'; there are: 'c', 't'"),
    "infinite": (at_first("inf"), EFFECT, "1 infinite values, the first in row 1"),
    "mixed types": (at_first("soon"), EFFECT, "'soon', first in row 1; if 'soon' means that there is no value"),
    "no values": ([row | {"post": None} for row in ROWS], EFFECT, "no row has a value in every column"),
    "one row": (ROWS[:1], EFFECT, "all 1 rows that count are of one arm"),
    "an arm without its control": (ROWS, ("--post", "post", "--arm", "arm"), "--arm needs --control"),
    "a control without its arm": (ROWS, ("--post", "post", "--control", "c"), "--control needs --arm"),
    "nothing to compare": (ROWS, ("--post", "post"), "one column alone tells no effect"),
    "no side": (ROWS, (*EFFECT, "--side", "arm"), "must tell sides"),
    "three ways": (ROWS, (*EFFECT, "--cluster", "g", "--cluster", "arm", "--cluster", "pre"), "not in more"),
    "off the scale": (ROWS, (*EFFECT, "--scale", "0", "10"), "40 values outside 0 to 10"),
    "scale upside down": (ROWS, (*EFFECT, "--scale", "10", "0"), "lower end first"),
    "negative weights": ([row | {"g": -1} for row in ROWS], (*EFFECT, "--weights", "g"), "negative weights"),
    "ids for levels": ([row | {"g": i} for i, row in enumerate(ROWS * 60)], (*EFFECT, "--by", "g"), "that is an id"),
    "pre that does not vary": (without("pre"), (*EFFECT, "--estimator", "ancova"), "nothing can be told apart"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_a_table_that_allows_nothing_gets_one_line(
    run: Callable[..., Answer], table: Callable[..., str], case: str
) -> None:
    rows, options, said = BAD[case]
    told = run("effect", table(rows), *options)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert run("effect", table(rows), *options, "--json").json["error"]["code"] == 2


FILES = {
    "t.csv": ("post;pre\n1;2\n", "parted by ';'"),
    "empty.csv": ("", "cannot be read as CSV"),
    "heads.csv": ("post,pre\n", "has columns but no rows"),
    "ragged.csv": ("post,pre\n1,2,3\n", "cannot be read as CSV"),
    "t.parquet": ("PAR1", "cannot be read as PARQUET"),
    "words.jsonl": ('{"post": 1, "pre": 2}\nnope\n', "line 2 is no JSON"),
    "list.jsonl": ("[1]\n", "line 1 is no JSON object"),
    "nested.jsonl": ('{"post": [1], "pre": 2}\n', "holds lists or objects"),
    "odd.jsonl": ('{"post": NaN, "pre": [2]}\n', "holds lists or objects"),
    "lacks.jsonl": ('{"post": NaN}\n', "no column 'pre'"),
    "t.xlsx": ("", "must end in .csv"),
}


@pytest.mark.parametrize("name", list(FILES))
def test_a_file_that_is_no_table_gets_one_line(run: Callable[..., Answer], tmp_path: Path, name: str) -> None:
    content, said = FILES[name]
    (tmp_path / name).write_text(content)
    told = run("effect", str(tmp_path / name), "--post", "post", "--pre", "pre")
    assert told.code == 2
    assert said in told.err
    assert len(told.err.splitlines()) == 1


def test_a_file_that_is_not_there_or_no_text_gets_one_line(run: Callable[..., Answer], tmp_path: Path) -> None:
    assert "no such file" in run("effect", str(tmp_path / "x.csv"), "--post", "a", "--pre", "b").err
    for name in ("t.csv", "t.jsonl"):
        (tmp_path / name).write_bytes(b'post,pre\n"\xff\xfe",1\n' if name == "t.csv" else b'{"post": "\xff"}\n')
        assert run("effect", str(tmp_path / name), "--post", "post", "--pre", "pre").code == 2


def test_json_lines_as_python_writes_them_have_missing_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": NaN, "b": "x"}\n\n{"a": 2.0, "b": null}\n{"a": 1.5}\n')
    frame = read_table(str(path), ("a", "b"))
    assert numbers(frame, "a").to_list() == [None, 2.0, 1.5]
    assert labels(frame, "b").to_list() == ["x", None, None]


def test_cells_are_read_for_what_they_say() -> None:
    frame = pl.DataFrame({
        "n": ["1", " 2 ", "", "NaN", "-99"], "b": [True, False, None, True, True],
        "f": [1.0, 2.0, None, float("nan"), 3.0],
        "s": ["PRO", "con", " For ", "-1", None], "t": ["true", "FALSE", None, "true", "true"],
    })  # fmt: skip
    assert numbers(frame, "n", ("-99",)).to_list() == [1, 2, None, None, None]
    assert numbers(frame, "b").to_list() == [1, 0, None, 1, 1]
    assert numbers(frame, "t").to_list() == [1, 0, None, 1, 1]
    assert labels(frame, "f").to_list() == ["1", "2", None, None, "3"]
    assert sides(frame, "s").to_list() == [1, -1, 1, -1, None]
    assert suspects(frame, ("n", "s")) == (
        "1 cells 'NaN' of 'n' count as a value; if they are empty: --missing NaN",
        "1 cells '-99' of 'n' count as a value; if they are empty: --missing -99",
    )
    with pytest.raises(Invalid, match="dates or times"):
        numbers(pl.DataFrame({"d": ["2026-01-01"]}).with_columns(pl.col("d").str.to_date()), "d")


def test_what_is_missing_is_counted_and_named(run: Callable[..., Answer], table: Callable[..., str]) -> None:
    rows = at_first("NA")
    rows[1]["post"] = None
    told = run("effect", table(rows), *EFFECT, "--missing", "NA", "--json").json
    assert {one["stage"]: one["n"] for one in told["flow"]} == {
        "in the table": 40, "with arm": 40, "with pre": 40, "with post": 38, "analysed": 38,
    }  # fmt: skip
    assert told["arms"] == [{"arm": arm, "assigned": 20, "analysed": 19} for arm in "ct"]
    assert "2 rows lack a value that is needed and are left out" in told["notes"]
    assert any("lost of arm" in note and "5.0%" in note for note in told["notes"])


def test_without_the_extra_one_line_says_what_to_install(
    run: Callable[..., Answer], table: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(ROWS)

    def gone(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("moot.measures.engines.import_module", gone)
    told = run("effect", path, *EFFECT)
    assert (told.code, told.err) == (
        2,
        'moot: statistics need polars, which is not here: pip install "moot[measures]"\n',
    )


def test_figures_for_people_are_short() -> None:
    assert [figure(one) for one in (None, 0.0, 1e-15, 12.34567, -0.00012346)] == ["-", "0", "0", "12.35", "-0.0001235"]


def test_only_a_table_is_read_as_one(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="must end in"):
        read_table(str(tmp_path), ("a",))
