"""The report of conversations: question, plan, flow of n, effects, courses, costs, what is not shown, how to redo it.

It must never show a figure without the conversations behind it, nor leave out in silence what it has no figure of.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from moot.publish import charts
from moot.publish.blocks import Bullets, Code, Document, Fold, Paragraph, Said, Section, Table
from moot.publish.charts import Look, Point
from moot.publish.contests import contests
from moot.publish.figures import figure
from moot.publish.methods import methods
from moot.publish.readings import readings
from moot.publish.study import SHORT, Finding, counted, links
from moot.publish.trials import trials
from moot.publish.turns import dynamics
from moot.transcript import CHAIR, Ballot, Thought

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.measures.dynamics import Model
    from moot.publish.blocks import Block, Cell
    from moot.publish.study import Case, Study
    from moot.transcript import Turn

MEASURED = ("trial", "audience", "debate", "judge", "without")
"""Forms of which there are figures; conversations of all other forms have their turns and their cost."""

MOST_CASES = 200
"""Conversations of which a page holds an excerpt."""

EXCERPT = 420
"""Characters of a turn in an excerpt, and turns from the start; the last one is shown as well."""

OPENING = 3


def report_of(study: Study, model: Model | None = None) -> Document:
    """Return the report of a study as a page; `model` tells what turns mean, if there is one."""
    findings = [*_found(study.cases), dynamics(study.cases, model)]
    results = [section for one in findings for section in one.sections]
    head = [line for one in findings for line in one.headline]
    spending = _cost(study)
    sections = (
        _glance(study, head),
        _design(study),
        _flow(study, findings),
        *results,
        *([spending] if spending else []),
        _unshown(study, findings),
        Section("Methods", "methods", (Bullets(methods(_used(findings, study))),)),
        _again(study),
        _conversations(study),
    )
    return Document("moot report", study.name, study.question, _facts(study), sections)


def _found(cases: Sequence[Case]) -> Iterator[Finding]:
    def of(*forms: str) -> list[Case]:
        return [case for case in cases if case.form in forms]

    if some := of("trial", "without"):
        yield trials(some)
    if some := of("audience"):
        yield readings([case for case in some if case.state != "missing"])
    if some := of("debate", "judge"):
        yield contests([case for case in some if case.state != "missing"], cases)


def _used(findings: Sequence[Finding], study: Study) -> set[str]:
    return {name for one in findings for name in one.methods} | ({"cost"} if study.spent else set())


def _facts(study: Study) -> tuple[tuple[str, str], ...]:
    states = Counter(case.state for case in study.cases)
    told = ", ".join(f"{count} {state}" for state, count in states.most_common())
    newest = max((at for case in study.cases for at in case.at), default="")
    voices = dict.fromkeys(one.voice for case in study.cases for one in case.transcript.heading.participants)
    plan = f"sealed {study.plan.made[:10]}" if study.plan else "none on record"
    return (
        ("conversations", told),
        ("newest turn", newest[:10] or "none"),
        ("plan", plan),
        ("voices", ", ".join(list(voices)[:6]) + (f" and {len(voices) - 6} more" if len(voices) > 6 else "")),  # noqa: PLR2004 - as above
    )


def _glance(study: Study, head: Sequence[str]) -> Section:
    lines = head or ("Nothing here can be put into a figure.",)
    blocks: list[Block] = [Bullets(tuple(lines))]
    if any(case.form in ("trial", "audience") for case in study.cases):
        blocks.append(Paragraph("What is told of is stated stance. What anybody believes, no ballot says.", "note"))
    return Section("At a glance", "glance", tuple(blocks))


def _design(study: Study) -> Section:
    blocks: list[Block] = []
    if study.facts:
        blocks.append(Table("The design", ("", ""), tuple(study.facts), words=2))
    if study.factors:
        rows = tuple((name, "; ".join(values[:12]) + ("; …" if len(values) > 12 else ""), str(len(values)))  # noqa: PLR2004 - as shown
                     for name, values in study.factors)  # fmt: skip
        blocks.append(Table("Factors", ("factor", "values", "levels"), rows, words=2))
    blocks += _plan(study)
    forms = counted([case.form for case in study.cases])
    blocks.append(Paragraph(f"Forms: {forms or 'none'}."))
    if study.design:
        blocks.append(Fold("The design, word for word", (Code(study.design),)))
    return Section(
        "Question and design", "design", (Paragraph(study.question or "No question is on record.", "lead"), *blocks)
    )


def _plan(study: Study) -> Iterator[Block]:
    plan = study.plan
    if plan is None:
        yield Paragraph(
            "There is no sealed plan beside these conversations, so nothing shows what was decided before they were "
            "seen: read all figures as exploration.",
            "note",
        )
        return
    holds = {
        True: "The design is the one that was planned.",
        False: "The design has changed since: what follows is not what was planned.",
        None: "The design file is not at hand, so that whether it changed since is not known.",
    }
    late = " It was sealed after the first word was on record." if plan.after_start else ""
    told = f"Plan sealed {plan.made} for the design with the digest {plan.design}. {holds[plan.holds]}{late}"
    yield Paragraph(told, "" if plan.holds and not plan.after_start else "note")
    if plan.lines:
        yield Bullets(plan.lines)


def _flow(study: Study, findings: Sequence[Finding]) -> Section:
    states = Counter(case.state for case in study.cases)
    rows: list[tuple[Cell, ...]] = []
    if states["missing"]:
        rows.append(("in the design", str(len(study.cases))))
    rows += [("begun (on record)", str(len(study.cases) - states["missing"]))]
    rows += [(state, str(states[state])) for state in ("closed", "resting", "failed") if states[state]]
    blocks: list[Block] = [Table("Conversations", ("stage", "n"), tuple(rows))]
    for one in findings:
        if one.flow:
            names = list(dict.fromkeys(name for _, counts in one.flow for name, _ in counts))
            told = tuple((stage, *(str(dict(counts).get(name, 0)) for name in names)) for stage, counts in one.flow)
            blocks.append(Table("Of these, in figures", ("stage", *names), told))
    cells: dict[str, list[Case]] = {}
    for case in study.cases:
        cells.setdefault(_cell(case) or case.form, []).append(case)
    listed = tuple((name, str(len(some)), str(sum(case.state == "closed" for case in some)), links(some))
                   for name, some in list(cells.items())[:MOST_CASES])  # fmt: skip
    table = Table("Conversations by cell", ("cell", "n", "closed", "conversations"), listed)
    return Section("Flow of n", "flow", (*blocks, Fold(f"By cell ({len(cells)})", (table,))))


def _cell(case: Case) -> str:
    return ", ".join(f"{name} = {value}" for name, value in case.values)


# Cost


def _cost(study: Study) -> Section | None:
    if not study.spent:
        return None
    rows = tuple(
        (one.voice, str(one.calls), str(one.failed), _whole(one.read), _whole(one.written),
         _dollars(one.dollars)) for one in study.spent
    )  # fmt: skip
    heads = ("voice", "calls", "failed", "tokens read", "tokens written", "dollars")
    table = Table("Calls, tokens and dollars by voice", heads, rows)
    points = [
        Point(f"{one.voice} ({_dollars(one.dollars)})", float(count), series=kind)
        for one in study.spent
        for kind, count in (("read", one.read), ("written", one.written))
        if count
    ]
    known = sum(one.dollars for one in study.spent if one.dollars is not None)
    lacking = [one.voice for one in study.spent if one.dollars is None]
    line = f"Known cost: ${known:,.4f}" + (
        f", without {', '.join(lacking)}, whose price is not known." if lacking else "."
    )
    look = Look("Tokens by voice", "tokens, as providers reported them", "tokens read and written by each voice")
    caption = "Read and written together; in brackets what it came to."
    drawn = figure("cost", look, caption, lambda at: charts.bars(points, at), table) if points else table
    return Section("Cost", "cost", (Paragraph(f"{line} Prices: {study.prices or 'your own only'}."), drawn))


def _dollars(known: float | None) -> str:
    return "price unknown" if known is None else f"${known:,.4f}"


def _whole(count: int | None) -> str:
    return "not reported" if count is None else f"{count:,}"


# What is not shown, and how to do it again


def _unshown(study: Study, findings: Sequence[Finding]) -> Section:
    lines: list[str] = []
    missing = [f"{_cell(case)}, {case.transcript.heading.seed}" for case in study.cases if case.state == "missing"]
    if missing:
        lines.append(f"{len(missing)} conversations of the design are not on record (values, seed): {_some(missing)}")
    for state in ("failed", "resting"):
        some = [case for case in study.cases if case.state == state]
        if some:
            lines.append(f"{len(some)} {state}: {_some([f'{one.id[:SHORT]} {one.reason}'.strip() for one in some])}")
    lines += [line for one in findings for line in dict.fromkeys(one.unshown)]
    other = counted([case.form for case in study.cases if case.form not in MEASURED])
    if other:
        lines.append(f"effects of forms that have no ballots to measure: {other}; for those, see the dynamics")
    lines.append("thoughts that voices kept to themselves, and requests as they were sent; moot view shows the latter")
    if not study.full:
        lines.append("most words: of each conversation there is an excerpt; --full puts in all of it")
    if len(study.cases) - len(missing) > MOST_CASES:
        lines.append(f"excerpts of {len(study.cases) - len(missing) - MOST_CASES} conversations")
    return Section("What is not shown", "not-shown", (Bullets(tuple(lines)),))


def _some(names: Sequence[str], most: int = 5) -> str:
    told = "; ".join(names[:most])
    return told if len(names) <= most else f"{told}; and {len(names) - most} more"


def _again(study: Study) -> Section:
    models = Counter(pair for case in study.cases for pair in case.models)
    rows = tuple((voice, model or "not reported", str(count)) for (voice, model), count in sorted(models.items()))
    blocks: list[Block] = [
        Paragraph("From the same record, this writes this page again, byte for byte:"),
        Code(study.again),
    ]
    blocks.append(Table("Versions", ("", "version"), tuple(study.versions)))
    if rows:
        blocks.append(Table("Models, as providers named them", ("voice", "model", "conversations"), rows, words=2))
    return Section("Do it again", "again", tuple(blocks))


# Conversations


def _conversations(study: Study) -> Section:
    told = tuple(_conversation(case, full=study.full) for case in _chosen(study.cases))
    return Section("Conversations", "conversations", told or (Paragraph("None is on record."),))


def _chosen(cases: Sequence[Case]) -> list[Case]:
    """Return the conversations that are excerpted: of very many, as many of each cell."""
    seen: Counter[str] = Counter()
    order: list[tuple[int, int]] = []
    for at, case in enumerate(cases):
        if case.state == "missing":
            continue
        order.append((seen[_cell(case)], at))
        seen[_cell(case)] += 1
    kept = sorted(at for _, at in sorted(order)[:MOST_CASES])
    return [cases[at] for at in kept]


def _conversation(case: Case, *, full: bool) -> Fold:
    heading = case.transcript.heading
    title = heading.title or heading.topic or heading.form
    cast = "; ".join(f"{one.name}: {one.voice}" for one in heading.participants)
    stands = case.state + (f" ({case.reason})" if case.reason else "")
    lines = [f"{heading.form}, {len(case.transcript.turns)} turns, {stands}", cast, _cell(case)]
    if case.forked_from:
        lines.append(f"fork of {case.forked_from[:SHORT]}")
    turns = list(enumerate(case.transcript.turns, 1))
    said = [_said(number, turn, full=full) for number, turn in (turns if full else _excerpt(turns))]
    shown = f"moot show {case.id[:SHORT]}"
    blocks = (Bullets(tuple(filter(None, lines))), Code(shown), *filter(None, said))
    return Fold(f"{case.id[:SHORT]} · {title}", blocks, f"c-{case.id}")


def _excerpt(turns: Sequence[tuple[int, Turn]]) -> list[tuple[int, Turn]]:
    """Return the first turns that participants said aloud, and the last."""
    spoken = [(number, turn) for number, turn in turns if turn.speaker != CHAIR and turn.text.strip()]
    return [*spoken[:OPENING], *spoken[OPENING:][-1:]]


def _said(number: int, turn: Turn, *, full: bool) -> Said | None:
    ballots = [part for part in turn.parts if isinstance(part, Ballot)]
    notes = [f"ballot: {part.answer or 'no option named'} of {', '.join(part.options)}" for part in ballots]
    if turn.heard_by:
        notes.append(f"to {', '.join(turn.heard_by)} only")
    if turn.stop != "end":
        notes.append(turn.stop)
    notes += turn.marks
    words = turn.text if full else _short(turn.text)
    words = words or "\n\n".join(part.question for part in ballots)
    if not words and all(isinstance(part, Thought) for part in turn.parts):
        return None
    return Said(turn.speaker, number, words, "; ".join(notes))


def _short(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rsplit(' ', 1)[0]} …"


def with_line(document: Document, line: str) -> Document:
    """Return a report that says one thing more of what it does not show."""
    sections = tuple(
        replace(one, blocks=(*one.blocks, Paragraph(line, "note"))) if one.anchor == "not-shown" else one
        for one in document.sections
    )
    return replace(document, sections=sections)
