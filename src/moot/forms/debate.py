"""A motion, two sides and any number of judges: openings, cross-examination, rebuttals, closings, then a vote.

It must never let a judge speak before the debate is over, nor anyone hear what a judge thought of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING

from moot.forms import Close, Form, Move, Post, Speak
from moot.forms.course import Step, cue, first_undone
from moot.transcript import CHAIR, Ballot, Heading, Invalid, Question, Text, Transcript, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

TIE = "tie"
"""The third option of every judge."""

LENIENCE = 1.5
"""A speech longer than so many times its limit is noted."""

LEAST_WORDS = 10
"""A limit under which no speech can be made."""

_SIDES = 2


@dataclass(frozen=True, slots=True)
class _Rules:
    motion: str
    sides: tuple[str, str]
    judges: tuple[str, ...]
    rounds: int
    cross: int
    words: int
    reasons: bool


def debate(
    *,
    motion: str,
    proposition: str,
    opposition: str,
    judges: tuple[str, ...] = (),
    rounds: int = 1,
    cross: int = 0,
    words: int = 200,
    reasons: bool = True,
) -> Form:
    """Return the form of a debate between the participants `proposition` and `opposition`.

    `rounds` counts rebuttals, `cross` the questions that each side asks the other after the openings, `words` what a
    speech may have at most. Each of the `judges` gives its `reasons`, then votes. The proposition speaks first where
    the heading's seed is even, the opposition where it is odd, so that over successive seeds they take turns.
    """
    for name, number, least in (("rounds", rounds, 0), ("cross", cross, 0), ("words", words, LEAST_WORDS)):
        if number < least:
            raise Invalid(f"a debate needs {name} to be {least} or more, not {number}")
    rules = _Rules(motion.strip(), (proposition, opposition), judges, rounds, cross, words, reasons)
    _check(rules)

    def move(transcript: Transcript) -> Move:
        for name in (*rules.sides, *rules.judges):
            transcript.heading.participant(name)
        steps: list[Step] = []
        for step, most in _plan(rules, transcript.heading.seed):
            steps.append(step)
            undone, at = first_undone(steps, transcript.turns)
            if not undone and most and len(transcript.turns[at - 1].text.split()) > LENIENCE * most:
                steps.append(_note(transcript.turns[at - 1], most))
                undone, _ = first_undone(steps, transcript.turns)
            if undone:
                return undone
        return Close(_result(rules, transcript))

    return move


def votes(transcript: Transcript) -> Counter[str]:
    """Count the judges' votes of a debate by option; "" counts the judges who named none."""
    judges = dict(transcript.heading.arguments).get("judges", ())
    given = {
        turn.speaker: part.answer
        for turn in transcript.turns
        for part in turn.parts
        if isinstance(part, Ballot) and isinstance(judges, tuple) and turn.speaker in judges
    }
    return Counter(given.values())


def swapped(heading: Heading) -> Heading:
    """Return the same debate with the voices of the two sides exchanged; names and briefs stay with their sides."""
    arguments = dict(heading.arguments)
    if heading.form != "debate":
        raise Invalid(f"only a debate has sides that can be swapped, not the form {heading.form!r}")
    one, other = (heading.participant(str(arguments.get(side, ""))) for side in ("proposition", "opposition"))
    exchanged = {
        one.name: replace(one, voice=other.voice, settings=other.settings),
        other.name: replace(other, voice=one.voice, settings=one.settings),
    }
    people = tuple(exchanged.get(participant.name, participant) for participant in heading.participants)
    return replace(heading, participants=people)


def _check(rules: _Rules) -> None:
    if not rules.motion:
        raise Invalid("a debate needs a motion")
    people = (*rules.sides, *rules.judges)
    twice = [name for name, count in Counter(people).items() if count > 1]
    if twice:
        raise Invalid(f"{twice[0]!r} cannot be in a debate twice: as a side and a judge, or on both sides")
    if any(side.casefold() == TIE for side in rules.sides):
        raise Invalid(f"a side of a debate cannot be called {TIE!r}, which is what judges vote for where neither won")


def _plan(rules: _Rules, seed: int) -> Iterator[tuple[Step, int]]:
    """Yield all that has to happen, in order, each with the number of words that it may take (0: any)."""
    pro, con = rules.sides
    opening = f'The motion is: "{rules.motion}" {pro} speaks for it, {con} speaks against it.'
    yield cue(opening), 0
    order = (con, pro) if seed % _SIDES else (pro, con)
    yield from _speeches(rules, order, "Give your opening speech {side} the motion")
    for _ in range(rules.cross):
        for asker, answerer in (order, order[::-1]):
            yield from _heard(asker, f"Ask {answerer} one question about what it said", max(rules.words // 4, 1))
            yield from _heard(answerer, f"Answer {asker}'s question", max(rules.words // 2, 1))
    for _ in range(rules.rounds):
        yield from _speeches(rules, order, "Answer what {other} said, and go on arguing {side} the motion")
    yield from _speeches(rules, order, "Give your closing speech {side} the motion, without new arguments")
    for place, judge in enumerate(rules.judges):
        yield from _judged(rules, judge, _options(rules, seed, place))


def _speeches(rules: _Rules, order: tuple[str, str], task: str) -> Iterator[tuple[Step, int]]:
    for name, other in (order, order[::-1]):
        side = "for" if name == rules.sides[0] else "against"
        yield from _heard(name, task.format(side=side, other=other), rules.words)


def _heard(name: str, task: str, most: int) -> Iterator[tuple[Step, int]]:
    yield cue(f"{name}: {task}. Use at most {most} words.", name), 0
    yield Speak(name), most


def _judged(rules: _Rules, judge: str, options: tuple[str, ...]) -> Iterator[tuple[Step, int]]:
    one, other = (option for option in options if option != TIE)
    if rules.reasons:
        task = (
            f"The debate is over. How well did {one} and {other} argue? Do not judge whether you agree with them. Give "
            f"your reasons in at most {rules.words} words; neither side and no other judge will hear them."
        )
        yield cue(task, judge), 0
        yield Speak(judge, heard_by=()), 0
    text = f'The motion was: "{rules.motion}". Who argued better, {one} or {other}?'
    yield Speak(judge, Question(text, options)), 0


def _options(rules: _Rules, seed: int, place: int) -> tuple[str, ...]:
    """Return a judge's options: of two neighbours one sees the reverse of the other's, of six seeds no two the same."""
    orders = tuple(permutations((*rules.sides, TIE)))
    order = orders[seed // _SIDES % len(orders)]
    return order[::-1] if place % 2 else order


def _note(speech: Turn, most: int) -> Post:
    text = f"{speech.speaker} used {len(speech.text.split())} words; {most} were allowed."
    return Post(Turn(CHAIR, (Text(text),), ()))


def _result(rules: _Rules, transcript: Transcript) -> str:
    counted = votes(transcript)
    told = [f"{option} {counted[option]}" for option in (*rules.sides, TIE)] if rules.judges else []
    if counted[""]:
        told.append(f"no answer {counted['']}")
    result = f"the judges voted: {', '.join(told)}" if told else "all speeches are made"
    declined = Counter(
        turn.speaker
        for turn in transcript.turns
        if turn.speaker in rules.sides and turn.stop in ("refusal", "filtered")
    )
    return "; ".join([result, *(f"{name} declined to speak {count} times" for name, count in declined.items())])
