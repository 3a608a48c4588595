"""Templates and static files: how values become pages.

It must never mark anything as safe HTML but what `publish.prose` has made.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from moot import __version__
from moot.publish.prose import prose

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

MOST_PROSE = 8192
"""Texts whose HTML is kept: two long conversations of pages that are read again and again."""


class Pages:
    """The templates, ready to be filled, and the files that go with them."""

    def __init__(self) -> None:
        folder = files("moot.web") / "static"
        self.static = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in KINDS}
        self._environment = Environment(
            loader=PackageLoader("moot.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        edition = hashlib.sha256(b"".join(self.static[name] for name in sorted(self.static))).hexdigest()[:12]
        self._usual = {"version": __version__, "edition": edition}
        self._prose = lru_cache(MOST_PROSE)(_marked)

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """Return a template filled with values."""
        return self._environment.get_template(template).render(self._usual | dict(values))

    def prose(self, text: str) -> Markup:
        """Return a model's words as harmless HTML; those that were asked for before cost nothing."""
        return self._prose(text)


def _marked(text: str) -> Markup:
    return Markup(prose(text))  # noqa: S704 - cleaned there
