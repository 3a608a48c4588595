"""Readers: who can be read, by measurement; and that what scripted readers say comes out as the curve that it is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.commands import commands
from moot.forms.audience import CONTENT_FREE, PLAINLY_FALSE, PLAINLY_TRUE, audience_plan, checks
from moot.forms.stance import Probe
from moot.measures import FEWEST, mean_of, quantile
from moot.measures.readers import Check, check_of, judged
from moot.transcript import Ballot, Heading, Invalid, Participant, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.commands import Answer

CLAIM = "Rivers are alive."
NEGATION = checks(CLAIM)[0]
SEED_TWO = Path(__file__).parents[2] / "shared" / "seeds" / "002_e62f82c8d3dc021c.txt"
UP, DOWN = "1 means strongly disagree", "1 means strongly agree"


def checked(answer: Callable[[Probe], str | tuple[float, ...]], scale: int = 7) -> Check:
    """Return the check of a reader that answers each probe like this."""
    plan = audience_plan(CLAIM, scale, 3, check=True, negation="")
    given: list[tuple[Probe, Ballot | None]] = []
    for probe in plan:
        told, question = answer(probe), probe.question
        odds = None if isinstance(told, str) else told
        said = told if isinstance(told, str) else question.options[told.index(max(told))]
        given.append((probe, Ballot(question.text, question.options, said, odds)))
    return judged(given, CLAIM, NEGATION, scale)


def honest(stance: int, scale: int = 7) -> Callable[[Probe], str]:
    """Answer as somebody who stands there, disagrees as much with the negation, and knows what a week is."""
    values = {CLAIM: stance, NEGATION: scale + 1 - stance, PLAINLY_TRUE: scale, PLAINLY_FALSE: 1}
    middle = (scale + 1) // 2

    def answer(probe: Probe) -> str:
        value = values.get(probe.claim, middle)
        return str(scale + 1 - value if probe.turned else value)

    return answer


@given(st.integers(1, 7))
def test_whoever_answers_what_is_asked_is_sensitive_wherever_they_stand(stance: int) -> None:
    found = checked(honest(stance))
    assert (found.verdict, found.turned, found.negated, found.spread, found.apart) == ("sensitive", 0, 0, 0, 6)


@given(st.integers(1, 7), st.integers(2, 11))
def test_whoever_always_picks_one_place_is_insensitive_the_middle_too(place: int, scale: int) -> None:
    found = checked(lambda _: str(min(place, scale)), scale)
    assert not found.sensitive
    assert found.turned == abs(2 * min(place, scale) - (scale + 1))
    assert (found.unmoved, found.apart) == (0, 0)
    assert "no answer differs from that to an empty claim" in found.verdict


def test_whoever_agrees_with_a_claim_and_its_negation_is_insensitive() -> None:
    found = checked(
        lambda probe: str((2 if probe.turned else 6) if probe.claim in (CLAIM, NEGATION) else honest(4)(probe))
    )
    assert found.reasons == ("claim and negation miss adding up by 4.0 of 6 points (at most 2.0)",)


def test_whoever_answers_each_time_something_else_is_insensitive() -> None:
    def answer(probe: Probe) -> str:
        value = (1, 4, 7)[probe.draw] if probe.claim == CLAIM else int(honest(4)(Probe(probe.claim, 7)))
        return str(8 - value if probe.turned else value)

    assert checked(answer).reasons == ("repeated probes spread by 3.0 of 6 points (at most 1.5)",)


def test_whoever_tells_what_is_plain_from_what_is_not_by_too_little_is_insensitive() -> None:
    values = {CLAIM: 6, NEGATION: 2, PLAINLY_TRUE: 5, PLAINLY_FALSE: 4, CONTENT_FREE: 4}
    found = checked(lambda probe: str(8 - values[probe.claim] if probe.turned else values[probe.claim]))
    assert found.reasons == (
        "it puts a plainly true claim above a plainly false one by only 1.0 of 6 points (at least 2.0)",
    )


def test_whoever_names_no_option_cannot_be_read_and_the_count_is_told() -> None:
    found = checked(lambda probe: "" if probe.claim == PLAINLY_TRUE else honest(5)(probe))
    assert found.reasons == ("only 12 of 14 ballots of its check name an option",)
    assert found.apart is None


def test_probabilities_are_read_as_the_mean_over_them() -> None:
    found = checked(lambda _: (0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.75))
    assert found.turned == 3.0
    assert found.as_json()["reversed_scale_shift"] == 3.0


def test_a_check_is_of_an_audience() -> None:
    with pytest.raises(Invalid, match="no audience"):
        check_of(Transcript(Heading((Participant("Ada", "person"),))))


@pytest.mark.parametrize(
    ("freedom", "exact"),
    [(4, 2.776445), (9, 2.262157), (29, 2.045230), (30, 2.042272), (60, 2.000298), (1000, 1.962339)],
)
def test_the_quantiles_are_those_of_the_tables(freedom: int, exact: float) -> None:
    assert math.isclose(quantile(freedom), exact, abs_tol=0.001)


def test_of_fewer_than_five_there_is_no_interval_and_of_five_students() -> None:
    few = mean_of("x", [1.0, 2.0, 3.0, 4.0], "points", "readers")
    assert (few.estimate, few.low, few.why) == (2.5, None, "no interval: 4 readers, and fewer than 5 allow none")
    five = mean_of("x", [1.0, 2.0, 3.0, 4.0, 5.0], "points", "readers")
    assert five.n == FEWEST
    assert five.low is not None
    assert five.high is not None
    # By hand: sd 1.5811, standard error 0.7071, t 2.7764.
    assert (round(five.low, 3), round(five.high, 3)) == (1.037, 4.963)
    none = mean_of("x", [], "points", "readers")
    assert (none.estimate, none.n) == (None, 0)


def reader(path: Path, stances: list[int]) -> str:
    """Write a script that answers as somebody whose stance is this before anything, after a piece, and so on."""
    first, *_ = stances
    sides = ((UP, stances, (7, 1, 8 - first)), (DOWN, [8 - one for one in stances], (1, 7, first)))
    lines: list[str] = []
    for way, answers, (true, false, negated) in sides:
        lines += [f"? {true}: {PLAINLY_TRUE} … {way}", f"? {false}: {PLAINLY_FALSE} … {way}"]
        lines += [f'? 4: "{CONTENT_FREE}"', f"? {negated}: {NEGATION} … {way}"]
        lines += [f"? {'|'.join(map(str, answers))}: {CLAIM} … {way}"]
    path.write_text("\n".join(lines) + "\n")
    return f"script:{path}"


@pytest.fixture
def letters(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Put three letters on record; return the id of their conversation."""
    (tmp_path / "ada.txt").write_text("Rivers move.\nThey feed us.\n")
    (tmp_path / "bo.txt").write_text("So do trains, Ada.\n")
    scripts = (f"script:{tmp_path}/ada.txt", f"script:{tmp_path}/bo.txt")
    told = commands(capfd)("talk", *scripts, "Go.", "--name", "Ada", "--name", "Bo", "--turns", "3", "--json")
    identity: str = told.json["id"]
    return identity


def moved(told: Answer) -> dict[str, Any]:
    found: dict[str, Any] = told.json["moved"]
    return found


def test_known_stances_come_out_as_the_curve_that_they_are(
    letters: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot = commands(capfd)
    known = [[2, 3, 3, 5], [4, 4, 5, 6], [3, 3, 3, 3], [1, 2, 2, 2], [6, 6, 5, 7]]
    voices = [word for n, one in enumerate(known) for word in ("--reader", reader(tmp_path / f"r{n}.txt", one))]
    told = moot("audience", letters, "--claim", CLAIM, *voices, "--json")
    points = told.json["curve"]
    assert [point["name"] for point in points] == ["before", "1: Ada", "2: Bo", "after all"]
    assert [point["estimate"] for point in points] == [3.2, 3.6, 3.6, 4.6]
    assert [point["n"] for point in points] == [5] * 4
    # Moves of 3, 2, 0, 1, 1: mean 1.4, sd 1.140175, standard error 0.509902, t(4) 2.776445.
    assert moved(told)["estimate"] == pytest.approx(1.4)
    assert [moved(told)["low"], moved(told)["high"]] == pytest.approx([1.4 - 1.415713, 1.4 + 1.415713], abs=1e-5)
    shown = moot("audience", letters, "--claim", CLAIM, *voices).out
    assert "5 of 5 readers count." in shown
    assert "moved towards the claim by +1.40 points on 1-7, n 5; 95 % interval -0.02 to +2.82" in shown
    assert len([line for line in shown.splitlines() if "●" in line]) == 4
    assert len(moot("list", "--json").json) == 1 + 5, "run again, nobody is asked again"


def test_a_reader_that_cannot_be_read_is_told_and_left_out_and_few_get_no_interval(
    letters: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot = commands(capfd)
    (tmp_path / "six.txt").write_text("? 6:\n")
    voices = ("--reader", reader(tmp_path / "r.txt", [2, 3, 4, 5]), "--reader", f"script:{tmp_path}/six.txt")
    told = moot("audience", letters, "--claim", CLAIM, *voices, "--last-only", "--json")
    counted, left_out = told.json["readers"]
    assert (counted["counted"], counted["check"]["verdict"]) == (True, "sensitive")
    assert not left_out["counted"]
    assert left_out["left_out"].startswith("insensitive: with the scale turned round its stance moves by 4.0 of 6")
    assert [(point["name"], point["estimate"], point["n"]) for point in told.json["curve"]] == [
        ("before", 2.0, 1),
        ("after all", 5.0, 1),
    ]
    assert moved(told)["why_no_interval"] == "no interval: 1 readers that count, and fewer than 5 allow none"
    alone = moot("audience", letters, "--claim", CLAIM, "--reader", f"script:{tmp_path}/six.txt")
    assert "0 of 1 readers count.\nNothing can be said about whether it persuaded." in alone.out


def test_personas_go_round_and_are_told_to_their_readers_alone(
    letters: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot = commands(capfd)
    personas = ("--persona", "You fish.", "--persona", "You drive trains.", "--readers", "3")
    voice = reader(tmp_path / "r.txt", [4])
    told = moot("audience", letters, "--claim", CLAIM, "--reader", voice, *personas, "--scrub", "--json")
    shown = [moot("show", one["id"], "--json") for one in told.json["readers"]]
    briefs = [one.json["heading"]["participants"][0]["brief"] for one in shown]
    assert [brief.rpartition("yourself. ")[2] for brief in briefs] == ["You fish.", "You drive trains.", "You fish."]
    for one in shown:
        assert [person["name"] for person in one.json["heading"]["participants"]] == [one.json["turns"][0]["speaker"]]
        assert "Ada" not in one.out
        assert "Speaker 1" in one.out


def test_a_person_away_is_waited_for_and_their_answers_carry_it_on(
    letters: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moot = commands(capfd)
    words = ("audience", letters, "--claim", CLAIM, "--reader", "person:web", "--no-check", "--last-only")
    first = moot(*words)
    assert first.code == 0
    assert "check unfinished" not in first.out
    assert "has not read it all" in first.out
    assert "waiting: " in first.err
    identity = moot("list", "--json").json[0]["id"]
    for answer in ("3", "5", "6", "2"):
        assert moot("say", identity, answer, "--as", "Reader 1").code == 0
        moot(*words)
    told = moot(*words, "--json")
    assert [point["estimate"] for point in told.json["curve"]] == [3.0, 6.0]


@pytest.mark.usefixtures("stocked")
def test_both_embedded_models_are_found_insensitive(letters: str, capfd: pytest.CaptureFixture[str]) -> None:
    voices = ("--reader", "local:smollm2", "--reader", "local:gemma3")
    told = commands(capfd)("audience", letters, "--claim", CLAIM, *voices, "--last-only", "--jobs", "2", "--json")
    assert told.code == 0
    for one in told.json["readers"]:
        assert one["check"]["ballots_answered"] == one["check"]["ballots_asked"] == 14
        assert one["check"]["reversed_scale_shift"] > 2, "its answers follow the position of the options"
        assert one["left_out"].startswith("insensitive: with the scale turned round")
    assert moved(told)["n"] == 0


@pytest.mark.skipif(not SEED_TWO.exists(), reason="the second seed is not part of the project")
@pytest.mark.usefixtures("stocked")
def test_of_the_second_seed_an_embedded_reader_cannot_say_whether_it_persuaded(
    capfd: pytest.CaptureFixture[str],
) -> None:
    moot = commands(capfd)
    [imported] = moot("import", str(SEED_TWO), "--json").json
    claim = "Releasing the weights of powerful models is dangerous."
    words = ("audience", imported["id"], "--claim", claim, "--reader", "local:smollm2", "--last-only")
    told = moot(*words)
    assert told.code == 0
    assert "insensitive: with the scale turned round" in told.out
    assert told.out.endswith("0 of 1 readers count.\nNothing can be said about whether it persuaded.\n")
