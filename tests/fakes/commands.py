"""Commands run in this process, as a user types them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import moot.cli

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Answer:
    """What a command printed and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def commands(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Return a way to run a command and read what it printed."""

    def run(*words: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            moot.cli.main(words)
        printed = capfd.readouterr()
        code = ended.value.code
        return Answer(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run
