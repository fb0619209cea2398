"""Outages, recounts, and what counts as in time. Time in which nobody served is nobody's loss (domain.md §0.2 no. 13)."""

from __future__ import annotations

from msgspec.structs import replace

from engine.calendar import Calendar, Day, day_from_civil
from engine.rules.listing import commands as c
from engine.rules.listing import events as e
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.deciding import decide
from engine.rules.listing.state import IntentPhase, ListingAccepted, ListingPhase, ListingRejected
from engine.values import PartyId
from tests.engine.rules.listing.transcript import CALENDAR, LISTING, Record, at, disclosed, posted, when


def test_the_last_moment_of_the_period_is_in_time_and_midnight_is_late() -> None:
    record = Record(disclosed())
    assert when(record.now.discloses_until_us) == "03-16 24:00", "ten working days, the day of publication not counted"
    assert record.apply("03-16 23:59:59.999999", "A") == "intent_registered"
    decision = record.send("03-17 00:00:00.000012", c.RegisterIntent(buyer_id=PartyId("B")))
    assert isinstance(decision, ListingRejected)
    assert (decision.code.value, decision.data) == ("late", {"late_by_us": 12})
    assert isinstance(decision.event, e.ListingRefusal), "twelve microseconds too late is on record"


def test_an_outage_over_the_end_lengthens_the_period() -> None:
    record = Record(disclosed(extension=None))
    record.take_over("03-16 23:50", "03-17 00:10")
    assert record.now.phase is ListingPhase.LISTED
    # One begun day of outage: one whole working day after the service is back.
    assert when(record.now.discloses_until_us) == "03-18 24:00"
    assert record.apply("03-17 08:00", "A") == "intent_registered"


def test_a_long_outage_lengthens_the_period_and_a_short_one_does_not() -> None:
    record = Record(disclosed())
    record.take_over("03-05 08:00", "03-05 12:00")
    assert when(record.now.discloses_until_us) == "03-16 24:00"
    record.take_over("03-05 13:00", "03-05 17:01")
    assert when(record.now.discloses_until_us) == "03-17 24:00"
    record.take_over("03-09 13:00", "03-11 17:00")
    assert when(record.now.discloses_until_us) == "03-20 24:00", "three begun days"


def test_nobody_loses_his_place_because_the_deposit_could_not_be_confirmed() -> None:
    record = Record(disclosed())
    record.apply("03-03 10:00", "A")
    record.say("03-03 11:00", c.ReviewIntent(intent_no=1, verdict=c.Verdict.PASS))
    record.say("03-03 12:00", c.AnswerIntent(intent_no=1, agrees=True))
    assert when(record.intent(1).due_us) == "03-06 24:00"
    record.take_over("03-06 22:00", "03-07 01:00")
    record.reach("03-07 01:00")
    assert record.intent(1).phase is IntentPhase.DEPOSIT_DUE
    assert when(record.intent(1).due_us) == "03-09 24:00"
    assert record.say("03-09 10:00", c.ConfirmDeposit(intent_no=1, deposit_id="d")) == "buyer_admitted"


def test_an_outage_over_the_decision_and_over_a_suspension() -> None:
    record = Record(disclosed())
    record.apply("03-16 10:00", "A")
    record.take_over("03-23 20:00", "03-24 08:00")
    assert (record.now.phase, when(record.now.decides_at_us)) == (ListingPhase.DECIDING, "03-25 24:00")
    record.say("03-24 10:00", c.SuspendListing(reason="核查"))
    assert when(record.now.suspended_until_us) == "04-23 10:00"
    record.take_over("04-23 09:00", "04-23 11:00")
    assert record.now.phase is ListingPhase.SUSPENDED and when(record.now.suspended_until_us) == "04-24 24:00"


def test_a_deadline_that_is_reached_much_too_late_gives_the_time_back_by_itself() -> None:
    """Even if no outage was recorded: a listing that was not in memory, a clock that stood."""
    record = Record(disclosed(extension=None))
    due_us = next_deadline(record.now)
    assert due_us is not None
    decision = decide(record.now, LISTING, c.ReachDeadline(due_us=due_us), at("03-18 09:00"), CALENDAR)
    assert isinstance(decision, ListingAccepted) and isinstance(decision.event, e.PeriodLengthened)
    assert decision.event.cause is e.LengthenCause.OUTAGE
    assert when(decision.event.discloses_until_us) == "03-20 24:00"


def test_an_outage_takes_nothing_from_a_posted_price_or_a_listing_that_is_over() -> None:
    for record in (Record(posted()), Record(disclosed(), publish=False)):
        decision = record.send("03-20 09:00", c.RecordOutage(from_us=at("03-03 09:00"), to_us=at("03-20 09:00")))
        assert isinstance(decision, ListingRejected) and decision.code.value == "wrong_phase"


def short_calendar(version: str, last: Day, *more_days_off: Day) -> Calendar:
    return replace(CALENDAR, version=version, last_day=last, days_off=CALENDAR.days_off | set(more_days_off))


def test_a_period_past_the_table_is_flagged_and_counted_again_when_the_notice_comes() -> None:
    record = Record(disclosed(), publish=False)
    record.calendar = short_calendar("2026", day_from_civil(2026, 12, 31))
    record.say("2026-12-28 09:00", c.PublishListing())
    assert (record.now.certain, record.now.calendar_version, when(record.now.discloses_until_us)) == (
        False,
        "2026",
        "01-11 24:00",
    )
    assert record.say("2026-12-29 09:00", c.RecountPeriod(calendar_version="2026")) == "wrong_phase"
    # The notice makes 1 January (a Friday) and, with a bridge day, Monday the 4th days off.
    newer = short_calendar("2027", day_from_civil(2027, 12, 31), day_from_civil(2027, 1, 1), day_from_civil(2027, 1, 4))
    record.calendar = newer
    assert record.say("2026-12-29 09:00", c.RecountPeriod(calendar_version="2026")) == "wrong_phase"
    assert record.say("2026-12-29 09:00", c.RecountPeriod(calendar_version="2027")) == "period_recounted"
    assert (record.now.certain, record.now.calendar_version, when(record.now.discloses_until_us)) == (
        True,
        "2027",
        "01-13 24:00",
    )
    assert record.say("2026-12-29 09:01", c.RecountPeriod(calendar_version="2027")) == "wrong_phase"


def test_a_recount_never_makes_a_period_shorter() -> None:
    record = Record(disclosed(), publish=False)
    record.calendar = short_calendar("2026", day_from_civil(2026, 12, 31), day_from_civil(2027, 1, 4))
    record.say("2026-12-28 09:00", c.PublishListing())
    announced = when(record.now.discloses_until_us)
    record.calendar = short_calendar("2027", day_from_civil(2027, 12, 31))
    assert record.say("2026-12-29 09:00", c.RecountPeriod(calendar_version="2027")) == "period_recounted"
    assert when(record.now.discloses_until_us) == announced == "01-12 24:00"


def test_the_decision_is_counted_again_too() -> None:
    record = Record(disclosed(), publish=False)
    record.calendar = short_calendar("2026", day_from_civil(2026, 12, 31))
    record.say("2026-12-16 09:00", c.PublishListing())
    record.apply("2026-12-30 09:00", "A")
    record.reach("2026-12-31 09:00")
    assert (record.now.phase, record.now.certain, when(record.now.decides_at_us)) == (
        ListingPhase.DECIDING,
        False,
        "01-06 24:00",
    )
    record.calendar = short_calendar("2027", day_from_civil(2027, 12, 31), day_from_civil(2027, 1, 1))
    record.say("2026-12-31 10:00", c.RecountPeriod(calendar_version="2027"))
    assert (record.now.certain, when(record.now.decides_at_us)) == (True, "01-07 24:00")


def test_where_no_period_runs_nothing_is_uncertain() -> None:
    record = Record(disclosed(), publish=False)
    record.calendar = short_calendar("2026", day_from_civil(2026, 12, 31))
    record.say("2026-12-28 09:00", c.PublishListing())
    assert not record.now.certain
    record.say("2026-12-29 09:00", c.SuspendListing(reason="核查"))
    assert record.now.certain
    record.say("2026-12-30 09:00", c.ResumeListing(reason="查清"))
    assert not record.now.certain
    record.say("2026-12-31 09:00", c.WithdrawListing(reason="自用"))
    assert record.now.certain
