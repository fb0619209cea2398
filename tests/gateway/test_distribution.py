"""Distribution on the pages: one member proposes, another approves, strangers and the buyer see nothing, the payout list is a file."""

from __future__ import annotations

import io
from typing import Any
from uuid import uuid4

import msgspec
import openpyxl
import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from settlement.deals.phases import Phase
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deposits import html
from tests.gateway.test_parties import colleague, founder
from tests.settlement.deals.conftest import a_deal

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


async def _strangers(unit: Unit, town: Town, page: str, plan: str) -> None:
    stranger, operator = await town.person(Role.SELLER), await town.person(Role.OPERATOR)
    for person in (stranger, unit.buyer):
        for path in (page, plan, f"{plan}/payout.csv"):
            assert (await html(person, path))[0] == 404, path
        assert (await unit.send(person, plan, act="object", text="x"))[0] == 404
    assert (await html(operator, plan))[0] == 200
    assert (await unit.send(operator, plan, act="approve"))[0] == 403
    assert (await unit.send(stranger, "/console/distribution", **POLICY))[0] == 422, "a person has no unit"
