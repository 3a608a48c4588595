"""Somebody's table, read from a file: CSV, TSV, JSON Lines or Parquet, and only the columns that are asked for."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from moot.cli.terminal import safe
from moot.formats import Unreadable
from moot.measures.engines import library
from moot.measures.tables import checked
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from moot.measures.tables import Stage

KINDS = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet",
    ".pq": "parquet",
}  # fmt: skip

ROUNDING = 1e-12

missing_option = click.option(
    "--missing",
    metavar="TEXT",
    multiple=True,
    help="A cell with this in it is empty. Repeatable; cells with nothing or NaN always are.",
)
"""The option of every command on a table; nothing but blank cells and NaN is taken for missing without it."""


def read_table(path: str, wanted: Sequence[str]) -> pl.DataFrame:
    """Return the wanted columns of a table; those of CSV and TSV as text, since only their readers know more.

    Raises `Unreadable` where it is no table, `Invalid` where it has no such column or no rows.
    """
    polars = library("polars")
    kind = KINDS.get(Path(path).suffix.lower())
    if kind is None:
        raise Unreadable(f"{path}: which kind of table is told by its name, which must end in {', '.join(KINDS)}")
    if not Path(path).is_file():
        raise Unreadable(f"{path}: there is no such file")
    columns = list(dict.fromkeys(wanted))
    try:
        lazy = _scan(path, kind)
        names = lazy.collect_schema().names()
        _one_column(path, names)
        checked(names, columns)
        frame: pl.DataFrame = lazy.select(columns).collect()
    except polars.exceptions.PolarsError as error:
        if kind != "jsonl":
            raise Unreadable(f"{path} cannot be read as {kind.upper()}: {_first_line(error)}") from None
        frame = _lines(path, columns)  # what polars cannot read may still be JSON as Python writes it, with NaN
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from None
    if frame.height == 0:
        raise Invalid(f"{path} has columns but no rows")
    return frame


def _scan(path: str, kind: str) -> pl.LazyFrame:
    polars = library("polars")
    match kind:
        case "csv":
            return polars.scan_csv(path, infer_schema=False, glob=False)
        case "tsv":
            return polars.scan_csv(path, infer_schema=False, separator="\t", glob=False)
        case "parquet":
            return polars.scan_parquet(path, glob=False)
        case _:
            return polars.scan_ndjson(path, infer_schema_length=None)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "it is damaged").rstrip(".")


def _one_column(path: str, names: Sequence[str]) -> None:
    if len(names) == 1 and (found := next((mark for mark in (";", "\t", "|") if mark in names[0]), "")):
        shown = {"\t": "a tab: name it .tsv"}.get(found, f"{found!r}: write it with commas")
        raise Invalid(f"{path} has one column, {names[0]!r}; its columns seem to be parted by {shown}")


def _lines(path: str, columns: Sequence[str]) -> pl.DataFrame:
    polars = library("polars")
    rows: list[dict[str, str | None]] = []
    seen: dict[str, None] = {}
    try:
        with Path(path).open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    row = _object(path, number, line)
                    seen |= dict.fromkeys(row)
                    rows.append({name: _cell(row.get(name)) for name in columns})
    except UnicodeDecodeError:
        raise Unreadable(f"{path} is no UTF-8 text") from None
    checked(list(seen), columns)
    return polars.DataFrame(rows, schema=dict.fromkeys(columns, polars.String))


def _object(path: str, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        raise Unreadable(f"{path}: line {number} is no JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{path}: line {number} is no JSON object")
    return {str(key): value for key, value in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - any JSON


def _cell(value: object) -> str | None:
    match value:
        case None:
            return None
        case str():
            return value
        case float() if math.isnan(value):
            return None
        case float() if value.is_integer():
            return str(int(value))
        case list() | dict():
            raise Invalid("a column that was asked for holds lists or objects, not one value a cell")
        case _:
            return str(value)


def figure(value: float | None, digits: int = 4) -> str:
    """Return a number for people: so many significant digits, and a dash for none."""
    return "-" if value is None else f"{value:.{digits}g}" if abs(value) > ROUNDING else "0"


def print_rows(heads: Sequence[str], rows: Sequence[Sequence[str]], write: Callable[[str], None]) -> None:
    """Print a small table: the first column to the left, all others to the right."""
    if not rows:
        return
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(heads))]
    for row in cells:
        first, *rest = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        write("  ".join((first, *rest)).rstrip())


def print_flow(stages: Sequence[Stage], write: Callable[[str], None]) -> None:
    """Print how many rows there were at each stage."""
    write("n: " + "; ".join(f"{one.name} {one.n}" for one in stages))
