"""The state of a registration and how events change it: `TRANSITIONS` is the whole machine; the diagram in docs is made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.registration import events as e
from settlement.registration.events import RegistrationState as S


class Registration(Struct, frozen=True, kw_only=True):
    """A registration after event `seq`. Amounts in fen, instants in microseconds; 0 and empty mean: not yet."""

    id: str
    seq: int
    state: S
    deal: str
    contract_id: str
    contract_version: int
    applicant: str
    """Party that registers: the seller, for imports the domestic buyer (D11)."""
    kind: str
    project: str
    region: str
    """Of the registrant, six digits."""
    seller: str
    buyer: str
    total_fen: int
    technical_fen: int
    """As the applicant says, after the review as the registrar determined."""
    demonstration: bool
    answers: dict[str, str] = {}
    explanations: dict[str, str] = {}
    revision: int = 0
    """Of the package: raised by every handing in, change, cancellation and revocation."""
    package: str = ""
    submitted_at_us: int = 0
    """First handed in."""
    supplemented_at_us: int = 0
    """Handed in again after a return."""
    registrar: str = ""
    return_reason: str = ""
    return_fields: tuple[str, ...] = ()
    returns: int = 0
    accepted_at_us: int = 0
    due_at_us: int = 0
    due_certain: bool = True
    calendar: str = ""
    disputed: str = ""
    """Why experts have to be asked though the amount is small."""
    first_reviewer: str = ""
    outcome: str = ""
    """Proposal of the last review."""
    ground: int = 0
    reason: str = ""
    experts: tuple[e.ExpertView, ...] = ()
    expert_review: bool = False
    second_reviewer: str = ""
    number: str = ""
    check: str = ""
    registered_at_us: int = 0
    certified_at_us: int = 0
    """Of the certificate that counts: registration, or the last change."""
    outside: str = ""
    """Outside system that gave the number."""
    certificate: str = ""
    refused_at_us: int = 0
    ended_ground: str = ""
    ended_reason: str = ""
    changes: int = 0
    objection_by: str = ""
    objection: str = ""
    back_to: S = S.REGISTERED

    @property
    def clock_runs(self) -> bool:
        """The registrar has to decide until `due_at_us`."""
        return self.state in CLOCK_RUNS

    @property
    def stands(self) -> bool:
        """The number is in force."""
        return bool(self.number) and not self.ended_ground


CLOCK_RUNS: Final = (S.ACCEPTED, S.FIRST_REVIEW, S.EXPERT_REVIEW, S.SECOND_REVIEW)
OPEN_TO_OUTSIDE: Final = (
    S.SUBMITTED, S.RESUBMITTED, S.PRE_CHECK, S.ACCEPTED, S.FIRST_REVIEW, S.EXPERT_REVIEW, S.SECOND_REVIEW,
)  # fmt: skip
"""Where an outside system's answer still finds something to decide."""
IN_FORCE: Final = (S.REGISTERED, S.CHANGED)


class IllegalTransition(Exception):
    """An event that cannot follow the state: a bug or a damaged history."""


TRANSITIONS: Final[Mapping[tuple[S | None, type[Any]], tuple[S, ...]]] = {
    (None, e.CaseOpened): (S.DRAFT,),
    **{(state, kind): (state,) for state in (S.DRAFT, S.RETURNED) for kind in (e.FormSaved, e.VersionTaken)},
    (S.DRAFT, e.Submitted): (S.SUBMITTED,),
    (S.SUBMITTED, e.PreCheckStarted): (S.PRE_CHECK,),
    (S.PRE_CHECK, e.Returned): (S.RETURNED,),
    (S.RETURNED, e.Submitted): (S.RESUBMITTED,),
    (S.RESUBMITTED, e.PreCheckStarted): (S.PRE_CHECK,),
    (S.PRE_CHECK, e.Accepted): (S.ACCEPTED,),
    (S.RESUBMITTED, e.Accepted): (S.ACCEPTED,),
    (S.ACCEPTED, e.ReviewStarted): (S.FIRST_REVIEW,),
    # Something is found missing later: the clock starts again with the supplement (D14).
    (S.FIRST_REVIEW, e.Returned): (S.RETURNED,),
    **{(state, e.DisputeRaised): (state,) for state in (S.ACCEPTED, S.FIRST_REVIEW)},
    (S.FIRST_REVIEW, e.OpinionGiven): (S.EXPERT_REVIEW, S.SECOND_REVIEW),
    (S.EXPERT_REVIEW, e.ExpertsHeard): (S.SECOND_REVIEW,),
    (S.SECOND_REVIEW, e.SentBack): (S.FIRST_REVIEW,),
    (S.SECOND_REVIEW, e.Registered): (S.REGISTERED,),
    (S.SECOND_REVIEW, e.Refused): (S.REFUSED,),
    **{(state, e.Recounted): (state,) for state in CLOCK_RUNS},
    **{(state, e.Changed): (S.CHANGED,) for state in IN_FORCE},
    **{(state, e.Cancelled): (S.CANCELLED,) for state in IN_FORCE},
    **{(state, e.Revoked): (S.REVOKED,) for state in IN_FORCE},
    **{(state, e.Objected): (S.OBJECTED,) for state in (S.REGISTERED, S.CHANGED, S.REFUSED, S.REVOKED)},
    (S.OBJECTED, e.ObjectionDecided): (S.REGISTERED, S.CHANGED, S.REFUSED, S.REVOKED, S.FIRST_REVIEW),
    **{
        (state, e.Archived): (S.ARCHIVED,)
        for state in (S.REGISTERED, S.REFUSED, S.CHANGED, S.CANCELLED, S.REVOKED)
    },
    # An outside system decides by its own steps; only its answers are written down.
    **{(state, e.Registered): (S.REGISTERED,) for state in OPEN_TO_OUTSIDE},
    **{(state, e.Refused): (S.REFUSED,) for state in OPEN_TO_OUTSIDE},
    **{(state, e.Returned): (S.RETURNED,) for state in OPEN_TO_OUTSIDE},
    (S.SUBMITTED, e.Accepted): (S.ACCEPTED,),
}  # fmt: skip


def evolve(registration: Registration | None, event: e.Event, registration_id: str, at_us: int) -> Registration:
    """Return the registration after an event.

    Raises:
        IllegalTransition: the event cannot follow.
    """
    before = None if registration is None else registration.state
    after = _after(registration, event, registration_id, at_us)
    if after.state not in TRANSITIONS.get((before, type(event)), ()):
        raise IllegalTransition(f"{before} {type(event).__name__} {after.state}")
    return after


def _after(registration: Registration | None, event: e.Event, registration_id: str, at_us: int) -> Registration:
    if isinstance(event, e.CaseOpened):
        return Registration(
            id=registration_id, seq=1, state=S.DRAFT, deal=event.deal, contract_id=event.contract_id,
            contract_version=event.contract_version, applicant=event.applicant, kind=event.kind, project=event.project,
            region=event.region, seller=event.seller, buyer=event.buyer, total_fen=event.total_fen,
            technical_fen=event.technical_fen, demonstration=event.demonstration,
        )  # fmt: skip
    if registration is None:
        raise IllegalTransition(f"{type(event).__name__} of no registration")
    return replace(registration, seq=registration.seq + 1, **_changes(registration, event, at_us))


def _changes(registration: Registration, event: e.Event, at_us: int) -> dict[str, Any]:
    match event:
        case e.FormSaved():
            return {"answers": event.answers, "explanations": event.explanations}
        case e.VersionTaken():
            return {
                "contract_version": event.contract_version, "kind": event.kind, "project": event.project,
                "total_fen": event.total_fen, "technical_fen": event.technical_fen,
            }  # fmt: skip
        case e.Submitted(again=True):
            return {
                "state": S.RESUBMITTED, "revision": event.revision, "package": event.package, "supplemented_at_us": at_us,
                "return_reason": "", "return_fields": (),
            }  # fmt: skip
        case e.Submitted():
            return {
                "state": S.SUBMITTED, "revision": event.revision, "package": event.package, "submitted_at_us": at_us,
            }  # fmt: skip
        case e.PreCheckStarted():
            return {"state": S.PRE_CHECK, "registrar": event.registrar}
        case e.Returned():
            return {
                "state": S.RETURNED, "return_reason": event.reason, "return_fields": event.fields,
                "returns": registration.returns + 1, "accepted_at_us": 0, "due_at_us": 0, "first_reviewer": "",
            }  # fmt: skip
        case e.Accepted():
            return {
                "state": S.ACCEPTED, "accepted_at_us": event.accepted_at_us, "due_at_us": event.due_at_us,
                "due_certain": event.certain, "calendar": event.calendar,
            }  # fmt: skip
        case e.Recounted():
            return {"due_at_us": event.due_at_us, "due_certain": event.certain, "calendar": event.calendar}
        case _:
            return _review_changes(registration, event, at_us)


def _review_changes(registration: Registration, event: e.Event, at_us: int) -> dict[str, Any]:
    match event:
        case e.ReviewStarted():
            return {"state": S.FIRST_REVIEW, "first_reviewer": event.reviewer}
        case e.DisputeRaised():
            return {"disputed": event.reason}
        case e.OpinionGiven():
            return {
                "state": S.EXPERT_REVIEW if event.experts else S.SECOND_REVIEW, "expert_review": event.experts,
                "first_reviewer": event.reviewer, "outcome": event.outcome.value, "technical_fen": event.technical_fen,
                "ground": event.ground, "reason": event.reason, "due_at_us": event.due_at_us, "due_certain": event.certain,
                "calendar": event.calendar, "experts": (),
            }  # fmt: skip
        case e.ExpertsHeard():
            return {
                "state": S.SECOND_REVIEW, "experts": event.experts, "outcome": event.outcome.value,
                "technical_fen": event.technical_fen, "ground": event.ground, "reason": event.reason,
            }  # fmt: skip
        case e.SentBack():
            return {"state": S.FIRST_REVIEW, "outcome": "", "reason": event.reason, "ground": 0}
        case e.Registered():
            return {
                "state": S.REGISTERED, "number": event.number, "second_reviewer": event.reviewer, "check": event.check,
                "technical_fen": event.technical_fen, "registered_at_us": at_us, "certified_at_us": at_us,
                "outside": event.outside, "certificate": event.certificate, "ground": 0,
            }  # fmt: skip
        case e.Refused():
            return {
                "state": S.REFUSED, "ground": event.ground, "reason": event.reason, "second_reviewer": event.reviewer,
                "refused_at_us": at_us, "outside": event.outside,
            }  # fmt: skip
        case _:
            return _later_changes(registration, event, at_us)


def _later_changes(registration: Registration, event: e.Event, at_us: int) -> dict[str, Any]:
    match event:
        case e.Changed():
            return {
                "state": S.CHANGED, "contract_version": event.contract_version, "total_fen": event.total_fen,
                "technical_fen": event.technical_fen, "check": event.check, "certified_at_us": at_us,
                "changes": registration.changes + 1, "revision": event.revision, "reason": event.reason,
            }  # fmt: skip
        case e.Cancelled():
            return {
                "state": S.CANCELLED, "ended_ground": event.cause.value, "ended_reason": event.reason,
                "revision": event.revision,
            }  # fmt: skip
        case e.Revoked():
            return {
                "state": S.REVOKED, "ended_ground": event.ground, "ended_reason": event.reason, "revision": event.revision,
            }  # fmt: skip
        case e.Objected():
            return {
                "state": S.OBJECTED, "objection_by": event.by, "objection": event.text, "back_to": event.back_to,
            }  # fmt: skip
        case e.ObjectionDecided():
            lifted = {"ended_ground": "", "ended_reason": "", "ground": 0} if event.upheld else {}
            clock = {"due_at_us": event.due_at_us, "due_certain": event.certain, "calendar": event.calendar}
            again = clock if event.to is S.FIRST_REVIEW else {}
            return {"state": event.to, "objection": "", "objection_by": "", **lifted, **again}
        case e.Archived():
            return {"state": S.ARCHIVED}
        case _:
            raise IllegalTransition(type(event).__name__)
