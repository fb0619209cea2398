"""The market through its public doors: staff by `ortoo admin`, bidders by the registration page, everything else by REST."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import aiohttp

from loadtests.processes import ROOT
from loadtests.stand import STAFF, Server

SELLER: Final = "seller-of-the-load-test"
AT_ONCE: Final = 16
PAGE: Final = 1_000
ACCOUNTS_OF_ONE_ADDRESS: Final = 20
ADMISSION_US: Final = 2_000
"""What one admission takes at most, on a slow machine."""
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')


class Bidder(NamedTuple):
    """An account that bids: its party and its token."""

    party: str
    token: str


class DoorClosed(Exception):
    """The market refused what the load test needs; the text is its answer."""


class Market:
    """An operator's view of the market."""

    account_note = "accounts by the registration page (argon2 at 1 MiB for the test), tokens and admissions by REST"

    def __init__(self, http: aiohttp.ClientSession, base: str, token: str, seller: str) -> None:
        self._http = http
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seller = seller

    @property
    def http(self) -> aiohttp.ClientSession:
        """The client session."""
        return self._http

    @property
    def base(self) -> str:
        """Where the market is."""
        return self._base

    @property
    def headers(self) -> dict[str, str]:
        """What proves the operator."""
        return self._headers

    @classmethod
    @asynccontextmanager
    async def of(cls, server: Server) -> AsyncIterator[Market]:
        """Make the staff accounts of a fresh market and yield its operator's view."""
        login, password = STAFF
        await _admin(server, ["create-account", login, "--role", "operator"], password)
        await _admin(server, ["create-account", SELLER, "--role", "seller"], password)
        token = await _admin(server, ["create-token", login, "--scopes", "read", "desk"])
        listed = await _admin(server, ["list", "--role", "seller"])
        seller = re.search(r"p[0-9a-f]{16}", listed)
        if seller is None:
            raise DoorClosed(listed)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
            yield cls(http, f"http://127.0.0.1:{server.http_port}", _token_in(token), seller[0])

    async def bidders(self, count: int) -> list[Bidder]:
        """Register accounts and make a token for each, as a visitor would."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Bidder:
            async with slots:
                return await self._register(
                    f"bidder-{number:04d}-{secrets.token_hex(3)}", number // ACCOUNTS_OF_ONE_ADDRESS
                )

        return list(await asyncio.gather(*(one(number) for number in range(count))))

    async def _register(self, login: str, place: int) -> Bidder:
        # A place of its own on the loopback network: one address may not register hundreds of accounts.
        connector = aiohttp.TCPConnector(local_addr=(f"127.0.{1 + place // 200}.{1 + place % 200}", 0))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), connector=connector) as visitor:
            form = {"login": login, "display_name": login, "password": secrets.token_urlsafe(16), "next": "/me/tokens"}
            form["csrf"] = await self._csrf(visitor, "/register")
            async with visitor.post(f"{self._base}/register", data=form, allow_redirects=False) as answer:
                if answer.status != 303:
                    raise DoorClosed(await answer.text())
            headers = {"X-CSRF-Token": await self._csrf(visitor, "/me/tokens")}
            wish = {"name": "load", "scopes": ["read", "bid"], "days": 1}
            async with visitor.post(f"{self._base}/api/v1/tokens", json=wish, headers=headers) as answer:
                text = await answer.text()
            async with visitor.get(f"{self._base}/api/v1/me") as answer:
                party = re.search(r"p[0-9a-f]{16}", await answer.text())
            if party is None:
                raise DoorClosed(text)
            return Bidder(party[0], _token_in(text))

    async def _csrf(self, visitor: aiohttp.ClientSession, path: str) -> str:
        async with visitor.get(f"{self._base}{path}") as answer:
            found = _CSRF.search(await answer.text())
        if found is None:
            raise DoorClosed(f"no form at {path}")
        return found[1]

    async def publish(self, lot: str, *, closes_at_us: int, window_us: int | None = None) -> None:
        """Publish a lot that is open at once: start ¥1, increment one fen, a fixed end; a bid within `window_us` of it moves it by as
        much.
        """
        closing: dict[str, int] = {"opens_at_us": 0, "closes_at_us": closes_at_us}
        if window_us is not None:
            closing |= {"extension_us": window_us, "extension_window_us": window_us}
        wish = {
            "id": str(uuid.uuid4()),
            "lot": lot,
            "seller": self._seller,
            "subject": {"title_zh": lot, "title_en": lot},
            "terms": {
                "closing": closing,
                "increment": {"kind": "fixed", "step": "1"},
                "start_price": "100",
            },
        }
        await self._post("/api/v1/lots", wish)

    async def admit_all(self, lots: Sequence[str], bidders: Sequence[Bidder]) -> None:
        """Give every bidder a code for every lot."""
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(lot: str, bidder: Bidder) -> None:
            async with slots:
                await self.admit(lot, bidder)

        await asyncio.gather(*(one(lot, bidder) for lot in lots for bidder in bidders))

    async def admit(self, lot: str, bidder: Bidder) -> None:
        """Give a bidder a code for a lot."""
        await self._post(f"/api/v1/lots/{lot}/bidders", {"id": str(uuid.uuid4()), "party": bidder.party})

    def preparation_us(self, admissions: int) -> int:
        """Return how long admitting takes, generously."""
        return admissions * ADMISSION_US

    async def public_rows(self, lot: str) -> list[dict[str, Any]]:
        """Return the whole public record of a lot."""
        rows: list[dict[str, Any]] = []
        after = 0
        while True:
            address = f"{self._base}/api/v1/lots/{lot}/events"
            async with self._http.get(address, params={"after": str(after), "limit": str(PAGE)}) as answer:
                page = await answer.json()
            rows += page["rows"]
            if page["next_after"] is None:
                return rows
            after = page["next_after"]

    async def shown(self, lot: str) -> dict[str, Any]:
        """Return how a lot stands, as everybody may read it."""
        async with self._http.get(f"{self._base}/api/v1/lots/{lot}") as answer:
            live: dict[str, Any] = (await answer.json())["live"]
            return live

    async def fate(self, lot: str, command_id: str, bidder: Bidder) -> dict[str, Any] | None:
        """Return what became of a bidder's command, as he himself may read it; None if nothing is on record."""
        address = f"{self._base}/api/v1/lots/{lot}/commands/{command_id}"
        async with self._http.get(address, headers={"Authorization": f"Bearer {bidder.token}"}) as answer:
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise DoorClosed(f"{address}: {await answer.text()}")
            view: dict[str, Any] = await answer.json()
            return view

    async def _post(self, path: str, wish: dict[str, Any]) -> None:
        async with self._http.post(f"{self._base}{path}", json=wish, headers=self._headers) as answer:
            if answer.status != 200:
                raise DoorClosed(f"{path}: {await answer.text()}")


def _token_in(text: str) -> str:
    found = re.search(r"t[0-9a-f]{16}\.[A-Za-z0-9_-]{43}", text)
    if found is None:
        raise DoorClosed(text)
    return found[0]


async def _admin(server: Server, arguments: list[str], given: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "admin", *arguments, cwd=ROOT, env={**os.environ, **server.environment},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(given.encode() + b"\n")
    if process.returncode:
        raise DoorClosed(err.decode())
    return out.decode()
