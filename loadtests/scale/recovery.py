"""A market with a very long log is started cold: how long until it serves, and with how much memory and processor time.

The log is written by `ortoo replay` from a made recording, so it comes from the market's own rules and journal; then database and
server are started anew over it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from loadtests.faults.database import Database
from loadtests.machine import cpu_ns, family, resident_bytes
from loadtests.processes import ROOT
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
    bids = events - LOTS * (BIDDERS + 3)  # publishing, opening, admissions and the first clock are events too
    for number in range(bids):
        turn, lot = divmod(number, LOTS)
        cents = 100 + turn
        yield {
            "kind": "bid", "lot": f"long-{lot}", "at": began_ms + 1 + number * (BEGAN_MS - 60_000) // bids,
            "bidder": f"b{turn % BIDDERS}", "amount": f"{cents // 100}.{cents % 100:02d}", "maximum": None,
        }  # fmt: skip


async def recovery(size: Size, folder: Path, say: Callable[[str], None]) -> list[Figure]:
    """Write the log, then start database and server cold: with snapshots that the server left, and without any."""
    database = Database(folder, standby=False)
    await database.start()
    server = Server(folder, database.primary.dsn)
    server.ready_s = READY_S
    found: list[Figure] = []
    try:
        await _replay(database.primary.dsn, folder / "recording", size.events)
        events, bids, lots = await _counted(database.primary.dsn)
        say(f"{events:,} events of {bids:,} bids in the log")
        for words in ("from the first event", "from snapshots"):
            await database.primary.stop()
            await database.primary.start()
            began_s = time.monotonic()
            await server.start()
            taken_s = time.monotonic() - began_s
            used_s, memory = cpu_ns(family(server.pid)) / 1e9, resident_bytes(server.pid) / 1e6
            shown = await _bids_shown(server, lots)
            say(
                f"{words}: {taken_s:.1f} s, {used_s:.1f} s of processor time, {memory:.0f} MB, {shown:,} bids on the live lots"
            )
            if shown != bids:
                raise RuntimeError(f"{shown} bids were recovered of {bids}")
            key, title = words.split()[-1], f"{events:,} events recovered {words}, {LOTS} lots live"
            found += [
                Figure(key=f"recovery_{key}_s", title=f"{title}: until it serves", values=[taken_s], unit="s"),
                Figure(key=f"recovery_{key}_cpu", title=f"{title}: processor time", values=[used_s], unit="s"),
                Figure(key=f"recovery_{key}_mb", title=f"{title}: memory then", values=[memory], unit="MB"),
            ]
            await _snapshots_kept(database.primary.dsn)
            await server.stop()
    finally:
        await server.stop()
        await database.stop()
    return found


async def _replay(dsn: str, file: Path, events: int) -> None:
    encode = msgspec.json.encode
    with file.open("wb") as lines:
        lines.writelines(encode(line) + b"\n" for line in recording(events, round(time.time() * 1e3)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "replay", str(file), "--database", dsn, cwd=ROOT, env=os.environ,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await process.wait():
        raise RuntimeError("ortoo replay failed")


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


async def _snapshots_kept(dsn: str) -> None:
    """Wait until the server has left a snapshot of every lot, as it does beside its work."""
    connection = await asyncpg.connect(dsn)
    try:
        async with asyncio.timeout(READY_S):
            while await connection.fetchval("SELECT count(DISTINCT stream) FROM lot_snapshot") < LOTS:
                await asyncio.sleep(0.2)
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
