"""Credit through the doors: a party sees and appeals its own, operators decide, others see nothing."""

from __future__ import annotations

import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deals import Table
from tests.gateway.test_deposits import html


@pytest.fixture
async def table(market: Services, town: Town) -> Table:
    table = Table(
        market, await town.person(Role.SELLER), await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    )
    await table.struck()
    return table


async def _send(person: Person, path: str, **form: str) -> int:
    assert person.login is not None
    return (await html(person, path, {"csrf": person.login.caller.csrf, **form}))[0]


async def test_false_documents_are_noticed_appealed_and_decided_by_another_operator(table: Table, town: Town) -> None:
    assert table.buyer.account is not None
    form = {"deal": table.id, "party": "buyer", "evidence": "<b>营业执照系伪造</b>"}
    assert await _send(table.operator, "/desk/credit", **{**form, "evidence": " "}) == 422
    assert await _send(table.operator, "/desk/credit", **{**form, "deal": "DA-nobody"}) == 422
    assert await _send(table.operator, "/desk/credit", **form) == 303
    path = f"/credit/{table.id}-fake_documents-{table.buyer.account.party}"
    status, text = await html(table.buyer, path)
    assert status == 200 and "虚假材料" in text and "&lt;b&gt;" in text and "<b>营业" not in text
    for stranger in (table.seller, await town.person(Role.BIDDER)):
        assert (await html(stranger, path))[0] == 404 and await _send(stranger, path, act="appeal", text="x") == 404
        assert table.id not in (await html(stranger, "/me/credit"))[1]
    assert await _send(table.buyer, path, act="decide", text="x", upheld="1") == 403
    assert await _send(table.buyer, path, act="appeal", text="系扫描错误") == 303
    assert await _send(table.operator, path, act="decide", text="x", upheld="0") == 422, "he made the record"
    second = await town.person(Role.OPERATOR)
    status, text = await html(second, "/desk/credit?state=appealed")
    assert status == 200 and table.id in text
    assert await _send(second, path, act="decide", text="申诉成立", upheld="1") == 303
    status, text = await html(table.buyer, "/me/credit")
    assert status == 200 and "已撤回" in text
