"""Prints what each part of the way of a bid costs in this process, alone and warm: python -m tools.bid_parts

Microseconds of one core, the best of seven runs. In the server the same parts cost more: between two bids the processor's caches
hold the kernel's network code (docs/MEASURED.md).
"""

from __future__ import annotations

import os
import sys
import timeit
from collections.abc import Callable
from typing import Any, Final

from engine.bus.local import Envelope
from engine.evidence.receipts import recorded
from engine.journal.codec import encode_event, request_digest
from engine.journal.log import Taken
from engine.journal.records import COLUMNS, KINDS
from engine.journal.secrecy import Vault
from engine.layout import COMPILED, copy_rows, read_bid
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, Subject
from engine.rules.auction.deciding import decide
from engine.rules.auction.evolving import evolve
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.runtime.book import Batch, Book, LotBatch, LotBook
from engine.runtime.rulebook import LOT_RULES
from engine.values import Amount, InstantUs, LotId, PartyId, shard_of
from gateway.live import messages

LOT: Final = LotId("bench-one")
BIDDERS: Final = 300
RUNS: Final = 20_000


def put(book: LotBook, command: Command, actor: str) -> LotBatch:
    """Decide one command and return what came of it."""
    batch: LotBatch = Batch()
    digest = request_digest(command)
    envelope = Envelope(LOT, command, os.urandom(16), digest, actor, InstantUs(5), lambda receipt: None, InstantUs(10))
    book.decide(envelope, batch)
    return batch


def open_book() -> LotBook:
    """Return a book with one open lot and its bidders."""
    book: LotBook = Book(LOT_RULES, [Taken(shard_of(LOT), 1, 1, bytes(32), None)])
    book.add_new(LOT)
    closing = Closing(opens_at_us=InstantUs(0), closes_at_us=InstantUs(10**17))
    terms = Terms(closing=closing, increment=FixedIncrement(step=Amount(1)), start_price=Amount(100))
    subject = Subject(title_zh="一", title_en="one")
    put(book, PublishLot(terms=terms, subject=subject, seller_id=PartyId("p" + "0" * 16)), "operator")
    for number in range(1, BIDDERS + 1):
        put(book, AdmitBidder(bidder_id=_party(number)), "operator")
    return book


def _party(number: int) -> PartyId:
    return PartyId(f"p{number:016x}")


def parts(book: LotBook) -> dict[str, Callable[[], Any]]:
    """Return each part as a call without arguments."""
    record = put(book, PlaceBid(bidder_id=_party(1), amount=Amount(5_000)), _party(1)).records[0]
    state = book.state(LOT)
    assert state is not None
    bid, at_us = PlaceBid(bidder_id=_party(2), amount=Amount(6_000)), InstantUs(40)
    event = decide(state, LOT, bid, at_us).event
    assert event is not None
    receipt = recorded(LOT, record, event)
    frame = b'{"t":"bid","id":"00000000-0000-4000-8000-000000000001","lot":"bench-one","amount":"6000"}'
    prices = iter(range(10_000, 10**9))
    vault, fifty = Vault(os.urandom(32)), [record] * 50
    return {
        "read the frame": lambda: read_bid(frame),
        "digest of the request": lambda: request_digest(bid),
        "decide": lambda: decide(state, LOT, bid, at_us),
        "evolve": lambda: evolve(state, LOT, event, at_us),
        "canonical body": lambda: encode_event(event),
        "all of the book (decide to record)": lambda: put(
            book, PlaceBid(bidder_id=_party(1 + next(prices) % BIDDERS), amount=Amount(next(prices))), "bidder"
        ),
        "row of the COPY, in clear": lambda: copy_rows([record], COLUMNS, KINDS),
        "row of the COPY, hidden": lambda: vault.rows([record]),
        "rows of 50 bids, hidden": lambda: vault.rows(fifty),
        "answer frame": lambda: messages.answer(receipt),
    }


def main() -> int:
    """Entry of `python -m tools.bid_parts`."""
    print(f"layout: {'compiled' if COMPILED else 'Python'}")
    for name, call in parts(open_book()).items():
        best_us = min(timeit.repeat(call, number=RUNS, repeat=7)) / RUNS * 1e6
        print(f"{best_us:6.2f} µs  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
