"""A real market and a real Chromium. Skipped, and said so, where there is no Chromium."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.auction.clearing.descending import runs_us
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, PublishSession, Subject
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Terms
from engine.values import Amount, DurationUs, InstantUs, LotId, PartyId
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.model import Account, Role
from gateway.config import Config
from gateway.serve import running
from gateway.services import Services

CHROMIUM = os.environ.get("ORTOO_CHROMIUM") or shutil.which("chromium") or ""
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PASSWORD = "grass-land-2026"
SECOND = 1_000_000
_EXPECTED = re.compile(r"ERR_|status of 4\d\d|WebSocket connection")
"""What Chromium prints as an error when a test cuts the line or a form is answered with what is wrong."""


class LiveMarket:
    """A market in a thread of its own, and what tests ask of it."""

    def __init__(self, dsn: str, directory: Path, **changes: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        config = Config.model_validate(
            {
                "data_dir": directory,
                "database_url": dsn,
                "http_port": 0,
                "live_port": 0,
                "password_memory_kib": 1024,
                "password_time_cost": 1,
                "requests_per_second": 10_000,
                "requests_burst": 100_000,
                "bids_per_second": 1_000,
                "bids_burst": 1_000,
                "drain_seconds": 0,
                "log_level": "warning",
                "fault_detector": False,
                "probe_minutes": 0,
                **changes,
            }
        )
        self.opens_in_s = 0.0
        """When the next session opens that is published here."""
        self.services: Services = self.do(self._stack.enter_async_context(running(config)))
        self.address = f"http://127.0.0.1:{self.services.config.http_port}"

    def stay(self, context: Any) -> Any:
        """Enter an asynchronous context in the market's loop; it is left when the market stops."""
        return self.do(self._stack.enter_async_context(context))

    def do(self, work: Any) -> Any:
        """Run a coroutine in the market's loop and wait for it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(60)

    def stop(self) -> None:
        self.do(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def account(self, login: str, role: Role = Role.BIDDER) -> Account:
        found = self.do(self.services.accounts.by_login(login))
        if found is None:
            found = self.do(
                self.services.accounts.register(login, login.title(), PASSWORD, Origin(NOBODY, "test"), role=role)
            )
        account: Account = found
        return account

    def say(self, lot: str, command: Command, actor: str = "test") -> Receipt:
        work = self.services.engine.ask(
            LotId(lot),
            command,
            command_id=uuid.uuid4().bytes,
            request_digest=request_digest(command),
            actor=actor,
            arrived_at_us=None,
        )
        receipt: Receipt = self.do(work)
        return receipt

    def open_lot(self, *bidders: str, closes_in_s: float = 3_600, extension_s: int = 300, **terms: Any) -> str:
        """Publish a lot that is open now, with these bidders admitted; start ¥1,000, increment ¥100."""
        lot, now_us = f"t{uuid.uuid4().hex[:10]}", self.services.now_us
        closing = Closing(
            opens_at_us=InstantUs(now_us),
            closes_at_us=InstantUs(now_us + int(closes_in_s * SECOND)),
            extension_us=DurationUs(extension_s * SECOND),
        )
        given: dict[str, Any] = {
            "increment": FixedIncrement(Amount(100_00)),
            "start_price": Amount(1_000_00),
            "admission": Admission.OPEN,
            **terms,
        }
        subject = Subject(
            title_zh="稀土永磁体制备技术",
            title_en="Rare-earth magnets",
            summary_zh="简介",
            seller_name_zh="研究所",
            field="05",
            region="150200",
            demonstration=True,
        )
        self.say(
            lot,
            PublishLot(
                terms=Terms(closing=closing, **given),
                subject=subject,
                seller_id=self.account("seller1", Role.SELLER).id,
            ),
        )
        for bidder in bidders:
            self.say(lot, AdmitBidder(bidder_id=self.account(bidder).id))
        while (state := self.services.engine.state(LotId(lot))) is None or not state.phase.is_bidding:
            pass
        return lot

    def open_session(self, kind: ft.Format, *bidders: str, lasts_s: float = 3_600, **around: Any) -> str:
        """Publish a session of another format that is open now, with these bidders admitted."""
        lot, now_us = f"f{uuid.uuid4().hex[:10]}", self.services.now_us + int(self.opens_in_s * SECOND)
        play = ft.SessionTerms(format=kind, **around)
        clock = ft.clock_of(play)
        closes_at_us = now_us + (int(lasts_s * SECOND) if clock is None else runs_us(clock))
        name = ft.format_of(play)
        terms = Terms(
            closing=Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(closes_at_us)),
            increment=FixedIncrement(Amount(100_00)),
            start_price=Amount(0),
            admission=Admission.OPEN,
            format=name,
            rule_version=ft.RULE_VERSIONS[name],
        )
        subject = Subject(title_zh="荒漠肉苁蓉快繁技术", title_en="Cistanche propagation", field="06", region="152900")
        seller = self.account("seller1", Role.SELLER).id
        receipt = self.say(lot, PublishSession(terms=terms, play=play, subject=subject, seller_id=seller))
        assert receipt.code is None, receipt
        for bidder in bidders:
            self.say(lot, AdmitBidder(bidder_id=self.account(bidder).id))
        return lot

    def bid(self, lot: str, login: str, yuan: int) -> Receipt:
        party: PartyId = self.account(login).id
        return self.say(lot, PlaceBid(bidder_id=party, amount=Amount(yuan * 100)), party)


@pytest.fixture(scope="session")
def market(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMarket]:
    from tests.conftest import new_database

    live = LiveMarket(asyncio.run(new_database(postgres)), tmp_path_factory.mktemp("market"))
    yield live
    live.stop()


@pytest.fixture(scope="session")
def chromium(market: LiveMarket) -> Iterator[Any]:  # the market first: Playwright keeps an event loop in this thread
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: install the package chromium, or set ORTOO_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, market: LiveMarket) -> Iterator[Callable[..., Any]]:
    """Opens a page as somebody; fails the test on any error the browser reports."""
    yield from visitors(chromium, market)


def visitors(chromium: Any, market: LiveMarket) -> Iterator[Callable[..., Any]]:
    """Yield what opens pages of a market."""
    contexts: list[Any] = []
    problems: list[str] = []

    def open_page(
        path: str, login: str = "", *, language: str = "zh", size: tuple[int, int] = (1280, 800), script: bool = True
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, java_script_enabled=script, locale="zh-CN"
        )
        contexts.append(context)
        context.add_cookies([{"name": "ortoo_lang", "value": language, "url": market.address}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: (
                problems.append(message.text)
                if message.type == "error" and not _EXPECTED.search(message.text)
                else None
            ),
        )
        if login:
            market.account(login)
            page.goto(f"{market.address}/login?next={path}")
            page.fill("#f-login", login)
            page.fill("#f-password", PASSWORD)
            page.click("main form button")
            page.wait_for_url(f"**{path}")
        else:
            page.goto(market.address + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
