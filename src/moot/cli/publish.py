"""`moot publish`: conversations as an article, or a series as a small site, for people who have no moot.

It must never let anything leave that was not shown first, overwrite a file unasked, or leave half of one.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moot.cli import record, without_keys
from moot.cli.terminal import console, safe
from moot.store import NotFound
from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moot.publish import leaving
    from moot.publish.article import Piece, Source
    from moot.publish.overlay import Overlay
    from moot.store import Store

HELD = ("briefs", "thoughts", "private")
KEPT = ("emails", "paths")


@dataclass(frozen=True, slots=True)
class Ready:
    """What is to be published: the editor's words on the whole, the pieces, and what of each stays behind."""

    overlay: Overlay
    pieces: tuple[Piece, ...]
    names: Mapping[str, str]
    lines: tuple[str, ...]


@click.command(short_help="Publish conversations as an article, or a series as a small site.")
@click.argument("conversations", nargs=-1)
@click.option("--series", metavar="NAME", help="All conversations of this series, as a folder of pages and a feed.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file; of a series, a folder.")
@click.option("--markdown", "as_text", is_flag=True, help="As Markdown instead of HTML.")
@click.option("--overlay", "file", type=click.Path(dir_okay=False, path_type=Path), help="Your words on it, as TOML.")
@click.option("--title", help="A title in place of the recorded one.")
@click.option("--intro", help="An introduction, in Markdown.")
@click.option("--with", "kept_in", multiple=True, type=click.Choice(HELD), help="Let this out too, which stays behind.")
@click.option("--keep", multiple=True, type=click.Choice(KEPT), help="Do not mask these.")
@click.option("--hide-names", is_flag=True, help='Put "someone" in place of people\'s names.')
@click.option("--rename", multiple=True, metavar="NAME=OTHER", help="Another name, wherever this one stands.")
@click.option("--url", default="", help="Where a series will stand, for the links of its feed.")
@click.option("--preview", is_flag=True, help="Only say what would leave.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Write over what is there.")
@record.option
def command(  # noqa: PLR0913, PLR0917 - one for each option
    conversations: tuple[str, ...],
    series: str | None,
    output: Path | None,
    as_text: bool,  # noqa: FBT001 - a flag, given by name
    file: Path | None,
    title: str | None,
    intro: str | None,
    kept_in: tuple[str, ...],
    keep: tuple[str, ...],
    hide_names: bool,  # noqa: FBT001 - the same
    rename: tuple[str, ...],
    url: str,
    preview: bool,  # noqa: FBT001 - the same
    yes: bool,  # noqa: FBT001 - the same
    force: bool,  # noqa: FBT001 - the same
) -> None:
    """Publish conversations as one page that needs nothing else, or a series as a small site.

    \b
    moot publish last -o letters.html
    moot publish 3f2a 77c0 --title "Two talks" --overlay notes.toml --markdown -o talks.md
    moot publish --series rivers -o site --url https://example.org/rivers

    First it says what would leave, and asks. Keys never do; e-mail addresses and paths are masked; briefs, thoughts and
    private turns stay behind. The record is not touched. docs/publishing.md says how an overlay is written.
    """
    if series is not None and (conversations or as_text):
        raise click.UsageError("a series is published as a whole, as pages: name no conversations, and no --markdown")
    if url and not url.startswith(("https://", "http://")):
        raise click.UsageError("--url is where the series will stand, such as https://example.org/rivers")

    async def work(store: Store) -> list[Source]:
        return await _sources(store, conversations, series, kept_in)

    found = record.run(work)
    ready = _ready(found, series, _overlays(file, title, intro), kept_in, keep, _names(rename), hide=hide_names)
    for line in ready.lines:
        console(err=True).print(safe(line))
    if preview:
        return
    files = _files(ready, series, url, as_text=as_text)
    _check(files, keep)
    target = output or _usual(ready, series, as_text=as_text)
    _refuse(target, series, force=force)
    _ask(yes=yes)
    _write(target, files, series)
    click.echo(safe(f"written to {target}"))


async def _sources(
    store: Store, conversations: Sequence[str], series: str | None, kept_in: Sequence[str]
) -> list[Source]:
    from moot.publish.article import Source, is_readable  # noqa: PLC0415 - only who publishes needs it

    if series is None:
        ids = list(dict.fromkeys([await store.find(name) for name in conversations or ("last",)]))
    else:
        ids = [row.id for row in await store.list() if row.heading.series == series]
    stored = [await store.read(one) for one in ids]
    found = [Source(one.listing.id, one.transcript, one.at, one.listing.closed or "") for one in stored]
    if not found:
        raise NotFound(f"there is no conversation of the series {series!r}")
    empty = [one.id for one in found if not is_readable(one, kept_in)]
    if empty and (series is None or len(empty) == len(found)):
        raise Invalid(f"of {empty[0][:8]} nothing can be read: it has no words that everybody heard (--with private)")
    for one in empty:
        console(err=True).print(safe(f"[{one[:8]} has no words that everybody heard, and is left out]"), style="dim")
    found = [one for one in found if one.id not in empty]
    return found if series is None else sorted(found, key=lambda one: (one.day, one.at[:1], one.id))


# The editor's words


def _overlays(file: Path | None, title: str | None, intro: str | None) -> tuple[Overlay, dict[str, Overlay]]:
    from moot.publish.overlay import overlay_of  # noqa: PLC0415 - only who publishes needs it

    try:
        table = {} if file is None else tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise Invalid(f"the overlay {file} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Invalid(f"the overlay {file} is no TOML: {error}") from None
    whole, pieces = overlay_of(table)
    given = {name: value for name, value in (("title", title), ("introduction", intro)) if value is not None}
    return replace(whole, **given), pieces


def _for_each(
    found: Sequence[Source], whole: Overlay, pieces: Mapping[str, Overlay], *, alone: bool
) -> tuple[Overlay, ...]:
    """Return the overlay of each conversation; what is said of the whole is said of the only one."""
    for name in pieces:
        if not name or not any(one.id.startswith(name) for one in found):
            raise Invalid(f"the overlay has [pieces.{name}], and no conversation that is published begins so")
    if whole.notes and not alone:
        raise Invalid("notes on turns of several conversations stand under [[pieces.ID.notes]] of the overlay")
    chosen: list[Overlay] = []
    for one in found:
        own = next((mine for name, mine in pieces.items() if one.id.startswith(name)), None)
        if alone and own is not None:
            fields = ("title", "subtitle", "author", "introduction", "afterword", "language", "notes")
            own = replace(own, **{name: getattr(whole, name) or getattr(own, name) for name in fields})
        usual = whole if alone else replace(whole, title="", subtitle="", introduction="", afterword="")
        own = usual if own is None else own
        chosen.append(replace(own, author=own.author or whole.author, language=own.language or whole.language))
    return tuple(chosen)


def _names(rename: Sequence[str]) -> dict[str, str]:
    from moot.publish.leaving import check_names  # noqa: PLC0415 - only who publishes needs it

    pairs = [one.partition("=") for one in rename]
    if any(not old.strip() or not equals for old, equals, _ in pairs):
        raise click.UsageError('--rename takes NAME=OTHER, such as --rename "Dan Brown=D."')
    names = {old.strip(): new.strip() for old, _, new in pairs}
    check_names(names)
    return names


# What leaves


def _ready(
    found: Sequence[Source],
    series: str | None,
    overlays: tuple[Overlay, dict[str, Overlay]],
    kept_in: Sequence[str],
    keep: Sequence[str],
    names: Mapping[str, str],
    *,
    hide: bool,
) -> Ready:
    from moot.publish import leaving  # noqa: PLC0415 - only who publishes needs it
    from moot.publish.article import pieces  # noqa: PLC0415 - the same

    whole, theirs = overlays
    before = pieces(found, _for_each(found, whole, theirs, alone=series is None and len(found) == 1), kept_in)
    without = without_keys()
    every = {**(leaving.hidden(before) if hide else {}), **names}
    after = leaving.fit(before, lambda one: leaving.redacted(one, every, keep, without))
    whole = leaving.redacted(whole, every, keep, without)
    title = leaving.redacted(series or "", every, keep, without)
    lines = _told(found, before, leaving.found_in((before, overlays[0], series or ""), without), kept_in, keep, every)
    return Ready(replace(whole, title=whole.title or title), after, every, tuple(lines))


def _told(
    found: Sequence[Source],
    pieces: Sequence[Piece],
    secrets: Sequence[leaving.Found],
    kept_in: Sequence[str],
    keep: Sequence[str],
    names: Mapping[str, str],
) -> list[str]:
    """Return the lines of the preview."""
    from moot.publish.article import held_back  # noqa: PLC0415 - only who publishes needs it
    from moot.publish.leaving import people, renamed  # noqa: PLC0415 - the same

    count = sum(len({entry.number for entry in one.entries}) for one in pieces)
    lines = [f"What would leave: {count} turns of {len(pieces)} conversation{'s' * (len(pieces) != 1)}."]
    for name, number in held_back(found).items():
        if number:
            lines.append(f"  {name}: {number}, {'which LEAVE' if name in kept_in else 'which stay behind'}")
    for kind in ("keys", *KEPT):
        fate = "which LEAVE" if kind in keep else "masked"
        lines += [f"  {kind}: {one.what} ({one.times}), {fate}" for one in secrets if one.kind == kind]
    for name, voice in sorted(people(pieces).items()):
        now = renamed(name, names)
        lines.append(f"  names: {name} ({voice.split(':')[0]}), {'which LEAVES' if now == name else f'as {now}'}")
    others = [name for name in names if name not in people(pieces)]
    lines += [f"  names: {name}, as {names[name]}" for name in others]
    return lines


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is here to ask, and nothing was written: look at the list, then say --yes")
    click.confirm("Write it?", abort=True, err=True)


# Files


def _files(ready: Ready, series: str | None, url: str, *, as_text: bool) -> dict[str, str]:
    from moot.publish.manuscript import manuscript  # noqa: PLC0415 - only who publishes needs it
    from moot.publish.page import LACKING, is_formatted  # noqa: PLC0415 - the same
    from moot.publish.press import article  # noqa: PLC0415 - the same
    from moot.publish.series import series as site  # noqa: PLC0415 - the same

    if as_text:
        return {"": manuscript(ready.pieces, ready.overlay)}
    if not is_formatted():
        console(err=True).print(safe(f"[{LACKING}]"), style="dim")
    if series is None:
        return {"": article(ready.pieces, ready.overlay)}
    return site(ready.overlay.title, ready.pieces, ready.overlay, url)


def _check(files: Mapping[str, str], keep: Sequence[str]) -> None:
    from moot.publish.leaving import check_page  # noqa: PLC0415 - only who publishes needs it

    without = without_keys()
    for content in files.values():
        check_page(content, keep, without)


def _usual(ready: Ready, series: str | None, *, as_text: bool) -> Path:
    from moot.publish.series import slug  # noqa: PLC0415 - only who publishes needs it

    if series is not None:
        return Path(slug(ready.overlay.title) or "series")
    first = ready.pieces[0]
    return Path((slug(ready.overlay.title or first.title) or first.key) + (".md" if as_text else ".html"))


def _refuse(target: Path, series: str | None, *, force: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not force:
        raise click.UsageError(f"{target} is there already; --force writes over it, -o names another")
    if series is not None and not _is_ours(target):
        raise click.UsageError(f"{target} is no folder that moot published: remove it yourself, or name another")
    if series is None and target.is_dir():
        raise click.UsageError(f"{target} is a folder; name a file with -o")


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds nothing but a published series: pages and a feed."""
    from moot.publish.press import GENERATOR  # noqa: PLC0415 - only who publishes needs it
    from moot.publish.series import FEED, INDEX  # noqa: PLC0415 - the same

    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        rest = [one for one in folder.iterdir() if one.name != FEED]
        ours = all(one.is_file() and one.suffix == ".html" and GENERATOR in one.read_text("utf-8") for one in rest)
        return ours and (folder / INDEX).is_file()
    except (OSError, UnicodeDecodeError):
        return False


def _write(target: Path, files: Mapping[str, str], series: str | None) -> None:
    from moot.cli.export import put, put_folder  # noqa: PLC0415 - needed in the end

    if series is None:
        put(target, files[""].encode())
        return
    aside = target.with_name(f".{target.name}.before")
    is_there = target.exists()
    if is_there:
        _move(target, aside)
    try:
        put_folder(target, {name: content.encode() for name, content in files.items()})
    except BaseException:
        if is_there:
            _move(aside, target)
        raise
    if is_there:
        shutil.rmtree(aside, ignore_errors=True)


def _move(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError as error:
        raise click.UsageError(f"{old} cannot be moved to {new}: {error.strerror}; nothing was removed") from None
