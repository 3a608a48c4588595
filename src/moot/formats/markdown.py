"""A conversation as Markdown for readers: a title, who took part, and each turn under a heading of its own.

It must never let somebody's words open a tag, break the outline (one `#`, a `##` for each turn) or pass for another
turn. So, outside code: `<` before a tag's name is escaped, headings sink two levels (the two lowest, and underlined
ones, are escaped), a fence left open is closed, and marks of what may or may not be a fence are escaped. Reading undoes
this; it reads only what was written here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from moot.formats.lost import missing
from moot.formats.page import Imported, Page, Record, Unreadable, Written, compose, page
from moot.transcript import CHAIR, Heading, Participant, Text, Turn, freeze

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from moot.transcript import Transcript

_TABLE = "| name | voice |\n| --- | --- |\n"
_OPENING = re.compile(rf"\A# (.*)\n\n{re.escape(_TABLE)}((?:\|.*\|\n)+)")
_TURN = re.compile(r"## (.{1,200}?)(?: \*\(to (.{1,20000}) only\)\*)?")
_HEARER = re.compile(r"(?:\A|, )((?:\\.|[^\\,])*)")
_NO_ONE = "no one"
_FACTS = ("started", "series", "topic")

_INSIDE = r"((?:[ \t>]|[-+*][ \t]|[0-9]{1,9}[.)][ \t])*)"
_FENCE = re.compile(rf"{_INSIDE}(?:(`{{3,}})[^`]*|(~{{3,}}).*)")
_HELD_FENCE = re.compile(rf"{_INSIDE}(?:(?<=.)|(?=.*\|))\\(`{{3,}}|~{{3,}})")
_HEADING = re.compile(rf"{_INSIDE}(#{{1,6}})(?=[ \t]|$)")
_HELD_HEADING = re.compile(rf"{_INSIDE}\\(#{{5,6}})(?=[ \t]|$)")
_UNDERLINE = re.compile(rf"{_INSIDE}(=+|-+)(?=[ \t]*$)")
_HELD_UNDERLINE = re.compile(rf"{_INSIDE}\\(=+|-+)(?=[ \t]*$)")
_TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")
_HELD_TAG = re.compile(r"(?<!\\)((?:\\\\)*)\\<(?=[A-Za-z/!?])")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&~$])")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_RISKY = re.compile(r"``|[\\|\[\]$~]")
_LEVELS = 6
_SINK = 2
_SHALLOW = 3
_LONGEST_CODE = 2_000

_Kind = Literal["words", "code", "lone"]


def write(record: Record) -> Written:
    """Return a record as Markdown; read back, it holds all but what `lost` says."""
    written = render(record.transcript)
    return Written(written, missing(record.transcript, read(page(written)).transcript))


def render(transcript: Transcript) -> str:
    """Return a transcript as Markdown."""
    heading = transcript.heading
    rows = "".join(f"| {_flat(one.name)} | {_flat(one.voice)} |\n" for one in heading.participants)
    facts = "".join(f"- {name}: {_flat(getattr(heading, name))}\n" for name in _FACTS if getattr(heading, name))
    title = _flat(heading.title) or _untitled(heading.participants)
    blocks = [f"# {title}\n", _TABLE + rows, *([facts] if facts else [])]
    for turn in transcript.turns:
        blocks += [f"## {_label(turn)}\n", f"{_body(turn)}\n"]
    return "\n".join(blocks)


def _untitled(people: Iterable[Participant]) -> str:
    return " and ".join(_flat(one.name) for one in people)


def _label(turn: Turn) -> str:
    if turn.heard_by is None:
        return _flat(turn.speaker)
    hearers = ", ".join(_flat(name).replace(",", "\\,") for name in turn.heard_by) or _NO_ONE
    return f"{_flat(turn.speaker)} *(to {hearers} only)*"


def _body(turn: Turn) -> str:
    if turn.speaker != CHAIR:
        return _inert(turn.text)
    # After "> " a tab is narrower than at a line's start, which would change what it makes of a fence.
    words = re.sub(r"^[ \t]*\t", lambda tabs: tabs[0].expandtabs(4), turn.text, flags=re.MULTILINE)
    return "\n".join(f"> {line}" if line else ">" for line in _inert(words).split("\n"))


def _flat(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", re.sub(r"[\r\n]+", " ", text))


def _unflat(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _inert(words: str) -> str:
    lines = re.sub(r"\r\n?", "\n", words).split("\n")
    kinds, closing = _fences(lines)
    plain = _plain_spans(lines, kinds)
    told: list[str] = []
    for at, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        match kind:
            case "code":
                told.append(line)
            case "lone":
                mark = len(_inside(line))
                told.append(f"{line[:mark]}\\{_escaped_tags(line[mark:], spans=False)}")
            case "words":
                told.append(_escaped_tags(_sunk(line, after_text=_after_text(lines, kinds, at)), spans=plain[at]))
    return "\n".join([*told, closing] if closing else told)


def _inside(line: str) -> str:
    found = _FENCE.fullmatch(line)
    return found[1] if found else ""


def _after_text(lines: Sequence[str], kinds: Sequence[_Kind], at: int) -> bool:
    return at > 0 and kinds[at - 1] != "code" and lines[at - 1].strip(" \t") != ""


def _fences(lines: Sequence[str]) -> tuple[list[_Kind], str]:
    """Return what each line is, and what would close a fence that is still open at the end.

    Code is what a fence at a line's start holds, and one up to three spaces in whose end stands under its start with
    nothing left of it: whatever list they may be in, every reader takes those for fences. Any other mark of a fence is
    "lone": it may be text, a table's row, a start or an end, so it is made text.
    """
    kinds: list[_Kind] = []
    closing = ""
    hopeless: set[tuple[int, str]] = set()
    while len(kinds) < len(lines):
        at = len(kinds)
        found = _FENCE.fullmatch(lines[at])
        if found is None:
            kinds.append("words")
            continue
        inside, mark = found[1], found[2] or found[3]
        if not inside and "|" not in lines[at]:
            end = _end(lines, at, mark)
            closing = "" if end else mark
            kinds.extend("code" for _ in range(at, end or len(lines)))
        elif (
            inside
            and not inside.strip(" ")
            and "|" not in lines[at]
            and (len(inside), mark) not in hopeless
            and (end := _end_under(lines, at, inside, mark))
        ):
            kinds.extend("code" if len(inside) <= _SHALLOW else "words" for _ in range(at, end))
        else:
            hopeless.add((len(inside), mark))
            kinds.append("lone")
    return kinds, closing


def _end(lines: Sequence[str], start: int, mark: str) -> int | None:
    for at in range(start + 1, len(lines)):
        shifted = lines[at].lstrip(" ")
        if len(lines[at]) - len(shifted) <= _SHALLOW and shifted.startswith(mark) and _closes(shifted, mark):
            return at + 1
    return None


def _end_under(lines: Sequence[str], start: int, inside: str, mark: str) -> int | None:
    for at in range(start + 1, min(len(lines), start + _LONGEST_CODE)):
        line = lines[at]
        if _closes(line, mark):
            return at + 1 if line.startswith(inside + mark[0]) else None
        if line.strip(" \t") and not line.startswith(inside):
            return None
    return None


def _closes(line: str, mark: str) -> bool:
    run = line.strip(" \t")
    return len(run) >= len(mark) and not run.strip(mark[0])


def _plain_spans(lines: Sequence[str], kinds: Sequence[_Kind]) -> list[bool]:
    """Return for each line whether its code spans are beyond doubt, so that a `<` in them can stay as it is.

    They are where no line of its paragraph has anything but pairs of single backticks, and nothing that could take a
    backtick away from its partner (an escape, a link, a table's cell).
    """
    plain = [False] * len(lines)
    start = 0
    for end in range(len(lines) + 1):
        if end == len(lines) or kinds[end] != "words" or not lines[end].strip(" \t"):
            piece = lines[start:end]
            sure = all(line.count("`") % 2 == 0 and not _RISKY.search(line) for line in piece)
            plain[start:end] = [sure] * len(piece)
            start = end + 1
    return plain


def _sunk(line: str, *, after_text: bool) -> str:
    if found := _HEADING.match(line):
        held = "#" * _SINK if len(found[2]) <= _LEVELS - _SINK else "\\"
        return found[1] + held + line[len(found[1]) :]
    if after_text and (found := _UNDERLINE.match(line)):
        return f"{found[1]}\\{line[len(found[1]) :]}"
    return line


def _escaped_tags(line: str, *, spans: bool) -> str:
    if not spans:
        return _TAG.sub(r"\1\\<", line)
    pieces = line.split("`")
    return "`".join(piece if at % 2 else _TAG.sub(r"\1\\<", piece) for at, piece in enumerate(pieces))


def fits(page_: Page) -> bool:
    """Whether a page opens as those do that are written here."""
    return _OPENING.match(page_.text) is not None


def read(page_: Page) -> Imported:
    """Return the conversation of a page that `fits`; `Unreadable` or `Invalid` where a part of it is unsound."""
    opening = _OPENING.match(page_.text)
    if opening is None:
        raise Unreadable("this is not Markdown that moot wrote")
    people = tuple(map(_participant, opening[2][:-1].split("\n")))
    lines = page_.text[opening.end() :].split("\n")
    facts = dict.fromkeys(_FACTS, "")
    starts = list(_starts(lines))
    for line in lines[: starts[0][0] if starts else len(lines)]:
        name, colon, value = line.removeprefix("- ").partition(": ")
        if colon and name in facts:
            facts[name] = _unflat(value)
    names = {one.name for one in people}
    turns: list[Turn] = []
    ends = [at for at, _ in starts[1:]] + [len(lines)]
    for (at, label), end in zip(starts, ends, strict=False):
        turns.append(_turn(label, "\n".join(lines[at + 1 : end])))
    title = "" if opening[1] == _untitled(people) else _unflat(opening[1])
    first = turns[0] if turns and turns[0].speaker == CHAIR else None
    to = "first" if first and first.heard_by == (people[0].name,) else "all"
    arguments = {"prompt": first.text, "to": to} if first else {}
    heading = Heading(
        people,
        title=title,
        arguments=freeze(arguments),
        started=facts["started"],
        series=facts["series"],
        topic=facts["topic"],
    )
    strangers = sorted({turn.speaker for turn in turns} - names - {CHAIR})
    if strangers:
        raise Unreadable(f"{', '.join(strangers)} speaks here, but is not in the table of participants")
    lost = ("Markdown holds no briefs, settings, thoughts or ballots: what there was of them is not here",)
    return Imported(compose(heading, turns), (*page_.lost, *lost))


def _participant(row: str) -> Participant:
    name, _, voice = row.removeprefix("| ").removesuffix(" |").partition(" | ")
    return Participant(_unflat(name), _unflat(voice))


def _starts(lines: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield where each turn starts: its heading stands at a line's start, and in no code."""
    kinds, _ = _fences(lines)
    for at, line in enumerate(lines):
        if kinds[at] != "code" and (found := _TURN.fullmatch(line)):
            yield at, found


def _turn(label: re.Match[str], block: str) -> Turn:
    words = block.removeprefix("\n").removesuffix("\n")
    hearers = None
    if label[2] is not None:
        hearers = () if label[2] == _NO_ONE else tuple(map(_unflat, _HEARER.findall(label[2])))
    speaker = _unflat(label[1])
    if speaker == CHAIR:
        words = "\n".join(re.sub(r"\A> ?", "", line) for line in words.split("\n"))
    return Turn(speaker, (Text(_active(words)),), hearers)


def _active(words: str) -> str:
    lines = words.split("\n")
    kinds, _ = _fences(lines)
    told: list[str] = []
    for at, (line, kind) in enumerate(zip(lines, kinds, strict=True)):
        raised = line if kind == "code" else _raised(line, after_text=_after_text(lines, kinds, at))
        told.append(line if kind == "code" else _HELD_TAG.sub(r"\1<", raised))
    return "\n".join(told)


def _raised(line: str, *, after_text: bool) -> str:
    if (found := _HEADING.match(line)) and len(found[2]) > _SINK:
        return found[1] + line[len(found[1]) + _SINK :]
    held = _HELD_FENCE.match(line) or _HELD_HEADING.match(line) or (_HELD_UNDERLINE.match(line) if after_text else None)
    return _let_go(held, line) if held else line


def _let_go(held: re.Match[str], line: str) -> str:
    return held[1] + line[len(held[1]) + 1 :]
