"""Who is at the door: what an upgrade request says about itself, the origin check, and the way to the accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Final, Protocol

from msgspec import Struct

from engine.values import PartyId
from gateway.accounts.identities import Identities
from gateway.accounts.model import ANONYMOUS, Caller
from gateway.doors import FRAME
from gateway.errors import Code
from gateway.live.settings import LiveSettings
from gateway.permissions import ROWS, may_send

CREDENTIAL_MAX = 512
"""Longest cookie value or token that is looked up, characters."""


class Visitor(Struct, frozen=True):
    """Somebody who is logged in, with the proof of it."""

    caller: Caller
    party_id: PartyId
    frames: frozenset[str]
    """Types of frames he may send, by role and scope. Whether he is admitted to a lot is the engine's business."""

    def party_on(self, lot_id: str) -> PartyId:
        """Return the party that bids on a lot: an agent's principal, else his own."""
        return self.caller.party_on(lot_id) if self.caller.acts_for else self.party_id


class Visitors(Protocol):
    """What the live edge asks of the accounts."""

    async def visitor(self, credentials: Credentials) -> Visitor | None:
        """Return who presents this session cookie or API token; None if it is unknown, expired or revoked."""
        ...

    def standing_now(self) -> Callable[[Visitor], bool]:
        """Return what tells, from memory and as of now, whether a proof still holds. Asked before every command."""
        ...


class KnownCallers:
    """The visitors of the market's accounts."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    async def visitor(self, credentials: Credentials) -> Visitor | None:
        """Return who presents this session cookie or API token; None if it is unknown, expired or revoked.

        Raises:
            Refused: the accounts cannot be asked now.
        """
        caller = None
        if credentials.bearer is not None:
            caller = await self._identities.by_token(credentials.bearer)
        elif credentials.cookie is not None:
            caller = await self._identities.by_session(credentials.cookie)
        return None if caller is None or caller.account is None else visitor_of(caller)

    def standing_now(self) -> Callable[[Visitor], bool]:
        """Return what tells, from memory and as of now, whether a proof still holds."""
        identities = self._identities
        version, now_us = identities.version, identities.now_us()

        def stands(visitor: Visitor) -> bool:
            caller = visitor.caller
            if caller.version == version and now_us < caller.expires_at_us:
                return True  # nothing at all was taken back since he proved who he is
            return identities.is_current(caller)

        return stands


def visitor_of(caller: Caller) -> Visitor:
    """Return a caller with an account as a visitor."""
    return Visitor(caller, caller.party_id, _frames_of(caller))


def _frames_of(caller: Caller) -> frozenset[str]:
    return frozenset(door.path for door in ROWS if door.method == FRAME and may_send(door.path, caller))


FRAMES_OF_ANYONE: Final = _frames_of(ANONYMOUS)


class Headers(Protocol):
    """Headers of a request, case-insensitive; both shells have them as a multidict."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """Return all values of a header."""
        ...


class Credentials(Struct, frozen=True):
    """What an upgrade request presents; neither means an anonymous watcher."""

    cookie: str | None = None
    bearer: str | None = None

    @property
    def anonymous(self) -> bool:
        """Nothing is presented."""
        return self.cookie is None and self.bearer is None


class DoorClosed(Exception):
    """The upgrade is refused: the code's HTTP status and name are the answer."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


def read_credentials(headers: Headers, settings: LiveSettings) -> Credentials:
    """Check where an upgrade request comes from and what it presents.

    A page of another origin could make a visitor's browser send his cookie along, so a cookie counts only together with an
    `Origin` of ours. Programs send no `Origin` and a token, or nothing at all.

    Raises:
        DoorClosed: a foreign origin, a cookie without an origin, or credentials that are malformed.
    """
    origins = headers.getall("Origin", ())
    if origins and (len(origins) > 1 or origins[0] not in settings.origins):
        raise DoorClosed(Code.ORIGIN_REFUSED)
    bearer = _bearer(headers.getall("Authorization", ()))
    if bearer is not None:
        return Credentials(bearer=bearer)
    cookie = _cookie(headers.getall("Cookie", ()), settings.cookie)
    if cookie is not None and not origins:
        raise DoorClosed(Code.ORIGIN_REFUSED)
    return Credentials(cookie=cookie)


def _bearer(values: Sequence[str]) -> str | None:
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not 0 < len(token.strip()) <= CREDENTIAL_MAX:
        raise DoorClosed(Code.UNAUTHENTICATED)
    return token.strip()


def _cookie(values: Sequence[str], name: str) -> str | None:
    for value in values:
        try:
            morsel = SimpleCookie(value).get(name)
        except CookieError:
            continue
        if morsel is not None and 0 < len(morsel.value) <= CREDENTIAL_MAX:
            return morsel.value
    return None
