"""A real market for each test that asks for one: real PostgreSQL, real engine, real sockets on free ports."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from engine.rules.auction import commands as c
from engine.rules.auction import terms as t
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from gateway.accounts.accounts import NewSession
from gateway.accounts.audit import Origin
from gateway.accounts.model import Account, Caller, Role, Scope
from gateway.config import Config
from gateway.http.commands import ask
from gateway.serve import running
from gateway.services import Services

HERE = Origin("test", "127.0.0.1")
PASSWORD = "correct horse battery"
MINUTE_US = 60_000_000
_numbers = itertools.count(1)


def market_config(dsn: str, directory: Path, **changes: Any) -> Config:
    """Configuration of a test market: free ports, quick passwords, no budgets in the way."""
    return Config(
        **{
            "data_dir": directory,
            "database_url": dsn,
            "http_port": 0,
            "live_port": 0,
            "password_time_cost": 1,
            "password_memory_kib": 64,
            "requests_per_second": 10_000,
            "requests_burst": 100_000,
            "drain_seconds": 0.0,
            "pricing_process": False,
            "fault_detector": False,  # a busy test machine is no fault; tests of the detector switch it on
            "probe_minutes": 0,  # no prober beside it: a process for each test, half a second of a core, that finds no database
            **changes,
        }
    )


@pytest.fixture
async def market(fresh_database: str, tmp_path: Path) -> AsyncIterator[Services]:
    """A running market."""
    async with running(market_config(fresh_database, tmp_path)) as services:
        yield services


class Person:
    """Somebody at a browser or a program: an account, and how its requests go."""

    def __init__(
        self, services: Services, http: aiohttp.ClientSession, account: Account | None, login: NewSession | None
    ):
        self.services = services
        self.http = http
        self.account = account
        self.login = login
        self.base = f"http://127.0.0.1:{services.config.http_port}"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Origin": self.base}
        if self.login is not None:
            headers["Cookie"] = f"{self.services.config.session_cookie}={self.login.id}"
            headers["X-CSRF-Token"] = self.login.caller.csrf
        return headers

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Send a request and return status and JSON body."""
        sent = {**self.headers, **headers}
        sent = {name.replace("_", "-"): value for name, value in sent.items() if value != ""}
        async with self.http.request(
            method, self.base + path, json=body, headers=sent, allow_redirects=False
        ) as response:
            return response.status, await response.json(content_type=None) if "json" in response.content_type else {}

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, Any]]:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        return await self.send("POST", path, body if body is not None else {}, **headers)

    async def token(self, *scopes: Scope) -> str:
        """Make a token of this account."""
        assert self.account is not None
        return (await self.services.accounts.create_token(self.account.id, "test", scopes, 1, HERE))[1]


class Town:
    """Makes people and lots."""

    def __init__(self, services: Services, http: aiohttp.ClientSession) -> None:
        self.services = services
        self.http = http

    async def person(self, role: Role | None) -> Person:
        """Return somebody of a role, logged in; None: an anonymous visitor."""
        if role is None:
            return Person(self.services, self.http, None, None)
        accounts, number = self.services.accounts, next(_numbers)
        account = await accounts.register(f"{role.value}{number}", f"{role.value} {number}", PASSWORD, HERE, role=role)
        return Person(self.services, self.http, account, await accounts.log_in(account.login, PASSWORD, "127.0.0.1"))

    async def lot(self, lot: str = "a1", seller: PartyId = PartyId("p" + "0" * 16), **changes: Any) -> LotId:
        """Publish a lot that takes bids now."""
        now_us = self.services.now_us
        closing = t.Closing(opens_at_us=InstantUs(now_us), first_bid_clock_us=DurationUs(10 * MINUTE_US))
        terms = t.Terms(
            **{
                "closing": closing,
                "increment": t.FixedIncrement(Amount(100)),
                "start_price": Amount(1_000),
                "proxy": True,
                "admission": t.Admission.OPEN,
                **changes,
            }
        )
        subject = c.Subject(title_zh="标的", title_en="A lot")
        command = c.PublishLot(terms=terms, subject=subject, seller_id=seller)
        operator = Account(
            id=PartyId("p" + "f" * 16),
            party=PartyId("p" + "f" * 16),
            login="op",
            display_name="op",
            role=Role.OPERATOR,
            language="zh",
            created_at_us=0,
        )
        receipt = await ask(self.services, Caller(account=operator), LotId(lot), command, uuid4().bytes)
        assert receipt.code is None, receipt
        async with asyncio.timeout(60):
            while (state := self.services.engine.state(LotId(lot))) is None or not state.phase.is_bidding:
                await asyncio.sleep(0.005)  # the opening is an event of its own
        return LotId(lot)


@pytest.fixture
async def town(market: Services) -> AsyncIterator[Town]:
    """People and lots for the market."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Town(market, http)


def wish(**fields: Any) -> dict[str, Any]:
    """A command body with a fresh id."""
    return {"id": str(uuid4()), **fields}
