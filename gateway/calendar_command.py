"""`ortoo admin calendar`: which official notices the market counts by, and whether a newer table can be used. Changes nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.calendar import Calendar, Day, day_from_civil, format_day, is_working
from engine.catalogue.codes.calendar_data import (
    PACKAGED,
    CalendarInvalid,
    HolidayTable,
    build_calendar,
    days_that_change_nothing,
    missing_statutory_days,
    read_directory,
    read_statutory,
    read_table,
)
from gateway.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be asked."""
    questions = parser.add_subparsers(dest="question", required=True, metavar="QUESTION")
    show = questions.add_parser("show", help="the notices in use, one line a year; --year for each day of one")
    show.add_argument("--year", type=int)
    check = questions.add_parser("check", help="whether a table can be used, and which days it would change")
    check.add_argument("file", type=Path, metavar="FILE", help="YYYY.json in the form of holiday-cn")


def run(options: argparse.Namespace, config: Config) -> int:
    """Answer; 0 in order, 1 if a table cannot be used or lacks a day."""
    try:
        tables = _tables(config.calendar_dir)
        if options.question == "check":
            return _check(options.file, tables)
        return _show(options.year, tables, config.calendar_dir)
    except (CalendarInvalid, OSError) as problem:
        print(f"ortoo admin calendar: {problem}", file=sys.stderr)
        return 1


def _tables(directory: Path | None) -> dict[int, HolidayTable]:
    return read_directory(PACKAGED) | ({} if directory is None else read_directory(directory))


def _show(year: int | None, tables: dict[int, HolidayTable], directory: Path | None) -> int:
    calendar = build_calendar(tables, read_statutory())
    if year is not None:
        for day in tables[year].days if year in tables else ():
            print(f"{day.date} {'off' if day.is_off_day else 'worked'} {day.name}")
        return 0
    print(f"version {calendar.version}")
    print(f"official {format_day(calendar.first_day)} to {format_day(calendar.last_day)}; later days are provisional")
    print(f"tables packaged{'' if directory is None else f', then {directory}'}")
    for known, table in sorted(tables.items()):
        off = sum(day.is_off_day for day in table.days)
        notice = f"off {off} worked {len(table.days) - off} {' '.join(table.papers)}"
        print(f"{known} {notice if table.days else 'no notice yet'}")
    return 0


def _check(path: Path, tables: dict[int, HolidayTable]) -> int:
    table, statutory = read_table(path), read_statutory()
    before = build_calendar(tables, statutory)
    after = build_calendar({**tables, table.year: table}, statutory)
    missing = missing_statutory_days(table, statutory) if table.days else []
    for date in missing:
        print(f"MISSING {date}: the law gives this day off")
    for date in days_that_change_nothing(table):
        print(f"idle {date}: a weekday is worked anyway")
    for day in _changed(before, after, table.year):
        print(f"{format_day(day)} {_word(before, day)} -> {_word(after, day)}")
    print(f"version {before.version} -> {after.version}; official to {format_day(after.last_day)}")
    return 1 if missing else 0


def _changed(before: Calendar, after: Calendar, year: int) -> Iterator[Day]:
    """Yield the days of a year, and the last of the year before it, that the two count differently."""
    for day in range(day_from_civil(year - 1, 12, 29), day_from_civil(year + 1, 1, 1)):
        if is_working(before, Day(day)) != is_working(after, Day(day)):
            yield Day(day)


def _word(calendar: Calendar, day: Day) -> str:
    return "worked" if is_working(calendar, day) else "off"
