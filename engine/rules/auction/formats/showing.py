"""What everybody sees of a session of another format, and when. Before the opening: neither who left an envelope nor how many did."""

from __future__ import annotations

from msgspec import Struct

from engine.rules.auction.clearing.descending import runs_us
from engine.rules.auction.clearing.priority import PriorityMode
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats.holders import holder_of, to_be_asked
from engine.rules.auction.formats.play import Play
from engine.rules.auction.formats.refusing import play_of
from engine.rules.auction.formats.results import is_challenged, mark_of, totals_of
from engine.rules.auction.formats.terms import (
    Falling,
    Hybrid,
    PackageLot,
    Packages,
    SessionTerms,
    Units,
    clock_of,
    format_of,
)
from engine.rules.auction.state import LotState, Phase
from engine.values import InstantUs, LotId, PartyId


class PublicClock(Struct, frozen=True, kw_only=True):
    """The falling price, for everybody to follow: the start less one step for each `step_us` since `started_us`."""

    start: str
    step: str
    step_us: int
    started_us: InstantUs
    floor: str | None
    stopped_us: InstantUs | None = None
    """Since when it stands still; the price of that instant stands meanwhile."""


class PublicOpening(Struct, frozen=True, kw_only=True):
    """The opening of sealed bids, live: the commitment, whose shares are there, what was opened."""

    commitment: str
    codes: tuple[str, ...]
    due_us: InstantUs
    last_us: InstantUs
    late: bool
    shares: tuple[int, ...]
    """Places of the officers who have brought theirs; 2 is the supervisor's recovery share."""
    scored: int
    """Assessors who have scored."""
    refused: dict[str, str]


class PublicBid(Struct, frozen=True, kw_only=True):
    """A sealed bid after its opening."""

    code: str
    amount: str
    quantity: int
    parts: tuple[tuple[tuple[str, ...], str], ...]
    total_ppm: int | None
    plan_scores_ppm: dict[str, int] | None


class PublicShare(Struct, frozen=True, kw_only=True):
    """What one bidder got."""

    code: str
    quantity: int
    price: str
    lots: tuple[str, ...]


class PublicPlay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What another format shows besides what every session shows; parts that do not apply are left out."""

    format: str
    round_no: int = 1
    previous_lot: LotId | None = None
    clock: PublicClock | None = None
    units: int | None = None
    left: int | None = None
    lots: tuple[str, ...] = ()
    opening: PublicOpening | None = None
    bids: tuple[PublicBid, ...] = ()
    broken: dict[str, str] = {}
    least_best_bid: str | None = None
    priority: str | None = None
    """How rights of priority are exercised, P1 to P5."""
    exercised: tuple[str, ...] = ()
    """Codes of the holders who exercised at the standing price."""
    waiting_for: int | None = None
    """Holders who are still waited for."""
    shares: tuple[PublicShare, ...] = ()


class PublicRules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The terms of a format as everybody may read them; they never change. A secret floor and the holders' names are not here."""

    format: str
    pricing: str | None = None
    tie: str | None = None
    replaceable: bool = False
    ceiling: str | None = None
    floor: str | None = None
    units: int | None = None
    per_bidder_max: int | None = None
    price_weight: int | None = None
    criteria: tuple[tuple[str, int], ...] = ()
    assessors: int = 0
    lots: tuple[PackageLot, ...] = ()
    sealed_round_us: int | None = None
    best_bid_us: int | None = None
    officer_keys: tuple[str, ...] = ()
    """Public keys of the two officers and of the supervisor's recovery share: what a sealed bid is encrypted to."""
    opening_due_us: int | None = None
    opening_last_us: int | None = None
    priority: str | None = None
    priority_ranks: tuple[int, ...] = ()
    priority_window_us: int | None = None
    priority_notified: str = ""
    round_no: int = 1
    rounds_max: int | None = None
    cut_max_bps: int | None = None


class OwnPlay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bidder alone sees of his part in it."""

    envelope_seq: int | None = None
    envelope_digest: str | None = None
    taker: bool = False
    taken: int = 0
    """Units he has taken at a falling price."""
    may_exercise: bool = False
    """He holds a right of priority and may buy at the price that stands now: in the room by bidding equal, afterwards when asked."""
    excluded: bool = False


def public_play(state: LotState) -> PublicPlay:
    """Return what everybody may see now."""
    play = play_of(state)
    kind = play.terms.format
    several = isinstance(kind, (Falling, Units)) and kind.units
    waiting = state.phase is Phase.PRIORITY and state.leader is not None
    return PublicPlay(
        format=format_of(play.terms),
        round_no=play.terms.round_no,
        previous_lot=play.terms.previous_lot,
        clock=_clock(state, play),
        units=several or None,
        left=kind.units - play.taken if isinstance(kind, Falling) else None,
        lots=tuple(one.name for one in kind.lots) if isinstance(kind, Packages) else (),
        opening=_opening(state, play),
        bids=_bids(state, play),
        broken=play.broken,
        least_best_bid=_least_best_bid(state, play),
        priority=None if play.terms.priority is None else play.terms.priority.mode.value,
        exercised=tuple(one.code for one in play.exercises if one.price == state.price),
        waiting_for=len(to_be_asked(state, state.leader, state.price))
        if waiting and state.leader is not None
        else None,
        shares=tuple(
            PublicShare(code=one.code, quantity=one.quantity, price=str(one.price), lots=one.lots)
            for one in play.allocated
        ),
    )


def public_rules(play: SessionTerms) -> PublicRules:
    """Return the terms of a format as everybody may read them."""
    kind, opening, priority, rounds = play.format, play.opening, play.priority, play.rounds
    pricing, tie = getattr(kind, "pricing", None), getattr(kind, "tie", None)
    ceiling, floor = getattr(kind, "ceiling", None), getattr(kind, "floor", None)
    return PublicRules(
        format=format_of(play),
        pricing=None if pricing is None else pricing.value,
        tie=None if tie is None else tie.value,
        replaceable=getattr(kind, "replaceable", False),
        ceiling=None if ceiling is None else str(ceiling),
        floor=None if floor is None else str(floor),
        units=getattr(kind, "units", None),
        per_bidder_max=getattr(kind, "per_bidder_max", None),
        price_weight=getattr(kind, "price_weight", None),
        criteria=tuple((one.name, one.weight) for one in getattr(kind, "criteria", ())),
        assessors=len(getattr(kind, "assessors", ())),
        lots=kind.lots if isinstance(kind, Packages) else (),
        sealed_round_us=getattr(kind, "sealed_round_us", None),
        best_bid_us=getattr(kind, "best_bid_us", None),
        officer_keys=() if opening is None else (*(one.key for one in opening.officers), opening.recovery.key),
        opening_due_us=None if opening is None else opening.due_us,
        opening_last_us=None if opening is None else opening.last_us,
        priority=None if priority is None else priority.mode.value,
        priority_ranks=() if priority is None else tuple(sorted(one.rank for one in priority.holders)),
        priority_window_us=None if priority is None else priority.window_us,
        priority_notified="" if priority is None else priority.notified,
        round_no=play.round_no,
        rounds_max=None if rounds is None else rounds.rounds_max,
        cut_max_bps=None if rounds is None else rounds.cut_max_bps,
    )


def hides_end(state: LotState) -> bool:
    """Tell whether the end of the bidding is the end of the clock, which would give away a secret floor: even after a sale."""
    if state.play is None or not has_secret_floor(state.play.terms):
        return False
    if isinstance(state.play.terms.format, Hybrid):
        return not state.play.takings
    return Phase.PRIORITY not in (state.phase, state.halted_phase)


def has_secret_floor(play: SessionTerms) -> bool:
    """Tell whether nobody may learn at which price the clock ends."""
    return isinstance(play.format, (Falling, Hybrid)) and play.format.secret_floor


def own_play(state: LotState, party: PartyId) -> OwnPlay:
    """Return what a bidder alone may see."""
    play = play_of(state)
    held = play.envelopes.get(party)
    asked = (
        state.phase is Phase.PRIORITY
        and state.leader is not None
        and party in to_be_asked(state, state.leader, state.price)
    )
    return OwnPlay(
        envelope_seq=None if held is None else held.seq,
        envelope_digest=None if held is None else held.digest,
        taker=mark_of(play)[0] == party,
        taken=sum(one.quantity for one in play.takings if one.bidder_id == party),
        may_exercise=(asked and holder_of(state, party) is not None) or _may_bid_equal(state, play, party),
        excluded=party in state.excluded,
    )


def _may_bid_equal(state: LotState, play: Play, party: PartyId) -> bool:
    """Tell whether a bid equal to the top would be the exercise of a right (P1)."""
    priority = play.terms.priority
    if priority is None or priority.mode is not PriorityMode.IN_ROOM or state.phase not in (Phase.OPEN, Phase.LIMITED):
        return False
    if state.price is None or party == state.leader or party in state.excluded or holder_of(state, party) is None:
        return False
    said = {one.code for one in play.exercises if one.price == state.price}
    return state.codes.get(party) not in said


def shown_kind(event: fe.FormatEvent) -> str | None:
    """Return the kind of the public line of an event, None for what nobody else may know yet."""
    return None if isinstance(event, fe.EnvelopeTaken) else _KINDS[type(event)]


_KINDS: dict[type[Struct], str] = {
    fe.PriceTaken: "price_taken",
    fe.SealingClosed: "sealing_closed",
    fe.BidRefusedUnopened: "bid_refused",
    fe.ScoresGiven: "scores_given",
    fe.SharesContributed: "shares",
    fe.OpeningLate: "opening_late",
    fe.BidsOpened: "opened_bids",
    fe.BestBidPlaced: "best_bid",
    fe.PriorityOpened: "priority_opened",
    fe.PriorityExercised: "priority_exercised",
    fe.PriorityWaived: "priority_waived",
    fe.BidderExcluded: "excluded",
    fe.LotExtended: "extended",
    fe.LotAllocated: "allocated",
}


def _clock(state: LotState, play: Play) -> PublicClock | None:
    clock = clock_of(play.terms)
    running = state.halted_phase or state.phase
    if clock is None or state.closes_at_us is None or running not in (Phase.SCHEDULED, Phase.OPEN):
        return None
    return PublicClock(
        start=str(clock.start),
        step=str(clock.step),
        step_us=clock.step_us,
        started_us=InstantUs(state.closes_at_us - runs_us(clock)),
        floor=None if hides_end(state) else str(clock.floor),
        stopped_us=state.halted_at_us,
    )


def _opening(state: LotState, play: Play) -> PublicOpening | None:
    if play.due_us is None or play.last_us is None:
        return None
    return PublicOpening(
        commitment=play.commitment,
        codes=tuple(sorted(state.codes[party] for party in play.envelopes)),
        due_us=play.due_us,
        last_us=play.last_us,
        late=play.late,
        shares=tuple(sorted(int(place) for place in play.shares)),
        scored=len(play.scores),
        refused=play.refused,
    )


def _bids(state: LotState, play: Play) -> tuple[PublicBid, ...]:
    totals = {one.code: one for one in totals_of(state, play.bids)}
    shown = []
    for bid in play.bids:
        total = totals.get(bid.code)
        shown.append(
            PublicBid(
                code=bid.code,
                amount=str(bid.amount),
                quantity=bid.quantity,
                parts=tuple((lots, str(amount)) for lots, amount, _ in bid.parts),
                total_ppm=None if total is None else total.total_ppm,
                plan_scores_ppm=None if total is None else total.plan_scores_ppm,
            )
        )
    return tuple(shown)


def _least_best_bid(state: LotState, play: Play) -> str | None:
    least = is_challenged(state, play.bids) if state.phase is Phase.BEST_BID else None
    return None if least is None else str(least)
