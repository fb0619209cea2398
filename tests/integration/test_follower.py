"""A consumer of the log: every event once, up to the head it saw; a rush does not keep it running without end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from engine.journal.follower import Connection, Follower, Page
from engine.journal.postgres import PostgresLog
from engine.values import InstantUs
from tests.contract.test_event_log import SHARD, record

Append = Callable[[int], Awaitable[None]]


async def begin(dsn: str) -> tuple[PostgresLog, Append]:
    """Take a shard; return its log and what appends so many events to it."""
    log = PostgresLog(dsn)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    head = [taken.head_seq]

    async def append(count: int) -> None:
        for _ in range(count):
            head[0] += 1
            await log.append([replace(record(head[0], taken.epoch), stream=f"lot/f{head[0]}")])

    return log, append


async def nothing(connection: Connection, prepared: Any) -> None:
    """Write nothing but the cursor."""


async def test_what_is_committed_while_it_works_waits_for_the_next_look(fresh_database: str) -> None:
    log, append = await begin(fresh_database)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    seen: list[int] = []

    async def prepare(rows: Sequence[asyncpg.Record]) -> None:
        seen.extend(row["seq"] for row in rows)
        await append(1)  # as in a rush: something new whenever it looks
        follower.notice([SHARD])

    follower = Follower(pool, "test", [SHARD], prepare, nothing)
    await append(3)
    assert await follower.catch_up() == 4, "the take-over and three events; without a bound this would not end"
    assert await follower.catch_up() == 1, "what came meanwhile was noticed"
    assert seen == [1, 2, 3, 4, 5], "each once"
    await pool.close()
    await log.close()


async def test_a_full_page_is_followed_by_the_next_at_once(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "events_max", 2)
    log, append = await begin(fresh_database)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    pages: list[int] = []

    async def prepare(rows: Sequence[asyncpg.Record]) -> None:
        pages.append(len(rows))

    await append(6)
    assert await Follower(pool, "test", [SHARD], prepare, nothing).catch_up() == 7
    assert pages == [2, 2, 2, 1]
    await pool.close()
    await log.close()


async def test_of_two_of_one_name_each_event_is_one_ones_and_none_is_left(fresh_database: str) -> None:
    log, append = await begin(fresh_database)
    pool = await asyncpg.create_pool(fresh_database, min_size=3, max_size=3)
    first_seen: list[int] = []

    async def by_the_first(rows: Sequence[asyncpg.Record]) -> None:
        first_seen.extend(row["seq"] for row in rows)

    async def overtaken(rows: Sequence[asyncpg.Record]) -> None:
        if not first_seen:  # the other does this page first, and then something comes
            await Follower(pool, "test", [SHARD], by_the_first, nothing).catch_up()
            await append(1)

    await append(2)
    written: list[Any] = []

    async def write(connection: Connection, prepared: Any) -> None:
        written.append(prepared)

    await Follower(pool, "test", [SHARD], overtaken, write).catch_up()
    assert first_seen == [1, 2, 3] and len(written) == 1, (
        "the page that was done is not done again; what came after it is"
    )
    await pool.close()
    await log.close()
