"""What can be asked of a session of another format than open ascending bids."""

from __future__ import annotations

from msgspec import Struct

from engine.values import Amount, DurationUs, PartyId


class TakePrice(Struct, frozen=True, kw_only=True):
    """Accept the falling price. `shown` is what the bidder saw; he gets the price that stands when he arrives, never a higher one."""

    bidder_id: PartyId
    shown: Amount
    quantity: int = 1


class SubmitEnvelope(Struct, frozen=True, kw_only=True):
    """Leave a sealed bid: an envelope as text (engine/envelopes.py)."""

    bidder_id: PartyId
    envelope: str


class GiveScores(Struct, frozen=True, kw_only=True):
    """An assessor scores the plans: code -> criterion -> 0 to 100. Once, all plans together, before prices are opened."""

    assessor_id: PartyId
    scores: dict[str, dict[str, int]]


class RefuseBid(Struct, frozen=True, kw_only=True):
    """Refuse a sealed bid before prices are opened, with the reason that is published (procurement)."""

    code: str
    reason: str


class ContributeShares(Struct, frozen=True, kw_only=True):
    """An officer brings what he found in his boxes: code -> share, hex. Envelopes whose box he could not open are left out."""

    officer_id: PartyId
    shares: dict[str, str]


class PlaceBestBid(Struct, frozen=True, kw_only=True):
    """The taker's one answer to the highest sealed bid."""

    bidder_id: PartyId
    amount: Amount


class ExercisePriority(Struct, frozen=True, kw_only=True):
    """A holder buys at the price that was made."""

    bidder_id: PartyId
    price: Amount


class WaivePriority(Struct, frozen=True, kw_only=True):
    """A holder does not want it."""

    bidder_id: PartyId


class ExcludeBidder(Struct, frozen=True, kw_only=True):
    """Keep somebody from bidding and winning, with the reason. His bids stay on record; a standing one must still be outbid."""

    bidder_id: PartyId
    reason: str


class ExtendLot(Struct, frozen=True, kw_only=True):
    """Give all bidders more time, with the reason."""

    by_us: DurationUs
    reason: str


FormatCommand = (
    TakePrice
    | SubmitEnvelope
    | GiveScores
    | RefuseBid
    | ContributeShares
    | PlaceBestBid
    | ExercisePriority
    | WaivePriority
    | ExcludeBidder
    | ExtendLot
)
