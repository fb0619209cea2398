"""What a notice does by itself: its next deadline, and what each deadline leads to.

A follow-up of one event (the last objection dismissed, so the period goes on) is a deadline at the instant of that event: every fact is
an event of its own, and a crash in between changes nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from engine.calendar import Calendar
from engine.rules.publicity import commands as c
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import no, ok, open_objections
from engine.rules.publicity.running import certified, ended, resumed
from engine.rules.publicity.state import NoticeDecision, NoticePhase, NoticeState, ObjectionPhase
from engine.rules.rejections import Reject
from engine.values import InstantUs


class Cause(IntEnum):
    """What falls due; of one instant the smaller comes first."""

    RESUMPTION = 1
    RECEIPT = 2
    DECISION = 3
    PERIOD = 4
    CERTIFICATE = 5


class Due(NamedTuple):
    """One thing that falls due; `number` is the objection."""

    at_us: InstantUs
    cause: Cause
    number: int = 0


def next_deadline(state: NoticeState) -> InstantUs | None:
    """Return the next instant at which the notice changes by itself, None if only people can change it."""
    due = next_due(state)
    return None if due is None else due.at_us


def next_due(state: NoticeState) -> Due | None:
    """Return what falls due next, None if only people can change the notice."""
    match state.phase:
        case NoticePhase.PUBLISHED:
            assert state.ends_at_us is not None
            return Due(state.ends_at_us, Cause.PERIOD)
        case NoticePhase.CLEAN:
            assert state.certifies_at_us is not None
            return Due(state.certifies_at_us, Cause.CERTIFICATE)
        case NoticePhase.OBJECTED:
            return min(_clocks(state), default=None)
        case _:
            return None


def _clocks(state: NoticeState) -> list[Due]:
    opened = open_objections(state)
    if not opened:
        return [Due(state.last_at_us, Cause.RESUMPTION)]
    return [
        Due(one.due_us, Cause.RECEIPT if one.phase is ObjectionPhase.FILED else Cause.DECISION, one.no)
        for one in opened
        if one.due_us is not None and not one.overdue
    ]


def reach_deadline(
    state: NoticeState, command: c.ReachDeadline, at_us: InstantUs, calendar: Calendar
) -> NoticeDecision:
    """Decide what falls due."""
    due = next_due(state)
    if due is None or due.at_us != command.due_us or due.at_us > at_us:
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    return ok(_reached(state, due, at_us, calendar))


def _reached(state: NoticeState, due: Due, at_us: InstantUs, calendar: Calendar) -> e.NoticeEvent:
    match due.cause:
        case Cause.RESUMPTION:
            return resumed(state, at_us, calendar)
        case Cause.RECEIPT:
            return e.ObjectionOverdue(objection_no=due.number, clock=e.ObjectionClock.RECEIPT)
        case Cause.DECISION:
            return e.ObjectionOverdue(objection_no=due.number, clock=e.ObjectionClock.DECISION)
        case Cause.PERIOD:
            return ended(state, due.at_us, at_us, calendar)
        case Cause.CERTIFICATE:
            return certified(state)
