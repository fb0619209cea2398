"""What happened to a notice: one event for each decision, complete in itself; instants of effect are written out.

An event class never changes meaning (ADR 0002). Where one fact calls for another at once (the last objection dismissed, so the period
goes on), the second is an event of its own: the state's next deadline is then its own instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.rules.publicity.commands import GapSource, Ground, ObjectionEvidence, Panellist, Ruling
from engine.rules.publicity.content import Buyer, NoticeContent, Payment
from engine.rules.publicity.terms import Declaration, NoticeTerms
from engine.values import Amount, Currency, InstantUs, PartyId


class ObjectionClock(StrEnum):
    """Which clock of an objection ran out."""

    RECEIPT = "receipt"
    DECISION = "decision"


class NoticeSubmitted(Struct, frozen=True, kw_only=True):
    """Handed in for approval by these bodies."""

    terms: NoticeTerms
    content: NoticeContent
    seller_id: PartyId
    applicant: str
    declarations: tuple[Declaration, ...]
    bodies: tuple[str, ...]


class NoticeReturned(Struct, frozen=True, kw_only=True):
    """Back to the applicant; approvals given before are void."""

    by: str
    reason: str


class NoticeResubmitted(Struct, frozen=True, kw_only=True):
    """Handed in again."""

    terms: NoticeTerms
    content: NoticeContent
    applicant: str
    declarations: tuple[Declaration, ...]
    bodies: tuple[str, ...]


class ApprovalGiven(Struct, frozen=True, kw_only=True):
    """One body approved; `complete`: it was the last one."""

    body: str
    approver: str
    declaration: Declaration
    minutes: str
    complete: bool


class NoticePublished(Struct, frozen=True, kw_only=True):
    """The period began. `certain` False: it runs past the official calendar."""

    round_no: int
    version_no: int
    days: int
    ends_at_us: InstantUs
    certain: bool
    calendar_version: str


class TypoCorrected(Struct, frozen=True, kw_only=True):
    """A slip of the pen was put right; the period goes on."""

    version_no: int
    content: NoticeContent
    reason: str


class NoticeRevised(Struct, frozen=True, kw_only=True):
    """New content was handed in for approval; the period so far counts for nothing."""

    terms: NoticeTerms
    content: NoticeContent
    applicant: str
    reason: str
    declarations: tuple[Declaration, ...]
    bodies: tuple[str, ...]


class ObjectionFiled(Struct, frozen=True, kw_only=True):
    """An objection came in. `lead`: on record and read, but it suspends nothing (anonymous, or no period is running)."""

    objection_no: int
    objection_id: str
    receipt_no: str
    ground: Ground
    lead: bool
    person_key: str
    personal_digest: str
    statement_digest: str
    evidence: tuple[ObjectionEvidence, ...]
    receive_by_us: InstantUs
    certain: bool
    calendar_version: str


class ObjectionReceived(Struct, frozen=True, kw_only=True):
    """Taken up; the decision is due."""

    objection_no: int
    handler: str
    decide_by_us: InstantUs
    certain: bool
    calendar_version: str


class ObjectionNotAdmitted(Struct, frozen=True, kw_only=True):
    """Not taken up, with the reason that is published."""

    objection_no: int
    handler: str
    reason: str


class PanelNamed(Struct, frozen=True, kw_only=True):
    """Who decides; naming again replaces the panel."""

    objection_no: int
    members: tuple[Panellist, ...]


class DecisionExtended(Struct, frozen=True, kw_only=True):
    """The one extension."""

    objection_no: int
    reason: str
    decide_by_us: InstantUs
    certain: bool
    calendar_version: str


class ObjectionDecided(Struct, frozen=True, kw_only=True):
    """The panel's decision."""

    objection_no: int
    ruling: Ruling
    reasons: str


class ObjectionWithdrawn(Struct, frozen=True, kw_only=True):
    """Taken back by the objector."""

    objection_no: int


class ObjectionOverdue(Struct, frozen=True, kw_only=True):
    """A clock of the handling desk ran out. The block stays: delay never confirms a notice."""

    objection_no: int
    clock: ObjectionClock


class PeriodResumed(Struct, frozen=True, kw_only=True):
    """Nothing is open any more: the period goes on with the days that were left."""

    days_left: int
    ends_at_us: InstantUs
    certain: bool
    calendar_version: str


class GapRecorded(Struct, frozen=True, kw_only=True):
    """The public page was away. `ends_at_us` is the end in force now, None while no period runs; `lost_days` of this round so far."""

    from_us: InstantUs
    to_us: InstantUs
    source: GapSource
    lost_days: int
    ends_at_us: InstantUs | None
    certain: bool
    calendar_version: str


class PeriodRecounted(Struct, frozen=True, kw_only=True):
    """The official calendar for the period's end came out. A period never becomes shorter by it."""

    ends_at_us: InstantUs
    certain: bool
    calendar_version: str


class ObjectionClockRecounted(Struct, frozen=True, kw_only=True):
    """The official calendar for the end of a clock of the handling desk came out. A clock never becomes shorter by it."""

    objection_no: int
    due_us: InstantUs
    certain: bool
    calendar_version: str


class PeriodEnded(Struct, frozen=True, kw_only=True):
    """A clean end; the certificate follows at `certifies_at_us` unless a gap is still reported."""

    certifies_at_us: InstantUs


class NoticeCertified(Struct, frozen=True, kw_only=True):
    """The certificate (公示证明): this content stood undisturbed for the whole period."""

    certificate_no: str
    version_no: int
    content_digest: str
    """Hexadecimal SHA-256 of the canonical bytes of the final content."""
    from_us: InstantUs
    ends_at_us: InstantUs
    full_days: int
    """Whole days on which it could be read; at least the length of the period."""
    calendar_version: str


class AgreementStruck(Struct, frozen=True, kw_only=True):
    """The deal, with all that settlement needs. The legal moment is this event's instant."""

    seller_id: PartyId
    buyer: Buyer
    achievement_id: str
    achievement_version: int
    achievement_digest: str
    title_zh: str
    title_en: str
    mode: Mode
    price: Amount
    currency: Currency
    payment: Payment
    related: RelationKind | None
    """The closest tie between buyer and seller's side, None for none."""
    certificate_no: str
    content_digest: str
    confirmed_by: str
    rule_version: str
    calendar_version: str


class ContractRecorded(Struct, frozen=True, kw_only=True):
    """Both sides signed."""

    contract_ref: str


class NoticeArchived(Struct, frozen=True, kw_only=True):
    """The file is complete."""


class NoticeWithdrawn(Struct, frozen=True, kw_only=True):
    """Given up by the seller; open objections have lost their object."""

    reason: str


class NoticeTerminated(Struct, frozen=True, kw_only=True):
    """Ended by the market."""

    reason: str


NoticeEvent = (
    NoticeSubmitted
    | NoticeReturned
    | NoticeResubmitted
    | ApprovalGiven
    | NoticePublished
    | TypoCorrected
    | NoticeRevised
    | ObjectionFiled
    | ObjectionReceived
    | ObjectionNotAdmitted
    | PanelNamed
    | DecisionExtended
    | ObjectionDecided
    | ObjectionWithdrawn
    | ObjectionOverdue
    | PeriodResumed
    | GapRecorded
    | PeriodRecounted
    | ObjectionClockRecounted
    | PeriodEnded
    | NoticeCertified
    | AgreementStruck
    | ContractRecorded
    | NoticeArchived
    | NoticeWithdrawn
    | NoticeTerminated
)

NOTICE_WIRE_NAMES: Final[Mapping[type[Any], tuple[str, int]]] = {
    NoticeSubmitted: ("notice.submitted", 1),
    NoticeReturned: ("notice.returned", 1),
    NoticeResubmitted: ("notice.resubmitted", 1),
    ApprovalGiven: ("notice.approval_given", 1),
    NoticePublished: ("notice.published", 1),
    TypoCorrected: ("notice.typo_corrected", 1),
    NoticeRevised: ("notice.revised", 1),
    ObjectionFiled: ("notice.objection_filed", 1),
    ObjectionReceived: ("notice.objection_received", 1),
    ObjectionNotAdmitted: ("notice.objection_not_admitted", 1),
    PanelNamed: ("notice.panel_named", 1),
    DecisionExtended: ("notice.decision_extended", 1),
    ObjectionDecided: ("notice.objection_decided", 1),
    ObjectionWithdrawn: ("notice.objection_withdrawn", 1),
    ObjectionOverdue: ("notice.objection_overdue", 1),
    PeriodResumed: ("notice.period_resumed", 1),
    GapRecorded: ("notice.gap_recorded", 1),
    PeriodRecounted: ("notice.period_recounted", 1),
    ObjectionClockRecounted: ("notice.objection_clock_recounted", 1),
    PeriodEnded: ("notice.period_ended", 1),
    NoticeCertified: ("notice.certified", 1),
    AgreementStruck: ("notice.agreement_struck", 1),
    ContractRecorded: ("notice.contract_recorded", 1),
    NoticeArchived: ("notice.archived", 1),
    NoticeWithdrawn: ("notice.withdrawn", 1),
    NoticeTerminated: ("notice.terminated", 1),
}
