"""Sends callbacks to the market: signed anew each time, again and again with growing pauses until it answers 2xx."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from gateway.bank.signing import sign
from gateway.sandbox_bank.books import Books, Waiting

ATTEMPTS_MAX: Final = 30
PAUSE_S: Final = 0.5
PAUSE_MAX_S: Final = 60.0
ANSWER_S: Final = 10.0
LOOK_S: Final = 0.1

log = logging.getLogger(__name__)


class Sender:
    """Delivers what the books say is due, to one address."""

    def __init__(self, books: Books, url: str, secret: bytes) -> None:
        self._books = books
        self._url = url
        self._path = urlsplit(url).path
        self._secret = secret
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connections."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))

    async def stop(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    async def follow(self) -> None:
        """Send what becomes due, for ever."""
        while True:
            await self.deliver(all_waiting=False)
            await asyncio.sleep(LOOK_S)

    async def deliver(self, *, all_waiting: bool) -> list[int]:
        """Send what is due, or all that waits, one after another; return the market's answers, 0 for none."""
        answers = []
        for waiting in self._books.callbacks_due(all_waiting=all_waiting):
            told = await asyncio.gather(*(self._send(waiting) for _ in range(max(1, waiting.copies))))
            best = min(told, key=lambda status: not 200 <= status < 300)
            pause_s = min(PAUSE_MAX_S, PAUSE_S * 2**waiting.attempts)
            again = time.time_ns() // 1_000 + int(pause_s * 1_000_000) if waiting.attempts + 1 < ATTEMPTS_MAX else None
            self._books.told(waiting.id, best, again)
            answers.extend(told)
        return answers

    async def _send(self, waiting: Waiting) -> int:
        assert self._http is not None
        headers = {
            "Content-Type": "application/json",
            **sign(self._secret, "POST", self._path, waiting.body, time.time_ns() // 1_000_000_000),
        }
        try:
            async with self._http.post(self._url, data=waiting.body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            log.info("callback_not_taken", extra={"callback": waiting.id})
            return 0
