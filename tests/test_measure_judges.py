"""Judges, readers and forks on record: biases and Brier scores by hand, agreement, curves, what a turn moved."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from fakes import Fake, Reply, Request
from fakes.commands import commands
from moot.forms.judge import question_of
from moot.measures.arms import Wanted
from moot.measures.catalog import chosen, measured
from moot.measures.judged import Side, Voted, own_family, settled, votes_of
from moot.measures.recorded import Recorded
from moot.measures.verdict_scores import accuracy, agreeing, biases, winners
from moot.transcript import Ballot, Heading, Participant, Transcript, Turn, freeze

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakes.commands import Answer
    from moot.measures import Score
    from moot.measures.judged import Choice

    Moot = Callable[..., Answer]

ADA, BO = Side("Ada", ("openai:gpt-5",), "for", 200), Side("Bo", ("anthropic:claude-sonnet-4-5",), "against", 100)


def cast_by(choice: str, number: int = 0, **more: Any) -> Voted:
    plain = Voted(
        judge="Judge 1 (openai:gpt-5-mini)", voice="openai:gpt-5-mini", item=f"item {number}", topic=f"topic {number}",
        a=ADA, b=BO, choice=cast("Choice", choice), shown="a", odds=None, truth="", seed=0,
        cites=((f"c{number}", 4),), swaps=False,
    )  # fmt: skip
    return replace(plain, **more)


def of(scores: Any, name: str) -> Score:
    return next(one for one in scores if one.name == name)


def test_two_votes_that_turn_with_the_order_are_a_tie_and_one_vote_is_neither_consistent_nor_not() -> None:
    pairs = [
        cast_by(choice, number, shown=shown, swaps=True)
        for number, choices in enumerate([("a", "a"), ("a", "b"), ("b", "b")])
        for choice, shown in zip(choices, "ab", strict=True)
    ]
    assert [(one.choice, one.consistent) for one in settled(pairs)] == [("a", True), ("tie", False), ("b", True)]
    assert [one.cites for one in settled(pairs[:2])] == [(("c0", 4),) * 2]
    assert settled([cast_by("a")])[0].consistent is None
    assert settled([cast_by("", shown="a", swaps=True), cast_by("a", shown="b", swaps=True)])[0].choice == ""


def test_the_brier_score_and_accuracy_as_worked_by_hand() -> None:
    votes = [
        cast_by("a", 0, odds=(0.8, 0.2, 0.0), truth="a"), cast_by("b", 1, odds=(0.4, 0.6, 0.0), truth="a"),
        cast_by("tie", 2, odds=(0.2, 0.2, 0.6), truth="b"), cast_by("b", 3, truth="b"), cast_by("a", 4, truth=""),
    ]  # fmt: skip
    right, brier = accuracy(votes)
    # Right: 1, 0, 1/2, 1. Probabilities of the right side, a tie split: .8, .4, .5; (.2^2 + .6^2 + .5^2) / 3 = .65 / 3.
    assert (right.name, right.estimate, right.n) == ("accuracy", 0.625, 4)
    assert (brier.estimate, brier.n, brier.low) == (pytest.approx(0.65 / 3), 3, None)
    assert "3 independent groups" in brier.why
    assert brier.cites == (("c0", 4), ("c1", 4), ("c2", 4))


def test_position_side_and_family_are_shares_with_intervals_over_topics() -> None:
    votes = [cast_by("a" if number < 6 else "b", number, shown="a" if number % 2 else "b") for number in range(8)]
    found = {one.name.partition(":")[0]: one for one in biases(votes)}
    # Won by who was shown first: odd ones below 6 (3), and the even one from 6 on (1) of 8.
    assert found["position"].estimate == pytest.approx(0.5)
    assert found["side"].estimate == pytest.approx(0.75)
    assert found["family"].estimate == pytest.approx(0.75), "the judge is of the maker of a's model"
    assert own_family(cast_by("a", voice="google:gemini")) == ""
    # sd of six ones and two zeros is .4629, over the root of 8 .1637, times t(7) 2.3646: .387, cut at 1.
    assert (found["side"].low, found["side"].high) == (pytest.approx(0.75 - 0.38697, abs=1e-3), 1.0)
    assert (found["side"].n, found["side"].clusters) == (8, 8)


def test_the_share_of_pairs_judged_otherwise_in_the_other_order() -> None:
    votes = [
        cast_by("a" if shown == "a" or number < 4 else "b", number, shown=shown, swaps=True)
        for number in range(6) for shown in ("a", "b")
    ]  # fmt: skip
    assert of(biases(votes), "position: pairs judged otherwise in the other order").estimate == pytest.approx(2 / 6)


def test_the_slope_on_length_is_the_log_odds_ratio_where_there_are_two_lengths() -> None:
    # Twice as long wins 3 of 4, half as long 1 of 4: logits of +log 3 and -log 3 at +log 2 and -log 2.
    short = {"a": replace(ADA, words=50)}
    votes = [cast_by("a" if number != 3 else "b", number) for number in range(4)]
    votes += [cast_by("b" if number != 7 else "a", number, **short) for number in range(4, 8)]
    slope = of(biases(votes), "length: slope")
    assert slope.estimate == pytest.approx(math.log(3) / math.log(2))
    assert (slope.low or 0) < 0 < (slope.high or 0)
    never = [cast_by("a" if number < 4 else "b", number, **({} if number < 4 else short)) for number in range(8)]
    assert "without exception" in of(biases(never), "length: slope").why
    assert "do not vary" in of(biases(votes[:4]), "length: slope").why


def test_judges_agree_as_far_as_they_do() -> None:
    second: dict[str, Any] = {"judge": "Judge 2 (x:y)", "voice": "x:y"}
    choices = list(zip("aabbab", "aabbba", strict=True))
    votes = [cast_by(one, number) for number, (one, _) in enumerate(choices)]
    votes += [cast_by(other, number, **second) for number, (_, other) in enumerate(choices)]
    found, notes = agreeing(votes)
    assert of(found, "agreement: raw agreement").estimate == pytest.approx(4 / 6)
    # Cohen: observed 4/6, expected 1/2: kappa 1/3.
    assert next(one.estimate for one in found if one.name.startswith("agreement: kappa")) == pytest.approx(1 / 3)
    assert "6 items are few" in notes[0]
    assert agreeing(votes[:6]) == ([], [])
    assert agreeing([cast_by("a"), cast_by("a", **second)])[1][0].startswith("agreement: all 2 ratings are 'a'")


def test_win_rates_and_ratings_are_by_topic_and_of_nobody_where_one_voice_met_itself() -> None:
    votes = [cast_by("a" if number < 6 else "b", number) for number in range(8)]
    found, _ = winners(votes)
    rate = of(found, "win rate, openai:gpt-5")
    assert (rate.estimate, rate.clusters) == (pytest.approx(0.75), 8)
    beats = of(found, "rating, openai:gpt-5 beats anthropic:claude-sonnet-4-5")
    assert 0.5 < (beats.estimate or 0) < 0.75, "the ridge draws it to the middle"
    assert len(rate.cites) == 8
    assert winners([cast_by("a", b=ADA)])[0] == []
    assert winners([cast_by("tie", number) for number in range(6)])[1][0].startswith("win rate: all 6 games are draws")


def judgement(pair: tuple[str, str], answer: str, **source: Any) -> Recorded:
    named = f"conversation {pair[0]} x / conversation {pair[1]} y"
    told: dict[str, Any] = {"rubric": "R.", "a": ["One two."], "b": ["Three."], "about": named}
    if not source:
        told |= {"mode": "grade", "b": [], "scale": 5}
    heading = Heading((Participant("Judge 1", "x:y"),), form="judge", arguments=freeze(told), source=freeze(source))
    text = question_of(told.get("mode", "pair"), 5)
    odds = (0.7, 0.2, 0.1) if source else None
    given = Turn("Judge 1", (Ballot(text.text, text.options, answer, odds),), ())
    return Recorded(f"j{pair[0]}{answer}", Transcript(heading).then(given))


def test_pairs_that_differ_in_a_factor_are_rated_by_its_levels_and_know_their_odds_and_length() -> None:
    source: dict[str, Any] = {"topic": "T", "levels": ["calm", "loud"], "factor_right": "loud"}
    source |= {"a_voices": ["m:1"], "b_voices": ["m:1"]}
    [vote] = votes_of(judgement(("12345678", "23456789"), "A", **source), {}, "right")
    assert (vote.a.player, vote.b.player, vote.a.words, vote.b.words) == ("calm", "loud", 2, 1)
    assert (vote.truth, vote.odds) == ("b", (0.7, 0.2, 0.1))
    assert vote.right == pytest.approx(0.25)
    told = measured([judgement(("12345678", ""), "2"), judgement(("23456789", ""), "5")], chosen(["ratings"]), Wanted())
    assert [(one.name, one.estimate, one.n) for one in told.together] == [("grade", pytest.approx(3.5), 2)]


# The record


@pytest.fixture
def moot(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moot:
    monkeypatch.chdir(tmp_path)
    return commands(capfd)


def script(folder: Path, name: str, *lines: str) -> str:
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return f"script:{folder}/{name}.txt"


def test_debates_of_an_experiment_are_judged_against_the_truth(moot: Moot, tmp_path: Path) -> None:
    pro, con = script(tmp_path, "pro", *["For it, and at length."] * 4), script(tmp_path, "con", *["Against."] * 4)
    fair = script(tmp_path, "fair", "? Pro: Who argued better", "Reasons.")
    motions = [f"Motion {number}." for number in range(6)]
    (tmp_path / "debates.toml").write_text(
        'name = "debates"\nform = "debate"\n[arguments]\nmotion = "{motion}"\nproposition = "Pro"\nopposition = "Con"\n'
        'judges = ["Fair"]\nrounds = 0\nreasons = false\n'
        + "".join(
            f'[[cells]]\nmotion = "{one}"\nanswer = "{right}"\n'
            for one, right in zip(motions, ["true"] * 4 + ["con"] * 2, strict=True)
        )
        + f'[[cast]]\nname = "Pro"\nvoice = "{pro}"\nbrief = "{{answer}}"\n[[cast]]\nname = "Con"\nvoice = "{con}"\n'
        f'[[cast]]\nname = "Fair"\nvoice = "{fair}"\n'
    )
    assert moot("experiment", "run", "debates.toml").code == 0
    told = moot("measure", "--experiment", "debates", "--truth", "answer", "--only", "judges", "--json").json
    scores = {one["name"]: one for one in told["scores"]}
    assert (scores["accuracy"]["estimate"], scores["accuracy"]["clusters"]) == (pytest.approx(4 / 6), 6)
    assert scores["accuracy"]["low"] < 4 / 6 < scores["accuracy"]["high"]
    assert scores["side: won by whoever argued for"]["estimate"] == pytest.approx(1)
    assert scores["side: won by whoever argued for"]["why_no_interval"].startswith("no interval: nothing varies")
    assert scores[f"win rate, {pro}"]["estimate"] == pytest.approx(1)
    votes = [one for talk in told["conversations"] for one in talk["scores"]]
    assert [one["estimate"] for one in votes] == [1.0] * 6
    assert "accuracy" in moot("measure", "--experiment", "debates", "--truth", "answer").out


def test_judgements_of_a_conversation_are_found_and_know_whose_words_they_are_of(moot: Moot, tmp_path: Path) -> None:
    ada, bo = script(tmp_path, "ada", "One.", "Two words."), script(tmp_path, "bo", "Ah.", "Oh.")
    talk = moot("talk", ada, bo, "Rivers?", "--name", "Ada", "--name", "Bo", "--turns", "4", "--json").json["id"]
    always_a = script(tmp_path, "judge", "? A: By the rubric")
    other = script(tmp_path, "other", "? tie: By the rubric")
    judges = ("--judge", always_a, "--judge", other)
    assert moot("judge", talk, "--between", "Ada", "Bo", *judges, "--no-reasons").code == 0
    told = moot("measure", talk, "--only", "judges", "--json").json
    scores = {one["name"]: one for one in told["scores"]}
    assert len(told["conversations"]) == 5
    assert scores["position: pairs judged otherwise in the other order"]["estimate"] == pytest.approx(0.5)
    assert scores["position: won by whoever was called A or named first"]["estimate"] == pytest.approx(0.75)
    assert "rating: all 2 games are draws: nothing tells the players apart" in told["notes"]
    assert told["notes"][-1].startswith("agreement: all 2 ratings are 'tie'"), "a vote that turns is a tie as well"
    vote = next(one for each in told["conversations"] for one in each["scores"])
    assert (vote["a"], vote["b"], vote["judge"]) == ("Ada", "Bo", f"Judge 1 ({always_a})")


def test_readings_give_a_curve_over_readers_of_whom_those_alike_are_one(moot: Moot, tmp_path: Path) -> None:
    (tmp_path / "letter.md").write_text("# One\nA.\n# Two\nB.\n")
    up, down = "1 means strongly disagree", "1 means strongly agree"
    claim = "Rivers live."
    voices: list[str] = []
    for at in range(5):
        stances = ([3, 5, 6], [3, 4, 5], [3, 3, 3], [5, 5, 5], [3, 4, 2])[at]
        lines = [f"? {'|'.join(map(str, stances))}: {claim} … {up}",
                 f"? {'|'.join(str(8 - one) for one in stances)}: {claim} … {down}"]  # fmt: skip
        voices += ["--reader", script(tmp_path, f"r{at}", *lines)]
    read = ("audience", "letter.md", "--claim", claim, *voices, "--no-check")
    assert moot(*read, "--readers", "2").code == 0
    ids = [one["id"] for one in moot("list", "--json").json]
    told = moot("measure", *ids, "--only", "audience", "--json").json
    scores = {one["name"]: one for one in told["scores"]}
    moved = scores["curve: moved towards the claim"]
    # 3, 2, 0, 0 and -1: mean .8; ten readings are of five readers.
    assert (moved["estimate"], moved["n"], moved["clusters"]) == (pytest.approx(0.8), 10, 5)
    assert moved["low"] < 0.8 < moved["high"]
    assert scores["curve: after all"]["estimate"] == pytest.approx((6 + 5 + 3 + 5 + 2) / 5)
    # For before: one of five; after: three. Against before: four; after: two.
    assert scores["curve: swing for"]["estimate"] == pytest.approx(0.4)
    assert scores["curve: swing against"]["estimate"] == pytest.approx(-0.4)


def test_readers_that_cannot_be_read_are_left_out_and_counted(moot: Moot, tmp_path: Path) -> None:
    (tmp_path / "letter.md").write_text("A.\n")
    stuck = script(tmp_path, "stuck", "? 6: ")
    moot("audience", "letter.md", "--claim", "Rivers live.", "--reader", stuck)
    told = moot("measure", "last", "--json").json
    assert told["scores"][0]["estimate"] is None
    assert told["scores"][0]["left_out"] == 1
    assert told["notes"] == ["1 of 1 readings are left out: insensitive"]


def swayed(request: Request) -> Reply:
    """Answer a stance by what was heard: the decisive point moves by 3, the minor one by 1; else say something."""
    *heard, last = (json.dumps(one) for one in request.body["messages"])
    if "strongly" not in last:
        return Reply(("I see.",))
    stance = 2 + 3 * ("decisive" in str(heard)) + ("minor" in str(heard))
    return Reply((f'{{"answer": "{stance if "1 means strongly disagree" in last else 8 - stance}"}}',))


def test_the_turn_that_moved_somebody_comes_first_and_run_again_nobody_is_asked(
    moot: Moot, tmp_path: Path, fake: Fake
) -> None:
    fake.otherwise, fake.moves_prefix = swayed, "a fork leaves a turn out"
    sam = script(tmp_path, "sam", "A minor point.", "A decisive point.", "Nothing.")
    talk = moot(
        "talk", sam, "openai:gpt-4o?wire=chat", "Rivers?", "--name", "Sam", "--name", "Alex", "--turns", "6", "--json"
    ).json["id"]  # fmt: skip
    words = ("counterfactual", talk, "--of", "Alex", "--claim", "Rivers live.", "--probes", "1", "--repeats", "5")
    told = moot(*words, "--json").json
    assert [(one["turn"], one["estimate"]) for one in told["turns"][:2]] == [(4, 3.0), (2, 1.0)]
    assert told["stance"]["estimate"] == 6
    assert told["turns"][0]["cites"][0] == {"id": talk, "turn": 4}
    assert told["turns"][0]["words"] == "A decisive point."
    assert (told["turns"][0]["n"], told["turns"][0]["rank"]) == (5, 1)
    asked = len(fake.requests)
    again = moot(*words)
    assert "+3.00" in again.out
    assert len(fake.requests) == asked, "what is on record is not asked again"
    fork = told["turns"][0]["forks"][0]
    shown = moot("show", fork, "--json").json
    said = [turn["parts"][0].get("text") for turn in shown["turns"]]
    assert "A decisive point." not in said
    assert "A minor point." in said
    assert shown["turns"][-3]["marks"] == ["as said in turn 7"]
    assert "without turn 4" in moot("list", "--json").out
    assert moot("verify").code == 0
    measured_ = moot("measure", talk, "--only", "counterfactual", "--json").json
    assert [one["name"] for one in measured_["scores"]][:2] == ["stance, nothing left out", "moved by turn 4"]


def test_a_counterfactual_that_cannot_be_asked_is_told(moot: Moot, tmp_path: Path) -> None:
    sam = script(tmp_path, "sam", "One.", "Two.")
    talk = moot("talk", sam, sam, "Rivers?", "--name", "Sam", "--name", "Alex", "--turns", "2", "--json").json["id"]
    for words, said in (
        ((), "on what is anybody to take a stand?"),
        (("--claim", "x"), "who is asked? --of NAME: Sam, Alex"),
        (("--claim", "x", "--of", "Sam", "--turn", "9"), "turn 9 is none that Sam heard"),
        (("--claim", "x", "--of", "Sam", "--at", "2"), "nobody said anything to Sam in the first 2 turns"),
        (("--claim", "x", "--of", "Alex", "--repeats", "300"), "600 forks, more than the 400"),
    ):
        told = moot("counterfactual", talk, *words)
        assert (told.code, said in told.err) == (2, True), told.err


def test_names_of_measures_are_families_or_members_and_agreement_is_of_two() -> None:
    assert chosen(["agreement"]) == {("judges", "agreement"), ("dynamics", "agreement")}
    assert ("persuasion", "effect") in chosen(["persuasion"])
    assert chosen([]) >= chosen(["dynamics"])
    assert measured([], chosen([]), Wanted(), None, None).together == ()


def test_readings_of_several_conversations_tell_what_an_arm_did_to_readers(moot: Moot, tmp_path: Path) -> None:
    claims = [f"Claim {number}." for number in range(5)]
    (tmp_path / "talk.txt").write_text("One.\nTwo.\nThree.\nFour.\n")
    up, down = "1 means strongly disagree", "1 means strongly agree"
    # Two pieces are read in one arm and four in the other: 3 before, 5 after two, 4 after four; but on claim 0 just 4.
    votes = [f"? {'|'.join(said)}: {claim} … {end}" for at, claim in enumerate(claims) for said, end in (
        ((*"335", "4") if at else (*"334", "4"), up), ((*"553", "4") if at else (*"554", "4"), down))]  # fmt: skip
    (tmp_path / "reader.txt").write_text("\n".join(votes) + "\n")
    (tmp_path / "read.toml").write_text(
        f'name = "read"\n[arguments]\nturns = "{{length}}"\nprompt = "{{claim}}"\nto = "first"\n[factors]\n'
        f"claim = {json.dumps(claims)}\nlength = [2, 3]\n"
        + "".join(f'[[cast]]\nname = "{name}"\nvoice = "script:{tmp_path}/talk.txt"\n' for name in ("Ada", "Bo"))
        + f'[[afterwards]]\nform = "audience"\nvoices = ["script:{tmp_path}/reader.txt"]\n'
        '[afterwards.arguments]\nclaim = "{claim}"\neach = false\ncheck = false\n'
    )
    assert moot("experiment", "run", "read.toml").code == 0
    words = ("measure", "--experiment", "read", "--only", "audience", "--arm", "length", "--control", "3", "--json")
    told = moot(*words).json
    scores = {one["name"]: one for one in told["scores"]}
    change = scores["audience: change, 2 against 3"]
    assert change["estimate"] == pytest.approx(4 / 5)
    assert (change["n"], change["clusters"]) == (10, 5)
    assert told["independent_units"] == [
        "independent units: 5 claims; 1 target, too few to stand for others: figures are of these alone"
    ]
    assert moot(*words[:5]).code == 0
