"""What the bank told: one booking or one result, the same whether a callback or a statement told it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.values import InstantUs
from settlement.bank.matching import digits_of, fold_name
from settlement.bank.port import REF_MAX, TEXT_MAX, Credit, PayoutResult, PayoutState

SHANGHAI: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
AMOUNT_MAX: Final = 10**15
"""Ten trillion yuan, as in the ledger: more is a misreading."""
BOOKED_MAX_US: Final = 4_102_444_800_000_000
"""2100-01-01."""


class Kind(StrEnum):
    """What it is."""

    CREDIT = "credit"
    DEBIT = "debit"
    """Money left and no order of ours is named."""
    PAYOUT = "payout"
    """A result of an order of ours."""


class Source(StrEnum):
    """Who told it."""

    CALLBACK = "callback"
    STATEMENT = "statement"


class News(Struct, frozen=True, kw_only=True):
    """One piece of news. Texts are empty where the bank gives none; `amount_fen` is 0 where it does not say (payouts)."""

    kind: Kind
    source: Source
    key: str
    """Under which name it was told: the same key is the same news for ever."""
    bank_ref: str
    booked_at_us: int
    raw: bytes
    """The body or line as it came: its digest is kept."""
    amount_fen: int = 0
    other_name: str = ""
    other_account: str = ""
    virtual_account: str = ""
    purpose: str = ""
    order_id: str = ""
    state: str = ""
    reason: str = ""

    @property
    def fingerprint(self) -> bytes:
        """Digest of what callbacks and statements both tell: day, direction, amount, other side."""
        other = digits_of(self.other_account) or fold_name(self.other_name)
        parts = [self.kind.value, day_of(self.booked_at_us).isoformat(), str(self.amount_fen), other, self.order_id]
        return sha256(b"ortoo-bank-news-1\0" + canonical_bytes(parts)).digest()


class Event(Struct, frozen=True, kw_only=True):
    """A recorded event, as stored."""

    id: int
    kind: Kind
    bank_ref: str
    told_ref: bool
    order_id: str
    state: str
    reason: str
    booked_at_us: int
    amount_fen: int
    other_name: str
    other_account: str
    virtual_account: str
    purpose: str
    source: Source
    recorded_at_us: int

    @property
    def credit(self) -> Credit:
        """The event as money in."""
        return Credit(
            bank_ref=self.bank_ref,
            booked_at_us=InstantUs(self.booked_at_us),
            amount_fen=self.amount_fen,
            payer_name=self.other_name,
            payer_account=self.other_account,
            virtual_account=self.virtual_account,
            purpose=self.purpose,
        )

    @property
    def result(self) -> PayoutResult:
        """The event as what became of an order."""
        return PayoutResult(
            order_id=self.order_id,
            state=PayoutState(self.state),
            reason=self.reason,
            bank_ref=self.bank_ref,
            booked_at_us=InstantUs(self.booked_at_us),
        )


def credit_news(credit: Credit, source: Source, raw: bytes, key: str = "") -> News:
    """Return the news of money that came in; `key` where the bank gives no reference."""
    return News(
        kind=Kind.CREDIT,
        source=source,
        key=key or f"credit:{credit.bank_ref}",
        bank_ref=credit.bank_ref,
        booked_at_us=credit.booked_at_us,
        raw=raw,
        amount_fen=credit.amount_fen,
        other_name=credit.payer_name,
        other_account=credit.payer_account,
        virtual_account=credit.virtual_account,
        purpose=credit.purpose,
    )


def result_news(result: PayoutResult, source: Source, raw: bytes) -> News:
    """Return the news of what became of an order."""
    return News(
        kind=Kind.PAYOUT,
        source=source,
        key=f"payout:{result.order_id}:{result.state.value}",
        bank_ref=result.bank_ref,
        booked_at_us=result.booked_at_us,
        raw=raw,
        order_id=result.order_id,
        state=result.state.value,
        reason=result.reason,
    )


def news_problem(news: News) -> str | None:
    """Return the name of the field that cannot be, None if all can be stored."""
    texts = (news.other_name, news.other_account, news.virtual_account, news.purpose, news.reason)
    checks = (
        ("bank_ref", len(news.bank_ref) <= REF_MAX and (bool(news.bank_ref) or news.kind is not Kind.CREDIT)),
        ("order_id", len(news.order_id) <= REF_MAX and (bool(news.order_id) or news.kind is not Kind.PAYOUT)),
        ("amount_fen", 0 <= news.amount_fen <= AMOUNT_MAX and (news.amount_fen > 0 or news.kind is Kind.PAYOUT)),
        ("booked_at_us", 0 < news.booked_at_us <= BOOKED_MAX_US),
        ("text", all(len(text) <= TEXT_MAX and text.isprintable() for text in (*texts, news.bank_ref, news.order_id))),
    )
    return next((name for name, fine in checks if not fine), None)


def event_of(row: asyncpg.Record) -> Event:
    """Return a stored event."""
    values = {name: row[name] for name in Event.__struct_fields__}
    return Event(**{**values, "kind": Kind(row["kind"]), "source": Source(row["source"])})


def day_of(at_us: int) -> date:
    """Return the day in China of an instant."""
    return datetime.fromtimestamp(at_us // 1_000_000, SHANGHAI).date()


def day_bounds(day: date) -> tuple[int, int]:
    """Return the first instant of a day in China and the first of the next."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp()) * 1_000_000
    return begin, begin + 86_400_000_000
