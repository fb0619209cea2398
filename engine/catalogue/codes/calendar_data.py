"""Reads the holiday tables: the packaged ones, and those of an operator's directory, which replace or extend them year by year.

One file for a year, `YYYY.json`, in the form of github.com/NateScarlet/holiday-cn: `{"year", "papers": [addresses of the
notices], "days": [{"name", "date", "isOffDay"}]}`. A file without days means: no notice yet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.calendar import Calendar, Day, civil_of, day_from_civil, format_day, parse_day, weekday

PACKAGED: Final = Path(__file__).parent / "data" / "holidays"
STATUTORY: Final = Path(__file__).parent / "data" / "statutory_days.json"
BYTES_MAX: Final = 200_000
"""Bound on one file; the largest so far has 5,000 bytes."""
DAYS_IN_FILE_MAX: Final = 200
FILES_MAX: Final = 200
SETTLED_UNTIL: Final = (12, 28)
"""The newest notice settles its year up to here: notices have reached back into the year before them, as far as 29 December (those
for 2008 and 2019), so the last three days are open until the next notice is out."""
_NAME = re.compile(r"([0-9]{4})\.json")


class CalendarInvalid(Exception):
    """A holiday table cannot be used; the text names the file and what is wrong."""


class NoticeDay(Struct, frozen=True, rename="camel"):
    """A day that a notice makes different from others: off, or a weekend day that is worked."""

    name: str
    date: str
    is_off_day: bool


class HolidayTable(Struct, frozen=True):
    """The notice of a year."""

    year: int
    papers: tuple[str, ...]
    days: tuple[NoticeDay, ...]


class StatutoryDay(Struct, frozen=True):
    """A statutory day of a year for which there may be no notice yet."""

    name: str
    date: str


class StatutoryDays(Struct, frozen=True):
    """What the law fixes without a notice."""

    version: str
    source: str
    confidence: str
    fixed: tuple[StatutoryDay, ...]
    """Dates as `MM-DD`."""
    expected: tuple[StatutoryDay, ...]
    """Dates as `YYYY-MM-DD`."""


def load_calendar(directory: Path | None = None) -> Calendar:
    """Return the calendar of the packaged tables, with those of a directory in place of or after them.

    Args:
        directory: The operator's own tables; None for the packaged ones alone. Files that are not named `YYYY.json` are passed over.

    Raises:
        CalendarInvalid: a table is malformed, or a year between two others has no notice.
        OSError: a file or the directory cannot be read.
    """
    tables = read_directory(PACKAGED)
    if directory is not None:
        tables |= read_directory(directory)
    return build_calendar(tables, read_statutory())


def read_directory(directory: Path) -> dict[int, HolidayTable]:
    """Return the tables of a directory by year.

    Raises:
        CalendarInvalid: a table is malformed, or there are too many.
        OSError: the directory cannot be read.
    """
    paths = sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))
    if len(paths) > FILES_MAX:
        raise CalendarInvalid(f"{directory}: more than {FILES_MAX} tables")
    return {table.year: table for table in map(read_table, paths)}


def read_table(path: Path) -> HolidayTable:
    """Read and check the table of one year.

    Raises:
        CalendarInvalid: malformed, another year than its name says, a day twice, or a day out of the year.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise CalendarInvalid(f"{path.name}: more than {BYTES_MAX} bytes")
    try:
        table = msgspec.json.decode(content, type=HolidayTable)
    except msgspec.DecodeError as error:
        raise CalendarInvalid(f"{path.name}: {error}") from None
    match = _NAME.fullmatch(path.name)
    if match is None or int(match[1]) != table.year:
        raise CalendarInvalid(f"{path.name}: holds the year {table.year}")
    _check_days(path.name, table)
    return table


def read_statutory() -> StatutoryDays:
    """Return the days that are known without a notice."""
    return msgspec.json.decode(STATUTORY.read_bytes(), type=StatutoryDays)


def build_calendar(tables: Mapping[int, HolidayTable], statutory: StatutoryDays) -> Calendar:
    """Join tables of years into a calendar.

    Raises:
        CalendarInvalid: no table holds a notice, a year in between has none, or two notices contradict each other about a day.
    """
    years = sorted(year for year, table in tables.items() if table.days)
    if not years:
        raise CalendarInvalid("no notice of any year")
    missing = sorted(set(range(years[0], years[-1])) - set(years))
    if missing:
        raise CalendarInvalid(f"no notice of {missing[0]}, but of {years[-1]}")
    said: dict[Day, bool] = {}
    for year in years:
        for notice_day in tables[year].days:
            day = _day(notice_day.date)
            if said.setdefault(day, notice_day.is_off_day) != notice_day.is_off_day:
                raise CalendarInvalid(f"{year}.json: {notice_day.date} is worked by one notice and off by another")
    last_day = day_from_civil(years[-1], *SETTLED_UNTIL)
    return Calendar(
        version=_version(years, said, statutory),
        first_day=day_from_civil(years[0], 1, 1),
        last_day=last_day,
        days_off=frozenset(day for day, off in said.items() if off),
        make_up_days=frozenset(day for day, off in said.items() if not off),
        expected_days=frozenset(day for day in (_day(d.date) for d in statutory.expected) if day > last_day),
        fixed_days=frozenset(_month_and_day(d.date) for d in statutory.fixed),
    )


def missing_statutory_days(table: HolidayTable, statutory: StatutoryDays) -> list[str]:
    """Return the days that the law gives off in this year and the table does not: usually a typing error in the table.

    The days of 2025 and later are compared (the measures of 2024-11-10); before that the law gave fewer.
    """
    if table.year < 2025:
        return []
    off = {day.date for day in table.days if day.is_off_day}
    wanted = [f"{table.year}-{day.date}" for day in statutory.fixed]
    wanted += [day.date for day in statutory.expected if day.date.startswith(f"{table.year}-")]
    return sorted(date for date in wanted if date not in off)


def days_that_change_nothing(table: HolidayTable) -> list[str]:
    """Return the weekdays that a table calls worked, as they are anyway: harmless (2020-02-03 stands so), but often a typing error."""
    days = ((day.date, _day(day.date)) for day in table.days if not day.is_off_day)
    return [date for date, day in days if weekday(day) < 5]


def _check_days(name: str, table: HolidayTable) -> None:
    if len(table.days) > DAYS_IN_FILE_MAX:
        raise CalendarInvalid(f"{name}: more than {DAYS_IN_FILE_MAX} days")
    if table.days and not table.papers:
        raise CalendarInvalid(f"{name}: days without the address of their notice (papers)")
    seen: set[Day] = set()
    for notice_day in table.days:
        day = parse_day(notice_day.date)
        if day is None:
            raise CalendarInvalid(f"{name}: no such day: {notice_day.date[:20]!r}")
        if day in seen:
            raise CalendarInvalid(f"{name}: {notice_day.date} stands there twice")
        if not (civil_of(day)[0] == table.year or _is_eve_of(day, table.year)):
            raise CalendarInvalid(f"{name}: {notice_day.date} is not a day of {table.year} or of the days before it")
        seen.add(day)


def _is_eve_of(day: Day, year: int) -> bool:
    return day_from_civil(year - 1, *SETTLED_UNTIL) < day < day_from_civil(year, 1, 1)


def _version(years: Sequence[int], said: Mapping[Day, bool], statutory: StatutoryDays) -> str:
    """Name the content: the years and 12 hexadecimal digits of a hash over every day that counts."""
    lines = [f"{format_day(day)} {int(off)}" for day, off in sorted(said.items())]
    lines += [f"{day.date}" for day in (*statutory.fixed, *statutory.expected)]
    return f"cn-{years[0]}-{years[-1]}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}"


def _day(text: str) -> Day:
    day = parse_day(text)
    if day is None:
        raise CalendarInvalid(f"no such day: {text[:20]!r}")
    return day


def _month_and_day(text: str) -> tuple[int, int]:
    year_month_day = civil_of(_day(f"2000-{text}"))
    return year_month_day[1], year_month_day[2]
