"""One line of the board, and how a struck deal becomes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.rules.publicity.shown import record_digest
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.rules.results import PublicResult
from engine.rules.words import joined, terms_of
from engine.values import InstantUs


class EntryKind(StrEnum):
    """What is on the board."""

    NOTICE = "notice"
    """Publicity of an agreement (协议定价公示)."""
    AUCTION = "auction"
    """Result of an auction session (竞价成交公示)."""
    LISTING = "listing"
    """Result of a listed trade (挂牌成交公示)."""


DEALS: Final = (EntryKind.AUCTION, EntryKind.LISTING)
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "notice": (EntryKind.NOTICE.value,),
    "deal": tuple(kind.value for kind in DEALS),
}
"""Kinds as a reader chooses them."""
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "running": ("published",),
    "objected": ("objected", "sustained", "approval", "returned", "approved"),
    "ended": ("clean", "certified", "deal", "contract", "archived"),
    "withdrawn": ("withdrawn", "terminated"),
    "struck": ("struck",),
    "signed": ("signed",),
    "defaulted": ("defaulted",),
}
"""States as the board sorts them. `objected`: the period stands still, up to the publication of a revision."""
READABLE: Final = (*GROUPS["running"], *GROUPS["objected"])
"""States in which the page must be there: the period runs, or stands still."""
_GROUP_OF: Final = {state: group for group, states in GROUPS.items() for state in states}


def group_of(state: str) -> str:
    """Return the group that a state is sorted under."""
    return _GROUP_OF[state]


class BoardEntry(Struct, frozen=True, kw_only=True):
    """One notice or struck deal in a list. Amounts are whole minor units of `currency`."""

    entry: str
    """`notice/<id>`, `auction/<lot>` or `listing/<id>/<no>`."""
    kind: str
    subject: str
    seq: int
    state: str
    title_zh: str
    title_en: str
    title_mn: str
    seller: str
    """Id of the institution that sells."""
    seller_zh: str
    seller_en: str
    field: str
    region: str
    way: str
    mode: str
    price: int
    base_price: int | None
    valuation: int | None
    currency: str
    exponent: int
    buyer: str
    """What may be shown of the buyer: his bidder code, or his name in a notice; empty for nothing."""
    published_at_us: int
    ends_at_us: int | None
    """End of the publicity; of a result notice, of its least time."""
    certain: bool
    paused: bool
    """The period of a notice does not run now: an objection is being handled."""
    objections: int
    version: int
    digest: str
    """Of the record of a notice; empty for results."""
    changed_at_us: int
    demonstration: bool


_STORED: Final = BoardEntry.__struct_fields__
_AMOUNTS: Final = ("price", "base_price", "valuation")


def entry_of_result(result: PublicResult, kind: EntryKind, seq: int, at_us: InstantUs, title_mn: str) -> BoardEntry:
    """Return a struck deal as a line of the board, as it stands after event `seq` of its stream, decided at `at_us`."""
    number = f"/{result.deal_no}" if result.deal_no else ""
    return BoardEntry(
        entry=f"{kind.value}/{result.subject_id}{number}", kind=kind.value, subject=result.subject_id, seq=seq,
        state=result.phase, title_zh=result.title_zh, title_en=result.title_en, title_mn=title_mn,
        seller=result.seller_id, seller_zh=result.seller_zh, seller_en=result.seller_en, field=result.field,
        region=result.region, way=result.way, mode=result.mode, price=result.price, base_price=result.base_price,
        valuation=result.valuation, currency=result.currency, exponent=result.exponent, buyer=result.buyer_code,
        published_at_us=result.struck_at_us, ends_at_us=result.notice_until_us, certain=result.certain, paused=False,
        objections=0, version=1, digest="", changed_at_us=at_us, demonstration=result.demonstration,
    )  # fmt: skip


def entry_of_notice(state: NoticeState) -> BoardEntry | None:
    """Return a notice as a line of the board; None if it was never published. What moves by itself (day n) is not in it."""
    notice = public_notice(state, state.last_at_us)
    if notice is None or state.first_published_at_us is None:
        return None
    return BoardEntry(
        entry=f"{EntryKind.NOTICE.value}/{state.notice_id}", kind=EntryKind.NOTICE.value, subject=state.notice_id,
        seq=state.seq, state=notice.phase, title_zh=notice.title_zh, title_en=notice.title_en, title_mn=notice.title_mn,
        seller=state.seller_id, seller_zh=notice.seller_name_zh, seller_en=notice.seller_name_en, field=notice.field,
        region=notice.region, way="agreement", mode="" if notice.mode is None else notice.mode.value,
        price=int(notice.price), base_price=None, valuation=None, currency=notice.currency, exponent=notice.exponent,
        buyer="" if notice.buyer is None else notice.buyer.name_zh or notice.buyer.name_en,
        published_at_us=state.first_published_at_us, ends_at_us=notice.ends_at_us, certain=notice.certain,
        paused=notice.stands_still_since_us is not None, objections=len(notice.objections), version=notice.version_no,
        digest=record_digest(notice), changed_at_us=state.last_at_us, demonstration=notice.demonstration,
    )  # fmt: skip


def row_of(entry: BoardEntry, more_words: Iterable[str] = ()) -> tuple[object, ...]:
    """Return the stored row; titles, seller and id can be found by words, and what else is given."""
    texts = (
        entry.title_zh,
        entry.title_en,
        entry.title_mn,
        entry.seller_zh,
        entry.seller_en,
        entry.subject,
        *more_words,
    )
    folded = joined(texts)
    values = [_decimal(getattr(entry, name)) if name in _AMOUNTS else getattr(entry, name) for name in _STORED]
    return (*values, sorted(terms_of(folded)), folded)


def entry_of_row(row: asyncpg.Record) -> BoardEntry:
    """Return a stored row."""
    special: dict[str, Any] = {name: None if row[name] is None else int(row[name]) for name in _AMOUNTS}
    return BoardEntry(**{name: special.get(name, row[name]) for name in _STORED})


def _decimal(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
