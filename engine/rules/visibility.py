"""Who sees what of a session, and when. Separate shapes for each audience; nothing is ever "removed" from a fuller one.

Secret until the end and after: maxima (each bidder sees his own). Secret where the terms say so: the reserve, shown to the
operator and the seller who set it. Names: bidders are codes for everybody; operators see identities.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from engine.rules.auction import events as e
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.showing import (
    OwnPlay,
    PublicPlay,
    has_secret_floor,
    hides_end,
    own_play,
    public_play,
    shown_kind,
)
from engine.rules.auction.formats.terms import Ascending, SessionTerms
from engine.rules.auction.increments import increment_at, minimum_bid
from engine.rules.auction.state import LotState
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId


class PublicLot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session as everybody sees it. Amounts are digit strings in minor units, instants microseconds."""

    lot: LotId
    seq: int
    phase: str
    price: str | None
    minimum: str | None
    """Least next bid, while bids are possible."""
    step: str
    leader_code: str | None
    bids: int
    bidders: int
    reserve: str
    """`none`, `public` or `secret`."""
    reserve_amount: str | None
    reserve_met: bool | None
    """None where the terms keep it to themselves or there is no reserve."""
    opens_at_us: InstantUs
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None
    window_us: DurationUs
    extensions: int
    halted_kind: str | None
    halted_reason: str
    remaining_us: DurationUs | None
    """Bidding time left when the clock was stopped."""
    resumes_at_us: InstantUs | None
    winner_code: str | None
    pass_reason: str | None
    ended_at_us: InstantUs | None
    end_reason: str
    play: PublicPlay | None = None
    """What another format than open ascending bids shows besides."""


class HistoryRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One public line of the bidding record."""

    seq: int
    at_us: InstantUs
    kind: str
    code: str | None = None
    """Who acted."""
    leader_code: str | None = None
    price: str | None = None
    automatic: bool = False
    """The leader's maximum answered."""
    extended: bool = False
    closes_at_us: InstantUs | None = None
    text: str = ""
    by_us: int | None = None


class You(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bidder sees of himself."""

    code: str
    leading: bool
    maximum: str | None
    """His own authorised maximum while he leads."""
    play: OwnPlay | None = None


def public_lot(state: LotState) -> PublicLot:
    """Return the session as everybody may see it."""
    reserve = state.terms.reserve
    price = state.price
    shows_met = reserve is not None and state.terms.show_reserve_met
    return PublicLot(
        lot=state.lot_id,
        seq=state.seq,
        phase=state.phase.value,
        price=_digits(price),
        minimum=None if state.phase.is_final or not _takes_open_bids(state) else str(minimum_bid(state)),
        step=str(increment_at(state.terms.increment, price if price is not None else state.terms.start_price)),
        leader_code=None if state.leader is None else state.codes[state.leader],
        bids=state.bids,
        bidders=len(state.codes),
        reserve="none" if reserve is None else "public" if reserve.public else "secret",
        reserve_amount=str(reserve.amount) if reserve is not None and reserve.public else None,
        reserve_met=state.reserve_met if shows_met and price is not None else None,
        opens_at_us=state.opens_at_us,
        free_ends_at_us=state.free_ends_at_us,
        closes_at_us=public_end_us(state),
        hard_end_us=state.hard_end_us,
        window_us=state.terms.closing.window_us(),
        extensions=state.extensions,
        halted_kind=None if state.halted_kind is None else state.halted_kind.value,
        halted_reason=state.halted_reason,
        remaining_us=_remaining_us(state),
        resumes_at_us=state.resumes_at_us,
        winner_code=None if state.winner is None else state.codes[state.winner],
        pass_reason=None if state.pass_reason is None else state.pass_reason.value,
        ended_at_us=state.ended_at_us,
        end_reason=state.end_reason,
        play=None if state.play is None else public_play(state),
    )


def public_end_us(state: LotState) -> InstantUs | None:
    """Return when bidding closes, as far as it is known and everybody may know it."""
    return None if hides_end(state) else state.closes_at_us


def tells_secret_floor(event: e.Event, play: SessionTerms | None) -> bool:
    """Tell whether an event holds the end of a clock whose floor is secret."""
    return play is not None and has_secret_floor(play) and isinstance(event, _TELL_THE_END)


_TELL_THE_END = (e.LotOpened, e.LotResumed, e.OutageCompensated, e.ClosingShifted)


def you(state: LotState, party_id: PartyId) -> You | None:
    """Return what this party sees of itself; None if it has no bidder code here."""
    code = state.codes.get(party_id)
    if code is None:
        return None
    leading = party_id == state.leader
    return You(
        code=code,
        leading=leading,
        maximum=_digits(state.leader_maximum) if leading else None,
        play=None if state.play is None else own_play(state, party_id),
    )


def history_row(seq: int, at_us: InstantUs, event: e.Event, play: SessionTerms | None) -> HistoryRow | None:
    """Return the public line for an event of a session; None for refusals and silent changes of a maximum.

    `play`: what makes the session one of another format, None for open ascending bids.
    """
    row = _row(seq, at_us, event)
    return replace(row, closes_at_us=None) if row is not None and tells_secret_floor(event, play) else row


def _row(seq: int, at_us: InstantUs, event: e.Event) -> HistoryRow | None:
    match event:
        case e.BidAccepted():
            if not event.price_changed:
                return None
            return HistoryRow(
                seq=seq,
                at_us=at_us,
                kind="bid",
                code=event.code,
                leader_code=event.leader_code,
                price=str(event.price),
                automatic=event.automatic,
                extended=event.extended,
                closes_at_us=event.closes_at_us,
            )
        case e.BidRejected():
            return None
        case e.BidderAdmitted():
            return HistoryRow(seq=seq, at_us=at_us, kind="admitted", code=event.code)
        case e.LotSold():
            return HistoryRow(
                seq=seq, at_us=at_us, kind="sold", code=event.code, leader_code=event.code, price=str(event.price)
            )
        case e.LotPassed():
            return HistoryRow(seq=seq, at_us=at_us, kind="passed", text=event.reason.value)
        case _:
            return (
                _format_row(seq, at_us, event) if isinstance(event, fe.FormatEvent) else _course_row(seq, at_us, event)
            )


def _format_row(seq: int, at_us: InstantUs, event: fe.FormatEvent) -> HistoryRow | None:
    kind = shown_kind(event)
    if kind is None or isinstance(event, fe.EnvelopeTaken):
        return None
    match event:
        case fe.PriceTaken() | fe.PriorityExercised() | fe.PriorityOpened():
            return HistoryRow(
                seq=seq, at_us=at_us, kind=kind, code=event.code, price=str(event.price), closes_at_us=event.closes_at_us,
                extended=isinstance(event, fe.PriorityExercised) and event.extended,
            )  # fmt: skip
        case fe.BestBidPlaced():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, code=event.code, price=str(event.amount))
        case fe.PriorityWaived():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, code=event.code)
        case fe.BidderExcluded() | fe.BidRefusedUnopened():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, code=event.code, text=event.reason)
        case fe.LotExtended():
            closes_at_us = event.closes_at_us
            return HistoryRow(
                seq=seq, at_us=at_us, kind=kind, text=event.reason, by_us=event.by_us, closes_at_us=closes_at_us
            )
        case fe.SealingClosed():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, text=event.commitment, closes_at_us=event.due_us)
        case fe.ScoresGiven() | fe.SharesContributed():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, text=str(event.place + 1))
        case fe.OpeningLate():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, closes_at_us=event.last_us)
        case fe.BidsOpened():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, by_us=len(event.bids), closes_at_us=event.closes_at_us)
        case fe.LotAllocated():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, price=_digits(event.price))


def _course_row(seq: int, at_us: InstantUs, event: e.Event) -> HistoryRow:
    kind = _COURSE_KINDS[type(event)]
    match event:
        case e.LotPaused() | e.LotVoided() | e.LotWithdrawn():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, text=event.reason)
        case e.LotResumed():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, text=event.reason, closes_at_us=event.closes_at_us)
        case e.ResumeScheduled():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, text=event.reason, closes_at_us=event.resumes_at_us)
        case e.LotInterrupted():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, by_us=event.to_us - event.from_us)
        case e.OutageCompensated():
            by_us = event.to_us - event.from_us
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, by_us=by_us, closes_at_us=event.closes_at_us)
        case e.ClosingShifted():
            return HistoryRow(
                seq=seq,
                at_us=at_us,
                kind=kind,
                by_us=event.by_us,
                closes_at_us=event.closes_at_us,
                text=event.cause_lot_id,
            )
        case e.LotOpened() | e.LimitedPeriodStarted():
            return HistoryRow(seq=seq, at_us=at_us, kind=kind, closes_at_us=event.closes_at_us)
        case _:
            return HistoryRow(seq=seq, at_us=at_us, kind=kind)


_COURSE_KINDS: dict[type[e.Event], str] = {
    e.LotPublished: "published",
    e.SessionPublished: "published",
    e.LotWithdrawn: "withdrawn",
    e.LotOpened: "opened",
    e.LimitedPeriodStarted: "limited",
    e.LotPaused: "paused",
    e.LotInterrupted: "interrupted",
    e.OutageCompensated: "compensated",
    e.ResumeScheduled: "resume_scheduled",
    e.LotResumed: "resumed",
    e.ClosingShifted: "shifted",
    e.LotVoided: "voided",
}


def _takes_open_bids(state: LotState) -> bool:
    return state.play is None or isinstance(state.play.terms.format, Ascending)


def _remaining_us(state: LotState) -> DurationUs | None:
    if state.halted_at_us is None or hides_end(state):
        return None
    deadline_us = state.closes_at_us if state.closes_at_us is not None else state.free_ends_at_us
    return None if deadline_us is None else DurationUs(max(0, deadline_us - state.halted_at_us))


def _digits(amount: Amount | None) -> str | None:
    return None if amount is None else str(amount)
