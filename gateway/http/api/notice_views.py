"""What goes out about notices. Amounts are digit strings in fen, instants microseconds."""

from __future__ import annotations

from msgspec import Struct

from engine.catalogue.notices.rows import NoticeRow, ObjectionRow
from engine.evidence.receipts import Outcome, Receipt
from engine.rules.publicity.content import NoticeContent
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.rules.publicity.state import Approval, NoticeState, Objection
from engine.rules.publicity.terms import Declaration, NoticeTerms
from engine.rules.publicity.visibility import PublicNotice
from engine.rules.rejections import RETRY, Retry


class PublicityView(Struct, frozen=True):
    """A page of notices; `next` goes into `after` for the following page."""

    notices: list[NoticeRow]
    next: str | None


class NoticeInsideView(Struct, frozen=True, kw_only=True):
    """What the institution and the staff of the market see beside the public notice."""

    content: NoticeContent
    """What is handed in now."""
    terms: NoticeTerms
    applicant: str
    declarations: tuple[Declaration, ...]
    bodies: tuple[str, ...]
    approvals: tuple[Approval, ...]
    objections: tuple[Objection, ...]
    certifies_at_us: int | None
    contract_ref: str
    reason: str


class NoticeView(Struct, frozen=True, kw_only=True):
    """One notice as the caller sees it. `notice` None: it was never published."""

    id: str
    phase: str
    notice: PublicNotice | None
    inside: NoticeInsideView | None = None


class OwnNoticesView(Struct, frozen=True, kw_only=True):
    """What a party publishes."""

    notices: list[NoticeRow]


class NoticeQueuesView(Struct, frozen=True, kw_only=True):
    """What waits for the handling desk and the operator, what is due first."""

    to_receive: list[ObjectionRow]
    to_decide: list[ObjectionRow]
    leads: list[ObjectionRow]
    sustained: list[NoticeRow]
    uncertain: list[NoticeRow]
    running: list[NoticeRow]


class LadderVersionView(Struct, frozen=True, kw_only=True):
    """One version of a ladder. Amounts are digit strings in fen."""

    version: int
    bodies: list[dict[str, str | bool]]
    rungs: list[dict[str, str | list[str] | None]]
    related_bodies: list[str]
    author: str
    reason: str
    made_at_us: int | None


class LaddersView(Struct, frozen=True):
    """The ladder in force first; version 0 is the proposal of the market."""

    versions: list[LadderVersionView]


class PreparedObjectionView(Struct, frozen=True, kw_only=True):
    """An objection that is on record; with `secret` its state is read and it is withdrawn."""

    objection: str
    secret: str
    receipt_no: str
    lead: bool
    receive_by_us: int


class NoticeCommandView(Struct, frozen=True, kw_only=True):
    """What became of a command about a notice. `no`: number of the objection it made or concerned."""

    decision: Outcome
    notice: str
    id: str
    seq: int
    at_us: int
    digest: str
    kind: str
    no: int | None
    code: str | None
    retry: Retry | None
    data: dict[str, str | int]


def inside_view(state: NoticeState) -> NoticeInsideView:
    """Return what the log holds beside the public notice."""
    return NoticeInsideView(
        content=state.content,
        terms=state.terms,
        applicant=state.applicant,
        declarations=state.declarations,
        bodies=state.bodies,
        approvals=state.approvals,
        objections=state.objections,
        certifies_at_us=state.certifies_at_us,
        contract_ref=state.contract_ref,
        reason=state.reason,
    )


def notice_command_view(receipt: Receipt, command_id: str) -> NoticeCommandView:
    """Return a receipt on record as its owner sees it."""
    event = receipt.event
    assert receipt.seq is not None and receipt.at_us is not None and receipt.digest is not None and event is not None
    return NoticeCommandView(
        decision=receipt.decision,
        notice=receipt.subject_id,
        id=command_id,
        seq=receipt.seq,
        at_us=receipt.at_us,
        digest=receipt.digest.hex(),
        kind=NOTICE_WIRE_NAMES[type(event)][0],
        no=getattr(event, "objection_no", None),
        code=None if receipt.code is None else receipt.code.value,
        retry=None if receipt.code is None else RETRY[receipt.code],
        data=receipt.data,
    )
