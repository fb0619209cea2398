"""A market with a very long log is started cold: how long until it serves, and with how much memory and processor time.

A made recording is played through the market's own rules into its own journal, as `ortoo replay` does; then database and server are
started anew over it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from engine.journal.migrations import migrate
from engine.journal.postgres import PostgresLog
from engine.journal.records import Record
from engine.replay.driver import OWNER, Replay
from engine.replay.format import read_recording
from engine.runtime.book import Book
from engine.runtime.rulebook import LOT_RULES
from engine.values import SHARDS, InstantUs
from loadtests.faults.database import Database
from loadtests.machine import cpu_ns, family, resident_bytes
from loadtests.report import Figure
from loadtests.scale.sections import Size
from loadtests.stand import Server

LOTS: Final = 200
BIDDERS: Final = 40
LASTS_MS: Final = 300 * 86_400_000
"""The lots stay open: what is live has to be recovered."""
BEGAN_MS: Final = 3_600_000
"""Bidding began an hour ago."""
READY_S: Final = 900.0


def recording(events: int, now_ms: int) -> Iterator[dict[str, Any]]:
    """Yield lots, then bids that rise on each in turn, all of them before `now_ms`."""
    began_ms = now_ms - BEGAN_MS
    for lot in range(LOTS):
        yield {
            "kind": "lot", "lot": f"long-{lot}", "format": "english", "start": "1.00", "opens_at": began_ms, "closes_at": None,
            "first_bid_clock_ms": LASTS_MS, "increment": {"fixed": "0.01"}, "proxy": False, "tie": "earliest",
        }  # fmt: skip
    bids = events  # with publishing, opening and admissions that is more than is asked for: the recording is cut, no lot ends
    for number in range(bids):
        turn, lot = divmod(number, LOTS)
        cents = 100 + turn
        yield {
            "kind": "bid", "lot": f"long-{lot}", "at": began_ms + 1 + number * (BEGAN_MS - 60_000) // bids,
            "bidder": f"b{turn % BIDDERS}", "amount": f"{cents // 100}.{cents % 100:02d}", "maximum": None,
        }  # fmt: skip


async def recovery(size: Size, folder: Path, say: Callable[[str], None]) -> list[Figure]:
    """Write the log, then start database and server cold, without a single snapshot."""
    database = Database(folder, standby=False)
    await database.start()
    server = Server(folder, database.primary.dsn)
    server.ready_s = READY_S
    try:
        await migrate(database.primary.dsn)
        await _write(database.primary.dsn, size.events)
        events, bids, lots = await _counted(database.primary.dsn)
        say(f"{events:,} events of {bids:,} bids in the log")
        await database.primary.stop()
        await database.primary.start()
        began_s = time.monotonic()
        await server.start()
        taken_s = time.monotonic() - began_s
        used_s, memory = cpu_ns(family(server.pid)) / 1e9, resident_bytes(server.pid) / 1e6
        shown = await _bids_shown(server, lots)
        size_bytes = await _size(database.primary.dsn)
        if shown != bids:
            raise RuntimeError(f"{shown} bids were recovered of {bids}")
    finally:
        await server.stop()
        await database.stop()
    title = f"{events:,} events, {LOTS} lots live, no snapshot"
    return [
        Figure(key="recovery_s", title=f"{title}: cold start until it serves", values=[taken_s], unit="s"),
        Figure(key="recovery_cpu", title=f"{title}: processor time of the server", values=[used_s], unit="s"),
        Figure(
            key="event_bytes",
            title="bytes of the database for each event, everything included",
            values=[size_bytes / events],
            unit="B",
        ),
        Figure(key="recovery_mb", title=f"{title}: memory then", values=[memory], unit="MB"),
    ]


class _Enough(Exception):
    """The log is long enough."""


async def _write(dsn: str, events: int) -> None:
    """Play the recording into the journal, and stop before its lots end."""
    encode, written = msgspec.json.encode, 0
    lines = (encode(line) for line in recording(events, round(time.time() * 1e3)))
    log = PostgresLog(dsn)

    async def append(records: Sequence[Record]) -> None:
        nonlocal written
        if written + len(records) > events:
            raise _Enough
        written += len(records)
        await log.append(records)

    try:
        taken = await log.take(range(SHARDS), OWNER, InstantUs(0))
        with contextlib.suppress(_Enough):
            await Replay(read_recording(lines, run="cold"), Book(LOT_RULES, taken), append).run()
    finally:
        await log.close()


async def _counted(dsn: str) -> tuple[int, int, list[str]]:
    connection = await asyncpg.connect(dsn)
    try:
        row = await connection.fetchrow(
            "SELECT count(*) AS events, count(*) FILTER (WHERE type = 'lot.bid_accepted') AS bids,"
            " array_agg(DISTINCT stream) FILTER (WHERE starts_with(stream, 'lot/')) AS lots FROM event"
        )
    finally:
        await connection.close()
    assert row is not None
    return row["events"], row["bids"], [stream.removeprefix("lot/") for stream in row["lots"]]


async def _size(dsn: str) -> int:
    """Return the bytes of the database."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


async def _bids_shown(server: Server, lots: Sequence[str]) -> int:
    """Add up the bids that the public interface shows on every lot; each must take bids again."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.http_port}") as http:
        shown = 0
        for lot in lots:
            async with http.get(f"/api/v1/lots/{lot}") as answer:
                live = (await answer.json())["live"]
            if live["phase"] != "open":
                raise RuntimeError(f"{lot} is {live['phase']}")
            shown += live["bids"]
        return shown
