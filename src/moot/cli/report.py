"""`moot report`: what conversations or an experiment came to, as one page that can be sent around.

It must never overwrite a file unasked, leave half of one, or put a key into one.
"""

from __future__ import annotations

import json
import platform
import re
import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from moot import __version__
from moot.cli import record, without_keys
from moot.cli.terminal import console, safe
from moot.transcript import Invalid, Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.measures.dynamics import Model
    from moot.publish.blocks import Document
    from moot.publish.study import Case, Plan, Spent, Study
    from moot.store import Call, Store
    from moot.transcript import Heading

LIBRARIES = ("numpy", "scipy", "statsmodels", "polars", "vl-convert-python", "markdown-it-py", "nh3")
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Gathered:
    """Conversations with the calls that were made for them, and what else is known of what they are of."""

    study: Study
    calls: tuple[Call, ...]


@click.command(short_help="Write what conversations or an experiment came to as a page.")
@click.argument("what", nargs=-1, required=True, metavar="EXPERIMENT|ID...")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The page (default: NAME-report.html)."
)
@click.option(
    "--markdown", "words", type=click.Path(dir_okay=False, path_type=Path), help="The same as Markdown, into this file."
)
@click.option(
    "--figures",
    type=click.Path(file_okay=False, path_type=Path),
    help="The charts as SVG, PNG and Vega-Lite, into this folder.",
)
@click.option("--full", is_flag=True, help="Put in all words of each conversation, not an excerpt.")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@record.option
def command(
    what: tuple[str, ...],
    output: Path | None,
    words: Path | None,
    figures: Path | None,
    full: bool,  # noqa: FBT001 - a flag, given by name
    force: bool,  # noqa: FBT001 - the same
) -> None:
    """Write a report of an experiment, by its file or its name, or of any conversations, as one page of HTML.

    \b
    moot report zoos.toml
    moot report zoos.toml --markdown zoos.md --figures zoos-figures
    moot report 3f2a 77c0 -o two-talks.html --full

    Given the file, the report knows the plan that was sealed beside it and what is missing. The page loads nothing and
    runs no script. The same record gives the same page.
    """
    from moot.publish import page as pages  # noqa: PLC0415 - only who writes a report needs them
    from moot.publish import stills  # noqa: PLC0415 - the same
    from moot.publish.plain import markdown  # noqa: PLC0415 - the same
    from moot.publish.report import report_of, with_line  # noqa: PLC0415 - the same
    from moot.publish.texts import MASK  # noqa: PLC0415 - the same

    async def work(store: Store) -> Gathered:
        return await _gathered(store, what)

    found = record.run(work)
    study = _kept(
        replace(
            found.study,
            spent=_spent(found.calls),
            versions=_versions(),
            full=full,
            again=_again(what, output, words, figures, full=full),
        )
    )
    target = output or Path(f"{_slug(study.name)}-report.html")
    document = report_of(study, _model())
    if MASK in repr(document):
        document = with_line(document, f"what looks like a key: it stands as {MASK}")
    draws = stills.are_here()
    files: dict[Path, bytes] = {target: pages.page(document, stills.svg if draws else None).encode()}
    if words:
        files[words] = markdown(document, figures.name if figures and draws else "").encode()
    if figures:
        files |= _pictures(document, figures, draws=draws)
    _write(files, force=force)
    for lacking in (*([] if draws else [stills.LACKING]), *([] if pages.is_formatted() else [pages.LACKING])):
        console(err=True).print(safe(f"[{lacking}]"), style="dim")
    for path in files if len(files) < MOST_SAID else (*list(files)[: 1 + bool(words)], figures):
        click.echo(safe(f"written to {path}"))


MOST_SAID = 4


# What it is of


async def _gathered(store: Store, what: Sequence[str]) -> Gathered:
    match what:
        case [one] if _is_design(one):
            return await _of_file(store, Path(one))
        case [one] if ids := [row.id for row in await store.list() if row.heading.series == one]:
            return await _of_ids(store, one, sorted(ids), in_order=False)
        case _:
            ids = [await store.find(one) for one in what]
            return await _of_ids(store, "", list(dict.fromkeys(ids)), in_order=True)


def _is_design(given: str) -> bool:
    return Path(given).suffix == ".toml" and Path(given).is_file()


async def _of_ids(store: Store, name: str, ids: Sequence[str], *, in_order: bool) -> Gathered:
    from moot.publish.study import Study  # noqa: PLC0415 - only who writes a report needs it

    found = [await _case(store, identity) for identity in ids]
    found += await _about(store, ids)
    if not in_order:
        found.sort(key=lambda one: (str(one[0].values), _repeat(one[0]), one[0].id))
    cases = tuple(case for case, _ in found)
    first = found[0][0].transcript.heading
    title = name or (first.title or first.topic or ids[0][:8]) + (f", and {len(ids) - 1} more" if len(ids) > 1 else "")
    study = Study(title, "" if name else first.topic, cases, _levels([case.values for case in cases]))
    return Gathered(study, tuple(call for _, calls in found for call in calls))


async def _of_file(store: Store, file: Path) -> Gathered:
    from moot.cli.grid import grid_of  # noqa: PLC0415 - only who has a file needs it
    from moot.publish.study import Study  # noqa: PLC0415 - the same

    grid = await grid_of(store, file)
    on_record = {row.id for row in await store.list()}
    found = [
        await _case(store, identity) if identity in on_record else (_missing(identity, heading), ())
        for (identity, _), (_, heading) in zip(grid.identities, grid.cells, strict=True)
    ]
    found += await _about(store, [identity for identity, _ in grid.identities])
    cases, design = tuple(case for case, _ in found), grid.design
    budget = [
        f"${design.budget.dollars}" if design.budget.dollars is not None else "",
        f"{design.budget.tokens:,} tokens" if design.budget.tokens else "",
    ]
    facts = (
        ("cells", str(len(design.cells))),
        ("repeats of each", str(design.repeats)),
        ("conversations", str(len(grid.cells))),
        ("balanced over the repeats", ", ".join(name for name, _ in design.balanced[0]) or "nothing"),
        ("seed", str(design.seed)),
        ("budget", ", ".join(filter(None, budget)) or "none"),
        ("digest of the design", grid.digest),
    )
    values = [cell.values for _, cell in grid.identities]
    plan, text = _plan(file, grid.digest, cases), _text(file)
    study = Study(design.name, design.question, cases, _levels(values), facts, text, plan)
    return Gathered(study, tuple(call for _, calls in found for call in calls))


def _missing(identity: str, heading: Heading) -> Case:
    from moot.publish.study import Case  # noqa: PLC0415 - only who writes a report needs it

    return Case(identity, Transcript(heading), "missing", values=_values(heading))


def _values(heading: Heading) -> tuple[tuple[str, Any], ...]:
    given = heading.source
    return tuple((name.removeprefix("factor_"), value) for name, value in given if name.startswith("factor_"))


async def _about(store: Store, ids: Sequence[str]) -> list[tuple[Case, tuple[Call, ...]]]:
    """Return the readings and judgements of these conversations that are not among them, in the order of their ids."""
    from moot.measures.recorded import about  # noqa: PLC0415 - only who writes a report needs it

    wanted = set(ids)
    more = sorted(row.id for row in await store.list() if row.id not in wanted and wanted & set(about(row.heading)))
    return [await _case(store, identity) for identity in more]


def _text(file: Path) -> str:
    return file.read_text("utf-8")


async def _case(store: Store, identity: str) -> tuple[Case, tuple[Call, ...]]:
    from moot.experiment.outcome import standing  # noqa: PLC0415 - only who writes a report needs it
    from moot.publish.study import Case  # noqa: PLC0415 - the same

    stored, calls = await store.read(identity), await store.calls(identity)
    values = _values(stored.transcript.heading)
    state, reason = standing(stored.listing.closed, calls)
    models = tuple(sorted({(call.voice, call.model) for call in calls}))
    case = Case(identity, stored.transcript, state, reason, values, stored.at, stored.listing.forked_from or "", models)
    return case, calls


def _repeat(case: Case) -> int:
    return int(str(dict(case.transcript.heading.source).get("repeat", 0)))


def _levels(values: Sequence[Sequence[tuple[str, Any]]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    levels: dict[str, dict[str, None]] = {}
    for one in values:
        for name, value in one:
            shown = ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)
            levels.setdefault(name, {})[shown] = None
    return tuple((name, tuple(found)) for name, found in levels.items())


def _plan(file: Path, digest: str, cases: Sequence[Case]) -> Plan | None:
    from moot.cli.planning import plan_path  # noqa: PLC0415 - only who has a file needs it
    from moot.experiment.plan import unsealed  # noqa: PLC0415 - the same
    from moot.publish.study import Plan  # noqa: PLC0415 - the same

    path = plan_path(file)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"the plan {path} cannot be read") from None
    plan = unsealed(text, str(path))
    made = str(plan.get("made", ""))
    begun = min((at for case in cases for at in case.at[:1]), default="")
    calls, tokens = _middle(plan, "calls"), _middle(plan, "tokens")
    lines = [f"planned: {plan.get('conversations')} conversations, about {calls} calls and {tokens} tokens"]
    for one in plan.get("power", ()):
        found = f"{one['power']:.0%} to find {one['effect']:g} (sd {one['sd']:g}) with {one['n']} a level"
        lines.append(f"power, {one['factor']}: {found}; {one['method']}")
    return Plan(made, str(plan.get("design", "")), plan.get("design") == digest, tuple(lines), _is_after(made, begun))


def _middle(plan: dict[str, Any], name: str) -> str:
    found = plan.get(name) or [0]
    return f"{found[len(found) // 2]:,}"


def _is_after(made: str, begun: str) -> bool:
    try:
        return bool(begun) and datetime.fromisoformat(made) > datetime.fromisoformat(begun)
    except (TypeError, ValueError):
        return False


# What else it tells


def _spent(calls: Sequence[Call]) -> tuple[Spent, ...]:
    from moot.cli.cost import used  # noqa: PLC0415 - only who writes a report needs it
    from moot.publish.study import Spent  # noqa: PLC0415 - the same

    price = record.config().limits.price
    voices: dict[str, list[Call]] = {}
    for call in calls:
        voices.setdefault(call.voice, []).append(call)
    told: list[Spent] = []
    for voice, theirs in sorted(voices.items()):
        sums = used(theirs, price)
        dollars = None if sums.unpriced else float(sums.dollars)
        failed = sums.calls.get("failed", 0)
        told.append(Spent(voice, len(theirs), failed, sums.tokens.get("input"), sums.tokens.get("output"), dollars))
    return tuple(told)


def _versions() -> tuple[tuple[str, str], ...]:
    from moot.prices import edition  # noqa: PLC0415 - only who writes a report needs it

    found = [("moot", __version__), ("Python", platform.python_version())]
    for name in LIBRARIES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "not installed"))
    return (*found, ("price list", edition() or "none"))


def _model() -> Model | None:
    """Return what tells the meaning of turns, where it is here."""
    from moot.cli.embedding import packaged  # noqa: PLC0415 - only who writes a report needs it

    try:
        return packaged()
    except Invalid:
        return None


def _again(what: Sequence[str], output: Path | None, words: Path | None, figures: Path | None, *, full: bool) -> str:
    """Return the command that writes this report; of a path its name alone, since folders are of one machine."""
    told = ["moot", "report", *(Path(one).name if Path(one).is_file() else one for one in what)]
    for name, path in (("-o", output), ("--markdown", words), ("--figures", figures)):
        told += [name, path.name] if path else []
    return shlex.join([*told, *(["--full"] if full else [])])


def _kept(study: Study) -> Study:
    """Return a study without keys: neither those that are here, nor what looks like one."""
    from moot.publish.texts import everywhere, masked, shown  # noqa: PLC0415 - only who writes a report needs it

    without = without_keys()
    kept: Study = everywhere(study, lambda text: masked(without(shown(text))))
    return kept


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-_")[:LONGEST_NAME] or "moot"


# Files


def _pictures(document: Document, folder: Path, *, draws: bool) -> dict[Path, bytes]:
    from moot.publish import stills  # noqa: PLC0415 - only who wants pictures needs them
    from moot.publish.blocks import figures  # noqa: PLC0415 - the same

    files: dict[Path, bytes] = {}
    for one in figures(document.sections):
        spec = json.dumps(one.wide, ensure_ascii=False, indent=2) + "\n"
        files[folder / f"{one.name}.vl.json"] = spec.encode()
        if draws:
            files[folder / f"{one.name}.svg"] = stills.svg(one.wide, one.name).encode()
            files[folder / f"{one.name}.png"] = stills.png(one.wide)
    return files


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    from moot.cli.export import put  # noqa: PLC0415 - needed in the end

    there = [path for path in files if path.exists()]
    if there and not force:
        raise click.UsageError(f"{there[0]} is there already; --force writes over it, -o names another file")
    for path, content in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"{path.parent} cannot be made: {error.strerror}") from None
        put(path, content)
