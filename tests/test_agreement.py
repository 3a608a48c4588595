from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from fakes.commands import Answer, commands
from moot.measures.agreement import agreement, ratings
from moot.measures.engines import library
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moot.measures import Score
    from moot.measures.agreement import Level

pd, evalica = library("pandas"), library("evalica")

COLUMNS = ("rater", "item", "value")

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": four observers, twelve units, some of them missing.
OBSERVERS = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
PUBLISHED: dict[Level, float] = {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849}


def table(observers: tuple[str, ...]) -> dict[str, list[Any]]:
    rows = [
        (f"r{at}", item, int(value))
        for at, values in enumerate(observers)
        for item, value in enumerate(values.split())
        if value != "."
    ]
    return {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}


def told(columns: dict[str, Any], level: Level, order: tuple[str, ...] = ()) -> dict[str, Score]:
    found = agreement(ratings(pl.DataFrame(columns), COLUMNS, level, ((), order)), level)
    return {one.name: one for one in found}


def crowd(seed: int, items: int = 60, noise: int = 2) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    rows = [
        (f"r{k}", i, int(np.clip(i % 5 + chance.integers(-noise, noise + 1), 0, 4)))
        for i in range(items)
        for k in range(3)
        if chance.random() < 0.8
    ]
    return {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}


@pytest.mark.parametrize("level", list(PUBLISHED))
def test_alpha_is_what_krippendorff_published(level: Level) -> None:
    found = told(table(OBSERVERS), level)["alpha"]
    assert found.estimate == pytest.approx(PUBLISHED[level], abs=6e-4)
    assert (found.n, found.clusters) == (40, 11)  # a unit that one observer saw is left out


@pytest.mark.parametrize("level", list(PUBLISHED))
@pytest.mark.parametrize("seed", range(3))
def test_alpha_is_what_evalica_says(level: Level, seed: int) -> None:
    rows = crowd(seed)
    wide = pd.DataFrame(rows).pivot_table(index="rater", columns="item", values="value")
    assert told(rows, level)["alpha"].estimate == pytest.approx(evalica.alpha(wide, level).alpha)


def test_alpha_of_many_different_numbers_is_what_evalica_says() -> None:
    rows = crowd(4)
    rows["value"] = [one + at / 1_000 for at, one in enumerate(rows["value"])]
    wide = pd.DataFrame(rows).pivot_table(index="rater", columns="item", values="value")
    found = told(rows, "interval")
    assert found["alpha"].estimate == pytest.approx(evalica.alpha(wide, "interval").alpha)
    assert found["alpha"].low is not None
    assert found["raw agreement"].estimate == 0
    with pytest.raises(Invalid, match="too many for ordinal"):
        told(rows, "ordinal")


def test_kappa_and_raw_agreement_by_hand() -> None:
    counts = {("yes", "yes"): 20, ("yes", "no"): 5, ("no", "yes"): 10, ("no", "no"): 15}
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    rows = {
        "rater": ["a", "b"] * 50,
        "item": [at // 2 for at in range(100)],
        "value": [one for pair in pairs for one in pair],
    }
    found = told(rows, "nominal")
    assert found["kappa, a and b"].estimate == pytest.approx(0.4)  # 0.7 agreed, 0.5 by chance
    assert found["raw agreement, a and b"].estimate == pytest.approx(0.7)
    assert found["raw agreement"].estimate == pytest.approx(0.7)
    expected = 1 - (2 * 55 * 45) / (100 * 99)
    assert found["alpha"].estimate == pytest.approx(1 - 0.3 / (1 - expected))
    for one in found.values():
        assert one.low is not None
        assert one.high is not None
        assert one.estimate is not None
        assert one.low < one.estimate < one.high


def test_intervals_of_alpha_cover() -> None:
    chance, covered = np.random.default_rng(1), 0
    wide = 40_000

    def rows(items: int) -> dict[str, Any]:
        truth = chance.integers(0, 2, items)
        given = [np.where(chance.random(items) < 0.85, truth, 1 - truth) for _ in range(2)]
        return {
            "rater": ["a"] * items + ["b"] * items,
            "item": list(range(items)) * 2,
            "value": np.concatenate(given).tolist(),
        }

    true = told(rows(wide), "nominal")["alpha"].estimate
    assert true == pytest.approx(1 - 0.255 / 0.5, abs=0.02)
    for _ in range(200):
        one = told(rows(150), "nominal")["alpha"]
        assert one.low is not None
        assert one.high is not None
        covered += one.low <= 0.49 <= one.high
    assert 0.90 <= covered / 200 <= 0.98


def test_ordered_words_need_their_order() -> None:
    rows = table(OBSERVERS)
    words = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
    named = rows | {"value": [words[one] for one in rows["value"]]}
    assert told(named, "ordinal", tuple(words.values()))["alpha"].estimate == told(rows, "ordinal")["alpha"].estimate
    with pytest.raises(Invalid, match="for values that are words: --order"):
        told(named, "ordinal")
    with pytest.raises(Invalid, match="must hold numbers"):
        told(named, "interval")
    with pytest.raises(Invalid, match="--order does not name: 'five'"):
        told(named, "ordinal", ("one", "two", "three", "four"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((("a", 1, 1), ("b", 1, 1), ("a", 2, 1), ("b", 2, 1)), "nobody differs"),
        ((("a", 1, 1), ("b", 2, 2)), "no item was rated by two"),
        ((("a", 1, 1), ("a", 1, 2), ("b", 1, 2)), "more than once, such as 'a' on '1'"),
        (((None, 1, 1), ("b", None, 2)), "no row has a rater"),
    ],
)
def test_ratings_that_allow_no_agreement_get_a_line(rows: tuple[tuple[Any, ...], ...], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        told({name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}, "nominal")


def test_few_items_one_value_and_perfect_agreement_have_no_interval() -> None:
    few = told(table(("1 2 1", "1 2 2")), "nominal")
    assert "3 items, and fewer than 5" in few["alpha"].why
    rows = table(("1 2 1 2 1 2", "1 2 1 2 1 2", "1 1 1 1 1 1", "1 1 1 1 1 1"))
    found = told(rows, "nominal")
    assert (found["kappa, r0 and r1"].estimate, found["kappa, r0 and r1"].low) == (1.0, None)
    assert "every resample" in found["kappa, r0 and r1"].why
    assert (found["kappa, r2 and r3"].estimate, found["kappa, r2 and r3"].se) == (None, None)
    assert "one and the same value" in found["kappa, r2 and r3"].why


def test_raters_who_never_met_have_no_kappa() -> None:
    found = told(table(("1 2 . .", "1 2 1 2", ". . 1 2")), "nominal")
    assert [name for name in found if name.startswith("kappa")] == ["kappa, r0 and r1", "kappa, r1 and r2"]


def test_the_command_tells_n_items_and_the_rule_of_thumb(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run: Callable[..., Answer] = commands(capfd)
    path = str(tmp_path / "t.tsv")
    pl.DataFrame(table(OBSERVERS)).write_csv(path, separator="\t")
    options = ("--rater", "rater", "--item", "item", "--value", "value", "--level", "ordinal")
    document = run("agreement", path, *options, "--json").json
    keys = {"name", "estimate", "se", "low", "high", "level", "n", "clusters", "unit", "method"}
    assert all(keys <= one.keys() for one in document["estimates"])
    assert document["flow"][-1] == {"stage": "of items with two ratings or more", "n": 40}
    plain = run("agreement", path, *options)
    for words in ("4 raters on 11 items", "Rule of thumb", "11 items are few", "kappa, r0 and r1"):
        assert words in plain.out
    assert run("agreement", path, *options[:-1], "interval", "--missing", "5").code == 0
    assert run("agreement", path, *options, "--order", "1,2,3,4,5").code == 0
    assert run("agreement", path, *options, "--order", "1,2").code == 2
