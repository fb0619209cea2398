"""One bidder's act in each room of another format, by page, with its proof; and what a watcher sees of it. Keyboard; a lost line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from engine.rules.auction.clearing.priority import PriorityMode
from engine.rules.auction.commands import PauseLot
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from tests.browser import staging
from tests.browser.conftest import LiveMarket

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
PHONE = (390, 844)
TABS_MAX = 60


def seal_by_page(page: Any, yuan: str) -> None:
    page.fill("#amount", yuan)
    page.get_by_role("button", name=re.compile("密封报价|Seal")).click()
    page.locator(".answer--good .digest code").wait_for()


def test_hybrid_taken_challenged_and_answered(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.hybrid(sealed_s=60), "alice", "bob")
    room = f"/lots/{lot.lot}/room"
    alice, watcher = visit(room, "alice", size=PHONE), visit(room, language="en")
    alice.get_by_role("button", name=re.compile("应价")).click()
    alice.locator(".room__receipts a").wait_for()
    with alice.expect_download() as receipt:
        alice.locator(".room__receipts a").click()
    assert receipt.value.suggested_filename.endswith(".json"), "the proof of the taking"
    watcher.locator(".phase--sealing").wait_for()
    bob = visit(room, "bob", size=PHONE)
    seal_by_page(bob, "5,200,000")
    lot.pass_stage().until("closed").open().until("best_bid")
    alice.get_by_text("¥5,200,100").first.wait_for()
    alice.fill("#amount", "5200100")
    alice.get_by_role("button", name="提交最后报价").click()
    watcher.locator(".phase--sold").wait_for()
    assert lot.state.winner == market.account("alice").id and lot.state.price == 5_200_100_00


def test_seats_are_asked_for_with_a_quantity(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.SEATS, "alice", "bob", lasts_s=120)
    room = f"/lots/{lot.lot}/room"
    alice, watcher = visit(room, "alice", size=PHONE), visit(room, language="en")
    alice.fill("#quantity", "4")
    seal_by_page(alice, "30000")
    lot.seal("bob", 28_000, quantity=3)
    lot.pass_stage().until("closed").open().until("sold")
    watcher.get_by_text("¥28,000").first.wait_for()
    shares = {one.bidder_id: one.quantity for one in lot.state.play.allocated} if lot.state.play else {}
    assert shares == {market.account("alice").id: 4, market.account("bob").id: 2}


def test_several_lots_the_whole_against_its_parts(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.PACKAGES, "alice", "bob", lasts_s=120)
    room = f"/lots/{lot.lot}/room"
    alice, watcher = visit(room, "alice", size=PHONE), visit(room, language="en")
    for name in ("A", "B", "C"):
        alice.check(f"input[name=lot-0][value={name}]")
    alice.fill("input[name=package-0]", "900,000")
    alice.get_by_role("button", name=re.compile("密封报价")).click()
    alice.locator(".answer--good .digest code").wait_for()
    lot.seal("bob", 500_000, parts=[{"lots": ["A"], "amount": "50000000"}])
    lot.pass_stage().until("closed").open().until("sold")
    watcher.locator(".room__now", has_text="A + B + C").wait_for()
    assert lot.state.play is not None and [one.price for one in lot.state.play.allocated] == [900_000_00]


def test_plans_are_scored_by_page_and_the_table_shows_every_part(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.weighted(market), "alice", "bob", lasts_s=120)
    room = f"/lots/{lot.lot}/room"
    alice, watcher = visit(room, "alice", size=PHONE), visit(room, language="en")
    seal_by_page(alice, "400000")
    lot.seal("bob", 300_000).pass_stage().until("closed")
    assessor = visit(room, "assessor1", size=PHONE)
    for field in assessor.locator("input[name=score]").all():
        field.fill("80")
    assessor.get_by_role("button", name="提交评分").click()
    watcher.locator(".step", has_text="by 1 of 3").wait_for()
    lot.score(done=("assessor1",)).open().until("sold")
    watcher.locator(".opened tbody tr").nth(1).wait_for()
    assert watcher.locator(".opened thead th").all_inner_texts()[-1] == "Total"
    assert lot.state.winner == market.account("alice").id


def test_a_procurement_is_won_by_the_lowest_that_was_not_refused(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.LOWEST, "alice", "bob", "carol", lasts_s=120)
    room = f"/lots/{lot.lot}/room"
    alice, watcher = visit(room, "alice", size=PHONE), visit(room, language="en")
    seal_by_page(alice, "350000")
    lot.seal("bob", 300_000).seal("carol", 420_000).pass_stage().until("closed")
    lot.say(fc.RefuseBid(code=lot.state.codes[market.account("bob").id], reason="no licence")).open().until("sold")
    watcher.locator(".opened", has_text="no licence").wait_for()
    amounts = watcher.locator(".opened tbody td.num").all_inner_texts()
    assert amounts == ["¥300,000", "¥350,000", "¥420,000"], "lowest first"
    alice.locator(".standing--lead").wait_for()


def test_a_holder_buys_at_the_price_that_was_made(visit: Visit, market: LiveMarket) -> None:
    after = staging.rights(market, PriorityMode.AFTERWARDS, "carol")
    lot = staging.stage(market, ft.Ascending(), "alice", "carol", lasts_s=120, priority=after)
    market.bid(lot.lot, "alice", 320_000)
    lot.pass_stage().until("priority")
    room = f"/lots/{lot.lot}/room"
    carol, watcher = visit(room, "carol", size=PHONE), visit(room, language="en")
    carol.get_by_role("button", name="行使优先购买权").click()
    watcher.locator(".phase--sold").wait_for()
    carol.locator(".standing--lead").wait_for()
    assert lot.state.winner == market.account("carol").id


def test_in_the_room_a_holder_bids_equal(visit: Visit, market: LiveMarket) -> None:
    here = staging.rights(market, PriorityMode.IN_ROOM, "carol")
    lot = staging.stage(market, ft.Ascending(), "alice", "carol", priority=here)
    market.bid(lot.lot, "alice", 320_000)
    room = f"/lots/{lot.lot}/room"
    carol, watcher = visit(room, "carol", size=PHONE), visit(room, language="en")
    carol.get_by_text("您享有优先购买权").wait_for()
    carol.get_by_role("button", name="行使优先购买权").click()
    carol.locator(".note", has_text="已按此价行使优先购买权").wait_for()
    watcher.locator(".history__row--priority_exercised").wait_for()


def test_the_falling_price_is_taken_with_the_keyboard_alone(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, ft.Falling(clock=staging.SLOW), "alice")
    page = visit(f"/lots/{lot.lot}/room", "alice")
    page.locator(".button--take").wait_for()
    tab_to(page, ".button--take")
    page.keyboard.press("Enter")
    page.locator(".standing--lead").wait_for()
    assert lot.until("sold").state.winner == market.account("alice").id


def test_a_sealed_bid_is_sent_with_the_keyboard_alone(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, staging.FIRST, "alice")
    page = visit(f"/lots/{lot.lot}/room", "alice", language="en")
    page.locator("#amount").wait_for()
    tab_to(page, "#amount")
    page.keyboard.type("123456")
    page.keyboard.press("Enter")
    page.locator(".answer--good .digest code").wait_for()


def tab_to(page: Any, target: str) -> None:
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("target => document.activeElement?.matches(target) ?? false", target):
            shown = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert shown != "none", "where the keyboard stands is seen"
            return
    pytest.fail(f"{target} is not reached with the Tab key")


def test_a_lost_line_is_said_and_an_acceptance_sent_meanwhile_counts_once(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, ft.Falling(clock=staging.SLOW, units=5), "alice", "bob")
    page = visit(f"/lots/{lot.lot}/room", "alice", size=PHONE)
    page.locator(".link--up").wait_for()
    page.context.set_offline(True)
    page.locator(".button--take").click()
    page.locator(".answer--wait").wait_for()
    page.context.set_offline(False)
    page.locator(".answer--good a").wait_for()
    assert lot.state.play is not None and lot.state.play.taken == 1
    page.get_by_text("您已应价 1 件").wait_for()


def test_a_pause_shows_the_price_that_stands(visit: Visit, market: LiveMarket) -> None:
    lot = staging.stage(market, ft.Falling(clock=staging.SLOW, secret_floor=True), "alice")
    page = visit(f"/lots/{lot.lot}/room", "alice", language="en")
    page.locator(".button--take").wait_for()
    lot.say(PauseLot(reason="a question"))
    page.get_by_text("The clock stands still").wait_for()
    page.locator(".price", has_text="¥5,000,000").wait_for()
    assert page.locator(".button--take").count() == 0
