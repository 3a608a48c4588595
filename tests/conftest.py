"""What all tests share: a record of their own, and no way to a user's keys, models or files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from moot.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from moot.store.sqlite import SqliteStore

settings.register_profile("moot", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("moot")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _at_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home of its own and take away whatever this user's environment says to moot."""
    for name in list(os.environ):
        ours = name.startswith(("MOOT_", "ANTHROPIC_", "OPENAI_")) or name.endswith("_API_KEY")
        if ours and not name.startswith("MOOT_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MOOT_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = open_store(tmp_path / "moot.db")
    yield opened
    opened.shut()
