"""Articles and chat logs: texts whose turns open with `NAME: words`, under a title or none. Read only.

It must never take a line of somebody's words for a turn where the text shows otherwise, nor drop a line unsaid.

How the speakers are found: a label is a name and a colon at the start of a line, after an empty line (in a chat log,
any line). The cast is the labels that come again in the first one's letter case; usual remarks ("PS:", "Note:") and
numbered points are none. Labels do not count in a code fence, nor in a letter, from "Dear …," to its closing and
signature, if it closes before the next one opens. A label that a colon or a closing leads up to, and whose name comes
again as the very next label, is a quotation or a signature. Nobody speaks twice running unless the words before have
come to an end.

Voices: a name that models go by is kept as `unknown:NAME`, since such a text names no version (a record that cannot be
spoken with until a fork names a voice for it); everybody else is taken for a person.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from moot.formats.page import ACCEPTED, Imported, Page, Unreadable, compose, plural, printable
from moot.transcript import CHAIR, Heading, Participant, Text, Turn, freeze, same_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LABEL = re.compile(r"(?:\*\*|__)?([^\W_][^:\uff1a\n]{0,60})([:\uff1a])(?:\*\*|__)?(.*)", re.DOTALL)
_NO_NAME = re.compile(r"[,;!?\"“”„«»<>\[\]{}=@/\\|`#]|^[0-9]+[.)]|\.\.")
_COUNTED = re.compile(
    r"(?:step|option|point|chapter|figure|fig|table|part|section|phase|day|week|act|scene|item|reason|example|case"
    r"|scenario|theme|lesson|rule|tip|idea|exhibit)\W*\w{1,4}"
)
# fmt: off
_REMARKS = frozenset(
    {
        "abstract", "aside", "attention", "attn", "author", "authors", "background", "bcc", "by", "caution",
        "caveat", "caveats", "cc", "conclusion", "conclusions", "cons", "context", "correction", "date",
        "definition", "disclaimer", "edit", "editorsnote", "example", "examples", "forexample", "from", "fyi",
        "hint", "however", "important", "instead", "keypoints", "keytakeaways", "keywords", "link", "links",
        "meanwhile", "nb", "note", "notes", "postscript", "pps", "pros", "ps", "published", "re", "reference",
        "references", "remember", "result", "results", "source", "sources", "subject", "summary", "tags",
        "takeaway", "takeaways", "therefore", "tip", "tips", "title", "tldr", "to", "todo", "topic", "update",
        "url", "warning",
    }
)
# fmt: on
_MODELS = re.compile(
    r"claude|gpt|gemini|gemma|llama|mistral|mixtral|copilot|\bbard\b|grok|deepseek|qwen|\bphi\b|sonnet|\bopus\b|haiku"
    r"|bing|\bpi\b|command r|olmo|falcon|vicuna|smollm|assistant|\ba\.?i\.?\b|\bllm\b|\bmodel\b|\bbot\b|\bo[1-9]\b",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"dear\b[^.?!]{0,160}[,:]|to the(?: [^\s.?!,]+){1,6},|to whom it may concern[,:]?", re.IGNORECASE
)
_CLOSING = re.compile(
    r"(?:yours(?: (?:very )?(?:sincerely|faithfully|truly|respectfully|cordially|ever))?|(?:very )?sincerely(?: yours)?"
    r"|(?:very )?(?:respectfully|cordially|faithfully|truly|warmly)(?: yours)?|in solidarity|cheers|love|best|thanks"
    r"|(?:with )?(?:my |our )?(?:very )?(?:best|kind|kindest|warm|warmest)(?: (?:regards|wishes))?|regards"
    r"|with (?:\w+ )?(?:respect|gratitude|thanks|appreciation|hope|love|regards)|(?:many )?thanks|thank you)"
    r"(?:,.{0,80}|[.!])?",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"to view or add a comment, sign in.*|要查看或添加(?:评论|留言).*|社区洞察|其他会员也浏览了|community insights"
    r"|insights from the community|others also viewed|more (?:from|articles by) [^.!?]{1,80}|sign in to [^.!?]{1,80}"
    r"|like[ \t|·]*comment[ \t|·]*share|explore (?:topics|content categories)|更多(?:文章|相关).{0,40}|查看更多.{0,20}",
    re.IGNORECASE,
)
_TRIFLES = re.compile(
    r"like|comment|share|reply|report|report this (?:article|post|comment)|follow|subscribe|sign in|join now|copy"
    r"|[0-9,.]+[ \t](?:comments?|likes?|reactions?|followers?)|show more|see more|skip to main content|赞|评论|分享"
    r"|[0-9,.]+[ \t]*条评论",
    re.IGNORECASE,
)
_ENDED = tuple(".!?…。\uff01\uff1f\"”\u2019'»)]*_`")
_WIDE_COLON = "\uff1a"
_TWICE = 2
_FRONT = 9
_LISTED = 20


@dataclass(frozen=True, slots=True)
class _Label:
    """A line that opens as a turn would: its number, the name and its folded form, and the words after the colon."""

    at: int
    name: str
    key: str
    words: str
    spaced: bool


def read(page: Page) -> Imported:
    """Return the conversation of an article or a chat log; `Unreadable` where nobody is found to speak in it."""
    lines = page.text.replace("\r\n", "\n").split("\n")
    shields = _shields(lines)
    every = _labels(lines)
    labels = _before_tail(lines, [label for label in every if label.at not in shields])
    cast, starts = _settle(lines, labels)
    if len(starts) < _TWICE:
        found = f"one turn, of {starts[0].name}" if starts else "no turns"
        raise Unreadable(f"{found} found in this text; {ACCEPTED}")
    first = starts[0].at
    title, series, before, furniture = _front(lines[:first])
    blocks = [
        _block(lines, label, starts[at + 1].at if at + 1 < len(starts) else None) for at, label in enumerate(starts)
    ]
    blocks[-1], tail = _trimmed(blocks[-1])
    turns = [Turn(cast[label.key], (Text(words),)) for label, words in zip(starts, map(_words, blocks), strict=True)]
    names = tuple(dict.fromkeys(turn.speaker for turn in turns if turn.speaker != CHAIR))
    people = tuple(Participant(name, _voice(name)) for name in names)
    source = {"before": tuple(before)} if before else {}
    heading = Heading(people, title=title, series=series, source=freeze(source))
    lost = (
        *page.lost,
        *_guesses(people),
        *_left_out(before, furniture, tail),
        *_some(_doubts(every, starts, cast, shields)),
    )
    return Imported(compose(heading, turns), lost)


def _labels(lines: Sequence[str]) -> list[_Label]:
    labels: list[_Label] = []
    for at, line in enumerate(lines):
        found = _LABEL.fullmatch(line)
        if found is None:
            continue
        name = found[1].strip("*_ \t")
        rest = found[3]
        if (rest and found[2] == ":" and not rest[0].isspace()) or not _is_name(name):
            continue
        spaced = at == 0 or not lines[at - 1].strip()
        labels.append(_Label(at, name, same_name(name), rest.strip(" \t"), spaced))
    return labels


def _is_name(name: str) -> bool:
    key = same_name(name)
    if len(name.split()) > 4 or not any(map(str.isalpha, name)) or _NO_NAME.search(name):  # noqa: PLR2004 - a sentence
        return False
    return re.sub(r"[\W_]", "", key) not in _REMARKS and not _COUNTED.fullmatch(key)


def _shields(lines: Sequence[str]) -> dict[int, str]:
    """Return the lines that no turn starts in, and what they stand in: a letter or a code fence that closes."""
    shields: dict[int, str] = {}
    letter = fence = None
    for at, line in enumerate(lines):
        said = line.strip()
        if said.startswith(("```", "~~~")) and fence is None:
            fence = (at, said[:3])
        elif fence is not None and said.startswith(fence[1]) and not said.strip(fence[1][0]):
            shields |= dict.fromkeys(range(fence[0], at + 1), "a code fence")
            fence = None
        label = _LABEL.fullmatch(line)
        opens = label[3].strip() if label and not _SALUTATION.fullmatch(said) else said
        if _SALUTATION.fullmatch(opens):
            letter = at
        elif letter is not None and _CLOSING.fullmatch(said):
            end = next((after for after in range(at, len(lines)) if not lines[after].strip()), len(lines))
            shields |= dict.fromkeys(range(letter + 1, end), "a letter")
            letter = None
    return shields


def _before_tail(lines: Sequence[str], labels: Sequence[_Label]) -> list[_Label]:
    """Return the labels without those after a site's furniture, where nobody who spoke before it does so after it."""
    last = {label.key: label.at for label in labels}
    latest = -1
    for count, label in enumerate(labels):
        between = range(labels[count - 1].at + 1, label.at) if count >= _TWICE and latest < label.at else ()
        if any(_FURNITURE.fullmatch(lines[at].strip()) for at in between):
            return list(labels[:count])
        latest = max(latest, last[label.key])
    return list(labels)


def _settle(lines: Sequence[str], labels: Sequence[_Label]) -> tuple[dict[str, str], list[_Label]]:
    """Return the cast (folded name to name) and the labels that open turns."""
    labels = _after_title(lines, labels)
    spaced = [label for label in labels if label.spaced]
    cast = _cast(labels)
    counts = Counter(label.spaced for label in labels if label.key in cast)
    unspaced = {label.key for label in labels if label.key in cast} - {label.key for label in spaced}
    if counts[False] > counts[True] or (unspaced and counts[False] >= counts[True]):
        return cast, [label for label in labels if label.key in cast]
    cast = _cast(spaced)
    starts = _turns_of(lines, [label for label in spaced if label.key in cast], alone=len(cast) < _TWICE)
    if len(starts) < _TWICE:
        cast = _cast(labels)
        starts = [label for label in labels if label.key in cast]
    return cast, starts


def _after_title(lines: Sequence[str], labels: Sequence[_Label]) -> Sequence[_Label]:
    """Return the labels without those at the top that are a title or a byline."""
    for _ in range(_FRONT):
        if not labels:
            break
        first = labels[0]
        same = [label for label in labels if label.key == first.key]
        repeated = [label for label in labels[: len(same)] if lines[label.at] == lines[first.at]]
        if 1 < len(same) < len(labels) and len(repeated) == len(same):
            labels = labels[len(same) :]
        elif len(same) == 1 and _is_title(first, labels[1:]):
            labels = labels[1:]
        else:
            break
    return labels


def _is_title(first: _Label, others: Sequence[_Label]) -> bool:
    if len({label.key for label in others}) < _TWICE:
        return False
    style = _style(first.name)
    if not _alike(style, _style(others[0].name)) or len(first.name.split()) >= 3:  # noqa: PLR2004 - no one's name
        return True
    return style != "upper" and bool(first.words) and not first.words.endswith(_ENDED)


def _cast(labels: Sequence[_Label]) -> dict[str, str]:
    if not labels:
        return {}
    first = labels[0]
    style = _style(first.name)
    counts = Counter(label.key for label in labels)
    names: dict[str, str] = {}
    for label in reversed(labels):
        names[label.key] = CHAIR if label.key == CHAIR else label.name
    styles = {label.key: _alike(style, _style(label.name)) for label in reversed(labels)}
    for least, any_style in ((2, False), (1, False), (2, True), (1, True)):
        keys = {key for key in names if counts[key] >= least and (any_style or styles[key])} | {first.key}
        if len(keys) >= _TWICE:
            return {key: name for key, name in names.items() if key in keys}
    return {first.key: names[first.key]}


def _style(name: str) -> str:
    upper, lower = sum(map(str.isupper, name)), sum(map(str.islower, name))
    if upper > lower:
        return "upper"
    return "lower" if any(word[0].islower() for word in name.split()) else "title"


def _alike(first: str, other: str) -> bool:
    """Whether a name of one style may stand beside the first: "GPT" beside "Ann", but no "Note" beside "DH"."""
    return other == first or (first == "title" and other == "upper")


def _turns_of(lines: Sequence[str], labels: Sequence[_Label], *, alone: bool) -> list[_Label]:
    starts: list[_Label] = []
    for at, label in enumerate(labels):
        before = next(
            (line.strip() for line in map(lines.__getitem__, range(label.at - 1, -1, -1)) if line.strip()), ""
        )
        again = at + 1 < len(labels) and labels[at + 1].key == label.key
        led_to = before.endswith((":", _WIDE_COLON)) or bool(_CLOSING.fullmatch(before))
        if starts and not alone:
            if starts[-1].key == label.key and not before.endswith(_ENDED):
                continue
            if starts[-1].key != label.key and again and led_to and label.at - starts[-1].at > 1:
                continue
        starts.append(label)
    return starts


def _front(lines: Sequence[str]) -> tuple[str, str, list[str], list[str]]:
    """Return the title, the series, and what else stands before the first turn: words, and a site's furniture."""
    said = [line.strip() for line in lines if line.strip()]
    furniture = [line for line in said if _FURNITURE.fullmatch(line) or _TRIFLES.fullmatch(line)]
    words = [line for line in said if line not in furniture]
    if not words:
        return "", "", [], furniture
    title = re.sub(r"\A#+[ \t]+", "", words[0])
    series, colon, name = title.partition(_WIDE_COLON if ": " not in title and _WIDE_COLON in title else ": ")
    rest = [line for line in words[1:] if line != words[0]]
    return (name.strip() if colon else title), (series.strip() if colon else ""), rest, furniture


def _block(lines: Sequence[str], label: _Label, end: int | None) -> list[str]:
    return [label.words, *lines[label.at + 1 : end]]


def _words(block: Sequence[str]) -> str:
    return re.sub(r"\A(?:[ \t]*\n)+", "", "\n".join(block)).rstrip()


def _trimmed(block: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the last turn's lines without a site's furniture after them, and that furniture."""
    cut = len(block)
    for at, line in enumerate(block[1:], 1):
        if _FURNITURE.fullmatch(line.strip()) and line[:1].strip() and not block[at - 1].strip():
            cut = at
            break
    kept = cut
    while kept > 1 and (not block[kept - 1].strip() or _TRIFLES.fullmatch(block[kept - 1].strip())):
        kept -= 1
    trifles = [line for line in block[kept:cut] if line.strip()]
    if cut == len(block) and len(trifles) < _TWICE:
        return list(block), []
    return list(block[:kept]), [line.strip() for line in block[kept:] if line.strip()]


def _voice(name: str) -> str:
    return f"unknown:{name}" if _MODELS.search(name) else "person"


def _guesses(people: Sequence[Participant]) -> Iterator[str]:
    models = [one.name for one in people if one.voice != "person"]
    persons = [one.name for one in people if one.voice == "person"]
    if models:
        verb = "is" if len(models) == 1 else "are"
        yield (
            f"{', '.join(models)} {verb} taken for a model of which the text names no version; "
            "to go on, a fork must name a voice for it"
        )
    if persons:
        yield f"{', '.join(persons)} {'is' if len(persons) == 1 else 'are'} taken for a person"


def _left_out(before: Sequence[str], furniture: Sequence[str], tail: Sequence[str]) -> Iterator[str]:
    if before:
        yield f"{plural(len(before), 'line')} before the first turn are nobody's words: {_quoted(before)}"
    if furniture:
        yield f"the site's own lines before the first turn are left out: {_quoted(furniture)}"
    if tail:
        yield f"the site's own lines after the last turn are left out: {_quoted(tail)}"


def _quoted(lines: Sequence[str]) -> str:
    return printable(" / ".join(lines), 200)


def _some(sentences: Iterator[str]) -> Iterator[str]:
    yield from islice(sentences, _LISTED)
    more = sum(1 for _ in sentences)
    if more:
        yield f"and {plural(more, 'line')} more of the kind"


def _doubts(
    labels: Sequence[_Label], starts: Sequence[_Label], cast: Mapping[str, str], shields: Mapping[int, str]
) -> Iterator[str]:
    taken = {label.at for label in starts}
    recurring = Counter(label.key for label in labels if label.at > starts[0].at)
    for label in labels:
        if label.at in taken or label.at < starts[0].at:
            continue
        why = f"it stands in {shields[label.at]}" if label.at in shields else "it reads as a quotation"
        if label.key in cast:
            yield f"line {label.at + 1} ({label.name}: …) is kept as words: {why}"
        elif label.spaced and label.at not in shields and (recurring[label.key] > 1 or _style(label.name) == "upper"):
            yield f"line {label.at + 1} ({label.name}: …) is kept as words: nothing else shows a speaker of that name"
    for one, other in pairwise(starts):
        if one.key == other.key and other.spaced and len(cast) > 1:
            yield f"{other.name} speaks twice running at line {other.at + 1}"
