"""The live edge over the real engine, the real log and real sockets: what was acknowledged is in the log, cuts or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.catalogue.codes.calendar_data import load_calendar
from engine.journal.reader import Reader
from engine.rules.auction.commands import AdmitBidder, Command, PublishLot, Subject
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.runtime.engine import Engine, EngineSettings
from engine.values import Amount, InstantUs, LotId, PartyId
from gateway.live import fast
from gateway.live.edge import LiveEdge
from gateway.live.settings import LiveSettings
from tests.gateway.live.market import LOT, PLENTY, TableVisitors
from tests.gateway.live.room_client import Room, empty_room, join_of, reduce

Frame = dict[str, Any]
BIDDERS = ("anna", "bert", "carl")
SETTINGS = LiveSettings(frames=PLENTY, refusals=PLENTY, bids=PLENTY)


@asynccontextmanager
async def running(dsn: str) -> AsyncIterator[tuple[int, Engine, Reader]]:
    """Open the door of a market over this database."""
    engine = Engine(EngineSettings(dsn=dsn), load_calendar)
    await engine.start()
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool:
        reader = Reader(pool)
        edge = LiveEdge(engine, reader, TableVisitors(), SETTINGS, engine.clock.now_us)
        edge.start()
        server = await fast.listen(edge, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1], engine, reader
        finally:
            await edge.drain(0.01)
            server.close()
            await edge.stop()
            await engine.stop()


async def publish(engine: Engine) -> None:
    now_us = engine.clock.now_us()
    closing = Closing(opens_at_us=now_us, closes_at_us=InstantUs(now_us + 3_600_000_000))
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(100)), start_price=Amount(1_000))
    subject = Subject(title_zh="测", title_en="T")
    commands: list[Command] = [PublishLot(terms=terms, subject=subject, seller_id=PartyId("seller"))]
    commands += [AdmitBidder(bidder_id=PartyId(name)) for name in BIDDERS]
    for command in commands:
        receipt = await engine.ask(
            LOT, command, command_id=None, request_digest=None, actor="house", arrived_at_us=None
        )
        assert receipt.code is None


class Seat:
    """A careful bidder whose line breaks now and then: he keeps his open bid and sends it again with the same id."""

    def __init__(self, who: str, chance: random.Random) -> None:
        self.who = who
        self.chance = chance
        self.room: Room = empty_room(LOT)
        self.open_bid: Frame | None = None
        self.answers: dict[str, Frame] = {}

    async def play(self, port: int, most: int) -> None:
        while len(self.answers) < most:
            with contextlib.suppress(ConnectionClosed, OSError):
                await self._visit(port, most)
            self.room = reduce(self.room, {"t": "offline"})

    async def _visit(self, port: int, most: int) -> None:
        headers = {"Authorization": f"Bearer {self.who}"}
        address = f"ws://127.0.0.1:{port}/live"
        async with connect(address, additional_headers=headers, compression=None, close_timeout=0.1) as socket:
            if self.open_bid is not None:
                await socket.send(json.dumps(self.open_bid))
            await self._settle(socket)
            async for text in socket:
                self.take(json.loads(text))
                await self._settle(socket)
                if len(self.answers) >= most:
                    return
                if self.open_bid is None and self.room["live"] is not None:
                    await socket.send(json.dumps(self.bid()))
                    if self.chance.random() < 0.15:
                        socket.transport.abort()
                        return

    def bid(self) -> Frame:
        amount = str(int(self.room["live"]["minimum"]) + self.chance.choice((0, 0, 100, -100)))
        self.open_bid = {"t": "bid", "id": str(uuid4()), "lot": LOT, "amount": amount}
        return self.open_bid

    def take(self, frame: Frame) -> None:
        assert frame["t"] != "error", frame
        if frame["t"] in ("accepted", "rejected"):
            known = self.answers.setdefault(frame["id"], frame)
            assert known == frame, "the same answer every time"
            if self.open_bid is not None and frame["id"] == self.open_bid["id"]:
                self.open_bid = None
        self.room = reduce(self.room, frame)

    async def _settle(self, socket: ClientConnection) -> None:
        if self.room["wants"] and not self.room["joining"]:
            join = join_of(self.room)
            self.room = reduce(self.room, {"t": "joining", "lot": LOT})
            await socket.send(json.dumps(join))


async def test_what_was_acknowledged_is_in_the_log_and_the_room_is_the_log(fresh_database: str) -> None:
    chance = random.Random(8)
    seats = [Seat(name, random.Random(chance.random())) for name in BIDDERS]
    async with asyncio.timeout(120):
        async with running(fresh_database) as (port, engine, reader):
            await publish(engine)
            await asyncio.gather(*(seat.play(port, 40) for seat in seats))
        # A new process over the same log: another epoch. Open bids are sent again, rooms start from a snapshot.
        async with running(fresh_database) as (port, engine, reader):
            await asyncio.gather(*(seat.play(port, 60) for seat in seats))
            records = {record.stream_seq: record for record in await reader.lot_events(LotId(LOT))}
            state = engine.state(LOT)
    assert state is not None and list(records) == list(range(1, state.seq + 1))
    recorded = {record.command_id for record in records.values()}
    for seat in seats:
        assert seat.room["epoch"] is not None
        for command_id, answer in seat.answers.items():
            if answer["seq"] is None:
                assert UUID(command_id).bytes not in recorded
                continue
            record = records[answer["seq"]]
            assert record.command_id == UUID(command_id).bytes and record.actor == seat.who
            assert record.digest.hex() == answer["digest"] and record.at_us == answer["at_us"]
    answered = {UUID(command_id).bytes for seat in seats for command_id in seat.answers}
    open_bids = {UUID(seat.open_bid["id"]).bytes for seat in seats if seat.open_bid is not None}
    bids = {record.command_id for record in records.values() if record.actor in BIDDERS}
    assert bids <= answered | open_bids, "nothing was recorded that its bidder never sent or never hears of"
    assert sum(answer["t"] == "accepted" for seat in seats for answer in seat.answers.values()) == state.bids
