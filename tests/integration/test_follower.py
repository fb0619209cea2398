"""A consumer of the log: every event once, up to the head it saw; a rush does not keep it running without end. Who wants certain
events reads those alone; who wants to know which streams changed reads nothing that the engine has told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from engine.journal import follower as following
from engine.journal.advances import Advance, advances_of
from engine.journal.follower import BIDS, Connection, Follower, StreamFollower
from engine.journal.postgres import QUERIES, PostgresLog
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
    monkeypatch.setattr(following, "RECORDS_MAX", 2)
    log, append = await begin(fresh_database)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    pages: list[int] = []

    async def prepare(rows: Sequence[asyncpg.Record]) -> None:
        pages.append(len(rows))

    await append(6)
    assert await Follower(pool, "test", [SHARD], prepare, nothing).catch_up() == 7
    assert pages == [2, 2, 2, 1], "the last page was not full"
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


TYPES = [
    "lot.bid_accepted",
    "lot.sold",
    "lot.bid_accepted",
    "lot.bid_rejected",
    "lot.passed",
    "lot.sold",
    "lot.bid_accepted",
]


@pytest.mark.parametrize("page, looks", [(2_000, [[3, 7]]), (1, [[3], [7], []])])
async def test_a_consumer_of_certain_events_is_given_those_alone_and_its_cursor_passes_over_the_others(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch, page: int, looks: list[list[int]]
) -> None:
    monkeypatch.setattr(following, "RECORDS_MAX", page)
    log = PostgresLog(fresh_database)
    (taken,) = await log.take([SHARD], "a", InstantUs(1))
    rows = [replace(record(2 + n, taken.epoch), stream=f"lot/f{n}", type=name) for n, name in enumerate(TYPES)]
    await log.append(rows)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    seen: list[list[int]] = []

    async def prepare(found: Sequence[asyncpg.Record]) -> None:
        seen.append([row["seq"] for row in found])

    assert await Follower(pool, "test", [SHARD], prepare, nothing, ["lot.sold"]).catch_up() == 8
    assert seen == looks
    assert await Follower(pool, "test", [SHARD], prepare, nothing, ["lot.sold"]).catch_up() == 0
    plan = await pool.fetch(f"EXPLAIN (FORMAT TEXT) {QUERIES['read_shard_types']}", SHARD, 0, 9, ["lot.sold"], 10)
    assert any("event_landmark" in row[0] for row in plan), "bids are not looked at"
    await pool.close()
    await log.close()


def test_no_consumer_of_certain_events_asks_for_bids_which_the_index_leaves_out() -> None:
    left_out = ", ".join(f"'{name}'" for name in sorted(BIDS))
    assert f"type NOT IN ({left_out})" in QUERIES["read_shard_types"]
    with pytest.raises(AssertionError):
        Follower(None, "test", [], nothing, nothing, ["lot.sold", "lot.bid_rejected"])  # type: ignore[arg-type]


class Told:
    """A consumer of streams over a log of 4 records (the taking, and one of each of three lots), and what it was given."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.given: list[Sequence[str]] = []
        self.broken = False
        self.follower = StreamFollower(pool, "test", [SHARD], self._prepare, self._write)

    async def _prepare(self, streams: Sequence[str]) -> None:
        self.given.append(streams)

    async def _write(self, connection: Connection, prepared: Any) -> None:
        if self.broken:
            raise RuntimeError("the effect failed")

    def tell(self, first: int, last: int, *streams: str) -> None:
        self.follower.advanced([Advance(SHARD, first, last, frozenset(streams))])

    async def look(self) -> tuple[int, list[Sequence[str]]]:
        self.given.clear()
        return await self.follower.catch_up(), self.given


async def test_what_the_engine_told_without_a_gap_is_not_read_from_the_log(fresh_database: str) -> None:
    log, append = await begin(fresh_database)
    await append(3)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    consumer = Told(pool)
    passed, given = await consumer.look()
    assert passed == 4 and sorted(given[0]) == ["lot/f2", "lot/f3", "lot/f4", f"shard/{SHARD:02d}"]
    consumer.tell(5, 7, "lot/told")
    consumer.tell(8, 9, "lot/told", "lot/too")
    assert await consumer.look() == (5, [["lot/told", "lot/too"]]), "the log holds neither of them"
    for last in (9, 8):
        consumer.tell(6, last, "lot/old")
        assert await consumer.look() == (0, []), "the cursor has passed it"
    consumer.tell(9, 10, "lot/old", "lot/new")
    assert await consumer.look() == (1, [["lot/new", "lot/old"]]), "once too often does no harm"
    await pool.close()
    await log.close()


async def test_what_was_not_told_or_not_written_is_read_from_the_log(fresh_database: str) -> None:
    log, append = await begin(fresh_database)
    await append(1)
    pool = await asyncpg.create_pool(fresh_database, min_size=2, max_size=2)
    consumer = Told(pool)
    await consumer.look()
    await append(3)
    consumer.tell(4, 5, "lot/told")
    assert await consumer.look() == (3, [["lot/f3", "lot/f4", "lot/f5"]]), "nobody told of 3"
    await append(3)
    consumer.tell(6, 6, "lot/told")
    consumer.tell(8, 8, "lot/told")
    assert await consumer.look() == (3, [["lot/f6", "lot/f7", "lot/f8"]]), "nobody told of 7"
    await append(1)
    consumer.tell(9, 9, "lot/told")
    consumer.broken = True
    with pytest.raises(RuntimeError):
        await consumer.look()
    consumer.broken = False
    assert await consumer.look() == (1, [["lot/f9"]]), "the cursor did not move, and what was told is forgotten"
    assert (await Told(pool).look())[0] == 0
    await pool.close()
    await log.close()


def test_a_commit_says_how_far_each_shard_went_and_in_which_streams() -> None:
    def row(shard: int, seq: int, stream: str) -> Any:
        return replace(record(seq, 1), shard=shard, stream=stream)

    assert advances_of([row(1, 5, "lot/a"), row(1, 6, "lot/a")]) == [Advance(1, 5, 6, frozenset({"lot/a"}))]
    mixed = [row(1, 5, "lot/a"), row(2, 9, "lot/b"), row(1, 6, "lot/c"), row(1, 7, "lot/a")]
    assert advances_of(mixed) == [
        Advance(1, 5, 7, frozenset({"lot/a", "lot/c"})), Advance(2, 9, 9, frozenset({"lot/b"})),
    ]  # fmt: skip
