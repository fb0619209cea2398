"""Never a gap: whatever joins, leaves, falls behind or is cut off, each client ends with what the market shows, each row once."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.journal.codec import decode_event
from engine.rules.visibility import history_row, public_lot, you
from engine.values import LotId, PartyId
from gateway.live.limits import Rate
from gateway.live.settings import LiveSettings
from tests.gateway.live.market import LOT, PLENTY, Guest, Market, rest
from tests.gateway.live.room_client import Room, empty_room, join_of, reduce
from tests.simulation.virtual_loop import run_virtual

PEOPLE = ("anna", "bert", None, None)
ACTS = (
    "bid",
    "burst",
    "refused",
    "silent",
    "read",
    "wait",
    "tick",
    "cut",
    "slow",
    "drain",
    "enter",
    "page",
    "leave",
    "take_over",
    "untold",
)
QUICK = LiveSettings(frames=PLENTY, refusals=PLENTY, bids=PLENTY, arrivals=Rate.per_second(1e6, burst=1_000_000))


class Viewer:
    """A client with a slow line: frames wait unread, and are lost when the line is cut."""

    def __init__(self, market: Market, who: str | None) -> None:
        self.market = market
        self.who = who
        self.room: Room = empty_room(LOT)
        self.guest: Guest | None = None
        self.read = 0
        self.applied: list[tuple[int, int]] = []

    async def enter(self) -> None:
        if self.guest is None:
            self.guest = await self.market.visit(self.who)
            self.read = 1
            await self.settle()

    def cut(self) -> None:
        if self.guest is not None:
            self.guest.leaves()
            self.guest = None
            self.room = reduce(self.room, {"t": "offline"})

    async def take(self, most: int) -> None:
        """Read at most so many frames and answer what the room asks for."""
        if self.guest is None:
            return
        frames = self.guest.wire.frames
        for frame in frames[self.read : self.read + most]:
            self.read += 1
            before = self.room
            self.room = reduce(before, frame)
            assert frame["t"] != "error", frame
            if frame["t"] == "change" and before["epoch"] == frame["epoch"] and not before["joining"]:
                assert frame["prev"] == before["seq"] or frame["seq"] <= before["seq"], (
                    "the chain holds for every socket"
                )
            if before["seq"] is not None and self.room["seq"] < before["seq"]:
                assert self.room["epoch"] != before["epoch"] or frame["t"] == "snapshot"
        await self.settle()

    async def settle(self) -> None:
        if self.guest is not None and self.room["wants"] and not self.room["joining"]:
            join = join_of(self.room)
            self.room = reduce(self.room, {"t": "joining", "lot": LOT})
            self.guest.edge.take(self.guest.session, msgspec.json.encode(join))
            await rest()


async def play(acts: list[tuple[str, int, int]]) -> None:
    market = Market(QUICK)
    market.publish(LOT, "anna", "bert", proxy=True)
    market.publish(LotId("lot-2"), "anna")
    viewers = [Viewer(market, who) for who in PEOPLE]
    chance = random.Random(3)
    for act, who, number in acts:
        await perform(market, viewers[who], act, number, chance)
    for viewer in viewers:
        await viewer.enter()
        if viewer.guest is not None:
            market.edge.drained(viewer.guest.session)
    for _ in range(4):
        await rest(5.1)
        for viewer in viewers:
            await viewer.take(10_000)
    for viewer in viewers:
        check(market, viewer)
    await market.edge.stop()


async def perform(market: Market, viewer: Viewer, act: str, number: int, chance: random.Random) -> None:
    state = market.state()
    price = state.price or 900
    other = "bert" if state.leader == "anna" else "anna"
    match act:
        case "bid":
            market.bid(other, max(price, state.leader_maximum or 0) + 100)
        case "burst":
            for step in range(3 * number):
                leader = market.state().leader
                market.bid(
                    "bert" if leader == "anna" else "anna", max(price, state.leader_maximum or 0) + 100 * (step + 1)
                )
        case "refused":
            market.bid(other, 1)
        case "silent" if state.leader is not None:
            market.bid(state.leader, None, maximum=(state.leader_maximum or 0) + 50)
        case "read":
            await viewer.take(number)
        case "wait":
            await rest(number / 1_000)
        case "tick":
            await rest(0.05)
        case "cut":
            viewer.cut()
        case "slow" if viewer.guest is not None:
            market.edge.slowed(viewer.guest.session)
        case "drain" if viewer.guest is not None:
            market.edge.drained(viewer.guest.session)
        case "enter":
            await viewer.enter()
        case "page":
            viewer.cut()
            viewer.room = rendered(market, viewer.who)
            await viewer.enter()
        case "leave" if viewer.guest is not None:
            await viewer.guest.say(t="leave", lot=LOT)
            viewer.room = reduce(viewer.room, {"t": "offline"})
            await viewer.settle()
        case "take_over":
            market.engine.take_over()
        case "untold":
            market.engine.untold = 1
            market.bid(other, max(price, state.leader_maximum or 0) + 100)
            market.engine.take_over()


def rendered(market: Market, who: str | None) -> Room:
    """Return the room as a page shows it that is rendered now: it may be ahead of what the rooms were shown."""
    state = market.state()
    own = None if who is None else msgspec.to_builtins(you(state, PartyId(who)))
    known = {"epoch": market.engine.epoch(LOT), "seq": state.seq, "live": msgspec.to_builtins(public_lot(state))}
    rows = public_rows(market)[-500:]
    return {**empty_room(LOT), **known, "rows": rows, "you": own, "you_seq": state.seq, "wants": "resume"}


def check(market: Market, viewer: Viewer) -> None:
    room = viewer.room
    shown = msgspec.to_builtins(public_lot(market.state()))
    assert {**room["live"], "seq": 0} == {**shown, "seq": 0}
    assert not room["wants"] and not room["joining"]
    history = public_rows(market)
    mine = room["rows"]
    kept = [row for row in mine if row["kind"] != "skipped"]
    assert len({row["seq"] for row in kept}) == len(kept), "no row twice"
    at = 0
    seqs = [row["seq"] for row in history]
    if mine and mine[0]["kind"] != "skipped":
        at = seqs.index(mine[0]["seq"])
    for row in mine:
        if row["kind"] == "skipped":
            at = max(at, next((i for i, seq in enumerate(seqs) if seq > row["seq"]), len(seqs))) + row["count"]
        else:
            assert history[at] == row, "in order, none left out"
            at += 1
    assert at == len(history), "to the very last"
    if viewer.who is not None:
        leading = market.state().leader == viewer.who
        assert room["you"]["leading"] == leading
        if not leading:
            assert room["you"]["maximum"] is None


def public_rows(market: Market) -> list[dict[str, Any]]:
    records = market.engine.records[LOT]
    rows = [history_row(r.stream_seq, r.at_us, decode_event(r.type, r.version, r.body), None) for r in records]
    return [msgspec.to_builtins(row) for row in rows if row is not None]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3), st.integers(1, 20)), max_size=60))
def test_every_client_ends_with_what_the_market_shows(acts: list[tuple[str, int, int]]) -> None:
    run_virtual(play(acts))
