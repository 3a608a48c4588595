from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from moot.measures.dynamics import Model, Said, Talk, study
from moot.measures.dynamics.basics import FIGURES as BASICS
from moot.measures.dynamics.coordination import coordinated, coordination, exchanges, lsm
from moot.measures.dynamics.markers import CLASSES, MARKERS, classes_of, counts
from moot.measures.dynamics.meaning import FIGURES, accommodation, cosines, drift, own_voice
from moot.measures.dynamics.means import Columns, score
from moot.measures.dynamics.places import places
from moot.measures.dynamics.rows import SURROGATES, mates_of, rows_of
from moot.measures.dynamics.words import words

if TYPE_CHECKING:
    from moot.measures import Score
    from moot.measures.dynamics.rows import Rows

CONVOKIT = {"A to B": 0.040903589696748247, "B to A": 0.0324064807984238}
"""What `Coordination` of ConvoKit 5.0.0 gives for `taken_up`, with moot's lists of words in place of its own."""


def embed(texts: list[str]) -> np.ndarray:
    """Point in the direction of the first letters: whatever is told of meaning can be worked out by hand."""
    found = np.zeros((len(texts), 3), dtype=np.float32)
    for at, text in enumerate(texts):
        for letter in text:
            if letter in "abc":
                found[at, "abc".index(letter)] += 1
        found[at] /= max(float(np.linalg.norm(found[at])), 1e-9)
    return found


MODEL = Model("letters", "1", 3, "sha256:none", embed)  # pyright: ignore[reportArgumentType] - a list is a sequence


def talk(identity: str, *texts: str, topic: str = "", statement: str = "", speakers: str = "AB") -> Talk:
    said = (Said(speakers[at % len(speakers)], text, at + 1) for at, text in enumerate(texts))
    return Talk(identity, tuple(said), topic=topic, statement=statement)


def taken_up() -> list[Talk]:
    """Return talks in which the second speaker takes up words more than the first does; always the same."""
    chance = np.random.default_rng(20121)
    pool = [word for name in MARKERS for word in MARKERS[name].split()[:3] if "'" not in word]
    pool += ["tide", "moon", "salt", "wind"] * 6
    talks: list[Talk] = []
    for at in range(12):
        last: list[str] = []
        texts: list[str] = []
        for turn in range(14):
            said = [str(one) for one in chance.choice(pool, 5)]
            if last and chance.random() < (0.5 if turn % 2 else 0.2):
                said[0] = last[int(chance.integers(len(last)))]
            last = said
            texts.append(" ".join(said))
        talks.append(talk(f"t{at}", *texts))
    return talks


# Surrogates


def test_a_surrogate_is_another_talk_of_the_topic_opened_by_the_same_speaker_if_there_is_one() -> None:
    found = mates_of(["x", "x", "x", "y", "y", "z"], np.array([0, 0, 1, 0, 1, 0]))
    assert found.shape == (SURROGATES, 6)
    assert found[0].tolist()[:2] == [1, 0]
    assert found[0, 2] in (0, 1)
    assert found[0].tolist()[3:] == [4, 3, -1]
    many = mates_of(["x"] * 40, np.zeros(40, dtype=int))
    for at in range(40):
        assert at not in many[:, at]
        assert len(set(many[:, at].tolist())) == SURROGATES
    assert all(sorted(row.tolist()) == list(range(40)) for row in many)  # each stands in equally often


def test_speakers_go_by_name_where_names_recur_and_by_order_where_they_do_not() -> None:
    named = rows_of([talk("1", "a", "b"), talk("2", "a", "b", speakers="BA")])
    assert (named.named, named.names, named.speaker.tolist()) == (True, ("A", "B"), [0, 1, 1, 0])
    people = rows_of([talk("1", "a", "b", speakers="PQ"), talk("2", "a", "b", "c", speakers="RS")])
    assert (people.named, people.names) == (False, ("speaker 1", "speaker 2"))
    assert people.speaker.tolist() == [0, 1, 0, 1, 0]
    assert people.answers.tolist() == [False, True, False, True, True]


# Meaning


def test_accommodation_by_hand() -> None:
    """Each answers in its partner's direction; the surrogate of either is the other talk, which goes elsewhere."""
    found = study([talk("1", "a", "a", "a", "a"), talk("2", "b", "b", "b", "b")], ["accommodation"], MODEL)
    assert found.each["closeness"].tolist() == [1, 1]
    assert found.each["surrogate closeness"].tolist() == [0, 0]
    assert found.each["accommodation"].tolist() == [1, 1]
    assert found.each["accommodation slope"].tolist() == [0, 0]
    alike = study([talk("1", "a", "a", "ab"), talk("2", "a", "a", "b")], ["accommodation"], MODEL)
    assert alike.each["closeness"] == pytest.approx([(1 + 0.5**0.5) / 2, 0.5])
    assert alike.each["accommodation"] == pytest.approx([0, 0])
    assert [one.more["subject"] for one in found.scores] == ["accommodation"] * 8


def test_a_slope_is_over_the_whole_talk_and_less_that_of_surrogates() -> None:
    """Talk 1 comes to answer in its partner's direction, by 1 in a step of a quarter; talk 2 never does."""
    talks = [talk("1", "a", "b", "b", "b"), talk("2", "c", "c", "c", "c")]
    found = study(talks, ["accommodation"], MODEL)
    assert found.each["accommodation"] == pytest.approx([2 / 3, 1])
    x, y = np.array([2, 3, 4]) / 4, np.array([0, 1, 1])
    assert found.each["accommodation slope"][0] == pytest.approx(np.polyfit(x, y, 1)[0])


def test_turns_without_direction_and_talks_without_mates_are_left_out() -> None:
    found = study([talk("1", "a", "", "a", "z"), talk("2", "a", "b", topic="other")], ["accommodation"], MODEL)
    assert np.isnan(found.each["closeness"][0])
    assert found.each["closeness"][1] == 0
    assert np.isnan(found.each["accommodation"]).all()
    told = next(one for one in found.scores if one.name == "accommodation")
    assert "another conversation" in told.why


def test_shared_words_are_told_beside_meaning_and_without_a_model() -> None:
    found = study([talk("1", "tide tide moon", "tide"), talk("2", "salt", "wind")], ["accommodation"])
    assert found.each["closeness, by words"] == pytest.approx([2 / 5**0.5, 0])
    assert found.each["accommodation, by words"] == pytest.approx([2 / 5**0.5, 0])
    assert any("no model" in note for note in found.notes)


def test_drift_is_from_the_opening_or_from_the_statement() -> None:
    texts = ("", "a", "a", "ab", "b", "b")
    opening, stated = study([talk("1", *texts), talk("2", *texts, statement="b")], ["drift"], MODEL), None
    near = 1 - 0.5**0.5
    assert opening.each["topic distance"] == pytest.approx([(0 + near + 1 + 1) / 4, (1 + 1 + near + 0 + 0) / 5])
    stated = opening.each["topic drift"]
    assert np.isnan(stated[0])  # in its first third nothing but the opening has a direction
    assert stated[1] == pytest.approx(0 - 1)
    assert opening.each["topic drift slope"][0] > 0 > opening.each["topic drift slope"][1]
    vectors = np.array(embed(list(texts)))
    assert cosines(vectors, vectors, np.array([1, 0]), np.array([3, 1])) == pytest.approx(
        [0.5**0.5, np.nan], nan_ok=True
    )


def test_ones_own_voice_is_kept_or_taken_from_the_other() -> None:
    kept = study([talk("1", *("a", "b") * 3), talk("2", "a", "b", "a", "b", "b", "a")], ["identity"], MODEL)
    assert kept.each["own voice kept"] == pytest.approx([1, -1])


def test_places_tell_how_many_talks_reach_them() -> None:
    found = study([talk(str(at), *["a bc"[: at % 3 + 2]] * (2 + at)) for at in range(8)], ["basics"])
    told = list(places(found, "words per turn"))
    assert [one.n for one in told] == [8, 8, 7, 6, 5, 4, 3, 2, 1]
    assert told[0].low is not None
    assert told[-1].low is None


# Coordination


def test_coordination_by_hand() -> None:
    """Ten exchanges, the class in four of what is answered and, of those, in three replies, and in four in all."""
    reply, answered = np.zeros((10, 8), dtype=bool), np.zeros((10, 8), dtype=bool)
    answered[:4, 0], reply[1:5, 0] = True, True
    value, parts, each = coordinated(exchanges(np.arange(10), 10, reply, answered))
    assert value == pytest.approx(3 / 4 - 4 / 10)
    assert each[0] == value
    assert np.isnan(each[1:]).all()
    assert parts.sum() == pytest.approx(0)
    one_by_one = [1 / 4 * (reply[at, 0] - 3 / 4) * answered[at, 0] - (reply[at, 0] - 4 / 10) / 10 for at in range(10)]
    assert parts == pytest.approx(one_by_one)


def test_coordination_is_what_convokit_says() -> None:
    scores = {one.name: one for one in study(taken_up(), ["coordination"]).scores}
    for direction, value in CONVOKIT.items():
        assert scores[f"coordination, {direction}"].estimate == pytest.approx(value, abs=2e-5)
    difference = scores["coordination, A to B less B to A"]
    assert difference.estimate == pytest.approx(CONVOKIT["A to B"] - CONVOKIT["B to A"])
    assert scores["coordination, A to B"].n == 12
    assert scores["coordination, A to B"].more["exchanges"] == 72


def test_few_exchanges_tell_nothing() -> None:
    scores = study([talk("1", *["the tide"] * 50)], ["coordination"]).scores
    assert all("fewer than 50" in one.why for one in scores)
    assert all(one.estimate is None for one in scores)
    never = study([talk(str(at), *["tide"] * 60) for at in range(6)], ["coordination"]).scores
    assert all("no class of words" in one.why or "surrogate" in one.why or "fewer" in one.why for one in never)


def test_many_directions_and_long_turns_are_remarked_on() -> None:
    crowd = "ABCDE"
    everything = " ".join(MARKERS[name].split()[0] for name in MARKERS)
    chance = np.random.default_rng(3)
    talks = [
        Talk(f"t{at}", tuple(Said(crowd[chance.integers(5)], everything, turn) for turn in range(40)))
        for at in range(40)
    ]
    found = study(talks, ["coordination"])
    assert any("busiest of 20" in note for note in found.notes)
    assert any("tends to 0" in note for note in found.notes)


def test_short_forms_count_as_both_their_parts() -> None:
    told = {
        word: {CLASSES[one] for one in classes_of(word)}
        for word in ("don't", "i'm", "it's", "tide's", "won't", "y'all")
    }
    assert told["don't"] == {"auxiliary verbs"}
    assert told["i'm"] == {"personal pronouns", "auxiliary verbs"}
    assert told["it's"] == {"impersonal pronouns", "auxiliary verbs"}
    assert told["tide's"] == set()
    known: dict[str, tuple[int, ...]] = {}
    (row,) = counts([words("The tide and the moon")], known)
    assert dict(zip(CLASSES, row, strict=True)) | {"articles": 2, "conjunctions": 1} == dict(
        zip(CLASSES, row, strict=True)
    )
    assert sum(row) == 3


# Style


def test_style_matching_by_hand() -> None:
    first, second = np.zeros((1, 8)), np.zeros((1, 8))
    first[0, 0], second[0, 0] = 0.1, 0.05
    assert lsm(first, second) == pytest.approx([(7 + 1 - 0.05 / (0.15 + 0.0001)) / 8])


def test_style_is_of_rates_and_beside_that_of_shuffled_partners() -> None:
    much, little = "the of and a tide " * 8, "tide moon salt wind rain " * 8
    alike = [talk(f"s{at}", much, much) for at in range(3)]
    found = study([*alike, talk("x", little, little), talk("short", "a", "b")], ["style"])
    assert found.each["style matching"][:4] == pytest.approx([1, 1, 1, 1])
    assert np.isnan(found.each["style matching"][4])
    over = found.each["style matching over shuffled"]
    strange = lsm(np.array([[0.4, 0, 0.2, 0, 0, 0, 0.2, 0]]), np.zeros((1, 8)))[0]
    assert over[3] == pytest.approx(1 - strange)
    assert 0 < over[0] < over[3]


# Intervals


def made(talks: int, turns: int) -> Rows:
    return rows_of([talk(str(at), *[""] * turns) for at in range(talks)])


def covers(score: Score, truth: float) -> bool:
    assert score.low is not None
    assert score.high is not None
    return score.low <= truth <= score.high


@pytest.mark.parametrize("topic", [0.0, 1.0])
def test_intervals_of_accommodation_cover_the_truth(topic: float) -> None:
    """That all turns share a topic makes them near, which is no accommodation."""
    chance = np.random.default_rng(7)
    name = "accommodation"
    figure = next(one for one in FIGURES if one.name == name)
    rows = made(40, 6)
    near = 0
    for _ in range(500):
        vectors = chance.normal(size=(len(rows), 24)) + topic
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        found = accommodation(rows, partial(cosines, vectors, vectors))
        columns = Columns(found.each[name], None, found.strangers[name], rows.mates)
        near += covers(score(figure, columns), 0)
    assert 0.93 <= near / 500 <= 0.97


def test_intervals_of_coordination_cover_the_truth() -> None:
    """Speakers of a talk share how often they use words, and take none up: shuffled partners tell these apart."""
    chance = np.random.default_rng(8)
    rows = made(40, 10)
    plain = over = 0
    for _ in range(500):
        has = chance.random((len(rows), 8)) < 0.5
        scores = {one.name: one for one in coordination(rows, has.astype(int), None)[0]}
        plain += covers(scores["coordination, A to B"], 0)
        over += covers(scores["coordination, A to B, over shuffled"], 0)
    assert 0.93 <= plain / 500 <= 0.97
    assert 0.92 <= over / 500 <= 0.98


def test_the_drift_of_nothing_is_nothing() -> None:
    rows = rows_of([Talk("empty", ())])
    vectors = np.zeros((0, 3), dtype=np.float32)
    assert np.isnan(drift(rows, vectors, [Talk("empty", ())], MODEL).each["topic drift"]).all()
    assert np.isnan(own_voice(rows, vectors).each["own voice kept"]).all()


def test_turns_taken_as_independent_would_cover_too_little_where_conversations_do_not() -> None:
    """Conversations differ, and those of a cluster are alike: what takes each turn for a unit is sure of too much."""
    chance = np.random.default_rng(9)
    figure = next(one for one in BASICS if one.name == "words per turn")
    rows = made(60, 8)
    units = np.repeat(np.arange(20), 3)
    turns = talks = clusters = 0
    for _ in range(500):
        of_talk = chance.normal(size=60) + chance.normal(size=20)[units]
        values = of_talk[rows.talk] + chance.normal(size=len(rows))
        half = 1.96 * float(values.std(ddof=1)) / len(rows) ** 0.5
        turns += abs(float(values.mean())) <= half
        talks += covers(score(figure, Columns(rows.mean(values))), 0)
        clusters += covers(score(figure, Columns(rows.mean(values), units)), 0)
    assert turns / 500 < 0.7
    assert talks / 500 < 0.93
    assert 0.93 <= clusters / 500 <= 0.97


def test_a_turn_of_any_length_is_counted() -> None:
    long = [talk("1", "the tide " * 70_000, "\u0301" * 70_000, "a" * 70_000)]
    found = study(long, ["style", "coordination", "themes", "repetition"])
    assert found.each["theme bliss"][0] == 0
