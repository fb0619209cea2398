"""Objections (异议): filed, taken up, judged by a panel, or withdrawn (domain.md §4.3).

While one is open the period stands still and neither certificate nor contract can come about. The clocks of the desk press the desk:
when they run out that goes on record, and nothing else changes. An anonymous objection, and one that comes when no period runs, is a
lead: kept and read, but it stops nobody.
"""

from __future__ import annotations

from typing import Final

from engine.calendar import Calendar, period_end
from engine.rules.publicity import commands as c
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import (
    OBJECTIONS_MAX,
    REASONS_LENGTH_MAX,
    no,
    objection_of,
    ok,
    took_part,
    unless_reason,
)
from engine.rules.publicity.evolving import extended_from
from engine.rules.publicity.running import never_published
from engine.rules.publicity.state import (
    NoticeDecision,
    NoticePhase,
    NoticeRejected,
    NoticeState,
    Objection,
    ObjectionPhase,
)
from engine.rules.rejections import Reject
from engine.values import InstantUs

O = ObjectionPhase  # noqa: E741  # read as the phase of an objection, as P is that of a notice
EVIDENCE_MAX: Final = 10
REFUSED_MAX: Final = 3
"""How often one person may try again on one ground after not having been taken up."""
PANEL_MAX: Final = 15


def file(state: NoticeState, command: c.FileObjection, at_us: InstantUs, calendar: Calendar) -> NoticeDecision:
    """Somebody objects; the period stands still from now."""
    if (hidden := never_published(state)) is not None:
        return hidden
    if state.phase.is_final:
        return no(Reject.ENDED)
    lead = not command.person_key or state.phase not in (NoticePhase.PUBLISHED, NoticePhase.OBJECTED)
    if (wrong := _may_not_file(state, command, lead=lead)) is not None:
        return wrong
    number = len(state.objections) + 1
    due = period_end(calendar, at_us, working_days=state.terms.receipt_working_days)
    return ok(
        e.ObjectionFiled(
            objection_no=number,
            objection_id=command.objection_id,
            receipt_no=f"{state.notice_id}-{number:03d}",
            ground=command.ground,
            lead=lead,
            person_key=command.person_key,
            personal_digest=command.personal_digest,
            statement_digest=command.statement_digest,
            evidence=command.evidence,
            receive_by_us=due.ends_at_us,
            certain=due.certain,
            calendar_version=calendar.version,
        )
    )


def _may_not_file(state: NoticeState, command: c.FileObjection, *, lead: bool) -> NoticeRejected | None:
    if command.person_key:
        own = [
            one for one in state.objections if one.person_key == command.person_key and one.round_no == state.round_no
        ]
        same = [one for one in own if one.ground is command.ground]
        tried = sum(one.phase is O.NOT_ADMITTED for one in same)
        if any(one.phase.is_open for one in own) or tried >= REFUSED_MAX or len(same) > tried:
            return no(Reject.ALREADY_OBJECTED)
    if sum((one.phase is O.LEAD) is lead for one in state.objections) >= OBJECTIONS_MAX:
        return no(Reject.NOTICE_FULL)
    digests = (command.personal_digest, command.statement_digest, *(one.sha256 for one in command.evidence))
    if len(command.evidence) > EVIDENCE_MAX or any(len(digest) != 64 for digest in digests):
        return no(Reject.TERMS_INVALID, problems="evidence: out_of_range")
    return None


def receive(state: NoticeState, command: c.ReceiveObjection, at_us: InstantUs, calendar: Calendar) -> NoticeDecision:
    """The desk takes it up, or says why not; nobody handles an objection to what he applied for or approved."""
    one = objection_of(state, command.objection_no)
    if one is None or one.phase is not O.FILED:
        return _not_there(one)
    if command.handler in took_part(state):
        return no(Reject.INTERESTED_PERSON)
    if not command.admitted:
        return unless_reason(command.reason) or ok(
            e.ObjectionNotAdmitted(objection_no=one.no, handler=command.handler, reason=command.reason)
        )
    due = period_end(calendar, at_us, working_days=state.terms.decision_working_days)
    return ok(
        e.ObjectionReceived(
            objection_no=one.no,
            handler=command.handler,
            decide_by_us=due.ends_at_us,
            certain=due.certain,
            calendar_version=calendar.version,
        )
    )


def name_panel(state: NoticeState, command: c.NamePanel) -> NoticeDecision:
    """At least so many as the terms ask, each once, none with an interest or a part in the notice."""
    one = objection_of(state, command.objection_no)
    if one is None or one.phase is not O.UNDER_REVIEW:
        return _not_there(one)
    ids = [member.member_id for member in command.members]
    if any(member.conflict for member in command.members) or took_part(state) & set(ids):
        return no(Reject.INTERESTED_PERSON)
    if len(set(ids)) < state.terms.panel_least or "" in ids:
        return no(Reject.PANEL_TOO_SMALL, least=state.terms.panel_least)
    if len(ids) > PANEL_MAX or len(set(ids)) != len(ids):
        return no(Reject.TERMS_INVALID, problems="members: out_of_range")
    return ok(e.PanelNamed(objection_no=one.no, members=command.members))


def extend(state: NoticeState, command: c.ExtendDecision, at_us: InstantUs, calendar: Calendar) -> NoticeDecision:
    """Once, from the end of the clock."""
    one = objection_of(state, command.objection_no)
    if one is None or one.phase is not O.UNDER_REVIEW:
        return _not_there(one)
    if one.extended:
        return no(Reject.ALREADY_EXTENDED)
    due = period_end(calendar, extended_from(one, at_us), working_days=state.terms.extension_working_days)
    return unless_reason(command.reason) or ok(
        e.DecisionExtended(
            objection_no=one.no,
            reason=command.reason,
            decide_by_us=due.ends_at_us,
            certain=due.certain,
            calendar_version=calendar.version,
        )
    )


def recount_clock(state: NoticeState, command: c.RecountObjection, calendar: Calendar) -> NoticeDecision:
    """A newer table says of a clock what was only expected before. The objector relies on it, and so does the desk: never shorter."""
    one = objection_of(state, command.objection_no)
    if one is None or not one.phase.is_open or one.certain or command.calendar_version != calendar.version:
        return _not_there(one)
    if calendar.version == one.calendar_version or one.clock_from_us is None or one.due_us is None:
        return no(Reject.NOTHING_CHANGED)
    terms = state.terms
    days = terms.extension_working_days if one.extended else terms.decision_working_days
    if one.phase is O.FILED:
        days = terms.receipt_working_days
    due = period_end(calendar, one.clock_from_us, working_days=days)
    return ok(
        e.ObjectionClockRecounted(
            objection_no=one.no,
            due_us=InstantUs(max(one.due_us, due.ends_at_us)),
            certain=due.certain,
            calendar_version=calendar.version,
        )
    )


def decide_objection(state: NoticeState, command: c.DecideObjection) -> NoticeDecision:
    """The panel's decision with reasons that can be published."""
    one = objection_of(state, command.objection_no)
    if one is None or one.phase is not O.UNDER_REVIEW:
        return _not_there(one)
    if not one.panel:
        return no(Reject.PANEL_MISSING)
    return unless_reason(command.reasons, REASONS_LENGTH_MAX) or ok(
        e.ObjectionDecided(objection_no=one.no, ruling=command.ruling, reasons=command.reasons)
    )


def take_back(state: NoticeState, command: c.WithdrawObjection) -> NoticeDecision:
    """The objector takes it back."""
    one = objection_of(state, command.objection_no)
    if one is None or not one.phase.is_open:
        return _not_there(one)
    return ok(e.ObjectionWithdrawn(objection_no=one.no))


def _not_there(one: Objection | None) -> NoticeRejected:
    return no(Reject.NO_SUCH_OBJECTION) if one is None else no(Reject.WRONG_PHASE, phase=one.phase.value)
