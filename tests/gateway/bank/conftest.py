"""A running market and a sandbox bank: two programs that know each other by their addresses and one secret."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.accounts.model import Role
from gateway.bank.signing import shared_secret
from gateway.serve import running
from gateway.services import Services
from settlement.bank.matching import Outcome
from settlement.deposits.deposits import Deposits
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import Changed
from settlement.deposits.terms import DepositTerms
from tests.gateway.conftest import Person, Town, market_config

PRICE = 50_000_00
DAY_US = 86_400_000_000
BUYER_ACCOUNT = "6200000000000001001"


class Bank:
    """The sandbox bank's process, and the tester's side of it."""

    def __init__(self, directory: Path, port: int, callback: str) -> None:
        self.directory = directory
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._callback = callback
        self._process: asyncio.subprocess.Process | None = None
        self._http = aiohttp.ClientSession()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "sandbox-bank", "--port", str(self._port),
            "--data", str(self.directory / "bank.sqlite"), "--secret-file", str(self.directory / "bank.secret"),
            "--callback", self._callback, "--no-automatic-callbacks",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            assert json.loads(await self._process.stdout.readline())["url"] == self.url

    async def stop(self, *, kill: bool = False) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            await self._process.wait()

    async def close(self) -> None:
        await self.stop()
        await self._http.close()

    async def admin(self, path: str, body: Any = None, method: str = "POST") -> Any:
        async with self._http.request(method, self.url + path, json={} if body is None else body) as answer:
            content = await answer.json()
            assert answer.status == 200, content
            return content

    async def faults(self, **faults: Any) -> None:
        await self.admin("/admin/faults", faults, "PUT")

    async def transfer(self, amount_fen: int, virtual_account: str, **more: Any) -> dict[str, Any]:
        wish = {"payer": BUYER_ACCOUNT, "amount_fen": amount_fen, "virtual_account": virtual_account, **more}
        return await self.admin("/admin/transfers", wish)  # type: ignore[no-any-return]

    async def deliver(self) -> list[int]:
        return (await self.admin("/admin/deliver"))["answers"]  # type: ignore[no-any-return]

    async def state(self) -> dict[str, Any]:
        async with self._http.get(self.url + "/admin/state") as answer:
            return await answer.json()  # type: ignore[no-any-return]

    async def statement(self, day: str) -> bytes:
        async with self._http.get(f"{self.url}/statements/{day}") as answer:
            return await answer.read()


class Trade:
    """Market and bank."""

    def __init__(self, services: Services, dsn: str, bank: Bank, town: Town, buyer: Person, operator: Person) -> None:
        self.services = services
        self.dsn = dsn
        self.bank = bank
        self.town = town
        self.buyer = buyer
        self.operator = operator

    @property
    def deposits(self) -> Deposits:
        return self.services.settling.deposits

    async def require(self, deposit_id: str = "dep-1", due_in_us: int = DAY_US) -> Deposit:
        assert self.buyer.account is not None
        done = await self.deposits.require(
            deposit_id, "listing/a", self.buyer.account.id, PRICE, self.services.now_us + due_in_us,
            DepositTerms(seller_id="p00000000000000ff", own_account_only=False),
        )  # fmt: skip
        assert isinstance(done, Changed), done
        return done.deposit

    async def balances(self) -> dict[str, int]:
        totals = {one.account: one.balance_fen for one in await self.services.settling.ledger.trial_balance()}
        assert sum(totals.values()) == 0
        return {account: fen for account, fen in totals.items() if fen}

    async def reasons(self) -> list[Outcome]:
        return [item.outcome for item in await self.services.banking.exceptions.page()]

    async def until(self, what: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something that a worker does."""
        async with asyncio.timeout(60):
            while not await what():
                await asyncio.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def trading(dsn: str, directory: Path, http_port: int = 0, bank_port: int = 0) -> AsyncIterator[Trade]:
    """Yield a market with its bank."""
    async with AsyncExitStack() as stack:
        http_port, bank_port = http_port or free_port(), bank_port or free_port()
        shared_secret(directory / "bank.secret")
        bank = Bank(directory, bank_port, f"http://127.0.0.1:{http_port}/api/v1/bank/callbacks")
        stack.push_async_callback(bank.close)
        await bank.start()
        config = market_config(dsn, directory, http_port=http_port, bank_url=bank.url)
        services = await stack.enter_async_context(running(config))
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        town = Town(services, http)
        buyer, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
        assert buyer.account is not None
        account = {"number": BUYER_ACCOUNT, "name": buyer.account.display_name, "balance_fen": 100 * PRICE}
        await bank.admin("/admin/accounts", account)
        yield Trade(services, dsn, bank, town, buyer, operator)


@pytest.fixture
async def trade(fresh_database: str, tmp_path: Path) -> AsyncIterator[Trade]:
    """A market and its sandbox bank, each a program of its own as far as the other can tell."""
    async with trading(fresh_database, tmp_path) as both:
        yield both
