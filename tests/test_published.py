"""Figures that others have published, from their own data; skipped where the data is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.commands import Answer, commands

SALVI = Path(__file__).parents[2] / "shared" / "data" / "salvi_debates_750.csv"
ARM = "Human-AI, personalized"
COLUMNS = (
    "--post", "side_agreement_post_likert", "--pre", "side_agreement_pre_likert", "--arm", "treatment_type",
    "--control", "Human-Human",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not SALVI.is_file(), reason="the published data set is not here")


def told(capfd: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    answer: Answer = commands(capfd)("effect", str(SALVI), *COLUMNS, *options, "--json")
    assert answer.code == 0, answer.err
    return next(one for one in answer.json["estimates"] if one["arm"] == ARM) | {"flow": answer.json["flow"]}


def test_salvi_and_others_partial_proportional_odds(capfd: pytest.CaptureFixture[str]) -> None:
    found = told(capfd, "--estimator", "ppo")
    assert (round(found["estimate"], 4), round(found["se"], 4), found["n"]) == (0.5945, 0.1856, 750)
    assert round(found["log_likelihood"], 2) == -957.53
    assert [round(found[name], 3) for name in ("odds_ratio", "odds_ratio_low", "odds_ratio_high")] == [
        1.812,
        1.260,
        2.607,
    ]
    assert round(found["superiority"], 3) == 0.644


def test_with_debates_as_the_independent_units(capfd: pytest.CaptureFixture[str]) -> None:
    found = told(capfd, "--estimator", "ppo", "--cluster", "debate_id")
    assert (round(found["estimate"], 4), round(found["se"], 4), found["clusters"]) == (0.5945, 0.1749, 600)


def test_with_the_earlier_answer_as_a_number(capfd: pytest.CaptureFixture[str]) -> None:
    found = told(capfd, "--estimator", "ordinal")
    assert (round(found["estimate"], 3), round(found["se"], 3)) == (0.588, 0.180)
    assert found["parallel_thresholds"]["p"] < 1e-6
