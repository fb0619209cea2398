"""Fees of the market: commission scales (digressive, cumulative, with a minimum), waivers, and the broker's share. Exact, in fen.

Each legal amount is rounded half up to the fen, once, at its end. Sources stand in data/fee_scales.json (domain.md §6.3).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

FILE: Final = Path(__file__).parent / "data" / "fee_scales.json"
PPM: Final = 1_000_000
ALL_BPS: Final = 10_000


class Band(Struct, frozen=True):
    """A part of the price and its rate; `to_fen` None: without end."""

    to_fen: int | None
    rate_ppm: int


class Scale(Struct, frozen=True, kw_only=True):
    """One scale."""

    code: str
    zh: str
    en: str
    source: str
    confidence: str
    valid_from: str
    bands: tuple[Band, ...]
    minimum_fen: int


class FeeTerms(Struct, frozen=True, kw_only=True):
    """What a deal costs its sides; fixed when the deal is struck."""

    scale: str
    version: str
    bands: tuple[Band, ...] = ()
    minimum_fen: int = 0
    buyer_waived: bool = False
    seller_waived: bool = False
    broker_id: str = ""
    """Party that brought the deal about; empty for none. Broker is optional (domain.md §11)."""
    broker_share_bps: int = 0
    """The broker's part of the market's commissions."""


class DealFees(Struct, frozen=True):
    """Fees of one deal, fen. `market_fen` and `broker_fen` are what both sides' fees are made of."""

    buyer_fen: int
    seller_fen: int
    broker_fen: int

    @property
    def market_fen(self) -> int:
        """What stays with the market."""
        return self.buyer_fen + self.seller_fen - self.broker_fen


def half_up(dividend: int, divisor: int) -> int:
    """Divide a non-negative number, rounding half up."""
    return (2 * dividend + divisor) // (2 * divisor)


def commission(bands: tuple[Band, ...], minimum_fen: int, price_fen: int) -> int:
    """Return the commission of one side on a price.

    Digressive and cumulative: every part of the price at the rate of its band. 2,000,000 yuan on the court scale cost 100,000.

    Args:
        bands: Ascending; none: no commission, and no minimum either.
        minimum_fen: Least commission of a side.
        price_fen: The price.
    """
    if not bands:
        return 0
    parts, reached = 0, 0
    for band in bands:
        top = price_fen if band.to_fen is None else min(price_fen, band.to_fen)
        if top > reached:
            parts += (top - reached) * band.rate_ppm
            reached = top
    return max(half_up(parts, PPM), minimum_fen)


def fees_of(terms: FeeTerms, price_fen: int) -> DealFees:
    """Return the fees of a deal at a price. A seller never pays more than the price brings."""
    each = commission(terms.bands, terms.minimum_fen, price_fen)
    buyer = 0 if terms.buyer_waived else each
    seller = 0 if terms.seller_waived else min(each, price_fen)
    broker = half_up((buyer + seller) * terms.broker_share_bps, ALL_BPS) if terms.broker_id else 0
    return DealFees(buyer, seller, broker)


@cache
def scales() -> dict[str, Scale]:
    """Return the packaged scales by code."""
    return {scale.code: scale for scale in msgspec.convert(_table()["scales"], tuple[Scale, ...])}


def fee_terms(scale: str, *, buyer_waived: bool = False, seller_waived: bool = False) -> FeeTerms:
    """Return the terms of a scale as they are copied into a deal.

    Raises:
        KeyError: there is no such scale.
    """
    found = scales()[scale]
    return FeeTerms(
        scale=found.code, version=_table()["version"], bands=found.bands, minimum_fen=found.minimum_fen,
        buyer_waived=buyer_waived, seller_waived=seller_waived,
    )  # fmt: skip


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = msgspec.json.decode(FILE.read_bytes())
    return table
