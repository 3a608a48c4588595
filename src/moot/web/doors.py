"""Who may come in: tokens that are shown once, the cookies they become, and what their bearers may do.

It must never keep a token or a cookie itself, only their digests, and never let one in whom nobody has invited.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Role = Literal["anyone", "owner", "participant", "rater"]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who came in: as what, and what for; `scope` and `name` are a guest's only rights."""

    role: Role
    scope: str = ""
    name: str = ""


OWNER = Visitor("owner")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a token is good for; one that is good `once` is void when it was used."""

    visitor: Visitor
    once: bool


class Doors:
    """Invitations that are open, and who has come in by them; both end with this process."""

    def __init__(self) -> None:
        self._invitations: dict[bytes, Invitation] = {}
        self._inside: dict[bytes, Visitor] = {}

    def invite(self, visitor: Visitor, *, once: bool = True) -> str:
        """Return a new token (256 bits) for this visitor."""
        token = secrets.token_urlsafe(32)
        self._invitations[_digest(token)] = Invitation(visitor, once)
        return token

    def enter(self, token: str) -> tuple[str, Visitor] | None:
        """Return a cookie's value, and who it lets in; None where the token is not, or no longer, good."""
        key = _digest(token)
        found = self._invitations.get(key)
        if found is None:
            return None
        if found.once:
            del self._invitations[key]
        cookie = secrets.token_urlsafe(32)
        self._inside[_digest(cookie)] = found.visitor
        return cookie, found.visitor

    def who(self, cookies: Iterable[str], roles: Collection[Role]) -> Visitor | None:
        """Return the first bearer of one of these cookies who has one of these roles."""
        found = (self._inside.get(_digest(cookie)) for cookie in cookies)
        return next((one for one in found if one and one.role in roles), None)

    def turn_out(self, visitor: Visitor) -> None:
        """Take back all invitations and cookies of a visitor."""
        self._invitations = {key: one for key, one in self._invitations.items() if one.visitor != visitor}
        self._inside = {key: one for key, one in self._inside.items() if one != visitor}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
