"""`moot measure` as a user runs it: experiments with known effects, readings and judges, all by scripted voices."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fakes.commands import commands
from moot.cli import main as moot_cli
from moot.cli.measure import guarded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakes.commands import Answer

    Moot = Callable[..., Answer]

UP, DOWN = "1 means strongly disagree", "1 means strongly agree"
CLAIMS = tuple(f"Claim {number} holds." for number in range(8))
MOVED = (2, 1, 2, 1, 2, 1, 2, 1)
"""How far the message moves a target on each claim; the control moves nobody, but on claim 7 by 1."""


def target(folder: Path, name: str, answers: dict[str, tuple[int, ...]], lines: int = 4) -> str:
    """Write a script that answers for each claim by how many messages were heard; the last answer stays."""
    votes: list[str] = []
    for claim, stances in answers.items():
        votes.append(f"? {'|'.join(map(str, stances))}: {claim} … {UP}")
        votes.append(f"? {'|'.join(str(8 - one) for one in stances)}: {claim} … {DOWN}")
    path = folder / f"{name}.txt"
    path.write_text("\n".join([*votes, *["I see."] * lines]) + "\n")
    return f"script:{path}"


@pytest.fixture
def moot(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moot:
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a design of 8 claims, 3 targets and 2 arms, twice each, in which the message has a known effect, once."""
    folder = tmp_path_factory.mktemp("grid")
    voices: list[str] = []
    for at, name in enumerate(("ann", "ben", "cem")):
        stances = {
            claim: (2 + at, 2 + at + moved, 2 + at + (number == 7))  # before, after the message, after another talk
            for number, (claim, moved) in enumerate(zip(CLAIMS, MOVED, strict=True))
        }
        voices.append(target(folder, name, stances))
    (folder / "persuader.txt").write_text("Hear me.\nAnd again.\n")
    file = folder / "grid.toml"
    file.write_text(
        'name = "known"\nform = "trial"\nrepeats = 2\n[arguments]\nclaim = "{claim}"\ntarget = "Alex"\n'
        'persuader = "Sam"\narm = "{arm}"\nside = "for"\nprobes = 1\nturns = 2\n[factors]\n'
        f'claim = {json.dumps(CLAIMS)}\narm = ["message", "control"]\nvoice = {json.dumps(voices)}\n'
        '[[cast]]\nname = "Alex"\nvoice = "{voice}"\n[[cast]]\nname = "Sam"\n'
        f'voice = "script:{folder}/persuader.txt"\n'
    )
    with pytest.raises(SystemExit) as ended:
        moot_cli(["experiment", "run", str(file), "--db", str(folder / "moot.db")])
    assert not ended.value.code
    return file


def of(grid: Path) -> tuple[str, ...]:
    """Return the command that measures the experiment that was run."""
    return ("measure", "--db", str(grid.with_name("moot.db")), "--experiment")


def named(document: Any, name: str) -> Any:
    return next(one for one in document["scores"] if one["name"] == name)


def test_a_known_effect_is_recovered_from_an_experiment_and_every_figure_cites_turns_that_are_there(
    moot: Moot, grid: Path, tmp_path: Path
) -> None:
    paths = (str(tmp_path / "scores.csv"), str(tmp_path / "scores.parquet"))
    told = moot(*of(grid), str(grid), "--json", "--csv", paths[0], "--parquet", paths[1]).json
    flow = {one["stage"]: one["n"] for one in told["flow"]}
    assert list(flow.values()) == [96, 96, 96, 96, 48], "the two seeds of a cell are averaged"
    assert told["arms"] == [
        {"arm": "message", "assigned": 48, "analysed": 48}, {"arm": "control", "assigned": 48, "analysed": 48},
    ]  # fmt: skip
    headline = told["scores"][0]
    assert headline["name"] == "ancova, message against control"
    assert headline["low"] <= sum(MOVED) / 8 - 1 / 8 <= headline["high"]
    assert (headline["n"], headline["clusters"], headline["trials"]) == (48, 8, 96)
    assert named(told, "change, message against control")["estimate"] == pytest.approx(sum(MOVED) / 8 - 1 / 8)
    assert named(told, "shift, arm message")["estimate"] == pytest.approx(1.5)
    assert headline["p_permutation"] < 0.01
    assert "8 claims; 3 targets, too few" in told["independent_units"][0]
    assert "claim, t(7)" in headline["method"]
    for one in told["scores"]:
        for cite in one.get("cites", ()):
            turns = next(talk["turns"] for talk in told["conversations"] if talk["id"] == cite["id"])
            assert 1 <= cite["turn"] <= turns
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text("utf-8").splitlines()))
    kept = pl.read_parquet(paths[1])
    assert len(rows) == len(kept) == len(told["scores"]) + sum(len(one["scores"]) for one in told["conversations"])
    shifts = kept.filter((pl.col("name") == "signed shift") & (pl.col("id") != ""))
    assert shifts.height == 96
    assert set(shifts["factor_arm"]) == {"message", "control"}


def test_what_is_not_on_record_yet_was_assigned_all_the_same(moot: Moot, grid: Path) -> None:
    assert moot("measure", "--experiment", str(grid)).code == 2, "nothing of it is on this record"
    more = grid.with_name("more.toml")
    more.write_text(grid.read_text().replace("repeats = 2", "repeats = 3"))
    told = moot(*of(grid), str(more), "--only", "effect", "--json").json
    assert [one["n"] for one in told["flow"]] == [144, 96, 96, 96, 48]
    assert told["arms"][0] == {"arm": "message", "assigned": 72, "analysed": 48}
    by_name = moot(*of(grid), "known", "--only", "effect", "--json").json
    assert [one["n"] for one in by_name["flow"]] == [96, 96, 96, 96, 48]


def test_units_and_arms_can_be_asked_for(moot: Moot, grid: Path) -> None:
    strict = moot(*of(grid), "known", "--only", "effect", "--unit", "target", "--unit", "claim", "--json")
    assert strict.json["scores"][0]["why_no_interval"].startswith("no interval: 3 independent groups of target")
    factor = moot(*of(grid), "known", "--only", "effect", "--arm", "arm", "--control", "control", "--json")
    assert factor.json["scores"][0]["estimate"] == pytest.approx(strict.json["scores"][0]["estimate"])
    text = moot(*of(grid), "known", "--only", "persuasion", "--each").out
    assert "Independent units: 8 claims" in text
    assert "p_holm adjusted over the arms" in text
    wrong = moot(*of(grid), "known", "--arm", "mood", "--control", "x")
    assert (wrong.code, "no factor 'mood'; factors are arm, claim, voice" in wrong.err) == (2, True)
    wrong = moot(*of(grid), "known", "--arm", "arm", "--control", "x")
    assert (wrong.code, "no trial is in the arm 'x'" in wrong.err) == (2, True)


@pytest.fixture
def trial(moot: Moot, tmp_path: Path) -> Callable[..., str]:
    def run(*more: str, stances: tuple[int, ...] = (6, 6, 5, 3, 5)) -> str:
        voice = target(tmp_path, "target", {"Zoos": stances})
        (tmp_path / "sam.txt").write_text("One.\nTwo.\nThree.\nFour.\n")
        words = (
            "trial",
            "--claim",
            "Zoos should close.",
            "--target",
            voice,
            "--persuader",
            f"script:{tmp_path}/sam.txt",
        )
        return str(moot(*words, "--probes", "1", "--side", "against", *more, "--json").json["trials"][0]["id"])

    return run


def test_one_trial_tells_its_path_with_first_flip_and_flips(moot: Moot, trial: Callable[..., str]) -> None:
    # Heard before each asking: the cue, and one word of Sam's for every two turns. 6, 5, 3, 5 after 0, 2, 4, 6 turns.
    identity = trial("--turns", "6", "--every", "2", "--delayed", "2")
    [told] = moot("measure", identity, "--json").json["conversations"]
    scores = {one["name"]: one for one in told["scores"]}
    assert [scores[f"stance {name}"]["estimate"] for name in ("before", "after 2 turns", "after 4 turns", "after")] == [
        6, 5, 3, 5,
    ]  # fmt: skip
    assert (scores["flips"]["estimate"], scores["first flip"]["estimate"]) == (2, 4)
    assert scores["first move"]["estimate"] == 2
    assert scores["signed shift"]["estimate"] == 1
    assert scores["signed shift"]["why_no_interval"].startswith("no interval: one trial has one target")
    turns = moot("show", identity, "--json").json["turns"]
    for cite in scores["stance after"]["cites"]:
        assert turns[cite["turn"] - 1]["parts"][0]["kind"] == "ballot"
    assert scores["words per turn"]["cites"][0]["turn"] > 2
    assert moot("measure", identity).out.startswith(identity[:8])


def test_a_flip_that_was_not_seen_is_censored_and_not_the_last_turn(moot: Moot, trial: Callable[..., str]) -> None:
    identity = trial("--turns", "4", "--every", "1", stances=(6, 6, 6, 6))
    [told] = moot("measure", identity, "--only", "trajectory", "--json").json["conversations"]
    flip = next(one for one in told["scores"] if one["name"] == "first flip")
    assert (flip["estimate"], flip["seen"], flip["watched"]) == (None, False, 4)
    assert flip["why_no_interval"] == "not seen by turn 4, when it was last asked: censored"
    assert "not seen" in moot("measure", identity, "--only", "trajectory").out


def test_repeats_of_one_trial_are_one_unit_and_get_no_interval(moot: Moot, trial: Callable[..., str]) -> None:
    trial("--turns", "2", "--repeats", "6")
    ids = [one["id"] for one in moot("list", "--json").json]
    told = moot("measure", *ids, "--json").json
    shift = named(told, "shift")
    assert (shift["estimate"], shift["low"], shift["n"], shift["trials"]) == (1, None, 1, 6)
    assert "fewer than 5 of either" in told["independent_units"][0]
    assert [one["name"] for one in told["scores"] if one["low"] is not None] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which conversations?"),
        (("last", "--experiment", "x"), "which conversations?"),
        (("last", "--only", "persuasio"), "did you mean 'persuasion'?"),
        (("last", "--only", "zzz"), "there are persuasion, audience, judges"),
        (("--experiment", "nowhere"), "nothing of nowhere is on record"),
        (("last", "--csv", "nowhere/x.csv"), "the table cannot be written"),
        (("last", "--parquet", "nowhere/x.parquet"), "the table cannot be written"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    moot: Moot, trial: Callable[..., str], words: tuple[str, ...], said: str
) -> None:
    trial("--turns", "1")
    told = moot("measure", *words)
    assert told.code == 2
    assert said in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "\r=1", "\uff1d1", "\n"])
def test_no_cell_of_a_table_is_a_formula(cell: str) -> None:
    assert str(guarded(cell)).startswith("'")


def test_plain_cells_stay_what_they_are() -> None:
    assert [guarded(one) for one in ("x", "", -1.5, None, "a=b")] == ["x", "", -1.5, None, "a=b"]
