"""Sends what waits in the outbox until the receiver has it: at least once, each contract's messages in order, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

import asyncpg
from msgspec import Struct

from settlement.registration.feed.outbox import Message, Outbox, pause_us

IDLE_S: Final = 1.0
ROUND_MAX: Final = 500
"""Messages sent in one round before figures and shutdown get their turn."""
DAY_US: Final = 86_400_000_000

log = logging.getLogger(__name__)


class Verdict(StrEnum):
    """What the receiver made of a message."""

    TAKEN = "taken"
    LATER = "later"
    """Silence, or an answer that may be another one later."""
    NEVER = "never"
    """It will never take this message as it is."""


class Answered(Struct, frozen=True):
    """A verdict with a word for the desk."""

    verdict: Verdict
    problem: str = ""


class Receiver(Protocol):
    """The outside registrar's system."""

    async def deliver(self, message: Message) -> Answered:
        """Send a message; silence is `LATER`, never an exception."""
        ...


class Delivering:
    """The worker. Several may run: a message is leased while it is sent."""

    def __init__(
        self,
        outbox: Outbox,
        receiver: Receiver,
        *,
        give_up_days: int = 30,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        spread_ppm: Callable[[], int] = lambda: random.randrange(1_000_001),  # noqa: S311  # only spreads load
    ) -> None:
        """Make the worker.

        Args:
            outbox: What waits.
            receiver: Where it goes.
            give_up_days: After this long a message is a dead letter, though the receiver only kept silent.
            now_us: The market's clock.
            spread_ppm: Spreads the pauses.
        """
        self._outbox = outbox
        self._receiver = receiver
        self._give_up_us = give_up_days * DAY_US
        self._now_us = now_us
        self._spread_ppm = spread_ppm

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                sent = await self.send_due()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                log.warning("registrar_feed_stopped", exc_info=True)
                sent = 0
            if not sent:
                await asyncio.sleep(IDLE_S)

    async def send_due(self) -> int:
        """Send what is due now, at most `ROUND_MAX`; return how many were tried."""
        tried = 0
        while tried < ROUND_MAX:
            message = await self._outbox.take_due(self._now_us())
            if message is None:
                break
            tried += 1
            await self._one(message)
        return tried

    async def _one(self, message: Message) -> None:
        answered = await self._receiver.deliver(message)
        now_us = self._now_us()
        if answered.verdict is Verdict.TAKEN:
            await self._outbox.delivered(message, now_us)
        elif answered.verdict is Verdict.NEVER or now_us - message.at_us > self._give_up_us:
            log.error("registrar_message_dead", extra={"message_id": message.id, "problem": answered.problem})
            await self._outbox.bury(message, answered.problem, now_us)
        else:
            next_us = now_us + pause_us(message.attempts, self._spread_ppm())
            await self._outbox.put_off(message, next_us, answered.problem, now_us)
