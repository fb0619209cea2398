"""Deals struck in three ways go through the pages in Chromium to a registration number: a live auction, a seat of a licence, an agreement
after its publicity. Each on one market with a sandbox bank in a process of its own: confirmation, contract, both signatures, payment,
proof, form without retyping, the registrars' desk, number and certificate; one of them on to the payout list of its income. The posted
listing is walked in test_registration.py.
"""

from __future__ import annotations

import asyncio
import csv
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from engine.rules.achievement.record import Mode
from engine.rules.publicity.state import NoticePhase
from engine.values import LotId, NoticeId
from gateway.accounts.model import Account, MemberRole, Role
from gateway.demo.bank import sandbox_bank
from settlement.deals.phases import Phase
from tests.browser.conftest import PASSWORD, SECOND, LiveMarket, visitors
from tests.browser.settling import (
    ACHIEVEMENT,
    COMPANY,
    HERE,
    INSTITUTION,
    PHONE,
    TYPED,
    Settlement,
    downloaded,
    organisation,
    until,
)
from tests.browser.test_listed_trade import _in_thread
from tests.gateway.conftest import Person
from tests.gateway.listed import register_verified, release_achievement, wish
from tests.settlement.registration.case import FACTORY, INSTITUTE
from tests.time_travel import travel

pytestmark = pytest.mark.browser
TITLE = ACHIEVEMENT["title_zh"]
SELLERS_BANK, BUYERS_BANK = "6200000000000003001", "6200000000000003002"


class Quay:
    """A market with a bank, an institution (two members), a company and the officers; what they said about themselves is on file."""

    def __init__(self, market: LiveMarket, bank: str) -> None:
        self.market, self.bank = market, bank
        self.services = market.services
        self.seller = market.do(
            organisation(self.services, market.account("quay-institute", Role.SELLER), INSTITUTION, SELLERS_BANK)
        )
        self.buyer = market.do(organisation(self.services, market.account("quay-company"), COMPANY, BUYERS_BANK))
        self.second = market.account("quay-approver", Role.SELLER)
        market.do(self.services.accounts.join(self.second.id, self.seller.party, MemberRole, HERE))
        contracts = self.services.registering.contracts
        for account, profile in ((self.seller, INSTITUTE), (self.buyer, FACTORY)):
            market.do(contracts.keep_profile(account.party, profile, actor=account.id))
        self.operator = market.account("operator", Role.OPERATOR)
        for login in ("registrar-a", "registrar-b"):
            market.account(login, Role.REGISTRAR)

    def say(self, account: Account, path: str, **body: Any) -> dict[str, Any]:
        """Send a wish over REST."""

        async def sent() -> dict[str, Any]:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
                login = await self.services.accounts.log_in(account.login, PASSWORD, "127.0.0.1")
                status, answer = await Person(self.services, http, account, login).post(f"/api/v1{path}", wish(**body))
                assert status == 200, answer
                return answer

        answer: dict[str, Any] = self.market.do(sent())
        return answer

    def achievement(self, mode: Mode) -> str:
        """Publish the institution's achievement."""
        work: Coroutine[Any, Any, str] = release_achievement(self.services, self.seller, mode, **ACHIEVEMENT)
        published: str = self.market.do(work)
        return published

    def settlement(self, visit: Callable[..., Any], deal_id: str) -> Settlement:
        """The people of a deal, once its contract can be read."""
        found = Settlement(self.market, visit, deal_id, "quay-institute", "quay-company", self.bank, BUYERS_BANK)
        found.until(Phase.SIGNING)
        return found


@pytest.fixture(scope="module")
def quay(chromium: Any, postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quay]:
    from tests.conftest import new_database

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    dsn = _in_thread(lambda: asyncio.run(new_database(postgres)))
    market = LiveMarket(dsn, tmp_path_factory.mktemp("quay"), bank_url=f"http://127.0.0.1:{port}", session_hours=168)
    try:
        quay = Quay(market, f"http://127.0.0.1:{port}/")
        names = {SELLERS_BANK: INSTITUTION.name_zh, BUYERS_BANK: COMPANY.name_zh}
        market.stay(sandbox_bank(market.services.config, port, names))
        yield quay
    finally:
        market.stop()


@pytest.fixture
def visit(chromium: Any, quay: Quay) -> Iterator[Callable[..., Any]]:
    yield from visitors(chromium, quay.market)


def to_the_number(
    deal: Settlement, number: str, yuan: int, tmp_path: Path, answers: dict[str, str] = TYPED
) -> dict[str, str]:
    """Walk from the contract to the certificate; a licence is accepted by its buyer, a patent by who has seen the register."""
    price = f"{yuan:,}.00"
    for who in (deal.seller, deal.buyer):
        deal.sign(who, TITLE, price, INSTITUTION.name_zh, COMPANY.name_zh, size=PHONE)
    deal.until(Phase.PAYING)
    deal.pay(str(yuan), yuan * 100)
    process = deal.until(Phase.DELIVERING)
    assert process.certificate_no and process.confirmation
    deal.hand_over("手续合格通知书 2026-118")
    if process.deal.needs_registry:
        deal.check_register()
    else:
        deal.accept()
    deal.to_be_registered()
    page = deal.fill_form(TITLE, answers)
    deal.register(number)
    shown = deal.registered(page, number, tmp_path, INSTITUTION.name_zh, COMPANY.name_zh, price)
    process = deal.until(Phase.DISTRIBUTING)
    assert process.registration_no == number
    for who in (deal.seller, deal.buyer, "operator"):
        assert number in deal.visit(f"/deals/{deal.id}", who).inner_text("main"), "everybody concerned sees the number"
    assert shown["totalamount"].replace(",", "") == f"{yuan}.00"
    return shown


def distribute(quay: Quay, deal: Settlement, visit: Callable[..., Any], tmp_path: Path) -> None:
    """The unit adopts a policy, shares what came in, makes it public, pays it out: that payment ends the deal."""
    page = visit("/console/distribution", "quay-institute")
    policy = {
        "title": "收益分配办法", "adopted_ref": "院发〔2026〕8号", "reward_1": "70", "college_1": "10", "main": "50", "staff": "5",
    }  # fmt: skip
    for name, value in policy.items():
        page.fill(f"input[name={name}]", value)
    page.locator("button[value=propose_policy]").click()
    approver = visit("/console/distribution", "quay-approver")
    approver.locator("button[value=approve_policy]").click()
    approver.locator(".tag--good").wait_for()
    page.goto(f"{quay.market.address}/deals/{deal.id}")
    assert page.locator("button[value=distributed]").count() == 0, "there is one way"
    page.locator(f"a.button[href='/deals/{deal.id}/distribution']").click()
    page.fill("#f-cost_valuation", "20,000")
    page.fill("#f-persons", "甲，主要，60\n乙，其他，40\n丙，服务，1")
    page.get_by_role("button", name="拟订").click()
    page.wait_for_url("**/distribution/X-*")
    approver.goto(page.url)
    approver.locator("button[value=approve]").click()
    approver.get_by_text("公示中").first.wait_for()
    plan = quay.market.do(quay.services.distribution.read(f"X-{deal.id}-1"))
    quay.market.do(travel(quay.services.engine, plan.public_until_us))
    page = visit(f"/distribution/X-{deal.id}-1", "quay-institute", size=PHONE)
    paid = list(csv.reader(downloaded(page, "payout.csv", tmp_path).decode("utf-8-sig").splitlines()))[1:]
    assert [(row[4], row[6]) for row in paid] == [("甲", "311220.00"), ("乙", "207480.00"), ("丙", "27300.00")]
    page.fill("#f-text", "工资单 2026-12")
    page.locator("button[value=pay]").click()
    page.get_by_text("工资单 2026-12").first.wait_for()
    assert deal.until(Phase.ARCHIVED).distribution_ref == f"X-{deal.id}-1"
    split = plan.proposed.split
    parts = (split.reward_fen, split.college_fen, split.office_fen, split.broker_fen, split.unit_fen, split.costs_fen)
    assert sum(parts) == 800_000_00 and sum(one.amount_fen for one in split.persons) == split.reward_fen == 546_000_00


def test_a_live_auction(quay: Quay, visit: Callable[..., Any], tmp_path: Path) -> None:
    market, lot, now_us = quay.market, f"quay-{uuid4().hex[:6]}", quay.services.now_us
    market.do(register_verified(quay.services, market.account("quay-rival"), "6200000000000003003"))
    closing = {"opens_at_us": now_us, "closes_at_us": now_us + 36_000 * SECOND, "extension_us": 300 * SECOND}
    quay.say(
        quay.operator, "/lots", lot=lot, seller=quay.seller.id, achievement=quay.achievement(Mode.TRANSFER),
        subject={"title_zh": TITLE, "title_en": "Magnets", "field": "05", "region": "150200"},
        terms={
            "closing": closing, "increment": {"kind": "fixed", "step": "1000000"}, "start_price": "100000000", "admission": "open",
        },
    )  # fmt: skip
    until(lambda: (state := quay.services.engine.state(LotId(lot))) is not None and state.phase.is_bidding)
    assert TITLE in visit(f"/lots/{lot}").inner_text("main")
    for login, yuan in (("quay-company", "1000000"), ("quay-rival", "1190000"), ("quay-company", "1200000")):
        if login == "quay-rival" or yuan == "1000000":
            quay.say(market.account(login), f"/lots/{lot}/admission")
        page = visit(f"/lots/{lot}/room", login)
        page.get_by_text("实时连接").wait_for()
        page.fill("#amount", yuan)
        page.keyboard.press("Enter")
        page.locator(".standing", has_text="您目前领先").wait_for()
    state = quay.services.engine.state(LotId(lot))
    assert state is not None and state.closes_at_us is not None
    market.do(travel(quay.services.engine, state.closes_at_us))
    deal = quay.settlement(visit, f"DA-{lot}")
    shown = to_the_number(deal, "2026150201000501", 1_200_000, tmp_path)
    assert "专利权转让" in shown["contracttype"] and "发明" in shown["ipr"], shown


def test_a_seat_of_a_licence(quay: Quay, visit: Callable[..., Any], tmp_path: Path) -> None:
    name = f"quay-{uuid4().hex[:6]}"
    terms = {
        "mode": "PLAIN", "way": "posted", "list_price": "30000000", "admission": "open", "disclosure_working_days": 0, "seats": 2,
    }  # fmt: skip
    quay.say(quay.seller, "/listings", listing=name, achievement=quay.achievement(Mode.PLAIN), terms=terms)
    quay.say(quay.operator, f"/listings/{name}/publish")
    page = visit(f"/listings/{name}", "quay-company")
    page.locator("button[value=take]").click()
    page.get_by_role("alertdialog").locator("button[value=take]").click()
    deal = quay.settlement(visit, f"DL-{name}-1")
    assert "席位" in visit(f"/deals/{deal.id}", "quay-company").inner_text("main")
    asked = {name: value for name, value in TYPED.items() if not name.startswith("expected")}
    shown = to_the_number(deal, "2026150201000502", 300_000, tmp_path, asked)
    assert "专利实施许可" in shown["contracttype"], shown
    assert "剩余" in visit(f"/listings/{name}").inner_text("main"), "the other seat is still to be had"


def test_an_agreement_after_its_publicity(quay: Quay, visit: Callable[..., Any], tmp_path: Path) -> None:
    notice = NoticeId(f"quay-{uuid4().hex[:6]}")
    content = {
        "mode": "TRANSFER", "price": "80000000", "buyer": {"party": quay.buyer.party}, "objections_to": "科技处 0471-0000000",
        "basis": [{"kind": "inquiry", "reference": "询价2026-3"}], "completers": [{"declared": True}, {"declared": True}],
    }  # fmt: skip
    quay.say(quay.seller, "/notices", notice=notice, achievement=quay.achievement(Mode.TRANSFER), content=content)
    quay.say(quay.second, f"/notices/{notice}/approve", body="office")
    quay.say(quay.second, f"/notices/{notice}/publish")
    notices = quay.services.engine.notices

    def stands(phase: NoticePhase) -> Any:
        return until(lambda: state if (state := notices.state(notice)) is not None and state.phase is phase else None)

    board = visit(f"/board/notices/{notice}")
    assert "¥800,000" in board.inner_text("main")
    board.context.close()  # nobody looks at it for fifteen days
    quay.market.do(travel(quay.services.engine, stands(NoticePhase.PUBLISHED).ends_at_us))
    quay.market.do(travel(quay.services.engine, stands(NoticePhase.CLEAN).certifies_at_us))
    stands(NoticePhase.CERTIFIED)
    quay.say(quay.second, f"/notices/{notice}/confirm")
    deal = quay.settlement(visit, f"DN-{notice}")
    shown = to_the_number(deal, "2026150201000503", 800_000, tmp_path)
    assert "专利权转让" in shown["contracttype"], shown
    distribute(quay, deal, visit, tmp_path)
    assert notices.state(notice).phase is NoticePhase.CONTRACT  # type: ignore[union-attr]
