"""Conversations as a data set for the Hugging Face Hub: tables, a card that tells what they are, and Croissant's.

It must never write a table itself: rows go out as values, and who asked for them packs them as Parquet.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moot.formats.page import printable
from moot.formats.perspective import chat, unheard
from moot.formats.tables import COLUMNS, ballots, conversations, turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from moot.formats.page import Record
    from moot.formats.perspective import Way
    from moot.formats.tables import Kind

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_TYPES = {"seed": "sc:Integer", "turn": "sc:Integer", "turn_count": "sc:Integer", "ballots": "sc:Integer"}
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class DataSet:
    """The tables of a data set by name, each with its rows, and what they do not hold."""

    tables: Mapping[Kind, Sequence[Mapping[str, Any]]]
    lost: tuple[str, ...] = ()

    def path(self, kind: Kind) -> str:
        """Return where a table's Parquet file belongs."""
        return f"data/{kind}-00000-of-00001.parquet"


def tables(records: Sequence[Record], way: Way) -> DataSet:
    """Return the rows of a data set; `messages` are those that each conversation's listener heard."""
    whole = [
        row | {"perspective": way.listener(one.transcript), "messages": list(_messages(one, way))}
        for one, row in zip(records, conversations(records), strict=True)
    ]
    lost = dict.fromkeys(f"in `messages`: {line}" for one in records for line in unheard(one.transcript, way))
    more = ("briefs but the listener's, settings and requests are in no row",)
    return DataSet(
        {"conversations": whole, "turns": list(turns(records)), "ballots": list(ballots(records))}, (*lost, *more)
    )


def _messages(record: Record, way: Way) -> Iterator[dict[str, str]]:
    for one in chat(record.transcript, way):
        yield {"role": one.role, "content": one.words, "name": one.speaker}


def card(name: str, found: DataSet, written_by: str) -> str:
    """Return the data set's README: what the Hub reads at its head, and what people read below."""
    rows: dict[Kind, int] = {kind: len(told) for kind, told in found.tables.items()}
    size = next((label for most, label in _SIZES if rows["conversations"] < most), "n>1M")
    head = ["---", "license: other", f"pretty_name: {json.dumps(name)}", "task_categories:", "- text-generation"]
    head += ["tags:", "- conversations", "- moot", "size_categories:", f"- {size}", "configs:"]
    for kind, count in rows.items():
        if count:
            head += [f"- config_name: {kind}", "  data_files:", "  - split: train", f"    path: {found.path(kind)}"]
            head += ["  default: true"] if kind == "conversations" else []
    forms = sorted({str(row["form"]) for row in found.tables["conversations"]})
    voices = sorted({voice for row in found.tables["conversations"] for voice in json.loads(str(row["voices"]))})
    body = [
        f"# {printable(name, _SHOWN)}",
        "",
        f"{rows['conversations']:,} conversations, {rows['turns']:,} turns, {rows['ballots']:,} ballots; {written_by}.",
        "",
        f"- forms: {', '.join(printable(one, _SHOWN) for one in forms)}",
        f"- voices: {', '.join(printable(one, _SHOWN) for one in voices)}",
        "",
        "| table | a row is | columns |",
        "|---|---|---|",
    ]
    for kind, columns in COLUMNS.items():
        more = ("perspective", "messages") if kind == "conversations" else ()
        body.append(f"| `{kind}` | a {kind[:-1]} | {', '.join(f'`{one}`' for one in (*columns, *more))} |")
    body += [
        "",
        "`messages` are what the participant named in `perspective` heard: its own turns are the assistant's, all",
        "others the user's. `turns` has everything that was said. Stances in `ballots` are what was stated, no more.",
        "",
        "What is not in it: " + "; ".join(found.lost) + ".",
        "",
        "Before you publish it: choose a licence (the head says `other`), and see that nobody's name, address or key",
        "is in it whose owner would mind.",
    ]
    return "\n".join([*head, "---", "", *body, ""])


def croissant(name: str, found: DataSet, contents: Mapping[str, bytes]) -> str:
    """Return the data set's metadata as Croissant 1.0; `contents` are its Parquet files by path."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": kind,
            "name": kind,
            "contentUrl": found.path(kind),
            "encodingFormat": "application/vnd.apache.parquet",
            "sha256": hashlib.sha256(contents[found.path(kind)]).hexdigest(),
        }
        for kind in found.tables
        if found.path(kind) in contents
    ]
    records = [
        {
            "@type": "cr:RecordSet",
            "@id": f"{kind}-rows",
            "name": f"{kind}-rows",
            "field": _fields(kind),
        }
        for kind in found.tables
        if found.path(kind) in contents
    ]
    document: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
    }
    document |= {"name": name, "description": f"Conversations recorded by moot: {name}", "version": "1.0.0"}
    document |= {"license": "other", "distribution": files, "recordSet": records}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _fields(kind: Kind) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:Field",
            "@id": f"{kind}-rows/{column}",
            "name": column,
            "dataType": _TYPES.get(column, "sc:Text"),
            "source": {"fileObject": {"@id": kind}, "extract": {"column": column}},
        }
        for column in COLUMNS[kind]
    ]


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
