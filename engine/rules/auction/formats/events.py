"""What happens in a session of another format: one event for each decision, complete in itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from engine.rules.auction.clearing.weighted import Total
from engine.values import Amount, InstantUs, PartyId


class PriceTaken(Struct, frozen=True, kw_only=True):
    """Somebody accepted the falling price. `left`: units still to be had.

    `closes_at_us`: end of the sealed round that follows, None where none does: the end of the clock would tell a secret floor.
    """

    bidder_id: PartyId
    code: str
    price: Amount
    quantity: int
    left: int
    closes_at_us: InstantUs | None


class EnvelopeTaken(Struct, frozen=True, kw_only=True):
    """A sealed bid was taken; nobody can read it. `replaces`: the place of the bidder's earlier one."""

    bidder_id: PartyId
    code: str
    envelope: str
    digest: str
    replaces: int | None


class SealingClosed(Struct, frozen=True, kw_only=True):
    """No more sealed bids. `commitment` is the digest of all of them, by which ties are drawn and anybody can check the opening."""

    commitment: str
    codes: tuple[str, ...]
    due_us: InstantUs
    last_us: InstantUs


class BidRefusedUnopened(Struct, frozen=True, kw_only=True):
    """A sealed bid was refused before prices were opened; the reason is published."""

    code: str
    reason: str


class ScoresGiven(Struct, frozen=True, kw_only=True):
    """An assessor has scored all plans."""

    assessor_id: PartyId
    place: int
    scores: dict[str, dict[str, int]]


class SharesContributed(Struct, frozen=True, kw_only=True):
    """An officer brought his shares. `missing`: codes for which he brought none, or a false one."""

    officer_id: PartyId
    place: int
    shares: dict[str, str]
    missing: tuple[str, ...]


class OpeningLate(Struct, frozen=True, kw_only=True):
    """The officers did not open in time: published, and the recovery share may be used from now on."""

    last_us: InstantUs


class OpenedBid(Struct, frozen=True, kw_only=True):
    """A sealed bid in the clear. `parts` are the bids of a sale of several lots: (lots, amount, group)."""

    code: str
    seq: int
    amount: Amount
    quantity: int = 1
    partly: bool = True
    parts: tuple[tuple[tuple[str, ...], Amount, str], ...] = ()


class BidsOpened(Struct, frozen=True, kw_only=True):
    """The envelopes were opened. `broken`: code -> why that envelope does not count. `totals`: of a session with scores, best first."""

    bids: tuple[OpenedBid, ...]
    broken: dict[str, str]
    totals: tuple[Total, ...]
    closes_at_us: InstantUs | None
    """Until when the taker may place his best bid, where the format has one and something challenges him."""


class BestBidPlaced(Struct, frozen=True, kw_only=True):
    """The taker answered the highest sealed bid."""

    bidder_id: PartyId
    code: str
    amount: Amount


class PriorityOpened(Struct, frozen=True, kw_only=True):
    """The bidding is over; the holders of priority rights are waited for at this price."""

    price: Amount
    code: str
    closes_at_us: InstantUs


class PriorityExercised(Struct, frozen=True, kw_only=True):
    """A holder said yes at a price; in the room the end moves as with a bid."""

    bidder_id: PartyId
    code: str
    rank: int
    price: Amount
    closes_at_us: InstantUs | None
    extended: bool


class PriorityWaived(Struct, frozen=True, kw_only=True):
    """A holder said no."""

    bidder_id: PartyId
    code: str


class BidderExcluded(Struct, frozen=True, kw_only=True):
    """Somebody may no longer bid or win; the reason is published."""

    bidder_id: PartyId
    code: str
    reason: str


class LotExtended(Struct, frozen=True, kw_only=True):
    """An operator gave all bidders more time."""

    reason: str
    by_us: int
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None


class Share(Struct, frozen=True, kw_only=True):
    """What one bidder gets: units at a price each, or lots by name at a price together."""

    bidder_id: PartyId
    code: str
    quantity: int
    price: Amount
    lots: tuple[str, ...] = ()


class LotAllocated(Struct, frozen=True, kw_only=True):
    """Bidding ended with several winners, or with parts sold. `price`: the lowest at which a unit was sold; none for packages."""

    shares: tuple[Share, ...]
    price: Amount | None
    unsold: tuple[str, ...]
    ended_at_us: InstantUs


FormatEvent = (
    PriceTaken
    | EnvelopeTaken
    | SealingClosed
    | BidRefusedUnopened
    | ScoresGiven
    | SharesContributed
    | OpeningLate
    | BidsOpened
    | BestBidPlaced
    | PriorityOpened
    | PriorityExercised
    | PriorityWaived
    | BidderExcluded
    | LotExtended
    | LotAllocated
)

FORMAT_WIRE_NAMES: Final[Mapping[type[Any], tuple[str, int]]] = {
    PriceTaken: ("lot.price_taken", 1),
    EnvelopeTaken: ("lot.envelope_taken", 1),
    SealingClosed: ("lot.sealing_closed", 1),
    BidRefusedUnopened: ("lot.bid_refused_unopened", 1),
    ScoresGiven: ("lot.scores_given", 1),
    SharesContributed: ("lot.shares_contributed", 1),
    OpeningLate: ("lot.opening_late", 1),
    BidsOpened: ("lot.bids_opened", 1),
    BestBidPlaced: ("lot.best_bid_placed", 1),
    PriorityOpened: ("lot.priority_opened", 1),
    PriorityExercised: ("lot.priority_exercised", 1),
    PriorityWaived: ("lot.priority_waived", 1),
    BidderExcluded: ("lot.bidder_excluded", 1),
    LotExtended: ("lot.extended", 1),
    LotAllocated: ("lot.allocated", 1),
}
