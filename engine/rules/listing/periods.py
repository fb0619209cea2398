"""Counting the periods of a listing by the calendar: disclosure, extension cycles, the decision, answers, outages, suspensions.

Sources: 民法典 arts. 201-203 (the first day does not count); 2009 exchange rules arts. 18-23 as the template of the venues
(working days; an extension cycle follows the period without a gap; after a suspension a least rest and a least total).
"""

from __future__ import annotations

from msgspec import Struct

from engine.calendar import (
    DAY_US,
    Calendar,
    Day,
    PeriodEnd,
    day_of,
    latest_before,
    period_end,
    start_of,
    working_days_between,
)
from engine.rules.listing import events as e
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState
from engine.rules.listing.terms import ListingTerms
from engine.values import DurationUs, InstantUs, ceil_div

MINUTE_US = 60_000_000


class Period(Struct, frozen=True, kw_only=True):
    """A period that begins: its end, None where nothing is disclosed."""

    until_us: InstantUs | None
    certain: bool
    calendar_version: str
    working_days: int


def disclosure(terms: ListingTerms, calendar: Calendar, from_us: InstantUs, working_days: int | None = None) -> Period:
    """Return the disclosure period that an act at `from_us` sets going."""
    days = terms.disclosure_working_days if working_days is None else working_days
    if days == 0:
        return Period(until_us=None, certain=True, calendar_version=calendar.version, working_days=0)
    end = period_end(calendar, from_us, working_days=days)
    return Period(until_us=end.ends_at_us, certain=end.certain, calendar_version=calendar.version, working_days=days)


def follows(due_us: InstantUs) -> InstantUs:
    """Return from when to count what follows a period without a gap: the day that ends at `due_us` is the one that does not count."""
    return InstantUs(due_us - 1)


def answer_due(state: ListingState, calendar: Calendar, at_us: InstantUs) -> InstantUs:
    """Return by when the seller answers: by the terms, and after the intake a working day before the decision if that can be.

    The working day is for the deposit of a buyer whom the seller's silence qualifies.
    """
    due_us = period_end(calendar, at_us, working_days=state.terms.seller_answer_working_days).ends_at_us
    if state.decides_at_us is None:
        return due_us
    last_us = state.decides_at_us
    if state.terms.deposit is not None:
        before_us = latest_before(calendar, state.decides_at_us, working_days=2).ends_at_us
        last_us = before_us if before_us > at_us else last_us
    return min(due_us, last_us)


def deposit_due(state: ListingState, calendar: Calendar, at_us: InstantUs) -> InstantUs:
    """Return by when the deposit must be held: by the terms, never after the decision."""
    assert state.terms.deposit is not None
    due_us = period_end(calendar, at_us, working_days=state.terms.deposit.due_working_days).ends_at_us
    return due_us if state.decides_at_us is None else min(due_us, state.decides_at_us)


def session_opening(terms: ListingTerms, calendar: Calendar, at_us: InstantUs) -> InstantUs:
    """Return when the ordered session opens: the n-th working day after this one, at the minute of the terms."""
    assert terms.session is not None
    day = period_end(calendar, at_us, working_days=terms.session.opens_after_working_days).last_day
    return InstantUs(start_of(day) + terms.session.opens_at_minute * MINUTE_US)


def after_suspension(state: ListingState, calendar: Calendar, at_us: InstantUs) -> Period:
    """Return what is left of the disclosure period of a suspended listing that goes on at `at_us`.

    The working days that were left, the day of the suspension included; for state assets at least `rest_…` of them, and with the
    full working days before the suspension at least `total_…` (2009 rules arts. 22-23).
    """
    terms = state.terms
    if state.discloses_until_us is None or state.suspended_phase is not ListingPhase.LISTED:
        return Period(
            until_us=state.discloses_until_us, certain=True, calendar_version=calendar.version, working_days=0
        )
    assert state.suspended_at_us is not None and state.discloses_from_us is not None
    stopped, last = day_of(state.suspended_at_us), day_of(follows(state.discloses_until_us))
    left = working_days_between(calendar, stopped, last)
    if terms.state_asset is not None:
        shown = working_days_between(calendar, Day(day_of(state.discloses_from_us) + 1), Day(stopped - 1))
        total = terms.total_after_suspension_working_days
        left = max(left, terms.rest_after_suspension_working_days, total - shown)
    return disclosure(terms, calendar, at_us, max(1, left))


def resumed(state: ListingState, reason: str, calendar: Calendar, at_us: InstantUs) -> e.ListingResumed:
    """Return the event by which a suspended listing goes on: every other instant moves by the length of the suspension."""
    assert state.suspended_at_us is not None
    shift_us = at_us - state.suspended_at_us
    rest = after_suspension(state, calendar, at_us)
    if state.decides_at_us is not None and state.suspended_phase is ListingPhase.DECIDING:
        days = max(1, ceil_div(shift_us, DAY_US))
        counted_from_us = max(follows(state.decides_at_us), at_us)
        end = period_end(calendar, counted_from_us, working_days=days)
        return e.ListingResumed(
            reason=reason,
            discloses_until_us=state.discloses_until_us,
            decides_at_us=end.ends_at_us,
            certain=end.certain,
            calendar_version=calendar.version,
            shift_us=DurationUs(shift_us),
            counted_from_us=counted_from_us,
            working_days=days,
        )
    return e.ListingResumed(
        reason=reason,
        discloses_until_us=rest.until_us,
        decides_at_us=None,
        certain=rest.certain,
        calendar_version=rest.calendar_version,
        shift_us=DurationUs(shift_us),
        counted_from_us=at_us if rest.working_days else None,
        working_days=rest.working_days,
    )


def made_up(state: ListingState, calendar: Calendar, from_us: InstantUs, to_us: InstantUs) -> e.PeriodLengthened | None:
    """Return what makes up for an outage, None if it took nothing from anybody.

    An outage is made up for if it covers the end of a period (or the last moment of an answer, a deposit, a suspension), or if it
    is longer than the terms let pass. The period then lasts as many working days longer as the outage had begun days of 24 hours,
    and ends no earlier than so many working days after the service is back. No listing ends because nobody served.
    """
    if state.phase not in (ListingPhase.LISTED, ListingPhase.DECIDING, ListingPhase.SUSPENDED) or to_us <= from_us:
        return None
    listed, deciding = state.phase is ListingPhase.LISTED, state.phase is ListingPhase.DECIDING
    period_us = state.discloses_until_us if listed else state.decides_at_us if deciding else None
    ends = [end_us for end_us in (period_us, *_dues(state)) if end_us is not None]
    touched = any(from_us <= end_us <= to_us for end_us in ends)
    if not ends or (not touched and to_us - from_us <= state.terms.outage_max_us):
        return None
    days = ceil_div(to_us - from_us, DAY_US)
    counted_from_us = to_us if period_us is None else max(follows(period_us), to_us)
    end = period_end(calendar, counted_from_us, working_days=days)
    not_before = period_end(calendar, to_us, working_days=days)
    return _lengthened(state, calendar, counted_from_us, days, end, not_before, moves=period_us is not None)


def _lengthened(
    state: ListingState,
    calendar: Calendar,
    counted_from_us: InstantUs,
    days: int,
    end: PeriodEnd,
    not_before: PeriodEnd,
    *,
    moves: bool,
) -> e.PeriodLengthened:
    listed = moves and state.phase is ListingPhase.LISTED
    deciding = moves and state.phase is ListingPhase.DECIDING
    return e.PeriodLengthened(
        cause=e.LengthenCause.OUTAGE,
        cycle=state.cycles,
        discloses_until_us=end.ends_at_us if listed else state.discloses_until_us,
        certain=end.certain if moves else state.certain,
        calendar_version=calendar.version if moves else state.calendar_version,
        decides_at_us=end.ends_at_us if deciding else state.decides_at_us,
        due_not_before_us=not_before.ends_at_us,
        counted_from_us=counted_from_us if moves else state.counted_from_us,
        working_days=days if moves else state.counted_days,
    )


def _dues(state: ListingState) -> list[InstantUs]:
    if state.phase is ListingPhase.SUSPENDED:
        return [] if state.suspended_until_us is None else [state.suspended_until_us]
    waiting = (IntentPhase.SELLER_ASKED, IntentPhase.DEPOSIT_DUE)
    return [intent.due_us for intent in state.intents if intent.phase in waiting and intent.due_us is not None]


def recounted(state: ListingState, calendar: Calendar) -> e.PeriodRecounted | None:
    """Return the period in force counted by a newer calendar; None if it was certain or there is nothing to count.

    People rely on the end that was announced: it moves later, never earlier.
    """
    if state.certain or state.counted_from_us is None or calendar.version == state.calendar_version:
        return None
    end = period_end(calendar, state.counted_from_us, working_days=state.counted_days)
    listed, deciding = state.phase is ListingPhase.LISTED, state.phase is ListingPhase.DECIDING
    if not listed and not deciding:
        return None
    return e.PeriodRecounted(
        discloses_until_us=_later(state.discloses_until_us, end.ends_at_us) if listed else state.discloses_until_us,
        decides_at_us=_later(state.decides_at_us, end.ends_at_us) if deciding else state.decides_at_us,
        certain=end.certain,
        calendar_version=calendar.version,
    )


def _later(announced_us: InstantUs | None, counted_us: InstantUs) -> InstantUs:
    return counted_us if announced_us is None else max(announced_us, counted_us)
