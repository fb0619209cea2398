"""The rules of a registration: decide(state, act, who, at) -> events or a refusal. Pure.

Sources: domain.md §5.2 (draft of 2024, D11–D17), §5.3 (second review by another person), §5.4 (states), §5.5 (grounds), §5.17.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from settlement.contracts.amounts import needs_experts
from settlement.contracts.checks import Ground
from settlement.contracts.facts import FEN_MAX
from settlement.registration import acts as a
from settlement.registration import events as e
from settlement.registration.events import Cause, Outcome, OutsideAnswer
from settlement.registration.events import RegistrationState as S
from settlement.registration.evolving import CLOCK_RUNS, IN_FORCE, OPEN_TO_OUTSIDE, Registration
from settlement.registration.form import form_fields, registration_rules
from settlement.registration.precheck import number_warnings

TEXT_MAX: Final = 2_000
NUMBER_MAX: Final = 40
EXPERTS_MAX: Final = 30
EVENTS_MAX: Final = 2_000
"""Bound on the history of one registration."""


class Refusal(StrEnum):
    """Why an act is refused, in order of precedence. Never renamed."""

    NO_SUCH_REGISTRATION = "no_such_registration"
    REGISTRATION_EXISTS = "registration_exists"
    KEY_REUSED = "key_reused"
    WRONG_STATE = "wrong_state"
    HISTORY_FULL = "history_full"
    REASON_REQUIRED = "reason_required"
    NO_SUCH_FIELD = "no_such_field"
    NOT_CLEAR = "not_clear"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    GROUND_REQUIRED = "ground_required"
    TOO_FEW_EXPERTS = "too_few_experts"
    SAME_PERSON = "same_person"
    OUTCOME_DIFFERS = "outcome_differs"
    NUMBER_INVALID = "number_invalid"
    NUMBER_UNUSUAL = "number_unusual"
    NUMBER_TAKEN = "number_taken"
    TOO_LATE = "too_late"
    NOT_NEWER = "not_newer"


class NotDone(Struct, frozen=True):
    """The answer to an act that the rules do not allow."""

    code: Refusal
    data: dict[str, int | str] = {}


Decision = tuple[e.Event, ...] | NotDone


def decide(registration: Registration | None, act: a.Act, actor: str, at_us: int) -> Decision:
    """Judge one act on one registration. Changes nothing.

    Args:
        registration: The registration now, None if there is none.
        act: What is wished.
        actor: Account that wishes it, or the name of an outside system.
        at_us: The market's time.

    Returns:
        One event or more, none where nothing would change, or why not: the first code of `Refusal` that applies.
    """
    if isinstance(act, a.OpenCase):
        return NotDone(Refusal.REGISTRATION_EXISTS) if registration is not None else _open(act)
    if registration is None:
        return NotDone(Refusal.NO_SUCH_REGISTRATION)
    allowed, judge = _RULES[type(act)]
    if registration.state not in allowed:
        return NotDone(Refusal.WRONG_STATE, {"state": registration.state.value})
    if registration.seq >= EVENTS_MAX:
        return NotDone(Refusal.HISTORY_FULL)
    return judge(registration, act, actor, at_us)


def allowed_states(act: type[Any]) -> frozenset[S]:
    """Return the states in which an act is judged at all."""
    return _RULES[act][0]


def _open(act: a.OpenCase) -> Decision:
    if not 0 <= act.technical_fen <= act.total_fen <= FEN_MAX:
        return NotDone(Refusal.AMOUNT_OUT_OF_RANGE)
    return (
        e.CaseOpened(
            deal=act.deal, contract_id=act.contract_id, contract_version=act.contract_version, applicant=act.applicant,
            kind=act.kind, project=act.project, region=act.region, seller=act.seller, buyer=act.buyer,
            total_fen=act.total_fen, technical_fen=act.technical_fen, demonstration=act.demonstration,
        ),
    )  # fmt: skip


def _save(registration: Registration, act: a.SaveForm, _: str, __: int) -> Decision:
    fields = form_fields()
    unknown = [key for key in act.answers if key not in fields or not fields[key].answerable]
    if unknown:
        return NotDone(Refusal.NO_SUCH_FIELD, {"field": unknown[0]})
    if any(len(text) > TEXT_MAX for text in (*act.answers.values(), *act.explanations.values())):
        return NotDone(Refusal.REASON_REQUIRED)
    if (act.answers, act.explanations) == (registration.answers, registration.explanations):
        return ()
    return (e.FormSaved(answers=act.answers, explanations=act.explanations),)


def _take_version(registration: Registration, act: a.TakeVersion, _: str, __: int) -> Decision:
    if act.contract_version == registration.contract_version:
        return ()
    if act.contract_version < registration.contract_version:
        return NotDone(Refusal.NOT_NEWER)
    if not 0 <= act.technical_fen <= act.total_fen <= FEN_MAX:
        return NotDone(Refusal.AMOUNT_OUT_OF_RANGE)
    return (
        e.VersionTaken(
            contract_version=act.contract_version, kind=act.kind, project=act.project, total_fen=act.total_fen,
            technical_fen=act.technical_fen,
        ),
    )  # fmt: skip


def _submit(registration: Registration, act: a.Submit, _: str, __: int) -> Decision:
    """D12: in full. What the pre-check predicts to be refused is not handed in."""
    if not act.clear:
        return NotDone(Refusal.NOT_CLEAR)
    again = registration.state is S.RETURNED
    return (e.Submitted(revision=registration.revision + 1, package=act.package, again=again),)


def _start_pre_check(_: Registration, __: a.StartPreCheck, actor: str, ___: int) -> Decision:
    return (e.PreCheckStarted(registrar=actor),)


def _return(_: Registration, act: a.Return, __: str, ___: int) -> Decision:
    return _returned(act.reason, act.fields)


def _returned(reason: str, fields: tuple[str, ...]) -> Decision:
    if not _is_reason(reason):
        return NotDone(Refusal.REASON_REQUIRED)
    unknown = [key for key in fields if key not in form_fields() and not key.startswith("clause:")]
    if unknown:
        return NotDone(Refusal.NO_SUCH_FIELD, {"field": unknown[0]})
    return (e.Returned(reason=reason, fields=fields),)


def _accept(registration: Registration, act: a.Accept, _: str, at_us: int) -> Decision:
    return (
        e.Accepted(
            accepted_at_us=acceptance_of(registration, at_us), due_at_us=act.due_at_us, certain=act.certain,
            calendar=act.calendar,
        ),
    )  # fmt: skip


def acceptance_of(registration: Registration, at_us: int) -> int:
    """Return the instant from which the clock counts: the supplement where there was one (D14), else now."""
    return registration.supplemented_at_us or at_us


def _start_review(_: Registration, __: a.StartReview, actor: str, ___: int) -> Decision:
    return (e.ReviewStarted(reviewer=actor),)


def _dispute(_: Registration, act: a.RaiseDispute, __: str, ___: int) -> Decision:
    return (e.DisputeRaised(reason=act.reason),) if _is_reason(act.reason) else NotDone(Refusal.REASON_REQUIRED)


def _opinion(registration: Registration, act: a.GiveOpinion, actor: str, _: int) -> Decision:
    """D14: from 5,000,000 yuan technical amount on, or disputed, experts are asked; their clock counts from the acceptance, too."""
    if refused := _proposal(registration, act.outcome, act.technical_fen, act.ground, act.reason):
        return refused
    experts = needs_experts(act.technical_fen, disputed=bool(registration.disputed))
    return (
        e.OpinionGiven(
            reviewer=actor, outcome=act.outcome, technical_fen=act.technical_fen, ground=act.ground, reason=act.reason,
            experts=experts, due_at_us=act.expert_due_at_us if experts else registration.due_at_us,
            certain=act.expert_certain if experts else registration.due_certain,
            calendar=act.calendar if experts else registration.calendar,
        ),
    )  # fmt: skip


def _proposal(
    registration: Registration, outcome: Outcome, technical_fen: int, ground: int, reason: str
) -> NotDone | None:
    if not 0 <= technical_fen <= registration.total_fen:
        return NotDone(Refusal.AMOUNT_OUT_OF_RANGE, {"total_fen": registration.total_fen})
    if outcome is Outcome.REFUSE and ground not in set(Ground):
        return NotDone(Refusal.GROUND_REQUIRED)
    if outcome is Outcome.REFUSE and not _is_reason(reason):
        return NotDone(Refusal.REASON_REQUIRED)
    # Another amount than the applicant said needs a word to him.
    if technical_fen != registration.technical_fen and not _is_reason(reason):
        return NotDone(Refusal.REASON_REQUIRED)
    return NotDone(Refusal.REASON_REQUIRED) if len(reason) > TEXT_MAX else None


def _experts(registration: Registration, act: a.GiveExpertOpinion, _: str, __: int) -> Decision:
    names = {(one.name.strip(), one.unit.strip()) for one in act.experts if one.name.strip()}
    if len(names) < registration_rules().experts_min.value or not len(names) == len(act.experts) <= EXPERTS_MAX:
        return NotDone(Refusal.TOO_FEW_EXPERTS, {"least": registration_rules().experts_min.value})
    if refused := _proposal(registration, act.outcome, act.technical_fen, act.ground, act.reason):
        return refused
    agree = sum(one.agrees for one in act.experts)
    if (act.outcome is Outcome.REGISTER) != (2 * agree > len(act.experts)):
        return NotDone(Refusal.OUTCOME_DIFFERS, {"agree": agree, "of": len(act.experts)})
    return (
        e.ExpertsHeard(
            experts=act.experts, outcome=act.outcome, technical_fen=act.technical_fen, ground=act.ground, reason=act.reason
        ),
    )  # fmt: skip


def _send_back(registration: Registration, act: a.SendBack, actor: str, _: int) -> Decision:
    if actor == registration.first_reviewer:
        return NotDone(Refusal.SAME_PERSON)
    return (
        (e.SentBack(reviewer=actor, reason=act.reason),) if _is_reason(act.reason) else NotDone(Refusal.REASON_REQUIRED)
    )


def _register(registration: Registration, act: a.Register, actor: str, _: int) -> Decision:
    """二次审核 by another person (domain.md §5.3); the number's form is a warning that has to be seen (§5.16)."""
    if actor == registration.first_reviewer:
        return NotDone(Refusal.SAME_PERSON)
    if registration.outcome != Outcome.REGISTER.value:
        return NotDone(Refusal.OUTCOME_DIFFERS)
    if not _is_number(act.number):
        return NotDone(Refusal.NUMBER_INVALID)
    warnings = number_warnings(act.number)
    if warnings and not act.confirmed:
        return NotDone(Refusal.NUMBER_UNUSUAL, {"warning": warnings[0]})
    return (
        e.Registered(
            number=act.number, reviewer=actor, technical_fen=registration.technical_fen, check=act.check, outside="",
            certificate="",
        ),
    )  # fmt: skip


def _refuse(registration: Registration, _: a.Refuse, actor: str, __: int) -> Decision:
    if actor == registration.first_reviewer:
        return NotDone(Refusal.SAME_PERSON)
    if registration.outcome != Outcome.REFUSE.value:
        return NotDone(Refusal.OUTCOME_DIFFERS)
    return (e.Refused(ground=registration.ground, reason=registration.reason, reviewer=actor, outside=""),)


def _change(registration: Registration, act: a.Change, _: str, __: int) -> Decision:
    if act.cause not in (Cause.CONTRACT_CHANGED, Cause.AMOUNT_SUPPLEMENTED) or not _is_reason(act.reason):
        return NotDone(Refusal.REASON_REQUIRED)
    if not 0 <= act.technical_fen <= act.total_fen <= FEN_MAX:
        return NotDone(Refusal.AMOUNT_OUT_OF_RANGE)
    if act.cause is Cause.CONTRACT_CHANGED and act.contract_version <= registration.contract_version:
        return NotDone(Refusal.NOT_NEWER)
    if act.cause is Cause.AMOUNT_SUPPLEMENTED and act.total_fen <= registration.total_fen:
        return NotDone(Refusal.AMOUNT_OUT_OF_RANGE, {"total_fen": registration.total_fen})
    return (
        e.Changed(
            cause=act.cause, reason=act.reason, contract_version=act.contract_version, total_fen=act.total_fen,
            technical_fen=act.technical_fen, check=act.check, revision=registration.revision + 1,
        ),
    )  # fmt: skip


def _cancel(registration: Registration, act: a.Cancel, _: str, __: int) -> Decision:
    if act.cause not in (Cause.RESCINDED, Cause.ANNULLED) or not _is_reason(act.reason):
        return NotDone(Refusal.REASON_REQUIRED)
    return (e.Cancelled(cause=act.cause, reason=act.reason, revision=registration.revision + 1),)


def _revoke(registration: Registration, act: a.Revoke, _: str, __: int) -> Decision:
    if act.ground not in {ground.code for ground in registration_rules().revocation_grounds}:
        return NotDone(Refusal.GROUND_REQUIRED)
    if not _is_reason(act.reason):
        return NotDone(Refusal.REASON_REQUIRED)
    return (e.Revoked(ground=act.ground, reason=act.reason, revision=registration.revision + 1),)


def _object(registration: Registration, act: a.Raise, _: str, at_us: int) -> Decision:
    if not _is_reason(act.text) or not _is_reason(act.by):
        return NotDone(Refusal.REASON_REQUIRED)
    since_us = max(registration.certified_at_us, registration.refused_at_us)
    until_us = since_us + registration_rules().objection_days.value * 86_400_000_000
    if at_us > until_us and registration.state is not S.REVOKED:
        return NotDone(Refusal.TOO_LATE, {"until_us": until_us})
    return (e.Objected(by=act.by, text=act.text, back_to=registration.state),)


def _decide_objection(registration: Registration, act: a.DecideObjection, _: str, __: int) -> Decision:
    """Upheld against a refusal: reviewed again (复核). Upheld against a revocation: in force again. Against a registration: a
    ground to change or revoke it, which is an act of its own.
    """
    if not _is_reason(act.reason):
        return NotDone(Refusal.REASON_REQUIRED)
    to = registration.back_to
    if act.upheld and to is S.REFUSED:
        to = S.FIRST_REVIEW
    elif act.upheld and to is S.REVOKED:
        to = S.CHANGED if registration.changes else S.REGISTERED
    clock = (act.due_at_us, act.certain, act.calendar) if to is S.FIRST_REVIEW else (0, True, "")
    return (
        e.ObjectionDecided(
            upheld=act.upheld, reason=act.reason, to=to, due_at_us=clock[0], certain=clock[1], calendar=clock[2]
        ),
    )  # fmt: skip


def _archive(_: Registration, __: a.Archive, ___: str, ____: int) -> Decision:
    return (e.Archived(),)


def _recount(_: Registration, act: a.Recount, __: str, ___: int) -> Decision:
    return (e.Recounted(due_at_us=act.due_at_us, certain=act.certain, calendar=act.calendar),)


def _outside(registration: Registration, act: a.TakeOutside, _: str, at_us: int) -> Decision:
    """Write down what an outside system answered. An answer that says what stands already changes nothing."""
    match act.answer:
        case OutsideAnswer.ACCEPTED:
            if registration.state not in (S.SUBMITTED, S.RESUBMITTED):
                return ()
            accepted_at_us = acceptance_of(registration, at_us)
            return (
                e.Accepted(
                    accepted_at_us=accepted_at_us, due_at_us=act.due_at_us, certain=act.certain, calendar=act.calendar
                ),
            )
        case OutsideAnswer.RETURNED:
            return _returned(act.reason, act.fields)
        case OutsideAnswer.REGISTERED:
            if not _is_number(act.number):
                return NotDone(Refusal.NUMBER_INVALID)
            return (
                e.Registered(
                    number=act.number, reviewer="", technical_fen=registration.technical_fen, check=act.check,
                    outside=act.system, certificate=act.certificate,
                ),
            )  # fmt: skip
        case OutsideAnswer.REFUSED:
            if act.ground not in set(Ground) or not _is_reason(act.reason):
                return NotDone(Refusal.GROUND_REQUIRED)
            return (e.Refused(ground=act.ground, reason=act.reason, reviewer="", outside=act.system),)


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= TEXT_MAX


def _is_number(text: str) -> bool:
    return 1 <= len(text) <= NUMBER_MAX and text.isascii() and text.isprintable() and " " not in text


_Judge = Callable[[Registration, Any, str, int], Decision]
_RULES: Final[Mapping[type[Any], tuple[frozenset[S], _Judge]]] = {
    a.SaveForm: (frozenset({S.DRAFT, S.RETURNED}), _save),
    a.TakeVersion: (frozenset({S.DRAFT, S.RETURNED}), _take_version),
    a.Submit: (frozenset({S.DRAFT, S.RETURNED}), _submit),
    a.StartPreCheck: (frozenset({S.SUBMITTED, S.RESUBMITTED}), _start_pre_check),
    a.Return: (frozenset({S.PRE_CHECK, S.FIRST_REVIEW}), _return),
    a.Accept: (frozenset({S.PRE_CHECK, S.RESUBMITTED}), _accept),
    a.StartReview: (frozenset({S.ACCEPTED}), _start_review),
    a.RaiseDispute: (frozenset({S.ACCEPTED, S.FIRST_REVIEW}), _dispute),
    a.GiveOpinion: (frozenset({S.FIRST_REVIEW}), _opinion),
    a.GiveExpertOpinion: (frozenset({S.EXPERT_REVIEW}), _experts),
    a.SendBack: (frozenset({S.SECOND_REVIEW}), _send_back),
    a.Register: (frozenset({S.SECOND_REVIEW}), _register),
    a.Refuse: (frozenset({S.SECOND_REVIEW}), _refuse),
    a.Change: (frozenset(IN_FORCE), _change),
    a.Cancel: (frozenset(IN_FORCE), _cancel),
    a.Revoke: (frozenset(IN_FORCE), _revoke),
    a.Raise: (frozenset({S.REGISTERED, S.CHANGED, S.REFUSED, S.REVOKED}), _object),
    a.DecideObjection: (frozenset({S.OBJECTED}), _decide_objection),
    a.Archive: (frozenset({S.REGISTERED, S.REFUSED, S.CHANGED, S.CANCELLED, S.REVOKED}), _archive),
    a.Recount: (frozenset(CLOCK_RUNS), _recount),
    a.TakeOutside: (frozenset(OPEN_TO_OUTSIDE), _outside),
}
