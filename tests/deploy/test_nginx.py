"""nginx in front of a market: the delivered configuration is accepted, lets rooms through, keeps the board for a second, hides what is
for machines, and lets a client of a gateway that goes away come back through it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from loadtests.faults.journals import Journal
from loadtests.market import Market
from loadtests.stand import Stand, stand
from tests.deploy.nginx import NGINX, Front, free_port

pytestmark = pytest.mark.skipif(
    not NGINX, reason="nginx is not installed: its configuration was NOT tried (apt-get install nginx)"
)
BOUND_S = 30.0
HOST = {"Host": "market.example"}


def test_the_configuration_is_accepted_without_a_warning(tmp_path: Path) -> None:
    assert Front(tmp_path, [8080, 8180], [8081, 8181]).check() == ""


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that takes the test's certificate."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False), headers=HOST) as session:
        yield session


@pytest.mark.slow
async def test_a_market_behind_nginx(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    (tmp_path / "front").mkdir()
    (tmp_path / "market").mkdir()
    async with stand(tmp_path / "market") as ground, Market.of(ground.server) as market:
        dead = free_port()
        front = Front(tmp_path / "front", [dead, ground.server.http_port], [dead, ground.server.live_port])
        async with front.running():
            site = f"https://127.0.0.1:{front.port}"
            await _pages(http, site)
            await _board(http, site)
            await _rooms(http, site, ground, market)


async def _pages(http: aiohttp.ClientSession, site: str) -> None:
    for _ in range(4):  # one of the two gateways is away: nobody notices
        async with http.get(f"{site}/") as answer:
            assert answer.status == 200
    for path in ("/metrics", "/livez", "/readyz"):
        async with http.get(f"{site}{path}") as answer:
            assert answer.status == 404, path


async def _board(http: aiohttp.ClientSession, site: str) -> None:
    seen: set[str] = set()
    async with asyncio.timeout(BOUND_S):
        while not {"MISS", "HIT"} <= seen:
            async with http.get(f"{site}/board", headers={"Cookie": "other=1"}) as answer:
                assert answer.status == 200
                seen.add(answer.headers["X-Cache"])
                chinese = await answer.text()
    async with http.get(f"{site}/board", headers={"Cookie": "ortoo_lang=en"}) as answer:
        assert await answer.text() != chinese, "languages are kept apart"
    async with http.get(f"{site}/board?lang=en&q=x") as answer:
        assert answer.headers["X-Cache"] in ("MISS", "EXPIRED"), "so are addresses"


async def _rooms(http: aiohttp.ClientSession, site: str, ground: Stand, market: Market) -> None:
    bidder = (await market.bidders(1))[0]
    await market.publish("behind", closes_at_us=4_000_000_000_000_000)
    await market.admit("behind", bidder)
    headers = {"Authorization": f"Bearer {bidder.token}"}
    async with http.ws_connect(f"{site}/live", headers=headers) as room:
        frames, journal = _Frames(room), Journal("bidder")
        await room.send_json({"t": "join", "lot": "behind", "after": None, "epoch": None})
        journal.note_heard(await frames.next("snapshot"), 0.0)
        bid = {
            "t": "bid",
            "id": "5d6a5d2f-5f3c-4ad2-9f0e-7d20b0a4b0a1",
            "lot": "behind",
            "amount": "100",
            "confirm": True,
        }
        await room.send_json(bid)
        journal.note_heard(await frames.next("accepted"), 1.0)
        stopping = asyncio.create_task(ground.server.stop())
        assert (await frames.next("bye"))["code"] == 4412
        async with asyncio.timeout(BOUND_S):
            while not room.closed:
                await room.receive()
        assert room.close_code == 4412, "the close code comes through"
        await stopping
    await ground.server.start()
    async with http.ws_connect(f"{site}/live", headers=headers) as room:
        frames = _Frames(room)
        await room.send_json(bid)
        again = await frames.next("accepted")
        assert again["seq"] == journal.answered[0].seq, "sent again through nginx it is the same bid"


class _Frames:
    def __init__(self, room: aiohttp.ClientWebSocketResponse) -> None:
        self._room = room

    async def next(self, kind: str) -> dict[str, object]:
        """The next frame of this kind."""
        async with asyncio.timeout(BOUND_S):
            while True:
                frame: dict[str, object] = await self._room.receive_json()
                if frame["t"] == kind:
                    return frame
