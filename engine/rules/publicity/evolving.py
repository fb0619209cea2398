"""Evolving: the notice after one more event. Total over events that `decide` can make; anything else is a corrupt log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import open_objections, sustained_in_round
from engine.rules.publicity.commands import Ruling
from engine.rules.publicity.periods import with_gap
from engine.rules.publicity.state import (
    Approval,
    Gap,
    Leg,
    NoticePhase,
    NoticeState,
    NoticeVersion,
    Objection,
    ObjectionPhase,
    VersionCause,
)
from engine.values import InstantUs, NoticeId

P = NoticePhase
_LIVE: Final = frozenset(P) - {P.ARCHIVED, P.WITHDRAWN, P.TERMINATED, P.DEAL, P.CONTRACT}
_JUDGED: Final = frozenset({P.OBJECTED})

# Which phases an event may follow.
FOLLOWS: Final[dict[type[Any], frozenset[NoticePhase]]] = {
    e.NoticeReturned: frozenset({P.APPROVAL, P.APPROVED}),
    e.NoticeResubmitted: frozenset({P.RETURNED}),
    e.ApprovalGiven: frozenset({P.APPROVAL}),
    e.NoticePublished: frozenset({P.APPROVED}),
    e.TypoCorrected: frozenset({P.PUBLISHED, P.OBJECTED}),
    e.NoticeRevised: frozenset({P.PUBLISHED, P.SUSTAINED, P.CLEAN, P.CERTIFIED}),
    e.ObjectionFiled: frozenset(P) - {P.ARCHIVED, P.WITHDRAWN, P.TERMINATED},
    e.ObjectionReceived: _JUDGED,
    e.ObjectionNotAdmitted: _JUDGED,
    e.PanelNamed: _JUDGED,
    e.DecisionExtended: _JUDGED,
    e.ObjectionDecided: _JUDGED,
    e.ObjectionWithdrawn: _JUDGED,
    e.ObjectionOverdue: _JUDGED,
    e.PeriodResumed: _JUDGED,
    e.GapRecorded: frozenset({P.PUBLISHED, P.OBJECTED, P.CLEAN}),
    e.PeriodRecounted: frozenset({P.PUBLISHED}),
    e.ObjectionClockRecounted: _JUDGED,
    e.PeriodEnded: frozenset({P.PUBLISHED}),
    e.NoticeCertified: frozenset({P.CLEAN}),
    e.AgreementStruck: frozenset({P.CERTIFIED}),
    e.ContractRecorded: frozenset({P.DEAL}),
    e.NoticeArchived: frozenset({P.CONTRACT}),
    e.NoticeWithdrawn: _LIVE,
    e.NoticeTerminated: _LIVE,
}


def evolve(state: NoticeState | None, notice_id: NoticeId, event: e.NoticeEvent, at_us: InstantUs) -> NoticeState:
    """Return the state after `event`, decided at `at_us`, took the next place in the notice's sequence.

    Raises:
        IllegalTransition: the event cannot follow `state`.
    """
    if isinstance(event, e.NoticeSubmitted):
        if state is not None:
            raise IllegalTransition("submitted twice")
        return _submitted(notice_id, event, at_us)
    if state is None:
        raise IllegalTransition("an event before submission")
    if state.phase not in FOLLOWS[type(event)]:
        raise IllegalTransition(f"{type(event).__name__} while {state.phase}")
    begun = replace(state, seq=state.seq + 1, last_at_us=InstantUs(max(at_us, state.last_at_us)))
    return _EVOLVE[type(event)](begun, event)


def _submitted(notice_id: NoticeId, event: e.NoticeSubmitted, at_us: InstantUs) -> NoticeState:
    return NoticeState(
        notice_id=notice_id,
        seq=1,
        last_at_us=at_us,
        phase=P.APPROVAL,
        seller_id=event.seller_id,
        submitted_at_us=at_us,
        terms=event.terms,
        content=event.content,
        applicant=event.applicant,
        declarations=event.declarations,
        bodies=event.bodies,
    )


def _returned(state: NoticeState, event: e.NoticeReturned) -> NoticeState:
    return replace(_approvals_void(state), phase=P.RETURNED, reason=event.reason)


def _handed_in(state: NoticeState, event: e.NoticeResubmitted | e.NoticeRevised) -> NoticeState:
    void = _approvals_void(state)
    return replace(
        void,
        phase=P.APPROVAL,
        terms=event.terms,
        content=event.content,
        applicant=event.applicant,
        past_applicants=tuple(dict.fromkeys((*state.past_applicants, state.applicant))),
        declarations=event.declarations,
        bodies=event.bodies,
        reason="",
    )


def _approvals_void(state: NoticeState) -> NoticeState:
    return replace(state, approvals=(), past_approvals=(*state.past_approvals, *state.approvals))


def _revised(state: NoticeState, event: e.NoticeRevised) -> NoticeState:
    """The period so far counts for nothing, and a certificate is void."""
    return replace(
        _handed_in(state, event),
        legs=(),
        gaps=(),
        lost_days=0,
        ends_at_us=None,
        certain=True,
        certifies_at_us=None,
        certificate_no="",
        certified_at_us=None,
        revision_reason=event.reason,
    )


def _approved(state: NoticeState, event: e.ApprovalGiven) -> NoticeState:
    given = Approval(
        body=event.body,
        approver=event.approver,
        declaration=event.declaration,
        minutes=event.minutes,
        at_us=state.last_at_us,
    )
    return replace(
        state, approvals=(*state.approvals, given), phase=P.APPROVED if event.complete else state.phase, reason=""
    )


def _published(state: NoticeState, event: e.NoticePublished) -> NoticeState:
    version = NoticeVersion(
        no=event.version_no,
        round_no=event.round_no,
        cause=VersionCause.REVISED if state.versions else VersionCause.PUBLISHED,
        at_us=state.last_at_us,
        content=state.content,
        reason=state.revision_reason,
    )
    return replace(
        state,
        phase=P.PUBLISHED,
        round_no=event.round_no,
        versions=(*state.versions, version),
        first_published_at_us=state.first_published_at_us or state.last_at_us,
        legs=(Leg(from_us=state.last_at_us),),
        gaps=(),
        lost_days=0,
        ends_at_us=event.ends_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
        revision_reason="",
    )


def _typo_corrected(state: NoticeState, event: e.TypoCorrected) -> NoticeState:
    version = NoticeVersion(
        no=event.version_no,
        round_no=state.round_no,
        cause=VersionCause.TYPO,
        at_us=state.last_at_us,
        content=event.content,
        reason=event.reason,
    )
    return replace(state, content=event.content, versions=(*state.versions, version))


def _filed(state: NoticeState, event: e.ObjectionFiled) -> NoticeState:
    filed = Objection(
        no=event.objection_no,
        objection_id=event.objection_id,
        receipt_no=event.receipt_no,
        round_no=state.round_no,
        ground=event.ground,
        phase=ObjectionPhase.LEAD if event.lead else ObjectionPhase.FILED,
        filed_at_us=state.last_at_us,
        person_key=event.person_key,
        personal_digest=event.personal_digest,
        statement_digest=event.statement_digest,
        evidence=event.evidence,
        due_us=None if event.lead else event.receive_by_us,
        certain=event.certain,
        clock_from_us=state.last_at_us,
        calendar_version=event.calendar_version,
    )
    with_it = replace(state, objections=(*state.objections, filed))
    if event.lead or state.phase is P.OBJECTED:
        return with_it
    if state.phase is not P.PUBLISHED:
        raise IllegalTransition("an objection that suspends where nothing runs")
    *closed, running = state.legs
    legs = (*closed, replace(running, to_us=state.last_at_us))
    return replace(with_it, phase=P.OBJECTED, legs=legs, ends_at_us=None, certain=True)


def _objection(state: NoticeState, number: int, **changes: Any) -> NoticeState:
    """Return the state with one objection changed; with the last open one the notice is free again, or to be revised."""
    changed = tuple(replace(one, **changes) if one.no == number else one for one in state.objections)
    after = replace(state, objections=changed)
    if not open_objections(after) and sustained_in_round(after):
        return replace(after, phase=P.SUSTAINED)
    return after


def _received(state: NoticeState, event: e.ObjectionReceived) -> NoticeState:
    return _objection(
        state,
        event.objection_no,
        phase=ObjectionPhase.UNDER_REVIEW,
        handler=event.handler,
        due_us=event.decide_by_us,
        certain=event.certain,
        clock_from_us=state.last_at_us,
        calendar_version=event.calendar_version,
        overdue=False,
    )


def _not_admitted(state: NoticeState, event: e.ObjectionNotAdmitted) -> NoticeState:
    return _objection(
        state,
        event.objection_no,
        phase=ObjectionPhase.NOT_ADMITTED,
        handler=event.handler,
        due_us=None,
        reasons=event.reason,
        closed_at_us=state.last_at_us,
    )


def _panel(state: NoticeState, event: e.PanelNamed) -> NoticeState:
    return _objection(state, event.objection_no, panel=event.members)


def _extended(state: NoticeState, event: e.DecisionExtended) -> NoticeState:
    before = next(one for one in state.objections if one.no == event.objection_no)
    return _objection(
        state,
        event.objection_no,
        extended=True,
        due_us=event.decide_by_us,
        certain=event.certain,
        clock_from_us=extended_from(before, state.last_at_us),
        calendar_version=event.calendar_version,
        overdue=False,
    )


def extended_from(one: Objection, at_us: InstantUs) -> InstantUs:
    """Return from when an extension counts: from the end of the clock that is extended, or from now if that has passed."""
    assert one.due_us is not None, "an objection under review has a clock"
    return InstantUs(max(one.due_us - 1, at_us))


def _clock_recounted(state: NoticeState, event: e.ObjectionClockRecounted) -> NoticeState:
    before = next(one for one in state.objections if one.no == event.objection_no)
    return _objection(
        state,
        event.objection_no,
        due_us=event.due_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
        overdue=before.overdue and event.due_us <= state.last_at_us,
    )


_RULED: Final = {
    Ruling.SUSTAINED: ObjectionPhase.SUSTAINED,
    Ruling.PARTLY: ObjectionPhase.PARTLY,
    Ruling.DISMISSED: ObjectionPhase.DISMISSED,
}


def _decided(state: NoticeState, event: e.ObjectionDecided) -> NoticeState:
    return _objection(
        state,
        event.objection_no,
        phase=_RULED[event.ruling],
        ruling=event.ruling,
        reasons=event.reasons,
        due_us=None,
        closed_at_us=state.last_at_us,
    )


def _taken_back(state: NoticeState, event: e.ObjectionWithdrawn) -> NoticeState:
    return _objection(
        state, event.objection_no, phase=ObjectionPhase.WITHDRAWN, due_us=None, closed_at_us=state.last_at_us
    )


def _overdue(state: NoticeState, event: e.ObjectionOverdue) -> NoticeState:
    return _objection(state, event.objection_no, overdue=True)


def _resumed(state: NoticeState, event: e.PeriodResumed) -> NoticeState:
    return replace(
        state,
        phase=P.PUBLISHED,
        legs=(*state.legs, Leg(from_us=state.last_at_us)),
        ends_at_us=event.ends_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
    )


def _gap(state: NoticeState, event: e.GapRecorded) -> NoticeState:
    """A gap that moves the end of a period that had ended opens it again."""
    again = state.phase is P.CLEAN and event.ends_at_us != state.ends_at_us
    return replace(
        state,
        phase=P.PUBLISHED if again else state.phase,
        certifies_at_us=None if again else state.certifies_at_us,
        gaps=with_gap(state.gaps, Gap(from_us=event.from_us, to_us=event.to_us)),
        lost_days=event.lost_days,
        ends_at_us=event.ends_at_us,
        certain=event.certain,
        calendar_version=event.calendar_version,
    )


def _recounted(state: NoticeState, event: e.PeriodRecounted) -> NoticeState:
    return replace(state, ends_at_us=event.ends_at_us, certain=event.certain, calendar_version=event.calendar_version)


def _ended(state: NoticeState, event: e.PeriodEnded) -> NoticeState:
    return replace(state, phase=P.CLEAN, certifies_at_us=event.certifies_at_us)


def _certified(state: NoticeState, event: e.NoticeCertified) -> NoticeState:
    return replace(
        state,
        phase=P.CERTIFIED,
        certifies_at_us=None,
        certificate_no=event.certificate_no,
        certified_at_us=state.last_at_us,
    )


def _struck(state: NoticeState, event: e.AgreementStruck) -> NoticeState:
    return replace(state, phase=P.DEAL, deal=event, struck_at_us=state.last_at_us)


def _contract(state: NoticeState, event: e.ContractRecorded) -> NoticeState:
    return replace(state, phase=P.CONTRACT, contract_ref=event.contract_ref)


def _archived(state: NoticeState, _event: e.NoticeArchived) -> NoticeState:
    return replace(state, phase=P.ARCHIVED)


def _over(final: NoticePhase) -> Callable[[NoticeState, Any], NoticeState]:
    def over(state: NoticeState, event: e.NoticeWithdrawn | e.NoticeTerminated) -> NoticeState:
        moot = tuple(
            replace(one, phase=ObjectionPhase.MOOT, due_us=None, closed_at_us=state.last_at_us)
            if one.phase.is_open
            else one
            for one in state.objections
        )
        return replace(
            state,
            phase=final,
            reason=event.reason,
            objections=moot,
            ends_at_us=None,
            certain=True,
            certifies_at_us=None,
        )

    return over


_EVOLVE: Final[dict[type[Any], Callable[[NoticeState, Any], NoticeState]]] = {
    e.NoticeReturned: _returned,
    e.NoticeResubmitted: _handed_in,
    e.ApprovalGiven: _approved,
    e.NoticePublished: _published,
    e.TypoCorrected: _typo_corrected,
    e.NoticeRevised: _revised,
    e.ObjectionFiled: _filed,
    e.ObjectionReceived: _received,
    e.ObjectionNotAdmitted: _not_admitted,
    e.PanelNamed: _panel,
    e.DecisionExtended: _extended,
    e.ObjectionDecided: _decided,
    e.ObjectionWithdrawn: _taken_back,
    e.ObjectionOverdue: _overdue,
    e.PeriodResumed: _resumed,
    e.GapRecorded: _gap,
    e.PeriodRecounted: _recounted,
    e.ObjectionClockRecounted: _clock_recounted,
    e.PeriodEnded: _ended,
    e.NoticeCertified: _certified,
    e.AgreementStruck: _struck,
    e.ContractRecorded: _contract,
    e.NoticeArchived: _archived,
    e.NoticeWithdrawn: _over(P.WITHDRAWN),
    e.NoticeTerminated: _over(P.TERMINATED),
}
