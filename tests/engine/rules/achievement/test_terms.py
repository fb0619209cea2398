"""How long a right lasts: L-PAT 42 (20, 10, 15 years from filing), Civil Code 201–202 for the 29th of February."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.achievement.days import DAY_US, SHANGHAI_US, day_number, day_text, last_day_of_years, read_day
from engine.rules.achievement.record import Right, RightKind, RightStatus
from engine.rules.achievement.rights import ends_at_us, is_alive, last_day, remaining_days
from engine.values import InstantUs

INVENTION, MODEL, DESIGN = RightKind.INVENTION, RightKind.UTILITY_MODEL, RightKind.DESIGN


def noon(day: str) -> InstantUs:
    """Noon of a day in Shanghai."""
    number = day_number(day)
    assert number is not None
    return InstantUs(number * DAY_US - SHANGHAI_US + DAY_US // 2)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_days_are_those_of_the_calendar(day: date):
    number = (day - date(1970, 1, 1)).days
    assert day_number(day.isoformat()) == number
    assert day_text(number) == day.isoformat()


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-04-31",
        "24-01-01",
        "2024-1-1",
        "",
        "2024-01-01T00:00",
        "\uff11\uff19\uff19\uff19-01-01",
        "2300-01-01",
    ],
)
def test_what_is_no_day_is_none(text: str):
    assert read_day(text) is None


@pytest.mark.parametrize(
    ("kind", "filed", "last"),
    [
        (INVENTION, "2004-03-01", "2024-02-29"), (INVENTION, "2005-03-01", "2025-02-28"), (INVENTION, "2004-02-29", "2024-02-28"),
        (MODEL, "2004-02-29", "2014-02-28"), (MODEL, "1999-09-06", "2009-09-05"), (DESIGN, "2022-01-01", "2036-12-31"),
        (DESIGN, "2024-02-29", "2039-02-28"), (MODEL, "2014-03-01", "2024-02-29"),
    ],
)  # fmt: skip
def test_the_term_is_20_10_and_15_years_and_its_first_day_is_the_filing_day(kind: RightKind, filed: str, last: str):
    assert last_day(Right(kind=kind, filed_on=filed)) == last


@given(st.dates(date(1985, 1, 1), date(2100, 12, 31)), st.sampled_from([10, 15, 20]))
def test_the_day_after_the_term_is_the_anniversary(filed: date, years: int):
    last = last_day_of_years(filed.isoformat(), years)
    assert last is not None
    after = date.fromisoformat(last) + timedelta(1)
    if (filed.month, filed.day) == (2, 29) and after.day == 1:
        assert (after.year, after.month) == (filed.year + years, 3)
    else:
        assert (after.year, after.month, after.day) == (filed.year + years, filed.month, filed.day)


def test_remaining_days_count_today_and_end_at_midnight_in_china():
    right = Right(kind=MODEL, filed_on="2016-11-25")  # last day 2026-11-24
    assert remaining_days(right, noon("2026-11-24")) == 1
    assert remaining_days(right, noon("2026-11-23")) == 2
    assert remaining_days(right, noon("2026-11-25")) == 0
    end = ends_at_us(right)
    assert end is not None
    assert is_alive(right, InstantUs(end - 1))
    assert not is_alive(right, end)
    # 24:00 in Shanghai is 16:00 UTC.
    assert end % DAY_US == 16 * 3_600_000_000


@pytest.mark.parametrize(
    "kind", [RightKind.KNOW_HOW, RightKind.SOFTWARE, RightKind.PLANT_VARIETY, RightKind.LAYOUT, RightKind.BIO_VARIETY]
)
def test_terms_that_were_not_read_are_not_reckoned(kind: RightKind):
    right = Right(kind=kind, filed_on="1990-01-01")
    assert last_day(right) is None
    assert remaining_days(right, noon("2026-01-01")) is None
    assert is_alive(right, noon("2026-01-01"))
    told = Right(kind=kind, expires_on="2026-01-02")
    assert remaining_days(told, noon("2026-01-01")) == 2
    assert not is_alive(told, noon("2026-01-03"))


@pytest.mark.parametrize(
    ("status", "alive"),
    [
        (RightStatus.LAPSED, False),
        (RightStatus.INVALID, False),
        (RightStatus.PENDING, True),
        (RightStatus.GRANTED, True),
        (RightStatus.HELD, True),
    ],
)
def test_what_lapsed_is_over_whatever_its_term(status: RightStatus, alive: bool):
    assert is_alive(Right(kind=INVENTION, filed_on="2020-01-01", status=status), noon("2026-01-01")) is alive
