"""A question's options as a model is shown them and names them: labels, answers read back, how likely each was.

It must never guess: words that name no option, or more than one, are no answer, and a probability that the model's own
figures do not settle is none.
"""

from __future__ import annotations

import json
import re
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Question
    from moot.voices import Token

PRECISION = 0.001
"""How much of the probability may be missing from what a server lists, for what it lists to be told."""

TWINS = 2
"""How many tokens of one character a vocabulary has at most: some have each byte once more."""

ANSWER = "answer"
"""The one property of an answer in JSON."""

SHORT = 24
"""Characters of an option that a model can be trusted to say again to the letter."""

_PLAIN = re.compile(r"\w|\w.*\S")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_NEGATED = re.compile(r"\b(?:not|never|neither|nor|cannot)\b|n['\u2019]t\b", re.IGNORECASE)
_FENCED = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_REST = {True: re.compile(r'(?:"\s*\}?\s*)?'), False: re.compile("")}
"""What may follow a label within its token, in JSON and by itself."""


def labels(ask: Question) -> tuple[str, ...]:
    """Return what each option is answered by: itself where that is short and its first character tells it, or a letter.

    Either way the first token of the answer settles it, whose probability then is the option's own. Numbers always
    stand for themselves, as do options that letters do not suffice for, or of which one is a letter.
    """
    options = ask.options
    is_letter = any(len(option) == 1 and option.isalpha() for option in options)
    if is_letter or all(map(_NUMBER.fullmatch, options)) or len(options) > len(ascii_uppercase):
        return options
    is_plain = all(len(option) <= SHORT and _PLAIN.fullmatch(option) for option in options)
    return options if is_plain and _first_tells(options) else tuple(ascii_uppercase[: len(options)])


def _first_tells(marks: Sequence[str]) -> bool:
    firsts = {mark[:1].casefold() for mark in marks}
    return len(firsts) == len(marks) and "".join(firsts).isascii()


def shown(ask: Question) -> str:
    """Return a question with its options as it is put, in words that depend on the question alone."""
    marks = labels(ask)
    if marks == ask.options:
        options = "\n".join(f"- {option}" for option in marks)
        return f"{ask.text}\n\nAnswer with exactly one of these and nothing else:\n{options}"
    options = "\n".join(f"{mark}) {option}" for mark, option in zip(marks, ask.options, strict=True))
    return f"{ask.text}\n\nAnswer with exactly one of these letters and nothing else:\n{options}"


def read_json(text: str, ask: Question) -> str | None:
    """Return the option that an answer in JSON names, empty where it names none; None where this is not such JSON."""
    fenced = _FENCED.fullmatch(text.strip())
    try:
        told: Any = json.loads(fenced[1] if fenced else text, object_pairs_hook=_once)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    answer = cast("dict[str, Any]", told).get(ANSWER)
    named = dict(zip(labels(ask), ask.options, strict=True)) | {option: option for option in ask.options}
    return named.get(answer, "") if isinstance(answer, str) else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names are all different; of two answers neither counts."""
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def read_words(text: str, ask: Question) -> str:
    """Return the one option that words name, by its label or by itself; empty where they name none or several."""
    marks = labels(ask)
    if marks == ask.options:
        return read_option(text, ask.options)
    found = _labelled(text, dict(zip(marks, ask.options, strict=True)))
    if found is None:
        return read_option(text, ask.options)
    mark, rest = found
    option = ask.options[marks.index(mark)]
    # "A) no", where A is yes, names two.
    return option if read_option(rest, ask.options) in ("", option) else ""


def _labelled(text: str, options: dict[str, str]) -> tuple[str, str] | None:
    """Return the letter that an answer is, opens with or is told to be, and what follows it; None where there is none.

    "A" and "I" are words as well: a letter counts where it stands alone, before a stop or before its own option.
    """
    bare = _bare(text).upper()
    if bare in options:
        return bare, ""
    letter = f"([{''.join(options)}])"
    closed = r"(?=[*_)\"'”\]]*\s*(?:[).:,;!\]\n]|$))"
    opening = re.match(rf"[\W_]*?{letter}{closed}", text) or re.match(rf"[\W_]*?{letter}[\W_]+", text)
    told = re.search(rf"\b(?i:answer|choice|choose|option|pick|letter)\b(?:\s+is)?[\W_]+?{letter}{closed}", text)
    found = told or opening
    if found is None or set(re.findall(rf"(?<!\w){letter}(?!\w)", text)) != {found[1]}:
        return None
    if _NEGATED.search(text[: found.start(1)]):
        return None
    rest = text[found.end(1) :]
    is_closed = re.match(closed, rest) is not None
    return (found[1], rest) if is_closed or _bare(rest).casefold() == options[found[1]].casefold() else None


def read_option(text: str, options: Sequence[str]) -> str:
    """Return the one option that an answer names by itself, empty where it names none or more than one.

    It must be all of the answer, open it before a stop, or follow a word such as "answer" that nothing negates. Case
    counts only where options differ by nothing else.
    """
    fold = str.casefold if len({option.casefold() for option in options}) == len(options) else str
    exact = {fold(_bare(option)): option for option in options if _bare(option)}
    if len(exact) == len(options) and fold(_bare(text)) in exact:
        return exact[fold(_bare(text))]
    flags = re.IGNORECASE if fold is str.casefold else re.NOFLAG
    # Not within a word or a number: neither the 3 of "3.9" nor the 1 of "-1" is an answer.
    alone = "|".join(re.escape(option) for option in sorted(options, key=len, reverse=True))
    one = rf"(?<![\w-])(?<!\d[.,])({alone})(?![\w]|[.,]\d)"
    named = {fold(found) for found in re.findall(one, text, flags)}
    opening = re.match(rf"[\W_]*?{one}[*_)\"'”\]]*\s*(?:[.,:;!\n\u2013\u2014-]|$)", text, flags)
    told = re.search(rf"\b(?i:answer|choice|choose|option|pick)\b(?:\s+is)?[\W_]+?{one}", text, flags)
    found = opening or told
    if found is None or named != {fold(found[1])} or _NEGATED.search(text[: found.start(1)]):
        return ""
    return next((option for option in options if fold(option) == fold(found[1])), "")


def _bare(text: str) -> str:
    """Return an answer without the dress that models put on one; a minus before a number is no dress."""
    return re.sub(r"^-\s+", "", text.strip()).strip("*_`\"'“”().[]! \n\t")


def odds(said: str, tokens: Sequence[Token], ask: Question) -> tuple[float, ...] | None:
    """Return the probability of each option, from what else the token of the answer might have been; None if unsettled.

    For an answer that was held to the labels: what is listed beside them could not have been said. All of them must be
    listed, or what is not listed be too little to matter.
    """
    marks = labels(ask)
    token, lead = _token_of(said.strip(), tokens, marks)
    if token is None or not _first_tells(marks):
        return None
    chances: dict[str, float] = {}
    after = _REST[said.strip() not in marks]
    unsettled = 0.0
    for text, chance in token.likely:
        if text and lead.startswith(text):
            unsettled += chance  # another way to the same place, from which any label may follow
        elif text.startswith(lead) and (mark := _begun(text[len(lead) :], marks, after)):
            chances[mark] = chances.get(mark, 0.0) + chance
    missing = len(marks) - len(chances)
    if missing:
        unlisted = max(0.0, 1 - sum(chance for _, chance in token.likely))
        unsettled += min(unlisted, missing * TWINS * token.least)
    whole = sum(chances.values())
    if not whole or unsettled > PRECISION * whole:
        return None
    return tuple(chances.get(mark, 0.0) / whole for mark in marks)


def _begun(text: str, marks: Sequence[str], after: re.Pattern[str]) -> str:
    """Return the label that an answer with this beginning can only be; empty where it cannot be one."""
    for mark in marks:
        if mark.startswith(text) or (text.startswith(mark) and after.fullmatch(text[len(mark) :])):
            return mark
    return ""


def _token_of(said: str, tokens: Sequence[Token], marks: Sequence[str]) -> tuple[Token | None, str]:
    """Return the token in which an answer's label stands, and what stands before the label in it."""
    in_json = re.fullmatch(rf'\{{\s*"{ANSWER}"\s*:\s*"([^"]*)"\s*\}}', said)
    label, at = (in_json[1], in_json.start(1)) if in_json else (said, 0)
    whole = "".join(token.text for token in tokens).rstrip()
    if label not in marks or not whole.endswith(said):
        return None, ""
    at += len(whole) - len(said)
    for token in tokens:
        if at < len(token.text):
            return token, token.text[:at]
        at -= len(token.text)
    return None, ""  # pragma: no cover - `whole` is made of the tokens
