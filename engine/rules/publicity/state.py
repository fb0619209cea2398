"""The state of a notice after its first `seq` events: frozen, rebuilt by `evolve` from the log alone."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.rules.decisions import Refusal
from engine.rules.publicity.commands import Ground, ObjectionEvidence, Panellist, Ruling
from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.events import AgreementStruck, NoticeEvent
from engine.rules.publicity.terms import Declaration, NoticeTerms
from engine.values import InstantUs, NoticeId, PartyId


class NoticePhase(StrEnum):
    """Where a notice stands (domain.md §4.2). The draft before it is kept by the gateway, not by the log."""

    APPROVAL = "approval"
    """Waits for the institution's bodies. With `round_no` above 0 it is a revision of what was published."""
    RETURNED = "returned"
    APPROVED = "approved"
    """INTERNAL_APPROVED: may be published."""
    PUBLISHED = "published"
    """The period runs."""
    OBJECTED = "objected"
    """At least one objection is open, or was dismissed a moment ago; the period stands still."""
    SUSTAINED = "sustained"
    """An objection was sustained at least partly: revise or withdraw."""
    CLEAN = "clean"
    """PERIOD_ENDED_CLEAN: late reports of gaps are awaited, then the certificate."""
    CERTIFIED = "certified"
    DEAL = "deal"
    CONTRACT = "contract"
    ARCHIVED = "archived"
    WITHDRAWN = "withdrawn"
    TERMINATED = "terminated"

    @property
    def is_final(self) -> bool:
        """Nothing follows."""
        return self in _FINAL


_FINAL = frozenset({NoticePhase.ARCHIVED, NoticePhase.WITHDRAWN, NoticePhase.TERMINATED})


class ObjectionPhase(StrEnum):
    """Where an objection stands."""

    LEAD = "lead"
    """Read by the handling desk; suspends nothing and is not answered."""
    FILED = "filed"
    UNDER_REVIEW = "under_review"
    NOT_ADMITTED = "not_admitted"
    SUSTAINED = "sustained"
    PARTLY = "partly"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"
    MOOT = "moot"
    """The notice itself came to an end."""

    @property
    def is_open(self) -> bool:
        """It stands in the way of certificate and contract."""
        return self in (ObjectionPhase.FILED, ObjectionPhase.UNDER_REVIEW)


class Objection(Struct, frozen=True, kw_only=True):
    """One objection; `no` counts from 1 within the notice. Who objects and what he wrote is kept elsewhere under `objection_id`."""

    no: int
    objection_id: str
    receipt_no: str
    round_no: int
    ground: Ground
    phase: ObjectionPhase
    filed_at_us: InstantUs
    person_key: str
    personal_digest: str
    statement_digest: str
    evidence: tuple[ObjectionEvidence, ...] = ()
    handler: str = ""
    due_us: InstantUs | None = None
    """By when the desk must take it up, or the panel decide."""
    certain: bool = True
    """False: that clock runs past the official calendar."""
    clock_from_us: InstantUs | None = None
    """From when that clock counts."""
    calendar_version: str = ""
    """Which calendar it was counted by."""
    extended: bool = False
    overdue: bool = False
    panel: tuple[Panellist, ...] = ()
    ruling: Ruling | None = None
    reasons: str = ""
    """Published: of the decision, or why it was not taken up."""
    closed_at_us: InstantUs | None = None


class Leg(Struct, frozen=True, kw_only=True):
    """A stretch of undisturbed publicity of one round; `to_us` None while it runs."""

    from_us: InstantUs
    to_us: InstantUs | None = None


class Gap(Struct, frozen=True, kw_only=True):
    """The page was away, or the engine down."""

    from_us: InstantUs
    to_us: InstantUs


class VersionCause(StrEnum):
    """Why a version came to be published."""

    PUBLISHED = "published"
    TYPO = "typo"
    REVISED = "revised"


class NoticeVersion(Struct, frozen=True, kw_only=True):
    """One published version; `no` counts from 1."""

    no: int
    round_no: int
    cause: VersionCause
    at_us: InstantUs
    content: NoticeContent
    reason: str = ""


class Approval(Struct, frozen=True, kw_only=True):
    """One body's approval of the content that is handed in now."""

    body: str
    approver: str
    declaration: Declaration
    minutes: str
    at_us: InstantUs


class NoticeState(Struct, frozen=True, kw_only=True):
    """One notice. Deadlines are those in force now."""

    notice_id: NoticeId
    seq: int
    last_at_us: InstantUs
    phase: NoticePhase
    seller_id: PartyId
    submitted_at_us: InstantUs
    terms: NoticeTerms
    content: NoticeContent
    """What is handed in or published now; while a revision is being approved not yet what the public reads (see `versions`)."""
    applicant: str
    declarations: tuple[Declaration, ...] = ()
    bodies: tuple[str, ...] = ()
    """Who must approve."""
    approvals: tuple[Approval, ...] = ()
    past_approvals: tuple[Approval, ...] = ()
    """Given to content that was replaced since, for the file."""
    past_applicants: tuple[str, ...] = ()
    versions: tuple[NoticeVersion, ...] = ()
    round_no: int = 0
    """Periods begun so far; 0 before publication."""
    first_published_at_us: InstantUs | None = None
    legs: tuple[Leg, ...] = ()
    """Of this round."""
    gaps: tuple[Gap, ...] = ()
    """Of this round, apart from each other and in order."""
    lost_days: int = 0
    """Days of this round that do not count because the page was away."""
    ends_at_us: InstantUs | None = None
    """End of the period while it runs or has run out; None before publication and while it stands still."""
    certain: bool = True
    """False: the period in force runs past the official calendar."""
    calendar_version: str = ""
    certifies_at_us: InstantUs | None = None
    objections: tuple[Objection, ...] = ()
    certificate_no: str = ""
    certified_at_us: InstantUs | None = None
    deal: AgreementStruck | None = None
    struck_at_us: InstantUs | None = None
    contract_ref: str = ""
    revision_reason: str = ""
    reason: str = ""
    """Last reason given: return, revision, withdrawal, termination."""


class NoticeAccepted(Struct, frozen=True):
    """The command holds: this event is to be recorded."""

    event: NoticeEvent


class NoticeRejected(Refusal, frozen=True):
    """The command does not hold; refusals about notices are not put on record."""

    event: NoticeEvent | None = None


NoticeDecision = NoticeAccepted | NoticeRejected
