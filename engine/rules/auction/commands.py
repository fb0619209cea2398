"""What can be asked of a lot. A command is data; who may send it is the gateway's business, whether it holds is `decide`'s."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from engine.rules.auction.formats.commands import FormatCommand
from engine.rules.auction.formats.terms import SessionTerms
from engine.rules.auction.terms import Terms
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId


class Subject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sold, as published: texts in both languages and the codes of docs/RULES.md (field 01-11, region GB/T 2260)."""

    title_zh: str
    title_en: str
    summary_zh: str = ""
    summary_en: str = ""
    field: str = ""
    region: str = ""
    seller_name_zh: str = ""
    seller_name_en: str = ""
    defects_zh: str = ""
    defects_en: str = ""
    demonstration: bool = False


class SoldAchievement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The published record of what is sold: which version of which achievement, so that its contract needs no retyping."""

    id: str
    version: int
    digest: str
    """Hexadecimal, as the record was published."""


class PauseKind(StrEnum):
    """Why bidding stands still: an operator's decision, or a fault of the platform (then a resume needs notice)."""

    OPERATOR = "operator"
    FAULT = "fault"


class PublishLot(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Schedule a session under fixed terms."""

    terms: Terms
    subject: Subject
    seller_id: PartyId
    achievement: SoldAchievement | None = None
    """None: the lot stands for itself."""


class PublishSession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Schedule a session of another format, or one with rights of priority, or one that follows another."""

    terms: Terms
    play: SessionTerms
    subject: Subject
    seller_id: PartyId
    achievement: SoldAchievement | None = None


class WithdrawLot(Struct, frozen=True, kw_only=True):
    """Take the lot back before bidding starts (拍卖法 art. 29)."""

    reason: str


class AdmitBidder(Struct, frozen=True, kw_only=True):
    """Give a qualified party its bidder code; possible until bidding ends. `code`: the one its listing gave it already."""

    bidder_id: PartyId
    code: str | None = None


class PlaceBid(Struct, frozen=True, kw_only=True, gc=False):
    """Offer `amount` openly, or leave a secret `maximum`, or both. At least one is given."""

    bidder_id: PartyId
    amount: Amount | None = None
    maximum: Amount | None = None
    confirmed_jump: bool = False


class PauseLot(Struct, frozen=True, kw_only=True):
    """Stop the clock. The remaining time is kept."""

    reason: str
    kind: PauseKind = PauseKind.OPERATOR


class ResumeLot(Struct, frozen=True, kw_only=True):
    """Let bidding go on, at once or at `resumes_at_us`."""

    reason: str
    resumes_at_us: InstantUs | None = None


class VoidLot(Struct, frozen=True, kw_only=True):
    """End the session without effect; all bids stay on record."""

    reason: str


class ReachDeadline(Struct, frozen=True, kw_only=True):
    """The marker that stands in the inbox where a deadline fell: everything before it is in time, everything after it is late."""

    due_us: InstantUs


class RecordOutage(Struct, frozen=True, kw_only=True):
    """The platform could not serve this lot between the two instants. Sent on every take-over and after every stall."""

    from_us: InstantUs
    to_us: InstantUs
    handed_over: bool = False
    """One engine handed the lot to another in order: no command was refused meanwhile, those that came keep their place."""


class ShiftClosing(Struct, frozen=True, kw_only=True):
    """An earlier lot of the group was extended: move this lot's end by as much."""

    by_us: DurationUs
    cause_lot_id: LotId
    cause_seq: int


Command = (
    PublishLot
    | PublishSession
    | WithdrawLot
    | AdmitBidder
    | PlaceBid
    | PauseLot
    | ResumeLot
    | VoidLot
    | ReachDeadline
    | RecordOutage
    | ShiftClosing
    | FormatCommand
)
