"""A deal from a real listing goes through the pages in Chromium to a registration number; XLSX and PDF are opened and checked field by field."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from engine.rules.achievement import record as r
from engine.rules.conflicts import RelationKind
from gateway.accounts.model import Account, Role
from gateway.services import Services
from settlement.deals.phases import Phase
from tests.browser.conftest import PASSWORD, LiveMarket, visitors
from tests.browser.settling import (
    ACHIEVEMENT,
    COMPANY,
    FINAL_S,
    INSTITUTION,
    TYPED,
    Settlement,
    organisation,
    profile_answers,
    until,
)
from tests.gateway.conftest import Person
from tests.gateway.listed import release_achievement

pytestmark = pytest.mark.browser
NUMBER = "2026150201000456"


async def person(services: Services, http: aiohttp.ClientSession, account: Account) -> Person:
    return Person(services, http, account, await services.accounts.log_in(account.login, PASSWORD, "127.0.0.1"))


async def struck(services: Services, seller: Account, buyer: Account, operator: Account) -> str:
    """List at a posted price, take it, and return the deal once its contract is to be signed."""
    achievement = await release_achievement(services, seller, r.Mode.TRANSFER, **ACHIEVEMENT)
    name = f"reg-{uuid4().hex[:6]}"
    terms = {
        "mode": "TRANSFER",
        "way": "posted",
        "list_price": "300000000",
        "admission": "open",
        "disclosure_working_days": 0,
    }
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        for account, path, body in (
            (seller, "", {"listing": name, "achievement": achievement, "terms": terms}),
            (operator, f"/{name}/publish", {}),
            (buyer, f"/{name}/take", {"price": "300000000"}),
        ):
            who = await person(services, http, account)
            status, answer = await who.post(f"/api/v1/listings{path}", {"id": str(uuid4()), **body})
            assert status == 200, answer
    deal = f"DL-{name}-1"
    async with asyncio.timeout(FINAL_S):
        while (process := await services.settling.deals.read(deal)) is None or process.phase is not Phase.SIGNING:
            await asyncio.sleep(0.05)
    return deal


@pytest.fixture(scope="module")
def deal(chromium: Any, market: LiveMarket) -> str:
    services = market.services
    seller = market.do(organisation(services, market.account("reg-institute", Role.SELLER), INSTITUTION))
    buyer = market.do(organisation(services, market.account("reg-company"), COMPANY))
    market.do(services.ties.declare(buyer.party, seller.party, RelationKind.SHAREHOLDER, "", buyer.id))
    found: str = market.do(struck(services, seller, buyer, market.account("reg-operator", Role.OPERATOR)))
    signing = visitors(chromium, market)
    settlement = settlement_of(market, next(signing), found)
    for login in ("reg-institute", "reg-company"):
        settlement.sign(login, ACHIEVEMENT["title_zh"], "3,000,000.00")
    registrations = services.registering.registrations
    until(lambda: market.do(registrations.of_deal(found)))
    assert next(signing, None) is None
    for login in ("registrar-a", "registrar-b"):
        market.account(login, Role.REGISTRAR)
    return found


@pytest.fixture
def browse(chromium: Any, market: LiveMarket) -> Iterator[Callable[..., Any]]:
    yield from visitors(chromium, market)


def settlement_of(market: LiveMarket, visit: Callable[..., Any], deal: str) -> Settlement:
    return Settlement(market, visit, deal, "reg-institute", "reg-company")


def test_a_deal_goes_through_the_pages_to_a_number_and_its_files_read_back(
    market: LiveMarket, deal: str, browse: Callable[..., Any], tmp_path: Path
) -> None:
    settlement = settlement_of(market, browse, deal)
    page = settlement.fill_form(ACHIEVEMENT["title_zh"], {**profile_answers(), **TYPED})
    settlement.register(NUMBER)
    shown = settlement.registered(page, NUMBER, tmp_path, INSTITUTION.name_zh, COMPANY.name_zh, "3,000,000.00")
    assert shown["isrelated"] == "是", "the buyer had declared that it holds shares in the seller"
    assert ACHIEVEMENT["title_zh"] in page.inner_text("main")
    contracts = market.services.registering.contracts
    until(lambda: market.do(contracts.of_deal(deal)).state.value == "signed")


def test_one_click_copies_a_field_and_goes_on_to_the_next(
    market: LiveMarket, deal: str, browse: Callable[..., Any]
) -> None:
    page = browse(f"/registrations/R-{deal}", "reg-institute")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=market.address)
    buttons = page.locator("button[data-copy]")
    assert buttons.count() >= 40
    for place in range(3):
        buttons.nth(place).click()
        page.locator("button.is-done").first.wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == buttons.nth(place).get_attribute("data-copy")
        assert page.evaluate("document.activeElement.dataset.copy") == buttons.nth(place + 1).get_attribute("data-copy")


def test_the_form_works_without_script_and_in_english_on_a_phone(deal: str, browse: Callable[..., Any]) -> None:
    page = browse(f"/registrations/R-{deal}", "reg-institute", language="en", size=(390, 844), script=False)
    text = page.inner_text("main")
    assert "Total amount (yuan)" in text and "Registration" in page.title()
    assert page.locator("button[data-copy]").first.is_hidden(), "what needs script is not shown without it"
