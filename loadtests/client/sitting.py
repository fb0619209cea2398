"""Seats on real connections: comes back after every break, bids at a steady pace, keeps what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from loadtests.client.seat import Seat

RETRY_S: Final = 0.05
REPEATED: Final = 0.05
"""How often a bid that was answered is sent again, as if the answer had been lost."""
BROKEN: Final = (aiohttp.ClientError, OSError, TimeoutError)


class Sitting:
    """One bidder in one room of a server that may die at any moment."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        live_url: Callable[[], str],
        token: str,
        lot: str,
        dice: random.Random,
    ) -> None:
        """`live_url` says where the server listens now; `dice` draws pauses and amounts."""
        self.seat = Seat(lot)
        self.bidding = True
        self.connections = 0
        self._session, self._live_url, self._token, self._dice = session, live_url, token, dice

    async def run(self) -> None:
        """Sit until cancelled."""
        while True:
            with contextlib.suppress(*BROKEN):
                await self._visit()
            await asyncio.sleep(RETRY_S)

    async def _visit(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(5):
            room = await self._session.ws_connect(self._live_url(), headers=headers, max_msg_size=1 << 20)
        self.connections += 1
        bidder = asyncio.create_task(self._bid(room))
        try:
            for frame in self.seat.enter():
                await _send(room, frame)
            async for message in room:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                for answer in self.seat.frame(msgspec.json.decode(message.data)):
                    await _send(room, answer)
        finally:
            bidder.cancel()
            await asyncio.gather(bidder, return_exceptions=True)
            await room.close()

    async def _bid(self, room: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(0.005, 0.05))
            seat = self.seat
            for frame in seat.again():
                await _send(room, frame)
            if seat.last_answered is not None and self._dice.random() < REPEATED:
                await _send(room, seat.last_answered)
            if self.bidding and not seat.open_bids and not seat.leading and seat.minimum is not None:
                await _send(room, seat.bid(seat.minimum + self._dice.randrange(3)))


async def _send(room: aiohttp.ClientWebSocketResponse, frame: object) -> None:
    await room.send_str(msgspec.json.encode(frame).decode())
