"""The other pages in a real browser, by role: find, register, join, publish, run, verify."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gateway.accounts.model import Role
from tests.browser.conftest import LiveMarket

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]


def test_a_newcomer_registers_joins_bids_and_downloads_a_receipt(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot()
    page = visit(f"/lots/{lot}")
    page.get_by_role("link", name="注册").first.click()
    page.fill("#f-login", f"neu{lot}")
    page.fill("#f-display_name", "草原合作社")
    page.fill("#f-password", "horse-battery-77")
    page.click("main form button")
    page.get_by_role("button", name="获取竞买代码").click()
    page.get_by_text("您的竞买代码").wait_for()
    page.get_by_role("link", name="进入竞价厅").click()
    page.fill("#amount", "1000")
    page.keyboard.press("Enter")
    page.locator(".answer--good").wait_for()
    with page.expect_download() as download:
        page.locator(".receipts a").click()
    assert download.value.suggested_filename.startswith(f"receipt-{lot}-")
    page.goto(f"{market.address}/me/bids")
    page.get_by_text("有效").first.wait_for()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_operator_prepares_previews_publishes_pauses_and_resumes(
    visit: Visit, market: LiveMarket, language: str
) -> None:
    market.account("olga", Role.OPERATOR)
    market.account("seller1", Role.SELLER)
    page = visit("/desk/lots/new?preset=court", "olga", language=language)
    opens = datetime.now(timezone(timedelta(hours=8))) + timedelta(minutes=-1)
    page.fill("#f-title_zh", "风电叶片除冰<script>alert(1)</script>")
    page.click("button[value=publish]")
    page.locator(".notice--bad").first.wait_for()
    assert page.input_value("#f-title_zh").startswith("风电叶片除冰"), "nothing typed is lost"
    for name, value in {
        "summary_zh": "简介", "seller": "seller1", "seller_name_zh": "研究所", "defects_zh": "无", "start_price": "1000",
        "increment_fixed": "100", "opens_at": opens.strftime("%Y-%m-%dT%H:%M:%S"),
        "closes_at": (opens + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S"),
    }.items():  # fmt: skip
        page.fill(f"#f-{name}", value)
    page.click("button[value=preview]")
    page.locator(".panel--preview li").first.wait_for()
    page.click("button[value=publish]")
    page.locator(".desk-lot").wait_for()
    page.fill("#f-reason", "核实投诉" if language == "zh" else "a complaint")
    page.click("button[value=pause]")
    page.locator(".phase--paused").first.wait_for()
    page.fill("#f-reason", "查清" if language == "zh" else "settled")
    page.click("button[value=resume]")
    page.locator(".phase--open").first.wait_for()
    assert "<script>alert" not in page.content()


def test_the_hall_searches_and_shows_live_prices(visit: Visit, market: LiveMarket) -> None:
    lot = market.open_lot("alice")
    page = visit("/?q=" + lot)
    card = page.locator(f"[data-lot='{lot}']")
    for _ in range(50):
        if card.count():
            break
        page.reload()
    card.wait_for()
    market.bid(lot, "alice", 1_000)
    card.locator("[data-price]", has_text="¥1,000").wait_for()
    page.goto(f"{market.address}/?q=nothing-like-this")
    page.get_by_text("没有符合条件的标的").wait_for()


@pytest.mark.parametrize("path", ["/", "/login", "/register", "/verify"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [(360, 740), (1920, 1080)])
def test_no_page_sticks_out_and_every_text_is_translated(
    visit: Visit, market: LiveMarket, path: str, language: str, size: tuple[int, int]
) -> None:
    page = visit("/", language=language, size=size)
    page.goto(market.address + path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    words = page.inner_text("body")
    assert not [
        word
        for word in words.split()
        if word.count(".") and word.split(".")[0] in ("nav", "hall", "lot", "room", "error")
    ]
