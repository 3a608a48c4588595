"""Parquet, in and out, by the library of tables: formats themselves know rows and JSON only.

It must never hold more than one piece of a file that it reads.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from moot.formats import File, Unreadable
from moot.measures.engines import library

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_ROWS = 500


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows, which all have the same columns, as a Parquet file."""
    out = io.BytesIO()
    library("polars").DataFrame(rows, infer_schema_length=None).write_parquet(out)
    return out.getvalue()


def as_lines(path: Path, name: str) -> File:
    """Return a Parquet file as one of JSON Lines, a line a row; `Unreadable` where it is none."""
    polars = library("polars")

    def opened() -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_Rows(path), 2**20))

    try:
        polars.read_parquet_schema(path)
    except polars.exceptions.PolarsError:
        raise Unreadable(f"{name} is no Parquet file that can be read") from None
    return File(name, path.stat().st_size, opened)


class _Rows(io.RawIOBase):
    """The rows of a Parquet file as JSON Lines, some at a time."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._pieces = library("polars").scan_parquet(path, glob=False).collect_batches(chunk_size=_ROWS)
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - the base class takes any buffer
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._held = b"".join(
                json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n" for row in piece.iter_rows(named=True)
            )
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        return size
