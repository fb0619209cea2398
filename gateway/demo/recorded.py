"""Recorded bids for the live session: real auctions, their bidders numbered, their amounts as multiples of the first bid."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

GAP_SHORTEST_S: Final = 3.0
GAP_LONGEST_S: Final = 16.0
GROWTH: Final = 0.22
"""Recorded prices rose a hundredfold; this exponent turns that into about threefold, as technologies do."""


class RecordedBid(Struct, frozen=True):
    """One bid: how long after the one before, by whom, at which multiple of the first amount."""

    pause_s: float
    bidder: int
    factor: float


@cache
def _auctions() -> list[list[dict[str, int]]]:
    path = Path(__file__).parent / "recorded_bids.json"
    return [auction["bids"] for auction in json.loads(path.read_text(encoding="utf-8"))["auctions"]]


def recorded_auction(number: int) -> Iterator[RecordedBid]:
    """Yield the bids of one recorded auction at a watchable pace; their order and their bidders are the recorded ones."""
    bids = _auctions()[number % len(_auctions())]
    before_s = 0
    for bid in bids:
        gap_s = bid["after_s"] - before_s
        before_s = bid["after_s"]
        pause_s = GAP_SHORTEST_S + (GAP_LONGEST_S - GAP_SHORTEST_S) * math.log1p(gap_s) / math.log1p(90_000)
        yield RecordedBid(pause_s, bid["bidder"], (bid["ratio_ppm"] / 1e6) ** GROWTH)


def bidders_recorded() -> int:
    """Return how many bidders the busiest recorded auction had."""
    return max(bid["bidder"] for bids in _auctions() for bid in bids)
