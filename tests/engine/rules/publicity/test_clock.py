"""The clock of a notice by the official notices of 2025 and 2026: the examples of domain.md §4.2 and those around the long holidays.

2025: Spring Festival 01-28 to 02-04 off, 01-26 (Sun) and 02-08 (Sat) worked; National Day 10-01 to 10-08 off, 09-28 (Sun) and 10-11 (Sat)
worked. 2026: 02-15 to 02-23 off, 02-14 and 02-28 (Sat) worked; Mid-Autumn 09-25 to 09-27, National Day 10-01 to 10-07 off, 09-20 (Sun) and
10-10 (Sat) worked.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.calendar import Day, format_day, parse_day, period_end, start_of
from engine.catalogue.codes.calendar_data import load_calendar
from engine.rules.publicity import commands as c
from engine.rules.publicity.deciding import decide
from engine.rules.publicity.periods import GAPS_MAX, lost_days, publicity_end, with_gap
from engine.rules.publicity.state import Gap, Leg
from engine.values import DurationUs, InstantUs
from tests.engine.rules.publicity.transcript import (
    HOUR_US,
    NOTICE,
    Story,
    at,
    decision,
    objection,
    panel,
    received,
    terms,
    when,
)

CALENDAR = load_calendar()


def day(text: str) -> Day:
    found = parse_day(text)
    assert found is not None
    return found


def nine(text: str) -> InstantUs:
    """Return nine o'clock of a day."""
    return InstantUs(start_of(day(text)) + 9 * HOUR_US)


@pytest.mark.parametrize(
    ("published", "last"),
    [
        # domain.md §4.2
        ("2026-03-02", "2026-03-17"),
        ("2026-09-18", "2026-10-08"),
        # around Spring Festival 2026
        ("2026-01-28", "2026-02-12"),
        ("2026-01-29", "2026-02-13"),
        ("2026-01-30", "2026-02-14"),  # a worked Saturday does not move
        ("2026-01-31", "2026-02-24"),  # the first day of the rest: after all nine
        ("2026-02-01", "2026-02-24"),
        ("2026-02-06", "2026-02-24"),
        ("2026-02-08", "2026-02-24"),  # the last day of the rest
        ("2026-02-12", "2026-02-27"),
        ("2026-02-13", "2026-02-28"),  # a worked Saturday
        ("2026-02-14", "2026-03-02"),  # a plain Sunday moves, too (docs/CODES.md)
        # around Spring Festival 2025
        ("2025-01-11", "2025-01-26"),  # a worked Sunday
        ("2025-01-12", "2025-01-27"),
        ("2025-01-13", "2025-02-05"),
        ("2025-01-24", "2025-02-08"),  # a worked Saturday
        # around Mid-Autumn and National Day 2026
        ("2026-09-04", "2026-09-20"),  # a plain Saturday before a worked Sunday
        ("2026-09-05", "2026-09-20"),
        ("2026-09-10", "2026-09-28"),
        ("2026-09-15", "2026-09-30"),
        ("2026-09-16", "2026-10-08"),
        ("2026-09-22", "2026-10-08"),
        ("2026-09-23", "2026-10-08"),
        ("2026-09-24", "2026-10-09"),
        ("2026-09-25", "2026-10-10"),  # a worked Saturday; published on a day of rest
        # around National Day 2025
        ("2025-09-12", "2025-09-28"),
        ("2025-09-13", "2025-09-28"),  # a worked Sunday
        ("2025-09-15", "2025-09-30"),
        ("2025-09-22", "2025-10-09"),
        ("2025-09-23", "2025-10-09"),
        ("2025-09-26", "2025-10-11"),
    ],
)
def test_last_day(published: str, last: str) -> None:
    story = Story(CALENDAR)
    story.now = InstantUs(nine(published) - HOUR_US)
    story.published(nine(published))  # type: ignore[arg-type]
    ends_at_us = story.notice.ends_at_us
    assert ends_at_us is not None and ends_at_us == start_of(Day(day(last) + 1)), when(ends_at_us)
    assert story.notice.certain


@pytest.mark.parametrize(("objected", "resumed", "last"), [
    # Published 2026-01-27: days 1 to 4 are whole before an objection on the fifth, eleven are left.
    ("2026-02-01", "2026-02-02", "2026-02-13"),
    ("2026-02-01", "2026-02-04", "2026-02-24"),
    ("2026-02-01", "2026-02-26", "2026-03-09"),
    # On the day of publication nothing was shown for a whole day.
    ("2026-01-27", "2026-01-28", "2026-02-12"),
])  # fmt: skip
def test_an_objection_keeps_the_days_that_were_left(objected: str, resumed: str, last: str) -> None:
    story = Story(CALENDAR)
    story.published(nine("2026-01-27"))  # type: ignore[arg-type]
    story.tell(InstantUs(nine(objected) + HOUR_US), objection())
    story.tell(InstantUs(nine(resumed) + HOUR_US), received(), panel(), decision())
    assert story.phase == "published"
    assert story.notice.ends_at_us == start_of(Day(day(last) + 1)), when(story.notice.ends_at_us)


def test_without_objection_and_gap_it_is_the_statutory_period() -> None:
    for offset in range(600):
        begun = InstantUs(nine("2025-01-01") + offset * 24 * HOUR_US)
        assert publicity_end(terms(), (Leg(from_us=begun),), (), CALENDAR) == period_end(CALENDAR, begun, days=15)


def test_clocks_of_the_desk_count_working_days() -> None:
    story = Story(CALENDAR)
    story.published(nine("2026-02-10"))  # type: ignore[arg-type]
    story.tell(nine("2026-02-13"), objection())
    filed = story.notice.objections[0]
    assert filed.due_us == start_of(Day(day("2026-02-24") + 1))  # Sat 14 is worked, then the rest
    story.tell(nine("2026-02-24"), received())
    due_us = story.notice.objections[0].due_us
    assert due_us == start_of(Day(day("2026-03-09") + 1))  # Sat 28 is worked
    assert story.tell(nine("2026-03-09"), c.ExtendDecision(objection_no=1, reason="取证")) == "decision_extended"
    assert story.notice.objections[0].due_us == start_of(Day(day("2026-03-23") + 1))
    assert story.tell(nine("2026-03-10"), c.ExtendDecision(objection_no=1, reason="取证")) == "already_extended"
    story.wait(nine("2026-03-25"))
    assert story.notice.objections[0].overdue and story.phase == "objected", "delay confirms nothing"


def test_past_the_table_it_is_flagged_and_counted_again_but_never_shortened() -> None:
    story = Story(CALENDAR)
    story.published(nine("2026-12-20"))  # type: ignore[arg-type]
    assert not story.notice.certain
    announced = story.notice.ends_at_us
    newer = type(CALENDAR)(
        version="2027", first_day=CALENDAR.first_day, last_day=day("2027-12-31"), days_off=CALENDAR.days_off | {
            day("2027-01-04"), day("2027-01-05"), day("2027-01-09"), day("2027-01-10"),
        }, make_up_days=CALENDAR.make_up_days,
    )  # fmt: skip
    story.calendar = newer
    assert story.tell(nine("2026-12-21"), c.RecountPeriod(calendar_version="2027")) == "period_recounted"
    assert story.notice.certain and story.notice.ends_at_us is not None and announced is not None
    assert story.notice.ends_at_us >= announced
    assert format_day(Day(day("2027-01-06"))) == "2027-01-06"
    assert story.tell(nine("2026-12-22"), c.RecountPeriod(calendar_version="2027")) == "wrong_phase"


def past_the_table(*told: tuple[str, c.NoticeCommand]) -> tuple[Story, int]:
    """A notice with an objection whose clock runs past the table; return it with the end announced, and load the next year's table."""
    story = Story(CALENDAR)
    story.published(nine("2026-12-20"))  # type: ignore[arg-type]
    for moment, command in told:
        story.tell(nine(moment), command)
    one = story.notice.objections[0]
    assert not one.certain and one.due_us is not None
    story.calendar = type(CALENDAR)(
        version="2027", first_day=CALENDAR.first_day, last_day=day("2027-12-31"), make_up_days=CALENDAR.make_up_days,
        days_off=CALENDAR.days_off | {
            Day(first) for first in range(day("2027-01-01"), day("2027-02-01")) if first not in (day("2027-01-15"), day("2027-01-18"), day("2027-01-20"))
        },
    )  # fmt: skip
    return story, one.due_us


def recounted(story: Story, moment: str = "2026-12-31") -> str:
    return story.tell(nine(moment), c.RecountObjection(objection_no=1, calendar_version="2027"))


def test_the_clock_to_take_an_objection_up_is_counted_again_by_the_newer_table() -> None:
    story, announced = past_the_table(("2026-12-31", objection()))
    assert recounted(story) == "objection_clock_recounted"
    one = story.notice.objections[0]
    assert one.certain and one.due_us == start_of(Day(day("2027-01-18") + 1)) > announced
    assert recounted(story) == "wrong_phase", "what is certain is not counted again"
    assert story.notice.phase.value == "objected" and not one.overdue


def test_the_clocks_to_decide_and_its_extension_are_counted_again() -> None:
    taken_up = (("2026-12-28", objection()), ("2026-12-29", received()))
    story, announced = past_the_table(*taken_up)
    assert recounted(story) == "objection_clock_recounted"
    decided_by = story.notice.objections[0].due_us
    assert decided_by is not None and decided_by > announced
    extended, announced = past_the_table(*taken_up, ("2026-12-30", c.ExtendDecision(objection_no=1, reason="取证")))
    assert recounted(extended) == "objection_clock_recounted"
    extended_by = extended.notice.objections[0].due_us
    assert extended_by is not None and extended_by > announced and extended_by > decided_by


def test_a_clock_that_was_announced_never_becomes_shorter_and_a_lead_has_none() -> None:
    story, announced = past_the_table(("2026-12-31", objection()))
    story.calendar = replace(CALENDAR, version="2027", last_day=day("2027-12-31"), days_off=frozenset())
    assert recounted(story) == "objection_clock_recounted"
    assert story.notice.objections[0].due_us == announced
    assert (
        story.tell(nine("2026-12-31"), c.RecountObjection(objection_no=2, calendar_version="2027"))
        == "no_such_objection"
    )
    other = past_the_table(("2026-12-31", objection()))[0]
    assert other.tell(nine("2026-12-31"), c.RecountObjection(objection_no=1, calendar_version="2028")) == "wrong_phase"


def test_downtime_counts_by_the_day_and_together() -> None:
    downtime = DurationUs(4 * HOUR_US)
    gaps = (
        Gap(from_us=at("03-04 22:00"), to_us=at("03-05 03:00")),
        Gap(from_us=at("03-05 10:00"), to_us=at("03-05 11:30")),
    )
    assert [format_day(one) for one in lost_days(gaps, downtime)] == ["2026-03-05"]
    assert lost_days((Gap(from_us=at("03-04 20:00"), to_us=at("03-05 00:00")),), downtime) == frozenset()


def test_gaps_are_merged_and_bounded() -> None:
    gaps: tuple[Gap, ...] = ()
    for number in range(GAPS_MAX + 50):
        begun = InstantUs(at("03-02 00:00") + number * HOUR_US)
        gaps = with_gap(gaps, Gap(from_us=begun, to_us=InstantUs(begun + HOUR_US // 2)))
    assert len(gaps) == GAPS_MAX
    assert gaps[0].from_us == at("03-02 00:00")
    covered = with_gap(gaps, Gap(from_us=gaps[0].from_us, to_us=gaps[-1].to_us))
    assert len(covered) == 1


def test_an_end_that_stands_although_it_would_now_be_counted_earlier_is_moved_by_a_gap_over_it() -> None:
    later = CALENDAR.days_off | {day("2026-03-17"), day("2026-03-18")}
    story = Story(type(CALENDAR)(version="old", first_day=CALENDAR.first_day, last_day=day("2026-03-01"), days_off=later, make_up_days=CALENDAR.make_up_days))  # fmt: skip
    story.published("03-02 09:00")
    assert (story.ends, story.notice.certain) == ("03-19 24:00", False)
    story.calendar = CALENDAR
    assert story.tell("03-03 09:00", c.RecountPeriod(calendar_version=CALENDAR.version)) == "period_recounted"
    assert story.ends == "03-19 24:00", "people rely on what was announced"
    due = at("03-20 00:00")
    found = decide(story.notice, NOTICE, c.ReachDeadline(due_us=due), InstantUs(due + HOUR_US), CALENDAR)
    assert found.event is not None and when(found.event.ends_at_us) == "03-20 24:00"  # type: ignore[union-attr]
