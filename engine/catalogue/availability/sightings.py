"""Looks of the prober by notice: a consumer of its stream, and the shown records behind the digests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg

from engine.journal.codec import decode_event
from engine.journal.follower import Connection, Follower
from engine.journal.queries import load_queries
from engine.journal.streams import PROBES
from engine.rules.availability.coverage import Look
from engine.rules.availability.probing import Place, Problem, RoundRecorded, Sighting
from engine.values import PROBE_SHARDS, DurationUs, InstantUs, NoticeId

CONSUMER: Final = "availability"
READ_MAX: Final = 200_000
"""Looks read for one notice: more than three years of them, every minute half an hour apart."""
QUERIES: Final = load_queries(Path(__file__).parent / "queries.sql")


class Sightings:
    """The read model and its consumer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._follower = Follower(pool, CONSUMER, PROBE_SHARDS, self._rows_of, self._write)
        self.touched: set[NoticeId] = set()
        """Notices with looks not yet thought about; who does, takes them out."""
        self.last_us: InstantUs | None = None
        """The newest look taken, None before the first."""

    async def catch_up(self) -> None:
        """Take what the prober, a process of its own, has written since."""
        self._follower.notice(PROBE_SHARDS)
        await self._follower.catch_up()

    async def of_notice(self, notice_id: NoticeId, from_us: InstantUs, to_us: InstantUs) -> list[Sighting]:
        """Return the looks at a notice in [from, to), oldest first, beginning with the last look before `from`."""
        rows = await self._pool.fetch(QUERIES["of_notice"], notice_id, from_us, to_us, READ_MAX)
        return [_sighting(row) for row in rows]

    async def shown(self, digest: str) -> bytes | None:
        """Return what was shown under a digest, byte for byte."""
        body: bytes | None = await self._pool.fetchval(QUERIES["shown"], digest)
        return body

    async def latest_us(self) -> InstantUs | None:
        """Return when the prober last looked at anything."""
        at_us: int | None = await self._pool.fetchval(QUERIES["latest"])
        return None if at_us is None else InstantUs(at_us)

    async def _rows_of(self, page: Sequence[asyncpg.Record]) -> list[tuple[int, Sighting]]:
        found: list[tuple[int, Sighting]] = []
        for row in page:
            if row["stream"].startswith(PROBES.prefix):
                event: RoundRecorded = decode_event(row["type"], row["version"], row["body"])
                found += [(row["stream_seq"], sighting) for sighting in event.sightings]
        return found

    async def _write(self, connection: Connection, found: list[tuple[int, Sighting]]) -> None:
        await connection.executemany(
            QUERIES["insert"],
            [
                (
                    one.notice, one.place.value, one.at_us, one.took_us, one.status, one.problem.value, one.record,
                    one.shown, seq,
                )
                for seq, one in found
            ],
        )  # fmt: skip
        self.touched |= {one.notice for _, one in found if one.notice}
        if found:
            self.last_us = found[-1][1].at_us


def looks(sightings: Sequence[Sighting], place: Place = Place.PAGE) -> list[Look]:
    """Return the looks at one place; the page at its permanent address is what counts for the period."""
    return [Look(one.at_us, one.problem is Problem.NONE) for one in sightings if one.place is place]


def _sighting(row: asyncpg.Record) -> Sighting:
    return Sighting(
        place=Place(row["place"]),
        notice=NoticeId(row["notice"]),
        at_us=InstantUs(row["at_us"]),
        took_us=DurationUs(row["took_us"]),
        status=row["status"],
        problem=Problem(row["problem"]),
        record=row["record"],
        shown=row["shown"],
    )
