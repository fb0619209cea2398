"""What lists of listings show. Amounts are digit strings in minor units; instants microseconds, None for no end."""

from __future__ import annotations

from msgspec import Struct

from engine.values import PartyId


class ListingRow(Struct, frozen=True, kw_only=True):
    """One listing in a list."""

    listing: str
    seq: int
    phase: str
    way: str
    mode: str
    seller_id: PartyId
    achievement_id: str
    title_zh: str
    title_en: str
    summary_zh: str
    summary_en: str
    seller_name_zh: str
    seller_name_en: str
    field: str
    region: str
    demonstration: bool
    price: str | None
    currency: str
    exponent: int
    lot: str | None
    certain: bool
    submitted_at_us: int
    published_at_us: int | None
    ends_at_us: int | None
    since_us: int
    """Since when it stands in this phase."""


class ListingPage(Struct, frozen=True):
    """A page of a search; `next` continues it, None at the end."""

    listings: list[ListingRow]
    next: str | None


class IntentRow(Struct, frozen=True, kw_only=True):
    """One application in a list; the last three only in a buyer's own."""

    listing: str
    intent_no: int
    buyer_id: PartyId
    seller_id: PartyId
    phase: str
    code: str | None
    deposit: str | None
    due_us: int | None
    registered_at_us: int
    since_us: int
    title_zh: str
    title_en: str
    listing_phase: str = ""
    ends_at_us: int | None = None
    lot: str | None = None


class DealRow(Struct, frozen=True, kw_only=True):
    """One deal in a list."""

    listing: str
    deal_no: int
    buyer_id: PartyId
    seller_id: PartyId
    price: str
    phase: str
    struck_at_us: int
    sign_by_us: int
    title_zh: str
    title_en: str
