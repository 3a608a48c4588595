"""Texts of any value, made fit to be shown: without what looks like a key, and without what no page can hold.

It must never be trusted to know every key: it knows how those of the best-known providers begin.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "[looks like a key]"
_KEYS = re.compile(
    r"\b(?:sk-[\w-]{16,}|AIza[\w-]{30,}|hf_\w{20,}|A[KS]IA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}"
    r"|xox[abprs]-[\w-]{16,}|glpat-[\w-]{16,}|eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def shown(text: str) -> str:
    """Return text without the characters that XML forbids or that turn other text round, each shown as U+FFFD."""
    return _ODD.sub("\ufffd", text)


def masked(text: str) -> str:
    """Return text with a mask over what looks like a key."""
    return _KEYS.sub(MASK, text)


def everywhere(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 - any value there is
    """Return a value with each text in it changed: in dataclasses, tuples, lists and tables, whatever they are of."""
    match value:
        case str():
            return change(value)
        case tuple():
            return tuple(everywhere(one, change) for one in value)  # pyright: ignore[reportUnknownVariableType] - any
        case list():
            return [everywhere(one, change) for one in value]  # pyright: ignore[reportUnknownVariableType] - any
        case dict():
            return {key: everywhere(one, change) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType] - any
        case _ if is_dataclass(value) and not isinstance(value, type):
            changed = {one.name: everywhere(getattr(value, one.name), change) for one in fields(value)}
            return replace(value, **changed)
        case _:
            return value
