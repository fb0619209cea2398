"""A market of real processes: gateways, engines, Redis (one, or a cluster of three), PostgreSQL. Bids over both gateways, and whatever
is killed or emptied meanwhile: no acknowledged bid is lost, none is there twice, and the log is clean.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from engine.bus.link import Link
from engine.bus.nodes import read_url
from engine.evidence.verification import verify_log
from engine.journal.reader import Reader
from engine.journal.secrecy import Vault, read_log_key
from engine.runtime.clock import SteadyClock
from engine.values import LotId, PartyId
from gateway.accounts.accounts import Accounts
from gateway.accounts.audit import Origin
from gateway.accounts.identities import Identities
from gateway.accounts.model import Role, Scope
from gateway.accounts.passwords import Passwords
from tests.machines.market import open_lot, until
from tests.machines.processes import Running
from tests.machines.redis_servers import RedisServers, redis_cluster, single_redis

pytestmark = pytest.mark.timeout(600)  # nine processes start, on whatever machine this is
LOT = "a1"
HERE = Origin("test", "127.0.0.1")
FINAL = ("accepted", "rejected")
Frame = dict[str, Any]


@pytest.fixture(params=["single", "cluster"])
def redis(request: pytest.FixtureRequest) -> Iterator[RedisServers]:
    with single_redis() if request.param == "single" else redis_cluster() as servers:
        yield servers


class Bidder:
    """Bids the minimum again and again, over whichever gateway answers, and keeps his open bid until it is answered."""

    def __init__(self, party: PartyId, token: str, gateways: list[Running], chance: random.Random) -> None:
        self.party = party
        self.answers: dict[str, Frame] = {}
        self.again: list[str] = []
        """Codes of answers that were not final."""
        self._token = token
        self._gateways = gateways
        self._chance = chance
        self._minimum = 100
        self._open: Frame | None = None

    async def play(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            port = self._chance.choice(self._gateways).said.get("live", 0)
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                async with asyncio.timeout(3), self._line(port) as line:
                    await self._bid(line, stop)
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def _line(self, port: int) -> AsyncIterator[ClientConnection]:
        headers = {"Authorization": f"Bearer {self._token}"}
        address = f"ws://127.0.0.1:{port}/live"
        async with connect(address, additional_headers=headers, compression=None, close_timeout=0.1) as line:
            yield line

    async def _bid(self, line: ClientConnection, stop: asyncio.Event) -> None:
        await line.send(json.dumps({"t": "join", "lot": LOT, "after": None, "epoch": None}))
        async for text in line:
            frame = json.loads(text)
            live = frame.get("live")
            if live and live.get("minimum"):
                self._minimum = int(live["minimum"])
            if frame["t"] in FINAL and self._open is not None and frame["id"] == self._open["id"]:
                if frame.get("retry") != "same_id":
                    self.answers[frame["id"]] = frame
                    self._open = None
                else:
                    self.again.append(frame["code"])
                    await asyncio.sleep(0.02)
            elif frame["t"] not in ("welcome", "snapshot", "change", "resumed", "outcome"):
                continue
            if stop.is_set() and self._open is None:
                return
            if self._open is None and frame["t"] != "welcome":
                self._open = {"t": "bid", "id": str(uuid4()), "lot": LOT, "amount": str(self._minimum)}
                await line.send(json.dumps(self._open))
            elif frame["t"] in ("snapshot", *FINAL) and self._open is not None:
                await line.send(json.dumps(self._open))  # open, on a new line or to be sent again: the same id

    @property
    def accepted(self) -> list[Frame]:
        return [frame for frame in self.answers.values() if frame["t"] == "accepted"]


async def make_bidders(pool: asyncpg.Pool, gateways: list[Running], count: int) -> list[Bidder]:
    identities = Identities(pool)
    await identities.start()
    passwords = Passwords(time_cost=1, memory_kib=64)
    accounts = Accounts(pool, identities, passwords, session_hours=1)
    made = []
    for number in range(count):
        account = await accounts.register(
            f"bidder{number}", f"B{number}", "correct horse battery", HERE, role=Role.BIDDER
        )
        _, token = await accounts.create_token(account.id, "test", [Scope.READ, Scope.BID], 1, HERE)
        made.append(Bidder(account.party, token, gateways, random.Random(number)))
    passwords.close()
    return made


async def watch(port: int, prices: list[int]) -> None:
    """Watch the lot at a gateway, as anybody may."""
    async with connect(f"ws://127.0.0.1:{port}/live", compression=None) as line:
        await line.send(json.dumps({"t": "join", "lot": LOT, "after": None, "epoch": None}))
        async for text in line:
            frame = json.loads(text)
            if frame.get("live") and frame["live"].get("price"):
                prices.append(int(frame["live"]["price"]))


async def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(
    redis: RedisServers, fresh_database: str, tmp_path: Path
) -> None:
    gateways = [Running("gateway", fresh_database, redis.url, tmp_path) for _ in range(2)]
    engines = [Running("engine", fresh_database, redis.url, tmp_path) for _ in range(2)]
    key = read_log_key(tmp_path / "log.key")
    stop, bidding = asyncio.Event(), list[asyncio.Task[None]]()
    pool = await asyncpg.create_pool(fresh_database, min_size=1, max_size=4)
    link = Link(read_url(redis.url), fresh_database, SteadyClock(), log_key=key)
    try:
        await asyncio.gather(*(process.start() for process in (*engines, *gateways)))
        await link.start()
        await until(lambda: link.ready and not link.ownerless, 60)
        bidders = await make_bidders(pool, gateways, 4)
        await open_lot(link, LOT, *(bidder.party for bidder in bidders))
        prices: list[int] = []
        watching = asyncio.create_task(watch(gateways[1].said["live"], prices))
        first = Bidder(bidders[0].party, bidders[0]._token, gateways[:1], random.Random(9))
        bidding.append(asyncio.create_task(first.play(stop)))
        await until(lambda: bool(first.accepted and prices and prices[-1] >= 100), 60)  # shown at the other gateway
        watching.cancel()
        bidding += [asyncio.create_task(bidder.play(stop)) for bidder in bidders[1:]]
        everybody = [first, *bidders[1:]]

        async def go_on(answers: int = 40) -> None:
            """Wait until everybody has got somewhere since now."""
            before = [len(bidder.answers) for bidder in everybody]
            await until(lambda: all(len(b.answers) > n for b, n in zip(everybody, before, strict=True)), 90)
            total = sum(before) + answers
            await until(lambda: sum(len(bidder.answers) for bidder in everybody) > total, 90)

        await go_on()
        await redis.empty()
        await go_on()
        if len(redis.servers) == 1:  # each variant costs the start of processes
            await gateways[1].kill()
            await go_on()  # over the other one
            await gateways[1].start()
            await go_on()
            before = [len(bidder.again) for bidder in everybody]
            assert await engines[0].stop() == 0
            await go_on()
            codes = {code for bidder, n in zip(everybody, before, strict=True) for code in bidder.again[n:]}
            assert "busy" not in codes, "a hand-over in order refuses nobody"
        else:
            await engines[0].kill()
            await go_on()  # the other one takes over
            await engines[0].start()
            await go_on()
        await redis.empty()
        await go_on()
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*bidding)
        await the_log_holds_what_was_said(pool, key, everybody)
        await every_gateway_shows_the_same(gateways)
        await monitoring_is_answered(engines[1].said["engine"])
        assert [await process.stop() for process in (*gateways, *engines)] == [0, 0, 0, 0]
    finally:
        stop.set()
        for task in bidding:
            task.cancel()
        await asyncio.gather(*bidding, return_exceptions=True)
        await link.stop()
        for process in (*gateways, *engines):
            if process._process is not None and process.running.returncode is None:
                await process.kill()
        await pool.close()


async def every_gateway_shows_the_same(gateways: list[Running]) -> None:
    bases = [f"http://127.0.0.1:{gateway.said['http']}" for gateway in gateways]
    async with aiohttp.ClientSession() as http, asyncio.timeout(60):

        async def lot(base: str) -> tuple[int, Frame]:
            found = await (await http.get(f"{base}/api/v1/lots/{LOT}")).json()
            return found["epoch"], found["live"]

        for base in bases:
            while (await http.get(f"{base}/readyz")).status != 200:
                await asyncio.sleep(0.1)
            for page in ("/", f"/lots/{LOT}", "/board"):
                assert (await http.get(base + page)).status == 200, page
        while len({str(await lot(base)) for base in bases}) > 1:
            await asyncio.sleep(0.1)


async def monitoring_is_answered(port: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http, asyncio.timeout(60):
        assert (await http.get("/livez")).status == 200
        while (await http.get("/readyz")).status != 200:
            await asyncio.sleep(0.1)
        text = await (await http.get("/metrics")).text()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("ortoo_bus_"))
    assert float(figures["ortoo_bus_shards"]) > 0 and float(figures["ortoo_bus_commands"]) > 0
    assert float(figures["ortoo_bus_commands_unknown"]) == 0 == float(figures["ortoo_bus_messages_dropped"])


async def the_log_holds_what_was_said(pool: asyncpg.Pool, key: bytes, bidders: list[Bidder]) -> None:
    reader = Reader(pool, Vault(key))
    records, after = {}, 0
    while page := await reader.lot_events(LotId(LOT), after):
        records.update({record.stream_seq: record for record in page})
        after = page[-1].stream_seq
    assert list(records) == list(range(1, len(records) + 1))
    told = [frame for bidder in bidders for frame in bidder.answers.values() if frame.get("seq") is not None]
    assert len({frame["seq"] for frame in told}) == len(told) > 100
    for frame in told:
        assert records[frame["seq"]].digest.hex() == frame["digest"], frame
    brought = [record for record in records.values() if record.entry_id is not None]
    assert {frame["seq"] for frame in told} <= {record.stream_seq for record in brought}
    ids = [record.command_id for record in brought]
    assert len(set(ids)) == len(ids)
    verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert verdict.findings == []
