"""Real sockets, a second implementation on the other side (`websockets`), both shells: the same conversations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.live import fallback, fast
from gateway.live.limits import Rate
from gateway.live.settings import LiveSettings
from tests.gateway.live.market import LOT, ORIGIN, Market, uuid

Frame = dict[str, Any]
PATIENT = LiveSettings(
    origins=frozenset({ORIGIN}),
    frames=Rate.per_second(100_000, burst=100_000),
    refusals=Rate.per_second(100_000, burst=100_000),
    bids=Rate.per_second(100_000, burst=100_000),
    waiting_max=1_000,
)


class Place:
    """A market with one of its doors open."""

    def __init__(self, market: Market, port: int) -> None:
        self.market = market
        self.port = port

    def enter(self, who: str | None = None, **headers: str) -> connect:
        """Open a connection."""
        if who is not None:
            headers["Authorization"] = f"Bearer {who}"
        address = f"ws://127.0.0.1:{self.port}/live"
        return connect(address, additional_headers=headers, compression=None, ping_interval=None, close_timeout=2)


@asynccontextmanager
async def open_place(kind: str, settings: LiveSettings = PATIENT) -> AsyncIterator[Place]:
    """Open a market with the fast or the fallback door."""
    market = Market(settings)
    market.publish(LOT, "anna", "bert", proxy=True)
    if kind == "fast":
        server = await fast.listen(market.edge, "127.0.0.1", 0)
        yield Place(market, server.sockets[0].getsockname()[1])
        await market.edge.stop()
        server.close()
        return

    async def live(request: web.Request) -> web.StreamResponse:
        return await fallback.live(market.edge, request)

    app = web.Application()
    app.router.add_get("/live", live)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Place(market, runner.addresses[0][1])
    await market.edge.stop()
    await runner.cleanup()


@pytest.fixture(params=["fast", "fallback"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with open_place(request.param) as opened:
        yield opened


async def hear(socket: ClientConnection, *kinds: str) -> Frame:
    """Return the next frame, or the next of these kinds."""
    async with asyncio.timeout(60):
        while True:
            frame: Frame = json.loads(await socket.recv())
            if frame["t"] in kinds or (not kinds and frame["t"] != "heartbeat"):
                return frame


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def closed(socket: ClientConnection) -> int:
    """Read to the end; return the close code."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionClosed):
            async for _ in socket:
                pass
    assert socket.close_code is not None
    return socket.close_code


async def test_a_bid_and_its_echo_in_the_room(place: Place) -> None:
    async with place.enter("anna") as anna, place.enter() as watcher:
        assert (await hear(anna))["user"] is True
        assert (await hear(watcher))["user"] is False
        for socket in (anna, watcher):
            await say(socket, t="join", lot=LOT)
            assert (await hear(socket))["t"] == "snapshot"
        await say(anna, t="bid", id=uuid(1), lot=LOT, amount="1000")
        assert (await hear(anna))["t"] == "accepted"
        assert (await hear(anna)) == (await hear(watcher))
        await say(anna, t="ping", n=7)
        assert (await hear(anna, "pong"))["n"] == 7
    await until(lambda: place.market.edge.connections == 0)
    assert not any(feed.viewers for feed in place.market.edge.hub.feeds.values())


async def test_resume_after_a_cut_misses_nothing_and_repeats_nothing(place: Place) -> None:
    """Seen elsewhere: gaps while others come and go (channels#1683), rows delivered again (socket.io#5419)."""
    chance = random.Random(5)
    seqs: list[int] = []
    after = epoch = None
    sent = 0
    for _ in range(15):
        async with place.enter() as watcher:
            await hear(watcher, "welcome")
            await say(watcher, t="join", lot=LOT, after=after, epoch=epoch)
            first = await hear(watcher, "snapshot", "resumed")
            assert first["t"] == ("snapshot" if after is None else "resumed")
            seqs += [row["seq"] for row in first["rows"]]
            after, epoch = first["seq"], first["epoch"]
            for _ in range(chance.randrange(4)):
                sent += 1
                place.market.bid("anna" if sent % 2 else "bert", 1_000 + 100 * sent)
                change = await hear(watcher, "change")
                assert change["prev"] == after
                seqs += [row["seq"] for row in change["rows"]]
                after = change["seq"]
        for _ in range(chance.randrange(4)):
            sent += 1
            place.market.bid("anna" if sent % 2 else "bert", 1_000 + 100 * sent)
    async with place.enter() as watcher:
        await hear(watcher, "welcome")
        await say(watcher, t="join", lot=LOT, after=after, epoch=epoch)
        while seqs[-1] < place.market.state().seq:
            seqs += [row["seq"] for row in (await hear(watcher, "resumed", "change"))["rows"]]
    assert seqs == list(range(1, place.market.state().seq + 1))


async def test_a_burst_of_more_than_a_hundred_arrives_whole_and_in_order(place: Place) -> None:
    """Seen elsewhere: a burst above 100 eaten (channels_redis#131, #109), order broken in groups (#89, #151)."""
    async with place.enter() as watcher, place.enter("anna") as anna:
        for socket in (watcher, anna):
            await say(socket, t="join", lot=LOT)
            await hear(socket, "snapshot")
        for number in range(400):
            await say(anna, t="bid", id=uuid(number), lot=LOT, maximum=str(10_000 + number))
        answers = [await hear(anna, "accepted", "rejected") for _ in range(400)]
        assert [answer["id"] for answer in answers] == [uuid(number) for number in range(400)]
        assert all(answer["t"] == "accepted" for answer in answers)
        for step in range(300):
            place.market.bid("bert", 1_000 + 100 * step)
        seq = place.market.state().seq
        change = await hear(watcher, "change")
        while change["seq"] < seq:
            following = await hear(watcher, "change")
            assert following["prev"] == change["seq"]
            change = following


@pytest.mark.parametrize(
    "headers, answer",
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://market.example.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ORIGIN.upper()}, 403),
        ({"Cookie": "ortoo_session=anna"}, 403),
        ({"Authorization": "Basic YTpi"}, 401),
        ({"Authorization": "Bearer " + "x" * 600}, 401),
        ({"Origin": ORIGIN}, 101),
        ({"Origin": ORIGIN, "Cookie": "a=b; ortoo_session=anna"}, 101),
        ({"Authorization": "Bearer anna"}, 101),
        ({"Connection": "keep-alive, Upgrade"}, 101),
        ({}, 101),
    ],
)
async def test_whose_page_may_open_a_socket(place: Place, headers: dict[str, str], answer: int) -> None:
    try:
        async with place.enter(None, **headers) as socket:
            welcome = await hear(socket)
            status = 101
            assert welcome["user"] is ("anna" in str(headers))
    except InvalidStatus as refused:
        status = refused.response.status_code
    assert status == answer
    assert place.market.edge.counts.turned_away == (status != 101)


async def test_wrong_credentials(place: Place) -> None:
    async with place.enter("expired") as program:
        assert await closed(program) == 4503
    async with place.enter(None, Origin=ORIGIN, Cookie="ortoo_session=expired") as page:
        assert (await hear(page))["user"] is False, "an expired login still may watch"


async def test_a_revoked_login_is_shut_out_at_once(place: Place) -> None:
    async with place.enter("anna") as anna, place.enter("bert") as bert:
        await hear(anna), await hear(bert)
        place.market.visitors.revoked.add("session-of-anna")
        place.market.edge.revoke("session-of-anna")
        async with asyncio.timeout(30):
            assert (await hear(anna))["code"] == 4503
            assert await closed(anna) == 4503
        await say(bert, t="ping", n=1)
        assert (await hear(bert))["t"] == "pong"


async def test_wrong_frames_are_answered_and_the_connection_goes_on(place: Place) -> None:
    async with place.enter("anna") as anna:
        await hear(anna)
        await anna.send(b"\x00\x01")
        assert (await hear(anna))["data"] == {"fields": "binary"}
        await anna.send("x" * 5_000)
        assert (await hear(anna))["code"] == "too_large"
        await anna.send('{"t":"sell"}')
        assert (await hear(anna))["code"] == "unknown_type"
        assert await (await anna.ping()) >= 0
        await say(anna, t="join", lot=LOT)
        assert (await hear(anna))["t"] == "snapshot"


async def test_a_frame_that_is_far_too_large_ends_the_connection(place: Place) -> None:
    async with place.enter() as socket:
        await socket.send("x" * 100_000)
        assert await closed(socket) == 1009
    await until(lambda: place.market.edge.connections == 0)


async def test_frames_that_break_the_websocket_protocol(place: Place) -> None:
    async with place.enter() as socket:
        await hear(socket)
        socket.transport.write(bytes([0x83, 0x80, 0, 0, 0, 0]))
        assert await closed(socket) == 1002


async def test_draining_sends_everybody_away_with_a_time_to_come_back(place: Place) -> None:
    async with place.enter("anna") as anna, place.enter() as watcher:
        await hear(anna), await hear(watcher)
        leaving = asyncio.create_task(place.market.edge.drain(0.1))
        for socket in (anna, watcher):
            bye = await hear(socket)
            assert (bye["t"], bye["code"]) == ("bye", 4412)
            assert await closed(socket) == 4412
        await leaving
        with pytest.raises(InvalidStatus) as refused:
            async with place.enter():
                raise AssertionError
        assert refused.value.response.status_code == 503
        assert place.market.edge.connections == 0


async def test_a_bid_in_flight_is_answered_before_the_goodbye(place: Place) -> None:
    place.market.engine.commit_s = 0.2
    async with place.enter("anna") as anna:
        await hear(anna)
        await say(anna, t="bid", id=uuid(1), lot=LOT, amount="1000")
        await until(lambda: place.market.edge.counts.bids == 1)
        leaving = asyncio.create_task(place.market.edge.drain(0.05))
        assert (await hear(anna))["t"] == "accepted"
        assert (await hear(anna))["t"] == "bye"
        await leaving


@pytest.mark.parametrize("kind", ["fast", "fallback"])
async def test_a_peer_that_stops_reading_gets_no_changes_then_a_snapshot(kind: str) -> None:
    """Its backlog is bounded, the others do not wait for it, and when it reads again it is brought up to date."""
    async with (
        open_place(kind, msgspec.structs.replace(PATIENT, change_interval_us=0)) as place,
        place.enter() as watcher,
    ):
        market = place.market
        line = await silent_line(place.port)
        await say(watcher, t="join", lot=LOT)
        seen = (await hear(watcher, "snapshot"))["seq"]

        async def go_on() -> int:
            """Bid, and let the watcher hear of it."""
            for _ in range(20):
                state = market.state()
                market.bid("bert" if state.leader == "anna" else "anna", (state.price or 900) + 100)
            at = seen
            while at < market.state().seq:
                change = await hear(watcher, "change")
                assert change["prev"] == at
                at = change["seq"]
            return at

        async with asyncio.timeout(60):
            while not market.edge.counts.slowed:
                seen = await go_on()
        slow = next(session for session in market.edge.registry if session.slow_since_us)
        withheld = market.edge.hub.counts.withheld
        for _ in range(10):
            seen = await go_on()
        assert market.edge.hub.counts.withheld >= withheld + 10
        assert slow.wire.buffered() <= market.settings.slow_bytes + 65_536
        received = bytearray()
        async with asyncio.timeout(30):
            while f'"seq":{market.state().seq},'.encode() not in received[-50_000:]:
                received += await asyncio.get_running_loop().sock_recv(line, 1 << 20)
        assert received.rindex(b'{"t":"snapshot"') > received.rindex(b'{"t":"change"') > 0
        assert not slow.slow_since_us
        line.close()
        await until(lambda: market.edge.connections == 1)


async def silent_line(port: int) -> sockets.socket:
    """Join the room and read nothing."""
    line = sockets.create_connection(("127.0.0.1", port))
    line.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 65_536)
    line.setblocking(False)
    upgrade = (
        "GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    join = masked(json.dumps({"t": "join", "lot": LOT}).encode())
    await asyncio.get_running_loop().sock_sendall(line, upgrade.encode() + join)
    return line


def masked(payload: bytes, first: int = 0x81) -> bytes:
    """Return a client's frame; the mask is zero."""
    head = (
        bytes([first, 0x80 | len(payload)])
        if len(payload) < 126
        else bytes([first, 0xFE]) + len(payload).to_bytes(2, "big")
    )
    return head + bytes(4) + payload


async def test_fuzzed_sockets(place: Place) -> None:
    """Random bytes inside well-formed frames, and random bytes instead of frames: the listener serves on."""
    chance = random.Random(11)
    bids = json.dumps({"t": "bid", "id": uuid(1), "lot": LOT, "amount": "1000"}).encode()
    for _ in range(20):
        async with place.enter("anna") as socket:
            for _ in range(100):
                payload = bytearray(bids)
                for _ in range(chance.randrange(1, 6)):
                    payload[chance.randrange(len(payload))] = chance.randrange(32, 127)
                await socket.send(payload.decode(), text=True)
            await say(socket, t="ping", n=3)
            assert (await hear(socket, "pong", "bye"))["t"] == "pong"
    for _ in range(40):
        _, writer = await asyncio.open_connection("127.0.0.1", place.port)
        writer.write(chance.randbytes(chance.randrange(1, 4_000)))
        writer.close()
        await writer.wait_closed()
    for _ in range(40):
        async with place.enter() as socket:
            socket.transport.write(chance.randbytes(chance.randrange(1, 200)))
    async with place.enter() as socket:
        assert (await hear(socket))["t"] == "welcome"


async def test_fragments_are_refused_on_the_fast_port_and_joined_on_the_other(place: Place) -> None:
    async with place.enter() as socket:
        await hear(socket)
        await socket.send(iter(['{"t":"ping",', '"n":5}']))
        await say(socket, t="ping", n=6)
        answer = await hear(socket)
        while answer["t"] == "error":
            assert (answer["code"], answer["data"]) == ("malformed", {"fields": "fragmented"})
            answer = await hear(socket)
        assert answer["t"] == "pong"
