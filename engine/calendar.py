"""Statutory days of China: which days are worked, and when a period of days ends. Civil dates as integers, the table is data.

All days are days of Asia/Shanghai, UTC+8 without daylight saving, which the whole region keeps (domain.md §7.1). A period that
runs past the official notices is still answered, from weekends and the days that the law itself fixes, but says that it is not
certain; when the notice arrives, calling `period_end` again with the newer calendar is the recount.

Sources of the rules: Civil Code arts. 201 (the first day does not count), 203 (a last day that is a 法定休假日 moves to the day
after the rest ends; the day ends at 24:00); 全国年节及纪念日放假办法 of 2024-11-10 with the yearly notice of the State Council.
How art. 203 is read here is said at `period_end`.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from msgspec import Struct

from engine.values import SECOND_US, InstantUs

Day = NewType("Day", int)
"""Days since 1970-01-01 in Asia/Shanghai; day 0 began at 1969-12-31T16:00:00Z."""

DAY_US: Final = 86_400 * SECOND_US
DAYS_MAX: Final = 36_600
"""Bound on any period, in days: a hundred years."""
_OFFSET_US: Final = 8 * 3_600 * SECOND_US
_REST_MAX: Final = 60
"""No rest is longer; a table that has one is broken (the longest on record, in 2020, had 10 days)."""
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DAYS_OF_400_YEARS: Final = 146_097


class Calendar(Struct, frozen=True, kw_only=True):
    """The notices known to the market. Equal versions have equal content."""

    version: str
    """Kept with everything that was counted by it, so that it can be counted again when a newer table arrives."""
    first_day: Day
    last_day: Day
    """The days for which the official notices are complete, both included."""
    days_off: frozenset[Day]
    """Days off by notice, weekends among them."""
    make_up_days: frozenset[Day]
    """Weekend days that are worked by notice (调休)."""
    expected_days: frozenset[Day] = frozenset()
    """Statutory days after the notices whose dates follow the moon or the sun: known by calculation, not yet by notice."""
    fixed_days: frozenset[tuple[int, int]] = frozenset()
    """Month and day of the statutory days that the law itself fixes; they count only where there is no notice."""


class PeriodEnd(Struct, frozen=True, kw_only=True):
    """When a period ends."""

    ends_at_us: InstantUs
    """24:00 of the last day: what arrives before this instant is in time."""
    last_day: Day
    certain: bool
    """False: the official notices do not reach so far, the answer is provisional and must be shown as such."""


def day_of(at_us: InstantUs) -> Day:
    """Return the day in Asia/Shanghai on which an instant falls; midnight belongs to the day that begins."""
    return Day((at_us + _OFFSET_US) // DAY_US)


def start_of(day: Day) -> InstantUs:
    """Return 00:00 of a day."""
    return InstantUs(day * DAY_US - _OFFSET_US)


def end_of(day: Day) -> InstantUs:
    """Return 24:00 of a day, which is 00:00 of the next."""
    return start_of(Day(day + 1))


def weekday(day: Day) -> int:
    """Return 0 for Monday … 6 for Sunday; 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def day_from_civil(year: int, month: int, day: int) -> Day:
    """Return the day of a Gregorian date. The date must exist (see `parse_day`)."""
    # Years begin in March here, so that the leap day is the last of its year.
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return Day(era * _DAYS_OF_400_YEARS + day_of_era - 719_468)


def civil_of(day: Day) -> tuple[int, int, int]:
    """Return year, month and day of the month."""
    era, day_of_era = divmod(day + 719_468, _DAYS_OF_400_YEARS)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    months = (5 * day_of_year + 2) // 153
    month = (months + 2) % 12 + 1
    return era * 400 + year_of_era + (month <= 2), month, day_of_year - (153 * months + 2) // 5 + 1


def parse_day(text: str) -> Day | None:
    """Read `YYYY-MM-DD`; None if it is malformed or there is no such day."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date = (int(match[1]), int(match[2]), int(match[3]))
    if not 1 <= date[1] <= 12 or not 1 <= date[2] <= 31:
        return None
    day = day_from_civil(*date)
    return day if civil_of(day) == date else None


def format_day(day: Day) -> str:
    """Write a day as `YYYY-MM-DD`."""
    year, month, day_of_month = civil_of(day)
    return f"{year:04}-{month:02}-{day_of_month:02}"


def is_certain(calendar: Calendar, day: Day) -> bool:
    """Tell whether the official notices say of this day whether it is worked."""
    return calendar.first_day <= day <= calendar.last_day


def is_working(calendar: Calendar, day: Day) -> bool:
    """Tell whether a day is worked: by the notice; without one by the statutory days that are known; else Monday to Friday."""
    if day in calendar.make_up_days:
        return True
    if day in calendar.days_off:
        return False
    if day > calendar.last_day and (day in calendar.expected_days or civil_of(day)[1:] in calendar.fixed_days):
        return False
    return weekday(day) < 5


def working_days_after(calendar: Calendar, day: Day, count: int) -> Day:
    """Return the `count`-th working day after a day, which itself does not count.

    Raises:
        ValueError: the count is not between 1 and `DAYS_MAX`.
    """
    return _step(calendar, day, count, 1)


def working_days_before(calendar: Calendar, day: Day, count: int) -> Day:
    """Return the `count`-th working day before a day, which itself does not count.

    Raises:
        ValueError: the count is not between 1 and `DAYS_MAX`.
    """
    return _step(calendar, day, count, -1)


def next_working_day(calendar: Calendar, day: Day) -> Day:
    """Return the day itself if it is worked, else the first working day after it."""
    return day if is_working(calendar, day) else working_days_after(calendar, day, 1)


def working_days_between(calendar: Calendar, first: Day, last: Day) -> int:
    """Count the working days from `first` to `last`, both included; 0 if `last` is earlier.

    Raises:
        ValueError: more than `DAYS_MAX` days.
    """
    if last - first >= DAYS_MAX:
        raise ValueError(f"more than {DAYS_MAX} days")
    return sum(is_working(calendar, Day(day)) for day in range(first, last + 1))


def period_end(
    calendar: Calendar, from_us: InstantUs, *, days: int | None = None, working_days: int | None = None
) -> PeriodEnd:
    """Return when a period ends that an act at `from_us` sets going. Exactly one of the two lengths is given.

    The day of the act does not count (Civil Code art. 201). `days` are natural days: rests in between count, but a last day
    that is a 法定休假日 moves to the day after the rest ends (art. 203). `working_days` are counted one by one, so their last
    day is worked by itself.

    Reading of 法定休假日: every day off of the official arrangement, weekends and bridge days included; a make-up Saturday is
    worked and does not move. Reasons: art. 154 of the former General Principles said "Sunday or another 法定休假日"; commentary on
    art. 203 and domain.md §4.2 move a last day in the National Day break past the whole break. The narrower reading, the 13
    statutory days alone, would end some periods earlier: the wider one never cuts a period short. See docs/CODES.md.

    Args:
        calendar: The notices to count by.
        from_us: When the act happened.
        days: Length in natural days.
        working_days: Length in working days.

    Raises:
        ValueError: none or both lengths, or one that is not between 1 and `DAYS_MAX`.
    """
    if (days is None) == (working_days is None):
        raise ValueError("either days or working_days")
    start = day_of(from_us)
    if working_days is not None:
        return _ending(calendar, Day(start + 1), working_days_after(calendar, start, working_days))
    assert days is not None
    nominal = Day(start + _bounded(days))
    return _ending(calendar, nominal, next_working_day(calendar, nominal))


def latest_before(calendar: Calendar, at_us: InstantUs, *, working_days: int) -> PeriodEnd:
    """Return until when something is done that must be done `working_days` working days before an instant.

    Counted backwards without the day of the instant, like `period_end` forwards; the last moment is 24:00 of the day reached.
    Where a rule asks for that many full days in between, ask for one more.

    Raises:
        ValueError: the count is not between 1 and `DAYS_MAX`.
    """
    day = day_of(at_us)
    last = working_days_before(calendar, day, working_days)
    certain = is_certain(calendar, last) and is_certain(calendar, Day(day - 1))
    return PeriodEnd(ends_at_us=end_of(last), last_day=last, certain=certain)


def _ending(calendar: Calendar, first_asked: Day, last: Day) -> PeriodEnd:
    """Answer; certain if the notices cover every day that was looked up, `first_asked` to `last`."""
    certain = is_certain(calendar, first_asked) and is_certain(calendar, last)
    return PeriodEnd(ends_at_us=end_of(last), last_day=last, certain=certain)


def _step(calendar: Calendar, day: Day, count: int, direction: int) -> Day:
    left, idle = _bounded(count), 0
    while left:
        day = Day(day + direction)
        if is_working(calendar, day):
            left, idle = left - 1, 0
        else:
            idle += 1
            if idle > _REST_MAX:
                raise ValueError(f"no working day for {_REST_MAX} days at {format_day(day)}")
    return day


def _bounded(count: int) -> int:
    if not 1 <= count <= DAYS_MAX:
        raise ValueError(f"between 1 and {DAYS_MAX} days")
    return count
