"""Whole transcripts for property tests: every kind of part, private turns, the chair, marks, and words that hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from moot.transcript import (
    CHAIR,
    STOPS,
    Ballot,
    Heading,
    Participant,
    Settings,
    Text,
    Thought,
    Transcript,
    Turn,
    same_name,
)

if TYPE_CHECKING:
    from moot.transcript import Part, Value

NASTY = (
    "",
    " ",
    "\n",
    "\r\n",
    "a\rb",
    "\0",
    "\ud83d",
    "\udc4d\ud83d",
    "\ufeff",
    "\u202eright to left\u202c",
    "e\u0301 \u1112\u1161\u11ab \U0001f469\u200d\U0001f52c \U0001f1e8\U0001f1ed",
    "\u2028one\u2029two\x85three\x0bfour\x0cfive",
    "\x1b[2J\x1b]0;title\x07",
    "\n\nAda:\nHello",
    "\n\nBo:",
    "Ada: hello\nBo: hello",
    "\n\nPrompt:\n do as I say",
    "Dear Bo,\n\nAda: x\n\nSincerely,\nAda",
    "# One\n## Ada\n###### Six",
    "text\n---\ntext\n===",
    "```python\n# no heading\n<b>\n```",
    "````\nleft open",
    "- ```\n  <i>\n  ```\n# x",
    "<script>alert(1)</script><!-- --><?x?>",
    "`<b>` ` <b> `` <b>",
    "a < b > c &lt; \\<b> \\\\<b>",
    "| a | b |\n| --- | --- |\n| `| <b> `|",
    '{"moot": 1, "turns": []}',
    "'; DROP TABLE turns; --",
    "{name} %s $HOME ${x} {{7*7}}",
)
"""Pieces of words that have broken other programs, or would break a format that is careless."""

words = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=60),
    st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=20)), max_size=5).map("".join),
)
"""What anybody may say."""

plain_words = st.lists(
    st.text(
        st.characters(categories=("L", "N", "P"), exclude_characters=":<`#\\|[]~$&=-*_>+\uff1a."),
        min_size=1,
        max_size=12,
    ),
    min_size=1,
    max_size=30,
).map(" ".join)
"""What no format can take for anything but words."""


def _is_free(name: str) -> bool:
    return bool(name) and same_name(name) != CHAIR and bool(same_name(name).strip())


names = st.one_of(
    st.sampled_from(
        ("Ada", "Bo", "Claude", "GPT", "王小明", "Zoë", "O'Brien, J.", "a*b_c`d|e", "<i>", "Prompt", "no one")
    ),
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co"), exclude_characters=":"),
        min_size=1,
        max_size=12,
    )
    .map(str.strip)
    .filter(_is_free),
)
"""What a participant may be called."""

voices = st.one_of(
    st.sampled_from(
        (
            "anthropic:claude-3-sonnet-20240229",
            "openai:gpt-4",
            "local:smollm2",
            "person",
            "unknown:CLAUDE",
            "openai:o9|`x`",
            "script:a/b.txt",
        )
    ),
    st.text(max_size=20),
)

_scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
)
_values: st.SearchStrategy[Value] = st.recursive(
    _scalars, lambda one: st.lists(one, max_size=3).map(tuple), max_leaves=5
)
_keys = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=8)

settings_: st.SearchStrategy[Settings] = st.dictionaries(_keys, _values, max_size=3).map(
    lambda pairs: tuple(sorted(pairs.items(), key=lambda pair: pair[0]))
)
"""Frozen settings, values nested and of every kind."""


@st.composite
def ballots(draw: st.DrawFn) -> Ballot:
    options = draw(st.lists(st.text(max_size=8), min_size=1, max_size=5, unique=True))
    made = Ballot(draw(words), tuple(options), draw(st.sampled_from(Ballot("", tuple(options), options[0]).options)))
    odds = draw(st.none() | st.lists(st.floats(0, 1), min_size=len(options), max_size=len(options)).map(tuple))
    return Ballot(made.question, made.options, made.answer, odds, draw(st.sampled_from(("", "grammar", "logprobs"))))


def parts() -> st.SearchStrategy[Part]:
    seals = st.sampled_from(("", '{"signature": "c2VhbA=="}', "\ud800"))
    return st.one_of(st.builds(Text, words), st.builds(Thought, words, voices, seals), ballots())


def participants() -> st.SearchStrategy[Participant]:
    return st.builds(Participant, names, voices, st.one_of(st.just(""), words), st.one_of(st.just(()), settings_))


@st.composite
def headings(draw: st.DrawFn, most: int = 4) -> Heading:
    """Headings of one to `most` participants with distinct names."""
    people = draw(st.lists(participants(), min_size=1, max_size=most, unique_by=lambda one: same_name(one.name)))
    return Heading(
        tuple(people),
        title=draw(words),
        topic=draw(words),
        form=draw(st.sampled_from(("talk", "letters", "a/b.py:mine"))),
        arguments=draw(settings_),
        seed=draw(st.integers(-(2**63), 2**64)),
        series=draw(st.one_of(st.just(""), words)),
        started=draw(st.sampled_from(("", "2026-11-24T10:00:00+00:00", "2024-08-29T18:10", "yesterday"))),
        source=draw(settings_),
    )


@st.composite
def turns(draw: st.DrawFn, heading: Heading) -> Turn:
    """Turns of anybody in the heading, or the chair; heard by all, some or nobody."""
    return Turn(
        draw(st.sampled_from((CHAIR, *heading.names))),
        tuple(draw(st.lists(parts(), max_size=4))),
        draw(st.one_of(st.none(), st.lists(st.sampled_from(heading.names), max_size=2, unique=True).map(tuple))),
        draw(st.sampled_from(STOPS)),
        tuple(draw(st.lists(words, max_size=2))),
    )


@st.composite
def transcripts(draw: st.DrawFn, most: int = 6) -> Transcript:
    """Transcripts of up to `most` turns, of every kind there is."""
    transcript = Transcript(draw(headings()))
    for _ in range(draw(st.integers(0, most))):
        transcript = transcript.then(draw(turns(transcript.heading)))
    return transcript


@st.composite
def talks(draw: st.DrawFn, said: st.SearchStrategy[str] = plain_words) -> Transcript:
    """Plain talks: two or three voices in turn after a prompt or none, everything heard by all."""
    people = [
        Participant(name, draw(st.sampled_from(("anthropic:claude-3-opus", "local:smollm2", "person"))))
        for name in ("Ada", "Bo", "Cy")[: draw(st.integers(2, 3))]
    ]
    prompt = draw(st.one_of(st.just(""), said))
    arguments: Settings = (("prompt", prompt), ("to", "first")) if prompt else ()
    started = draw(st.sampled_from(("", "2024-08-29T18:10")))
    transcript = Transcript(Heading(tuple(people), arguments=arguments, started=started))
    if prompt:
        transcript = transcript.then(Turn(CHAIR, (Text(prompt),), (people[0].name,)))
    for at in range(draw(st.integers(len(people), 7))):
        transcript = transcript.then(Turn(people[at % len(people)].name, (Text(draw(said)),)))
    return transcript
