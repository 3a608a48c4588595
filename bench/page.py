"""The page of benchmarks: what `bench/results/` holds, as tables and plots, and the goals as met or missed.

It must never state a figure that is in no file of results, nor measure anything itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kept import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "benchmarks.md"
PLOTS = DOCS / "benchmarks"

COLOURS = {"sqlite": "#3b6ea5", "postgresql": "#c2703d"}
OTHER = "#5a7d4f"
WIDTH, BAR, LEFT, RIGHT = 760, 22, 250, 90


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a plot: what it is of, its value, and the colour it has."""

    label: str
    value: float
    colour: str = OTHER


def plot(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """Return bars as SVG, the value beside each; it is read on a light and on a dark page."""
    most = max((bar.value for bar in bars), default=0) or 1
    height = 40 + len(bars) * (BAR + 8)
    look = 'role="img" font-size="13" font-family="sans-serif" fill="#777"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {look}>',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="20" font-size="15">{escape(title)} ({escape(unit)})</text>',
    ]
    for row, bar in enumerate(bars):
        y = 36 + row * (BAR + 8)
        long = max(1.0, (WIDTH - LEFT - RIGHT) * bar.value / most)
        lines += [
            f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{long:.1f}" height="{BAR}" rx="2" fill="{bar.colour}"/>',
            f'<text x="{LEFT + long + 6:.1f}" y="{y + 16}">{shown(bar.value)}</text>',
        ]
    return "\n".join((*lines, "</svg>\n"))


def shown(value: object) -> str:
    """Return a figure with as many digits as say something."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004 - digits


def table(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows with the same names as a Markdown table."""
    each = list(rows)
    names = list(dict.fromkeys(name for row in each for name in row))
    head = f"| {' | '.join(name.replace('_', ' ') for name in names)} |\n|{'---|' * len(names)}\n"
    return head + "".join(f"| {' | '.join(shown(row.get(name, '')) for name in names)} |\n" for row in each)


def results() -> dict[str, dict[str, Any]]:
    """Return what each benchmark has kept, by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}


def plots(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Return the plots that can be drawn of these results, by file name."""

    def bars(name: str, value: str, label: str) -> list[Bar]:
        return [
            Bar(f"{row['store']}, {label.format(**row)}", row[value], COLOURS[row["store"]])
            for each in (name, f"{name}-large")
            for row in found.get(each, {}).get("figures", ())
        ]

    at_once = "{at_once:,} at once"
    made = {
        "rate.svg": plot("Turns on record", "a second", bars("concurrency", "turns_per_second", at_once)),
        "cpu.svg": plot("CPU of a turn", "ms", bars("concurrency", "cpu_ms_per_turn", at_once)),
        "memory.svg": plot("Memory of one open conversation", "KB", bars("memory", "kb_each", "{open:,} open")),
        "appends.svg": plot(
            "An append, eight processes at once", "ms",
            [bar for cent in (50, 95, 99) for bar in bars("appends", f"p{cent}_ms", f"p{cent}")],
        ),
        "search.svg": plot(
            "A million turns", "ms, median",
            [Bar(f"{row['store']}, {what}", told["median_ms"], COLOURS[row["store"]])
             for row in found.get("million", {}).get("figures", ()) for what, told in row.items()
             if "median_ms" in str(told)],
        ),
        "overhead.svg": plot(
            "CPU of a turn, 200 conversations of 20 turns", "ms",
            [Bar(row["load"], row["cpu"]) for row in found.get("overhead", {}).get("figures", {}).get("costs", ())
             if row["size"] == "200 x 20 turns"],
        ),
    }  # fmt: skip
    return {name: drawn for name, drawn in made.items() if "<rect" in drawn}


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose figures are all plain: of what has several, the median."""
    return {
        f"{name}, ms" if isinstance(one, dict) else name: one["median_ms"] if isinstance(one, dict) else one
        for name, one in row.items()
    }


SECTIONS = (
    ("concurrency", ("rate.svg", "cpu.svg")),
    ("concurrency-large", ()),
    ("memory", ("memory.svg",)),
    ("store", ()),
    ("appends", ("appends.svg",)),
    ("million", ("search.svg",)),
    ("overhead", ("overhead.svg",)),
)


OPENING = """# Benchmarks

`make bench` and `make bench-large` measure, write `bench/results/*.json`, and make this page of them. Providers are a
server on loopback that answers at once and, like PostgreSQL, is a process of its own that is not counted. Read ratios
rather than absolutes: a busy machine moves the same figure by half or more, and each section says how busy it was.
"""


def page(found: dict[str, dict[str, Any]], drawn: Iterable[str]) -> str:
    """Return the page as Markdown."""
    there = set(drawn)
    parts = [OPENING]
    for name, pictures in SECTIONS:
        if name not in found:
            continue
        told = found[name]
        parts.append(f"## {told['what'][0].upper()}{told['what'][1:]}\n\n{conditions(told)}\n")
        shown_here = [picture for picture in pictures if picture in there]
        parts += [f"![{picture.removesuffix('.svg')}](benchmarks/{picture})\n" for picture in shown_here]
        figures: Any = told["figures"]
        tables = (figures["goals"], figures["costs"]) if "goals" in figures else (map(flat, figures),)
        parts += map(table, tables)
    return "\n".join(parts)


def conditions(told: dict[str, Any]) -> str:
    """Return on what and when it was measured, and how busy that was."""
    on, load = told["machine"], told["load_average"]
    libraries = ", ".join(f"{name} {number}" for name, number in on["libraries"].items())
    return (
        f"{told['begun'][:10]}, {told['seconds']:,} s; {on['cpu']}, {on['cores']} cores, {on['ram_gib']} GiB; Python "
        f"{on['python']}, SQLite {on['sqlite']}.\nLoad average {load['at_start'][0]} at the start and "
        f"{load['at_end'][0]} at the end; {libraries}."
    )


def main() -> None:
    """Draw and write."""
    found = results()
    drawn = plots(found)
    PLOTS.mkdir(exist_ok=True)
    for name, picture in drawn.items():
        (PLOTS / name).write_text(picture, "utf-8")
    PAGE.write_text(page(found, drawn), "utf-8")


if __name__ == "__main__":
    main()
