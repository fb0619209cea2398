"""A whole listing on a clean database, through the pages in Chromium, with a sandbox bank in a process of its own.

The institution lists, the operator checks, buyers apply, qualify and pay, a session opens, one wins, the others get their money back;
the same with one buyer, with none, and with a winner who does not sign. Days pass by putting the market's clock forward.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.rules.achievement.record import Mode
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState
from engine.values import ListingId
from gateway.accounts.model import Role
from gateway.demo.bank import sandbox_bank
from settlement.deposits.events import DepositState
from tests.browser.conftest import LiveMarket, visitors
from tests.browser.settling import FINAL_S, balances
from tests.gateway.listed import register_verified, release_achievement
from tests.time_travel import travel

pytestmark = pytest.mark.browser
BUYERS = {"ulan": "6200000000000002001", "saran": "6200000000000002002", "temur": "6200000000000002003"}
HOUR_US = 3_600_000_000
DEPOSIT_FEN = 120_000_00


class Fairground:
    """A market, its bank, and its people at their browsers."""

    def __init__(self, market: LiveMarket, bank: str, visit: Callable[..., Any]) -> None:
        self.market, self.bank, self.visit = market, bank, visit
        self.services = market.services
        self.name = ListingId("")

    # The institution ------------------------------------------------------------------------------------------------

    def list_achievement(self) -> None:
        """List for 1.2 million yuan, ten working days, a deposit of a tenth; the filled-in answers are taken as they are."""
        page = self.visit("/console/listings", "institute")
        page.get_by_role("button", name="挂牌", exact=True).click()
        page.check("input[name=mode][value=TRANSFER]")
        for _ in range(9):
            if page.locator("input[name=price]").count():
                page.fill("input[name=price]", "1,200,000")
            if page.locator("input[name=release]").count():
                page.check("input[name=release][value=hours_24]")
            press(page, page.get_by_role("button", name="保存并继续"))
            if page.url.endswith("/check"):
                break
        page.get_by_text("¥1,200,000").first.wait_for()
        page.locator("button[value=submit]").click()
        page.wait_for_url(re.compile(r"/console/listings/[a-z0-9-]+$"))
        self.name = ListingId(page.url.rpartition("/")[2])

    def agree(self, buyers: int) -> None:
        """Answer the applications."""
        page = self.visit(f"/console/listings/{self.name}", "institute")
        for _ in range(buyers):
            press(page, page.locator("button[value=agree]").first)

    # The operator ---------------------------------------------------------------------------------------------------

    def publish(self) -> None:
        """Check the listing and publish it."""
        page = self.visit("/desk/listings", "operator")
        page.locator(f"a[href='/desk/listings/{self.name}']").first.click()
        page.locator("button[value=publish]").click()
        page.locator("button[value=suspend]").wait_for()

    def pass_forms(self, buyers: int) -> None:
        """Check the forms of the applications."""
        page = self.visit(f"/desk/listings/{self.name}", "operator")
        for left in range(buyers, 0, -1):
            assert page.locator("button[value=review_pass]").count() == left
            press(page, page.locator("button[value=review_pass]").first)

    def sign(self) -> None:
        """Record the signed contract."""
        page = self.visit(f"/desk/listings/{self.name}", "operator")
        page.fill("#f-contract_ref", "技转-2026-0001")
        page.locator("button[value=sign]").click()
        page.get_by_text("已签约").first.wait_for()

    def record_default(self) -> None:
        """Find that the buyer does not sign; the desk asks twice."""
        page = self.visit(f"/desk/listings/{self.name}", "operator")
        page.get_by_text("一方拒绝签约或付款").click()
        form = page.locator("form:has(button[value=default_buyer])")
        form.locator("select").select_option(index=1)
        press(page, form.locator("button[value=default_buyer]"))
        press(page, page.get_by_role("alertdialog").locator("button"))

    # A buyer --------------------------------------------------------------------------------------------------------

    def apply(self, buyer: str, quote: str = "", **how: Any) -> None:
        """Find the listing in the market and apply."""
        page = self.visit("/listings", buyer, **how)
        page.locator(f"a[href='/listings/{self.name}']").click()
        page.fill("#f-quote", quote)
        page.fill("#f-statement", "依法设立，具备实施条件。")
        page.locator("button[value=apply]").click()
        page.locator(".phase--under_review").wait_for()

    def pay(self, buyer: str) -> None:
        """Read the account on the deposit's page, pay at the bank, and see it held."""
        page = self.visit("/me/listings", buyer)
        self.until(lambda state: self.intent(state, buyer).phase is IntentPhase.DEPOSIT_DUE)
        self.see(page, "a.button[href^='/me/deposits/']")
        page.locator("a.button[href^='/me/deposits/']").click()
        account = page.locator(".pay__account").inner_text()
        assert "¥120,000" in page.inner_text("main")
        there = page.url
        page.goto(self.bank)
        page.select_option("#payer", BUYERS[buyer])
        page.fill("#virtual_account", account)
        page.fill("#amount", "120000")
        page.locator("form[action='/transfers'] button").click()
        page.locator(".notice--good").wait_for()
        page.goto(there)
        self.see(page, "text=已冻结", gone=".pay__account")
        page.goto(f"{self.market.address}/listings/{self.name}")
        self.see(page, ".you-are .code")

    def bid(self, buyer: str, yuan: str) -> None:
        """Enter the room from the listing and bid."""
        page = self.visit(f"/listings/{self.name}", buyer)
        page.locator("a[href^='/lots/']").first.click()
        page.get_by_role("link", name="进入").first.click()
        page.get_by_text("实时连接").wait_for()
        page.fill("#amount", yuan)
        page.keyboard.press("Enter")
        page.locator(".standing", has_text="您目前领先").wait_for()

    # What comes of it -----------------------------------------------------------------------------------------------

    def intent(self, state: ListingState, buyer: str) -> Any:
        party = self.market.account(buyer).party
        return next(one for one in state.intents if one.buyer_id == party)

    def until(self, met: Callable[[ListingState], bool]) -> ListingState:
        """Return the listing once it is as wished."""
        end = time.monotonic() + FINAL_S
        while (state := self.services.engine.listings.state(self.name)) is None or not met(state):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state

    def see(self, page: Any, wanted: str, gone: str = "") -> None:
        """Load the page anew until it shows what is wanted; consumers of the log need a moment."""
        end = time.monotonic() + FINAL_S
        while not page.locator(wanted).count() or (gone and page.locator(gone).count()):
            assert time.monotonic() < end, page.inner_text("main")
            page.wait_for_timeout(100)
            page.reload()

    def travel(self, to_us: int) -> None:
        """Let time pass."""
        self.market.do(travel(self.services.engine, to_us))

    def disclosure_ends(self) -> None:
        state = self.until(lambda one: one.phase is ListingPhase.LISTED)
        assert state.discloses_until_us is not None
        self.travel(state.discloses_until_us)

    def session_opens(self, admitted: int) -> None:
        """Wait until the session stands with its bidders, and let its opening come."""
        state = self.until(lambda one: one.lot_id is not None)
        engine, lot_id, end = self.services.engine, state.lot_id, time.monotonic() + FINAL_S
        assert lot_id is not None
        while (lot := engine.state(lot_id)) is None or len(lot.codes) < admitted:
            assert time.monotonic() < end
            time.sleep(0.02)
        self.travel(lot.opens_at_us)
        while not engine.state(lot_id).phase.is_bidding:  # type: ignore[union-attr]
            assert time.monotonic() < end
            time.sleep(0.02)

    def session_ends(self) -> None:
        state = self.until(lambda one: one.lot_id is not None)
        assert state.lot_id is not None
        engine = self.services.engine
        while (lot := engine.state(state.lot_id)) is not None and not lot.phase.is_final:
            due_us = lot.closes_at_us or lot.free_ends_at_us
            assert due_us is not None
            self.travel(due_us)

    def deposit_becomes(self, buyer: str, *wanted: DepositState) -> None:
        """Wait until a buyer's deposit has got there."""
        number = self.intent(self.until(bool), buyer).no
        end = time.monotonic() + FINAL_S
        while (one := self.market.do(self.services.settling.deposits.read(f"{self.name}.{number}"))) is None or (
            one.state not in wanted
        ):
            assert time.monotonic() < end, one
            time.sleep(0.05)

    def balances(self) -> dict[str, int]:
        """Return what stands on each account; the books balance, and the checker of the money finds nothing."""
        return balances(self.market)


@pytest.fixture
def fair(chromium: Any, postgres: Any, tmp_path: Path) -> Iterator[Fairground]:
    """A clean database, a bank, an institution with a published achievement, an operator and three buyers."""
    from tests.conftest import new_database

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    dsn = _in_thread(lambda: asyncio.run(new_database(postgres)))
    market = LiveMarket(dsn, tmp_path, bank_url=f"http://127.0.0.1:{port}", session_hours=168)
    try:
        institute = market.account("institute", Role.SELLER)
        market.account("operator", Role.OPERATOR)
        market.do(register_verified(market.services, institute, "6200000000000002000"))
        market.do(release_achievement(market.services, institute, Mode.TRANSFER))
        names = {}
        for login, number in BUYERS.items():
            names[number] = market.do(register_verified(market.services, market.account(login), number))
        market.stay(sandbox_bank(market.services.config, port, names))
        visiting = visitors(chromium, market)
        yield Fairground(market, f"http://127.0.0.1:{port}/", next(visiting))
        next(visiting, None)
    finally:
        market.stop()


def press(page: Any, button: Any) -> None:
    """Press a button that sends a form, and wait for the page that comes back."""
    with page.expect_navigation():
        button.click()


def _in_thread(work: Callable[[], Any]) -> Any:
    """Playwright keeps an event loop in this thread; another cannot run here."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_three_buyers_bid_one_wins_and_the_others_get_their_money_back(fair: Fairground) -> None:
    fair.list_achievement()
    fair.publish()
    for buyer in BUYERS:
        fair.apply(buyer)
    fair.pass_forms(3)
    fair.agree(3)
    for buyer in BUYERS:
        fair.pay(buyer)
    assert fair.balances() == {"bank": 3 * DEPOSIT_FEN, "deposit_held": -3 * DEPOSIT_FEN}
    fair.disclosure_ends()
    fair.session_opens(3)
    for buyer, yuan in zip(BUYERS, ("1200000", "1210000", "1300000"), strict=True):
        fair.bid(buyer, yuan)
    fair.session_ends()
    state = fair.until(lambda one: one.phase is ListingPhase.DEAL)
    assert [(deal.buyer_id, deal.price) for deal in state.deals] == [(fair.market.account("temur").party, 1_300_000_00)]
    fair.deposit_becomes("ulan", DepositState.RELEASE_DUE, DepositState.RELEASING, DepositState.RELEASED)
    fair.travel(fair.services.now_us + 25 * HOUR_US)
    for loser in ("ulan", "saran"):
        fair.deposit_becomes(loser, DepositState.RELEASED)
        page = fair.visit("/me/deposits", loser)
        page.get_by_text("已退还").first.wait_for()
    page = fair.visit(f"/listings/{fair.name}", "ulan")
    assert "¥1,300,000" in page.inner_text("main") and "未成交" in page.inner_text("main")
    assert fair.balances() == {"bank": DEPOSIT_FEN, "deposit_held": -DEPOSIT_FEN}
    fair.sign()
    fair.deposit_becomes("temur", DepositState.CONVERTED)
    fair.balances()
    page = fair.visit(f"/listings/{fair.name}", language="en", size=(375, 812))
    assert "¥1,300,000" in page.inner_text("main")
    for secret in (*BUYERS, *BUYERS.values()):
        assert secret not in page.content()


def test_a_single_buyer_gets_it_at_his_quote(fair: Fairground) -> None:
    fair.list_achievement()
    fair.publish()
    fair.apply("ulan", "1250000", size=(375, 812))
    fair.pass_forms(1)
    fair.agree(1)
    fair.pay("ulan")
    fair.disclosure_ends()
    state = fair.until(lambda one: one.phase is ListingPhase.DEAL)
    assert [(deal.price, deal.way.value) for deal in state.deals] == [(1_250_000_00, "sole_buyer")]
    page = fair.visit(f"/listings/{fair.name}", "ulan")
    assert "¥1,250,000" in page.inner_text("main") and "请按期签订" in page.inner_text("main")
    assert fair.balances() == {"bank": DEPOSIT_FEN, "deposit_held": -DEPOSIT_FEN}


def test_without_a_buyer_it_is_extended_as_published_and_then_ends(fair: Fairground) -> None:
    fair.list_achievement()
    fair.publish()
    cycles = fair.until(bool).terms.extension
    for cycle in range(0 if cycles is None else cycles.cycles_max):
        fair.disclosure_ends()
        fair.until(lambda one, cycle=cycle: one.cycles == cycle + 1)  # type: ignore[misc]
        assert f"已延长 {cycle + 1} 次" in fair.visit(f"/listings/{fair.name}").inner_text("main")
    fair.disclosure_ends()
    fair.until(lambda one: one.phase is ListingPhase.ENDED)
    assert "无人报名" in fair.visit(f"/listings/{fair.name}").inner_text("main")
    page = fair.visit("/console/listings", "institute")
    fair.see(page, "button:has-text('重新挂牌')")
    assert fair.balances() == {}


def test_a_winner_who_does_not_sign_stands_to_lose_his_deposit(fair: Fairground) -> None:
    fair.list_achievement()
    fair.publish()
    for buyer in ("ulan", "saran"):
        fair.apply(buyer)
    fair.pass_forms(2)
    fair.agree(2)
    for buyer in ("ulan", "saran"):
        fair.pay(buyer)
    fair.disclosure_ends()
    fair.session_opens(2)
    fair.bid("ulan", "1200000")
    fair.bid("saran", "1210000")
    fair.session_ends()
    fair.until(lambda one: one.phase is ListingPhase.DEAL)
    fair.travel(fair.services.now_us + 25 * HOUR_US)
    fair.deposit_becomes("ulan", DepositState.RELEASED)
    fair.record_default()
    fair.until(lambda one: one.phase is ListingPhase.DEFAULTED)
    fair.deposit_becomes("saran", DepositState.FORFEIT_PENDING)
    page = fair.visit("/me/deposits", "saran")
    page.locator(".deposit-cards a").first.click()
    page.fill("textarea[name=text]", "因银行系统故障未能按期付款，请予核实。")
    page.locator("main form button").click()
    page.get_by_text("因银行系统故障未能按期付款").first.wait_for()
    assert fair.balances() == {"bank": DEPOSIT_FEN, "deposit_held": -DEPOSIT_FEN}
