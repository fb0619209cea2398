"""A deal through the pages in Chromium, on a clean database with the sandbox bank in a process of its own, up to "to be registered".

One from an auction, one from a listing with a single buyer: both sides read and sign, the buyer pays what the payment page says, the
seller hands over, the operator checks the register's proof, the bank pays the seller.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine.rules.listing.state import ListingPhase
from engine.values import LotId
from gateway.accounts.model import Role
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from tests.browser.test_listed_trade import BUYERS, DEPOSIT_FEN, FINAL_S, Fairground, fair
from tests.gateway.listed import register_verified
from tests.time_travel import travel

pytestmark = pytest.mark.browser
PHONE, DESK = (390, 844), (1440, 900)
PRICE_FEN = 1_250_000_00

__all__ = ["fair"]


class Settlement:
    """The two sides and the operator of one deal, at their browsers."""

    def __init__(self, ground: Fairground, deal_id: str, seller: str, buyer: str) -> None:
        self.ground, self.id, self.seller, self.buyer = ground, deal_id, seller, buyer

    def until(self, *phases: Phase) -> Process:
        """Return the deal once it stands in one of these phases."""
        end, deals = time.monotonic() + FINAL_S, self.ground.services.settling.deals
        while (process := self.ground.market.do(deals.read(self.id))) is None or process.phase not in phases:
            assert time.monotonic() < end, process
            time.sleep(0.05)
        found: Process = process
        return found

    def sign(self, who: str, **how: Any) -> None:
        """Come from one's own deals, read the text, sign it."""
        page = self.ground.visit("/me/deals", who, **how)
        page.locator(f"a[href='/deals/{self.id}']").click()
        page.get_by_role("link", name="阅读并签署").click()
        page.get_by_text("合同文本摘要").wait_for()
        page.check("input[name=agree]")
        page.locator("button[value=sign]").click()
        page.wait_for_url(re.compile(rf"/deals/{re.escape(self.id)}$"))
        page.get_by_text("签署合同").first.wait_for()

    def pay(self, yuan: str, open_fen: int) -> None:
        """Read account and amount on the payment page, pay at the bank."""
        page = self.ground.visit(f"/deals/{self.id}", self.buyer, size=PHONE)
        page.get_by_role("link", name="查看付款账户").click()
        account = page.locator(".pay__account").inner_text()
        assert f"¥{open_fen // 100:,}" in page.inner_text("main")
        page.goto(self.ground.bank)
        page.select_option("#payer", BUYERS[self.buyer])
        page.fill("#virtual_account", account)
        page.fill("#amount", yuan)
        page.locator("form[action='/transfers'] button").click()
        page.locator(".notice--good").wait_for()

    def hand_over_and_check(self) -> None:
        """The seller names the proof; the operator has seen it."""
        page = self.ground.visit(f"/deals/{self.id}", self.seller)
        page.fill("#f-proof_ref", "手续合格通知书 2026-118")
        page.locator("button[value=hand_over]").click()
        page.get_by_text("轮到您办理").wait_for(state="detached")
        page = self.ground.visit("/desk/deals?queue=open", "operator", size=DESK)
        page.locator(f"a[href='/deals/{self.id}']").click()
        page.fill("#f-reason", "登记簿副本载明权利人已变更")
        page.locator("button[value=accept]").click()
        page.wait_for_load_state()

    def to_be_registered(self) -> None:
        """Everybody sees that the contract is to be registered; the books balance."""
        self.until(Phase.REGISTERING)
        for who in (self.seller, self.buyer, "operator"):
            page = self.ground.visit(f"/deals/{self.id}", who)
            page.locator(".title-row .tag", has_text="待登记").wait_for()
            page.locator(".way__step--now", has_text="登记").wait_for()
        page = self.ground.visit("/me/statement", self.seller, language="en")
        page.get_by_text("Price released").first.wait_for()
        assert self.ground.balances() == {}


@pytest.fixture
def deal_of(fair: Fairground) -> Callable[..., Settlement]:
    """Make the people of a deal."""
    return lambda deal_id, seller, buyer: Settlement(fair, deal_id, seller, buyer)


def test_a_deal_from_a_listing_with_one_buyer(fair: Fairground, deal_of: Callable[..., Settlement]) -> None:
    fair.list_achievement()
    fair.publish()
    fair.apply("ulan", "1250000")
    fair.pass_forms(1)
    fair.agree(1)
    fair.pay("ulan")
    fair.disclosure_ends()
    fair.until(lambda one: one.phase is ListingPhase.DEAL)
    deal = deal_of(f"DL-{fair.name}-1", "institute", "ulan")
    deal.until(Phase.SIGNING)
    deal.sign("institute")
    deal.sign("ulan", size=PHONE)
    fair.until(lambda one: one.phase is ListingPhase.SIGNED)
    process = deal.until(Phase.PAYING)
    end = time.monotonic() + FINAL_S
    while process.open_fen != PRICE_FEN - DEPOSIT_FEN:  # the deposit becomes price by the listing's word
        assert time.monotonic() < end, process
        process = deal.until(Phase.PAYING)
    deal.pay("1130000", PRICE_FEN - DEPOSIT_FEN)
    deal.until(Phase.DELIVERING)
    deal.hand_over_and_check()
    deal.to_be_registered()


def test_a_deal_from_an_auction(fair: Fairground, deal_of: Callable[..., Settlement]) -> None:
    market = fair.market
    seller = market.account("seller1", Role.SELLER)
    market.do(register_verified(market.services, seller, "6200000000000002009"))
    lot = market.open_lot("ulan", "saran", closes_in_s=36_000)
    page = fair.visit(f"/lots/{lot}/room", "ulan")
    page.get_by_text("实时连接").wait_for()
    page.fill("#amount", "1000")
    page.keyboard.press("Enter")
    page.locator(".standing", has_text="您目前领先").wait_for()
    state = market.services.engine.state(LotId(lot))
    assert state is not None and state.closes_at_us is not None
    market.do(travel(market.services.engine, state.closes_at_us))
    deal = deal_of(f"DA-{lot}", "seller1", "ulan")
    deal.until(Phase.SIGNING)
    deal.sign("seller1")
    deal.sign("ulan")
    deal.until(Phase.PAYING)
    deal.pay("400", 1_000_00)  # in two parts
    end = time.monotonic() + FINAL_S
    while deal.until(Phase.PAYING).open_fen != 600_00:
        assert time.monotonic() < end
        time.sleep(0.05)
    deal.pay("600", 600_00)
    deal.until(Phase.DELIVERING)
    deal.hand_over_and_check()
    deal.to_be_registered()
