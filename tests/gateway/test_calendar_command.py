"""`ortoo admin calendar`: what is in use, and what a newer table would change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.catalogue.codes.calendar_data import PACKAGED, CalendarInvalid, load_calendar
from gateway.cli import main
from gateway.serve import CANNOT_RUN, running
from tests.gateway.conftest import market_config


@pytest.fixture
def notice(tmp_path: Path) -> Path:
    """A table of 2027 as a notice may say it, with a Friday left out that the law gives off."""
    off = ["01-01", "02-06", "02-07", "02-08", "04-05", "05-01", "05-02", "06-09", "09-15", "10-01", "10-02", "10-03"]
    days = [{"name": "x", "date": f"2027-{day}", "isOffDay": True} for day in off]
    days.append({"name": "x", "date": "2027-02-20", "isOffDay": False})
    path = tmp_path / "2027.json"
    path.write_text(json.dumps({"year": 2027, "papers": ["https://www.gov.cn/x"], "days": days}), encoding="utf-8")
    return path


def test_the_notices_in_use_are_named(capsys):
    assert main(["admin", "calendar", "show"]) == 0
    said = capsys.readouterr().out
    assert load_calendar().version in said and "2007-01-01 to 2026-12-28" in said
    assert "2026 off 33 worked 6 https://www.gov.cn" in said and "2027 no notice yet" in said


def test_each_day_of_a_year_is_listed(capsys):
    assert main(["admin", "calendar", "show", "--year", "2026"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 39 and "2026-02-14 worked 春节" in lines and "2026-10-07 off 国庆节" in lines


def test_a_newer_table_is_checked_day_by_day_and_not_taken(capsys, notice):
    assert main(["admin", "calendar", "check", str(notice)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "MISSING 2027-02-05: the law gives this day off" in lines
    assert "2027-02-05 off -> worked" in lines and "2027-02-20 off -> worked" in lines
    assert lines[-1].startswith(f"version {load_calendar().version} -> cn-2007-2027-")
    assert main(["admin", "calendar", "show"]) == 0
    assert "2027 no notice yet" in capsys.readouterr().out


def test_a_whole_table_passes(capsys):
    assert main(["admin", "calendar", "check", str(PACKAGED / "2026.json")]) == 0
    version = load_calendar().version
    assert capsys.readouterr().out == f"version {version} -> {version}; official to 2026-12-28\n"


def test_the_operator_s_directory_is_in_use_when_it_is_set(capsys, notice, monkeypatch):
    monkeypatch.setenv("ORTOO_CALENDAR_DIR", str(notice.parent))
    assert main(["admin", "calendar", "show"]) == 0
    said = capsys.readouterr().out
    assert "2027 off 12 worked 1 https://www.gov.cn/x" in said and str(notice.parent) in said


@pytest.mark.parametrize("content", ["", "{}", '{"year": 2026, "papers": [], "days": []}'])
def test_a_broken_table_is_an_error_and_a_reason(capsys, tmp_path, content):
    path = tmp_path / "2027.json"
    path.write_text(content, encoding="utf-8")
    assert main(["admin", "calendar", "check", str(path)]) == 1
    assert "2027.json" in capsys.readouterr().err
    assert main(["admin", "calendar", "check", str(tmp_path / "2028.json")]) == 1
    assert "2028.json" in capsys.readouterr().err


async def test_a_market_counts_by_the_operator_s_tables(fresh_database, tmp_path, notice):
    config = market_config(fresh_database, tmp_path / "var", calendar_dir=notice.parent)
    async with running(config) as services:
        assert services.calendar == load_calendar(notice.parent)


async def test_a_market_with_a_broken_table_does_not_start(fresh_database, tmp_path):
    (tmp_path / "2027.json").write_text("{", encoding="utf-8")
    with pytest.raises(CalendarInvalid, match=r"2027\.json"):
        async with running(market_config(fresh_database, tmp_path / "var", calendar_dir=tmp_path)):
            pass
    assert issubclass(CalendarInvalid, CANNOT_RUN)
