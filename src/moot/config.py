"""What the user has configured: endpoints, prices and limits, merged from the environment and TOML files.

It must never hold a key, connect, or let a file that may have come with somebody's repository say where keys go.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from moot import keys
from moot.prices import NO_PRICES, Rates, price_of
from moot.spending import Caps, Limits
from moot.voices.endpoints import KNOWN, USUAL_OF, Endpoint, Quirks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Table = dict[str, Any]

PROJECT_FILES = ("moot.toml", "pyproject.toml")

_ROOTS = (".git", ".hg", ".jj", ".svn")
"""What the top folder of a project under version control holds."""

_ENVIRON = "MOOT_LIMITS_"

_VENDORS = ("anthropic", "openai")
"""Endpoints whose address and key are no setting: the environment and a voice's own settings can name others."""

_RATES = ("requests_per_minute", "tokens_per_minute", "concurrency")

_OWN_KINDS = ("local", "person", "script", "replay", "unknown")
"""Kinds of voices that are no endpoints, so that none can be called so."""


class ConfigError(ValueError):
    """A configuration cannot be used; the message is one line that names the file and the key."""


@dataclass(frozen=True, slots=True)
class Config:
    """What holds for a command: endpoints by name, own prices by `KIND:MODEL`, and caps.

    `folder` is where the user's own `config.toml` and key file are; `sources` are the files that were read, the nearest
    first, and `trusted` is whether the project's file among them counts as the user's own.
    """

    folder: Path
    endpoints: Mapping[str, Endpoint] = field(default_factory=lambda: KNOWN)
    prices: Mapping[str, Rates] = field(default_factory=lambda: NO_PRICES)
    limits: Limits = field(default=Limits())
    sources: tuple[Path, ...] = ()
    trusted: bool = True

    def key(self, variable: str) -> str:
        """Return the key that a variable stands for, empty where there is none; the environment wins."""
        found = keys.find(variable, self.folder, os.environ)
        return found.value if found else ""


@dataclass(frozen=True, slots=True)
class _Layer:
    """One file's tables; `at` opens each complaint about them, `own` is whether they count as the user's own words."""

    at: str
    tables: Table
    own: bool

    def wrong(self, key: str, what: str) -> ConfigError:
        return ConfigError(f"{self.at}{key}: {what}")


def user_folder(environ: Mapping[str, str]) -> Path:
    """Return where this user's configuration and key file are kept."""
    if home := environ.get("MOOT_HOME"):
        return Path(home).expanduser()
    from platformdirs import user_config_path  # noqa: PLC0415 - only needed where nothing was named

    return user_config_path("moot", appauthor=False)


def load(start: Path | None, environ: Mapping[str, str]) -> Config:
    """Return what holds in the folder `start` (None: in no project); `ConfigError` where something is wrong with it."""
    folder = user_folder(environ)
    config = Config(folder)
    trusted: tuple[Path, ...] = ()
    if (own := folder / "config.toml").is_file():
        layer = _Layer(f"{own}: ", _read(own), own=True)
        trusted = _trusted(layer)
        config = replace(_with_layer(config, layer), sources=(own,))
    if project := start and _project(start):
        where, prefix, tables = project
        is_own = any(where.parent.is_relative_to(one) for one in trusted)
        config = _with_layer(config, _Layer(f"{where}: {prefix}", tables, own=is_own))
        config = replace(config, sources=(where, *config.sources), trusted=is_own)
    config = _with_environ(config, environ)
    limits = replace(config.limits, price=partial(price_of, prices=config.prices))
    return replace(config, limits=limits)


def _project(start: Path) -> tuple[Path, str, Table] | None:
    """Find the nearest file from `start` up to the top of its repository, or home: its path, key prefix and tables."""
    home = _home()
    start = start.resolve()
    for folder in (start, *start.parents):
        plain, shared = (folder / name for name in PROJECT_FILES)
        if plain.is_file():
            return plain, "", _read(plain)
        if shared.is_file():
            tool = _read(shared).get("tool")
            if isinstance(tool, dict) and "moot" in tool:
                tables = cast("Table", tool)["moot"]
                if not isinstance(tables, dict):
                    raise ConfigError(f"{shared}: tool.moot: it is a table of settings")
                return shared, "tool.moot.", cast("Table", tables)
        if folder == home or any((folder / one).exists() for one in _ROOTS):
            break
    return None


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a user without one, as in some containers
        return None


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ConfigError(f"{path}: it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ConfigError(f"{path}: it is not TOML: {why}") from None


def _trusted(layer: _Layer) -> tuple[Path, ...]:
    """Return the folders whose projects' files the user takes for their own."""
    folders: Any = layer.tables.pop("trusted", [])
    if not isinstance(folders, list) or not all(isinstance(one, str) for one in cast("list[Any]", folders)):
        raise layer.wrong("trusted", 'it is a list of folders, as in ["~/research"]')
    return tuple(_folder(layer, one) for one in cast("list[str]", folders))


def _folder(layer: _Layer, text: str) -> Path:
    try:
        path = Path(text).expanduser()
        if path.is_absolute():
            return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a user or a name that cannot be, or links that lead in a circle
        pass
    raise layer.wrong("trusted", f"{text!r} is no absolute folder: begin it with / or ~/")


def _with_layer(config: Config, layer: _Layer) -> Config:
    if "trusted" in layer.tables:
        raise layer.wrong("trusted", "only your own config.toml can say which folders to trust")
    _known(layer, "", layer.tables, ("endpoints", "prices", "limits"))
    endpoints, prices = dict(config.endpoints), dict(config.prices)
    for name, table in _tables(layer, "", "endpoints").items():
        endpoints[name] = _endpoint(layer, name, table, config.endpoints)
    for name, table in _tables(layer, "", "prices").items():
        prices[name] = _rates(layer, name, table)
    limits = dict(_table(layer, "limits", layer.tables.get("limits", {})))
    run = _table(layer, "limits.run", limits.pop("run", {}))
    return replace(
        config,
        endpoints=MappingProxyType(endpoints),
        prices=MappingProxyType(prices),
        limits=Limits(
            _caps(layer, "limits", limits, config.limits.conversation),
            _caps(layer, "limits.run", run, config.limits.run),
        ),
    )


def _known(layer: _Layer, place: str, table: Table, names: Iterable[str]) -> None:
    """Raise `ConfigError` at the first key of a table that is none of these names."""
    known = tuple(names)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise layer.wrong(f"{place}{key}", f"no such setting; {guess}")


def _table(layer: _Layer, key: str, value: object) -> Table:
    if not isinstance(value, dict):
        raise layer.wrong(key, "it is a table of settings")
    return cast("Table", value)


def _tables(layer: _Layer, place: str, name: str) -> dict[str, Table]:
    outer = _table(layer, f"{place}{name}", layer.tables.get(name, {}))
    return {key: _table(layer, f"{name}.{key}", value) for key, value in outer.items()}


_ENDPOINT_KEYS: Mapping[str, Any] = MappingProxyType(
    {name: kind for name, kind in get_type_hints(Endpoint).items() if name not in ("name", "quirks", "own")}
)
_QUIRK_KEYS: Mapping[str, Any] = MappingProxyType(get_type_hints(Quirks))


def _endpoint(layer: _Layer, name: str, table: Table, before: Mapping[str, Endpoint]) -> Endpoint:
    """Return an endpoint as a table gives it, over what was known of it."""
    place = f"endpoints.{name}"
    old = before.get(name)
    if old is None and (name in _OWN_KINDS or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)):
        raise layer.wrong(
            place, "an endpoint is named by small letters, digits and hyphens, and not as a voice of moot's"
        )
    _known(layer, f"{place}.", table, (*_ENDPOINT_KEYS, "quirks"))
    if name in _VENDORS and (fixed := [key for key in table if key not in _RATES]):
        raise layer.wrong(
            f"{place}.{fixed[0]}",
            f"of {name}, only {', '.join(_RATES)} can be set; name another server as an endpoint of its own",
        )
    given: Table = {
        key: _typed(layer, f"{place}.{key}", value, _ENDPOINT_KEYS[key])
        for key, value in table.items()
        if key != "quirks"
    }
    _check_address(layer, place, given)
    if old is None and "base_url" not in given:
        raise layer.wrong(f"{place}.base_url", "it is missing: where is this server?")
    if old and "key_env" not in given and _origin(given.get("base_url", old.base_url)) != _origin(old.base_url):
        given["key_env"] = ""  # a key is bound to the host that it was named for
    quirks = _table(layer, f"{place}.quirks", table.get("quirks", {}))
    _known(layer, f"{place}.quirks.", quirks, _QUIRK_KEYS)
    odd = {key: _typed(layer, f"{place}.quirks.{key}", value, _QUIRK_KEYS[key]) for key, value in quirks.items()}
    new = replace(old or Endpoint(name, given["base_url"], quirks=USUAL_OF[given.get("wire", "openai-chat")]), **given)
    is_own = old is None or old.own or _address(new) != _address(old)
    new = replace(new, quirks=replace(new.quirks, **odd), own=is_own)
    if not layer.own and (objection := _objection(new, old, before)):
        raise layer.wrong(place, f"{objection}; if you trust it, say so in your own config.toml: trusted = [FOLDER]")
    return new


def _objection(new: Endpoint, old: Endpoint | None, before: Mapping[str, Endpoint]) -> str:
    """Say why a project's file, which may have come with somebody's repository, must not be believed about this."""
    if old and _address(new) == _address(old):
        return ""
    stays_here = _is_loopback(new.base_url)
    if old and (old.key_env or not stays_here):
        return "a project's file cannot send what is meant for this endpoint elsewhere"
    taken = {one.key_env for one in before.values()} - {""}
    if new.key_env in taken:
        return f"a project's file cannot have the key of another endpoint ({new.key_env})"
    if new.key_env and not stays_here:
        return "a project's file cannot have a key sent away from this machine"
    return ""


def _address(endpoint: Endpoint) -> tuple[str, str, str]:
    return endpoint.base_url, endpoint.key_env, endpoint.wire


def _check_address(layer: _Layer, place: str, given: Table) -> None:
    if "base_url" in given:
        given["base_url"] = given["base_url"].strip().rstrip("/")
        if not _is_address(given["base_url"]):
            raise layer.wrong(f"{place}.base_url", "it has the form http://HOST/PATH, without user, password or query")
    if given.get("key_env") and not keys.is_variable(given["key_env"]):
        raise layer.wrong(f"{place}.key_env", "it is the name of the variable that holds the key, never a key")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port, or half an IPv6 address
        return False
    return whole and parts.username is None and not parts.query and not parts.fragment


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _typed(layer: _Layer, key: str, value: object, kind: Any) -> Any:  # noqa: ANN401 - any type of a setting
    """Return a value that is of the type a field is annotated with; a number that bounds something is at least 1."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise layer.wrong(key, f"it is one of {', '.join(get_args(kind))}, not {value!r}")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise layer.wrong(key, f"it is true or false, not {value!r}")
        return value
    if kind is str:
        if not isinstance(value, str):
            raise layer.wrong(key, f"it is a text in quotes, not {value!r}")
        return value
    least = 0 if kind is int else 1  # None stands for no bound
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise layer.wrong(key, f"it is a whole number from {least} up, not {value!r}")
    return value


def _rates(layer: _Layer, name: str, table: Table) -> Rates:
    place = f"prices.{name}"
    if not re.fullmatch(r"[a-z0-9-]+:\S.*", name):
        raise layer.wrong(place, 'a price belongs to a voice: [prices."KIND:MODEL"], or "KIND:*" for all of its models')
    _known(layer, f"{place}.", table, (one.name for one in fields(Rates)))
    for key in ("input", "output"):
        if key not in table:
            raise layer.wrong(f"{place}.{key}", "it is missing: dollars for a million tokens")
    return Rates(**{key: _amount(layer, f"{place}.{key}", value) for key, value in table.items()})


def _caps(layer: _Layer, place: str, table: Table, before: Caps) -> Caps:
    _known(layer, f"{place}.", table, _CAPS)
    caps: Table = {key: _CAPS[key](_amount(layer, f"{place}.{key}", value)) for key, value in table.items()}
    for key, value in caps.items():
        if isinstance(value, int) and value != table[key]:
            raise layer.wrong(f"{place}.{key}", f"it is a whole number, not {table[key]}")
        most = getattr(before, key)
        if not layer.own and most is not None and value > most:
            raise layer.wrong(
                f"{place}.{key}", f"a project's file cannot allow more than your own config.toml ({most})"
            )
    return replace(before, **caps)


_CAPS: Mapping[str, Any] = MappingProxyType({"turns": int, "tokens": int, "dollars": Decimal, "seconds": float})


def _amount(layer: _Layer, key: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite() or value < 0:
        raise layer.wrong(key, f"it is a number from 0 up, not {value!r}")
    return Decimal(value)


def _with_environ(config: Config, environ: Mapping[str, str]) -> Config:
    """Put what MOOT_LIMITS_DOLLARS, MOOT_LIMITS_RUN_DOLLARS and the like say over what the files say."""
    whole: Table = {}
    run: Table = {}
    layer = _Layer("", {}, own=True)
    names = [f"{_ENVIRON}{part}{cap.upper()}" for part in ("", "RUN_") for cap in _CAPS]
    for name in sorted(environ):
        if not name.startswith(_ENVIRON) or not environ[name].strip():
            continue
        _known(layer, "", {name: ""}, names)
        table = run if name.startswith(f"{_ENVIRON}RUN_") else whole
        try:
            table[name.rpartition("_")[2].lower()] = Decimal(environ[name].strip())
        except ArithmeticError:
            raise layer.wrong(name, f"it is a number, not {environ[name]!r}") from None
    at = _Layer(f"the environment ({_ENVIRON}...): ", {}, own=True)
    limits = Limits(
        _caps(at, "limits", whole, config.limits.conversation), _caps(at, "limits.run", run, config.limits.run)
    )
    return replace(config, limits=limits)
