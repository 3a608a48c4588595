"""The measures that conversations can be put to, by name, and one pass over all conversations that were chosen.

It must never ask a voice anything: what it tells is on record, and can be told again from it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moot.measures import Score, html_of, listeners
from moot.measures.arms import arms_of, effects
from moot.measures.counterfactual import fork_of, influence
from moot.measures.dynamics import SUBJECTS, study, talk_of
from moot.measures.engines import benjamini_hochberg
from moot.measures.judged import grade_of, votes_of
from moot.measures.lasting import changes, conducts, durability
from moot.measures.recorded import citing
from moot.measures.trials import changed, conducted, shifted, trial_of
from moot.measures.verdict_scores import accuracy, agreeing, biases, grades, winners
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.measures.arms import Arms, Wanted
    from moot.measures.dynamics import Model, Talk
    from moot.measures.judged import Voted
    from moot.measures.recorded import Recorded

    Names = frozenset[tuple[str, str]]

FAMILIES: dict[str, tuple[str, ...]] = {
    "persuasion": ("shift", "effect", "trajectory", "durability", "conduct", "counterfactual"),
    "audience": ("curve",),
    "judges": ("ratings", "accuracy", "bias", "agreement"),
    "dynamics": SUBJECTS,
}
"""What is measured, by what it is about; `--only` takes either, and a name of two families means both."""

READ = ("audience", "judge", "ask", "without")
"""Forms in which nobody talks with anybody."""

ONE = "no interval: this is one conversation"


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was told: of each conversation, of all together, and what has to be known to read it."""

    each: tuple[tuple[Recorded, tuple[Score, ...]], ...]
    together: tuple[Score, ...]
    flow: tuple[tuple[str, int], ...]
    arms: tuple[tuple[str, int, int], ...]
    units: tuple[str, ...]
    notes: tuple[str, ...]
    model: Mapping[str, Any] | None = None

    def _repr_html_(self) -> str:
        return html_of(self.together or [score for _, scores in self.each for score in scores])


def chosen(only: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Return the measures (family, name) that names stand for, all where there are none; `Invalid` for others."""
    every = [(family, name) for family, names in FAMILIES.items() for name in names]
    for asked in only:
        if not any(asked in one for one in every):
            known = list(dict.fromkeys([*FAMILIES, *(name for _, name in every)]))
            near = difflib.get_close_matches(asked, known, 1)
            guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise Invalid(f"there is no measure {asked!r}; {guess}")
    return frozenset(one for one in every if not only or set(one) & set(only))


def _of(family: str, names: Names) -> set[str]:
    return {name for one, name in names if one == family}


@dataclass(frozen=True, slots=True)
class _Told:
    """What one kind of conversations came to together."""

    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()
    arms: Arms | None = None


def measured(
    found: Sequence[Recorded],
    names: Names,
    wanted: Wanted,
    truth: str | None = None,
    model: Model | None = None,
    *,
    each: bool = True,
) -> Measured:
    """Return what conversations come to, one by one and together.

    `truth` is the factor that names the side that is right; `model` tells what turns mean, if there is one. Without
    `each`, how each talk went is left out.
    """
    known = {one.id: one for one in found}
    votes = {one.id: tuple(votes_of(one, known, truth)) for one in found}
    went, together = _dynamics(found, _of("dynamics", names), model, each=each)
    parts = [*_trials(found, _of("persuasion", names), wanted), _readings(found, names, wanted)]
    parts += [_forks(found, _of("persuasion", names))]
    graded = [one for each in found if (one := grade_of(each, known))] if "ratings" in _of("judges", names) else []
    parts += [_judgements(list(votes.values()), _of("judges", names)), _Told(tuple(grades(graded))), together]
    planned = [one for part in parts for one in part.scores if "p_holm" in one.more]
    others = [one for part in parts for one in part.scores if "p_holm" not in one.more]
    arms = [part.arms for part in parts if part.arms]
    return Measured(
        tuple(
            (one, (*_alone(one, names, votes[one.id]), *went.get(one.id, ()))) for one in found if one.transcript.turns
        ),
        (*planned, *(benjamini_hochberg(others) if any(one.p is not None for one in others) else others)),
        tuple(one for arm in arms for one in arm.flow),
        tuple(one for arm in arms for one in arm.arms),
        tuple(arm.said for arm in arms),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        model.as_json() if model else None,
    )


def _alone(one: Recorded, names: Names, votes: Sequence[Voted]) -> Iterator[Score]:
    if one.form == "trial" and (wanted := _of("persuasion", names)):
        trial = trial_of(one)
        yield from shifted(trial) if "shift" in wanted else ()
        yield from changed(trial) if "trajectory" in wanted else ()
        yield from conducted(trial) if "conduct" in wanted else ()
    if one.form == "audience" and _of("audience", names):
        yield from listeners.scores(listeners.read_of(one))
    if _of("judges", names) & {"ratings", "accuracy"}:
        yield from map(_vote, votes)


def _vote(one: Voted) -> Score:
    share = {"a": 1.0, "b": 0.0, "tie": 0.5}.get(one.choice)
    more = {
        "judge": one.judge,
        "a": one.a.name,
        "b": one.b.name,
        "verdict": one.choice or None,
        "right": one.truth or None,
    }
    why = "no interval: this is one vote"
    told = Score("vote for a", share, None, None, None, 1, None, "1 for a, 0 for b, 0.5 a tie", "the ballot", why)
    return citing(told.with_more(more), one.cites)


def _dynamics(
    found: Sequence[Recorded], subjects: set[str], model: Model | None, *, each: bool
) -> tuple[dict[str, list[Score]], _Told]:
    """Return how each talk went, by its id, and how all did; talks of one cell are averaged into one."""
    talks = [_talk(one) for one in found if one.form not in READ and one.transcript.turns]
    talks = [one for one in talks if one.turns]
    if not subjects or not talks:
        return {}, _Told()
    try:
        told = study(talks, tuple(one for one in SUBJECTS if one in subjects), model)
    except Invalid as fault:  # a library is not here; the rest can be told without it
        return {}, _Told((), (str(fault),))
    cites: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for name, turns in told.cites.items():
        for cite in turns:
            cites.setdefault((name, cite[0]), []).append(cite)
    alone: dict[str, list[Score]] = {}
    for score in told.scores if each else ():
        method, more = (
            score.method.partition("; mean over")[0].partition("; Wilson")[0],
            {"subject": score.more["subject"]},
        )
        for at, talk in enumerate(talks) if score.name in told.each else ():
            value = float(told.each[score.name][at])
            if value == value:  # noqa: PLR0124 - not NaN
                one = Score(score.name, value, None, None, None, 1, None, score.unit, method, ONE, more=more)
                all_of_it = [(talk.id, turn.number) for turn in talk.turns]
                alone.setdefault(talk.id, []).append(citing(one, cites.get((score.name, talk.id), all_of_it)))
    together = told.scores if len(talks) > 1 else ()
    return alone, _Told(tuple(together), told.notes)


def _talk(one: Recorded) -> Talk:
    """Return a conversation as a talk: those of one cell are of one unit, those about one thing have one topic."""
    heading = one.transcript.heading
    told = dict(heading.arguments)
    topic = next((str(told[name]) for name in ("claim", "motion") if told.get(name)), heading.topic)
    return replace(talk_of(one.id, one.transcript, one.cell), topic=topic, statement=topic)


def _trials(found: Sequence[Recorded], names: set[str], wanted: Wanted) -> Iterator[_Told]:
    """Yield what trials came to together, those of one scale at a time; of a single one there is no more to tell."""
    trials = [trial_of(one) for one in found if one.form == "trial" and names]
    for scale in sorted({one.shift.scale for one in trials}):
        group = [one for one in trials if one.shift.scale == scale]
        if len(group) < 2:  # noqa: PLR2004 - one is no comparison
            continue
        arms = arms_of(group, wanted)
        scores, notes = effects(arms) if names & {"effect", "shift"} else ([], [])
        if "trajectory" in names:
            scores += changes(arms)
        if "durability" in names:
            scores += durability(arms)
        if "conduct" in names:
            scores += conducts(arms)
        odd = sum(bool(one.shift.warning) for one in group)
        if odd:
            notes.append(f"in {odd} of {len(group)} trials the target's answers follow the position of the options")
        yield _Told(tuple(scores), tuple(notes), arms)


def _forks(found: Sequence[Recorded], names: set[str]) -> _Told:
    forks = [fork_of(one) for one in found if one.form == "without"]
    if not forks or "counterfactual" not in names:
        return _Told()
    sides = {one.id: trial_of(one).shift.side for one in found if one.form == "trial"}
    scores = tuple(influence(forks, {name: -1 if side == "against" else 1 for name, side in sides.items()}))
    return _Told(scores, ("a counterfactual is of one turn's words alone: what answered them is still there",))


def _readings(found: Sequence[Recorded], names: Names, wanted: Wanted) -> _Told:
    """Return curves of what was read and, where that is several conversations, what they did to their readers."""
    read = [listeners.read_of(one) for one in found if one.form == "audience"]
    if not read or not _of("audience", names):
        return _Told()
    scores, notes = listeners.curves(read)
    known, scales = {one.id: one for one in found}, {one.reading.scale for one in read}
    if len({one.source for one in read}) < 2 or len(scales) > 1:  # noqa: PLR2004 - one is told by its curve
        return _Told(tuple(scores), tuple(notes))
    arms = arms_of([listeners.as_trial(one, known.get(one.source)) for one in read], wanted)
    more, said = effects(arms)
    told = [replace(one, name=f"audience: {one.name}") for one in more]
    return _Told((*told, *scores), (*notes, *said), arms)


def _judgements(each: Sequence[Sequence[Voted]], names: set[str]) -> _Told:
    votes = [one for some in each for one in some]
    scores: list[Score] = []
    notes: list[str] = []
    if votes:
        lost = sum(not one.choice for one in votes)
        notes += [f"{lost} of {len(votes)} votes name no option, and do not count"] if lost else []
        for name, of in (("ratings", winners), ("agreement", agreeing)):
            if name in names:
                told, said = of(votes)
                scores, notes = [*scores, *told], [*notes, *said]
        scores += accuracy(votes) if "accuracy" in names else ()
        scores += biases(votes) if "bias" in names else ()
    return _Told(tuple(scores), tuple(notes))
