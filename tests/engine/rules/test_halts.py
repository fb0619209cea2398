"""Pause, interruption, resumption, withdrawal, void: paused time is not bidding time, and nothing leads from "down" to "sold"."""

from __future__ import annotations

import pytest

from engine.rules.auction.commands import PauseKind, VoidLot, WithdrawLot
from engine.rules.auction.state import Phase
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.values import Amount, DurationUs
from tests.engine.rules.transcript import Session, at, fixed_terms, refused


def test_a_pause_keeps_the_remaining_time() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    session.pause("09:20")
    assert session.bid("09:21", "B", 1100) == "paused"
    session.resume("09:50")
    assert session.closes() == "10:30:00"
    assert session.bid("10:29", "B", 1100) == "1100 B"


def test_a_paused_session_does_not_end() -> None:
    session = Session(fixed_terms(), "A")
    session.bid("09:10", "A", 1000)
    session.pause("09:59:59")
    session.reach(at("23:00"))
    assert session.lot.phase is Phase.PAUSED


def test_at_least_one_full_window_remains_after_a_pause() -> None:
    session = Session(fixed_terms(), "A")
    session.pause("09:59:58")
    session.resume("10:30")
    assert session.closes() == "10:35:00"


def test_resumption_can_be_announced() -> None:
    session = Session(fixed_terms(), "A")
    session.pause("09:20")
    session.resume("09:30", "09:40")
    assert session.lot.phase is Phase.PAUSED
    session.reach(at("09:40"))
    assert session.lot.phase is Phase.OPEN
    assert session.closes() == "10:20:00"


def test_a_pause_before_the_start_moves_everything() -> None:
    session = Session(fixed_terms(), "A")
    session.pause("08:50")
    session.resume("09:30")
    assert session.bid("09:39:59", "A", 1000) == "not_started"
    assert session.bid("09:40", "A", 1000) == "1000 A"
    assert session.closes() == "10:40:00"


def test_the_free_period_keeps_its_remaining_time() -> None:
    from tests.engine.rules.test_free_and_limited import dynamic

    session = Session(dynamic(free_minutes=30), "A")
    session.pause("10:10")
    session.resume("11:00")
    session.reach(at("11:19"))
    assert session.lot.phase is Phase.OPEN
    session.reach(at("11:20"))
    assert session.lot.phase is Phase.LIMITED


def test_an_outage_over_the_end_interrupts_and_never_sells() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    session.outage("09:30", "10:20")
    assert session.lot.phase is Phase.INTERRUPTED
    session.reach(at("23:00"))
    assert session.lot.phase is Phase.INTERRUPTED
    assert session.lot.leader == "A", "all recorded bids stand"


@pytest.mark.parametrize("until", ["09:55:00", "09:59:00"])
def test_an_outage_that_reaches_the_closing_window_interrupts(until: str) -> None:
    session = Session(fixed_terms(), "A")
    session.outage("09:54", until)
    assert session.lot.phase is Phase.INTERRUPTED


def test_a_short_outage_well_inside_the_bidding_time_moves_the_end_by_its_length() -> None:
    session = Session(fixed_terms(), "A")
    session.bid("09:10", "A", 1000)
    session.outage("09:20", "09:20:03")
    assert session.lot.phase is Phase.OPEN
    assert session.closes() == "10:00:03"


@pytest.mark.parametrize(
    "until, phase, closes",
    [
        ("09:57:00.2", Phase.OPEN, "10:00:00.2"),
        ("09:57:05", Phase.OPEN, "10:00:05"),
        ("09:57:05.1", Phase.INTERRUPTED, None),
    ],
)
def test_a_hand_over_in_the_closing_window_moves_the_end_unless_it_took_too_long(
    until: str, phase: Phase, closes: str | None
) -> None:
    session = Session(fixed_terms(), "A")
    session.bid("09:10", "A", 1000)
    session.hand_over("09:57", until)
    assert session.lot.phase is phase
    assert closes is None or session.closes() == closes


def test_a_hand_over_over_the_end_gives_what_was_left_of_the_bidding_time() -> None:
    session = Session(fixed_terms(), "A")
    session.hand_over("09:59:59", "10:00:01")
    assert session.lot.phase is Phase.OPEN
    assert session.closes() == "10:00:02"


def test_a_long_outage_interrupts_even_far_from_the_end() -> None:
    session = Session(fixed_terms(outage_shift_max_us=DurationUs(60_000_000)), "A")
    session.outage("09:10", "09:12")
    assert session.lot.phase is Phase.INTERRUPTED


def test_an_outage_over_the_opening_opens_late_and_gives_the_whole_time() -> None:
    session = Session(fixed_terms(), "A")
    session.outage("08:59", "09:30")
    session.reach(at("09:30"))
    assert session.lot.phase is Phase.OPEN
    assert session.closes() == "10:30:00"


def test_after_an_interruption_bidding_goes_on_only_after_notice_and_with_a_full_window() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    session.outage("09:58", "10:20")
    assert refused(session.resume("10:30")) is Reject.NOTICE_TOO_SHORT
    assert refused(session.resume("10:30", "10:39:59")) is Reject.NOTICE_TOO_SHORT
    session.resume("10:30", "10:40")
    assert session.bid("10:39", "B", 1100) == "paused"
    session.reach(at("10:40"))
    assert session.closes() == "10:45:00", "two minutes remained; one full window is given"
    assert session.bid("10:44", "B", 1100) == "1100 B"


@pytest.mark.parametrize("halt", ["outage", "pause"])
def test_before_the_first_bid_the_hard_end_is_the_end_and_a_full_window_remains_to_it(halt: str) -> None:
    closing = Closing(
        opens_at_us=at("09:00"),
        first_bid_clock_us=DurationUs(3_600_000_000),
        extension_us=DurationUs(300_000_000),
        hard_end_us=at("10:00"),
    )
    session = Session(Terms(closing=closing, increment=FixedIncrement(Amount(100)), start_price=Amount(1000)), "A", "B")
    if halt == "outage":
        session.outage("09:58", "10:20")
    else:
        session.pause("09:58")
    session.resume("10:30", "10:40")
    assert session.bid("10:41", "A", 1000) == "1000 A"
    assert session.closes() == "10:45:00", "two minutes remained; one full window is given"


def test_a_pause_for_a_fault_of_the_platform_needs_notice_too() -> None:
    session = Session(fixed_terms(), "A")
    session.pause("09:10", PauseKind.FAULT)
    assert refused(session.resume("09:20")) is Reject.NOTICE_TOO_SHORT


def test_withdrawal_is_possible_before_the_start_only() -> None:
    early, late = Session(fixed_terms()), Session(fixed_terms())
    early.send(WithdrawLot(reason="权属争议"), at("08:59:59.999999"))
    assert early.lot.phase is Phase.WITHDRAWN
    assert refused(late.send(WithdrawLot(reason="权属争议"), at("09:00"))) is Reject.WRONG_PHASE


def test_a_void_session_keeps_its_bids_on_record_and_ends() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:10", "A", 1000)
    session.send(VoidLot(reason="系统故障"), at("09:20"))
    assert session.lot.phase is Phase.VOIDED
    assert session.bid("09:30", "B", 1100) == "ended"
    assert session.lot.bids == 1


@pytest.mark.parametrize("command", [VoidLot(reason=" "), VoidLot(reason="x" * 501)])
def test_an_act_without_a_proper_reason_is_refused(command: VoidLot) -> None:
    assert refused(Session(fixed_terms()).send(command, at("09:10"))) is Reject.REASON_REQUIRED


def test_what_is_over_is_over() -> None:
    session = Session(fixed_terms(), "A")
    session.bid("09:10", "A", 1000)
    session.reach(at("10:00"))
    for decision in (session.pause("10:01"), session.resume("10:02"), session.send(VoidLot(reason="x"), at("10:03"))):
        assert refused(decision) is Reject.WRONG_PHASE
