"""Pricing as a new user meets it: five answers, the report on a phone and on a desktop, in both languages, varied, and on paper."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from pricing.observations import Observation
from pricing.process import run
from tests.browser.conftest import LiveMarket, visitors
from tests.conftest import new_database

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
SIZES = ((390, 844), (1440, 900))
DAY_US = 86_400_000_000
PICTURES = os.environ.get("ORTOO_PICTURES", "")
"""A folder in which to leave what was seen."""


def deal(number: int) -> tuple[str, int, Observation]:
    """A deal of a market with two years of history; one in five is unsold."""
    one = Observation(
        sold=number % 5 > 0, price_fen=90_000_000 + 6_000_000 * (number * 7 % 23), mode=("english", "listing_bidding", "agreement")[number % 3],
        industry=("machinery", "agriculture", "chemicals")[number % 3], field=("02", "09", "05")[number % 3], region="1502",
        trl=4 + number % 5, remaining_years=6.0 + number % 11, title=f"示例成果 {number}", bidders=2 + number % 3, seller=f"p{number % 6}",
        buyer=f"b{number}", licence=("assign", "assign", "exclusive")[number * 5 % 3],
    )  # fmt: skip
    return f"lot/x{number}", 1_715_000_000_000_000 + number * 11 * DAY_US, one


@asynccontextmanager
async def pricing_of(services: Services) -> AsyncIterator[None]:
    """Run the pricing process of a market in its loop."""
    ready, stopping = asyncio.Event(), asyncio.Event()
    process = asyncio.create_task(
        run(services.pricing.dsn, services.config.data_dir, ready=ready.set, stopping=stopping)
    )
    async with asyncio.timeout(60):
        await ready.wait()
    yield
    stopping.set()
    await process


@pytest.fixture(scope="module")
def priced(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveMarket]:
    with ThreadPoolExecutor(1) as aside:  # Playwright may keep a loop in this thread
        dsn = aside.submit(lambda: asyncio.run(new_database(postgres))).result()
    live = LiveMarket(dsn, tmp_path_factory.mktemp("priced"), pricing_process=False)
    live.do(live.services.pricing.store.add([deal(number) for number in range(60)], live.services.now_us))
    live.stay(pricing_of(live.services))
    yield live
    live.stop()


@pytest.fixture
def visit(chromium: Any, priced: LiveMarket) -> Iterator[Visit]:
    yield from visitors(chromium, priced)


def keep(page: Any, name: str) -> None:
    """Leave a picture where somebody wants to look."""
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def answer(page: Any) -> None:
    """Answer the five questions."""
    page.select_option("#f-industry", "machinery")
    page.select_option("#f-trl", "6")
    page.fill("#f-sales", "3000")
    page.fill("#f-spent", "260")
    page.fill("#f-remaining_years", "12")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", SIZES, ids=["phone", "desktop"])
def test_five_answers_give_a_report_that_fits_the_screen(
    visit: Visit, priced: LiveMarket, language: str, size: tuple[int, int]
) -> None:
    login = f"newcomer{language}{size[0]}"
    priced.account(login, Role.SELLER)
    page = visit("/pricing/new", login, language=language, size=size)
    keep(page, f"wizard-{language}-{size[0]}")
    answer(page)
    page.click("main form.sheet button")
    page.wait_for_url("**/pricing/quotes/q*")
    title = {"zh": "价格测算参考报告", "en": "Price estimate"}[language]
    assert title in page.inner_text("h1")
    assert page.locator(".report__range svg").is_visible() and page.locator("svg.chart").count() >= 7
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, "nothing hangs over the edge"
    keep(page, f"report-{language}-{size[0]}")
    page.goto(priced.address + "/pricing")
    page.locator("#index svg").wait_for()
    keep(page, f"record-{language}-{size[0]}")


def test_sliders_and_a_deal_left_out_make_a_new_quote_that_names_the_old_one(visit: Visit, priced: LiveMarket) -> None:
    priced.account("slider", Role.SELLER)
    page = visit("/pricing/new", "slider", size=SIZES[1])
    answer(page)
    page.click("main form.sheet button")
    page.wait_for_url("**/pricing/quotes/q*")
    first = page.url
    range_of_sales = page.locator('[data-slider] input[type="range"]').first
    assert range_of_sales.is_visible()
    range_of_sales.focus()
    before = page.input_value("#v-sales")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#v-sales")) > float(before)
    page.locator('input[name="without"]').nth(1).check()
    left_out = page.locator('input[name="without"]').nth(1).get_attribute("value")
    keep(page, "vary-zh-1440")
    page.get_by_role("button", name="重新测算").click()
    page.wait_for_function("before => location.href !== before", arg=first)
    assert (
        left_out in page.inner_text("main")
        and page.locator(f'a[href="{first.removeprefix(priced.address)}"]').count() == 1
    )
    assert page.locator(f'input[name="without"][value="{left_out}"]').count() == 0
    pdf = page.request.get(page.url + "/report.pdf")
    assert pdf.status == 200 and pdf.body().startswith(b"%PDF")
    if PICTURES:
        (Path(PICTURES) / "report.pdf").write_bytes(pdf.body())


def test_without_script_the_numbers_alone_vary_a_quote(visit: Visit, priced: LiveMarket) -> None:
    priced.account("plain", Role.SELLER)
    page = visit("/pricing/new", "plain", size=SIZES[0], script=False)
    answer(page)
    page.click("main form.sheet button")
    page.wait_for_url("**/pricing/quotes/q*")
    first = page.url
    assert page.locator('[data-slider] input[type="range"]').first.is_hidden()
    page.fill("#v-royalty_percent", "6")
    page.get_by_role("button", name="重新测算").click()
    page.wait_for_url(lambda url: url != first)
    assert page.input_value("#v-royalty_percent") == "6"
