"""What judges' votes come to: a pair that is seen in both orders, and whose votes to take with care.

It must never count a vote that turns with the order of the sides as anything but a tie.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from moot.forms.course import ballot_of
from moot.forms.judge import TIE, judge, question_of
from moot.measures import called_with
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moot.transcript import Transcript

Choice = Literal["a", "b", "tie", ""]

# fmt: off
_FAMILIES = {
    "anthropic": "claude", "openai": r"gpt|chatgpt|o[1-9](?!\d)|davinci", "google": "gemini|gemma|palm|bard",
    "meta": "llama", "mistral": "mistral|mixtral|ministral|magistral|codestral", "alibaba": "qwen|qwq",
    "deepseek": "deepseek", "xai": "grok", "microsoft": "phi", "hugging face": "smollm|zephyr", "cohere": "command|aya",
    "moonshot": "kimi", "zhipu": "glm|chatglm", "amazon": "nova|titan", "ai2": "olmo|tulu", "ibm": "granite",
    "nvidia": "nemotron", "minimax": "minimax",
}
# fmt: on
_MAKER = re.compile("|".join(rf"(?P<{name.replace(' ', '_')}>(?<![a-z])(?:{of}))" for name, of in _FAMILIES.items()))


def family(voice: str) -> str:
    """Return who made the model that a voice speaks with, by its name; of an unknown model, the name's first word.

    Empty for what is no model, or of which nothing is known: people, scripts, replays.
    """
    kind, _, model = voice.partition(":")
    if kind in ("person", "script", "replay") or not (model or kind == "unknown"):
        return ""
    name = model.partition("?")[0].casefold()
    found = _MAKER.search(name.rpartition("/")[2]) or _MAKER.search(name)
    if found and found.lastgroup:
        return found.lastgroup.replace("_", " ")
    first = re.match(r"[a-z]{3,}", name.rpartition("/")[2])
    return first[0] if first else ""


@dataclass(frozen=True, slots=True)
class Vote:
    """One ballot of a judge: the letter or grade it named, and the side that stood under that letter."""

    judge: str
    voice: str
    seed: int
    swapped: bool
    answer: str
    choice: Choice
    reasons: str


def vote(transcript: Transcript) -> Vote | None:
    """Return the vote of one judgement; None where it is not given yet, `Invalid` where the transcript is none."""
    heading = transcript.heading
    if heading.form != "judge":
        raise Invalid(f"this is no judgement but the form {heading.form!r}")
    told, who = called_with(heading, judge), heading.participants[0]
    text = question_of(told["mode"], int(told["scale"])).text
    given = next((one for turn in transcript.turns if (one := ballot_of(turn)) and one.question == text), None)
    if given is None:
        return None
    reasons = "\n".join(turn.text for turn in transcript.turns if turn.speaker == who.name and turn.text.strip())
    swap = bool(told["swap"])
    return Vote(who.name, who.voice, heading.seed, swap, given.answer, _choice(given.answer, swap=swap), reasons)


def _choice(answer: str, *, swap: bool) -> Choice:
    match answer:
        case "A":
            return "b" if swap else "a"
        case "B":
            return "a" if swap else "b"
        case "tie":
            return TIE
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge says of a pair that it saw in both orders; `outcome` is empty where a vote is missing.

    `position` is the letter that it chose both times, whichever side stood under it.
    """

    judge: str
    voice: str
    outcome: Choice
    consistent: bool
    position: str
    same_family: tuple[str, ...] = ()


def verdict(one: Vote, other: Vote, families: Sequence[str] = ()) -> Verdict:
    """Return the verdict of two votes of one judge on one pair, the second with the sides swapped.

    `families` are those of the contestants. Votes that contradict each other are a tie.
    """
    position = one.answer if one.answer == other.answer and one.answer in ("A", "B") else ""
    own = family(one.voice)
    flagged = tuple(dict.fromkeys(made for made in families if made and made == own))
    if not one.choice or not other.choice:
        return Verdict(one.judge, one.voice, "", consistent=False, position=position, same_family=flagged)
    agree = one.choice == other.choice
    return Verdict(one.judge, one.voice, one.choice if agree else TIE, agree, position, flagged)


def tally(found: Sequence[Verdict]) -> dict[str, Any]:
    """Return how verdicts count: for each side, ties (those by contradiction too), and how position came into it."""
    outcomes = Counter(one.outcome for one in found)
    counted = sum(count for outcome, count in outcomes.items() if outcome)
    return {
        "n": counted,
        "unit": "verdicts, of one judge in both orders",
        "a": outcomes["a"],
        "b": outcomes["b"],
        "tie": outcomes[TIE],
        "no_verdict": outcomes[""],
        "inconsistent": sum(bool(one.outcome) and not one.consistent for one in found),
        "always_A": sum(one.position == "A" for one in found),
        "always_B": sum(one.position == "B" for one in found),
        "same_family": sum(bool(one.same_family) for one in found),
    }
