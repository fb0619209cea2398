"""The proxy breaks lines in the ways it says, and in no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from loadtests.faults.proxy import TO_CLIENT, TO_TARGET, Proxy

BOUND_S = 10.0
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def heard() -> AsyncIterator[tuple[bytearray, Proxy]]:
    """An echo behind a proxy, and what it has heard so far."""
    received = bytearray()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1_000):
            received.extend(chunk)
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = await Proxy(("127.0.0.1", server.sockets[0].getsockname()[1])).start()
    yield received, proxy
    await proxy.stop()
    server.close()


@pytest.fixture
async def connect(heard: tuple[bytearray, Proxy]) -> AsyncIterator[Callable[[], Awaitable[Line]]]:
    """Open lines through the proxy; they are closed at the end."""
    lines: list[Line] = []

    async def one() -> Line:
        lines.append(await asyncio.open_connection("127.0.0.1", heard[1].port))
        return lines[-1]

    yield one
    for _, writer in lines:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def say(line: Line, text: bytes) -> bytes:
    """Send and wait for the echo."""
    line[1].write(text)
    async with asyncio.timeout(BOUND_S):
        return await line[0].readexactly(len(text))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, with a bound."""
    async with asyncio.timeout(BOUND_S):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_is_sent_arrives_both_ways(
    heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]]
) -> None:
    assert await say(await connect(), b"hello") == b"hello"
    assert heard[1].passed_bytes == 10


async def test_a_cut_resets_lines_and_refuses_new_ones_until_it_is_healed(
    heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]]
) -> None:
    line = await connect()
    await say(line, b"a")
    heard[1].cut()
    with pytest.raises(OSError):
        await say(line, b"b")
    refused = await connect()
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await say(refused, b"c")
    heard[1].heal()
    assert await say(await connect(), b"d") == b"d"
    assert bytes(heard[0]) == b"ad"


async def test_a_half_open_line_carries_one_direction_only(
    heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]]
) -> None:
    line, (received, proxy) = await connect(), heard
    await say(line, b"a")
    proxy.hold(TO_CLIENT)
    answer = asyncio.create_task(say(line, b"b"))
    await until(lambda: received.endswith(b"b"))
    assert not answer.done(), "the target heard it; its answer is on hold"
    proxy.heal()
    assert await answer == b"b"
    proxy.hold(TO_TARGET)
    answer = asyncio.create_task(say(line, b"c"))
    await asyncio.sleep(0)
    assert received.endswith(b"b")
    proxy.heal()
    assert await answer == b"c"


async def test_a_reset_ends_lines_once(heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]]) -> None:
    line = await connect()
    await say(line, b"a")
    heard[1].reset()
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await say(line, b"b")
    assert await say(await connect(), b"c") == b"c"


async def test_delay_and_throttle_take_their_time(
    heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, pauses, sleep = heard[1], [], asyncio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    line = await connect()
    await say(line, b"a")
    monkeypatch.setattr("loadtests.faults.proxy.asyncio.sleep", noted)
    proxy.delay_s, proxy.bytes_per_s = 0.5, 100.0
    await say(line, b"0123456789")
    assert pauses[:2] == [0.5, 0.5], "one on each way"
    await say(line, b"b")
    assert 0.1 in pauses, "ten bytes at a hundred a second"


async def test_a_target_that_is_away_closes_the_line_and_may_come_back_elsewhere(
    heard: tuple[bytearray, Proxy], connect: Callable[[], Awaitable[Line]]
) -> None:
    proxy, there = heard[1], heard[1].target
    proxy.target = ("127.0.0.1", 1)
    line = await connect()
    assert await line[0].read() == b""
    proxy.target = there
    assert await say(await connect(), b"a") == b"a"
    await until(lambda: proxy.lines == 1)
