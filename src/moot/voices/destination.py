"""Where a hosted voice's requests go and which key goes with them.

It must never send a key to a place that its owner did not name for it, keep one in a value that is shown or recorded,
or connect to anything.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moot.transcript import LONGEST_NAME
from moot.voices import VoiceError
from moot.voices.endpoints import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from moot.transcript import Value
    from moot.voices import Pool
    from moot.voices.limits import Passages

NO_KEY = "none"
"""What is sent as a key to servers that want none; the SDKs insist on one."""


BRIEF = "You are {name}, in a conversation with {others}."
"""What a hosted model is told where nobody says more: enough not to take the other for a user who needs help."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A provider with an SDK: its package (and moot's extra), its own address, and the environment's names for it."""

    package: str
    own: str
    key: str
    url: str
    headers: str


@dataclass(frozen=True, slots=True)
class Destination:
    """An address (None: the vendor's own), the key for it and the variable that holds it (empty: no key is sent).

    `withheld` names headers that the environment adds for the vendor and that this address must not get.
    """

    base_url: str | None
    variable: str
    key: str = field(repr=False)
    withheld: tuple[str, ...] = ()

    def withhold(self, headers: MutableMapping[str, str]) -> None:
        """Take out of a request's headers what this address must not get, and put its own key in."""
        for name in self.withheld:
            headers.pop(name, None)
        if self.withheld:
            headers["authorization"] = f"Bearer {self.key}"


OWNERS: Mapping[str, str] = MappingProxyType(
    {endpoint.key_env: endpoint.base_url for endpoint in KNOWN.values() if endpoint.key_env}
)
"""Whose key a variable holds: it goes to that host, or where the user's environment says that the host is."""


def _same_host(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def base_url_of(voice: str, settings: Mapping[str, Value], vendor: Vendor) -> str | None:
    """Return the address that the settings or else the environment name, None where it is the vendor's own."""
    given = str(settings.get("base_url") or os.environ.get(vendor.url, "")).strip()
    return _plain(voice, given, vendor)


def _plain(voice: str, url: str, vendor: Vendor) -> str | None:
    if not url or url.rstrip("/") == vendor.own:
        return None
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise VoiceError(f"{voice}: a base URL must hold no user, password or query; name a key's variable by key_env")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VoiceError(f"{voice}: a base URL has the form http://HOST/PATH or https://HOST/PATH")
    return url.rstrip("/")


def key_variable(voice: str, settings: Mapping[str, Value], vendor: Vendor) -> str:
    """Return the variable that holds the key for this voice, empty where no key may be sent.

    The vendor's usual key goes to the vendor alone, and to an address that the environment itself now names for it:
    an address that came with a voice or a recorded conversation gets only a key that was named for it.
    """
    named = settings.get("key_env")
    if named:
        return str(named)
    base_url = base_url_of(voice, settings, vendor)
    is_usual = base_url is None or base_url == base_url_of(voice, {}, vendor)
    return vendor.key if is_usual else ""


def find_endpoint(
    voice: str, settings: Mapping[str, Value], vendor: Vendor, find_key: Callable[[str], str]
) -> Destination:
    """Return where this voice's requests go; `VoiceError` where the key that it needs is missing or none at all."""
    base_url = base_url_of(voice, settings, vendor)
    variable = key_variable(voice, settings, vendor)
    owner = OWNERS.get(variable, "")
    here = base_url or vendor.own
    if owner and not _same_host(owner, here) and here != base_url_of(voice, {}, vendor):
        raise VoiceError(
            f"{voice}: the key in {variable} is for {owner} and is not sent to {here}; name another variable"
        )
    key = find_key(variable).strip() if variable else ""
    if not key and (base_url is None or settings.get("key_env")):
        raise VoiceError(f"{voice} needs a key: set {variable}, or keep it with: moot keys set {variable}")
    if not key.isascii() or not key.isprintable():
        raise VoiceError(f"{voice}: {variable} holds no key, it has characters that no key has; set it anew")
    withheld = () if variable == vendor.key else _vendor_headers(vendor)
    return Destination(base_url, variable if key else "", key or NO_KEY, withheld)


def limiter_of(voice: str, destination: Destination, vendor: Vendor, pool: Pool) -> Passages:
    """Return what requests to a destination pass.

    The limits of `openai` and `anthropic` are not those of an address that a voice brings along.
    """
    kind = voice.partition(":")[0]
    is_usual = kind != vendor.package or destination.base_url == base_url_of(voice, {}, vendor)
    return pool.limiter(kind, None if is_usual else destination.base_url)


def _vendor_headers(vendor: Vendor) -> tuple[str, ...]:
    own = re.findall(r"^\s*([^:\s]+)\s*:", os.environ.get(vendor.headers, ""), re.MULTILINE)
    others = [name for name in own if name.lower() != "authorization"]
    return (*others, "openai-organization", "openai-project")


def check_package(voice: str, vendor: Vendor) -> None:
    """Raise `VoiceError` where the vendor's SDK is not installed; it is not loaded."""
    if find_spec(vendor.package) is None:
        raise VoiceError(f'{voice} needs a package: pip install "moot[{vendor.package}]"')


def transport(sdk: Any) -> Any:  # noqa: ANN401 - either vendor's SDK, and its class of clients
    """Return an SDK's HTTP client over aiohttp, at half the CPU of its usual one, which stands in where that lacks."""
    return sdk.DefaultAioHttpClient if find_spec("aiohttp") else sdk.DefaultAsyncHttpxClient


def untranslated() -> tuple[type[Exception], ...]:
    """Return what a connection may fail with that an SDK's client over aiohttp passes on as it is."""
    if find_spec("aiohttp") is None:
        return ()
    import aiohttp  # noqa: PLC0415 - loaded by now where it is used

    return (aiohttp.ClientError,)


def short_name(model: str) -> str:
    """Return a model's last path segment as a participant's name."""
    segment = model.rstrip("/").rpartition("/")[2]
    name = "".join(char if char.isprintable() and char != ":" else "-" for char in segment).strip()
    return name[:LONGEST_NAME].strip() or "Model"
