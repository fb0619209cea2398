"""What can be asked of a notice. A command is data; who may send it is the gateway's business, whether it holds is `decide`'s."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.terms import Declaration, NoticeTerms
from engine.values import InstantUs, PartyId


class Ground(StrEnum):
    """Ground of an objection (domain.md §4.3)."""

    OWNERSHIP = "ownership"
    CONTRIBUTION_RANKING = "contribution_ranking"
    PRICE_TOO_LOW = "price_too_low"
    RELATED_PARTY_HIDDEN = "related_party_hidden"
    COLLUSION = "collusion"
    STATE_SECRET = "state_secret"  # noqa: S105  # not a password
    PROCEDURE = "procedure"
    OTHER = "other"


class Ruling(StrEnum):
    """What the panel found (成立, 部分成立, 不成立)."""

    SUSTAINED = "sustained"
    PARTLY = "partly"
    DISMISSED = "dismissed"


class GapSource(StrEnum):
    """Who saw that the public page was away."""

    PROBER = "prober"
    OPERATOR = "operator"
    ENGINE = "engine"


class ObjectionEvidence(Struct, frozen=True, kw_only=True):
    """A file handed in with an objection, by its bytes. Its name may be personal and is kept elsewhere."""

    id: str
    sha256: str
    size: int


class Panellist(Struct, frozen=True, kw_only=True):
    """A member of the panel, by the id of his account or of the personal record kept elsewhere."""

    member_id: str
    conflict: bool = False
    """He declared an interest in the matter."""


class SubmitNotice(Struct, frozen=True, kw_only=True):
    """The applicant of the institution hands the notice in for approval inside the institution."""

    terms: NoticeTerms
    content: NoticeContent
    seller_id: PartyId
    applicant: str
    """Account."""
    declarations: tuple[Declaration, ...] = ()


class ReturnNotice(Struct, frozen=True, kw_only=True):
    """An approver (or, before publication, the operator): back to the applicant."""

    by: str
    reason: str


class ResubmitNotice(Struct, frozen=True, kw_only=True):
    """The applicant hands it in again, corrected: every approval is asked for again."""

    terms: NoticeTerms
    content: NoticeContent
    applicant: str
    declarations: tuple[Declaration, ...] = ()


class ApproveNotice(Struct, frozen=True, kw_only=True):
    """One body approves."""

    body: str
    approver: str
    """Account."""
    declaration: Declaration
    minutes: str = ""
    """Number of the minutes of a collective decision."""


class PublishNotice(Struct, frozen=True, kw_only=True):
    """The period begins now."""


class CorrectTypo(Struct, frozen=True, kw_only=True):
    """A slip of the pen put right, with visible difference; the period goes on."""

    content: NoticeContent
    reason: str


class ReviseNotice(Struct, frozen=True, kw_only=True):
    """New content: approved again, then published again from day one."""

    terms: NoticeTerms
    content: NoticeContent
    applicant: str
    reason: str
    declarations: tuple[Declaration, ...] = ()


class WithdrawNotice(Struct, frozen=True, kw_only=True):
    """Seller: the agreement is given up."""

    reason: str


class TerminateNotice(Struct, frozen=True, kw_only=True):
    """Operator: the notice may not stand (a state secret, a court order)."""

    reason: str


class FileObjection(Struct, frozen=True, kw_only=True):
    """Somebody objects. All personal data is kept elsewhere under `objection_id`; its salted digest binds it.

    `person_key` names one person for one notice without telling who he is (a keyed digest), empty for an anonymous lead.
    """

    objection_id: str
    ground: Ground
    person_key: str
    personal_digest: str
    statement_digest: str
    evidence: tuple[ObjectionEvidence, ...] = ()


class ReceiveObjection(Struct, frozen=True, kw_only=True):
    """Handling desk: taken up (受理), or not, with a reason."""

    objection_no: int
    handler: str
    admitted: bool
    reason: str = ""


class NamePanel(Struct, frozen=True, kw_only=True):
    """Handling desk: who decides."""

    objection_no: int
    members: tuple[Panellist, ...]


class ExtendDecision(Struct, frozen=True, kw_only=True):
    """Handling desk: the one extension of the decision clock."""

    objection_no: int
    reason: str


class DecideObjection(Struct, frozen=True, kw_only=True):
    """The panel's decision with the reasons that are published."""

    objection_no: int
    ruling: Ruling
    reasons: str


class WithdrawObjection(Struct, frozen=True, kw_only=True):
    """The objector takes it back."""

    objection_no: int


class RecordGap(Struct, frozen=True, kw_only=True):
    """The public page could not be reached between the two instants."""

    from_us: InstantUs
    to_us: InstantUs
    source: GapSource = GapSource.PROBER


class ConfirmDeal(Struct, frozen=True, kw_only=True):
    """The institution: the agreement that was published is concluded."""

    by: str


class RecordContract(Struct, frozen=True, kw_only=True):
    """The contract of the deal was signed by both sides."""

    contract_ref: str


class ArchiveNotice(Struct, frozen=True, kw_only=True):
    """The file is complete."""


class ReachDeadline(Struct, frozen=True, kw_only=True):
    """The marker that stands in the inbox where a deadline fell."""

    due_us: InstantUs


class RecordOutage(Struct, frozen=True, kw_only=True):
    """The engine was down between the two instants."""

    from_us: InstantUs
    to_us: InstantUs


class RecountPeriod(Struct, frozen=True, kw_only=True):
    """A newer calendar is loaded: count a period again that ran past the old table."""

    calendar_version: str


class RecountObjection(Struct, frozen=True, kw_only=True):
    """A newer calendar is loaded: count a clock of the handling desk again that ran past the old table."""

    objection_no: int
    calendar_version: str


NoticeCommand = (
    SubmitNotice
    | ReturnNotice
    | ResubmitNotice
    | ApproveNotice
    | PublishNotice
    | CorrectTypo
    | ReviseNotice
    | WithdrawNotice
    | TerminateNotice
    | FileObjection
    | ReceiveObjection
    | NamePanel
    | ExtendDecision
    | DecideObjection
    | WithdrawObjection
    | RecordGap
    | ConfirmDeal
    | RecordContract
    | ArchiveNotice
    | ReachDeadline
    | RecordOutage
    | RecountPeriod
    | RecountObjection
)
