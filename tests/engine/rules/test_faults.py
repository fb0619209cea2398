"""When trouble is a fault, and which sessions it stops: bursts and blips, drains and few people, engine and database, the end near and far."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rules.auction import terms as t
from engine.rules.auction.commands import PauseKind
from engine.rules.auction.faults import Fault, FaultThresholds, Seen, Watch, is_at_stake, observe
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import Phase
from engine.values import Amount, DurationUs, InstantUs
from tests.engine.rules.formats.session import CLOCK, FormatSession
from tests.engine.rules.test_free_and_limited import dynamic
from tests.engine.rules.transcript import Session, at, fixed_terms, refused

LIMITS = FaultThresholds()
SECOND = 1_000_000


class Looks:
    """Looks one after another, half a second apart; `cut` names who broke off and when (in seconds)."""

    def __init__(self) -> None:
        self.watch, self.seconds = Watch(), 0.0

    def look(self, for_s: float = 0.5, **seen: Any) -> Fault | None:
        cut = {name: InstantUs(round(second * SECOND)) for name, second in seen.pop("cut", {}).items()}
        for _ in range(round(for_s / 0.5)):
            self.seconds += 0.5
            given = {"engine": True, "database": True, "connected": 10, **seen}
            look = Seen(at_us=InstantUs(round(self.seconds * SECOND)), cut=cut, **given)
            self.watch = observe(self.watch, look, LIMITS)
        return self.watch.fault


def crowd(many: int, second: float = 1.0) -> dict[str, float]:
    return {f"bidder{number}": second for number in range(many)}


def test_most_connections_cut_within_seconds_and_still_away_are_a_fault() -> None:
    looks = Looks()
    looks.look(1.0, connected=10)
    assert looks.look(2.0, connected=2, cut=crowd(8)) is None, "who comes back at once lost nothing"
    assert looks.look(0.5, connected=2, cut=crowd(8)) is Fault.CONNECTIONS
    assert looks.watch.lost == set(crowd(8))


def test_who_comes_back_at_once_was_no_fault() -> None:
    looks = Looks()
    looks.look(1.0)
    assert looks.look(1.5, connected=2, cut=crowd(8)) is None
    assert looks.look(20.0, connected=9, cut=crowd(1)) is None


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("one client's loss", {"connected": 9, "cut": crowd(1)}),
        ("half of them, less than the share", {"connected": 5, "cut": crowd(5)}),
        ("few connections", {"connected": 1, "cut": crowd(6)}),
        ("people who left said goodbye", {"connected": 1, "cut": {}}),
        ("a drain sends everybody away", {"connected": 0, "cut": crowd(10), "draining": True, "engine": False}),
    ],
)
def test_no_false_alarm(what: str, seen: dict[str, Any]) -> None:
    looks = Looks()
    looks.look(1.0)
    assert looks.look(30.0, **seen) is None, what


def test_losses_that_trickle_in_over_minutes_are_no_burst() -> None:
    looks = Looks()
    for gone in range(10):
        cut = {f"bidder{number}": 1 + 30.0 * number for number in range(gone)}
        assert looks.look(30.0, connected=10 - gone, cut=cut) is None


def test_a_fault_of_connections_lasts_until_most_are_back_or_have_gone_home() -> None:
    looks = Looks()
    looks.look(4.0, connected=2, cut=crowd(8))
    assert looks.look(60.0, connected=2, cut=crowd(8)) is Fault.CONNECTIONS, (
        "a session that nears its end later is at stake, too"
    )
    assert looks.look(0.5, connected=7, cut=crowd(3)) is Fault.CONNECTIONS
    assert looks.look(1.5, connected=7, cut=crowd(3)) is None
    looks = Looks()
    looks.look(4.0, connected=2, cut=crowd(8))
    assert looks.look(605.0, connected=2, cut=crowd(8)) is None
    assert looks.look(60.0, connected=2, cut=crowd(8)) is None, "and is not declared again for the same people"


@pytest.mark.parametrize(("part", "fault"), [("engine", Fault.WRITER), ("database", Fault.DATABASE)])
def test_a_part_away_for_longer_than_a_moment_is_a_fault_until_it_has_settled(part: str, fault: Fault) -> None:
    looks = Looks()
    assert looks.look(3.0, **{part: False}) is None
    looks.look(0.5)
    assert looks.look(3.0, **{part: False}) is None, "it began anew"
    assert looks.look(0.5, **{part: False}) is fault
    assert looks.look(120.0, **{part: False}) is fault
    assert looks.look(0.5) is fault, "it is back: now what is at stake can be paused"
    assert looks.look(1.5) is None


def test_a_process_that_stood_still_has_seen_nothing_meanwhile() -> None:
    looks = Looks()
    looks.look(0.5, database=False)
    looks.seconds += 5.0  # nobody looked: the time counts for nothing, neither way
    assert looks.look(3.0, database=False) is None
    assert looks.look(0.5, database=False) is Fault.DATABASE


def test_a_session_is_at_stake_in_its_closing_window_or_its_last_minute() -> None:
    session = Session(fixed_terms(), "A")
    session.reach(at("09:30"))
    assert not is_at_stake(session.lot, at("09:54:59"), LIMITS)
    assert is_at_stake(session.lot, at("09:55"), LIMITS)
    short = Session(fixed_terms(extension_s=None), "A")
    short.reach(at("09:30"))
    assert not is_at_stake(short.lot, at("09:58:59"), LIMITS) and is_at_stake(short.lot, at("09:59"), LIMITS)


def test_the_free_period_is_not_the_end_but_every_timed_cycle_is() -> None:
    session = Session(dynamic(), "A", "B")
    session.bid("10:10", "A", 1000)
    assert not is_at_stake(session.lot, at("10:29:59"), LIMITS)
    session.reach(at("10:30"))
    assert session.lot.phase is Phase.LIMITED and is_at_stake(session.lot, at("10:30:01"), LIMITS)


def test_where_a_free_bid_is_required_the_end_of_the_free_period_is_at_stake() -> None:
    terms = dynamic(require_free_bid=True, limited_if_no_free_bid=False)
    session = Session(terms, "A")
    session.reach(at("10:00"))
    assert not is_at_stake(session.lot, at("10:28"), LIMITS) and is_at_stake(session.lot, at("10:29:30"), LIMITS)


def test_while_a_price_falls_every_step_is_at_stake() -> None:
    lot = FormatSession(ft.Falling(clock=CLOCK), "A")
    lot.reach(at("09:00"))
    assert is_at_stake(lot.lot, at("09:00:01"), LIMITS)


def test_what_is_not_running_or_has_no_end_is_not_at_stake() -> None:
    closing = t.Closing(opens_at_us=at("09:00"), first_bid_clock_us=DurationUs(600 * SECOND))
    endless = t.Terms(closing=closing, increment=t.FixedIncrement(Amount(100)), start_price=Amount(1000))
    session = Session(endless, "A")
    assert not is_at_stake(session.lot, at("08:59"), LIMITS)
    session.reach(at("09:00"))
    assert not is_at_stake(session.lot, at("23:00"), LIMITS), "no bid has started its clock"
    session = Session(fixed_terms(), "A")
    session.pause("09:58")
    assert not is_at_stake(session.lot, at("09:59"), LIMITS)


def test_what_a_fault_paused_gets_its_time_back_and_a_full_window_after_notice() -> None:
    session = Session(fixed_terms(), "A", "B")
    session.bid("09:58", "A", 1000)
    assert session.closes() == "10:03:00"
    session.pause("09:59", PauseKind.FAULT)
    assert refused(session.resume("10:20")) == "notice_too_short"
    notice_s = session.lot.terms.resume_notice_us // SECOND
    session.resume("10:20", f"10:{20 + notice_s // 60}:{notice_s % 60}")
    session.reach(at("11:00"))
    resumed = [event for event in session.events if type(event).__name__ == "LotResumed"]
    assert len(resumed) == 1
    assert resumed[0].closes_at_us >= at("10:20") + session.lot.terms.resume_notice_us + 300 * SECOND  # type: ignore[union-attr, operator]
