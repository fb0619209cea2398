"""A deal from a real listing goes through the pages in Chromium to a registration number; XLSX and PDF are opened and checked field by field."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pypdf
import pytest
from openpyxl import load_workbook

from engine.catalogue.parties.party import PartyKind, Registration
from engine.rules.achievement import record as r
from engine.rules.conflicts import RelationKind
from engine.rules.real_name import RealNameAct
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.model import Account, MemberRole, Role
from gateway.services import Services
from settlement.deals.phases import Phase
from settlement.registration.form import form_fields
from settlement.registration.workbook import FORM_SHEET
from tests.browser.conftest import PASSWORD, LiveMarket, visitors
from tests.gateway.conftest import Person
from tests.gateway.listed import release_achievement
from tests.settlement.registration.case import FACTORY, INSTITUTE

pytestmark = pytest.mark.browser
FINAL_S = 60
NUMBER = "2026150201000456"
HERE = Origin(NOBODY, "test")
CHANGES: dict[str, Any] = {
    "title_zh": "高性能稀土永磁体低重稀土制备技术", "title_en": "Low heavy-rare-earth magnets", "holder_zh": "包头稀土材料研究所",
    "abstract_zh": "通过晶界扩散与细晶工艺降低重稀土用量，在保持矫顽力的同时提高磁能积，适用于高温电机。" * 2,
    "fields": ("05",), "industry": "38", "region": "150200", "indicators": (r.Indicator(name="最大磁能积", value="52 MGOe"),),
    "rights": (r.Right(kind=r.RightKind.INVENTION, name="一种稀土永磁体的制备方法", number="ZL201810123456.5", filed_on="2018-02-06", granted_on="2020-05-12", annuity_paid_to="2027-02-06"),),
}  # fmt: skip
INSTITUTION = Registration(
    kind=PartyKind.ORGANISATION, name_zh="包头稀土材料研究所", number="12150200MB0T00011T", nature="0211", holder_kind="public_institution",
    region="150202", contact="联系人甲", phone="0472-5000001",
)  # fmt: skip
COMPANY = Registration(
    kind=PartyKind.ORGANISATION, name_zh="青山新材料有限公司", number="91150204MA0QABCD2Q", nature="150", holder_kind="company",
    region="150204", contact="联系人乙", phone="0472-5000002",
)  # fmt: skip


async def organisation(services: Services, account: Account, said: Registration) -> Account:
    """Register an organisation that was checked, and let the account act for it."""
    party = await services.parties.register(said, account.id)
    await services.accounts.join(account.id, party, MemberRole, HERE)
    for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
        await services.parties.act(party, act, account.id)
    return (await services.accounts.by_ids([account.id]))[account.id]


async def person(services: Services, http: aiohttp.ClientSession, account: Account) -> Person:
    return Person(services, http, account, await services.accounts.log_in(account.login, PASSWORD, "127.0.0.1"))


async def struck(services: Services, seller: Account, buyer: Account, operator: Account) -> str:
    """List at a posted price, take it, and return the deal once its contract is to be signed."""
    achievement = await release_achievement(services, seller, r.Mode.TRANSFER, **CHANGES)
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


def sign(market: LiveMarket, open_page: Callable[..., Any], deal: str) -> None:
    """Both sides read the whole contract and sign it on its page; the worker opens the registration."""
    for login in ("reg-institute", "reg-company"):
        page = open_page(f"/deals/{deal}/sign", login)
        page.locator(f"a[href='/contracts/C-{deal}']").click()
        text = page.inner_text("main")
        assert CHANGES["title_zh"] in text and "3,000,000.00" in text
        page.go_back()
        page.check("input[name=agree]")
        page.locator("button[value=sign]").click()
        page.wait_for_url(f"**/deals/{deal}")
    registrations = market.services.registering.registrations
    until(lambda: market.do(registrations.of_deal(deal)) is not None)


@pytest.fixture(scope="module")
def deal(chromium: Any, market: LiveMarket) -> str:
    services = market.services
    seller = market.do(organisation(services, market.account("reg-institute", Role.SELLER), INSTITUTION))
    buyer = market.do(organisation(services, market.account("reg-company"), COMPANY))
    tie = services.ties.declare(buyer.party, seller.party, RelationKind.SHAREHOLDER, "", buyer.id)
    market.do(tie)
    found: str = market.do(struck(services, seller, buyer, market.account("reg-operator", Role.OPERATOR)))
    signing = visitors(chromium, market)
    sign(market, next(signing), found)
    assert next(signing, None) is None
    for login in ("registrar-a", "registrar-b"):
        market.account(login, Role.REGISTRAR)
    return found


@pytest.fixture
def browse(chromium: Any, market: LiveMarket) -> Iterator[Callable[..., Any]]:
    yield from visitors(chromium, market)


def profile_answers() -> dict[str, str]:
    """What the two parties say about themselves once, by field."""
    found: dict[str, str] = {}
    for side, profile in (("seller", INSTITUTE), ("buyer", FACTORY)):
        found |= {
            f"{side}_address": profile.address, f"{side}_representative": profile.legal_representative, f"{side}_zipcode": profile.zip_code,
            f"{side}_industry": profile.industry, f"{side}_jszyjg": "0", f"{side}_isyfjg": str(int(bool(profile.is_research_institution))),
            f"{side}_zzkyys": "0",
        }  # fmt: skip
    return {**found, "buyer_countrygxqqy": "1", "buyer_islist": "0", "buyer_scale": "MEDIUM"}


def answer(page: Any, key: str, value: str) -> None:
    field = page.locator(f"#i-{key}")
    field.select_option(value) if field.evaluate("node => node.tagName") == "SELECT" else field.fill(value)


def test_a_deal_goes_through_the_pages_to_a_number_and_its_files_read_back(
    market: LiveMarket, deal: str, browse: Callable[..., Any], tmp_path: Path
) -> None:
    seller = browse("/me/registrations", "reg-institute", size=(1440, 900))
    assert CHANGES["title_zh"] in seller.inner_text("main")
    seller.locator(f"a[href='/registrations/R-{deal}']").click()
    assert "还需处理" in seller.inner_text("main")
    told = {row.get_attribute("id") for row in seller.locator("tr.form-sheet__row--bad").all()}
    answers = {
        **profile_answers(),
        "projectplantype": "NONE",
        "objective": "10",
        "expected_input": "2000000",
        "expected_output": "15000000",
    }
    assert told == {f"f-{key}" for key in answers}, "only what the market cannot know is asked"
    for key, value in answers.items():
        answer(seller, key, value)
    seller.locator("button[value=submit]").click()
    seller.get_by_text("已提交").first.wait_for()

    first = browse("/desk/registrations", "registrar-a", size=(1440, 900))
    first.locator(f"a[href='/desk/registrations/R-{deal}']").click()
    for act in ("start_pre_check", "accept", "start_review", "opinion"):
        first.locator(f"button[value={act}]").click()
        first.locator(f"button[value={act}]").wait_for(state="detached")
    second = browse(f"/desk/registrations/R-{deal}", "registrar-b", size=(1440, 900))
    second.fill("#number", NUMBER)
    second.locator("button[value=register]").click()
    second.get_by_text("已登记").first.wait_for()

    seller.reload()
    assert NUMBER in seller.inner_text("main")
    shown = shown_fields(seller)
    assert len(shown) >= 45 and shown["isrelated"] == "是", "the buyer had declared that it holds shares in the seller"
    check_xlsx(downloaded(seller, "form.xlsx", tmp_path), shown)
    check_pdf(downloaded(seller, "form.pdf", tmp_path), shown)
    certificate = squeezed(downloaded(seller, "certificate.pdf", tmp_path))
    for wanted in (NUMBER, INSTITUTION.name_zh, COMPANY.name_zh, "3,000,000.00"):
        assert wanted in certificate
    seller.get_by_role("link", name="证明核验页").click()
    seller.locator(".stamp--good").wait_for()
    assert CHANGES["title_zh"] in seller.inner_text("main")
    until(lambda: deal_contract(market, deal) == "signed")


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


def shown_fields(page: Any) -> dict[str, str]:
    """Return what the form's page shows for each field, as its copy button holds it."""
    return {
        row.get_attribute("id").removeprefix("f-"): row.locator("button[data-copy]").get_attribute("data-copy")
        for row in page.locator("tr[id^=f-]").all()
        if row.locator("button[data-copy]").count()
    }


def downloaded(page: Any, name: str, directory: Path) -> bytes:
    with page.expect_download() as started:
        page.locator(f"a[href$='/{name}']").first.click()
    path = directory / name
    started.value.save_as(path)
    return path.read_bytes()


def check_xlsx(body: bytes, shown: dict[str, str]) -> None:
    rows = {str(row[1]): row for row in load_workbook(BytesIO(body))[FORM_SHEET].iter_rows(min_row=2, values_only=True)}
    for key, value in shown.items():
        if key == "registration_number":
            assert NUMBER in str(load_workbook(BytesIO(body))[FORM_SHEET]["A2"].value)
            continue
        field = form_fields()[key]
        assert (rows[field.zh][3] or "", rows[field.zh][4]) == (field.national, value), key


def check_pdf(body: bytes, shown: dict[str, str]) -> None:
    text = squeezed(body)
    for key, value in shown.items():
        assert "".join(value.split()) in text, key


def squeezed(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages).split())


def deal_contract(market: LiveMarket, deal: str) -> str:
    contract = market.do(market.services.registering.contracts.of_deal(deal))
    state: str = contract.state.value
    return state


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + FINAL_S
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)
