"""The end of a session: deadlines, extensions, and the time given back after a halt.

Sources: 网络司法拍卖规定 art. 20 (five minutes from the bid), 动态报价 rules (free and timed periods), domain rules §2.2-2.4.
Instant of closing: whatever is decided at or after the deadline is late.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.rules.auction.formats.deadlines import is_own_stage, next_stage_end
from engine.rules.auction.state import LIMITED, OPEN, LotState, Phase
from engine.rules.auction.terms import Closing, ExtensionFrom
from engine.values import DurationUs, InstantUs


class Deadlines(Struct, frozen=True):
    """All instants that bind a session, in force after some change."""

    opens_at_us: InstantUs
    free_ends_at_us: InstantUs | None
    closes_at_us: InstantUs | None
    hard_end_us: InstantUs | None


def next_deadline(state: LotState) -> InstantUs | None:
    """Return the next instant at which the session changes by itself, None if only people can change it."""
    phase = state.phase
    if state.play is not None and is_own_stage(state):
        return next_stage_end(state)
    if phase is OPEN and state.free_ends_at_us is not None:
        return state.free_ends_at_us
    if phase is OPEN or phase is LIMITED:
        return state.closes_at_us if state.closes_at_us is not None else state.hard_end_us
    match phase:
        case Phase.SCHEDULED:
            return state.opens_at_us
        case Phase.PAUSED | Phase.INTERRUPTED:
            return state.resumes_at_us
        case _:
            return None


def capped(instant_us: int, hard_end_us: InstantUs | None) -> InstantUs:
    """Return the instant, but no later than the hard end where there is one."""
    return InstantUs(instant_us if hard_end_us is None else min(instant_us, hard_end_us))


def is_past(closing: Closing, at_us: InstantUs) -> bool:
    """Tell whether a period in which everybody could have bid is over before a session under these terms is published."""
    free_ends_us = None if closing.free_period_us is None else closing.opens_at_us + closing.free_period_us
    ends = (closing.closes_at_us, free_ends_us, closing.hard_end_us)
    return any(end_us is not None and end_us <= at_us for end_us in ends)


def at_opening(closing: Closing, deadlines: Deadlines) -> tuple[InstantUs | None, InstantUs | None]:
    """Return (free period ends, bidding closes) as they stand when bidding opens; None for what is not known yet."""
    if closing.free_period_us is not None:
        return deadlines.free_ends_at_us, None
    return None, None if deadlines.closes_at_us is None else capped(deadlines.closes_at_us, deadlines.hard_end_us)


def after_bid(state: LotState, at_us: InstantUs) -> tuple[InstantUs | None, bool]:
    """Return (end of bidding, whether it moved) after a bid accepted at `at_us` that changed the price.

    The first bid may start the clock; a bid in the closing window extends; nothing extends beyond the hard end or the
    greatest number of extensions; in the free period nothing moves.
    """
    closing, closes_at_us = state.terms.closing, state.closes_at_us
    if closes_at_us is None:
        if closing.first_bid_clock_us is None:
            return None, False
        return capped(at_us + closing.first_bid_clock_us, state.hard_end_us), False
    if closing.extensions_max is not None and state.extensions >= closing.extensions_max:
        return closes_at_us, False
    lengthening_us = closing.lengthening_us()
    if not lengthening_us or closes_at_us - at_us > closing.window_us():
        return closes_at_us, False
    start_us = at_us if closing.extension_from is ExtensionFrom.BID_TIME else closes_at_us
    moved_us = max(closes_at_us, capped(start_us + lengthening_us, state.hard_end_us))
    return moved_us, moved_us > closes_at_us


def shifted(state: LotState, by_us: int) -> Deadlines:
    """Return all coming deadlines moved by `by_us`."""
    return Deadlines(
        opens_at_us=_moved(state.opens_at_us, by_us) if state.phase is Phase.SCHEDULED else state.opens_at_us,
        free_ends_at_us=None if state.free_ends_at_us is None else _moved(state.free_ends_at_us, by_us),
        closes_at_us=None if state.closes_at_us is None else _moved(state.closes_at_us, by_us),
        hard_end_us=None if state.hard_end_us is None else _moved(state.hard_end_us, by_us),
    )


def at_resumption(state: LotState, resumes_at_us: InstantUs) -> Deadlines:
    """Return the deadlines when a halted session goes on at `resumes_at_us`.

    The time that remained at the halt is given back, and at least one full closing window before the end; while no bid has
    started the clock, the hard end is the end.
    """
    assert state.halted_at_us is not None
    by_us = max(0, resumes_at_us - state.halted_at_us)
    closes_at_us = None if state.closes_at_us is None else _moved(state.closes_at_us, by_us)
    hard_end_us = None if state.hard_end_us is None else _moved(state.hard_end_us, by_us)
    if state.halted_phase is not Phase.SCHEDULED:
        earliest_us = InstantUs(resumes_at_us + state.terms.closing.window_us())
        closes_at_us = None if closes_at_us is None else max(closes_at_us, earliest_us)
        hard_end_us = None if hard_end_us is None else max(hard_end_us, closes_at_us or earliest_us)
    scheduled = state.halted_phase is Phase.SCHEDULED
    return Deadlines(
        opens_at_us=_moved(state.opens_at_us, by_us) if scheduled else state.opens_at_us,
        free_ends_at_us=None if state.free_ends_at_us is None else _moved(state.free_ends_at_us, by_us),
        closes_at_us=closes_at_us,
        hard_end_us=hard_end_us,
    )


HAND_OVER_MAX_US: Final = DurationUs(5_000_000)
"""A hand-over from engine to engine that took longer is an outage like any other. Up to it, whatever deadline fell into it moves by its
length: what was announced as bidding time is given in full, only later."""


def is_touched_by_outage(state: LotState, to_us: InstantUs) -> bool:
    """Tell whether an outage that lasted until `to_us` reached a deadline or the closing window of a session that takes bids."""
    deadline_us = next_deadline(state)
    if deadline_us is None:
        return False
    ends_bidding = state.free_ends_at_us is None or state.phase is Phase.LIMITED
    window_us = state.terms.closing.window_us() if ends_bidding else 0
    return to_us >= deadline_us - window_us


def _moved(instant_us: InstantUs, by_us: int) -> InstantUs:
    return InstantUs(instant_us + by_us)
