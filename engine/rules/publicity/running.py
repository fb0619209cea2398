"""The period: publication, corrections that do not disturb it, gaps that lengthen it, its end, certificate and deal.

Sources: domain.md §4.2; 民法典 arts. 201-203; 促进科技成果转化法 art. 18. Nothing here leads from an open objection, a revision or a
fault of the platform to a certificate.
"""

from __future__ import annotations

from typing import Final

from engine.calendar import Calendar, day_of, parse_day
from engine.rules.publicity import commands as c
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import BEFORE, VERSIONS_MAX, no, ok, unless_reason, wrong_phase
from engine.rules.publicity.checking import content_problems, is_slip
from engine.rules.publicity.content import content_digest
from engine.rules.publicity.periods import LONGEST_GAP_US, full_days, lost_in, publicity_end, with_gap
from engine.rules.publicity.state import (
    Gap,
    Leg,
    NoticeDecision,
    NoticePhase,
    NoticeRejected,
    NoticeState,
    VersionCause,
)
from engine.rules.publicity.visibility import closest_tie
from engine.rules.rejections import Reject
from engine.values import InstantUs

P = NoticePhase
SIGNED_LENGTH_MAX: Final = 200
LATE_US: Final = 60_000_000
"""A deadline that is noticed later than this fell while nobody served."""


def publish(state: NoticeState, at_us: InstantUs, calendar: Calendar) -> NoticeDecision:
    """The period begins; the day of publication does not count (民法典 art. 201)."""
    if state.phase is not P.APPROVED:
        return wrong_phase(state)
    if _valuation_expired(state, at_us):
        return no(Reject.VALUATION_EXPIRED)
    end = publicity_end(state.terms, (Leg(from_us=at_us),), (), calendar)
    return ok(
        e.NoticePublished(
            round_no=state.round_no + 1,
            version_no=len(state.versions) + 1,
            days=state.terms.days,
            ends_at_us=end.ends_at_us,
            certain=end.certain,
            calendar_version=calendar.version,
        )
    )


def correct_typo(state: NoticeState, command: c.CorrectTypo) -> NoticeDecision:
    """A slip of the pen; anything more is a revision. Measured against what the round began with, so that small steps add up."""
    if state.phase not in (P.PUBLISHED, P.OBJECTED):
        return wrong_phase(state)
    if len(state.versions) >= VERSIONS_MAX:
        return no(Reject.NOTICE_FULL)
    if command.content == state.content:
        return no(Reject.NOTHING_CHANGED)
    begun = next(one for one in reversed(state.versions) if one.cause is not VersionCause.TYPO)
    if not is_slip(begun.content, command.content, state.terms.typo_characters):
        return no(Reject.NOT_A_TYPO, most=state.terms.typo_characters)
    problems = content_problems(command.content)
    if problems:
        return no(Reject.TERMS_INVALID, problems="; ".join(problems))
    version_no = len(state.versions) + 1
    return unless_reason(command.reason) or ok(
        e.TypoCorrected(version_no=version_no, content=command.content, reason=command.reason)
    )


def withdraw(state: NoticeState, command: c.WithdrawNotice) -> NoticeDecision:
    """The institution gives the agreement up."""
    if state.phase.is_final or state.phase in (P.DEAL, P.CONTRACT):
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    return unless_reason(command.reason) or ok(e.NoticeWithdrawn(reason=command.reason))


def terminate(state: NoticeState, command: c.TerminateNotice) -> NoticeDecision:
    """The market ends it."""
    if state.phase.is_final or state.phase in (P.DEAL, P.CONTRACT):
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    return unless_reason(command.reason) or ok(e.NoticeTerminated(reason=command.reason))


def record_gap(
    state: NoticeState, command: c.RecordGap | c.RecordOutage, at_us: InstantUs, calendar: Calendar
) -> NoticeDecision:
    """The page was away. Reported during the period, while it stands still, and until the certificate is made out."""
    if state.phase not in (P.PUBLISHED, P.OBJECTED, P.CLEAN):
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    from_us, to_us = max(command.from_us, state.legs[0].from_us), min(command.to_us, at_us)
    if from_us >= to_us or to_us - from_us > LONGEST_GAP_US:
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    source = command.source if isinstance(command, c.RecordGap) else c.GapSource.ENGINE
    gap = Gap(from_us=InstantUs(from_us), to_us=InstantUs(to_us))
    if any(one.from_us <= gap.from_us and gap.to_us <= one.to_us for one in state.gaps):
        return no(Reject.NOTHING_CHANGED)
    return ok(_with_gap(state, gap, source, at_us, calendar))


def _with_gap(state: NoticeState, gap: Gap, source: c.GapSource, at_us: InstantUs, calendar: Calendar) -> e.GapRecorded:
    gaps = with_gap(state.gaps, gap)
    runs = state.phase is not P.OBJECTED
    end = publicity_end(state.terms, state.legs, gaps, calendar, state.ends_at_us) if runs else None
    return e.GapRecorded(
        from_us=gap.from_us,
        to_us=gap.to_us,
        source=source,
        lost_days=lost_in(state.legs, gaps, state.terms, at_us),
        ends_at_us=None if end is None else end.ends_at_us,
        certain=state.certain if end is None else end.certain,
        calendar_version=state.calendar_version if end is None else calendar.version,
    )


def recount(state: NoticeState, command: c.RecountPeriod, calendar: Calendar) -> NoticeDecision:
    """A newer table says of the end what was only expected before. People rely on the end announced: it moves later, never earlier."""
    if state.phase is not P.PUBLISHED or state.certain or command.calendar_version != calendar.version:
        return no(Reject.WRONG_PHASE, phase=state.phase.value)
    if calendar.version == state.calendar_version:
        return no(Reject.NOTHING_CHANGED)
    end = publicity_end(state.terms, state.legs, state.gaps, calendar, state.ends_at_us)
    return ok(e.PeriodRecounted(ends_at_us=end.ends_at_us, certain=end.certain, calendar_version=calendar.version))


def resumed(state: NoticeState, at_us: InstantUs, calendar: Calendar) -> e.PeriodResumed:
    """Nothing is open any more: the days that were left, at least one, follow; the day of resumption does not count."""
    end = publicity_end(state.terms, (*state.legs, Leg(from_us=at_us)), state.gaps, calendar)
    return e.PeriodResumed(
        days_left=max(1, state.terms.days - full_days(state, at_us)),
        ends_at_us=end.ends_at_us,
        certain=end.certain,
        calendar_version=calendar.version,
    )


def ended(state: NoticeState, due_us: InstantUs, at_us: InstantUs, calendar: Calendar) -> e.NoticeEvent:
    """The last day is over. If nobody served when it ended, who wanted to object in its last minutes could not: another day."""
    if at_us - due_us > LATE_US:
        return _with_gap(state, Gap(from_us=InstantUs(due_us - 1), to_us=at_us), c.GapSource.ENGINE, at_us, calendar)
    return e.PeriodEnded(certifies_at_us=InstantUs(due_us + state.terms.certify_after_us))


def certified(state: NoticeState) -> e.NoticeCertified:
    """Return the certificate of a clean end."""
    assert state.ends_at_us is not None and state.phase is P.CLEAN
    shown = full_days(state, state.ends_at_us)
    assert shown >= state.terms.days, "a period that ends early"
    version = state.versions[-1]
    return e.NoticeCertified(
        certificate_no=f"{state.notice_id}-c{state.round_no}",
        version_no=version.no,
        content_digest=content_digest(version.content),
        from_us=state.legs[0].from_us,
        ends_at_us=state.ends_at_us,
        full_days=shown,
        calendar_version=state.calendar_version,
    )


def confirm_deal(state: NoticeState, command: c.ConfirmDeal, at_us: InstantUs) -> NoticeDecision:
    """The agreement that was published is concluded, word for word."""
    if state.phase is not P.CERTIFIED:
        return wrong_phase(state)
    if _valuation_expired(state, at_us):
        return no(Reject.VALUATION_EXPIRED)
    content = state.versions[-1].content
    return ok(
        e.AgreementStruck(
            seller_id=state.seller_id,
            buyer=content.buyer,
            achievement_id=content.achievement_id,
            achievement_version=content.achievement_version,
            achievement_digest=content.achievement_digest,
            title_zh=content.title_zh,
            title_en=content.title_en,
            mode=content.mode,
            price=content.price,
            currency=state.terms.currency,
            payment=content.payment,
            related=closest_tie(content),
            certificate_no=state.certificate_no,
            content_digest=content_digest(content),
            confirmed_by=command.by,
            rule_version=state.terms.rule_version,
            calendar_version=state.calendar_version,
        )
    )


def record_contract(state: NoticeState, command: c.RecordContract) -> NoticeDecision:
    """Both sides signed."""
    if state.phase is not P.DEAL:
        return wrong_phase(state)
    return unless_reason(command.contract_ref, SIGNED_LENGTH_MAX) or ok(
        e.ContractRecorded(contract_ref=command.contract_ref)
    )


def archive(state: NoticeState) -> NoticeDecision:
    """The file is complete."""
    return ok(e.NoticeArchived()) if state.phase is P.CONTRACT else wrong_phase(state)


def _valuation_expired(state: NoticeState, at_us: InstantUs) -> bool:
    """A valuation that the price rests on holds until the day named in it."""
    days = [parse_day(one.valid_until) for one in state.content.basis if one.valid_until]
    return any(day is not None and day < day_of(at_us) for day in days)


def never_published(state: NoticeState) -> NoticeRejected | None:
    """Return the answer to an outsider about a notice that he may not know of; None if it was published."""
    return no(Reject.NO_SUCH_NOTICE) if not state.versions and state.phase in BEFORE else None
