"""Reading what goes into an evidence file. Heads are fixed first, so that a file made while the deal goes on is of one moment."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.evidence.editions import Edition
from engine.evidence.snapshots import Snapshot
from engine.journal.queries import load_queries
from engine.journal.records import Record
from engine.rules.publicity.state import NoticeState
from gateway.evidence.deals import Deal
from gateway.evidence.publicity import looked_at
from gateway.services import Services
from pricing.evidence import Shown, quotes_shown
from settlement.evidence import Found, Reader, find

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
PAGE: Final = 200
"""Records worked on at a time: the room is never kept waiting long."""
SNAPSHOTS_MAX: Final = 500
FORMAT: Final = 3
"""Counted up when the same facts would give another file."""


class Head(Struct, frozen=True):
    """Where a stream stands."""

    stream: str
    seq: int
    at_us: int
    digest: bytes
    shard: int
    shard_seq: int


class Kept(Struct, frozen=True):
    """A page as it was shown."""

    statement: Snapshot
    body: bytes


class Wanted(Struct, frozen=True, kw_only=True):
    """What a file is made from and for whom; `number` follows from it."""

    deal: Deal
    edition: Edition
    party: str
    """For whom, of editions of sellers and buyers; empty for staff."""
    language: str
    heads: tuple[Head, ...]
    settled: Found
    """What settlement holds of it that this reader may have."""
    quotes: tuple[Shown, ...]
    """Price estimates that the seller had before the deal; his own edition and those of staff hold them."""
    number: str

    @property
    def reader(self) -> Reader:
        """For whom, in settlement's words."""
        return Reader(self.party, sells=self.edition is Edition.SELLER)

    @property
    def total(self) -> int:
        """Events that will be written."""
        return sum(head.seq for head in self.heads)


async def wanted_of(services: Services, deal: Deal, edition: Edition, party: str, language: str) -> Wanted:
    """Fix what the file is made from."""
    heads = []
    for stream in deal.streams:
        row = await services.pool.fetchrow(QUERIES["stream_head"], stream)
        assert row is not None, "its state came from the log"
        heads.append(Head(stream, row["stream_seq"], row["at_us"], row["digest"], row["shard"], row["seq"]))
    pages = await services.pool.fetch(QUERIES["page_places"], list(deal.streams), SNAPSHOTS_MAX)
    settled = await find(services.pool, list(deal.streams), Reader(party, sells=edition is Edition.SELLER))
    quotes = await _quotes(services, deal, edition, max(head.at_us for head in heads))
    made_from: dict[str, Any] = {
        "format": FORMAT,
        "key": services.signing_key.public_key().public_bytes_raw().hex(),
        "edition": edition.value,
        "party": party,
        "language": language,
        "streams": [[head.stream, head.seq, head.digest.hex()] for head in heads],
        "settled": [[kind.value, one, digest] for kind, one, digest, _ in settled.heads],
        "looks": await _looks(services, deal),
        "quotes": [[one.id, one.digest, one.decisions] for one in quotes],
        "pages": [[row["stream"], row["seq"], row["url"]] for row in pages],
    }
    number = "EV-" + sha256(b"ortoo/evidence-number/v1\n" + canonical_bytes(made_from)).hexdigest()[:20].upper()
    return Wanted(
        deal=deal,
        edition=edition,
        party=party,
        language=language,
        heads=tuple(heads),
        settled=settled,
        quotes=tuple(quotes),
        number=number,
    )


async def _quotes(services: Services, deal: Deal, edition: Edition, until_us: int) -> list[Shown]:
    """Return what the seller was quoted: it holds his reserve, so a buyer's edition has none of it."""
    if edition is Edition.BUYER:
        return []
    return await quotes_shown(
        services.pricing.store, str(deal.seller_id), deal.achievement, deal.title_zh, until_us, deal.price_fen
    )


async def _looks(services: Services, deal: Deal) -> list[int]:
    """Return number and last instant of the prober's looks at a notice; they go on while its record stands still."""
    if not isinstance(deal.state, NoticeState):
        return []
    _, _, sightings = await looked_at(services, deal.state)
    return [len(sightings), sightings[-1].at_us if sightings else 0]


async def records_of(services: Services, head: Head) -> AsyncIterator[list[Record]]:
    """Yield the records of a stream up to its head, in pages."""
    after = 0
    while after < head.seq:
        rows = await services.pool.fetch(QUERIES["stream_page"], head.stream, after, head.seq, PAGE)
        if not rows:
            return
        yield [services.reader.record(row) for row in rows]
        after = rows[-1]["stream_seq"]


async def snapshots_of(services: Services, deal: Deal) -> list[Kept]:
    """Return the pages that were kept of a deal, oldest first."""
    rows = await services.pool.fetch(QUERIES["snapshots_of"], list(deal.streams), SNAPSHOTS_MAX)
    found = [Kept(msgspec.json.decode(row["statement"], type=Snapshot), zlib.decompress(row["body"])) for row in rows]
    return sorted(found, key=lambda kept: (kept.statement.event_at_us, kept.statement.url))
