"""What all tests share: a record of their own, and no way to a user's keys, models or files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from platformdirs import user_cache_path

from fakes import Fake
from fakes.speaking import serve
from moot.store import open_store
from moot.voices.weights import CATALOG, fetch, is_here

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """Serve every wire, with this process's environment pointing there; at its end no prefix may have moved."""
    with serve(monkeypatch, Fake()) as served:
        yield served


def _quiet(what: str, done: int, total: int) -> None:
    """Take no note."""


@pytest.fixture(scope="session")
def weights() -> Path:
    """The cache with both models: MOOT_TEST_CACHE, or the user's own; fetched once."""
    folder = Path(os.environ.get("MOOT_TEST_CACHE") or user_cache_path("moot", appauthor=False))
    for model in CATALOG.values():
        if not is_here(model, folder):
            asyncio.run(fetch(model, folder, _quiet))
    return folder


@pytest.fixture
def stocked(weights: Path, _at_home: None) -> Path:
    """The test's home, with the models in its cache."""
    cache = Path(os.environ["MOOT_HOME"]) / "cache"
    cache.symlink_to(weights)
    return cache
