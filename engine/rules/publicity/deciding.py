"""Deciding: one command against one notice. Changes nothing, reads no clock; the first code in `Reject` order is the answer.

The writer fires every deadline due at or before `at_us` (as `ReachDeadline`) before it asks for anything else decided at `at_us`.
"""

from __future__ import annotations

from typing import Any, Final

from engine.calendar import Calendar
from engine.rules.publicity import approving, deadlines, objecting, running
from engine.rules.publicity import commands as c
from engine.rules.publicity.answers import no
from engine.rules.publicity.state import NoticeDecision, NoticeState
from engine.rules.rejections import Reject
from engine.values import InstantUs, NoticeId

# One row for each command but the first: what decides it.
_DECIDES: Final[dict[type[Any], Any]] = {
    c.ReturnNotice: lambda s, x, _t, _k: approving.send_back(s, x),
    c.ResubmitNotice: lambda s, x, _t, _k: approving.resubmit(s, x),
    c.ApproveNotice: lambda s, x, _t, _k: approving.approve(s, x),
    c.PublishNotice: lambda s, _x, t, k: running.publish(s, t, k),
    c.CorrectTypo: lambda s, x, _t, _k: running.correct_typo(s, x),
    c.ReviseNotice: lambda s, x, _t, _k: approving.revise(s, x),
    c.WithdrawNotice: lambda s, x, _t, _k: running.withdraw(s, x),
    c.TerminateNotice: lambda s, x, _t, _k: running.terminate(s, x),
    c.FileObjection: objecting.file,
    c.ReceiveObjection: objecting.receive,
    c.NamePanel: lambda s, x, _t, _k: objecting.name_panel(s, x),
    c.ExtendDecision: objecting.extend,
    c.DecideObjection: lambda s, x, _t, _k: objecting.decide_objection(s, x),
    c.WithdrawObjection: lambda s, x, _t, _k: objecting.take_back(s, x),
    c.RecordGap: running.record_gap,
    c.RecordOutage: running.record_gap,
    c.RecountPeriod: lambda s, x, _t, k: running.recount(s, x, k),
    c.RecountObjection: lambda s, x, _t, k: objecting.recount_clock(s, x, k),
    c.ConfirmDeal: lambda s, x, t, _k: running.confirm_deal(s, x, t),
    c.RecordContract: lambda s, x, _t, _k: running.record_contract(s, x),
    c.ArchiveNotice: lambda s, _x, _t, _k: running.archive(s),
    c.ReachDeadline: deadlines.reach_deadline,
}


def decide(
    state: NoticeState | None, notice_id: NoticeId, command: c.NoticeCommand, at_us: InstantUs, calendar: Calendar
) -> NoticeDecision:
    """Judge one command.

    Args:
        state: The notice after its event `state.seq`; None if there is no such notice.
        notice_id: The notice that is meant.
        command: What is asked.
        at_us: Decision time; never before `state.last_at_us`.
        calendar: The statutory days that periods are counted by.

    Returns:
        `NoticeAccepted(event)` or `NoticeRejected(code, data)`.
    """
    if isinstance(command, c.SubmitNotice):
        return approving.submit(state, notice_id, command)
    if state is None:
        return no(Reject.NO_SUCH_NOTICE)
    assert at_us >= state.last_at_us, "a decision before the last event"
    decision: NoticeDecision = _DECIDES[type(command)](state, command, at_us, calendar)
    return decision
