"""What happened to a lot: one event for each decision, complete in itself, so that history is read without arithmetic.

An event class never changes meaning (ADR 0002). Wire names and versions stand in `WIRE_NAMES`; vectors of every version in
tests/vectors/events.json. Instants of effect are written out; nobody recomputes them from terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from engine.rules.auction.commands import PauseKind, SoldAchievement, Subject
from engine.rules.auction.formats.events import FORMAT_WIRE_NAMES, FormatEvent, LotAllocated
from engine.rules.auction.formats.terms import SessionTerms
from engine.rules.auction.terms import Terms
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId


class BidKind(StrEnum):
    """What an accepted bid was."""

    BID = "bid"
    RAISE_MAXIMUM = "raise_maximum"
    LOWER_MAXIMUM = "lower_maximum"


BID: Final = BidKind.BID
"""What nearly every bid is, by a name of its own: a member looked up in its enum costs as much as a call."""


class PassReason(StrEnum):
    """Why a session ended without a sale (流拍)."""

    NO_BID = "no_bid"
    RESERVE_NOT_MET = "reserve_not_met"
    NOT_OPENED = "not_opened"
    """Sealed bids were not opened in the time that the terms give."""
    EXCLUDED = "excluded"
    """Who would have won was excluded."""


class LotPublished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session was scheduled under these terms. Without an achievement its body is what it was before there was one."""

    terms: Terms
    subject: Subject
    seller_id: PartyId
    achievement: SoldAchievement | None = None


class SessionPublished(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session of another format, or with rights of priority, was scheduled under these terms."""

    terms: Terms
    play: SessionTerms
    subject: Subject
    seller_id: PartyId
    achievement: SoldAchievement | None = None


class LotWithdrawn(Struct, frozen=True, kw_only=True):
    """The lot was taken back before bidding started."""

    reason: str


class BidderAdmitted(Struct, frozen=True, kw_only=True):
    """A party got its bidder code."""

    bidder_id: PartyId
    code: str


class LotOpened(Struct, frozen=True, kw_only=True):
    """Bidding began."""

    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None


class LimitedPeriodStarted(Struct, frozen=True, kw_only=True):
    """The free period ended; the first timed cycle runs."""

    closes_at_us: InstantUs


class BidAccepted(Struct, frozen=True, kw_only=True, gc=False):
    """A bid, or a change of the leader's own maximum, was accepted.

    `code` is who acted, `leader_code` who leads now at `price`. `automatic`: the leader's maximum answered, so the challenger
    does not lead. `amount` and `maximum` are what the bidder sent: shown to him alone. `closes_at_us` is the end after this
    event, `extended` whether this event moved it. `price_changed` is False for a silent change of a maximum.
    """

    bidder_id: PartyId
    code: str
    kind: BidKind
    amount: Amount | None
    maximum: Amount | None
    price: Amount
    price_changed: bool
    leader_code: str
    automatic: bool
    closes_at_us: InstantUs | None
    extended: bool


class BidRejected(Struct, frozen=True, kw_only=True, gc=False):
    """An admitted bidder's command was refused; on record because "late by 12 ms" settles a dispute. Shown to him alone."""

    bidder_id: PartyId
    amount: Amount | None
    maximum: Amount | None
    reject: str
    data: dict[str, str | int]


class LotPaused(Struct, frozen=True, kw_only=True):
    """The clock stands still; the remaining time is kept."""

    reason: str
    kind: PauseKind


class LotInterrupted(Struct, frozen=True, kw_only=True):
    """The platform was down where it mattered. All recorded bids stand; time is given back on resumption, after notice."""

    from_us: InstantUs
    to_us: InstantUs


class OutageCompensated(Struct, frozen=True, kw_only=True):
    """A short outage well inside the bidding time moved all coming deadlines by its length."""

    from_us: InstantUs
    to_us: InstantUs
    opens_at_us: InstantUs
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None


class ResumeScheduled(Struct, frozen=True, kw_only=True):
    """Notice: bidding goes on at `resumes_at_us`."""

    reason: str
    resumes_at_us: InstantUs


class LotResumed(Struct, frozen=True, kw_only=True):
    """Bidding goes on; the deadlines that hold from now."""

    reason: str
    opens_at_us: InstantUs
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None


class ClosingShifted(Struct, frozen=True, kw_only=True):
    """An earlier lot of the group was extended; this one's deadlines moved by as much."""

    by_us: DurationUs
    cause_lot_id: LotId
    cause_seq: int
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None


class LotSold(Struct, frozen=True, kw_only=True):
    """Bidding ended with a winner. `ended_at_us` is the deadline itself, not when it was noticed."""

    winner_id: PartyId
    code: str
    price: Amount
    ended_at_us: InstantUs


class LotPassed(Struct, frozen=True, kw_only=True):
    """Bidding ended without a sale (流拍)."""

    reason: PassReason
    ended_at_us: InstantUs


class LotVoided(Struct, frozen=True, kw_only=True):
    """The session was ended without effect."""

    reason: str


Event = (
    LotPublished
    | SessionPublished
    | LotWithdrawn
    | BidderAdmitted
    | LotOpened
    | LimitedPeriodStarted
    | BidAccepted
    | BidRejected
    | LotPaused
    | LotInterrupted
    | OutageCompensated
    | ResumeScheduled
    | LotResumed
    | ClosingShifted
    | LotSold
    | LotPassed
    | LotVoided
    | FormatEvent
)

WIRE_NAMES: Final[Mapping[type[Any], tuple[str, int]]] = {
    LotPublished: ("lot.published", 1),
    SessionPublished: ("lot.session_published", 1),
    LotWithdrawn: ("lot.withdrawn", 1),
    BidderAdmitted: ("lot.bidder_admitted", 1),
    LotOpened: ("lot.opened", 1),
    LimitedPeriodStarted: ("lot.limited_period_started", 1),
    BidAccepted: ("lot.bid_accepted", 1),
    BidRejected: ("lot.bid_rejected", 1),
    LotPaused: ("lot.paused", 1),
    LotInterrupted: ("lot.interrupted", 1),
    OutageCompensated: ("lot.outage_compensated", 1),
    ResumeScheduled: ("lot.resume_scheduled", 1),
    LotResumed: ("lot.resumed", 1),
    ClosingShifted: ("lot.closing_shifted", 1),
    LotSold: ("lot.sold", 1),
    LotPassed: ("lot.passed", 1),
    LotVoided: ("lot.voided", 1),
    **FORMAT_WIRE_NAMES,
}

FINAL_EVENTS: Final = (LotWithdrawn, LotSold, LotPassed, LotVoided, LotAllocated)
"""After one of these a lot changes no more, except that late bids are recorded as refused."""
