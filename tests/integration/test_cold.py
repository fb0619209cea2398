"""Ended lots of long ago move to another table: everything still reads, verifies and answers as before, and nothing can be lost by it."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest

from engine.journal.cold import move_ended
from engine.rules.auction.commands import VoidLot
from engine.rules.auction.state import Phase
from engine.rules.rejections import Reject
from engine.values import InstantUs, LotId
from tests.integration.test_engine import Desk, is_clean

LATER_US = 60_000_000


async def moved(dsn: str, before_us: int) -> list[tuple[int, int]]:
    return [part async for part in move_ended(dsn, InstantUs(before_us), at_once=2)]


async def test_ended_lots_move_and_everything_goes_on_as_before(fresh_database: str) -> None:
    desk = Desk(fresh_database, keep_ended_us=0)
    await desk.engine.start()
    command_id = uuid.uuid4().bytes
    for number in range(3):
        await desk.open_lot(f"old{number}", "A", closes_in_s=3600)
        first = await desk.bid(f"old{number}", "A", 100, command_id)
        await desk.say(f"old{number}", VoidLot(reason="ended for the test"))
    await desk.open_lot("live", "A")
    await desk.bid("live", "A", 100)
    await desk.engine.stop()
    now_us = desk.engine.clock.now_us()
    assert await moved(fresh_database, 1_000_000) == [], "nothing is that old"

    connection = await asyncpg.connect(fresh_database)
    everything = await connection.fetch("SELECT * FROM event ORDER BY shard, seq")
    again = Desk(fresh_database, keep_ended_us=0)
    await again.engine.start()  # a new newest record in every shard: all three may go
    parts = await moved(fresh_database, now_us + LATER_US)
    assert [streams for streams, _ in parts] == [2, 1]
    hot = await connection.fetch("SELECT DISTINCT stream FROM ONLY event WHERE stream LIKE 'lot/%'")
    cold = await connection.fetch("SELECT DISTINCT stream FROM event_cold ORDER BY 1")
    assert [row["stream"] for row in hot] == ["lot/live"]
    assert [row["stream"] for row in cold] == ["lot/old0", "lot/old1", "lot/old2"]
    kept = {(row["shard"], row["seq"]): row for row in await connection.fetch("SELECT * FROM event")}
    assert all(kept[row["shard"], row["seq"]] == row for row in everything)

    assert await again.bid("old2", "A", 100, command_id) == first, "a retry years later is answered from the record"
    assert (await again.bid("old0", "A", 500)).code is Reject.ENDED
    state = await again.engine.load(LotId("old1"))
    assert state is not None
    assert state.phase is Phase.VOIDED
    assert (await again.bid("live", "A", 5_000)).subject_id == "live"
    await again.engine.stop()
    assert await moved(fresh_database, now_us + LATER_US) == [], "what is there already stays"
    assert await is_clean(fresh_database)
    await connection.close()


async def test_bids_go_on_while_lots_move(fresh_database: str) -> None:
    desk = Desk(fresh_database)
    await desk.engine.start()
    for number in range(6):
        await desk.open_lot(f"old{number}", "A")
        await desk.say(f"old{number}", VoidLot(reason="ended for the test"))
    await desk.engine.stop()
    desk = Desk(fresh_database)
    await desk.engine.start()  # its taking is the newest record of every shard: all six may go
    await desk.open_lot("live", "A", "B")
    accepted = 0

    async def keep_bidding() -> None:
        nonlocal accepted
        while True:
            accepted += (await desk.bid("live", "AB"[accepted % 2], 100 + 10 * accepted)).seq is not None

    bidding = asyncio.create_task(keep_bidding())
    parts = await moved(fresh_database, desk.engine.clock.now_us() + LATER_US)
    count = accepted
    async with asyncio.timeout(60):
        while accepted < count + 5:
            await asyncio.sleep(0.01)
    bidding.cancel()
    assert sum(streams for streams, _ in parts) == 6
    await desk.engine.stop()
    assert await is_clean(fresh_database)


async def test_the_log_gives_up_no_row_that_is_not_kept_whole(fresh_database: str) -> None:
    desk = Desk(fresh_database)
    await desk.engine.start()
    await desk.open_lot("a1", "A")
    await desk.engine.stop()
    await moved(fresh_database, 0)  # makes the table, moves nothing
    connection = await asyncpg.connect(fresh_database)
    for statement in (
        "DELETE FROM event WHERE stream = 'lot/a1'",
        "DELETE FROM ONLY event WHERE stream = 'lot/a1' AND stream_seq > 1",
    ):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
    await connection.execute(
        "INSERT INTO event_cold (shard, seq, epoch, stream, stream_seq, type, version, at_us, actor, body, salt, content, digest)"
        " SELECT shard, seq, epoch, stream, stream_seq, type, version, at_us, 'another', body, salt, content, digest"
        " FROM ONLY event WHERE stream = 'lot/a1'"
    )
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await connection.execute("DELETE FROM ONLY event WHERE stream = 'lot/a1'")
    for statement in ("DELETE FROM event_cold", "UPDATE event_cold SET actor = 'x'", "TRUNCATE event_cold"):
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await connection.execute(statement)
    await connection.close()
