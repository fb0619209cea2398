"""Telling the engine that a deposit is held (or has lapsed) until it has answered.

The line is written in the transaction of the state change; the command's id is made from the deposit's, so that telling again, from any
process, is the same command.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
from msgspec import Struct

from engine.journal.follower import BEHIND, GONE
from settlement.deposits.deposits import Deposits
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import QUERIES

LEASE_US: Final = 60_000_000
BACKOFF_US: Final = 1_000_000
BACKOFF_MAX_US: Final = 600_000_000
A_TURN: Final = 200
AGAIN_S: Final = 1.0
"""Pause after a turn that the database did not answer."""
_IDS: Final = uuid5(NAMESPACE_URL, "urn:ortoo:deposit-news")

log = logging.getLogger(__name__)


class News(Struct, frozen=True):
    """What the engine is to be told: `news` is `held` or `lapsed`. The deposit may have moved on since."""

    deposit: Deposit
    news: str
    command_id: UUID


def command_id_of(deposit_id: str, news: str) -> UUID:
    """Return the id of the command that tells this news: always the same."""
    return uuid5(_IDS, f"{deposit_id}/{news}")


Tell = Callable[[News], Awaitable[bool]]
"""Tells the engine; True when it has answered for good, accepted or refused, False when it is to be told again."""


class Telling:
    """The worker that tells."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        deposits: Deposits,
        tell: Tell,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._deposits = deposits
        self._tell = tell
        self._now_us = now_us

    async def run(self, pause_s: float = 0.5) -> None:
        """Tell what is to be told, for ever."""
        while True:
            try:
                if await self.tell_due() >= A_TURN:
                    continue
            except BEHIND:
                log.warning("news_wait", exc_info=True)
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(pause_s)

    async def tell_due(self) -> int:
        """Tell everything whose time has come; return how many answers there were."""
        answered = 0
        for _ in range(A_TURN):
            now_us = self._now_us()
            row = await self._pool.fetchrow(QUERIES["to_tell"], now_us, now_us + LEASE_US)
            if row is None:
                break
            answered += await self._one(row["deposit"], row["news"], row["attempts"])
        return answered

    async def _one(self, deposit_id: str, news: str, attempts: int) -> bool:
        deposit = await self._deposits.read(deposit_id)
        assert deposit is not None, "deposits are never removed"
        try:
            answered = await self._tell(News(deposit, news, command_id_of(deposit_id, news)))
        except GONE:
            raise
        except Exception:  # told again later, like no answer
            log.exception("engine_not_told", extra={"deposit": deposit_id})
            answered = False
        now_us = self._now_us()
        if answered:
            await self._pool.execute(QUERIES["told"], deposit_id, news, now_us)
        else:
            pause_us = min(BACKOFF_US * 2 ** min(attempts, 20), BACKOFF_MAX_US)
            log.warning("engine_gives_no_answer", extra={"attempts": attempts})
            await self._pool.execute(QUERIES["put_off_telling"], deposit_id, news, now_us + pause_us)
        return answered
