"""The plain layout of a talk: a header of models, the prompt, and each turn under its speaker's name.

    Timestamp: 202403011200
    Ada Model: claude-3-opus
    Bo Model: local:smollm2

    Prompt:
     Words of the chair, after one space.

    Ada:
    Words, then an empty line.

It must never change a byte of a file that it read when it writes it back, nor take a line of somebody's words for the
next turn in its own files. Where a file differs from the layout above, `Heading.source` says how: `header` (its lines),
`before` (what stands before the first turn), `gaps`, `indent`, `end`, `mark` and `returns`.

The header's models are taken for voices: a maker is guessed for Anthropic's and OpenAI's own names, an address that
moot could have written is kept, and any other becomes `unknown:MODEL`, which is a record and cannot be spoken with.
The prompt is a turn of the chair that the first speaker alone heard; a later `Prompt:` is one that all heard. A line
of someone's words that would read as a label is written after one more space, which is taken off in reading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moot.formats.lost import missing
from moot.formats.page import Imported, Page, Record, Unreadable, Written, compose, page, plural, printable, unpage
from moot.transcript import CHAIR, LONGEST_NAME, Heading, Participant, Text, Turn, freeze

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from moot.transcript import Transcript, Value

_KINDS = ("local", "anthropic", "openai", "person", "script", "replay", "unknown")
_KINDS_TO_COME = ("ollama", "lmstudio", "vllm", "openrouter", "google")
_MAKERS = (
    ("anthropic", re.compile(r"claude", re.IGNORECASE)),
    ("openai", re.compile(r"chatgpt|gpt(?:-?[0-9]|$)|o[1-9](?:-|$)", re.IGNORECASE)),
)
_LINE = re.compile(r"[^:\n]+: .*\n")
_MODEL = re.compile(r"([^:\n]+) Model: (.*)")
_STAMP = re.compile(r"Timestamp: ([0-9]{12})")
_STARTED = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})")
_LABEL = re.compile(rf"^([^:\n]{{1,{LONGEST_NAME}}}):\n", re.MULTILINE)
_GUARD = re.compile(rf"(?<=\n\n) *([^ :\n][^:\n]{{0,{LONGEST_NAME - 1}}}):(?=\n|\Z)")
_PROMPT = "Prompt"
_GAP = "\n\n"
_LONGEST_HEADER = 200


@dataclass(frozen=True, slots=True)
class _Header:
    """What a header says: whose voice is which, and when it began ("" where it does not say)."""

    voices: Mapping[str, str]
    started: str


def guess_voice(model: str) -> str:
    """Return the voice that a model's name stands for; see the top of this file."""
    kind, colon, name = model.partition(":")
    if model == "person" or (colon and name and kind in (*_KINDS, *_KINDS_TO_COME)):
        return model
    maker = next((maker for maker, own in _MAKERS if own.match(model)), "unknown")
    return f"{maker}:{model}"


def read(page_: Page) -> Imported | None:
    """Return a page's talk, None where it is not in this layout; `Unreadable` where nobody speaks under its header."""
    lines, start = _header(page_.text)
    header = _parsed(lines)
    labels = _labels(page_.text, start, header.voices)
    speakers = tuple(dict.fromkeys(name for name, _, _ in labels if name != _PROMPT))
    if not speakers and header.voices and header.started:
        names = " or ".join(f"'{name}:'" for name in header.voices)
        raise Unreadable(
            f"this has the header of a talk, but nobody speaks: no line is just {names} after an empty one"
        )
    if not speakers:
        return None
    order = (*speakers, *(name for name in header.voices if name not in speakers))
    turns, source = _turns(page_.text, labels, order)
    source |= {"before": page_.text[start : labels[0][1]], "mark": page_.mark, "returns": page_.returns}
    plain: dict[str, Value] = {"before": "\n", "mark": False, "returns": False, "end": _GAP, "indent": " ", "gaps": ()}
    own = {name: value for name, value in source.items() if value != plain[name]}
    people = tuple(Participant(name, header.voices[name]) for name in order)
    heading = _heading(people, turns, header.started, own)
    if tuple(lines) != _lines(heading):
        heading = _heading(people, turns, header.started, own | {"header": tuple(lines)})
    transcript = compose(heading, turns)
    return Imported(transcript, (*page_.lost, *_guesses(page_, transcript, str(own.get("before", "")))))


def _heading(
    people: tuple[Participant, ...], turns: Sequence[Turn], started: str, source: Mapping[str, Value]
) -> Heading:
    arguments = {"prompt": turns[0].text, "to": "first"} if turns[0].speaker == CHAIR else {}
    return Heading(people, arguments=freeze(arguments), started=started, source=freeze(source))


def _guesses(page_: Page, transcript: Transcript, before: str) -> Iterable[str]:
    heading = transcript.heading
    voices = ", ".join(f"{one.name} {one.voice}" for one in heading.participants)
    yield f"the voices are guessed from the header: {printable(voices, 200)}"
    if transcript.turns[0].speaker == CHAIR:
        yield f"the prompt is taken to have been heard by {heading.names[0]} alone"
    if before.strip():
        yield f"words before the first turn are nobody's: {printable(before.strip(), 80)!r}"
    if render(transcript) != page_.raw:
        yield "written back as text, the file would not be the same in every byte"


def _header(text: str) -> tuple[list[str], int]:
    lines: list[str] = []
    at = 0
    while len(lines) < _LONGEST_HEADER and (found := _LINE.match(text, at)):
        lines.append(found[0][:-1])
        at = found.end()
    return lines, at


def _parsed(lines: Iterable[str]) -> _Header:
    voices: dict[str, str] = {}
    started = ""
    for line in lines:
        if model := _MODEL.fullmatch(line):
            voices[model[1]] = guess_voice(model[2])
        elif stamp := _STAMP.fullmatch(line):
            started = _time(stamp[1])
    return _Header(voices, started)


def _time(stamp: str) -> str:
    try:
        time = datetime.strptime(stamp, "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return time.strftime("%Y-%m-%dT%H:%M") if time.year > 999 else ""  # noqa: PLR2004 - strftime pads no smaller year


def _labels(text: str, start: int, names: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return each label's name, where it starts, and where the words after it do.

    A label stands alone on its line, after an empty line.
    """
    found: list[tuple[str, int, int]] = []
    known = {*names, _PROMPT}
    for label in _LABEL.finditer(text, start):
        at = label.start()
        if label[1] not in known:
            continue
        if at == start or text.endswith(_GAP, 0, at):
            found.append((label[1], at, label.end()))
    return found


def _turns(
    text: str, labels: Sequence[tuple[str, int, int]], names: Sequence[str]
) -> tuple[tuple[Turn, ...], dict[str, Value]]:
    turns: list[Turn] = []
    source: dict[str, Value] = {"end": _GAP, "indent": " "}
    gaps: list[int] = []
    known = {*names, _PROMPT}
    ends = [at for _, at, _ in labels[1:]] + [len(text)]
    for (name, _, start), end in zip(labels, ends, strict=True):
        words = text[start:end]
        if words == "\n" and end < len(text):
            gaps.append(len(turns))
        elif not words.endswith(_GAP):
            source["end"] = "\n" if words.endswith("\n") else ""
        words = words.removesuffix(_GAP) if words.endswith(_GAP) else words.removesuffix("\n")
        if name == _PROMPT and _PROMPT not in names:
            if not turns and not words.startswith(" "):
                source["indent"] = ""
            words = words.removeprefix(" ") if source["indent"] else words
            heard_by = None if turns else tuple(names[:1])
            turns.append(Turn(CHAIR, (Text(_unguarded(words, known, str(source["indent"]))),), heard_by))
        else:
            turns.append(Turn(name, (Text(_unguarded(words, known)),)))
    return tuple(turns), source | {"gaps": tuple(gaps)}


def write(record: Record) -> Written:
    """Return a record in this layout; read back, it holds all but what `lost` says."""
    transcript = record.transcript
    written = render(transcript)
    known = {*transcript.heading.names, _PROMPT}
    guarded = sum(_guarded(turn.text, known) != turn.text for turn in transcript.turns)
    lost = (
        [f"lines that look like a speaker's label stand after a space, in {plural(guarded, 'turn')}"] if guarded else []
    )
    speaks = any(turn.speaker != CHAIR for turn in transcript.turns)
    try:
        again = read(page(written)) if speaks else None
    except Unreadable:  # who speaks bears a name that this layout needs
        again = None
    if again is None:
        return Written(written, (*lost, "nobody has spoken, or too many take part: the file cannot be read back"))
    return Written(written, (*lost, *missing(transcript, again.transcript)))


def render(transcript: Transcript) -> str:
    """Return a transcript in this layout, as its source had it where it was read from such a file."""
    heading = transcript.heading
    source = dict(heading.source)
    indent, before, end = (
        _own(source, name, plain) for name, plain in (("indent", " "), ("before", "\n"), ("end", _GAP))
    )
    gaps = source.get("gaps")
    known = {*heading.names, _PROMPT}
    blocks: list[str] = []
    for at, turn in enumerate(transcript.turns):
        label, first = (_PROMPT, indent) if turn.speaker == CHAIR else (turn.speaker, "")
        short = not turn.text and isinstance(gaps, tuple) and at in gaps
        blocks += [f"{label}:\n{first}{_guarded(turn.text, known, first)}", "\n" if short else _GAP]
    header = "".join(f"{line}\n" for line in _told(heading))
    text = header + before + "".join(blocks[:-1]) + (end if blocks else "")
    return unpage(text, mark=source.get("mark") is True, returns=source.get("returns") is True)


def _own(source: Mapping[str, Value], name: str, plain: str) -> str:
    value = source.get(name)
    return value if isinstance(value, str) else plain


def _guarded(words: str, known: Container[str], first: str = "") -> str:
    before = f"\n{first}"
    guarded = _GUARD.sub(lambda line: f" {line[0]}" if line[1] in known else line[0], before + words)
    return guarded[len(before) :]


def _unguarded(words: str, known: Container[str], first: str = "") -> str:
    before = f"\n{first}"
    plain = _GUARD.sub(lambda line: line[0].removeprefix(" ") if line[1] in known else line[0], before + words)
    return plain[len(before) :]


def _told(heading: Heading) -> tuple[str, ...]:
    """Return the header's lines as the file had them, while they still say what the heading says."""
    own = dict(heading.source).get("header")
    lines = (
        tuple(one for one in own if isinstance(one, str) and _LINE.fullmatch(f"{one}\n"))
        if isinstance(own, tuple)
        else ()
    )
    if lines and _parsed(lines) == _parsed(_lines(heading)):
        return lines
    return _lines(heading)


def _lines(heading: Heading) -> tuple[str, ...]:
    started = _STARTED.match(heading.started)
    stamp = (f"Timestamp: {''.join(started.groups())}",) if started else ()
    return (*stamp, *(f"{one.name} Model: {_model(one.voice)}" for one in heading.participants))


def _model(voice: str) -> str:
    voice = re.sub(r"[\r\n]+", " ", voice)
    model = voice.partition(":")[2]
    return model if model and guess_voice(model) == voice else voice
