"""Sends the receiver's answers until the market has taken them, and pulls the feed where it is asked to."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time

import aiohttp
from yarl import URL

from gateway.reference_receiver.books import Books, Outcome
from gateway.reference_receiver.faults import Faults
from gateway.registrar.keys import Keys
from gateway.registrar.signing import sign

IDLE_S = 0.05
CALL_S = 10.0

log = logging.getLogger(__name__)


class Courier:
    """Both ways to the market."""

    def __init__(self, books: Books, keys: Keys, faults: Faults, tls: ssl.SSLContext | bool = True) -> None:
        self._books, self._keys, self._faults, self._tls = books, keys, faults, tls

    async def send_for_ever(self, address: str) -> None:
        """Send answers to the market's webhook."""
        url = URL(address)
        async with self._session() as http:
            while True:
                due = self._books.due(time.time_ns() // 1_000_000)
                if self._faults.shuffle:
                    self._faults.drawn.shuffle(due)
                for answer_id, body, attempts in due:
                    await self._one(http, url, answer_id, body, attempts)
                await asyncio.sleep(IDLE_S)

    async def _one(self, http: aiohttp.ClientSession, url: URL, answer_id: str, body: str, attempts: int) -> None:
        if self._faults.delay_ms:
            await asyncio.sleep(self._faults.pause_s())
        try:
            status = await self._post(http, url, body.encode())
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            self._books.put_off(answer_id, attempts, time.time_ns() // 1_000_000, type(problem).__name__)
            return
        now_ms = time.time_ns() // 1_000_000
        if 200 <= status < 300 and not self._faults.loses() and not self._faults.repeats():
            self._books.sent(answer_id)
        elif status in (400, 409, 413, 422):
            self._books.bury(answer_id, str(status))
        else:
            self._books.put_off(answer_id, attempts, now_ms, str(status))

    async def _post(self, http: aiohttp.ClientSession, url: URL, body: bytes) -> int:
        headers = {
            **sign(self._keys, "POST", url.raw_path_qs, body, int(time.time())),
            "Content-Type": "application/json",
        }
        async with http.post(url, data=body, headers=headers, allow_redirects=False, ssl=self._tls) as response:
            await response.read()
            return response.status

    async def pull_for_ever(self, address: str, pause_s: float = 1.0) -> None:
        """Read the feed from where it was left; the cursor moves after each message was taken."""
        async with self._session() as http:
            while True:
                try:
                    more = await self._pull(http, address)
                except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as problem:
                    log.warning("pull_failed: %s", type(problem).__name__)
                    more = False
                if not more:
                    await asyncio.sleep(pause_s)

    async def _pull(self, http: aiohttp.ClientSession, address: str) -> bool:
        url = URL(address).with_query(after=self._books.position(), limit="50")
        headers = sign(self._keys, "GET", url.raw_path_qs, b"", int(time.time()))
        async with http.get(url, headers=headers, allow_redirects=False, ssl=self._tls) as response:
            response.raise_for_status()
            page = await response.json()
        for one in page["messages"]:
            body = json.dumps(one["message"], ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
            if self._books.take(one["id"], body) is Outcome.MALFORMED:
                log.error("message %s cannot be read", one["id"])
            self._books.move_to(one["position"])
        return bool(page["messages"])

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S), cookie_jar=aiohttp.DummyCookieJar())
