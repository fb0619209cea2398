"""The steps from a struck deal to its registration number, as the people concerned do them at their browsers; walks share them.

Signing, paying, handing over (`Settlement`), the registration form, the desk, and the files opened and compared field by field.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdf
from openpyxl import load_workbook

from engine.catalogue.parties.party import BankAccount, PartyKind, Registration
from engine.rules.achievement import record as r
from engine.rules.real_name import RealNameAct
from gateway.accounts.audit import NOBODY, Origin
from gateway.accounts.model import Account, MemberRole
from gateway.services import Services
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.registration.form import form_fields
from settlement.registration.workbook import FORM_SHEET
from settlement.verification import verify_money
from tests.browser.conftest import LiveMarket
from tests.settlement.registration.case import ANSWERS, FACTORY, INSTITUTE

FINAL_S = 60
HERE = Origin(NOBODY, "test")
PHONE, DESK = (390, 844), (1440, 900)
ACHIEVEMENT: dict[str, Any] = {
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
TYPED = {name: value.removesuffix(".00") for name, value in ANSWERS.items()}
"""What only people know about a contract: plan source, objective, expected input and output."""


async def organisation(services: Services, account: Account, said: Registration, bank_account: str = "") -> Account:
    """Register an organisation that was checked, and let the account act for it."""
    party = await services.parties.register(said, account.id)
    await services.accounts.join(account.id, party, MemberRole, HERE)
    for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
        await services.parties.act(party, act, account.id)
    if bank_account:
        at = BankAccount(holder=said.name_zh, number=bank_account, bank="示范银行")
        await services.parties.set_bank_account(party, at, account.id)
    return (await services.accounts.by_ids([account.id]))[account.id]


def until(met: Callable[[], Any]) -> Any:
    """Return what is wished for once it is there."""
    end = time.monotonic() + FINAL_S
    while not (found := met()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def balances(market: LiveMarket) -> dict[str, int]:
    """Return what stands on each account; the books balance, and the checker of the money finds nothing."""
    totals = market.do(market.services.settling.ledger.trial_balance())
    assert sum(one.balance_fen for one in totals) == 0
    verdict = market.do(verify_money(market.services.pool))
    assert not verdict.findings, verdict
    return {one.account: one.balance_fen for one in totals if one.balance_fen}


class Settlement:
    """The two sides and the operator of one deal, at their browsers. `payer`: number of the buyer's account at the sandbox bank."""

    def __init__(
        self, market: LiveMarket, visit: Callable[..., Any], deal_id: str, seller: str, buyer: str, bank: str = "", payer: str = ""
    ) -> None:  # fmt: skip
        self.market, self._visit, self.id = market, visit, deal_id
        self._pages: dict[str, Any] = {}
        self.seller, self.buyer, self.bank, self.payer = seller, buyer, bank, payer

    def visit(self, path: str, who: str, size: tuple[int, int] = (1280, 800)) -> Any:
        """Go somewhere with somebody's browser; he logs in once."""
        page = self._pages.get(who)
        if page is None:
            page = self._pages[who] = self._visit(path, who, size=size)
            return page
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(self.market.address + path)
        return page

    def until(self, *phases: Phase) -> Process:
        """Return the deal once it stands in one of these phases."""
        deals = self.market.services.settling.deals

        def there() -> Process | None:
            process: Process | None = self.market.do(deals.read(self.id))
            return process if process is not None and process.phase in phases else None

        found: Process = until(there)
        return found

    def sign(self, who: str, *read: str, **how: Any) -> None:
        """Come from one's own deals, read the whole contract, sign its text."""
        page = self.visit("/me/deals", who, **how)
        page.locator(f"a[href='/deals/{self.id}']").click()
        page.get_by_role("link", name="阅读并签署").click()
        page.get_by_text("合同文本摘要").wait_for()
        page.locator(f"a[href='/contracts/C-{self.id}']").click()
        text = page.inner_text("main")
        assert all(words in text for words in read), text
        page.go_back()
        page.check("input[name=agree]")
        page.locator("button[value=sign]").click()
        page.wait_for_url(re.compile(rf"/deals/{re.escape(self.id)}$"))
        page.get_by_text("签署合同").first.wait_for()

    def pay(self, yuan: str, open_fen: int) -> None:
        """Read account and amount on the payment page, pay at the bank."""
        page = self.visit(f"/deals/{self.id}", self.buyer, size=PHONE)
        page.get_by_role("link", name="查看付款账户").click()
        account = page.locator(".pay__account").inner_text()
        assert f"¥{open_fen // 100:,}" in page.inner_text("main")
        page.goto(self.bank)
        page.select_option("#payer", self.payer)
        page.fill("#virtual_account", account)
        page.fill("#amount", yuan)
        page.locator("form[action='/transfers'] button").click()
        page.locator(".notice--good").wait_for()

    def hand_over(self, proof: str) -> None:
        """The seller names the proof."""
        page = self.visit(f"/deals/{self.id}", self.seller)
        page.fill("#f-proof_ref", proof)
        page.locator("button[value=hand_over]").click()
        page.get_by_text("轮到您办理").wait_for(state="detached")

    def check_register(self) -> None:
        """The operator has seen the register's proof."""
        page = self.visit("/desk/deals?queue=open", "operator", size=DESK)
        page.locator(f"a[href='/deals/{self.id}']").click()
        page.fill("#f-reason", "登记簿副本载明权利人已变更")
        page.locator("button[value=accept]").click()
        page.wait_for_load_state()

    def accept(self) -> None:
        """The buyer of a licence takes what was handed over as it is."""
        page = self.visit(f"/deals/{self.id}", self.buyer, size=PHONE)
        page.locator("button[value=accept]").click()
        page.wait_for_load_state()

    def to_be_registered(self) -> None:
        """Everybody sees that the contract is to be registered; the bank has paid the seller, the books balance."""
        self.until(Phase.REGISTERING)
        for who in (self.seller, self.buyer, "operator"):
            page = self.visit(f"/deals/{self.id}", who)
            page.locator(".title-row .tag", has_text="待登记").wait_for()
            page.locator(".way__step--now", has_text="登记").wait_for()
        page = self._visit("/me/statement", self.seller, language="en")
        page.get_by_text("Price released").first.wait_for()
        assert balances(self.market) == {}

    # The registration

    def fill_form(self, title: str, answers: dict[str, str]) -> Any:
        """The registrant finds the form filled but for exactly these answers, gives them, hands it in; return its page."""
        registrations = self.market.services.registering.registrations
        until(lambda: self.market.do(registrations.of_deal(self.id)))
        page = self.visit("/me/registrations", self.seller, size=DESK)
        assert title in page.inner_text("main")
        page.locator(f"a[href='/registrations/R-{self.id}']").click()
        assert "还需处理" in page.inner_text("main")
        told = {row.get_attribute("id") for row in page.locator("tr.form-sheet__row--bad").all()}
        assert told == {f"f-{key}" for key in answers}, "only what the market cannot know is asked"
        for key, value in answers.items():
            field = page.locator(f"#i-{key}")
            field.select_option(value) if field.evaluate("node => node.tagName") == "SELECT" else field.fill(value)
        page.locator("button[value=submit]").click()
        page.get_by_text("已提交").first.wait_for()
        return page

    def register(self, number: str) -> None:
        """Two registrars at their desk: one checks, accepts and gives an opinion, the other gives the number."""
        first = self.visit("/desk/registrations", "registrar-a", size=DESK)
        first.locator(f"a[href='/desk/registrations/R-{self.id}']").click()
        for act in ("start_pre_check", "accept", "start_review", "opinion"):
            first.locator(f"button[value={act}]").click()
            first.locator(f"button[value={act}]").wait_for(state="detached")
        second = self.visit(f"/desk/registrations/R-{self.id}", "registrar-b", size=DESK)
        second.fill("#number", number)
        second.locator("button[value=register]").click()
        second.get_by_text(number).first.wait_for()
        second.get_by_text("已登记").first.wait_for()

    def registered(self, page: Any, number: str, directory: Path, *certified: str) -> dict[str, str]:
        """The number stands on the registrant's page; workbook, form and certificate hold what it shows; return its fields."""
        page.reload()
        assert number in page.inner_text("main")
        shown = shown_fields(page)
        assert len(shown) >= 45
        check_xlsx(downloaded(page, "form.xlsx", directory), shown, number)
        check_pdf(downloaded(page, "form.pdf", directory), shown)
        certificate = squeezed(downloaded(page, "certificate.pdf", directory))
        for wanted in (number, *certified):
            assert "".join(wanted.split()) in certificate, wanted
        page.get_by_role("link", name="证明核验页").click()
        page.locator(".stamp--good").wait_for()
        return shown


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


def check_xlsx(body: bytes, shown: dict[str, str], number: str) -> None:
    sheet = load_workbook(BytesIO(body))[FORM_SHEET]
    rows = {str(row[1]): row for row in sheet.iter_rows(min_row=2, values_only=True)}
    for key, value in shown.items():
        if key == "registration_number":
            assert number in str(sheet["A2"].value)
            continue
        field = form_fields()[key]
        assert (rows[field.zh][3] or "", rows[field.zh][4]) == (field.national, value), key


def check_pdf(body: bytes, shown: dict[str, str]) -> None:
    text = squeezed(body)
    for key, value in shown.items():
        assert "".join(value.split()) in text, key


def squeezed(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages).split())
