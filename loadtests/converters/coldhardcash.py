"""The "Cold Hard Cash" auctions (2023): `python -m loadtests.converters.coldhardcash DIR > cash.jsonl`, or `--check`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from loadtests.converters.checking import check_and_report, write_lines

DAY_S, QUARTER_S = 86_400, 900


def read_constant(path: Path) -> list[dict[str, Any]]:
    """Read the JSON array inside a JavaScript constant; numbers stay exact."""
    text = path.read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text[text.index("[") : text.rindex("]") + 1], parse_float=Decimal)
    return found


def lines_of(auctions: list[dict[str, Any]], bids: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the replay lines."""
    yield {"kind": "currency", "code": "ETH", "exponent": 18}
    for auction in auctions:
        yield {
            "kind": "lot", "lot": f"cash-{auction['auctionId']}", "format": "english", "start": "0", "opens_at": 0, "closes_at": None,
            "reserve": f"{Decimal(auction['reservePrice']):.18f}", "reserve_public": True, "first_bid_clock_ms": DAY_S * 1000,
            "extension_ms": QUARTER_S * 1000, "extension_window_ms": QUARTER_S * 1000,
            "increment": {"percent": "10"}, "proxy": False, "tie": "earliest",
        }  # fmt: skip
    for bid in sorted(bids, key=lambda bid: (bid["timestamp"], bid["amount"])):
        yield {
            "kind": "bid", "lot": f"cash-{bid['auctionId']}", "at": bid["timestamp"] * 1000, "bidder": bid["bidder"].lower(),
            "amount": f"{Decimal(bid['amount']):f}", "maximum": None,
        }  # fmt: skip


def main() -> int:
    """Convert, or check against the record."""
    directory = Path(sys.argv[1])
    auctions, bids = read_constant(directory / "allAuctions.js"), read_constant(directory / "bidsMade.js")
    if "--check" not in sys.argv:
        return write_lines(lines_of(auctions, bids))
    recorded = {
        f"cash-{auction['auctionId']}": (
            auction["highestBidderAddr"].lower(),
            Decimal(auction["bidAmount"]),
            sum(bid["auctionId"] == auction["auctionId"] for bid in bids),
        )
        for auction in auctions
    }
    return check_and_report("Cold Hard Cash", lines_of(auctions, bids), recorded)


if __name__ == "__main__":
    sys.exit(main())
