"""Days, working days and ends of periods: by the official notices, at their edges, and beyond them."""

from __future__ import annotations

import ast
import datetime
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.calendar import (
    DAY_US,
    DAYS_MAX,
    Calendar,
    Day,
    civil_of,
    day_from_civil,
    day_of,
    end_of,
    format_day,
    is_certain,
    is_working,
    latest_before,
    next_working_day,
    parse_day,
    period_end,
    start_of,
    weekday,
    working_days_after,
    working_days_before,
    working_days_between,
)
from engine.catalogue.codes.calendar_data import PACKAGED, load_calendar
from engine.values import InstantUs

CALENDAR = load_calendar()
SHARED = Path(__file__).parents[3] / "shared" / "data" / "cn_holidays"
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))


def day(text: str) -> Day:
    found = parse_day(text)
    assert found is not None, text
    return found


def at(text: str) -> InstantUs:
    """An instant from local time, `2026-03-02T09:30`."""
    return InstantUs(int(datetime.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()) * 1_000_000)


OFFICIAL = st.integers(day("2007-01-01"), day("2026-11-30")).map(Day)
ANY_DAY = st.integers(day("1900-01-01"), day("2199-12-31")).map(Day)


# Civil dates


@given(st.integers(datetime.date(1600, 1, 1).toordinal(), datetime.date(2400, 12, 31).toordinal()))
@example(datetime.date(2000, 2, 29).toordinal())
@example(datetime.date(1900, 3, 1).toordinal())
def test_days_and_civil_dates_agree_with_the_gregorian_calendar(ordinal: int) -> None:
    date = datetime.date.fromordinal(ordinal)
    found = Day(ordinal - datetime.date(1970, 1, 1).toordinal())
    assert civil_of(found) == (date.year, date.month, date.day)
    assert day_from_civil(date.year, date.month, date.day) == found
    assert weekday(found) == date.weekday()
    assert format_day(found) == date.isoformat()
    assert parse_day(date.isoformat()) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-2-3",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-01-00",
        "2026-04-31",
        "20260401",
        "\uff12026-04-01",
    ],
)
def test_what_is_no_day_is_not_read(text: str) -> None:
    assert parse_day(text) is None


@pytest.mark.parametrize(
    "instant, expected",
    [
        ("2026-03-02T00:00", "2026-03-02"),
        ("2026-03-02T07:59", "2026-03-02"),
        ("2026-03-02T23:59", "2026-03-02"),
        ("2026-12-31T23:59", "2026-12-31"),
        ("1969-12-31T12:00", "1969-12-31"),
    ],
)
def test_an_instant_falls_on_the_day_of_shanghai(instant: str, expected: str) -> None:
    assert format_day(day_of(at(instant))) == expected


@given(ANY_DAY)
def test_a_day_is_half_open(a_day: Day) -> None:
    assert day_of(start_of(a_day)) == a_day
    assert day_of(InstantUs(end_of(a_day) - 1)) == a_day
    assert day_of(end_of(a_day)) == a_day + 1
    assert end_of(a_day) - start_of(a_day) == DAY_US


# Working days


@pytest.mark.parametrize(
    "date, working",
    [
        ("2026-02-13", True),  # Friday before Spring Festival
        ("2026-02-14", True),  # Saturday made up
        ("2026-02-15", False),
        ("2026-02-16", False),  # New Year's Eve
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-02-28", True),  # Saturday made up
        ("2026-03-01", False),  # an ordinary Sunday
        ("2026-01-04", True),  # Sunday made up for New Year
        ("2026-05-09", True),  # Saturday made up for Labour Day
        ("2026-09-20", True),  # Sunday made up for National Day
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),  # Saturday made up
        ("2020-01-31", False),  # Spring Festival made longer by a second notice
        ("2020-02-03", True),
        ("2015-09-03", False),  # a holiday of one year only
        ("2012-10-07", False),
        ("2024-02-09", True),  # New Year's Eve, worked that year by the notice
        ("2025-01-28", False),
    ],
)
def test_days_are_worked_as_the_notice_of_the_year_says(date: str, working: bool) -> None:
    assert is_working(CALENDAR, day(date)) is working
    assert is_certain(CALENDAR, day(date))


@pytest.mark.parametrize("source", [PACKAGED, SHARED], ids=["packaged", "shared"])
def test_every_day_from_2007_to_2026_is_as_in_the_tables(source: Path) -> None:
    if not source.is_dir():
        pytest.skip(f"{source} is not here; the packaged tables are the same files")
    said: dict[str, bool] = {}
    for path in sorted(source.glob("20??.json")):
        for entry in json.loads(path.read_text(encoding="utf-8"))["days"]:
            said[entry["date"]] = not entry["isOffDay"]
    date, count = datetime.date(2007, 1, 1), 0
    while date <= datetime.date(2026, 12, 28):
        expected = said.get(date.isoformat(), date.weekday() < 5)
        assert is_working(CALENDAR, day(date.isoformat())) is expected, date
        date, count = date + datetime.timedelta(1), count + 1
    assert count == 7_302


def test_the_packaged_tables_are_those_that_were_handed_over() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here")
    for path in SHARED.glob("20??.json"):
        assert (PACKAGED / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize(
    "start, count, expected",
    [
        ("2026-02-10", 3, "2026-02-13"),
        ("2026-02-10", 4, "2026-02-14"),  # the made-up Saturday counts
        ("2026-02-10", 5, "2026-02-24"),  # over Spring Festival
        ("2026-02-10", 9, "2026-02-28"),  # and over the second made-up Saturday
        ("2026-09-18", 1, "2026-09-20"),  # Friday, then a made-up Sunday
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-09-30", 3, "2026-10-10"),
        ("2025-12-31", 1, "2026-01-04"),  # over the year, with a Sunday made up
        ("2026-03-07", 1, "2026-03-09"),  # a Saturday does not count itself
        ("2026-03-02", 20, "2026-03-30"),
    ],
)
def test_working_days_are_counted_without_the_first(start: str, count: int, expected: str) -> None:
    assert format_day(working_days_after(CALENDAR, day(start), count)) == expected


@given(OFFICIAL, st.integers(1, 60))
def test_the_nth_working_day_is_worked_and_n_days_are_worked_until_it(start: Day, count: int) -> None:
    last = working_days_after(CALENDAR, start, count)
    assert is_working(CALENDAR, last)
    assert working_days_between(CALENDAR, Day(start + 1), last) == count


@given(OFFICIAL, st.integers(1, 60))
def test_counting_back_is_the_mirror_of_counting_on(start: Day, count: int) -> None:
    first = working_days_before(CALENDAR, start, count)
    assert is_working(CALENDAR, first)
    assert working_days_between(CALENDAR, first, Day(start - 1)) == count
    if is_working(CALENDAR, start):
        assert working_days_after(CALENDAR, first, count) == start


@pytest.mark.parametrize("count", [0, -1, DAYS_MAX + 1])
def test_counts_are_bounded(count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and"):
        working_days_after(CALENDAR, day("2026-03-02"), count)
    with pytest.raises(ValueError, match="between 1 and"):
        period_end(CALENDAR, at("2026-03-02T09:00"), days=count)
    with pytest.raises(ValueError, match="more than"):
        working_days_between(CALENDAR, Day(0), Day(DAYS_MAX))


def test_a_table_without_working_days_ends_with_an_error_and_not_in_a_loop() -> None:
    start = day("2026-03-02")
    endless = msgspec.structs.replace(CALENDAR, days_off=frozenset(Day(d) for d in range(start, start + 400)))
    with pytest.raises(ValueError, match="no working day"):
        period_end(endless, at("2026-03-02T09:00"), days=3)


# Ends of periods


@pytest.mark.parametrize(
    "published, days, last",
    [
        ("2026-03-02T00:00", 15, "2026-03-17"),  # domain.md §4.2
        ("2026-03-02T23:59", 15, "2026-03-17"),  # the hour does not matter
        ("2026-09-18T10:00", 15, "2026-10-08"),  # §4.2: National Day, moves past the whole break
        ("2026-09-16T10:00", 15, "2026-10-08"),  # first day of the break
        ("2026-09-15T10:00", 15, "2026-09-30"),  # the day before it
        ("2026-09-22T10:00", 15, "2026-10-08"),  # last day of the break
        ("2026-02-02T10:00", 15, "2026-02-24"),  # Spring Festival
        ("2026-01-30T10:00", 15, "2026-02-14"),  # a made-up Saturday is worked: it does not move
        ("2026-02-27T10:00", 1, "2026-02-28"),
        ("2026-03-06T10:00", 15, "2026-03-23"),  # an ordinary Saturday moves to Monday
        ("2026-03-07T10:00", 15, "2026-03-23"),  # and so does a Sunday
        ("2017-09-16T10:00", 15, "2017-10-09"),  # the break of 2017 had eight days
    ],
)
def test_a_period_of_days_ends_at_24_00_and_moves_past_days_off(published: str, days: int, last: str) -> None:
    end = period_end(CALENDAR, at(published), days=days)
    assert (format_day(end.last_day), end.certain) == (last, True)
    assert end.ends_at_us == at(f"{last}T00:00") + DAY_US


@pytest.mark.parametrize(
    "start, working_days, last",
    [
        ("2026-02-10T09:00", 5, "2026-02-24"),
        ("2026-09-29T09:00", 2, "2026-10-08"),
        ("2026-05-08T18:00", 1, "2026-05-09"),
        ("2026-12-21T09:00", 5, "2026-12-28"),
    ],
)
def test_a_period_of_working_days_ends_on_the_last_of_them(start: str, working_days: int, last: str) -> None:
    end = period_end(CALENDAR, at(start), working_days=working_days)
    assert (format_day(end.last_day), end.certain, end.ends_at_us) == (last, True, end_of(day(last)))


@pytest.mark.parametrize(
    "start, length, last, certain",
    [
        ("2026-12-13T09:00", {"days": 15}, "2026-12-28", True),
        ("2026-12-14T09:00", {"days": 15}, "2026-12-29", False),  # notices have reached back to 29 December
        ("2026-12-17T09:00", {"days": 15}, "2027-01-04", False),  # New Year by law, then a weekend
        ("2027-01-22T09:00", {"days": 15}, "2027-02-09", False),  # Spring Festival by calculation
        ("2027-04-21T09:00", {"days": 10}, "2027-05-03", False),  # 1 and 2 May by law
        ("2027-09-16T09:00", {"days": 15}, "2027-10-04", False),  # 1 to 3 October by law, the bridge is unknown
        ("2026-12-22T09:00", {"working_days": 5}, "2026-12-29", False),
        ("2026-12-25T09:00", {"working_days": 10}, "2027-01-11", False),
        ("2051-04-24T09:00", {"days": 7}, "2051-05-03", False),
        ("2006-12-01T09:00", {"days": 15}, "2006-12-18", False),  # before the first notice
    ],
)
def test_a_period_past_the_notices_is_answered_and_flagged(
    start: str, length: dict[str, int], last: str, certain: bool
) -> None:
    end = period_end(CALENDAR, at(start), **length)
    assert (format_day(end.last_day), end.certain) == (last, certain)


def test_only_the_days_that_were_looked_up_must_be_certain() -> None:
    """A natural period that began before the notices but ends within them is certain: only its last day decides."""
    assert period_end(CALENDAR, at("2006-12-20T09:00"), days=20).certain
    assert not period_end(CALENDAR, at("2006-12-20T09:00"), working_days=20).certain


def test_a_newer_table_is_a_recount_with_another_version() -> None:
    start = at("2026-12-24T09:00")
    before = period_end(CALENDAR, start, working_days=6)
    first = day("2027-01-01")
    newer = Calendar(
        version="cn-2007-2027-test",
        first_day=CALENDAR.first_day,
        last_day=day("2027-12-28"),
        days_off=CALENDAR.days_off | {first, Day(first + 1), Day(first + 2)},
        make_up_days=CALENDAR.make_up_days | {day("2026-12-26")},
        expected_days=CALENDAR.expected_days,
        fixed_days=CALENDAR.fixed_days,
    )
    after = period_end(newer, start, working_days=6)
    assert (format_day(before.last_day), before.certain) == ("2027-01-04", False)
    assert (format_day(after.last_day), after.certain) == ("2026-12-31", True)
    assert newer.version != CALENDAR.version


def test_where_there_is_a_notice_the_law_without_it_is_not_asked() -> None:
    """Days that only the measures of 2024 give off were worked in years whose notice said so."""
    assert is_working(CALENDAR, day("2008-05-02")) is False
    assert day("2024-05-02") in CALENDAR.days_off
    silent = msgspec.structs.replace(CALENDAR, days_off=CALENDAR.days_off - {day("2024-05-02")})
    assert is_working(silent, day("2024-05-02"))


@given(OFFICIAL, st.integers(0, 86_399), st.integers(1, 400))
def test_a_period_of_days_is_never_cut_short_and_ends_on_a_worked_day(start: Day, second: int, days: int) -> None:
    end = period_end(CALENDAR, InstantUs(start_of(start) + second * 1_000_000), days=days)
    assert end.last_day >= start + days
    assert is_working(CALENDAR, end.last_day)
    assert not any(is_working(CALENDAR, Day(d)) for d in range(start + days, end.last_day))
    assert end.ends_at_us == start_of(Day(end.last_day + 1))
    assert end.certain is (end.last_day <= CALENDAR.last_day)


@given(OFFICIAL, st.integers(0, 40), st.integers(1, 60), st.integers(0, 10), st.booleans())
def test_ends_never_go_back_when_the_start_or_the_length_grows(
    start: Day, later: int, length: int, longer: int, working: bool
) -> None:
    key = "working_days" if working else "days"
    short = period_end(CALENDAR, start_of(start), **{key: length})
    moved = period_end(CALENDAR, start_of(Day(start + later)), **{key: length})
    grown = period_end(CALENDAR, start_of(start), **{key: length + longer})
    assert short.ends_at_us <= moved.ends_at_us
    assert short.ends_at_us <= grown.ends_at_us
    assert next_working_day(CALENDAR, short.last_day) == short.last_day


def test_exactly_one_length_is_given() -> None:
    for lengths in ({}, {"days": 3, "working_days": 3}):
        with pytest.raises(ValueError, match="either"):
            period_end(CALENDAR, at("2026-03-02T09:00"), **lengths)


@pytest.mark.parametrize(
    "event, working_days, last, certain",
    [
        ("2026-03-12T10:00", 3, "2026-03-09", True),
        ("2026-10-08T10:00", 1, "2026-09-30", True),
        ("2026-02-24T10:00", 2, "2026-02-13", True),
        ("2027-01-05T10:00", 3, "2026-12-30", False),
        ("2027-01-05T10:00", 5, "2026-12-28", False),  # itself certain, but what lies between is not
    ],
)
def test_so_many_working_days_before_an_instant(event: str, working_days: int, last: str, certain: bool) -> None:
    end = latest_before(CALENDAR, at(event), working_days=working_days)
    assert (format_day(end.last_day), end.certain, end.ends_at_us) == (last, certain, end_of(day(last)))
    assert end.ends_at_us <= at(event)


def test_the_module_knows_no_clock_and_no_files() -> None:
    tree = ast.parse((Path(__file__).parents[2] / "engine" / "calendar.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"re", "typing", "msgspec", "engine.values", "__future__"}
