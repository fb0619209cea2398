"""What one process does for the whole market: among several gateways exactly one at a time does it, and another when that one is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from gateway.machines import duties as module
from gateway.machines.duties import Duties


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=6) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_S", 1.0)
    monkeypatch.setattr(module, "RENEW_S", 0.1)
    monkeypatch.setattr(module, "MARGIN_S", 0.4)


class Gateway:
    """A process with one duty, which notes who is at it."""

    def __init__(self, name: str | None, pool: asyncpg.Pool, at_work: set[str]) -> None:
        self.name = name or "alone"
        self.at_work = at_work
        self.most = 0
        self.stack = AsyncExitStack()
        self.duties = Duties(self.stack, pool, name)
        self.duties.keep(self.work)
        self.duties.begin()

    async def work(self) -> None:
        self.at_work.add(self.name)
        self.most = max(self.most, len(self.at_work))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.at_work.discard(self.name)


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_two_gateways_do_it_once_and_the_second_goes_on_when_the_first_ends(pool: asyncpg.Pool) -> None:
    at_work: set[str] = set()
    first, second = Gateway("first", pool, at_work), Gateway("second", pool, at_work)
    await until(lambda: at_work)
    (name,) = at_work
    holder, other = (first, second) if name == "first" else (second, first)
    for _ in range(3):  # the lease is renewed, and stays where it is
        until_at = await pool.fetchval("SELECT until FROM duty_lease")
        async with asyncio.timeout(30):
            while await pool.fetchval("SELECT until FROM duty_lease") == until_at:
                await asyncio.sleep(0.01)
        assert at_work == {name} and (holder.duties.held, other.duties.held) == (True, False)
    await holder.stack.aclose()
    assert at_work == set()
    await until(lambda: at_work == {other.name})
    await other.stack.aclose()
    assert (first.most, second.most) == (1, 1), "never both at a time"


async def test_a_holder_that_cannot_renew_stops_before_another_may_begin(
    pool: asyncpg.Pool, fresh_database: str
) -> None:
    at_work: set[str] = set()
    cut_off = await asyncpg.create_pool(fresh_database, min_size=1, max_size=1)
    first = Gateway("first", cut_off, at_work)
    await until(lambda: at_work == {"first"})
    busy = await cut_off.acquire()  # its questions to the database hang from now on
    await until(lambda: not at_work)
    assert await pool.fetchval("SELECT until > clock_timestamp() FROM duty_lease WHERE holder = 'first'")
    second = Gateway("second", pool, at_work)
    await until(lambda: at_work == {"second"})
    await cut_off.release(busy)
    await first.stack.aclose()
    await second.stack.aclose()
    await cut_off.close()
    assert (first.most, second.most) == (1, 1)


async def test_a_market_of_one_process_does_it_without_asking(pool: asyncpg.Pool) -> None:
    at_work: set[str] = set()
    alone = Gateway(None, pool, at_work)
    assert alone.duties.held
    await until(lambda: at_work == {"alone"})
    assert await pool.fetchval("SELECT count(*) FROM duty_lease") == 0
    await alone.stack.aclose()
