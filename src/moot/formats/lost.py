"""What a conversation would miss if it were read back from a file, in plain sentences.

Writers find it by reading their own text again, so that nothing can go missing unsaid; this file must never know
a layout. How words were cut into parts is no loss: only what was said counts.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from moot.formats.page import plural, printable
from moot.transcript import Ballot, Thought

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from moot.transcript import Heading, Participant, Transcript, Turn

_LISTED = 5


def missing(whole: Transcript, kept: Transcript) -> tuple[str, ...]:
    """Return what of `whole` is not in `kept`, the same conversation as a file holds it."""
    return (*_of_heading(whole.heading, kept.heading), *_of_turns(whole.turns, kept.turns))


def of_all(lost: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return what several conversations would miss, each sentence once and in how many of them it holds."""
    counts = Counter(line for lines in lost for line in dict.fromkeys(lines))
    if len(lost) == 1:
        return tuple(counts)
    return tuple(f"{line} (in {count:,} of {len(lost):,} conversations)" for line, count in counts.items())


def _of_heading(whole: Heading, kept: Heading) -> Iterator[str]:
    for name in ("title", "topic", "series", "started", "form", "seed"):
        had, has = getattr(whole, name), getattr(kept, name)
        if had != has:
            now = f" and reads back as {printable(repr(has), 60)}" if has else ""
            yield f"the {name} {printable(repr(had), 60)} is not held{now}"
    if whole.arguments != kept.arguments:
        changed = sorted({name for name, _ in set(whole.arguments) ^ set(kept.arguments)})
        yield f"what its form was called with reads back otherwise ({', '.join(changed)})"
    if whole.source != kept.source:
        yield "what the imported file said of itself is not held in full"
    if whole.names != kept.names:
        if set(whole.names) == set(kept.names):
            yield f"the participants' order is not held: they read back as {', '.join(kept.names)}"
        else:
            yield f"{', '.join(whole.names)} read back as {', '.join(kept.names)}"
    there = {one.name: one for one in kept.participants}
    for one in whole.participants:
        if one.name in there:
            yield from _of_participant(one, there[one.name])


def _of_participant(whole: Participant, kept: Participant) -> Iterator[str]:
    if whole.voice != kept.voice:
        yield f"{whole.name}'s voice {printable(whole.voice, 60)!r} reads back as {printable(kept.voice, 60)!r}"
    if whole.brief != kept.brief:
        yield f"{whole.name}'s brief is left out"
    if whole.settings != kept.settings:
        yield f"the settings of {whole.name}'s voice are left out"


def _of_turns(whole: tuple[Turn, ...], kept: tuple[Turn, ...]) -> Iterator[str]:
    for kind, noun in ((Thought, "thought"), (Ballot, "ballot")):
        count = _count(whole, kind) - _count(kept, kind)
        if count:
            yield f"{plural(count, noun)} left out"
    if len(whole) != len(kept):
        yield f"{plural(len(whole), 'turn')} would read back as {len(kept):,}"
        return
    pairs = tuple(enumerate(zip(whole, kept, strict=True), 1))
    yield from _numbered("the words", [number for number, (had, has) in pairs if had.text != has.text])
    yield from _numbered("the speaker", [number for number, (had, has) in pairs if had.speaker != has.speaker])
    yield from _numbered("who hears it", [number for number, (had, has) in pairs if had.heard_by != has.heard_by])
    yield from _numbered("why it stopped", [number for number, (had, has) in pairs if had.stop != has.stop])
    yield from _numbered("moot's marks", [number for number, (had, has) in pairs if had.marks != has.marks])


def _count(turns: tuple[Turn, ...], kind: type) -> int:
    return sum(isinstance(part, kind) for turn in turns for part in turn.parts)


def _numbered(what: str, numbers: list[int]) -> Iterator[str]:
    if numbers:
        some = ", ".join(map(str, numbers[:_LISTED])) + (", …" if len(numbers) > _LISTED else "")
        yield f"{what}: not held as it was in {plural(len(numbers), 'turn')} ({some})"
