"""What a route is, and what an endpoint is given: the table of ways is where roles are written down.

It must never have a way without roles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from starlette.responses import Response

from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from moot.web.doors import Role, Visitor
    from moot.web.site import Site

MOST_FIELDS = 200
"""Fields of one form."""

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of one visitor."""

    site: Site
    request: Request
    visitor: Visitor

    def page(self, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """Return a page: a template with these values, beside those that every page has."""
        html = self.site.pages.render(template, {**self.usual(), **values})
        return Response(html, status, media_type="text/html")

    def usual(self) -> dict[str, Any]:
        """Return what every template knows: the visitor, the nonce of this answer, the theme and where we are."""
        theme = self.request.cookies.get("theme", "")
        return {
            "nonce": self.request.scope["moot.nonce"],
            "visitor": self.visitor,
            "theme": theme if theme in ("light", "dark") else "",
            "path": self.request.url.path,
        }

    def see(self, path: str) -> Response:
        """Send the visitor on to another page, after a change: moot.js goes there."""
        return Response(status_code=201, headers={"location": path})

    def asked(self, name: str) -> str:
        """Return a value of the URL's query, empty where there is none."""
        return self.request.query_params.get(name, "").strip()

    def number(self, name: str) -> int:
        """Return a number that stands in the path; `Invalid` where it is too large to be one of ours."""
        return min(int(self.request.path_params[name]), 10**9)

    async def form(self) -> dict[str, str]:
        """Return the fields that were sent; `Invalid` where they cannot be read."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise Invalid(f"a form is sent as {_FORM}")
        try:
            return dict(
                parse_qsl(
                    (await self.request.body()).decode(),
                    keep_blank_values=True,
                    strict_parsing=False,
                    errors="strict",
                    max_num_fields=MOST_FIELDS,
                )
            )
        except ValueError:
            raise Invalid("what was sent cannot be read as a form") from None


@dataclass(frozen=True, slots=True)
class Way:
    """A route: how and where, what answers, and who may go it."""

    method: Literal["GET", "POST"]
    path: str
    endpoint: Callable[[Visit], Awaitable[Response]]
    roles: tuple[Role, ...]
