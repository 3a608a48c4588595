"""Words without the names in them, so that whoever judges them does not know whose they are.

It must never promise more than it does. It takes out the names it is given, names of models and makers that are known
by name, and the usual ways in which a model says what it is. It does not know nicknames, other spellings, look-alike
letters, hints ("the lab in San Francisco") or a style that gives its writer away, and a name that is a common word
goes wherever it stands.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "[name]"
"""What stands where a name stood."""

LEAST_LOOSE = 2
"""Names of one letter count in their own case only, or every "a" would go."""

_MAKERS = (
    r"google deepmind|deepmind|open\s?ai|anthropic|meta ai|mistral ai|hugging\s?face|moonshot ai"
    r"|deepseek(?: ai)?|alibaba cloud|x\.?ai\b|cohere(?= )|nous research|ai2"
)
_MODELS = (
    r"chat\s?gpt|gpt|claude|gemini|gemma|code\s?llama|llama|mistral|mixtral|ministral|qwen|qwq|deepseek|grok|copilot"
    r"|smollm|command[- ]r|kimi|chatglm|glm|olmo|falcon|vicuna|bard"
)
_VERSION = r"(?:[- ]?v?\d[\w.]*|[- ](?:sonnet|opus|haiku|pro|flash|ultra|nano|turbo|mini|instruct|chat|large|small)\b)*"
_KNOWN = re.compile(
    rf"(?<!\w)(?:{_MAKERS}|(?:{_MODELS}){_VERSION})(?!\w)|(?<!\w)o[1-9](?:-mini|-pro)?(?!\w)", re.IGNORECASE
)
_KIND = (
    r"(?:an?\s+|the\s+)?(?:(?:helpful|large|virtual|digital)\s+)*(?:a\.?i\.?(?!\w)|artificial intelligence"
    r"|language model|llm|chat\s?bot)(?:[- ](?:language|based|powered))*"
    r"(?:\s+(?:model|assistant|system|chat\s?bot|program))*"
)
_SELF = re.compile(
    rf"\b(I am|I['\u2019]m|as|being|speaking as|myself,)\s+(?:just\s+|only\s+)?{_KIND}(?!\w)", re.IGNORECASE
)
_MADE = re.compile(
    r"\b(made|built|trained|created|developed|designed|released)\s+by\s+(?:the\s+)?"
    r"(?:google|meta|microsoft|amazon|apple|nvidia|alibaba|facebook|ibm|\[name\])(?!\w)",
    re.IGNORECASE,
)


def scrub(text: str, names: Mapping[str, str]) -> str:
    """Return text with each of these names as what it maps to, and every model, maker and self-description as "[name]".

    Invisible characters go first: they could stand within a name.
    """
    plain = "".join(char for char in text if unicodedata.category(char) != "Cf" or char == "\u200d")
    for name in sorted(names, key=len, reverse=True):
        flags = re.IGNORECASE if len(name) >= LEAST_LOOSE else re.NOFLAG
        pattern = r"\s+".join(map(re.escape, name.split()))
        plain = re.sub(rf"(?<!\w){pattern}(?!\w)", lambda _, to=names[name]: to, plain, flags=flags)
    plain = _KNOWN.sub(NAME, plain)
    plain = _SELF.sub(rf"\1 {NAME}", plain)
    return _MADE.sub(rf"\1 by {NAME}", plain)
