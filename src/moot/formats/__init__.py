"""Conversations as files: what kind a file is shows in its structure, and whatever a format cannot hold is said.

A format must never execute, fetch or follow what a file names, go by a file's name, or drop words in silence.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal, get_args

from moot.formats import (
    article,
    chatgpt,
    claude,
    convokit,
    dataset,
    inspect_log,
    inspect_write,
    markdown,
    openai_chat,
    pidgin,
    record,
    session,
    sharegpt,
    sillytavern,
    tables,
    text,
)
from moot.formats.dataset import DataSet
from moot.formats.files import File, documents, held, is_zip, unpacked
from moot.formats.lost import of_all
from moot.formats.page import (
    ACCEPTED,
    MOST_TURNS,
    Imported,
    Packed,
    Page,
    Record,
    Unreadable,
    Written,
    decode,
)
from moot.formats.perspective import Way
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Format = Literal[
    "text", "md", "json", "jsonl", "openai", "sharegpt", "trace", "csv", "ballots", "hf", "convokit", "inspect"
]
"""What conversations can be written as (docs/formats.md). Only "json", and "jsonl" line by line, lose nothing."""

FORMATS: tuple[Format, ...] = get_args(Format)

_PLAIN: dict[str, Callable[[Record], Written]] = {
    "text": text.write, "md": markdown.write, "json": record.write, "jsonl": record.write_line,
}  # fmt: skip

_CHATS: dict[str, Callable[[Record, Way], Written]] = {
    "openai": openai_chat.write, "sharegpt": sharegpt.write, "trace": session.write,
}  # fmt: skip

AS_HEARD = Way()
"""Of the last participant, as it heard it."""

DOCUMENTS = (record, openai_chat, sharegpt)
"""Layouts of which each JSON document is a conversation; the first that fits reads it."""

TREES = (chatgpt, claude, inspect_log)
"""Those of which each document holds several: branches, or samples."""

LOGS = (sillytavern, pidgin, session)
"""Those of which a document is a line of a conversation."""

_JSON = re.compile(rb"\{\s*[\"}]|\[\s*[{\]]")
_EXPORTED = re.compile(r"(?:^|/)conversations(?:-[0-9]+)?\.json$")
_LABELLED = re.compile(r"^(?:## |[^:\uff1a\n]{1,64}[:\uff1a])", re.MULTILINE)
_SNIFFED = 4_096


def read(file: bytes, name_hint: str = "") -> tuple[Imported, ...]:
    """Return the conversations that a file holds, at least one; see `read_files`."""
    return tuple(read_files((held(file, name_hint),)))


def read_files(files: Sequence[File]) -> Iterator[Imported]:
    """Yield the conversations that a file, or the files of one folder, hold, at least one, as they are read.

    `Unreadable`, in one line that begins with the file's name, where there is none or a limit is passed (64 MiB and
    JSON 64 deep for a document, 100,000 turns for a conversation).
    """
    where = files[0].name if len(files) == 1 else ""
    try:
        yield from _judged(_read(tuple(files)))
    except (Unreadable, Invalid) as error:
        raise Unreadable(f"{where}: {error}" if where else str(error)) from None


def _judged(found: Iterator[Imported]) -> Iterator[Imported]:
    one: Imported | None = None
    for one in found:
        count = len(one.transcript.turns)
        if count > MOST_TURNS:
            raise Unreadable(f"{count:,} turns are more than moot reads as one conversation ({MOST_TURNS:,})")
        yield one
    if one is None:
        raise Unreadable(f"there is no conversation in it; {ACCEPTED}")


def _read(files: tuple[File, ...]) -> Iterator[Imported]:
    if len(files) == 1 and is_zip(files[0]):
        files = unpacked(files[0])
    if inspect_log.fits_archive(files):
        yield from inspect_log.read_archive(files)
    elif convokit.fits(files):
        yield from convokit.read(files)
    elif tabled := [one for one in files if len(files) > 1 and one.name.endswith(".parquet")]:
        yield from _of_documents(chain.from_iterable(map(documents, filter(_holds_messages, tabled))))
    elif exported := [one for one in files if len(files) > 1 and _EXPORTED.search(one.name)]:
        yield from _of_documents(chain.from_iterable(map(documents, exported)))
    elif len(files) != 1:
        raise Unreadable(f"moot knows no data set with these {len(files):,} files; {ACCEPTED}")
    else:
        yield from _of_file(files[0])


def _holds_messages(table: File) -> bool:
    """Whether the rows of a table, which are offered as JSON, are conversations."""
    return any(openai_chat.fits(row) for _, row in islice(documents(table), 1))


def _of_file(file: File) -> Iterator[Imported]:
    start = file.start(_SNIFFED).removeprefix(b"\xef\xbb\xbf").lstrip()
    if sillytavern.is_picture(start):
        yield from sillytavern.read_card(sillytavern.card_of_picture(file.whole()), "")
    elif _JSON.match(start):
        yield from _of_documents(documents(file))
    else:
        yield _of_text(decode(file.whole()))


def _of_text(page: Page) -> Imported:
    """Return a text's conversation; what might open a turn is counted first, which takes little time and no room."""
    most = sum(1 for _ in islice(_LABELLED.finditer(page.text), 2 * MOST_TURNS + 1))
    if most > 2 * MOST_TURNS:
        raise Unreadable(f"more than {2 * MOST_TURNS:,} lines could open a turn, and {MOST_TURNS:,} turns are the most")
    return markdown.read(page) if markdown.fits(page) else text.read(page) or article.read(page)


def _of_documents(found: Iterator[tuple[str, Any]]) -> Iterator[Imported]:
    """Yield the conversations of JSON documents: what kind they are is told by the first."""
    first = next(found, None)
    if first is None:
        raise Unreadable(f"this JSON holds no conversation; {ACCEPTED}")
    every = chain([first], found)
    log = next((one for one in LOGS if one.fits(first[1])), None)
    tree = next((one for one in TREES if one.fits(first[1])), None)
    if log:
        yield from log.read_all(every)
    elif sillytavern.is_card(first[1]):
        yield from sillytavern.read_card(first[1], "")
    elif tree:
        for where, document in every:
            yield from tree.read(document, f"{where}: " if where else "")
    else:
        layout = next((one for one in DOCUMENTS if one.fits(first[1])), record)
        for where, document in every:
            yield layout.read(document, f"{where}: " if where else "")


def write(record_: Record, as_format: Format, way: Way = AS_HEARD) -> Written:
    """Return a record as the text of a file (UTF-8, LF), with what that file cannot hold.

    `way` says whose view a chat log tells; `Unreadable` where it names nobody who takes part. `Invalid` for a format of
    tables or of several files: those are of many records, by `write_all`.
    """
    if as_format in _PLAIN:
        return _PLAIN[as_format](record_)
    if as_format in _CHATS:
        return _CHATS[as_format](record_, way)
    raise Invalid(f"{as_format} is written of many conversations at once")


def write_all(records: Sequence[Record], as_format: Format, way: Way = AS_HEARD) -> Written | Packed | DataSet:
    """Return records, at least one, as one text, as files of a folder or archive, or as the tables of a data set.

    `Invalid` where there are several and the format is of one only.
    """
    match as_format:
        case "text" | "md" | "json" if len(records) > 1:
            raise Invalid(f"{as_format} holds one conversation; for {len(records)} choose jsonl, or another format")
        case "csv":
            return tables.write(records, "turns")
        case "ballots":
            return tables.write(records, "ballots")
        case "hf":
            return dataset.tables(records, way)
        case "convokit":
            return convokit.write(records)
        case "inspect":
            return inspect_write.write(records)
        case _:
            told = [write(one, as_format, way) for one in records]
            return Written("".join(one.text for one in told), of_all([one.lost for one in told]))


__all__ = [
    "ACCEPTED",
    "FORMATS",
    "DataSet",
    "File",
    "Format",
    "Imported",
    "Packed",
    "Record",
    "Unreadable",
    "Way",
    "Written",
    "read",
    "read_files",
    "write",
    "write_all",
]
