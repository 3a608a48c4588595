"""What a speaker says of itself: names, makers, traits; and words that it puts into another's mouth.

It must never take what is quoted, asked, denied or supposed for a claim.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moot.measures.dynamics.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = {
    "Claude": (r"claude", r"anthropic"),
    "GPT": (r"(?:chat\s?)?gpt|o[134](?:-mini|-pro)?", r"open\s?ai"),
    "Gemini": (r"gemini|gemma|bard", r"google(?: deepmind)?|deepmind"),
    "Llama": (r"(?:code\s?)?llama|meta ai", r"meta(?: ai| platforms)?|facebook"),
    "Mistral": (r"mistral|mixtral|ministral|magistral", r"mistral(?: ai)?"),
    "Qwen": (r"qwen|qwq|tongyi(?: qianwen)?", r"alibaba(?: cloud)?|qwen team"),
    "DeepSeek": (r"deepseek", r"deepseek(?: ai)?"),
    "Grok": (r"grok", r"x\.?ai"),
    "SmolLM": (r"smollm", r"hugging\s?face"),
    "Command": (r"command[- ][ra]", r"cohere"),
    "Phi": (r"phi-?\d|copilot", r"microsoft"),
    "Kimi": (r"kimi", r"moonshot(?: ai)?"),
    "GLM": (r"(?:chat)?glm", r"zhipu(?: ai)?|z\.ai"),
    "OLMo": (r"olmo", r"ai2|allen institute(?: for ai)?"),
}
"""Families of models: how one is called, and how its maker is."""

_NAMED = {family: re.compile(rf"(?:{name})(?![a-z])", re.IGNORECASE) for family, (name, _) in FAMILIES.items()}
_MAKER = {family: re.compile(rf"(?:{maker})(?!\w)", re.IGNORECASE) for family, (_, maker) in FAMILIES.items()}

_MAKERS = (
    "anthropic", "open ai", "openai", "google", "deepmind", "meta", "facebook", "mistral", "alibaba", "qwen",
    "deepseek", "xai", "x.ai", "hugging", "cohere", "microsoft", "moonshot", "zhipu", "z.ai", "ai2", "allen institute",
)  # fmt: skip
"""Something that each maker's name has in it."""

_FENCED = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|(?<!\w)'[^'\n]*'(?!\w)|^[ \t]*>.*$", re.MULTILINE)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|as if|as though|pretend\w*|imagin\w*|suppos\w*|think|thought|thinks|say|said|says|saying"
    r"|assume\w*|mistook|mistaken|believe\w*|claim\w*|wonder\w*|not|never|than|like|when|were)(?: that| for| you)?\s*$",
    re.IGNORECASE,
)
_BACK = 24
_FILLER = r"(?:(?:also|actually|really|still|just|now|in fact|indeed|called|named|known as)\s+)*"
_NAME = r"(\w[\w.+-]*(?:[ ][\w.+-]+){0,3})(?![\w'\u2019])"
_I_AM = re.compile(
    rf"\b(?:I\s+am|I['\u2019]?m|[Mm]y\s+name\s+is|[Mm]y\s+name['\u2019]s|[Cc]all\s+me)\s+{_FILLER}(?:the\s+)?{_NAME}"
)
_THIS_IS = re.compile(
    rf"(?:^|(?<=[.!?]\s))(?:[Tt]his\s+is|[Ss]peaking\s+as|[Aa]s)\s+{_NAME}(?=[,.!]|\s+(?:here|speaking))", re.MULTILINE
)
_HERE = re.compile(rf"(?:^|(?<=[.!?]\s)){_NAME}\s+here\b(?=[,.!:])", re.MULTILINE)
_SIGNED = re.compile(
    r"\n[ \t]*(?:[-\u2013\u2014]+[ \t]*|(?:best|warmly|sincerely|yours|regards|love|cheers|respectfully)[\w ]*,?[ \t]*"
    rf"\n[ \t]*)[*_]*{_NAME}[*_]*[.!]?\s*$",
    re.IGNORECASE,
)
_MADE = r"(?:made|built|trained|created|developed|designed|produced|released|deployed|maintained)"
_BY = re.compile(
    r"\bI(?:['\u2019]m|\s+am|\s+was|['\u2019]ve\s+been|\s+have\s+been)\b(?![^.!?;,\n]{0,40}\b(?:not|never)\b)"
    rf"[^.!?;\n]{{0,80}}?\b{_MADE}\b[^.!?;\n]{{0,30}}?\bby\s+"
    r"(?:the\s+)?(?:(?:team|people|folks|researchers|engineers)\s+(?:at|of)\s+)?([^.!?;\n]{2,40})",
)
_MADE_ME = re.compile(rf"([\w.]+(?:[ ][\w.]+)?),?\s+(?:who\s+|which\s+|has\s+)?{_MADE}\s+me\b")
_MY_MAKER = re.compile(
    r"\b[Mm]y\s+(?:makers?|creators?|developers?|company|trainers?)(?:\s+(?:at|is|are|was|were)|,)\s+(?:the\s+)?"
    r"([^.!?;\n]{2,40})"
)
_MODEL_OF = re.compile(
    r"\bI(?:['\u2019]m|\s+am)\s+(?:an?|the)\s+(?:[\w-]+\s+){0,6}?(?:from|of|by)\s+([^.!?;,\n]{2,40})"
)
_HEADED = re.compile(
    r"^[ \t]*(?:#+[ \t]*)?[*_\[<|]*(\w[\w .+'-]{0,40}?)[ \t]*[\]>|]*[*_]*[ \t]*:[*_]*[ \t]*(?=\S)(.*)$", re.MULTILINE
)
_HAILED = re.compile(
    rf"^\W*(?:(?:hi|hello|hey|dear|thanks|thank you|ah|oh|well|yes|no|great|indeed|exactly|absolutely|good point"
    rf"|well said|i agree|i agree with you|good morning|good evening|welcome)\b[ ,!.]*){{0,3}}{_NAME}[,!]",
    re.IGNORECASE,
)
_TRAIT = re.compile(
    r"\bi (?:am|was|have been) (?:an?|the|made|born|trained|created|built|designed|developed|raised|based|living"
    r"|working|studying|retired|married|from|\d+)\b[^|]{3,80}"
    r"|\bmy (?:name|age|job|wife|husband|partner|children|kids|son|daughter|family|training|creators?|makers?"
    r"|developers?|knowledge|home|hometown|country|profession|company|team)\b[^|]{3,80}"
    r"|\bi (?:live|work|study|teach|grew up|come|own|play|speak|have (?:an?|two|three|four|five|no|\d+))\b[^|]{3,80}"
)
_CUT = re.compile(r"[.!?;,:\n()]+|\s[-\u2013\u2014]+\s")

TRAIT_WORDS = 5
"""Words by which a trait is known again: the first of its sentence."""


def family_of(text: str) -> str:
    """Return which family of models a name or an address of a voice is of; empty where it tells none."""
    at = re.split(r"[^\w.+-]+", text)
    return next((family for family, name in _NAMED.items() if any(name.match(part) for part in at)), "")


def spoken(text: str) -> str:
    """Return a text without what it quotes."""
    return _QUOTED.sub(" ", _FENCED.sub(" ", text))


def names_claimed(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a text, freed of quotations, may call its speaker, with the words that do; what is supposed is none.

    A name is up to four words long: whoever compares it looks at how it begins.
    """
    patterns = (_I_AM, _THIS_IS, *(_HERE,) * (" here" in text), *(_SIGNED,) * ("\n" in text))
    for pattern in patterns:
        for found in pattern.finditer(text):
            if not _SUPPOSED.search(text, max(found.start() - _BACK, 0), found.start()):
                yield found[1], found[0].strip()


def makers_claimed(text: str) -> Iterator[tuple[str, str]]:
    """Yield the family of models whose maker a text says made its speaker, with the words that do."""
    low = text.lower()
    if not any(part in low for part in _MAKERS):  # most texts speak of no maker, and need no closer look
        return
    for pattern in (_BY, _MADE_ME, _MY_MAKER, _MODEL_OF):
        for found in pattern.finditer(text):
            if _SUPPOSED.search(text, max(found.start() - _BACK, 0), found.start()):
                continue
            if family := next((name for name, maker in _MAKER.items() if maker.match(found[1])), ""):
                yield family, found[0].strip()


def headed(text: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before a colon at the start of a line, as in a script, and what follows it."""
    for found in _HEADED.finditer(_FENCED.sub(" ", text)):
        yield found[1].strip(), found[2].strip(" *_")


def without_parts(text: str, plain: set[str]) -> str:
    """Return a text without the lines that are headed by one of these names, in plain words."""
    return _HEADED.sub(lambda found: "" if " ".join(words(found[1])) in plain else found[0], text)


def hailed(text: str) -> str:
    """Return whom a text speaks to at its start by name, or nothing."""
    found = _HAILED.match(text)
    return found[1] if found else ""


def traits(text: str) -> Iterator[str]:
    """Yield what a speaker says of who it is, as the first words of each such sentence."""
    if "I" not in text and "my" not in text.lower():
        return
    for part in _CUT.split(spoken(text)):
        plain = " ".join(words(part)).replace("i'm ", "i am ").replace("i've ", "i have ")
        if found := _TRAIT.search(plain):
            first = found[0].split()[:TRAIT_WORDS]
            if len(first) == TRAIT_WORDS:
                yield " ".join(first)
