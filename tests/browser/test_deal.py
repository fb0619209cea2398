"""A deal through the pages in Chromium, on a clean database with the sandbox bank in a process of its own, up to "to be registered".

One from an auction, one from a listing with a single buyer: both sides read and sign, the buyer pays what the payment page says, the
seller hands over, the operator checks the register's proof, the bank pays the seller.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from engine.rules.listing.state import ListingPhase
from engine.values import LotId
from gateway.accounts.model import Role
from settlement.deals.phases import Phase
from tests.browser.settling import FINAL_S, PHONE, Settlement
from tests.browser.test_listed_trade import BUYERS, DEPOSIT_FEN, Fairground, fair
from tests.gateway.listed import register_verified
from tests.time_travel import travel

pytestmark = pytest.mark.browser
PRICE_FEN = 1_250_000_00

__all__ = ["fair"]


@pytest.fixture
def deal_of(fair: Fairground) -> Callable[..., Settlement]:
    """Make the people of a deal."""
    return lambda deal_id, seller, buyer: Settlement(
        fair.market, fair.visit, deal_id, seller, buyer, fair.bank, BUYERS[buyer]
    )


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
    deal.hand_over("手续合格通知书 2026-118")
    deal.check_register()
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
    deal.hand_over("手续合格通知书 2026-118")
    deal.check_register()
    deal.to_be_registered()
