"""The formulas of measures on conversations, each against values worked out by hand or by another implementation."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moot.forms.without import without
from moot.measures import Score
from moot.measures.arms import Wanted, arms_of
from moot.measures.engines import benjamini_hochberg
from moot.measures.lasting import durability, resampled_by_then
from moot.measures.linear import Ways
from moot.measures.permuted import permutation_p, sign_p
from moot.measures.persuasion import Shift, Stance
from moot.measures.recorded import Recorded
from moot.measures.shares import share_of, wilson
from moot.measures.survival import Watched, by_then, curve, excesses, log_rank, median
from moot.measures.trials import Point, Trial, first, first_move, flips
from moot.transcript import Heading, Invalid, Participant, Transcript, freeze

survfunc, proportion = (import_module(f"statsmodels.{one}") for one in ("duration.survfunc", "stats.proportion"))
WATCHED = st.lists(st.builds(Watched, st.integers(1, 6).map(float), st.booleans()), min_size=2, max_size=30)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    assert wilson(0.8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.2775328), abs=1e-6)


@given(st.integers(1, 200), st.data())
def test_wilsons_interval_equals_that_of_a_library(n: int, data: st.DataObject) -> None:
    done = data.draw(st.integers(0, n))
    assert wilson(done / n, n) == pytest.approx(proportion.proportion_confint(done, n, method="wilson"), abs=1e-9)


def test_a_share_over_groups_that_differ_counts_as_fewer_tries() -> None:
    alike = share_of("x", [(1, 2)] * 10, "share", "groups")
    apart = share_of("x", [(2, 2), (0, 2)] * 5, "share", "groups")
    assert (alike.low, alike.high) == pytest.approx(wilson(0.5, 20))
    # By hand: sum of (done - tries/2)^2 is 10, over n^2 = 400, times 10/9: 1/36; alone .25/20 = 1/80; effect 20/9.
    assert apart.more["deff"] == pytest.approx(20 / 9)
    assert (apart.low, apart.high) == pytest.approx(wilson(0.5, 9))
    assert (apart.n, apart.clusters, apart.estimate) == (20, 10, 0.5)


def test_a_share_of_four_groups_has_no_interval_and_of_none_nothing() -> None:
    few = share_of("x", [(1, 30)] * 4, "share", "claims")
    assert (few.low, few.why) == (None, "no interval: 4 claims, and fewer than 5 allow none")
    assert share_of("x", [(0, 0)], "share", "claims").estimate is None
    never = share_of("x", [(0, 6)] * 8, "share", "claims")
    assert (never.low, never.high) == pytest.approx(wilson(0, 8)), "what never happens says no more than its groups"


def test_kaplan_and_meier_as_worked_by_hand() -> None:
    # Seen at 1, 2, 2; censored at 2 and 4; seen at 3. S: 5/6, then 5/6 * 3/5 = 1/2, then 1/2 * 1/2 = 1/4.
    found = [
        Watched(1, True),
        Watched(2, True),
        Watched(2, True),
        Watched(2, False),
        Watched(3, True),
        Watched(4, False),
    ]
    assert [(one.time, one.at_risk, one.happened) for one in curve(found)] == [(1, 6, 1), (2, 5, 2), (3, 2, 1)]
    assert [one.left for one in curve(found)] == pytest.approx([5 / 6, 1 / 2, 1 / 4])
    assert median(curve(found)) == 2
    assert by_then(curve(found), 2.5) == pytest.approx(1 / 2)
    assert by_then(curve(found), 0.5) == 0
    assert (median(curve([Watched(3, False)])), curve([])) == (None, ())


@given(WATCHED)
def test_kaplan_and_meier_equal_a_library(found: list[Watched]) -> None:
    if not any(one.seen for one in found):
        return
    other = survfunc.SurvfuncRight([one.time for one in found], [int(one.seen) for one in found])
    assert [one.time for one in curve(found)] == list(other.surv_times)
    assert [one.left for one in curve(found)] == pytest.approx(list(other.surv_prob), abs=1e-12)


def test_the_log_rank_test_as_worked_by_hand() -> None:
    # At 1: 1 of 2 + 2, expected 1/2; at 2: 1 of 1 + 2, expected 1/3; at 3: nobody of the first is left.
    one, other = [Watched(1, True), Watched(2, True)], [Watched(3, True), Watched(4, False)]
    excess, variance = log_rank(one, other)
    assert excess == pytest.approx(2 - 1 / 2 - 1 / 3)
    assert variance == pytest.approx(1 / 4 + 2 / 9)
    assert sum(excesses([*one, *other])[:2]) == pytest.approx(excess)


@given(WATCHED, WATCHED)
def test_the_log_rank_test_equals_a_librarys(one: list[Watched], other: list[Watched]) -> None:
    excess, variance = log_rank(one, other)
    assert sum(excesses([*one, *other])[: len(one)]) == pytest.approx(excess, abs=1e-9)
    if variance < 1e-9:
        return
    both = [*one, *other]
    groups = np.array([0] * len(one) + [1] * len(other))
    chi2, _ = survfunc.survdiff(np.array([w.time for w in both]), np.array([int(w.seen) for w in both]), groups)
    assert excess**2 / variance == pytest.approx(float(chi2), abs=1e-8)


def test_resamples_of_groups_give_the_curve_of_the_groups_that_were_drawn() -> None:
    groups = [[Watched(1, True)], [Watched(2, False)], [Watched(1, True), Watched(2, True)], [Watched(2, False)], []]
    drawn = resampled_by_then([one for one in groups if one] + [[Watched(2, False)]])
    plain = by_then(curve([one for group in groups for one in group] + [Watched(2, False)]), 2)
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert abs(float(drawn.mean()) - plain) < 0.05


def test_flips_are_changes_over_the_middle_and_the_middle_is_no_side() -> None:
    assert flips([6, 2, 5, 3], 4) == 3
    assert flips([6, 4, 6, 4], 4) == 0
    assert flips([6, 4, 2], 4) == 1
    assert flips([4, 4], 4) == 0


def test_the_first_flip_is_censored_where_none_was_seen_and_nothing_where_nobody_had_a_side() -> None:
    assert first([(0, 6), (2, 5), (4, 3), (6, 2)], 4) == Watched(4, True)
    assert first([(0, 6), (2, 4), (4, 5)], 4) == Watched(4, False)
    assert first([(0, 4), (2, 6)], 4) is None
    assert first_move([(0, 4), (2, 4.9), (4, 5)], 1) == Watched(4, True)
    assert first_move([(0, 4), (2, 3.5)], 1) == Watched(2, False)
    assert first_move([], 1) is None


def test_a_permutation_test_gives_the_share_of_shuffles_that_do_as_much() -> None:
    # 4 treated above 4 controls: of 70 ways to choose them 2 are as extreme.
    treated, rest = np.array([1.0] * 4 + [0.0] * 4), np.ones((8, 1))
    p, how = permutation_p(np.array([5.0, 6, 7, 8, 1, 2, 3, 4]), treated, rest, Ways()) or (0, "")
    assert p == pytest.approx(2 / 70, abs=0.006)
    assert how == "arms shuffled over rows, 9,999 shuffles"


def test_arms_change_places_within_groups_that_have_both_and_else_groups_do() -> None:
    outcome = np.array([5.0, 1, 6, 2, 7, 3, 8, 4])
    crossed = Ways(("topic",), (np.array([0, 0, 1, 1, 2, 2, 3, 3]),))
    p, how = permutation_p(outcome, np.array([1.0, 0] * 4), np.ones((8, 1)), crossed) or (0, "")
    assert how.startswith("arms shuffled within each topic")
    assert p == pytest.approx(2 / 16, abs=0.012)
    nested = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    p, how = permutation_p(np.array([8.0, 7, 6, 5, 4, 3, 2, 1]), nested, np.ones((8, 1)), crossed) or (0, "")
    assert how.startswith("arms shuffled over whole groups of topic")
    assert p == pytest.approx(2 / 6, abs=0.02)
    assert (
        permutation_p(outcome, nested, np.ones((8, 1)), Ways(("t",), (np.array([0, 0, 0, 0, 1, 1, 1, 1]),))) is not None
    )
    one = Ways(("topic",), (np.zeros(8, dtype=int),))
    assert permutation_p(outcome, np.ones(8), np.ones((8, 1)), one) is None


def test_signs_are_turned_by_whole_groups() -> None:
    moved, groups = np.ones(10), Ways(("topic",), (np.repeat(np.arange(5), 2),))
    assert (sign_p(moved, groups) or (0, ""))[0] == pytest.approx(2 / 32, abs=0.01)
    assert (sign_p(moved, Ways()) or (0, ""))[0] == pytest.approx(2 / 1024, abs=0.002)


def test_benjamini_and_hochberg_as_worked_by_hand() -> None:
    told = [Score("x", 1.0, 1.0, None, None, 9, None, "u", "m", p=p) for p in (0.01, 0.04, 0.03, None)]
    found = benjamini_hochberg(told)
    assert [one.more["p_bh"] for one in found[:3]] == pytest.approx([0.03, 0.04, 0.04])
    assert found[3].more == {"comparisons": 3, "p_bh": None}
    assert benjamini_hochberg(told[:1])[0].more["p_bh"] == 0.01


def moved(claim: int, arm: str, after: float, later: float) -> Trial:
    """Return a trial that began at 3 and was argued for."""
    stood = [(name, Stance((value,), 2, 2)) for name, value in (("before", 3.0), ("after", after), ("later", later))]
    points = tuple(Point(name, at, stance, (at + 1,)) for at, (name, stance) in enumerate(stood))
    told = Shift(arm, "for", 7, stood[0][1], stood[1][1], stood[2][1], 0)
    heading = Heading((Participant("Alex", "x:y"),), form="trial", arguments=ARGUED)
    of = Recorded(f"{claim}{arm}", Transcript(heading), "done")
    return Trial(of, told, points, f"claim {claim}", "x:y 0", "p:q", f"{claim}{arm}", {})


ARGUED = freeze({"claim": "C.", "target": "Alex", "persuader": "Sam"})


def test_what_is_left_later_is_the_ratio_of_the_two_effects_against_the_control() -> None:
    # After: the arm moves by 2 and the control by 0.5; later by 1 and 0.25: 0.75 of 1.5 is left.
    wobble = (-0.2, -0.1, 0.0, 0.1, 0.2, 0.0)
    trials = [moved(at, "persuader", 5 + by, 4 + by / 2) for at, by in enumerate(wobble)]
    trials += [moved(at, "control", 3.5, 3.25) for at in range(6)]
    [found] = durability(arms_of(trials, Wanted()))
    assert found.estimate == pytest.approx(0.5)
    assert (found.low or 0) <= 0.5 <= (found.high or 0)
    assert (found.clusters, found.more["effect_after"]) == (6, pytest.approx(1.5))
    [few] = durability(arms_of([one for one in trials if one.claim < "claim 3"], Wanted()))
    assert few.why == "no interval: 3 claims, and fewer than 5 allow none"
    [alone] = durability(arms_of([one for one in trials if one.shift.arm != "control"], Wanted()))
    assert alone.estimate == pytest.approx(0.5)
    nothing = [moved(at, "persuader", 3 + by, 3) for at, by in enumerate((1, -1, 1, -1, 1, -1.1))]
    assert "a share of nothing" in next(iter(durability(arms_of(nothing, Wanted())))).why


def test_a_fork_without_a_turn_asks_only_once_all_that_comes_before_is_there() -> None:
    head = Heading((Participant("Alex", "x:y"),))
    with pytest.raises(Invalid, match="run the command again"):
        without(of="Alex", claim="C.", turn=1, after=2)(Transcript(head))
    with pytest.raises(Invalid, match="counted from 1"):
        without(of="Alex", claim="C.", turn=-1, after=0)
