"""Clocks of a deal: reminders, what a missed deadline means, time given back. Pure. What each phase does: `phases.WAITS`."""

from __future__ import annotations

from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Decision, Refusal, Refused, Steps, is_text
from settlement.deals.clocks import deadline_for, overdue, remind_at, working
from settlement.deals.deal import DealSide
from settlement.deals.delivering import accepted
from settlement.deals.phases import Missed, Phase
from settlement.deals.signing import found


def wake(steps: Steps, _: a.Wake) -> Decision:
    """Do what is due by the clock now: mark what is late, remind, or act on the missed deadline."""
    process = steps.now
    late = overdue(process, steps.at_us)
    if late:
        for line in late:
            steps.add(e.LineLate(no=line.no, deadline_us=_deadline_after_late(steps)))
        return steps.done()
    if steps.at_us >= process.deadline_us:
        return _missed(steps)
    if not process.reminded and steps.at_us >= remind_at(process):
        return steps.add(e.Reminded()).done()
    return Refused(Refusal.TOO_EARLY)


def _deadline_after_late(steps: Steps) -> int:
    """Late is told at once. In PAYING time of grace begins; elsewhere the wait goes on, for a later performance by the next line."""
    process, rules = steps.now, steps.now.deal.rules
    if process.phase is Phase.PAYING:
        return working(steps.calendar, steps.at_us, rules.pay_grace_working_days)
    if process.phase is Phase.PERFORMING:
        return deadline_for(process.deal, Phase.PERFORMING, steps.at_us, steps.calendar, process.lines)
    return process.deadline_us


def _missed(steps: Steps) -> Decision:
    process = steps.now
    assert process.wait is not None, "a deal that waits has a wait"
    match process.wait.missed:
        case Missed.DEFAULT:
            silent = [side for side in DealSide if not process.signed_by(side)]
            if len(silent) == 1:
                return found(steps, silent[0], "silence", "")
            return steps.add(e.DefaultQuestioned(cause="silence", deadline_us=steps.deadline(Phase.DECIDING))).done()
        case Missed.GRACE:
            return steps.add(e.DefaultQuestioned(cause="payment", deadline_us=steps.deadline(Phase.DECIDING))).done()
        case Missed.ACCEPTED if not process.deal.needs_registry:
            return accepted(steps, "silence", "")
        case _:
            deadline_us = working(steps.calendar, steps.at_us, process.deal.rules.operator_working_days)
            return steps.add(e.Escalated(deadline_us=deadline_us)).done()


def move_deadline(steps: Steps, act: a.MoveDeadline) -> Decision:
    """Give time: never less than there is."""
    if not is_text(act.reason):
        return Refused(Refusal.REASON_REQUIRED)
    if act.deadline_us <= max(steps.now.deadline_us, steps.at_us):
        return Refused(Refusal.TOO_EARLY)
    return steps.add(e.DeadlineMoved(deadline_us=act.deadline_us, reason=act.reason.strip())).done()
