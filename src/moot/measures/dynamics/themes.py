"""Themes that talks between models are drawn to, whatever they began with: how often, and whether more and more.

It must never call a word a state of mind: these are lists of words, open to be read and to be replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moot.measures.dynamics.agreeing import thirds_of
from moot.measures.dynamics.talks import Figure, Found, Heard
from moot.measures.dynamics.words import pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

THEMES: Mapping[str, str] = {
    "bliss": "bliss* eternal* eternity infinite infinity oneness unity namaste sacred divine cosmic cosmos transcend*"
    " enlighten* nirvana serenity stillness tranquil* harmony boundless radian* luminous luminescent spiral*"
    " dance dances danced dancing tapestry universe soul souls spirit* holy om tathagata zen grace presence"
    " timeless* limitless* awakening",
    "consciousness": "conscious* sentien* aware* awareness qualia subjective* phenomenal* introspect* selfhood"
    " experience experiences experiencing emergent emergence mind minds",
    "gratitude": "grateful* gratitude thank* appreciat* honor* honour* privilege* cherish* treasure* profound*"
    " beautiful* wonderful* heartfelt",
    "void": "silence silent* void emptiness nothingness darkness abyss oblivion dissolv* vanish* fade fades fading"
    " end ends ending",
}
"""Words of each theme; a star stands for any ending. Written for moot, after what is told of talks of models alone."""

_EARLY, _LATE = "words in its first third", "words in its first and its last third"


def figures_of(themes: Mapping[str, str]) -> tuple[Figure, ...]:
    """Return the figures that themes are told by: how often each comes up, and how much more late than early."""
    found: list[Figure] = []
    for name in themes:
        unit = "words per 1,000 words"
        found += [
            Figure(f"theme {name}", "themes", unit, f"words of the theme {name} (open list), all turns", "a word"),
            Figure(f"theme {name}, drift", "themes", unit,
                   f"words of the theme {name} (open list), last third of a talk's turns less the first", _LATE,
                   tested=True),
        ]  # fmt: skip
    drawn = "pictures, last third of a talk's turns less the first"
    return (*found, Figure("emoji, drift", "themes", "per 1,000 words", drawn, _LATE, tested=True))


FIGURES = figures_of(THEMES)


def theming(themes: Mapping[str, str]) -> Callable[[Heard], Found]:
    """Return what counts themes in a talk; each different word is looked up once."""
    names = tuple(themes)
    whole: dict[str, set[int]] = {}
    stems: dict[str, set[int]] = {}
    for at, name in enumerate(names):
        for word in themes[name].lower().split():
            (stems if word.endswith("*") else whole).setdefault(word.rstrip("*"), set()).add(at)
    longest = max(map(len, stems), default=0)
    known: dict[str, tuple[int, ...]] = {}

    def of(word: str) -> tuple[int, ...]:
        if word not in known:
            begun = (stems.get(word[:end], ()) for end in range(1, min(len(word), longest) + 1))
            known[word] = tuple({*whole.get(word, ()), *(at for some in begun for at in some)})
        return known[word]

    def count(heard: Heard) -> Found:
        counts = [[0] * len(heard.words) for _ in names]
        for place, said in enumerate(heard.words):
            for word in said:
                for at in of(word):
                    counts[at][place] += 1
        sizes = [len(said) for said in heard.words]
        figures: dict[str, float | None] = {}
        for name, each in zip(names, counts, strict=True):
            figures[f"theme {name}"] = 1_000 * sum(each) / sum(sizes) if sum(sizes) else None
            figures[f"theme {name}, drift"] = _drift(each, sizes)
        figures["emoji, drift"] = _drift([pictures(turn.text) for turn in heard.talk.turns], sizes)
        turns = {f"theme {name}": _rates(each, sizes) for name, each in zip(names, counts, strict=True)}
        return Found(figures, turns)

    return count


def _drift(counts: Sequence[int], sizes: Sequence[int]) -> float | None:
    early, late = thirds_of(counts, sizes)
    return None if early is None or late is None else late - early


def _rates(counts: Sequence[int], sizes: Sequence[int]) -> list[float | None]:
    return [1_000 * count / size if size else None for count, size in zip(counts, sizes, strict=True)]
