from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from fakes.commands import Answer, commands
from moot.measures.engines import library
from moot.measures.ratings import Rated, elo, rated
from moot.measures.verdicts import Asked, games
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moot.measures.ratings import Method

evalica = library("evalica")

PLAYERS = ("ada", "bo", "cy", "di")
STRENGTH = np.array([0.9, 0.3, -0.3, -0.9])
ASKED = Asked("a", "b", "won", ("tie",), topic="topic")


def rows_of(*rows: tuple[Any, ...]) -> dict[str, list[Any]]:
    return {name: [row[at] for row in rows] for at, name in enumerate(("a", "b", "won")[: len(rows[0])])}


def told(columns: dict[str, Any], asked: Asked, method: Method = "bt", ridge: float | None = None) -> Rated:
    return rated(games(pl.DataFrame(columns), asked), method, ridge)


def season(seed: int, topics: int = 30, ties: float = 0.2) -> dict[str, list[Any]]:
    chance = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for topic in range(topics):
        for i in range(4):
            for j in range(4):
                if i != j:
                    first = chance.random() < 1 / (1 + math.exp(STRENGTH[j] - STRENGTH[i]))
                    winner = "tie" if chance.random() < ties else PLAYERS[i if first else j]
                    rows.append((PLAYERS[i], PLAYERS[j], winner, topic))
    return {name: [row[at] for row in rows] for at, name in enumerate(("a", "b", "won", "topic"))}


def by_name(found: Rated) -> dict[str, float]:
    return {one.name: one.more["theta"] for one in found.players}


# By hand, and against the libraries


def test_two_players_are_as_far_apart_as_the_log_of_their_wins() -> None:
    found = told(
        rows_of(*[("x", "y", "x")] * 6, *[("x", "y", "y")] * 2, *[("y", "x", "tie")] * 4),
        Asked("a", "b", "won", ("tie",)),
        ridge=0,
    )
    gap = math.log((6 + 2) / (2 + 2))
    best, last = found.players
    assert (best.name, last.name) == ("x", "y")
    assert best.estimate == pytest.approx(1500 + 400 * gap / 2 / math.log(10))
    assert last.estimate == pytest.approx(1500 - 400 * gap / 2 / math.log(10))
    assert found.pairs[0].estimate == pytest.approx(8 / 12)
    assert [best.more[name] for name in ("won", "tied", "lost")] == [6, 4, 2]
    assert elo() == pytest.approx(173.7178)


def test_a_ridge_pulls_as_its_equation_says() -> None:
    found = told(rows_of(*[("x", "y", "x")] * 9), Asked("a", "b", "won"), ridge=0.1)
    theta = by_name(found)["x"]
    assert 9 * (1 - 1 / (1 + math.exp(-2 * theta))) == pytest.approx(0.1 * theta)
    assert any("always won or always lost" in note for note in found.notes)


def test_bradley_terry_and_newman_are_what_evalica_says() -> None:
    rows = season(1)
    winner = {"tie": evalica.Winner.Draw}
    verdicts = [
        winner.get(won) or (evalica.Winner.X if won == one else evalica.Winner.Y)
        for one, won in zip(rows["a"], rows["won"], strict=True)
    ]
    verdicts = [evalica.Winner.Draw if won == "tie" else one for one, won in zip(verdicts, rows["won"], strict=True)]
    known = np.log(evalica.bradley_terry(rows["a"], rows["b"], verdicts, tolerance=1e-12, limit=10_000).scores)
    found = by_name(told(rows, ASKED, ridge=0))
    assert {name: found[name] for name in PLAYERS} == pytest.approx((known - known.mean()).to_dict(), abs=1e-6)
    newman = evalica.newman(rows["a"], rows["b"], verdicts, tolerance=1e-12, limit=10_000)
    known = np.log(newman.scores)
    rating = told(rows, ASKED, "newman")
    assert by_name(rating) == pytest.approx((known - known.mean()).to_dict(), abs=1e-5)
    assert rating.tie == pytest.approx(newman.v, abs=1e-4)


def test_newmans_ties_are_found_even_where_all_are_equal() -> None:
    found = told(
        rows_of(("x", "y", "x"), ("x", "y", "y"), ("x", "y", "tie"), ("x", "y", "tie")),
        Asked("a", "b", "won", ("tie",)),
        "newman",
    )
    assert found.tie == pytest.approx(1.0, abs=1e-5)  # half of the games of equals are tied: v / (1 + v)
    none = told(rows_of(("x", "y", "x"), ("x", "y", "y")), Asked("a", "b", "won"), "newman")
    assert none.tie == 0


def test_a_win_rate_is_wins_and_half_of_the_ties() -> None:
    rows = rows_of(*[("x", "y", "x")] * 5, *[("y", "x", "y")] * 3, *[("x", "y", "tie")] * 2)
    found = told(rows, Asked("a", "b", "won", ("tie",)), "winrate")
    values = [1] * 5 + [0] * 3 + [0.5] * 2
    assert found.players[0].estimate == pytest.approx(0.6)
    assert found.players[0].se == pytest.approx(np.std(values, ddof=1) / 10**0.5)
    assert found.left.estimate == pytest.approx((5 + 3 + 1) / 10)


def test_a_margin_is_half_and_a_sixth_of_it() -> None:
    asked = Asked("a", "b", "won", score="m")
    rows = rows_of(("x", "y", "x"), ("x", "y", "y"), ("x", "y", "x"))
    signed = games(pl.DataFrame(rows | {"m": [1.5, -1.5, 6.0]}), asked)
    assert signed.share.tolist() == [0.75, 0.25, 1.0]
    unsigned = games(pl.DataFrame(rows | {"m": [1.5, 1.5, 6.0]}), asked)
    assert unsigned.share.tolist() == [0.75, 0.25, 1.0]
    shares = games(pl.DataFrame(rows | {"m": [0.7, 0.2, 0.9]}), asked)
    assert shares.share.tolist() == [0.7, 0.2, 0.9]
    assert "share that the left won" in shares.notes[0]
    with pytest.raises(Invalid, match="1 margins in 'm' point to the side"):
        games(pl.DataFrame(rows | {"m": [1.5, -1.5, -1.0]}), asked)
    with pytest.raises(Invalid, match="wins and ties, not scores"):
        rated(signed, "newman", None)


# Codings


@pytest.mark.parametrize(
    ("left", "right"), [("left", "right"), ("A", "B"), ("a", "b"), ("1", "2"), ("model_a", "model_b"), ("x", "y")]
)
def test_a_winner_may_be_a_side_or_a_name(left: str, right: str) -> None:
    rows = rows_of(("x", "y", left), ("x", "y", right), ("x", "y", "DRAW"), ("x", "y", None))
    found = games(pl.DataFrame(rows), Asked("a", "b", "won", ("draw",)))
    assert found.share.tolist() == [1.0, 0.0, 0.5]
    assert any("if an empty winner is a draw: --draw nan" in note for note in found.notes)


def test_draws_may_be_numbers_or_empty_cells() -> None:
    rows = {"a": ["x"] * 4, "b": ["y"] * 4, "won": [1.0, 2.0, 1.5, None]}
    assert games(pl.DataFrame(rows), Asked("a", "b", "won", ("1.5", "nan"))).share.tolist() == [1, 0, 0.5, 0.5]
    zeros = {"a": ["x"] * 3, "b": ["y"] * 3, "won": [1, 2, 0]}
    assert games(pl.DataFrame(zeros), Asked("a", "b", "won", ("0.0",))).share.tolist() == [1, 0, 0.5]
    assert games(pl.DataFrame(zeros), Asked("a", "b", "won", ("2",), "1", "0")).share.tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("method", ["bt", "newman", "winrate"])
def test_a_word_that_nobody_explained_is_refused(method: Method) -> None:
    with pytest.raises(Invalid, match=r"1 cells of 'won' are neither .*'tie'; if one is a draw: --draw 'tie'"):
        told(rows_of(("x", "y", "x"), ("x", "y", "tie")), Asked("a", "b", "won"), method)


# What intervals promise


def test_strengths_are_recovered_and_intervals_by_topic_cover() -> None:
    covered = total = 0
    sums = np.zeros(4)
    for seed in range(60):
        found = told(season(seed, ties=0.0), ASKED)
        for one in found.players:
            true = 1500 + elo() * STRENGTH[PLAYERS.index(one.name)]
            assert one.low is not None
            assert one.high is not None
            covered += one.low <= true <= one.high
            total += 1
            sums[PLAYERS.index(one.name)] += one.more["theta"]
    assert 0.90 <= covered / total <= 0.98
    assert sums / 60 == pytest.approx(STRENGTH, abs=0.06)


def test_verdicts_that_repeat_a_topics_make_no_interval_narrower() -> None:
    once = season(3)
    tenfold = {name: column * 10 for name, column in once.items()}
    one, ten = told(once, ASKED).players[0], told(tenfold, ASKED).players[0]
    naive = told(tenfold, Asked("a", "b", "won", ("tie",))).players[0]
    assert one.se is not None
    assert ten.se == pytest.approx(one.se, rel=0.1)
    assert naive.se is not None
    assert naive.se < one.se / 2.5


def test_ranks_have_intervals_and_the_same_table_gives_the_same_figures() -> None:
    first, again = told(season(4), ASKED), told(season(4), ASKED)
    assert first == again
    assert [one.more["rank"] for one in first.players] == [1, 2, 3, 4]
    assert all(one.more["rank_low"] <= one.more["rank"] <= one.more["rank_high"] for one in first.players)
    assert len(first.pairs) == 6


def test_fewer_than_five_topics_allow_no_interval() -> None:
    for method in ("bt", "newman", "winrate"):
        found = told(season(5, topics=4), ASKED, method)
        assert {one.low for one in found.players} == {None}
        assert all("fewer than 5 allow none" in one.why for one in found.players)


def test_resamples_that_leave_somebody_unbeaten_are_told() -> None:
    rows = rows_of(*[("x", "y", "x")] * 30, ("x", "y", "y"))
    found = told(rows, Asked("a", "b", "won"), "newman")
    assert any("left somebody unbeaten" in note for note in found.notes)
    held = told(rows, Asked("a", "b", "won"), ridge=0)
    assert any("resamples are held by a ridge" in note for note in held.notes)
    assert by_name(found)["x"] == pytest.approx(math.log(30) / 2)  # a library's iteration goes round in circles here
    ring = rows_of(*[("w", "x", "w")] * 40, ("x", "y", "x"), *[("y", "z", "y")] * 40, ("z", "w", "z"))
    lone = told(ring, Asked("a", "b", "won"), "newman")
    assert {one.why for one in lone.players} == {"no interval: most resamples leave somebody unbeaten"}


# What allows no rating


BAD: dict[str, tuple[dict[str, list[Any]], Method, float | None, str]] = {
    "draws only": (rows_of(*[("x", "y", "tie")] * 9), "bt", None, "all 9 games are draws"),
    "apart": (rows_of(("x", "y", "x"), ("u", "v", "u")), "bt", None, "2 groups that never met.*: 'u', 'v' | 'x', 'y'"),
    "undefeated": (rows_of(*[("x", "y", "x")] * 9), "bt", 0.0, "'x' always won or always lost.*give a --ridge"),
    "winless": (rows_of(*[("x", "y", "x")] * 9), "newman", None, "use --method bt"),
    "itself": (rows_of(*[("x", "x", "x")] * 9), "bt", None, "no row has two players"),
    "a ridge for rates": (rows_of(("x", "y", "x")), "winrate", 1.0, "--ridge is of bt"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_games_that_allow_no_rating_get_a_line(case: str) -> None:
    rows, method, ridge, said = BAD[case]
    with pytest.raises(Invalid, match=said):
        told(rows, Asked("a", "b", "won", ("tie",)), method, ridge)


def test_rates_of_players_who_never_met_are_told_apart() -> None:
    found = told(rows_of(("x", "y", "x"), ("u", "v", "u")), Asked("a", "b", "won"), "winrate")
    assert any("their rates are not comparable" in note for note in found.notes)
    assert found.players[0].why


def test_the_command_tells_ranks_ties_and_n(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run: Callable[..., Answer] = commands(capfd)
    path = str(tmp_path / "t.csv")
    pl.DataFrame(season(6)).write_csv(path)
    options = ("--left", "a", "--right", "b", "--winner", "won", "--draw", "tie", "--topic", "topic")
    document = run("ratings", path, *options, "--json").json
    keys = {"name", "estimate", "se", "low", "high", "level", "n", "clusters", "unit", "method"}
    assert all(keys <= one.keys() for one in (*document["estimates"], *document["pairwise"], document["left"]))
    assert {one["clusters"] for one in document["estimates"]} == {30}
    plain = run("ratings", path, *options, "--method", "newman")
    for words in ("rank interval", "tie parameter", "analysed 360", "draws: tie", "share won by the left"):
        assert words in plain.out
    few = run("ratings", path, *options[:-2], "--method", "winrate")
    assert "every row counts as independent" in few.out
    assert run("ratings", path, *options[:-4]).code == 2
