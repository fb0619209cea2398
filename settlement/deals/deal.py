"""The deal: what was struck, by whom, under which rules. Frozen when its process opens; nothing here changes afterwards.

Sources: 合同编通则解释 art. 4 (a network auction's contract is formed when the trading system confirms the deal; an exchange's published
rules may say when): the legal moment and the rule version stand in every deal.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

from settlement.deals.fees import FeeTerms
from settlement.deals.rules_data import DealRules

DEAL_RULE_VERSION: Final = "deal/1"
"""Version of the process; stands in every deal."""
_ID: Final = re.compile(r"D[ALN]-[a-z0-9][a-z0-9.-]{0,50}")


class Way(StrEnum):
    """How the price was set (促进科技成果转化法 art. 18)."""

    AUCTION = "auction"
    LISTING = "listing"
    NOTICE = "notice"
    """Agreement after publicity (协议定价)."""


_LETTERS: Final = {Way.AUCTION: "A", Way.LISTING: "L", Way.NOTICE: "N"}


class DealSide(StrEnum):
    """A side of the contract."""

    SELLER = "seller"
    BUYER = "buyer"


class Source(Struct, frozen=True, kw_only=True):
    """The event of the log that struck the deal; no two deals have the same."""

    stream: str
    stream_seq: int
    event_digest: str
    """Hexadecimal digest of that event in its stream's chain."""

    @property
    def subject(self) -> str:
        """Id of the lot, listing or notice."""
        return self.stream.partition("/")[2]


class Deal(Struct, frozen=True, kw_only=True):
    """What was struck. Amounts in fen, instants in microseconds; 0 and empty mean: the source does not say."""

    id: str
    way: Way
    struck_by: str
    """How within its way: `hammer`, or the listing's `sole_buyer`, `session`, `posted`, `offer`, `counter_offer`, `open_licence`,
    or the notice's `agreement`."""
    source: Source
    struck_at_us: int
    """The legal moment: the instant of the source event."""
    rule_version: str
    """Of the auction, the listing or the notice that struck it."""
    process_version: str = DEAL_RULE_VERSION
    calendar_version: str
    """Of the holiday table by which the first periods were counted."""
    seller_id: str
    buyers: tuple[str, ...]
    """Party ids; the first one acts for all, who are jointly liable (联合体)."""
    title_zh: str
    title_en: str = ""
    achievement_id: str = ""
    achievement_version: int = 0
    achievement_digest: str = ""
    """Hexadecimal SHA-256 of the version's canonical bytes, as it was on the market."""
    field: str = ""
    region: str = ""
    mode: str = ""
    """What the buyer gets: a value of `OfferedMode`; empty for a lot, whose texts say it."""
    payment: str = "ONE_TIME"
    """Payment mode of the notice (domain.md §5.13)."""
    price_fen: int
    deal_no: int = 1
    """Its number within its listing."""
    seat_no: int = 0
    """Seat of a licence; 0: not a licence with seats."""
    intent_no: int = 0
    deposit_ids: tuple[str, ...] = ()
    """Deposits of the buyers that become part of the price, or are lost."""
    relists: str = ""
    """The listing whose failed round this sale follows."""
    sign_by_us: int
    state_asset: bool = False
    demonstration: bool = False
    rules: DealRules
    """Lengths of all waits, copied when the deal was struck."""
    fees: FeeTerms
    """Commission scale and waivers, copied when the deal was struck."""

    @property
    def buyer_id(self) -> str:
        """The party that acts for the buyers."""
        return self.buyers[0]

    @property
    def needs_registry(self) -> bool:
        """The right passes only with the registration at the patent office (专利法 art. 10): money waits for the proof."""
        return self.mode in ("", "TRANSFER")

    def side_of(self, party_id: str) -> DealSide | None:
        """Return on which side a party stands, None for a stranger."""
        if not party_id:
            return None
        if party_id == self.seller_id:
            return DealSide.SELLER
        return DealSide.BUYER if party_id in self.buyers else None


def deal_id_of(way: Way, name: str, deal_no: int | None = None) -> str:
    """Return the id of a deal: `DA-<lot>`, `DL-<listing>-<number>`, `DN-<notice>`. The capitals keep it apart from every deposit's id."""
    return f"D{_LETTERS[way]}-{name}" + ("" if deal_no is None else f"-{deal_no}")


def is_deal_id(text: str) -> bool:
    """Tell whether a text may be the id of a deal."""
    return _ID.fullmatch(text) is not None
