"""What can happen to a registration, as stored in its history. Names on disk are in `WIRE_NAMES` and are never reused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from settlement.histories import Names


class RegistrationState(StrEnum):
    """Where a registration stands (domain.md §5.4)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    PRE_CHECK = "pre_check"
    RETURNED = "returned"
    """退回补正"""
    RESUBMITTED = "resubmitted"
    ACCEPTED = "accepted"
    """受理: the clock runs."""
    FIRST_REVIEW = "first_review"
    EXPERT_REVIEW = "expert_review"
    SECOND_REVIEW = "second_review"
    """二次审核, by another person."""
    REGISTERED = "registered"
    REFUSED = "refused"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REVOKED = "revoked"
    OBJECTED = "objected"
    ARCHIVED = "archived"


class Outcome(StrEnum):
    """What a review proposes."""

    REGISTER = "register"
    REFUSE = "refuse"


class Cause(StrEnum):
    """Why a registration is changed or cancelled."""

    CONTRACT_CHANGED = "contract_changed"
    AMOUNT_SUPPLEMENTED = "amount_supplemented"
    """A royalty came in: the amount is supplemented before tax relief is asked for (P-CARRIER art. 51)."""
    RESCINDED = "rescinded"
    ANNULLED = "annulled"
    """可撤销 and annulled, or void."""


class OutsideAnswer(StrEnum):
    """What an outside system may say."""

    ACCEPTED = "accepted"
    RETURNED = "returned"
    REGISTERED = "registered"
    REFUSED = "refused"


class ExpertView(Struct, frozen=True, kw_only=True):
    """One expert's opinion."""

    name: str
    unit: str
    agrees: bool


class CaseOpened(Struct, frozen=True, kw_only=True):
    """A contract is to be registered."""

    deal: str
    contract_id: str
    contract_version: int
    applicant: str
    kind: str
    project: str
    region: str
    seller: str
    buyer: str
    total_fen: int
    technical_fen: int
    demonstration: bool


class FormSaved(Struct, frozen=True, kw_only=True):
    """Answers of the registrant; the rest of the form comes from the contract."""

    answers: dict[str, str]
    explanations: dict[str, str]


class VersionTaken(Struct, frozen=True, kw_only=True):
    """Another version of the contract is to be registered."""

    contract_version: int
    kind: str
    project: str
    total_fen: int
    technical_fen: int


class Submitted(Struct, frozen=True, kw_only=True):
    """Handed in; `again`: after a return, which is the date of supplement."""

    revision: int
    package: str
    again: bool


class PreCheckStarted(Struct, frozen=True, kw_only=True):
    """A registrar took it up."""

    registrar: str


class Returned(Struct, frozen=True, kw_only=True):
    """Sent back for correction."""

    reason: str
    fields: tuple[str, ...]


class Accepted(Struct, frozen=True, kw_only=True):
    """Accepted. `accepted_at_us` is the date of the supplement where there was one (D14)."""

    accepted_at_us: int
    due_at_us: int
    certain: bool
    calendar: str


class ReviewStarted(Struct, frozen=True, kw_only=True):
    """The first review began."""

    reviewer: str


class DisputeRaised(Struct, frozen=True, kw_only=True):
    """Experts have to be asked."""

    reason: str


class OpinionGiven(Struct, frozen=True, kw_only=True):
    """The first review ended. `experts`: they have to be asked, until `due_at_us`."""

    reviewer: str
    outcome: Outcome
    technical_fen: int
    ground: int
    reason: str
    experts: bool
    due_at_us: int
    certain: bool
    calendar: str


class ExpertsHeard(Struct, frozen=True, kw_only=True):
    """The experts have spoken."""

    experts: tuple[ExpertView, ...]
    outcome: Outcome
    technical_fen: int
    ground: int
    reason: str


class SentBack(Struct, frozen=True, kw_only=True):
    """The second reviewer did not agree."""

    reviewer: str
    reason: str


class Registered(Struct, frozen=True, kw_only=True):
    """It has a number and a certificate. `outside`: an outside system gave them, `certificate` is the digest of what came."""

    number: str
    reviewer: str
    technical_fen: int
    check: str
    outside: str
    certificate: str


class Refused(Struct, frozen=True, kw_only=True):
    """It is not registered."""

    ground: int
    reason: str
    reviewer: str
    outside: str


class Changed(Struct, frozen=True, kw_only=True):
    """The registration says something else now; the certificate is issued anew."""

    cause: Cause
    reason: str
    contract_version: int
    total_fen: int
    technical_fen: int
    check: str
    revision: int


class Cancelled(Struct, frozen=True, kw_only=True):
    """注销. The departments whose benefits were used have to be told (D16)."""

    cause: Cause
    reason: str
    revision: int


class Revoked(Struct, frozen=True, kw_only=True):
    """撤销."""

    ground: str
    reason: str
    revision: int


class Objected(Struct, frozen=True, kw_only=True):
    """Somebody objects."""

    by: str
    text: str
    back_to: RegistrationState


class ObjectionDecided(Struct, frozen=True, kw_only=True):
    """The objection was decided; upheld: it is reviewed again."""

    upheld: bool
    reason: str
    to: RegistrationState
    due_at_us: int
    """End of the new clock where it is reviewed again, else 0."""
    certain: bool
    calendar: str


class Archived(Struct, frozen=True, kw_only=True):
    """Closed."""


class Recounted(Struct, frozen=True, kw_only=True):
    """The end of the clock was counted again."""

    due_at_us: int
    certain: bool
    calendar: str


Event = (
    CaseOpened | FormSaved | VersionTaken | Submitted | PreCheckStarted | Returned | Accepted | ReviewStarted | DisputeRaised
    | OpinionGiven | ExpertsHeard | SentBack | Registered | Refused | Changed | Cancelled | Revoked | Objected
    | ObjectionDecided | Archived | Recounted
)  # fmt: skip

WIRE_NAMES: Final[Mapping[type[Any], str]] = {
    CaseOpened: "registration.opened",
    FormSaved: "registration.form_saved",
    VersionTaken: "registration.version_taken",
    Submitted: "registration.submitted",
    PreCheckStarted: "registration.pre_check_started",
    Returned: "registration.returned",
    Accepted: "registration.accepted",
    ReviewStarted: "registration.review_started",
    DisputeRaised: "registration.dispute_raised",
    OpinionGiven: "registration.opinion_given",
    ExpertsHeard: "registration.experts_heard",
    SentBack: "registration.sent_back",
    Registered: "registration.registered",
    Refused: "registration.refused",
    Changed: "registration.changed",
    Cancelled: "registration.cancelled",
    Revoked: "registration.revoked",
    Objected: "registration.objected",
    ObjectionDecided: "registration.objection_decided",
    Archived: "registration.archived",
    Recounted: "registration.recounted",
}
_NAMES: Final = Names[Event](WIRE_NAMES)
encode_event: Final = _NAMES.encode
decode_event: Final = _NAMES.decode
