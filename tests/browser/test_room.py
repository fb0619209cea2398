"""The live room in a real browser: bidding against each other, losing the line, the last second, phones, no JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from engine.rules.auction.commands import AdmitBidder
from engine.values import LotId
from tests.browser.conftest import LiveMarket

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]


def price(page: Any, text: str) -> None:
    page.locator("[data-price]", has_text=text).wait_for()


def answer(page: Any, text: str) -> None:
    page.locator(".answer", has_text=text).wait_for()


def standing(page: Any, text: str) -> None:
    page.locator(".standing", has_text=text).wait_for()


def test_two_bidders_outbid_each_other_and_nothing_typed_is_lost(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", "bob")
    alice, bob = visit(f"/lots/{lot}/room", "alice"), visit(f"/lots/{lot}/room", "bob")
    alice.get_by_role("button", name=re.compile("¥1,000")).click()
    price(bob, "¥1,000")
    standing(alice, "您目前领先")
    bob.fill("#amount", "12")  # half a number
    market.say(lot, AdmitBidder(bidder_id=market.account("carol").id))
    market.bid(lot, "carol", 1_100)
    price(bob, "¥1,100")
    assert bob.input_value("#amount") == "12"
    assert bob.evaluate("document.activeElement.id") == "amount"
    standing(alice, "您已被超越")
    bob.type("#amount", "00")
    bob.get_by_text("壹仟贰佰元整").wait_for()
    bob.keyboard.press("Enter")
    price(alice, "¥1,200")
    answer(bob, "出价有效，您领先")
    assert bob.input_value("#amount") == ""


def test_a_double_click_is_one_bid(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice")
    page = visit(f"/lots/{lot}/room", "alice")
    page.get_by_role("button", name=re.compile("¥1,000")).dblclick()
    standing(page, "您目前领先")
    state = market.services.engine.state(LotId(lot))
    assert state is not None
    assert (state.bids, state.price) == (1, 1_000_00)


def test_a_bid_made_while_the_line_is_cut_is_confirmed_once_after_it_is_back(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", "bob")
    page = visit(f"/lots/{lot}/room", "alice")
    page.get_by_text("实时连接").wait_for()
    page.context.set_offline(True)
    market.do(_cut(market))
    page.get_by_text("连接中断").wait_for()
    page.fill("#amount", "1500")
    page.keyboard.press("Enter")
    answer(page, "正在确认")
    market.bid(lot, "bob", 1_000)
    page.context.set_offline(False)
    answer(page, "出价有效，您领先")
    price(page, "¥1,500")
    rows = page.locator(".history__row--bid")
    assert rows.count() == 2, "no gap, nothing twice"


async def _cut(market: LiveMarket) -> None:
    for connection in list(market.services.live.registry):
        connection.wire.abort()


def test_a_bid_in_the_last_seconds_extends_and_the_room_says_so(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", closes_in_s=6, extension_s=300)
    page = visit(f"/lots/{lot}/room", "alice")
    page.get_by_role("button", name=re.compile("¥1,000")).click()
    page.locator(".announce", has_text="有效出价触发延时").wait_for()
    assert re.match(r"0[45]:\d\d", page.locator(".clock__time").inner_text())


def test_at_zero_the_room_awaits_the_result_and_then_shows_it(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", closes_in_s=4, extension_s=1)
    market.bid(lot, "alice", 1_000)
    page = visit(f"/lots/{lot}/room", "alice")
    standing(page, "您已竞得")
    page.get_by_text(re.compile("成交：代码")).wait_for()


def test_a_jump_is_confirmed_in_a_dialog(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", jump_confirm_steps=5)
    page = visit(f"/lots/{lot}/room", "alice")
    page.fill("#amount", "99万")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="确认出价").click()
    price(page, "¥990,000")


def test_a_maximum_answers_for_the_bidder_and_stays_secret(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice", "bob", proxy=True)
    alice, bob = visit(f"/lots/{lot}/room", "alice"), visit(f"/lots/{lot}/room", "bob")
    alice.get_by_text("设置最高价（自动应价）").click()
    alice.fill("#maximum", "5000")
    alice.get_by_role("button", name="设置最高价").click()
    alice.get_by_text("您的最高价 ¥5,000").wait_for()
    bob.fill("#amount", "2000")
    bob.keyboard.press("Enter")
    answer(bob, "出价有效，但已被更高最高价超越")
    price(bob, "¥2,100")
    assert "5,000" not in bob.content()
    assert "500000" not in bob.content()


def test_a_pause_stops_the_clock_for_everybody(visit: Visit, market: LiveMarket) -> None:
    from engine.rules.auction.commands import PauseLot

    lot = market.open_lot("alice")
    page = visit(f"/lots/{lot}/room", "alice")
    page.get_by_text("实时连接").wait_for()
    market.say(lot, PauseLot(reason="核实投诉"))
    page.locator(".announce--halted", has_text="核实投诉").wait_for()
    page.locator(".clock", has_text="暂停").wait_for()
    assert page.locator("#amount").count() == 0


def test_english_on_a_phone_with_the_keyboard_alone(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice")
    page = visit(f"/lots/{lot}/room", "alice", language="en", size=(360, 740))
    page.get_by_text("Least bid ¥1,000").wait_for()
    page.locator("#amount").focus()
    page.keyboard.type("1000")
    page.get_by_text("one thousand yuan").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("You lead").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    assert page.locator("[role=timer][aria-live=off]").count() == 1, "the clock does not speak every second"


def test_without_javascript_a_bid_by_form_counts_once(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice")
    page = visit(f"/lots/{lot}/room", "alice", script=False)
    page.fill("#f-amount", "1000")
    page.click(".bid-form button")
    page.get_by_text("出价有效，第").wait_for()
    page.go_back()
    page.fill("#f-amount", "1000")
    page.click(".bid-form button")
    state = market.services.engine.state(LotId(lot))
    assert state is not None
    assert state.bids == 1, "the hidden id makes the second sending the same bid"


def test_an_expired_session_is_told_and_a_bid_is_not_made(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("dora")
    page = visit(f"/lots/{lot}/room", "dora")
    page.get_by_text("实时连接").wait_for()
    from gateway.accounts.audit import NOBODY, Origin

    market.do(market.services.accounts.disable(market.account("dora").id, Origin(NOBODY, "test")))
    page.get_by_text("连接已结束").wait_for()
    market.do(market.services.accounts.enable(market.account("dora").id, Origin(NOBODY, "test")))


@pytest.mark.parametrize("typed", ["-5", "1e9", "abc", "0.001", "9" * 40, "🐎"])
def test_what_is_no_amount_is_told_before_anything_is_sent(visit: Visit, market: LiveMarket, typed: str) -> None:
    lot = market.open_lot("alice")
    page = visit(f"/lots/{lot}/room", "alice")
    page.fill("#amount", typed)
    page.keyboard.press("Enter")
    page.locator(".answer--bad").wait_for()
    state = market.services.engine.state(LotId(lot))
    assert state is not None
    assert (state.bids, state.rejected) == (0, 0)
