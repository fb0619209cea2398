"""Recorded reserve auctions and their common rules: 24 hours from the first bid, raises of 10 %, 15 minutes at the end.

Both markets recorded here ran on Ethereum: seconds, amounts in ETH with up to 18 decimals, bidders by address. On both a bid of the
very second of the end was in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any, Final

CLOCK_S: Final = 86_400
EXTENSION_S: Final = 900
RAISE_PERCENT: Final = 10
ETH_DECIMALS: Final = 18


@dataclass(frozen=True, order=True)
class RecordedBid:
    """One bid; bids of one second stand in the order of their amounts."""

    at_s: int
    amount: Decimal
    bidder: str


@dataclass(frozen=True)
class RecordedAuction:
    """One auction: its bids in order, the reserve asked, and who is on record as top bidder with what amount."""

    name: str
    reserve: Decimal
    bids: tuple[RecordedBid, ...]
    top_bidder: str
    top_amount: Decimal


def eth(text: str | Decimal) -> Decimal:
    """Return an amount of ETH, exact to the smallest unit."""
    with localcontext(prec=60):
        return Decimal(text).quantize(Decimal(1).scaleb(-ETH_DECIMALS), rounding=ROUND_HALF_EVEN)


def replay_lines(auctions: Iterable[RecordedAuction]) -> Iterator[dict[str, Any]]:
    """Return the lines of the replay format."""
    yield {"kind": "currency", "code": "ETH", "exponent": ETH_DECIMALS}
    for auction in auctions:
        yield {
            "kind": "lot", "lot": auction.name, "format": "english", "start": "0", "opens_at": 0, "closes_at": None,
            "reserve": _plain(auction.reserve), "reserve_public": True, "first_bid_clock_ms": CLOCK_S * 1000,
            "extension_ms": EXTENSION_S * 1000, "extension_window_ms": EXTENSION_S * 1000,
            "increment": {"percent": str(RAISE_PERCENT)}, "proxy": False, "tie": "earliest",
        }  # fmt: skip
        for bid in auction.bids:
            yield {
                "kind": "bid", "lot": auction.name, "at": bid.at_s * 1000, "bidder": bid.bidder,
                "amount": _plain(bid.amount), "maximum": None,
            }  # fmt: skip


def end_after(bids: Iterable[RecordedBid]) -> int:
    """Return the second in which an auction with these bids ends; there is at least one."""
    end_s = 0
    for bid in bids:
        if not end_s:
            end_s = bid.at_s + CLOCK_S
        elif end_s - bid.at_s <= EXTENSION_S:
            end_s = max(end_s, bid.at_s + EXTENSION_S)
    return end_s


def breaches(auction: RecordedAuction) -> list[str]:
    """Return, in words, which recorded bids break the market's own rules; read off the record alone, without the engine."""
    found = []
    first = auction.bids[0]
    if first.amount < auction.reserve:
        found.append(f"the first bid {_plain(first.amount)} is below the reserve {_plain(auction.reserve)}")
    for number, bid in enumerate(auction.bids[1:], start=1):
        before = auction.bids[number - 1]
        if bid.amount * 100 < before.amount * (100 + RAISE_PERCENT):
            raised = (bid.amount / before.amount - 1) * 100
            found.append(f"{_when(bid)} {_plain(bid.amount)} is only {raised:.2f} % above {_plain(before.amount)}")
        if bid.at_s > end_after(auction.bids[:number]):
            found.append(f"{_when(bid)} {_plain(bid.amount)} came after the end")
    return found


def _when(bid: RecordedBid) -> str:
    return datetime.fromtimestamp(bid.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
