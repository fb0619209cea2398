"""What a session of another format remembers besides what every session does."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.auction.clearing.priority import Exercise
from engine.rules.auction.clearing.weighted import Total
from engine.rules.auction.formats.events import OpenedBid, Share
from engine.rules.auction.formats.terms import SessionTerms
from engine.values import Amount, InstantUs, PartyId


class Held(Struct, frozen=True, kw_only=True):
    """The envelope of a bidder that is in force."""

    seq: int
    at_us: InstantUs
    envelope: str
    digest: str


class Taking(Struct, frozen=True, kw_only=True):
    """Units taken at the falling price."""

    bidder_id: PartyId
    price: Amount
    quantity: int


class Play(Struct, frozen=True, kw_only=True):
    """The rest of the state, by stage. Sealed content is here in envelopes only, until it was opened before everybody."""

    terms: SessionTerms
    takings: tuple[Taking, ...] = ()
    envelopes: dict[PartyId, Held] = {}
    commitment: str = ""
    due_us: InstantUs | None = None
    last_us: InstantUs | None = None
    late: bool = False
    refused: dict[str, str] = {}
    scores: dict[str, dict[str, dict[str, int]]] = {}
    """Assessor -> code -> criterion -> score."""
    shares: dict[str, dict[str, str]] = {}
    """Place of the officer, "0" to "2" -> code -> share, hex."""
    opened: bool = False
    bids: tuple[OpenedBid, ...] = ()
    broken: dict[str, str] = {}
    totals: tuple[Total, ...] = ()
    best_bid: Amount | None = None
    exercises: tuple[Exercise, ...] = ()
    waived: frozenset[PartyId] = frozenset()
    allocated: tuple[Share, ...] = ()

    @property
    def taken(self) -> int:
        """Units taken so far."""
        return sum(one.quantity for one in self.takings)
