"""What lists of notices show. Amounts are digit strings in minor units; instants microseconds, None for what there is not."""

from __future__ import annotations

from msgspec import Struct

from engine.values import PartyId


class NoticeRow(Struct, frozen=True, kw_only=True):
    """One notice in a list. Once published it holds what the public sees; of a confidential one `mode` is empty."""

    notice: str
    seq: int
    phase: str
    seller_id: PartyId
    achievement_id: str
    title_zh: str
    title_en: str
    title_mn: str
    abstract_zh: str
    abstract_en: str
    seller_name_zh: str
    seller_name_en: str
    field: str
    region: str
    mode: str
    price: str
    currency: str
    exponent: int
    confidential: str
    related: str
    """The closest tie between buyer and seller's side, empty for none."""
    demonstration: bool
    round_no: int
    version_no: int
    days: int
    objection_state: str
    open_objections: int
    certain: bool
    submitted_at_us: int
    published_at_us: int | None
    """Beginning of the round in force."""
    ends_at_us: int | None
    certified_at_us: int | None
    struck_at_us: int | None
    since_us: int
    """Since when it stands in this phase."""
    changed_at_us: int


class NoticePage(Struct, frozen=True):
    """A page of a search; `next` continues it, None at the end."""

    notices: list[NoticeRow]
    next: str | None


class ObjectionRow(Struct, frozen=True, kw_only=True):
    """One objection in a queue: no personal data."""

    notice: str
    objection_no: int
    objection_id: str
    receipt_no: str
    seller_id: PartyId
    ground: str
    phase: str
    handler: str
    due_us: int | None
    overdue: bool
    filed_at_us: int
    since_us: int
    title_zh: str
    title_en: str
    seller_name_zh: str
    seller_name_en: str
