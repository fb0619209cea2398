"""Calendar days without a clock: ISO texts, day numbers, years added. Proleptic Gregorian; zone Asia/Shanghai, always UTC+8."""

from __future__ import annotations

import re
from typing import Final

from engine.values import InstantUs

SHANGHAI_US: Final = 8 * 3_600_000_000
DAY_US: Final = 86_400_000_000
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    """Tell whether a year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Return the number of days in a month."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def read_day(text: str) -> tuple[int, int, int] | None:
    """Return year, month and day of an ISO text; None if it is not a day that exists, 1900 to 2199."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not 1900 <= year <= 2199 or not 1 <= month <= 12 or not 1 <= day <= month_length(year, month):
        return None
    return year, month, day


def day_number(text: str) -> int | None:
    """Return days since 1970-01-01 of an ISO text; None if it is not a day."""
    parts = read_day(text)
    return None if parts is None else number_of(*parts)


def number_of(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01 (the usual arithmetic with years beginning in March)."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def day_text(number: int) -> str:
    """Return the ISO text of a day number."""
    number += 719_468
    era = number // 146_097
    of_era = number - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    year = year_of_era + era * 400 + (month <= 2)
    return f"{year:04d}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"


def today_number(at_us: InstantUs) -> int:
    """Return the day number of an instant in Chinese time."""
    return (at_us + SHANGHAI_US) // DAY_US


def last_day_of_years(first: str, years: int) -> str | None:
    """Return the last day of a term of years that counts its first day: the eve of the anniversary.

    A first day of 29 February whose anniversary does not exist gives 28 February, the end of the month. None if `first` is not a day.
    """
    parts = read_day(first)
    if parts is None:
        return None
    year, month, day = parts
    if month == 2 and day == 29 and not is_leap(year + years):
        return f"{year + years:04d}-02-28"
    return day_text(number_of(year + years, month, day) - 1)
