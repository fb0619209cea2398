"""The fault detector on a real market: clients are cut for real, the database goes for real; what is at stake stops, the rest does not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from engine.rules.auction import terms as t
from engine.rules.auction.commands import PauseKind
from engine.rules.auction.faults import Fault
from engine.rules.auction.state import LotState
from engine.runtime.engine import Engine
from engine.values import DurationUs, InstantUs, LotId
from gateway.accounts.model import Role
from gateway.live.detecting import Detector, thresholds_of
from gateway.serve import running
from tests.gateway.conftest import MINUTE_US, Person, Town, market_config, wish
from tests.gateway.test_deposits import html

QUICK = {
    "fault_accounts_min": 8, "fault_hold_seconds": 0.5, "fault_silent_seconds": 0.5,
}  # fmt: skip
"""The tests look themselves, so that nothing depends on when a look happens to fall."""


class Hall:
    """A market with a session in its closing window, one far from it, and people in their rooms."""

    def __init__(self, town: Town, stack: AsyncExitStack) -> None:
        self.town = town
        self.stack = stack
        self.sockets: list[ClientConnection] = []

    async def open(self, people: int) -> Hall:
        now_us = self.town.services.now_us
        for lot, minutes in (("near", 4), ("far", 600)):
            closing = t.Closing(
                opens_at_us=InstantUs(now_us),
                closes_at_us=InstantUs(now_us + minutes * MINUTE_US),
                extension_us=DurationUs(5 * MINUTE_US),
            )
            await self.town.lot(lot, closing=closing)
        self.people = [await self.town.person(Role.BIDDER) for _ in range(people)]
        for person in self.people:
            self.sockets.append(await self.enter(person))
        return self

    @cached_property
    def detector(self) -> Detector:
        services = self.town.services
        return Detector(services, services.pricing.dsn, thresholds_of(services.config))

    async def enter(self, person: Person) -> ClientConnection:
        address = f"ws://127.0.0.1:{self.town.services.config.live_port}/live"
        socket = await self.stack.enter_async_context(
            connect(address, additional_headers=person.headers, compression=None)
        )
        await socket.send(json.dumps({"t": "join", "lot": "near"}))
        while json.loads(await socket.recv())["t"] != "snapshot":
            pass
        return socket

    async def gone(self, left: int) -> None:
        """Wait until the market has noticed that no more than so many accounts are connected."""
        registry = self.town.services.live.registry
        async with asyncio.timeout(30):
            while len(registry.accounts) > left:
                await asyncio.sleep(0.01)

    async def look_until(self, wanted: Fault | None) -> None:
        async with asyncio.timeout(60):
            while self.detector.watch.fault is not wanted:
                await self.detector.look()
                await asyncio.sleep(0.02)

    async def look_for(self, seconds: float) -> None:
        """Look for at least so long on the market's clock."""
        until_us = self.town.services.now_us + round(seconds * 1_000_000)
        while self.town.services.now_us < until_us:
            await self.detector.look()
            await asyncio.sleep(0.02)

    def state(self, lot: str) -> LotState:
        state = self.town.services.engine.state(LotId(lot))
        assert state is not None
        return state


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test machine that stands still for seconds would have the engine interrupt sessions by itself: not what is tried here."""
    monkeypatch.setattr(Engine, "_look_for_stall", lambda engine: InstantUs(engine.clock.now_us()))


@pytest.fixture
async def hall(fresh_database: str, tmp_path: Path) -> AsyncIterator[Hall]:
    async with (
        running(market_config(fresh_database, tmp_path, **QUICK)) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        AsyncExitStack() as stack,
    ):
        yield await Hall(Town(services, http), stack).open(10)


async def test_most_clients_cut_within_seconds_stop_what_is_about_to_end_and_nothing_else(hall: Hall) -> None:
    watcher = await hall.town.person(None)
    room = hall.sockets[-1]
    await hall.look_for(0.1)
    before = hall.state("near")
    for socket in hall.sockets[:8]:
        socket.transport.abort()  # the planted failure: no goodbye, as when a switch dies
    await hall.gone(2)
    await hall.look_until(Fault.CONNECTIONS)
    near, far = hall.state("near"), hall.state("far")
    assert (near.phase, near.halted_kind, near.halted_reason) == ("paused", PauseKind.FAULT, "fault.connections")
    assert far.phase == "open" and far.seq == 1 + 1, "published, opened, and nothing more"
    (record,) = await hall.town.services.reader.lot_of_types(LotId("near"), ("lot.paused",), 5)
    assert record.actor == "detector"
    # It says so: in the room, on the lot page, in the metrics.
    async with asyncio.timeout(30):
        while (frame := json.loads(await room.recv())).get("live", {}).get("halted_reason") != "fault.connections":
            assert frame["t"] != "bye"
    page = (await html(watcher, "/lots/near"))[1]
    assert "大量连接中断" in page[page.index("incidents") :]
    text = hall.town.services.metrics.exposition().decode()
    assert 'ortoo_faults_total{fault="fault.connections"} 1.0' in text and "ortoo_fault_pauses_total 1.0" in text
    assert "ortoo_fault_declared 1.0" in text
    # Looked at again it stays one pause; resumed with notice, all the time and a full window are given back.
    await hall.look_for(0.3)
    assert hall.state("near").seq == near.seq
    operator = await hall.town.person(Role.OPERATOR)
    resume = "/api/v1/lots/near/resume"
    assert (await operator.post(resume, wish(reason="repaired")))[1]["code"] == "notice_too_short"
    at_us = hall.town.services.now_us + near.terms.resume_notice_us + MINUTE_US
    assert (await operator.post(resume, wish(reason="repaired", resumes_at_us=at_us)))[0] == 200
    assert near.closes_at_us == before.closes_at_us and near.terms.closing.window_us() == 5 * MINUTE_US


async def test_who_comes_back_ends_the_fault_and_a_session_resumed_meanwhile_is_left_alone(hall: Hall) -> None:
    for socket in hall.sockets[:8]:
        socket.transport.abort()
    await hall.gone(2)
    await hall.look_until(Fault.CONNECTIONS)
    for person in hall.people[:6]:
        await hall.enter(person)
    await hall.look_until(None)
    assert not hall.town.services.live.registry.cut.keys() & {one.account.id for one in hall.people[:6] if one.account}


@pytest.mark.parametrize("what", ["one", "goodbye", "few", "drain"])
async def test_no_false_alarm(hall: Hall, what: str) -> None:
    match what:
        case "one":  # one client's loss
            hall.sockets[0].transport.abort()
            await hall.gone(9)
        case "goodbye":  # people leave when they like
            for socket in hall.sockets:
                await socket.close()
            await hall.gone(0)
        case "few":  # most of few prove nothing
            for socket in hall.sockets[:3]:
                await socket.close()
            await hall.gone(7)
            for socket in hall.sockets[3:]:
                socket.transport.abort()
            await hall.gone(0)
        case _:  # an orderly drain sends everybody away
            hall.town.services.draining.set()
            await hall.town.services.live.drain(0.1)
            await hall.gone(0)
    await hall.look_for(1.2)
    assert hall.detector.watch.fault is None and hall.state("near").phase == "open"


async def test_a_database_that_went_away_stops_what_is_about_to_end_once_it_is_back(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be recorded while it is away; no bid came that the writer would have noticed it by."""
    real, away = asyncpg.connect, asyncio.Event()

    async def connecting(*given: Any, **named: Any) -> Any:
        if away.is_set():
            raise ConnectionRefusedError("planted")
        return await real(*given, **named)

    await hall.look_for(0.1)
    monkeypatch.setattr("gateway.live.detecting.asyncpg.connect", connecting)
    away.set()
    async with hall.town.services.pool.acquire() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ortoo-detector'"
        )
    await hall.look_until(Fault.DATABASE)
    assert hall.state("near").phase == "open", "there is nowhere to record a pause yet"
    away.clear()
    await hall.look_until(None)
    near = hall.state("near")
    assert (near.phase, near.halted_reason) == ("paused", "fault.database") and hall.state("far").phase == "open"
    assert near.closes_at_us is not None and hall.town.services.now_us < near.closes_at_us


async def test_a_process_that_comes_up_before_its_engine_is_no_fault(hall: Hall) -> None:
    engine = hall.town.services.engine
    assert isinstance(engine, Engine)
    from_us = InstantUs(hall.town.services.now_us)
    engine.hold()
    await hall.look_for(1.5)
    assert hall.detector.watch.fault is None
    engine.resume(from_us)
    await hall.look_for(0.2)
    assert hall.detector.watch.fault is None


async def test_without_a_writer_the_detector_says_so_and_the_outage_is_recorded_once(hall: Hall) -> None:
    """The writer that serves again records the outage itself; the detector adds no second halt to it."""
    engine = hall.town.services.engine
    assert isinstance(engine, Engine)
    await hall.look_for(0.1)
    from_us = InstantUs(hall.town.services.now_us)
    engine.hold()
    await hall.look_until(Fault.WRITER)
    assert hall.state("near").phase == "open"
    engine.resume(from_us)
    async with asyncio.timeout(30):
        while hall.state("near").phase == "open":
            await asyncio.sleep(0.01)
    await hall.look_until(None)
    near, far = hall.state("near"), hall.state("far")
    assert (near.phase, near.halted_kind) == ("interrupted", PauseKind.FAULT) or near.halted_reason == "fault.writer"
    records = await hall.town.services.reader.lot_of_types(LotId("near"), ("lot.interrupted", "lot.paused"), 5)
    assert len(records) == 1, "one halt, whoever recorded it"
    assert far.phase == "open"


async def test_the_detector_runs_by_itself_in_a_market(fresh_database: str, tmp_path: Path) -> None:
    """As configured by default: nobody looks but the market."""
    config = market_config(fresh_database, tmp_path, fault_detector=True, fault_hold_seconds=0.5)
    async with (
        running(config) as services,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        AsyncExitStack() as stack,
    ):
        hall = await Hall(Town(services, http), stack).open(8)
        for socket in hall.sockets:
            socket.transport.abort()
        async with asyncio.timeout(60):
            while hall.state("near").phase != "paused":
                await asyncio.sleep(0.02)
        assert hall.state("near").halted_reason == "fault.connections" and hall.state("far").phase == "open"
