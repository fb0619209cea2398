"""Sheets, distribution, statistics and credit for programs: the same figures and refusals as on the pages, as the document says them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.values import PartyId
from gateway.accounts.model import Role
from gateway.services import Services
from gateway.statistics.gauges import AfterDeals, count_for_ever
from loadtests.made_histories import histories, independent
from settlement.credit.record import Cause
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deals import Table
from tests.gateway.test_distribution import Unit
from tests.gateway.test_openapi import _assert_as_documented
from tests.gateway.test_parties import colleague, founder
from tests.settlement.statistics.test_figures import NOW_US, write

API = "/api/v1"
POLICY: dict[str, Any] = {
    "title": "收益分配办法", "adopted_ref": "校发〔2025〕12号", "bands": [{"reward_bps": 7_000, "college_bps": 1_000}], "main_bps": 5_000,
    "staff_bps": 500,
}  # fmt: skip
ROUND: dict[str, Any] = {
    "income": "200000000",
    "persons": [
        {"name": "甲", "group": "main", "weight": 60}, {"name": "乙", "group": "other", "weight": 40},
        {"name": "丙", "group": "staff", "weight": 1},
    ],
}  # fmt: skip


async def said(
    person: Person, method: str, path: str, body: Any = None, *, as_: str = ""
) -> tuple[int, dict[str, Any]]:
    """Ask, and compare the answer with the document; `as_`: the path as it stands there."""
    status, answer = await person.send(method, API + path, body)
    _assert_as_documented(method, API + (as_ or path.partition("?")[0]), status, answer)
    return status, answer


@pytest.fixture
async def table(market: Services, town: Town) -> Table:
    people = [await town.person(role) for role in (Role.SELLER, Role.BIDDER, Role.OPERATOR)]
    table = Table(market, *people)
    await table.struck()
    return table


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


async def test_a_sheet_is_the_callers_own_side_and_says_what_is_not_confirmed(table: Table, town: Town) -> None:
    path, shape = f"/deals/{table.id}/benefits", "/deals/{deal}/benefits"
    status, sheet = await said(table.seller, "GET", f"{path}?reward=100000000&other_income=20000000", as_=shape)
    assert (status, sheet["side"], sheet["registration_no"]) == (200, "seller", "")
    parts = {part["section"]: part for part in sheet["parts"]}
    reward = {line["word"]: line["amount"] for line in parts["reward"]["lines"]}
    assert (reward["due_relief"], reward["without"], reward["added"]) == ("13908000", "33108000", "12760000"), (
        "§6.4, in fen"
    )
    assert not parts["vat"]["sure"] and parts["subsidy"]["lines"][-1]["amount"] is None
    assert all(row["source"] for part in parts.values() for row in part["parameters"])
    _, own = await said(table.buyer, "GET", f"{path}?side=seller", as_=shape)
    assert own["side"] == "buyer" and {part["section"] for part in own["parts"]} == {"vat", "stamp", "subsidy"}
    assert (await said(table.operator, "GET", f"{path}?side=buyer", as_=shape))[1]["side"] == "buyer"
    assert (await said(table.seller, "GET", f"{path}?reward=ten", as_=shape))[1]["code"] == "malformed"
    assert (await said(table.seller, "GET", f"{path}?reward={10**16}", as_=shape))[1]["data"]["fields"] == "reward"
    assert (await said(await town.person(Role.BIDDER), "GET", path, as_=shape))[0] == 404


async def test_a_round_goes_its_way_by_two_members_and_strangers_see_nothing(unit: Unit, town: Town) -> None:
    mine, deal = "/me/distribution/policies", f"/deals/{unit.deal}/distribution"
    low = {**POLICY, "bands": [{"reward_bps": 4_999}]}
    status, answer = await said(unit.clerk, "POST", mine, low)
    assert (status, answer["data"]["problem"]) == (409, "policy_problems") and "reward_below_floor" in answer["data"][
        "details"
    ]
    assert (await said(unit.clerk, "POST", mine, POLICY))[1]["policies"][0]["in_force"] is False
    approval = f"{mine}/approval"
    assert (await said(unit.clerk, "POST", approval, {"version": 1}))[0] == 403
    assert (await said(unit.approver, "POST", approval, {"version": 2}))[1]["data"]["problem"] == "no_policy"
    assert (await said(unit.approver, "POST", approval, {"version": 1}))[1]["policies"][0]["in_force"] is True
    status, answer = await said(unit.clerk, "POST", deal, ROUND, as_="/deals/{deal}/distribution")
    assert status == 200 and (answer["came_in"], answer["open"], answer["next_round"]) == ("0", True, 2)
    (plan,) = answer["plans"]
    assert [(one["name"], one["amount"]) for one in plan["persons"]] == [
        ("甲", "79800000"), ("乙", "53200000"), ("丙", "7000000"),
    ]  # fmt: skip
    parts = sum(int(plan[name]) for name in ("reward", "college", "office", "broker", "unit"))
    assert parts == int(plan["net"]) == 200_000_000
    acts, shape = f"/distribution/{plan['id']}/acts", "/distribution/{plan}/acts"
    assert (await said(unit.clerk, "POST", acts, {"act": "approve"}, as_=shape))[1]["code"] == "forbidden"
    assert (await said(unit.approver, "POST", acts, {"act": "approve"}, as_=shape))[1]["state"] == "publicity"
    status, answer = await said(unit.administrator, "POST", acts, {"act": "pay", "text": "工资单"}, as_=shape)
    assert (status, answer["data"]["problem"]) == (409, "too_early")
    status, file = await said(unit.clerk, "GET", f"/distribution/{plan['id']}", as_="/distribution/{plan}")
    assert [one["type"] for one in file["history"]] == ["proposed", "approved"]
    assert [one["id"] for one in (await said(unit.clerk, "GET", "/me/distribution"))[1]["plans"]] == [plan["id"]]
    for stranger in (unit.buyer, await town.person(Role.SELLER)):
        assert (await said(stranger, "GET", deal, as_="/deals/{deal}/distribution"))[0] == 404
        assert (await said(stranger, "GET", f"/distribution/{plan['id']}", as_="/distribution/{plan}"))[0] == 404
        assert (await said(stranger, "POST", acts, {"act": "object", "text": "x"}, as_=shape))[0] == 404
    assert (await unit.market.distribution.figures()).publicity == 1


async def test_a_record_is_noticed_appealed_and_decided_by_another(table: Table, town: Town) -> None:
    assert table.buyer.account is not None
    wish = {"deal": table.id, "side": "buyer", "evidence": "营业执照系伪造"}
    assert (await said(table.operator, "POST", "/desk/credit", {**wish, "deal": "DA-none"}))[1]["data"][
        "fields"
    ] == "deal"
    status, record = await said(table.operator, "POST", "/desk/credit", wish)
    assert (status, record["state"], record["acts"]) == (200, "noticed", [])
    path, acts = f"/credit/{record['id']}", f"/credit/{record['id']}/acts"
    _, own = await said(table.buyer, "GET", "/me/credit")
    assert [(one["id"], one["acts"]) for one in own["records"]] == [(record["id"], ["appeal"])]
    appeal = {"act": "appeal", "text": "系扫描错误"}
    shape = "/credit/{record}/acts"
    for stranger in (table.seller, await town.person(Role.BIDDER)):
        assert (await said(stranger, "GET", path, as_="/credit/{record}"))[0] == 404
        assert (await said(stranger, "POST", acts, appeal, as_=shape))[0] == 404
        assert (await said(stranger, "GET", "/me/credit"))[1]["records"] == []
    assert (await said(table.buyer, "POST", acts, {"act": "decide", "text": "x"}, as_=shape))[1]["code"] == "forbidden"
    assert (await said(table.buyer, "POST", acts, appeal, as_=shape))[1]["state"] == "appealed"
    decide = {"act": "decide", "text": "申诉成立", "upheld": True}
    assert (await said(table.operator, "POST", acts, decide, as_=shape))[1]["data"]["problem"] == "same_person"
    second = await town.person(Role.OPERATOR)
    _, waiting = await said(second, "GET", "/desk/credit?state=appealed")
    assert [(one["id"], one["acts"]) for one in waiting["records"]] == [(record["id"], ["decide"])]
    assert (await table.market.credit.figures()).appealed == 1
    assert (await said(second, "POST", acts, decide, as_=shape))[1]["state"] == "withdrawn"
    _, file = await said(table.buyer, "GET", path, as_="/credit/{record}")
    assert [(one["type"], one["by"]) for one in file["history"]] == [
        ("noticed", "operator"), ("appealed", "party"), ("decided", "operator"),
    ]  # fmt: skip
    _, file = await said(second, "GET", path, as_="/credit/{record}")
    assert file["history"][1]["by"] == table.buyer.account.id, "staff sees which account"


async def test_programs_read_the_same_statistics_as_of_any_day(market: Services, town: Town) -> None:
    rows = histories(11, 40)
    await write(market.pool, rows)
    await market.statistics.following.catch_up()
    registrar, seller = await town.person(Role.REGISTRAR), await town.person(Role.SELLER)
    status, found = await said(registrar, "GET", "/desk/statistics?year=2024&measure=deal")
    assert status == 200 and found["behind"] == 0
    wanted = independent(rows, "deal", 2024, NOW_US, "way")
    assert {one["code"]: (one["count"], int(one["total"])) for one in found["tables"]["way"]} == wanted
    by_month = independent(rows, "deal", 2024, NOW_US, "way,month")
    pairs = {
        f"{one['first']},{one['second']}": (one["count"], int(one["total"])) for one in found["pairs"]["way_month"]
    }
    assert pairs == by_month
    _, before = await said(registrar, "GET", "/desk/statistics?year=2024&measure=deal&as_of=2021-01-01")
    assert before["whole"]["count"] == 0 and before["tables"]["way"] == []
    for query in ("year=1999", "quarter=5", "measure=x", "as_of=2024-13-45", "nonsense=1"):
        assert (await said(registrar, "GET", f"/desk/statistics?{query}"))[1]["code"] == "malformed", query
    assert seller.account is not None
    await market.pool.execute(
        "UPDATE statistics_fact SET seller = $1 WHERE seller = 'p0000000000000003'", seller.account.party
    )
    _, report = await said(seller, "GET", "/me/report?year=2024")
    own = await market.statistics.own(PartyId(seller.account.party), 2024, NOW_US)
    items = next(line for line in report["lines"] if line["word"] == "items")
    assert items["count"] == sum(row.count for row in own if row.measure == "deal") > 0


async def test_what_waits_is_counted_for_prometheus(table: Table) -> None:
    buyer = table.buyer.account
    assert buyer is not None
    await table.market.credit.notice("r1", buyer.party, Cause.LATE_PAYMENT, table.id, "x", "market")
    counted, market = AfterDeals(), table.market
    counting = asyncio.create_task(count_for_ever(market, counted))
    try:
        async with asyncio.timeout(30):
            while counted.credit.noticed != 1:
                await asyncio.sleep(0.02)
    finally:
        counting.cancel()
    text = market.metrics.exposition().decode()
    for name in (
        "ortoo_credit_appeals",
        "ortoo_distributions_open",
        "ortoo_distributions_payable",
        "ortoo_statistics_behind",
    ):
        assert f"\n{name} " in text, name
