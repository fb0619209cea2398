"""Holiday tables of an operator: they replace and follow the packaged ones, and a wrong one is refused with its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.calendar import Day, format_day, is_certain, is_working, parse_day, period_end, start_of
from engine.catalogue.codes.calendar_data import (
    BYTES_MAX,
    PACKAGED,
    CalendarInvalid,
    build_calendar,
    days_that_change_nothing,
    load_calendar,
    missing_statutory_days,
    read_directory,
    read_statutory,
    read_table,
)

PAPER = "https://www.gov.cn/zhengce/example-2027.htm"
OFF_2027 = [
    *("2027-01-01", "2027-01-02", "2027-01-03"),
    *("2027-02-05", "2027-02-06", "2027-02-07", "2027-02-08", "2027-02-09", "2027-02-10", "2027-02-11"),
    *("2027-04-03", "2027-04-04", "2027-04-05"),
    *("2027-05-01", "2027-05-02", "2027-05-03", "2027-05-04", "2027-05-05"),
    "2027-06-09",
    *("2027-09-15", "2027-10-01", "2027-10-02", "2027-10-03", "2027-10-04", "2027-10-05"),
]
MADE_UP_2027 = ["2026-12-31", "2027-02-20", "2027-05-08"]


def table(off: list[str], made_up: list[str] = [], year: int = 2027, **other: Any) -> dict[str, Any]:  # noqa: B006
    days = [{"name": "x", "date": date, "isOffDay": True} for date in off]
    days += [{"name": "x", "date": date, "isOffDay": False} for date in made_up]
    return {"year": year, "papers": [PAPER], "days": days, **other}


def write(directory: Path, content: Any, name: str = "2027.json") -> Path:
    path = directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def day(text: str) -> Day:
    found = parse_day(text)
    assert found is not None, text
    return found


def worked(calendar, date: str) -> bool:
    return is_working(calendar, day(date))


def test_a_newer_table_makes_its_year_certain_and_changes_the_version(tmp_path):
    packaged = load_calendar()
    write(tmp_path, table(OFF_2027, MADE_UP_2027))
    newer = load_calendar(tmp_path)
    assert newer.version.startswith("cn-2007-2027-") and newer.version != packaged.version
    assert format_day(newer.last_day) == "2027-12-28"
    assert worked(packaged, "2027-02-11") and not worked(newer, "2027-02-11")
    assert not worked(packaged, "2027-02-20") and worked(newer, "2027-02-20")
    start = start_of(day("2027-01-27"))
    assert [format_day(period_end(c, start, days=15).last_day) for c in (packaged, newer)] == [
        "2027-02-11",
        "2027-02-12",
    ]
    assert [period_end(c, start, days=15).certain for c in (packaged, newer)] == [False, True]
    assert all(is_certain(newer, day(date)) for date in ("2026-12-29", "2026-12-31", "2027-12-28"))


def test_an_operator_s_table_replaces_the_packaged_one_of_its_year(tmp_path):
    original = json.loads((PACKAGED / "2026.json").read_text(encoding="utf-8"))
    original["days"] = [day for day in original["days"] if day["date"] != "2026-10-10"]
    write(tmp_path, original, "2026.json")
    assert worked(load_calendar(), "2026-10-10") and not worked(load_calendar(tmp_path), "2026-10-10")


def test_the_empty_table_of_a_year_means_no_notice_yet(tmp_path):
    write(tmp_path, {"year": 2027, "papers": [], "days": []})
    assert load_calendar(tmp_path) == load_calendar()


def test_other_files_are_passed_over(tmp_path):
    write(tmp_path, "not a table", "README.md")
    write(tmp_path, "{}", "schema.json")
    assert load_calendar(tmp_path) == load_calendar()


def test_equal_tables_have_equal_versions(tmp_path):
    write(tmp_path, table(OFF_2027))
    first = load_calendar(tmp_path).version
    write(tmp_path, table(list(reversed(OFF_2027))))
    assert load_calendar(tmp_path).version == first
    write(tmp_path, table(OFF_2027[:-1]))
    assert load_calendar(tmp_path).version != first


@pytest.mark.parametrize(
    "content, problem",
    [
        ("", "2027.json"),
        ("[]", "2027.json"),
        ('{"year": 2027}', "papers"),
        (table(["2026-02-29"]), "no such day"),
        (table(["2027-02-30"]), "no such day"),
        (table(["20270101"]), "no such day"),
        (table(["2027-01-01", "2027-01-01"]), "twice"),
        (table(["2026-12-28"]), "not a day of 2027"),
        (table(["2028-01-01"]), "not a day of 2027"),
        (table(["2027-01-01"], year=2028), "holds the year 2028"),
        ({"year": 2027, "papers": [], "days": [{"name": "x", "date": "2027-01-01", "isOffDay": True}]}, "papers"),
        (table(["2027-01-01"], note="x" * BYTES_MAX), "more than"),
        (table([f"2027-{1 + n // 28:02}-{1 + n % 28:02}" for n in range(201)]), "more than"),
    ],
)
def test_a_wrong_table_is_refused_with_its_reason(tmp_path, content, problem):
    with pytest.raises(CalendarInvalid, match=problem):
        read_table(write(tmp_path, content))
    with pytest.raises(CalendarInvalid, match=problem):
        load_calendar(tmp_path)


def test_a_year_in_between_without_a_notice_is_refused(tmp_path):
    write(tmp_path, table(["2028-01-01"], year=2028), "2028.json")
    with pytest.raises(CalendarInvalid, match="no notice of 2027"):
        load_calendar(tmp_path)


def test_notices_that_contradict_each_other_are_refused():
    tables = read_directory(PACKAGED)
    made_up = tables[2008].days[0]
    assert made_up.date == "2007-12-29" and not made_up.is_off_day
    other = tables[2007].__class__(
        2007, tables[2007].papers, (*tables[2007].days, made_up.__class__("x", "2007-12-29", True))
    )
    with pytest.raises(CalendarInvalid, match="2007-12-29"):
        build_calendar({**tables, 2007: other}, read_statutory())


def test_no_table_at_all_is_refused():
    with pytest.raises(CalendarInvalid, match="no notice"):
        build_calendar({}, read_statutory())


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(OSError):
        load_calendar(tmp_path / "nowhere")


def test_a_table_without_a_statutory_day_is_noticed(tmp_path):
    whole = read_table(write(tmp_path, table(OFF_2027)))
    assert missing_statutory_days(whole, read_statutory()) == []
    lacking = read_table(write(tmp_path, table([d for d in OFF_2027 if d not in ("2027-05-02", "2027-06-09")])))
    assert missing_statutory_days(lacking, read_statutory()) == ["2027-05-02", "2027-06-09"]


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_official_notices_hold_every_statutory_day(year):
    """The same law, two independent sources: the notices and the calculated days agree wherever both speak."""
    assert missing_statutory_days(read_directory(PACKAGED)[year], read_statutory()) == []


def test_days_that_are_worked_anyway_are_noticed():
    tables = read_directory(PACKAGED)
    assert {year: found for year in tables if (found := days_that_change_nothing(tables[year]))} == {
        2020: ["2020-02-03"]
    }


def test_no_notice_so_far_reached_further_back_than_29_december():
    """The reason why the last three days of the newest year are not certain."""
    outside = [
        day.date for year, t in read_directory(PACKAGED).items() for day in t.days if not day.date.startswith(str(year))
    ]
    assert len(outside) == 10
    assert all(date[5:] >= "12-29" for date in outside)


def test_expected_days_are_the_13_of_the_law():
    """New Year 1, Spring Festival 4, Qingming 1, May 2, Dragon Boat 1, Mid-Autumn 1, October 3 (domain.md §1.14)."""
    statutory = read_statutory()
    for year in range(2026, 2032):
        moving = [day for day in statutory.expected if day.date.startswith(f"{year}-")]
        assert len(moving) + len(statutory.fixed) == 13, year
