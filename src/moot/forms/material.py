"""Somebody else's words, put before a reader or a judge so that they cannot be taken for the chair's.

It must never let a line of them stand unmarked: whatever they say, each line begins with the mark of a quotation, so
that they can neither end their own frame nor ask the question.
"""

from __future__ import annotations

MARK = "> "
"""What each line of quoted words begins with, and no line of the chair's does."""


def quoted(label: str, words: str) -> str:
    """Return words in a frame: who or what they are from, every line of theirs marked, and where they end.

    All that any reader may take for the end of a line ends one here, or a mark could be evaded.
    """
    label = " ".join(label.replace("[", "(").replace("]", ")").split())
    lines = "\n".join(f"{MARK}{line}".rstrip() for line in words.splitlines() or [""])
    return f'[{label} begins. All lines that begin with "{MARK.strip()}" are quoted.]\n{lines}\n[{label} ends.]'
