"""Notices on the real engine and PostgreSQL: the lane writes, recovers and verifies; the index says what the states say."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace

from engine.catalogue.codes.calendar_data import load_calendar
from engine.catalogue.notices.index import NoticeIndex
from engine.evidence.receipts import Outcome, Receipt
from engine.evidence.verification import verify_log
from engine.journal.codec import encode_state, request_digest
from engine.journal.reader import Reader
from engine.rules.publicity import commands as c
from engine.rules.publicity.state import NoticePhase, NoticeState, ObjectionPhase
from engine.runtime.engine import Engine, EngineSettings
from engine.runtime.recounting import recount_notices
from tests.engine.rules.publicity.transcript import NOTICE, approval, objection, received, submit
from tests.time_travel import travel

CALENDAR = load_calendar()


async def say(engine: Engine, command: c.NoticeCommand, command_id: bytes | None = None) -> Receipt:
    return await engine.notices.ask(
        NOTICE,
        command,
        command_id=command_id or uuid.uuid4().bytes,
        request_digest=request_digest(command),
        actor="tester",
        arrived_at_us=None,
    )


def standing(engine: Engine) -> NoticeState:
    state = engine.notices.state(NOTICE)
    assert state is not None
    return state


async def publish(engine: Engine) -> None:
    for command in (submit(), approval(), c.PublishNotice()):
        receipt = await say(engine, command)
        assert receipt.decision is Outcome.ACCEPTED, receipt


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=3) as opened:
        yield opened


@pytest.fixture
async def engine(fresh_database: str) -> AsyncIterator[Engine]:
    running = Engine(EngineSettings(dsn=fresh_database, stall_us=30_000_000), lambda: CALENDAR)
    await running.start()
    yield running
    await running.stop()


async def until(engine: Engine, phase: NoticePhase) -> NoticeState:
    async with asyncio.timeout(60):
        while standing(engine).phase is not phase:
            await asyncio.sleep(0.01)
    return standing(engine)


async def test_a_period_ends_by_itself_and_everything_is_rebuilt_from_the_log(
    engine: Engine, pool: asyncpg.Pool, fresh_database: str
) -> None:
    await publish(engine)
    until_us = standing(engine).ends_at_us
    assert until_us is not None
    await travel(engine, until_us)
    state = await until(engine, NoticePhase.CLEAN)
    assert state.certifies_at_us is not None
    await travel(engine, state.certifies_at_us)
    state = await until(engine, NoticePhase.CERTIFIED)
    await engine.stop()

    again = Engine(EngineSettings(dsn=fresh_database), lambda: CALENDAR)
    await again.start()
    try:
        assert encode_state(standing(again)) == encode_state(state)
    finally:
        await again.stop()
    reader = Reader(pool)
    verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert (verdict.clean, verdict.notices) == (True, 1)


async def test_the_index_follows_the_log_and_knows_what_waits(engine: Engine, pool: asyncpg.Pool) -> None:
    index = NoticeIndex(pool, engine.notices.load)
    engine.notices.subscribe_advances(index.follower.advanced)
    await say(engine, submit())
    await index.follower.catch_up()
    assert [row.phase for row in await index.in_phases([NoticePhase.APPROVAL])] == ["approval"]
    assert (await index.search()).notices == []  # not published: not on the board
    await say(engine, approval())
    await say(engine, c.PublishNotice())
    await say(engine, objection())
    await index.follower.catch_up()
    page = await index.search(words="苜蓿", field="08", region="15", phases=["objected"])
    assert [(row.notice, row.price, row.open_objections, row.objection_state) for row in page.notices] == [
        (NOTICE, "80000000", 1, "open")
    ]
    assert (await index.search(words="_")).notices == []
    waiting = await index.objections_in_phases([ObjectionPhase.FILED])
    assert [(one.receipt_no, one.ground) for one in waiting] == [("notice-1-001", "ownership")]
    await say(engine, received(admitted=False))
    await until(engine, NoticePhase.PUBLISHED)
    await index.follower.catch_up()
    assert await index.objections_in_phases([ObjectionPhase.FILED]) == []
    assert (await index.changed())[0].objection_state == "closed"


async def test_the_same_command_twice_acts_once(engine: Engine) -> None:
    await publish(engine)
    command_id = uuid.uuid4().bytes
    first, second = (await say(engine, objection(), command_id), await say(engine, objection(), command_id))
    assert first.digest == second.digest and len(standing(engine).objections) == 1


async def test_a_period_beyond_the_calendar_is_flagged_and_counted_again_when_the_calendar_comes(
    fresh_database: str,
) -> None:
    old = replace(CALENDAR, version="old", last_day=CALENDAR.first_day)
    in_force = [old]
    engine = Engine(EngineSettings(dsn=fresh_database, stall_us=30_000_000), lambda: in_force[0])
    await engine.start()
    try:
        await publish(engine)
        assert not standing(engine).certain
        in_force[0] = CALENDAR
        assert await recount_notices(engine, CALENDAR) == 1
        state = standing(engine)
        assert (state.certain, state.calendar_version) == (True, CALENDAR.version)
        assert await recount_notices(engine, CALENDAR) == 0
        in_force[0] = old
        await say(engine, objection())
        assert not standing(engine).objections[0].certain, "the clock of the desk runs past that table, too"
        in_force[0] = CALENDAR
        assert await recount_notices(engine, CALENDAR) == 1
        one = standing(engine).objections[0]
        assert (one.certain, one.calendar_version) == (True, CALENDAR.version)
        assert await recount_notices(engine, CALENDAR) == 0
    finally:
        await engine.stop()
