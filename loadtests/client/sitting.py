"""Seats on real connections: comes back after every break, bids at a steady pace, keeps what it was told."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
import msgspec

from loadtests.client.seat import Frame, Seat
from loadtests.faults.journals import Journal

RETRY_FIRST_S: Final = 0.05
RETRY_MOST_S: Final = 0.6
"""Full jitter up to this: hundreds of clients share the machine with what they wait for."""
SILENT_S: Final = 11.0
"""Two heartbeats missed: the line is dead, whatever the socket thinks."""
REPEATED: Final = 0.05
"""How often a bid that was answered is sent again, as if the answer had been lost."""
BROKEN: Final = (aiohttp.ClientError, OSError, TimeoutError)


class Sitting:
    """One bidder in one room of a server that may die at any moment."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        live_url: Callable[[], str],
        token: str | None,
        lot: str,
        dice: random.Random,
        *,
        journal: Journal | None = None,
        pause_s: tuple[float, float] = (0.005, 0.05),
    ) -> None:
        """`live_url` says where the server listens now; `dice` draws pauses (between the two of `pause_s`) and amounts; without
        a token it only watches. `journal` keeps every frame for the checker.
        """
        self.seat = Seat(lot)
        self.bidding = token is not None
        self.connections = 0
        self.journal = journal
        self._session, self._live_url, self._token, self._dice = session, live_url, token, dice
        self._pause_s = pause_s

    async def run(self) -> None:
        """Sit until cancelled."""
        bound_s = RETRY_FIRST_S
        while True:
            made = self.connections
            with contextlib.suppress(*BROKEN):
                await self._visit()
            bound_s = RETRY_FIRST_S if self.connections > made else min(RETRY_MOST_S, 2 * bound_s)
            await asyncio.sleep(self._dice.uniform(0, bound_s))

    async def _visit(self) -> None:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        async with asyncio.timeout(5):
            room = await self._session.ws_connect(self._live_url(), headers=headers, max_msg_size=1 << 20)
        self.connections += 1
        bidder = asyncio.create_task(self._bid(room))
        try:
            for frame in self.seat.enter():
                await self._send(room, frame)
            while (message := await room.receive(SILENT_S)).type is aiohttp.WSMsgType.TEXT:
                heard = msgspec.json.decode(message.data)
                if self.journal is not None:
                    self.journal.note_heard(heard, time.monotonic())
                for answer in self.seat.frame(heard):
                    await self._send(room, answer)
        finally:
            bidder.cancel()
            await asyncio.gather(bidder, return_exceptions=True)
            await room.close()

    async def _bid(self, room: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(*self._pause_s))
            seat = self.seat
            for frame in seat.again():
                await self._send(room, frame)
            if seat.last_answered is not None and self._dice.random() < REPEATED:
                await self._send(room, seat.last_answered)
            if self.bidding and not seat.open_bids and not seat.leading and seat.minimum is not None:
                await self._send(room, seat.bid(seat.minimum + self._dice.randrange(3)))

    async def _send(self, room: aiohttp.ClientWebSocketResponse, frame: Frame) -> None:
        if self.journal is not None:
            self.journal.note_sent(frame, time.monotonic())
        await room.send_str(msgspec.json.encode(frame).decode())


async def calm_down(sittings: Sequence[Sitting], settle_s: float) -> list[str]:
    """Stop bidding and wait until every bid is answered and every room of a lot stands at the same place."""
    for sitting in sittings:
        sitting.bidding = False
    heads: dict[str, set[int | None]] = {}
    limit_s = time.monotonic() + settle_s
    while time.monotonic() < limit_s:
        heads = {}
        for sitting in sittings:
            heads.setdefault(sitting.seat.lot, set()).add(sitting.seat.seq)
        if not any(sitting.seat.open_bids for sitting in sittings) and all(
            len(places) == 1 for places in heads.values()
        ):
            return []
        await asyncio.sleep(0.05)
    unanswered = sum(len(sitting.seat.open_bids) for sitting in sittings)
    return [f"{unanswered} bids never answered; rooms stand at {heads}"]
