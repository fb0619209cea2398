"""Counting the period: whole days on which everybody could read exactly this content, and when enough of them have passed.

A *whole day* is a calendar day of Asia/Shanghai that lies entirely within a leg (no objection open, no revision under way) and on which
the public page was away no longer than the terms let pass. The day of publication, of an objection and of resumption are not whole.
The period ends at 24:00 of the day with which the number is complete, or of the first working day after it (民法典 arts. 201-203); a
last day whose end nobody could use, because the page was away at 24:00, is followed by another working day. An end that was announced
moves later, never earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.calendar import (
    DAY_US,
    Calendar,
    Day,
    PeriodEnd,
    day_of,
    end_of,
    is_certain,
    next_working_day,
    start_of,
)
from engine.rules.publicity.state import Gap, Leg, NoticeState
from engine.rules.publicity.terms import NoticeTerms
from engine.values import DurationUs, InstantUs

GAPS_MAX: Final = 400
"""Gaps kept apart; beyond them the two nearest become one, which never makes a period shorter."""


def full_days(state: NoticeState, at_us: InstantUs) -> int:
    """Return the whole days of this round up to an instant."""
    return _shown(state.legs, lost_days(state.gaps, state.terms.downtime_per_day_us), at_us)


def lost_days(gaps: Iterable[Gap], downtime_us: DurationUs) -> frozenset[Day]:
    """Return the days on which the page was away longer than `downtime_us` altogether."""
    away: dict[Day, int] = {}
    for gap in gaps:
        for number in range(day_of(gap.from_us), day_of(InstantUs(gap.to_us - 1)) + 1):
            day = Day(number)
            inside = min(gap.to_us, end_of(day)) - max(gap.from_us, start_of(day))
            away[day] = away.get(day, 0) + inside
    return frozenset(day for day, us in away.items() if us > downtime_us)


def lost_in(legs: Iterable[Leg], gaps: tuple[Gap, ...], terms: NoticeTerms, at_us: InstantUs) -> int:
    """Return how many days of these legs do not count because the page was away, the day of the instant among them."""
    legs, through_us = tuple(legs), end_of(day_of(at_us))
    lost = lost_days(gaps, terms.downtime_per_day_us)
    return _shown(legs, frozenset(), through_us) - _shown(legs, lost, through_us)


def publicity_end(
    terms: NoticeTerms,
    legs: tuple[Leg, ...],
    gaps: tuple[Gap, ...],
    calendar: Calendar,
    announced_us: InstantUs | None = None,
) -> PeriodEnd:
    """Return when the period ends whose last leg runs now.

    Args:
        terms: Length of the period and the downtime that a day may have.
        legs: Of this round; the last one is open.
        gaps: Of this round.
        calendar: The statutory days to count by.
        announced_us: The end in force so far; the answer is not earlier.
    """
    *closed, running = legs
    lost = lost_days(gaps, terms.downtime_per_day_us)
    left = max(1, terms.days - _shown(closed, lost, running.from_us))
    nominal = day_of(running.from_us)
    while left:
        nominal = Day(nominal + 1)
        left -= nominal not in lost
    last = next_working_day(calendar, nominal)
    if announced_us is not None:
        last = max(last, day_of(InstantUs(announced_us - 1)))
    while last in lost or any(gap.from_us < end_of(last) <= gap.to_us for gap in gaps):
        last = next_working_day(calendar, Day(last + 1))
    certain = is_certain(calendar, nominal) and is_certain(calendar, last)
    return PeriodEnd(ends_at_us=end_of(last), last_day=last, certain=certain)


def with_gap(gaps: tuple[Gap, ...], new: Gap) -> tuple[Gap, ...]:
    """Return the gaps with one more, apart from each other and in order."""
    merged: list[Gap] = []
    for gap in sorted((*gaps, new), key=lambda one: one.from_us):
        if merged and gap.from_us <= merged[-1].to_us:
            merged[-1] = Gap(from_us=merged[-1].from_us, to_us=max(merged[-1].to_us, gap.to_us))
        else:
            merged.append(gap)
    while len(merged) > GAPS_MAX:
        place = min(range(len(merged) - 1), key=lambda at: merged[at + 1].from_us - merged[at].to_us)
        merged[place : place + 2] = [Gap(from_us=merged[place].from_us, to_us=merged[place + 1].to_us)]
    return tuple(merged)


def _shown(legs: Iterable[Leg], lost: frozenset[Day], at_us: InstantUs) -> int:
    """Count the whole days of some legs up to an instant."""
    found = 0
    for leg in legs:
        first = Day(day_of(leg.from_us) + 1)
        until_us = at_us if leg.to_us is None else min(leg.to_us, at_us)
        after_last = day_of(until_us)
        found += max(0, after_last - first) - sum(first <= day < after_last for day in lost)
    return found


LONGEST_GAP_US: Final = DurationUs(400 * DAY_US)
"""A longer gap is not believed: it would move an end beyond every calendar."""
