"""Distribution on the pages: one member proposes, another approves, strangers and the buyer see nothing, the payout list is a file."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import msgspec
import openpyxl
import pytest

from engine.catalogue.parties.party import BankAccount
from engine.rules.real_name import RealNameAct
from engine.values import InstantUs
from gateway.accounts.model import Role
from gateway.services import Services
from settlement.bank.port import PayoutResult, PayoutState
from settlement.deals.phases import Phase
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deals import ACCOUNT, Table
from tests.gateway.test_deposits import html
from tests.gateway.test_parties import colleague, founder
from tests.settlement.deals.conftest import a_deal
from tests.time_travel import travel

POLICY = {
    "act": "propose_policy", "title": "收益分配办法", "adopted_ref": "校发〔2025〕12号", "from_1": "0", "reward_1": "70", "college_1": "10",
    "main": "50", "staff": "5", "publicity_days": "15",
}  # fmt: skip
PERSONS = "甲，主要，60\n乙, other, 40\n丙,服务,1"


class Unit:
    """A unit with three members, a deal whose price came in, and a buyer."""

    def __init__(self, market: Services, members: list[Person], buyer: Person) -> None:
        self.market, self.buyer = market, buyer
        self.administrator, self.clerk, self.approver = members
        self.deal = "DA-" + uuid4().hex[:8]

    async def struck(self) -> None:
        assert self.administrator.account is not None and self.buyer.account is not None
        source = a_deal().source.__class__(stream=f"lot/{self.deal[3:]}", stream_seq=2, event_digest="0" * 64)
        party = await self.market.accounts.by_ids([self.clerk.account.id])  # type: ignore[union-attr]
        deal = a_deal(
            id=self.deal, source=source, seller_id=next(iter(party.values())).party, buyers=(self.buyer.account.party,),
            price_fen=2_000_000_00, sign_by_us=self.market.now_us + 10**12, struck_at_us=self.market.now_us,
        )  # fmt: skip
        async with self.market.pool.acquire() as connection, connection.transaction():
            await self.market.settling.deals.open(deal, on=connection)
        process = await self.market.settling.deals.read(self.deal)
        assert process is not None
        changed = msgspec.structs.replace(process, price_released_fen=2_000_000_00, phase=Phase.PERFORMING)
        await self.market.pool.execute(
            "UPDATE deal SET body = $2, phase = 'performing', work_at_us = NULL WHERE id = $1",
            self.deal, msgspec.json.encode(changed, order="sorted"),
        )  # fmt: skip

    async def send(self, person: Person, path: str, **form: str) -> tuple[int, str]:
        assert person.login is not None
        return await html(person, path, {"csrf": person.login.caller.csrf, **form})


@pytest.fixture
async def unit(market: Services, town: Town) -> Unit:
    administrator = await founder(town)
    members = [
        administrator,
        await colleague(town, administrator, "applicant"),
        await colleague(town, administrator, "approver"),
    ]
    unit = Unit(market, members, await town.person(Role.BIDDER))
    await unit.struck()
    return unit


async def test_a_round_is_proposed_approved_public_and_listed(unit: Unit, town: Town) -> None:
    status, text = await unit.send(unit.clerk, "/console/distribution", **{**POLICY, "reward_1": "49"})
    assert status == 422 and "低于法定下限" in text and "未核实" in text
    assert (await unit.send(unit.clerk, "/console/distribution", **POLICY))[0] == 303
    assert (await unit.send(unit.clerk, "/console/distribution", act="approve_policy", version="1"))[0] == 422
    assert (await unit.send(unit.approver, "/console/distribution", act="approve_policy", version="1"))[0] == 303
    page = f"/deals/{unit.deal}/distribution"
    status, text = await html(unit.clerk, page)
    assert status == 200 and "¥2,000,000" in text and "70 %" in text
    status, text = await unit.send(unit.clerk, page, income="2000000", persons="甲，主要")
    assert status == 422 and "persons" in text
    assert (await unit.send(unit.clerk, page, income="2000000", persons=PERSONS))[0] == 303
    plan = f"/distribution/X-{unit.deal}-1"
    status, text = await html(unit.approver, plan)
    assert status == 200 and "¥1,400,000" in text and "¥70,000" in text and "¥798,000" in text
    assert (await unit.send(unit.clerk, plan, act="approve"))[0] == 422, "who proposed has no right to approve"
    assert (await unit.send(unit.approver, plan, act="approve"))[0] == 303
    status, text = await html(unit.clerk, plan)
    assert status == 200 and "公示中" in text
    assert (await unit.send(unit.administrator, plan, act="pay", text="工资单"))[0] == 422, (
        "it is public for 15 days first"
    )
    assert (await unit.send(unit.clerk, plan, act="object", text="漏列"))[0] == 303
    assert (await unit.send(unit.approver, plan, act="decide", text="不成立", upheld="0"))[0] == 303
    async with unit.clerk.http.get(unit.clerk.base + plan + "/payout.xlsx", headers=unit.clerk.headers) as response:
        sheet: Any = openpyxl.load_workbook(io.BytesIO(await response.read())).active
    rows = list(sheet.iter_rows(values_only=True))
    assert [(row[4], row[5], row[6]) for row in rows[1:]] == [
        ("甲", "main", "798000.00"), ("乙", "other", "532000.00"), ("丙", "staff", "70000.00"),
    ]  # fmt: skip
    await _strangers(unit, town, page, plan)


async def test_the_payment_of_the_plan_moves_the_deal_and_nothing_typed_beside_it_does(
    market: Services, town: Town
) -> None:
    administrator = await founder(town)
    assert administrator.account is not None
    party = (await market.accounts.by_ids([administrator.account.id]))[administrator.account.id].party
    for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
        await market.parties.act(party, act, administrator.account.id)
    account = BankAccount(holder="草原示范有限公司", number=ACCOUNT, bank="示范银行")
    await market.parties.set_bank_account(party, account, administrator.account.id)
    approver = await colleague(town, administrator, "approver")
    table = Table(market, administrator, await town.person(Role.BIDDER), await town.person(Role.OPERATOR))
    await table.struck(register_seller=False, seller_id=party)
    text = (await table.until(lambda one: one.phase is Phase.SIGNING)).contract_digest
    for person in (table.seller, table.buyer):
        assert await table.act(person, "sign", digest=text, agree="1") == 303
    await table.until(lambda one: one.phase is Phase.PAYING)
    await table.pay(300_000_00)
    await table.until(lambda one: one.phase is Phase.DELIVERING)
    assert await table.act(table.seller, "hand_over", proof_ref="登记簿副本") == 303
    assert await table.act(table.operator, "accept", reason="已核对") == 303
    process = await table.until(lambda one: one.phase is Phase.RELEASING)
    async with market.pool.acquire() as connection, connection.transaction():
        paid = PayoutResult(
            order_id=process.open_orders[0].order_id, state=PayoutState.SETTLED, bank_ref="out-1", booked_at_us=InstantUs(market.now_us)
        )  # fmt: skip
        await market.settling.payouts.settle(connection, paid)
    await table.until(lambda one: one.phase is Phase.REGISTERING)
    assert await table.act(table.operator, "registered", number="2026150201000777") == 303
    deal = f"/deals/{table.id}"
    assert 'value="distributed"' in (await html(table.seller, deal))[1], "without a policy the seller says how"
    unit = Unit(market, [administrator, administrator, approver], table.buyer)
    assert (await unit.send(administrator, "/console/distribution", **POLICY))[0] == 303
    assert (await unit.send(approver, "/console/distribution", act="approve_policy", version="1"))[0] == 303
    for person in (table.seller, table.operator):
        status, text = await html(person, deal)
        assert status == 200 and 'value="distributed"' not in text and f"{deal}/distribution" in text
        assert await table.act(person, "distributed", ref="已分配") == 422
    assert "distributed" not in (await table.seller.send("GET", f"/api/v1{deal}"))[1]["acts"]
    refused = await table.seller.post(f"/api/v1{deal}/acts", {"act": "distributed", "fields": {"ref": "x"}})
    assert (refused[0], refused[1]["data"]["problem"]) == (409, "distributed_by_plan")
    assert (await unit.send(administrator, f"{deal}/distribution", income="300000", persons=PERSONS))[0] == 303
    plan_id = f"X-{table.id}-1"
    assert (await unit.send(approver, f"/distribution/{plan_id}", act="approve"))[0] == 303
    plan = await market.distribution.read(plan_id)
    assert plan is not None
    await travel(market.engine, plan.public_until_us)
    assert (await unit.send(administrator, f"/distribution/{plan_id}", act="pay", text="工资单 2026-12"))[0] == 303
    process = await table.deal()
    assert (process.phase, process.distribution_ref) == (Phase.ARCHIVED, plan_id)
    said = plan.proposed.split
    parts = (said.reward_fen, said.college_fen, said.office_fen, said.broker_fen, said.unit_fen)
    assert sum(parts) == said.net_fen == 300_000_00 == process.price_released_fen


async def _strangers(unit: Unit, town: Town, page: str, plan: str) -> None:
    stranger, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    for person in (stranger, unit.buyer):
        for path in (page, plan, f"{plan}/payout.csv"):
            assert (await html(person, path))[0] == 404, path
        assert (await unit.send(person, plan, act="object", text="x"))[0] == 404
    assert (await html(operator, plan))[0] == 200
    assert (await unit.send(operator, plan, act="approve"))[0] == 403
    assert (await unit.send(stranger, "/console/distribution", **POLICY))[0] == 422, "a person has no unit"
