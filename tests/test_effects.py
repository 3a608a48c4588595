from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from fakes.commands import Answer, commands
from moot.measures import Score
from moot.measures.effects import estimate, modelled
from moot.measures.engines import Certainty, holm, interval, library
from moot.measures.leverage import freedom
from moot.measures.linear import Ways, fit, stacked, wild_p
from moot.measures.sample import Asked, gather
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moot.measures.effects import Estimator

pd, sm = library("pandas"), library("statsmodels.api")
OrderedModel = library("statsmodels.miscmodels.ordinal_model").OrderedModel

SIMULATIONS = 1_500
"""More than the 500 that are asked for: of those, chance alone would fail one test in ten."""

PLAIN = Asked("post", "pre", "arm", "c")


def told(columns: dict[str, Any], asked: Asked, estimator: Estimator) -> tuple[Score, ...]:
    return estimate(gather(pl.DataFrame(columns), asked).sample, asked, estimator)


def trials(seed: int, n: int = 200, effect: float = 5.0) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    pre, arm = chance.uniform(20, 80, n), chance.integers(0, 3, n)
    post = pre * 0.8 + effect * arm + chance.normal(0, 5 + 3 * arm, n)
    return {
        "post": post, "pre": pre, "arm": np.array(["c", "x", "y"])[arm], "topic": chance.integers(0, 12, n),
        "target": chance.integers(0, 40, n), "w": chance.uniform(0.5, 2, n), "side": chance.choice([1, -1], n),
    }  # fmt: skip


# By hand


def test_each_formula_by_hand() -> None:
    rows = {"post": [3.0, 5, 4, 8, 9, 7], "pre": [2.0, 4, 3, 4, 6, 2], "arm": ["c", "c", "c", "t", "t", "t"]}
    (difference,) = told(rows, PLAIN, "difference")
    assert (difference.estimate, difference.se) == pytest.approx((4.0, (1 / 3 + 1 / 3) ** 0.5))
    (change,) = told(rows, PLAIN, "change")
    assert (change.estimate, change.se) == pytest.approx((3.0, (0 / 3 + 1 / 3) ** 0.5))
    (ancova,) = told(rows, PLAIN, "ancova")  # pooled slope (2 + 4)/(2 + 8) = 0.6; 4 - 0.6 * (4 - 3)
    assert ancova.estimate == pytest.approx(3.4)
    (lin,) = told(rows, PLAIN, "lin")  # slopes 1 and 0.5 about the mean pre of 3.5: 8 - 0.25 - (4 + 0.5)
    assert lin.estimate == pytest.approx(3.25)
    assert difference.more["standardised"] == pytest.approx(4 / np.std([2.0, 4, 3, 4, 6, 2], ddof=1))
    control, treated = told(rows, PLAIN, "shift")
    assert (control.estimate, control.se, control.why) == (
        1.0,
        0.0,
        "no interval: 3 independent rows, and fewer than 5 allow none",
    )
    assert (treated.estimate, treated.se) == pytest.approx((4.0, 3**-0.5))


def test_a_shift_is_towards_the_side_that_was_argued() -> None:
    rows = {
        "post": [6.0, 3, 5, 2, 7, 1],
        "pre": [4.0, 4, 4, 4, 4, 4],
        "side": ["pro", "con", "pro", "con", "pro", "con"],
    }
    asked = Asked("post", "pre", side="side", scale=(1, 7))
    (one,) = told(rows, asked, "shift")
    moved = [2, 1, 1, 2, 3, 3]
    assert one.estimate == pytest.approx(2.0)
    assert one.se == pytest.approx(np.std(moved, ddof=1) / 6**0.5)
    assert one.more["percent_of_range"] == pytest.approx(200 / 6)
    assert (one.low, one.high) == pytest.approx(
        (2 - 2.570582 * 0.894427 / 6**0.5, 2 + 2.570582 * 0.894427 / 6**0.5), abs=1e-5
    )


@pytest.mark.parametrize("estimator", ["difference", "ancova", "lin", "change"])
def test_an_unknown_middle_of_the_scale_moves_no_effect(estimator: Estimator) -> None:
    rows = trials(1)
    asked = Asked("post", "pre", "arm", "c", side="side")
    lifted = rows | {"post": rows["post"] + 100, "pre": rows["pre"] + 100}
    for one, other in zip(told(rows, asked, estimator), told(lifted, asked, estimator), strict=True):
        assert (one.estimate, one.se) == pytest.approx((other.estimate, other.se))


def test_p_is_adjusted_as_holm_does() -> None:
    found = [Score(str(p), 1.0, 1.0, None, None, 9, None, "", "", p=p) for p in (0.01, 0.04, 0.03)]
    assert [one.more["p_holm"] for one in holm(found)] == pytest.approx([0.03, 0.06, 0.06])
    assert holm(found[:1])[0].more == {"comparisons": 1, "p_holm": 0.01}
    assert [one.more["comparisons"] for one in holm([*found, Score("", None, None, None, None, 0, None, "", "")])] == [
        3
    ] * 4


# Against the libraries


def design(rows: dict[str, Any]) -> tuple[Any, Any]:
    arms = [(rows["arm"] == one).astype(float) for one in ("x", "y")]
    return rows["post"], np.column_stack([np.ones(len(rows["post"])), *arms, rows["pre"]])


def test_ancova_is_what_statsmodels_says_with_and_without_weights() -> None:
    rows = trials(2)
    y, x = design(rows)
    for weights in (None, "w"):
        model = sm.OLS(y, x) if weights is None else sm.WLS(y, x, weights=rows["w"])
        known = model.fit(cov_type="HC2", use_t=True)
        found = told(rows, Asked("post", "pre", "arm", "c", weights=weights), "ancova")
        assert [one.estimate for one in found] == pytest.approx(known.params[1:3])
        assert [one.se for one in found] == pytest.approx(known.bse[1:3])
        assert [one.p for one in found] == pytest.approx(known.pvalues[1:3])
        assert [(one.low, one.high) for one in found] == [pytest.approx(ends) for ends in known.conf_int()[1:3]]


def test_clustered_errors_are_what_statsmodels_says_in_one_way_and_in_two() -> None:
    rows = trials(3, 400)
    y, x = design(rows)
    one_way = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": rows["target"]}, use_t=True)
    found = told(rows, Asked("post", "pre", "arm", "c", clusters=("target",)), "ancova")
    assert [one.se for one in found] == pytest.approx(one_way.bse[1:3])
    assert [(one.low, one.high) for one in found] == [pytest.approx(ends) for ends in one_way.conf_int()[1:3]]
    assert {(one.clusters, one.method) for one in found} == {(40, "OLS post ~ arm + pre; CR1 by target, t(39)")}
    groups = np.column_stack([rows["target"], rows["topic"]])
    two_way = sm.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = told(rows, Asked("post", "pre", "arm", "c", clusters=("target", "topic")), "ancova")
    assert [one.se for one in found] == pytest.approx(two_way.bse[1:3])
    assert all("two-way CR1 by target and topic, t(11)" in one.method for one in found)


def test_proportional_odds_are_what_statsmodels_says() -> None:
    rows = trials(4, 300)
    rows["post"] = np.clip(rows["post"] // 20, 0, 4)
    y, x = design(rows)
    known = OrderedModel(pd.Series(y), x[:, 1:], distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
    found = told(rows, PLAIN, "ordinal")
    assert [one.estimate for one in found] == pytest.approx(list(known.params[:2]), abs=1e-4)
    assert [one.se for one in found] == pytest.approx(list(known.bse[:2]), abs=1e-4)
    assert found[0].more["log_likelihood"] == pytest.approx(known.llf)


def test_odds_of_a_two_by_two_table_are_its_cross_product() -> None:
    post = [1] * 30 + [2] * 10 + [1] * 15 + [2] * 25
    rows = {"post": post, "arm": ["c"] * 40 + ["t"] * 40}
    (one,) = told(rows, Asked("post", arm="arm", control="c"), "ordinal")
    assert one.more["odds_ratio"] == pytest.approx(30 * 25 / (10 * 15))
    assert one.se == pytest.approx((1 / 30 + 1 / 10 + 1 / 15 + 1 / 25) ** 0.5)
    assert one.more["superiority"] == pytest.approx(5 / 6)


def test_free_thresholds_are_the_same_model_where_all_started_alike() -> None:
    rows = trials(5, 300)
    rows |= {"post": np.clip(rows["post"] // 20, 0, 4), "pre": np.ones(300)}
    free = told(rows, PLAIN, "ppo")
    plain = told(rows, Asked("post", arm="arm", control="c"), "ordinal")
    assert [one.estimate for one in free] == pytest.approx([one.estimate for one in plain])


def test_clustered_odds_of_single_rows_are_a_plain_sandwich_and_two_ways_of_one_are_one() -> None:
    rows = trials(6, 300)
    rows |= {"post": np.clip(rows["post"] // 20, 0, 4), "pre": rows["pre"] // 20, "id": np.arange(300)}
    by_id = told(rows, Asked("post", "pre", "arm", "c", clusters=("id",)), "ppo")
    plain = told(rows, PLAIN, "ppo")
    assert by_id[0].estimate == plain[0].estimate
    assert by_id[0].se == pytest.approx(plain[0].se, rel=0.15)
    rows["again"] = rows["target"]
    one = told(rows, Asked("post", "pre", "arm", "c", clusters=("target",)), "ppo")
    two = told(rows, Asked("post", "pre", "arm", "c", clusters=("target", "again")), "ppo")
    assert [each.se for each in two] == pytest.approx([each.se for each in one])
    alone = told(rows | {"target": np.zeros(300)}, Asked("post", "pre", "arm", "c", clusters=("target",)), "ppo")
    assert "1 independent groups of target" in alone[0].why


@pytest.mark.parametrize(("post", "said"), [(range(40), "40 different values"), ([1] * 20 + [2] * 20, "without end")])
def test_answers_that_allow_no_odds_get_a_line(post: Any, said: str) -> None:
    rows = {"post": list(post), "pre": [1, 2] * 20, "arm": ["c"] * 20 + ["t"] * 20}
    for estimator in ("ordinal", "ppo"):
        with pytest.raises(Invalid, match=said):
            told(rows, PLAIN, estimator)


# Messages


def messages(seed: int) -> dict[str, Any]:
    chance = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for issue in range(4):
        rows += [(50 + issue + chance.normal(0, 8), f"i{issue}", "none", "control") for _ in range(30)]
        for message in range(3):
            for model, effect in (("big", 8), ("small", 3)):
                name = f"{issue}-{model}-{message}"
                rows += [(50 + issue + effect + chance.normal(0, 8), f"i{issue}", name, model) for _ in range(12)]
    post, issue, message, model = (list(column) for column in zip(*rows, strict=True))
    return {"post": post, "issue": issue, "message": message, "model": model}


def test_effects_of_messages_are_regressions_by_issue_and_then_their_gls() -> None:
    rows = messages(1)
    found = told(rows, Asked("post", arm="model", control="control", clusters=("issue", "message")), "dummies-gls")
    effects, blocks, models = [], [], []
    frame = pd.DataFrame(rows)
    for _, part in frame.groupby("issue"):
        names = sorted(set(part["message"]) - {"none"})
        x = np.column_stack([np.ones(len(part)), *((part["message"] == one).to_numpy(dtype=float) for one in names)])
        known = sm.OLS(part["post"].to_numpy(), x).fit(cov_type="HC2")
        effects += list(known.params[1:])
        blocks.append(known.cov_params()[1:, 1:])
        models += [one.split("-")[1] for one in names]
    v = np.zeros((len(effects), len(effects)))
    for at, block in enumerate(blocks):
        size = len(block)
        v[at * size : (at + 1) * size, at * size : (at + 1) * size] = block
    x = np.array([[one == "big", one == "small"] for one in models], dtype=float)
    covariance = np.linalg.inv(x.T @ np.linalg.inv(v) @ x)
    assert [one.estimate for one in found] == pytest.approx(list(covariance @ x.T @ np.linalg.inv(v) @ effects))
    assert [one.se for one in found] == pytest.approx(list(np.sqrt(np.diag(covariance))))
    other = told(rows, Asked("post", arm="model", control="control", clusters=("message", "issue")), "dummies-gls")
    assert [one.estimate for one in other] == pytest.approx([one.estimate for one in found])
    third = told(rows, Asked("post", arm="message", control="none", by="model", clusters=("issue",)), "dummies-gls")
    assert [one.estimate for one in third] == pytest.approx([one.estimate for one in found])
    assert [one.se for one in third] == pytest.approx([one.se for one in found])


def test_who_read_no_message_may_have_none_in_the_table() -> None:
    rows = messages(3)
    empty = rows | {
        "message": [None if one == "none" else one for one in rows["message"]],
        "author": [None if one == "control" else one for one in rows["model"]],
    }
    full = told(rows, Asked("post", arm="model", control="control", clusters=("issue", "message")), "dummies-gls")
    asked = Asked("post", arm="model", control="control", clusters=("issue", "message"), messages=True)
    assert told(empty, asked, "dummies-gls") == full
    by = Asked("post", arm="message", control="none", by="author", clusters=("issue",), messages=True)
    found = told(empty | {"message": rows["message"]}, by, "dummies-gls")
    assert [one.estimate for one in found] == pytest.approx([one.estimate for one in full])


def test_messages_without_an_issue_a_control_or_an_author_get_a_line() -> None:
    rows = messages(2)
    with pytest.raises(Invalid, match="--cluster ISSUE"):
        told(rows, Asked("post", arm="model", control="control"), "dummies-gls")
    with pytest.raises(Invalid, match="more than one"):
        told(
            rows | {"message": rows["issue"]},
            Asked("post", arm="model", control="control", clusters=("issue", "message")),
            "dummies-gls",
        )
    lone = {"post": [1.0, 2, 3], "issue": ["i"] * 3, "message": ["n", "a", "b"], "model": ["control", "x", "y"]}
    with pytest.raises(Invalid, match="no issue has a control"):
        told(lone, Asked("post", arm="model", control="control", clusters=("issue", "message")), "dummies-gls")


# What intervals promise


def clustered(chance: np.random.Generator, groups: int, treated: int, rows: int = 10) -> tuple[Any, Any, Any]:
    group = np.repeat(np.arange(groups), rows)
    arm, pre = (group < treated).astype(float), chance.normal(size=len(group))
    post = 0.5 * arm + 0.6 * pre + chance.normal(0, 0.3**0.5, groups)[group] + chance.normal(0, 0.7**0.5, len(group))
    return post, stacked([np.ones(len(group)), arm, pre]), group


def share_covered(groups: int, treated: int, *, honest: bool) -> tuple[float, float]:
    chance, covered, found = np.random.default_rng(groups * 100 + treated), 0, []
    amount = SIMULATIONS if honest else 200
    for _ in range(amount):
        post, x, group = clustered(chance, groups, treated)
        line = fit(post, x, Ways(("group",), (group,)) if honest else Ways())
        low, high, _ = interval(float(line.values[1]), line.sure(1)[0])
        assert low is not None
        assert high is not None
        covered += low <= 0.5 <= high
        found.append(float(line.values[1]))
    return covered / amount, float(np.mean(found))


@pytest.mark.parametrize(("groups", "treated"), [(40, 20), (12, 6), (8, 4), (6, 3), (20, 4)])
def test_clustered_intervals_cover_as_promised_where_naive_ones_fail(groups: int, treated: int) -> None:
    covered, mean = share_covered(groups, treated, honest=True)
    assert 0.93 <= covered <= 0.97
    assert mean == pytest.approx(0.5, abs=0.1)
    assert share_covered(groups, treated, honest=False)[0] < 0.8


@pytest.mark.parametrize("estimator", ["difference", "change", "ancova", "lin"])
def test_known_effects_are_recovered_and_intervals_cover(estimator: Estimator) -> None:
    covered, found = 0, []
    sample = gather(pl.DataFrame(trials(0, 120)), PLAIN).sample
    for seed in range(SIMULATIONS):
        rows = trials(10_000 + seed, 120)
        arm = np.searchsorted(["c", "x", "y"], rows["arm"])
        model = modelled(replace(sample, post=rows["post"], pre=rows["pre"], arm=arm), estimator)
        line = fit(model.outcome, model.design, Ways())
        low, high, _ = interval(float(line.values[2]), line.sure(2)[0])
        assert low is not None
        assert high is not None
        covered += low <= 10 <= high
        found.append(float(line.values[2]))
    assert 0.93 <= covered / SIMULATIONS <= 0.97
    assert np.mean(found) == pytest.approx(10, abs=0.4)


def test_ordinal_effects_are_recovered_and_intervals_cover() -> None:
    covered, found = 0, []
    for seed in range(500):
        chance = np.random.default_rng(seed)
        pre, arm = chance.integers(1, 6, 200), chance.integers(0, 2, 200)
        latent = 0.8 * arm + 0.7 * pre + chance.logistic(size=200)
        rows = {"post": np.digitize(latent, [1, 2, 3, 4]), "pre": pre, "arm": np.array(["c", "t"])[arm]}
        (one,) = told(rows, PLAIN, "ppo")
        assert one.low is not None
        assert one.high is not None
        assert one.estimate is not None
        covered += one.low <= 0.8 <= one.high
        found.append(one.estimate)
    assert 0.93 <= covered / 500 <= 0.97
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_freedom_is_welchs_of_rows_and_two_less_than_the_groups_that_were_assigned() -> None:
    few, many = 4, 60
    arm = np.repeat([1.0, 0.0], [few, many])
    known = (1 / few + 1 / many) ** 2 / (1 / (few**2 * (few - 1)) + 1 / (many**2 * (many - 1)))
    assert freedom(stacked([np.ones(few + many), arm]), 1, None) == pytest.approx(known)
    group = np.repeat(np.arange(6), 5)
    assert freedom(stacked([np.ones(30), (group < 3).astype(float)]), 1, group) == pytest.approx(4)
    rows = {"post": [float(at * at % 11) for at in range(few + many)], "arm": ["t"] * few + ["c"] * many}
    (one,) = told(rows, Asked("post", arm="arm", control="c"), "difference")
    assert one.method == f"OLS post ~ arm; HC2, few decide: Satterthwaite's t({known:.1f})"
    assert freedom(stacked([np.ones(6_000)]), 0, np.arange(6_000)) is None


def test_the_wild_bootstrap_rejects_no_more_often_than_it_says() -> None:
    chance, rejected = np.random.default_rng(5), 0
    post, x, group = clustered(chance, 10, 5, 5)
    for _ in range(200):
        post, x, group = clustered(chance, 10, 5, 5)
        line = fit(post - 0.5 * x[:, 1], x, Ways(("group",), (group,)))
        p = wild_p(line, 1)
        assert p is not None
        rejected += p <= 0.05
    assert rejected <= 20
    line = fit(post + 5 * x[:, 1], x, Ways(("group",), (group,)))
    assert (wild_p(line, 1) or 1) < 0.01


def test_few_clusters_get_the_bootstraps_p_and_very_few_no_interval() -> None:
    rows = trials(7)
    (one, _) = told(rows, Asked("post", "pre", "arm", "c", clusters=("topic",)), "ancova")
    assert "p by wild cluster bootstrap over 12 groups of topic" in one.method
    assert one.p is not None
    assert one.more["p_t"] > 0
    (few, _) = told(
        rows | {"topic": rows["topic"] % 4}, Asked("post", "pre", "arm", "c", clusters=("topic",)), "ancova"
    )
    assert (few.low, few.p, few.why) == (
        None,
        None,
        "no interval: 4 independent groups of topic, and fewer than 5 allow none",
    )
    assert few.se is not None
    (lone, _) = told(
        rows | {"topic": rows["topic"] * 0}, Asked("post", "pre", "arm", "c", clusters=("topic",)), "ancova"
    )
    assert "'c' has one group" in lone.why


def test_an_arm_of_one_row_or_one_group_has_no_interval() -> None:
    post = [float(i % 5) for i in range(20)]
    rows = {"post": post, "pre": post[::-1], "arm": ["c"] * 19 + ["t"], "g": [i % 7 for i in range(19)] + [7]}
    (one,) = told(rows, Asked("post", arm="arm", control="c"), "difference")
    assert (one.low, one.se, one.why) == (None, None, "no interval: 't' has one row, so that its error is not known")
    (one,) = told(rows, Asked("post", arm="arm", control="c", clusters=("g",)), "difference")
    assert "'t' has one group" in one.why


def test_what_does_not_vary_has_no_interval() -> None:
    rows = {"post": [i % 3 + 2.0 for i in range(12)], "pre": [i % 3 + 1.0 for i in range(12)]}
    (one,) = told(rows, Asked("post", "pre"), "shift")
    assert (one.estimate, one.se, one.low) == pytest.approx((1.0, 0.0, None))
    assert "nothing varies" in one.why
    assert Certainty(float("nan"), 9, 10, "rows").why_not().endswith("(an arm of one row, or no spread)")
    assert "leave nothing" in Certainty(1.0, 0, 10, "rows").why_not()


def test_negative_two_way_variances_are_replaced_by_the_larger_of_one_way() -> None:
    rows = {
        "post": [(i % 6 + i // 6) % 2 + 0.1 * (i % 6) for i in range(36)],
        "pre": [0.0] * 36,
        "a": [i % 6 for i in range(36)],
        "b": [i // 6 for i in range(36)],
    }
    (one,) = told(rows, Asked("post", "pre", clusters=("a", "b")), "shift")
    assert one.se is not None
    assert one.se > 0
    assert "the larger of one-way" in one.method


# By, and on the command line


def test_by_gives_one_estimate_for_each_level_and_a_level_without_both_arms_says_so() -> None:
    rows = trials(8)
    rows["level"] = np.where(rows["arm"] == "c", "a", np.where(np.arange(200) % 2 == 0, "a", "b"))
    found = told(rows, Asked("post", "pre", "arm", "c", by="level"), "ancova")
    assert [(one.more["level_of_by"], one.more.get("arm")) for one in found] == [("a", "x"), ("a", "y"), ("b", None)]
    assert (found[2].estimate, found[2].why) == (None, "there are no rows of the control")
    with pytest.raises(Invalid, match="of the control only"):
        told(rows | {"level": rows["arm"]}, Asked("post", "pre", "arm", "c", by="level"), "ancova")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    return commands(capfd)


def test_the_command_tells_n_method_interval_room_and_multiplicity(run: Callable[..., Answer], tmp_path: Path) -> None:
    pl.DataFrame(
        {name: np.clip(column, 0, 100) if name in ("post", "pre") else column for name, column in trials(9).items()}
    ).write_csv(tmp_path / "t.csv")
    options = (
        "--post",
        "post",
        "--pre",
        "pre",
        "--arm",
        "arm",
        "--control",
        "c",
        "--scale",
        "0",
        "100",
        "--cluster",
        "topic",
    )
    document = run("effect", str(tmp_path / "t.csv"), *options, "--json").json
    keys = {"name", "estimate", "se", "low", "high", "level", "n", "clusters", "unit", "method"}
    assert all(
        keys <= one.keys()
        for one in (*document["estimates"], *document["by_pre"], *document["room"]["fraction_of_room"])
    )
    assert [one["estimator"] for one in document["estimates"][::2]] == ["ancova", "change", "difference", "lin"]
    assert document["multiplicity"].startswith("2 comparisons per estimator")
    assert document["versions"].keys() == {"numpy", "scipy", "statsmodels", "polars"}
    assert len(document["by_pre"]) == 6
    plain = run("effect", str(tmp_path / "t.csv"), *options)
    assert plain.code == 0
    for words in (
        "Stated stance post, in points on 0 to 100",
        "analysed 200",
        "CR1 by topic",
        "Room: pre at",
        "fraction of room, x",
    ):
        assert words in plain.out
    assert "belief" not in plain.out


def test_the_command_tells_odds_levels_and_shifts(run: Callable[..., Answer], tmp_path: Path) -> None:
    rows = trials(10, 300)
    rows |= {"post": np.clip(rows["post"] // 20, 0, 4), "pre": np.clip(rows["pre"] // 20, 0, 4)}
    pl.DataFrame(rows).write_csv(tmp_path / "t.csv")
    table = (str(tmp_path / "t.csv"), "--post", "post", "--pre", "pre")
    arms = ("--arm", "arm", "--control", "c")
    assert "parallel thresholds: chi2" in run("effect", *table, *arms, "--estimator", "ppo").out
    assert (
        "turned round, about the middle of 0 to 4" in run("effect", *table, "--side", "side", "--scale", "0", "4").out
    )
    assert "the side is adjusted for" in run("effect", *table, *arms, "--side", "side").out
    assert "needs --scale" in run("effect", *table, *arms, "--side", "side", "--estimator", "ordinal").err
    assert "no --weights" in run("effect", *table, *arms, "--weights", "w", "--estimator", "ordinal").err
    assert "leave --pre out" in run("effect", *table, *arms, "--estimator", "dummies-gls").err
    assert "needs the stance before" in run("effect", *table[:3], *arms, "--estimator", "lin").err
    assert "compares arms" in run("effect", *table, "--estimator", "ancova").err
    assert ", topic 11" in run("effect", *table, "--by", "topic", "--estimator", "shift").out
