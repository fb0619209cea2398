"""Approval inside the institution: handed in, approved body by body along the ladder of amounts, or sent back.

Sources: domain.md §4.1 (ladders in units [P-YZU]), §4.5 (conflict declarations); who applies does not approve.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.rules.publicity import commands as c
from engine.rules.publicity import events as e
from engine.rules.publicity.answers import VERSIONS_MAX, no, ok, unless_reason, wrong_phase
from engine.rules.publicity.checking import content_problems, terms_problems
from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.state import NoticeDecision, NoticePhase, NoticeRejected, NoticeState
from engine.rules.publicity.terms import Declaration, DeclarerRole, NoticeTerms, needed_bodies
from engine.rules.rejections import Reject
from engine.values import NoticeId, PartyId, is_notice_id

P = NoticePhase


def submit(state: NoticeState | None, notice_id: NoticeId, command: c.SubmitNotice) -> NoticeDecision:
    """The applicant hands the notice in."""
    if state is not None:
        return no(Reject.NOTICE_EXISTS)
    if not is_notice_id(notice_id):
        return no(Reject.TERMS_INVALID, problems="notice_id: malformed")
    return unfit(command.terms, command.content, command.seller_id, command.applicant, command.declarations) or ok(
        e.NoticeSubmitted(
            terms=command.terms,
            content=command.content,
            seller_id=command.seller_id,
            applicant=command.applicant,
            declarations=command.declarations,
            bodies=bodies_of(command.terms, command.content),
        )
    )


def send_back(state: NoticeState, command: c.ReturnNotice) -> NoticeDecision:
    """An approver, or the operator before publication, sends it back."""
    if state.phase not in (P.APPROVAL, P.APPROVED):
        return wrong_phase(state)
    return unless_reason(command.reason) or ok(e.NoticeReturned(by=command.by, reason=command.reason))


def resubmit(state: NoticeState, command: c.ResubmitNotice) -> NoticeDecision:
    """The corrected notice comes in; what was approved before is void, for it may have changed."""
    if state.phase is not P.RETURNED:
        return wrong_phase(state)
    return unfit(command.terms, command.content, state.seller_id, command.applicant, command.declarations) or ok(
        e.NoticeResubmitted(
            terms=command.terms,
            content=command.content,
            applicant=command.applicant,
            declarations=command.declarations,
            bodies=bodies_of(command.terms, command.content),
        )
    )


def approve(state: NoticeState, command: c.ApproveNotice) -> NoticeDecision:
    """One body approves: a person without an interest, who neither applied nor approved for another body."""
    if state.phase is not P.APPROVAL:
        return wrong_phase(state)
    if command.body not in state.bodies:
        return no(Reject.NO_SUCH_BODY)
    if any(command.body == one.body or command.approver == one.approver for one in state.approvals):
        return no(Reject.ALREADY_APPROVED)
    if command.approver == state.applicant:
        return no(Reject.APPLICANT_MAY_NOT_APPROVE)
    declared = command.declaration
    if declared.role is not DeclarerRole.APPROVER or declared.who != command.approver:
        return no(Reject.DECLARATION_MISSING, who=command.approver)
    if declared.relation is not None:
        return no(Reject.INTERESTED_PERSON, relation=declared.relation.value)
    body = next(one for one in state.terms.ladder.bodies if one.code == command.body)
    if body.collective and not command.minutes.strip():
        return no(Reject.MINUTES_MISSING)
    wrong = unless_reason(command.minutes, 200) if command.minutes else None
    return wrong or ok(
        e.ApprovalGiven(
            body=command.body,
            approver=command.approver,
            declaration=declared,
            minutes=command.minutes,
            complete=len(state.approvals) + 1 == len(state.bodies),
        )
    )


def revise(state: NoticeState, command: c.ReviseNotice) -> NoticeDecision:
    """New content. Everything begins again: approval, publication, the whole period (domain.md §4.2, by analogy with [P-120A] art. 19)."""
    if state.phase not in (P.PUBLISHED, P.SUSTAINED, P.CLEAN, P.CERTIFIED):
        return wrong_phase(state)
    if len(state.versions) >= VERSIONS_MAX:
        return no(Reject.NOTICE_FULL)
    if command.content == state.content:
        return no(Reject.NOTHING_CHANGED)
    wrong = unless_reason(command.reason) or unfit(
        command.terms, command.content, state.seller_id, command.applicant, command.declarations
    )
    return wrong or ok(
        e.NoticeRevised(
            terms=command.terms,
            content=command.content,
            applicant=command.applicant,
            reason=command.reason,
            declarations=command.declarations,
            bodies=bodies_of(command.terms, command.content),
        )
    )


def bodies_of(terms: NoticeTerms, content: NoticeContent) -> tuple[str, ...]:
    """Return which bodies must approve this content."""
    return needed_bodies(terms.ladder, content.price, related=bool(content.related))


def unfit(
    terms: NoticeTerms, content: NoticeContent, seller_id: PartyId, applicant: str, declarations: Iterable[Declaration]
) -> NoticeRejected | None:
    """Return why a notice cannot be handed in; None if it can."""
    if content.buyer.party_id == seller_id:
        return no(Reject.SELLER_MAY_NOT_BUY)
    if content.buyer.foreign and terms.foreign_blocked:
        return no(Reject.FOREIGN_BLOCKED)
    problems = terms_problems(terms) + content_problems(content)
    if not problems and not bodies_of(terms, content):
        problems.append("ladder: nobody_approves")
    if problems:
        return no(Reject.TERMS_INVALID, problems="; ".join(problems))
    return _undeclared(content, applicant, tuple(declarations))


def _undeclared(content: NoticeContent, applicant: str, declarations: tuple[Declaration, ...]) -> NoticeRejected | None:
    """The applicant and every completer say whether they are tied to the buyer; what they say is in the notice ([L-ZJ-PSTT 17])."""
    asked = [(DeclarerRole.APPLICANT, applicant)]
    asked += [(DeclarerRole.COMPLETER, str(rank)) for rank in range(1, len(content.completers) + 1)]
    given = {(one.role, one.who): one for one in declarations}
    for role, who in asked:
        declared = given.get((role, who))
        if declared is None:
            return no(Reject.DECLARATION_MISSING, role=role.value, who=who)
        if declared.relation is not None and all(declared.relation is not one.kind for one in content.related):
            return no(Reject.RELATED_NOT_MARKED, relation=declared.relation.value)
    return None
