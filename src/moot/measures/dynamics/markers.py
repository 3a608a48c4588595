"""Eight classes of English function words, and how often each comes up in a text.

It must never look at what a text is about: these are the words that everyone uses, whatever they speak of. The lists
are moot's own, written from grammar; they are no other program's, and figures differ a little from those by others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MARKERS: dict[str, str] = {
    "articles": "a an the",
    "auxiliary verbs": "am are is was were be been being do does did done doing have has had having will would shall"
    " should can could may might must ought cannot 'm 're 've 'll 'd n't ain't let's gonna wanna",
    "conjunctions": "and but or nor so yet because although though while whereas if unless until since whether as"
    " than also plus however therefore thus then when whenever",
    "adverbs": "very really just too also only even still already again never always often sometimes usually"
    " actually basically probably perhaps maybe quite rather almost nearly here there now then soon later"
    " ever anyway simply mostly especially certainly definitely absolutely completely exactly",
    "personal pronouns": "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his"
    " himself she her hers herself they them their theirs themselves",
    "impersonal pronouns": "it its itself this that these those who whom whose which what whatever whoever"
    " whichever something anything nothing everything someone anyone everyone somebody anybody everybody nobody"
    " other others another",
    "prepositions": "of in to for with on at from by about into over after under between through during before"
    " without against among within along across behind beyond near off above below around toward towards upon"
    " onto out up down per via despite except",
    "quantifiers": "all some any many much more most few fewer less least several both each every either neither"
    " none no enough lots lot plenty bunch couple half one two three first second whole",
}
"""A word of each class a word; those that begin by an apostrophe, and n't, are the ends of short forms."""

CLASSES = tuple(MARKERS)
_PRONOUNS = {CLASSES.index(name) for name in CLASSES if name.endswith("pronouns")}

_IN: dict[str, tuple[int, ...]] = {
    word: tuple(at for at, name in enumerate(CLASSES) if word in MARKERS[name].split())
    for each in MARKERS.values()
    for word in each.split()
}


def classes_of(word: str) -> tuple[int, ...]:
    """Return the classes that a word is in; of a short form ("I'm", "don't") those of both its parts."""
    if word in _IN or "'" not in word:
        return _IN.get(word, ())
    start, mark, end = word.rpartition("'")
    if mark + end == "'t" and start.endswith("n"):
        start, end = start[:-1], "n't"
    else:
        end = mark + end
    if end == "'s":  # is, has, or whose: only after a pronoun is it surely a verb
        verb = _IN["is"] if _PRONOUNS & {*_IN.get(start, ())} else ()
        return tuple(dict.fromkeys((*_IN.get(start, ()), *verb)))
    return tuple(dict.fromkeys((*_IN.get(start, ()), *_IN.get(end, ()))))


def counts(its_words: Sequence[Sequence[str]], known: dict[str, tuple[int, ...]]) -> list[list[int]]:
    """Return of each turn how many words of each class it has; `known` keeps what each different word is."""
    found: list[list[int]] = []
    for said in its_words:
        row = [0] * len(CLASSES)
        for word in said:
            its = known.get(word)
            if its is None:
                its = known[word] = classes_of(word)
            for one in its:
                row[one] += 1
        found.append(row)
    return found
