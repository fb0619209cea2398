"""Workers never end by an error: connections are cut under them again and again, one row is defective, and all the others' money moves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import asyncpg
import pytest

from engine.journal.follower import GONE
from settlement.bank.port import PayoutResult
from settlement.deposits.deposits import Outcome
from settlement.deposits.events import DepositState as S
from settlement.deposits.telling import News, Telling
from settlement.following import Following
from settlement.verification import verify_money
from tests.settlement.conftest import BUYER, OTHER, PRICE, Clock, House
from tests.settlement.test_following import Log

CUTS = 12
FINAL_S = 60


@pytest.fixture
async def admin(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def cut_all(admin: asyncpg.Connection) -> None:
    """End every other connection to the database, whatever it is doing."""
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def until(admin: asyncpg.Connection, question: str, clock: Clock | None = None) -> None:
    """Wait for an answer of yes; with a clock time passes meanwhile, and leases of what was cut run out."""
    async with asyncio.timeout(FINAL_S):
        while not await admin.fetchval(question):
            await asyncio.sleep(0.01)
            if clock is not None:
                clock.pass_us(1_000_000)


async def again(act: Callable[[], Awaitable[Any]]) -> Any:
    """Do what a person would do whose request failed: send it again."""
    for _ in range(100):
        with contextlib.suppress(*GONE):
            return await act()
        await asyncio.sleep(0.01)
    raise AssertionError("the database did not come back")


@contextlib.asynccontextmanager
async def at_work(house: House, told: list[News]) -> AsyncIterator[list[asyncio.Task[None]]]:
    async def tell(news: News) -> bool:
        told.append(news)
        return True

    telling = Telling(house.pool, house.deposits, tell, now_us=lambda: house.clock.now_us)
    following = Following(house.pool, house.deposits, calendar=lambda: house.calendar)
    works = (
        house.clocks.run(0.01),
        telling.run(0.01),
        house.payouts.run(0.01),
        following.run(0.01),
    )
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_connections_cut_again_and_again_end_no_worker_and_move_no_yuan_twice(
    house: House, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("deposits.clocks", "deposits.telling", "payouts.payouts"):
        monkeypatch.setattr(f"settlement.{module}.AGAIN_S", 0.01)
    told: list[News] = []
    async with at_work(house, told) as tasks:
        for number in range(CUTS):
            one = f"d{number}"
            await again(partial(house.require, one))
            credit = house.credit(PRICE)
            await cut_all(admin)
            await again(partial(house.receive, one, credit))
            await cut_all(admin)
            await until(admin, f"SELECT state IN ('held', 'released') FROM deposit WHERE id = '{one}'")
            await cut_all(admin)
            await again(partial(house.deposits.schedule_release, one, house.clock.now_us, "not_chosen"))
        await until(admin, f"SELECT count(*) = {CUTS} FROM deposit WHERE state = 'released'", house.clock)
        await until(admin, "SELECT count(*) = 0 FROM deposit_told WHERE told_at_us IS NULL", house.clock)
        assert [task.done() for task in tasks] == [False] * 4
    assert house.bank.paid_fen == CUTS * PRICE and len(house.bank.orders) == CUTS
    assert {news.deposit.id for news in told} == {f"d{number}" for number in range(CUTS)}
    assert await house.balances() == {}
    assert (await verify_money(house.pool)).findings == []


@pytest.mark.parametrize(
    "defect",
    [
        asyncpg.DeadlockDetectedError("deadlock detected"),
        asyncpg.SerializationError("could not serialize"),
        asyncpg.CheckViolationError("violates check"),
        RuntimeError("a defect"),
    ],
    ids=["deadlock", "serialization", "check", "defect"],
)
async def test_a_deposit_that_cannot_be_released_stands_before_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, defect: Exception
) -> None:
    for one, party in (("d1", BUYER), ("d2", OTHER)):
        await house.held(one, party)
        await house.deposits.schedule_release(one, house.clock.now_us, "not_chosen")
    release = house.deposits.release

    async def release_of(deposit_id: str) -> Outcome:
        if deposit_id == "d1":
            raise defect
        return await release(deposit_id)

    monkeypatch.setattr(house.deposits, "release", release_of)
    with caplog.at_level(logging.ERROR):
        assert await house.clocks.tick() == 1
    assert (await house.read("d1")).state is S.RELEASE_DUE and (await house.read("d2")).state is S.RELEASING
    assert [record.message for record in caplog.records] == ["deposit_stands_still"]
    monkeypatch.setattr(house.deposits, "release", release)
    assert await house.clocks.tick() == 1
    assert (await house.read("d1")).state is S.RELEASING


async def test_an_order_with_a_defect_stands_before_no_other(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for one, party in (("d1", BUYER), ("d2", OTHER)):
        await house.held(one, party)
        await house.deposits.schedule_release(one, house.clock.now_us, "not_chosen")
    await house.clocks.release_due()
    settle = house.payouts.settle

    async def settle_of(connection: Any, result: PayoutResult) -> Any:
        if result.order_id.startswith("d1"):
            raise RuntimeError("a defect")
        return await settle(connection, result)

    house.payouts.settle = settle_of  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        await house.payouts.send_due()
    assert (await house.read("d2")).state is S.RELEASED and (await house.read("d1")).state is S.RELEASING
    assert [record.message for record in caplog.records] == ["order_stands_still"]


async def test_an_event_that_cannot_be_followed_keeps_no_other_listings_money(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = Log(house, "abc"), Log(house, "b")
    assert broken.shard != well.shard
    await broken.open()
    await well.open()
    await house.pool.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await house.pool.execute("UPDATE event SET body = '\\x00' WHERE stream = 'listing/abc' AND stream_seq = 1")
    following = Following(house.pool, house.deposits, calendar=lambda: house.calendar)
    with caplog.at_level(logging.ERROR):
        assert await following.catch_up() == 2
    assert [record.message for record in caplog.records] == ["deposits_stand_still"]


async def test_news_that_cannot_be_told_are_told_later_and_keep_nobody_waiting(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    failing, told = True, []

    async def tell(news: News) -> bool:
        if failing and news.deposit.id == "d1":
            raise RuntimeError("a defect")
        told.append(news.deposit.id)
        return True

    telling = Telling(house.pool, house.deposits, tell, now_us=lambda: house.clock.now_us)
    await house.held("d1")
    await house.held("d2", OTHER)
    with caplog.at_level(logging.ERROR):
        assert await telling.tell_due() == 1
    assert told == ["d2"]
    failing = False
    house.clock.pass_us(60_000_000)
    assert await telling.tell_due() == 1 and told == ["d2", "d1"]
