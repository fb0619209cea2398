"""What a notice says (domain.md §3.2, §4.1): the achievement, the price and what it rests on, the buyer, and who is related to whom.

Everything here is meant for publication, or for the people who decide about it; `visibility.public_notice` says which. Personal data of
objectors is not here. A completer who did not agree to be named has no name here either (PIPL art. 25).
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.values import Amount


class Confidential(StrEnum):
    """Whether the technology itself may be described (促进科技成果转化法 art. 11)."""

    NO = "no"
    UNPUBLISHED_PATENT = "unpublished_patent"
    """Filed, not yet published by the patent office."""
    TRADE_SECRET = "trade_secret"  # noqa: S105  # not a password


class BasisKind(StrEnum):
    """What the price rests on."""

    NEGOTIATION = "negotiation"
    """谈判记录; never alone where a reference is demanded by the unit's own rules."""
    PRICING = "pricing"
    """A report of the pricing module."""
    INQUIRY = "inquiry"
    """公开询价"""
    VALUATION = "valuation"
    COMPARABLES = "comparables"
    """Deals of the same kind."""


class Buyer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is to get it: a party of the market, or somebody named."""

    name_zh: str
    name_en: str = ""
    party_id: str = ""
    """Empty for somebody who has no account here."""
    credit_code: str = ""
    """统一社会信用代码 of an organisation; empty for a person, whose numbers do not belong here."""
    person: bool = False
    foreign: bool = False


class NamedCompleter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A completer in rank order. `name` and `unit` are empty unless he agreed to be named."""

    name: str = ""
    unit: str = ""
    share_bp: int = 0
    """Contribution in basis points."""


class Basis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that the price rests on. Days are ISO texts, empty where the kind has none."""

    kind: BasisKind
    reference: str = ""
    """Number of the report, of the inquiry, of the deals compared, of the minutes."""
    made_by: str = ""
    amount: Amount | None = None
    """What it came to; for a range its middle."""
    on: str = ""
    """Base day of a valuation, day of the report or inquiry."""
    valid_until: str = ""
    text: str = ""


class Instalment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the price."""

    amount: Amount
    due: str
    """When it is due, in words: `within 10 days of signing`."""


class Payment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is paid: a mode of the national form (domain.md §5.13) and the terms."""

    mode: str = "ONE_TIME"
    text: str = ""
    instalments: tuple[Instalment, ...] = ()
    royalty_bps: int = 0
    """Share of the buyer's sales, where a royalty was agreed."""


class Related(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tie between the buyer and the seller's side (domain.md §4.4), in the words that are published."""

    kind: RelationKind
    text: str = ""


class AttachedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file behind the notice: minutes, price basis, negotiation record. The digest binds its bytes."""

    id: str
    name: str
    sha256: str
    public: bool = False


class NoticeContent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a notice."""

    achievement_id: str
    achievement_version: int
    achievement_digest: str
    """Hexadecimal SHA-256 of the version's canonical bytes."""
    title_zh: str
    title_en: str = ""
    title_mn: str = ""
    abstract_zh: str = ""
    abstract_en: str = ""
    field: str = ""
    """Technical field `01`-`11`."""
    region: str = ""
    """GB/T 2260."""
    seller_name_zh: str = ""
    seller_name_en: str = ""
    mode: Mode
    scope_zh: str = ""
    """Territory, term, field of use, sub-licences: what exactly changes hands."""
    scope_en: str = ""
    price: Amount
    buyer: Buyer
    completers: tuple[NamedCompleter, ...] = ()
    basis: tuple[Basis, ...] = ()
    payment: Payment = Payment()
    related: tuple[Related, ...] = ()
    confidential: Confidential = Confidential.NO
    unit_place: str = ""
    """Where the same notice stands in the unit itself: an address or a place."""
    objections_to: str = ""
    """Office, telephone and address that take objections beside the form here."""
    files: tuple[AttachedFile, ...] = ()
    demonstration: bool = False


TYPO_FIELDS = (
    "title_zh", "title_en", "title_mn", "abstract_zh", "abstract_en", "seller_name_zh", "seller_name_en", "scope_zh", "scope_en",
    "unit_place", "objections_to",
)  # fmt: skip
"""Texts in which a slip of the pen may be put right without a new period; everything else is core content."""


def content_digest(content: NoticeContent) -> str:
    """Return the hexadecimal SHA-256 of the canonical bytes of a version, amounts as strings of digits (ADR 0001)."""
    return sha256(canonical_bytes(_plain(msgspec.to_builtins(content)))).hexdigest()


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(part, key) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if name in ("price", "amount") and value is not None else value
