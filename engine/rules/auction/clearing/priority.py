"""Priority rights (优先购买权) at equal price: ranks, and who wins when several exercise. domain rules §2.6 P1 to P5.

The right is one to buy at the price that others make, never a cheaper one (民法典 art. 847, 859, 860; 网络司法拍卖规定 art. 19, 21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from engine.rules.auction.clearing.lottery import drawn
from engine.values import Amount, InstantUs


class PriorityMode(StrEnum):
    """How the right is exercised."""

    IN_ROOM = "P1"
    """The holder bids equal to the top; no higher bid follows: he wins."""
    ASKED_AT_TOP = "P2"
    """At the top price the holders are asked, in the room."""
    AFTERWARDS = "P3"
    """The others bid first; the last price is the exercise price, for a time set in the terms."""
    AS_BIDDER = "P4"
    """The holder takes part like anybody, without a privilege."""
    IN_WRITING = "P5"
    """The holder answers in writing, outside of the room, within the time of the terms."""


class Holder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody with a right; rank 1 goes before rank 2. The ranks are settled before the session (art. 27)."""

    party: str
    rank: int
    ground: str
    """Why: `completer` (847), `commissioner` (859), `co_developer` (860), `shareholder`, `contract`."""


class Exercise(Struct, frozen=True, kw_only=True):
    """A holder said yes at a price; `seq` is the order of arrival."""

    code: str
    rank: int
    seq: int
    price: Amount
    at_us: InstantUs


def winner_among(
    exercises: Sequence[Exercise], price: Amount, *, by_lot: bool = False, digest: bytes = b""
) -> str | None:
    """Return the code of the holder who wins at `price`: the earlier rank; of one rank the earlier exercise, or by lot (P2).

    An exercise at another price than the final one has no effect: somebody bid higher afterwards and the holder was silent.
    """
    standing = [one for one in exercises if one.price == price]
    if not standing:
        return None
    first = min(one.rank for one in standing)
    peers = [one for one in standing if one.rank == first]
    if by_lot and len({one.code for one in peers}) > 1:
        return drawn(digest, {one.code for one in peers})[0]
    return min(peers, key=lambda one: one.seq).code


def is_triggered(mode_of_sale: str) -> bool:
    """Tell whether a sale touches rights of priority: a transfer does, a licence does not (art. 847 says 转让)."""
    return mode_of_sale == "TRANSFER"


def all_answered(holders: Sequence[Holder], answers: Mapping[str, bool]) -> bool:
    """Tell whether every holder has exercised or waived, so that nobody need be waited for."""
    return all(one.party in answers for one in holders)
