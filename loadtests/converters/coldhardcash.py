"""The "Cold Hard Cash" auctions (2023): `python -m loadtests.converters.coldhardcash DIR > cash.jsonl`, or `--check`.

The record names the winner and the amount of each auction; see SOURCE.md beside the data.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from loadtests.converters.checking import convert_or_check
from loadtests.converters.recordings import RecordedAuction, RecordedBid, eth


def read_auctions(directory: Path) -> list[RecordedAuction]:
    """Read all auctions. Addresses differ in letter case between the two files."""
    bids: dict[int, list[RecordedBid]] = defaultdict(list)
    for bid in read_constant(directory / "bidsMade.js"):
        bids[bid["auctionId"]].append(RecordedBid(bid["timestamp"], eth(bid["amount"]), bid["bidder"].lower()))
    return [
        RecordedAuction(
            name=f"cash-{auction['auctionId']}",
            reserve=eth(auction["reservePrice"]),
            bids=tuple(sorted(bids[auction["auctionId"]])),
            top_bidder=auction["highestBidderAddr"].lower(),
            top_amount=eth(auction["bidAmount"]),
        )
        for auction in read_constant(directory / "allAuctions.js")
    ]


def read_constant(path: Path) -> list[dict[str, Any]]:
    """Read the JSON array inside a JavaScript constant; numbers stay exact."""
    text = path.read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text[text.index("[") : text.rindex("]") + 1], parse_float=Decimal)
    return found


if __name__ == "__main__":
    sys.exit(convert_or_check("Cold Hard Cash", read_auctions))
