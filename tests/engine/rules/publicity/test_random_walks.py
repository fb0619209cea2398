"""No sequence of commands confirms a notice with fewer than 15 whole days of undisturbed publicity of exactly the final content.

A property that cannot fail proves nothing: each of the planted faults below must be found by the same walks.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.calendar import day_of, end_of
from engine.journal.codec import decode_event, encode_event, encode_state
from engine.rules.auction.evolving import IllegalTransition
from engine.rules.publicity import approving, deadlines, deciding, evolving, periods, running
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import no, ok
from engine.rules.publicity.commands import PublishNotice, RecordGap
from engine.rules.publicity.deciding import decide
from engine.rules.publicity.evolving import evolve
from engine.rules.publicity.state import Leg, NoticePhase, VersionCause
from engine.rules.rejections import Reject
from engine.values import InstantUs
from tests.engine.rules.publicity.transcript import NOTICE
from tests.engine.rules.publicity.walking import Unsound, Walk

STEPS = 45
EVOLVE: dict[Any, Any] = evolving._EVOLVE
DECIDES: dict[Any, Any] = deciding._DECIDES


def walk(seed: int) -> Walk:
    """Return the walk of a seed."""
    return Walk(random.Random(seed).randint).run(STEPS)


def walk_them_all() -> None:
    """Walk until something is unsound."""
    for seed in range(700):
        walk(seed)


def test_many_walks_and_every_event_is_seen() -> None:
    seen: Counter[str] = Counter()
    certified = 0
    for seed in range(700):
        done = walk(seed)
        seen.update(type(event).__name__ for _, event in done.events)
        certified += any(isinstance(event, e.NoticeCertified) for _, event in done.events)
        if seed % 10:
            continue
        state = None  # what is stored says everything: read again it makes the same state
        for moment, event in done.events:
            state = evolve(state, NOTICE, decode_event(*encode_event(event)), moment)
        assert state is not None and encode_state(state) == encode_state(done.notice)
    assert set(seen) >= {cls.__name__ for cls in e.NOTICE_WIRE_NAMES} - {"PeriodRecounted", "ObjectionClockRecounted"}
    assert certified > 60, "walks that never come to a certificate prove nothing"


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_is_drawn(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    done = Walk(draw).run(25)
    state = done.notice
    once, twice = (decide(state, NOTICE, PublishNotice(), done.now, done.calendar) for _ in range(2))
    assert once == twice, "decided twice, decided otherwise"


def _shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period of 14 days."""
    honest = periods.publicity_end

    def short(terms: Any, *rest: Any) -> Any:
        return honest(replace(terms, days=14), *rest)

    monkeypatch.setattr(running, "publicity_end", short)
    monkeypatch.setattr(running, "full_days", lambda state, at_us: 15)


def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A last day of rest does not move."""
    monkeypatch.setattr(periods, "next_working_day", lambda calendar, day: day)


def _gaps_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days without the page count."""
    monkeypatch.setattr(periods, "lost_days", lambda gaps, downtime_us: frozenset())


def _down_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that is noticed late is taken for an end."""
    monkeypatch.setattr(running, "LATE_US", 10**15)


def _end_of_a_gap_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap over midnight is recorded up to the last moment before it."""
    honest = running.record_gap

    def blind(state: Any, command: Any, at_us: InstantUs, calendar: Any) -> Any:
        last_us = end_of(day_of(command.from_us)) - 1
        return honest(state, replace(command, to_us=min(command.to_us, last_us)), at_us, calendar)

    monkeypatch.setattr(running, "record_gap", blind)
    monkeypatch.setitem(DECIDES, RecordGap, blind)


def _clock_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Days under an objection count."""
    honest = evolving._filed

    def filed(state: Any, event: Any) -> Any:
        after = honest(state, event)
        return replace(after, legs=state.legs)

    def resumed(state: Any, event: Any) -> Any:
        return replace(state, phase=NoticePhase.PUBLISHED, ends_at_us=event.ends_at_us)

    monkeypatch.setitem(EVOLVE, e.ObjectionFiled, filed)
    monkeypatch.setitem(EVOLVE, e.PeriodResumed, resumed)
    monkeypatch.setattr(
        running,
        "publicity_end",
        lambda terms, legs, *rest: periods.publicity_end(terms, legs[:1] if legs[0].to_us is None else legs, *rest),
    )


def _price_is_a_typo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new price is taken for a slip of the pen."""
    monkeypatch.setattr(running, "is_slip", lambda begun, new, most: True)


def _slips_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrections are measured against the one before, not against what the round began with."""

    honest = running.correct_typo

    def step(state: Any, command: Any) -> Any:
        if not state.versions:
            return honest(state, command)
        begun = replace(state.versions[-1], cause=VersionCause.PUBLISHED)
        return honest(replace(state, versions=(*state.versions[:-1], begun)), command)

    monkeypatch.setattr(running, "correct_typo", step)


def _revision_keeps_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A revision is published again with the days of the content before it."""
    honest = evolving._published

    def published(state: Any, event: Any) -> Any:
        after = honest(state, event)
        if state.first_published_at_us is None:
            return after
        return replace(after, legs=(Leg(from_us=state.first_published_at_us),), ends_at_us=event.ends_at_us)

    def end(terms: Any, legs: Any, gaps: Any, calendar: Any, announced_us: Any = None) -> Any:
        return periods.publicity_end(replace(terms, days=2), legs, gaps, calendar)

    monkeypatch.setitem(EVOLVE, e.NoticePublished, published)
    monkeypatch.setattr(running, "publish", lambda state, at_us, calendar: _republish(state, at_us, calendar, end))


def _republish(state: Any, at_us: InstantUs, calendar: Any, end: Callable[..., Any]) -> Any:
    if state.phase is not NoticePhase.APPROVED:
        return no(Reject.WRONG_PHASE)
    days = end if state.versions else periods.publicity_end
    found = days(state.terms, (Leg(from_us=at_us),), (), calendar)
    return ok(
        e.NoticePublished(
            round_no=state.round_no + 1, version_no=len(state.versions) + 1, days=state.terms.days,
            ends_at_us=found.ends_at_us, certain=found.certain, calendar_version=calendar.version,
        )
    )  # fmt: skip


def _open_and_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The period goes on although an objection is open."""
    monkeypatch.setattr(deadlines, "open_objections", lambda state: [])


def _own_approval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who applies may approve."""
    honest = approving.approve

    def approve(state: Any, command: Any) -> Any:
        return honest(replace(state, applicant="nobody"), command)

    monkeypatch.setattr(approving, "approve", approve)


FAULTS = [
    _shorter, _no_rest, _gaps_forgotten, _down_at_the_end, _end_of_a_gap_forgotten, _clock_runs_on, _price_is_a_typo,
    _slips_add_up, _revision_keeps_the_clock, _open_and_running, _own_approval,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_a_planted_fault_is_found(fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    with pytest.raises((Unsound, IllegalTransition)):
        walk_them_all()
