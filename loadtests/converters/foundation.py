"""Foundation reserve auctions (2021): `python -m loadtests.converters.foundation DIR > foundation.jsonl`, or `--check`.

There is no record of settlements: the top bidder on record is who bid most. See SOURCE.md beside the data.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

from loadtests.converters.checking import convert_or_check
from loadtests.converters.recordings import RecordedAuction, RecordedBid, end_after, eth

Listing = tuple[int, Decimal]
"""When a token was listed (seconds), and the reserve asked."""


def read_auctions(directory: Path) -> list[RecordedAuction]:
    """Read all auctions. A token listed again after its auction had ended gives a further auction."""
    # In the listings `creator` is who lists, in the bids who made the work: only the token joins the two files.
    listings: dict[str, list[Listing]] = defaultdict(list)
    for row in _rows(directory / "list_data.csv"):
        listings[row["token_id"]].append((_second(row["listing_date"]), eth(row["listing_amt"])))
    bids: dict[tuple[str, str], list[RecordedBid]] = defaultdict(list)
    for row in _rows(directory / "bid_data.csv"):
        bid = RecordedBid(_second(row["bid_date"]), eth(row["bidding_amt"]), row["bidder_id"])
        bids[row["token_id"], row["creator"]].append(bid)
    auctions = []
    for (token, creator), placed in bids.items():
        listed = sorted(listings[token])
        for number, run in enumerate(split(sorted(placed), listed), start=1):
            name = f"{token.partition('.')[0]}-{creator[:10]}-{number}"
            auctions.append(_auction(name, run, listed))
    return auctions


def split(placed: Sequence[RecordedBid], listed: Sequence[Listing]) -> Iterator[tuple[RecordedBid, ...]]:
    """Split a token's bids into auctions: a new one begins with a bid after the end, if the token was listed again in between."""
    run: list[RecordedBid] = []
    for bid in placed:
        if run and bid.at_s > end_after(run) and any(run[-1].at_s < at_s <= bid.at_s for at_s, _ in listed):
            yield tuple(run)
            run = []
        run.append(bid)
    if run:
        yield tuple(run)


def _auction(name: str, run: tuple[RecordedBid, ...], listed: Sequence[Listing]) -> RecordedAuction:
    first, top = run[0], max(run, key=lambda bid: (bid.amount, -bid.at_s))
    asked = [amount for at_s, amount in listed if at_s <= first.at_s]
    # Price cuts are not on file: a first bid below the last asking price shows that there was one.
    reserve = min(asked[-1], first.amount) if asked else first.amount
    return RecordedAuction(name, reserve, run, top.bidder, top.amount)


def _second(text: str) -> int:
    return int(Decimal(text))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    sys.exit(convert_or_check("Foundation", read_auctions))
