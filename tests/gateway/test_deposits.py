"""Deposits through the doors: a buyer sees his own and nobody else's, operators decide with reasons, numbers are masked."""

from __future__ import annotations

import re

import pytest

from engine.values import InstantUs
from gateway.accounts.model import Role
from gateway.services import Services
from settlement.bank.port import Credit
from settlement.deposits.events import DepositState as S
from settlement.deposits.evolving import Deposit
from settlement.deposits.terms import DepositTerms
from tests.gateway.conftest import Person, Town

DAY_US = 86_400_000_000
PRICE = 30_000_000
TERMS = DepositTerms(seller_id="p" + "0" * 16, own_account_only=False)


async def deposit_of(market: Services, person: Person, deposit_id: str = "a.1", *, paid: bool = True) -> Deposit:
    assert person.account is not None
    deposits, due_us = market.settling.deposits, market.now_us + DAY_US
    await deposits.require(deposit_id, "matter/a", person.account.id, PRICE, due_us, TERMS)
    if paid:
        credit = Credit(
            bank_ref=f"in-{deposit_id}", booked_at_us=InstantUs(market.now_us), amount_fen=PRICE, payer_name="牧场合作社",
            payer_account="6210998877665544", virtual_account="", purpose="",
        )  # fmt: skip
        async with market.pool.acquire() as connection, connection.transaction():
            await deposits.receive(connection, deposit_id, credit)
        await market.settling.clocks.hold_paid()
    deposit = await deposits.read(deposit_id)
    assert deposit is not None and deposit.state is (S.HELD if paid else S.REQUIRED)
    return deposit


async def html(person: Person, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
    headers = {**person.headers, "Accept": "text/html"}
    if form is None:
        async with person.http.get(person.base + path, headers=headers, allow_redirects=False) as response:
            return response.status, await response.text()
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text()


async def test_the_buyer_is_told_where_to_pay_how_much_and_by_when(market: Services, town: Town) -> None:
    buyer = await town.person(Role.BIDDER)
    deposit = await deposit_of(market, buyer, paid=False)
    status, text = await html(buyer, "/me/deposits/a.1")
    assert status == 200
    assert (
        deposit.virtual_account in text
        and "¥300,000.00" in text.replace("¥300,000<", "¥300,000.00<")
        and "请在" in text
    )
    status, listed = await html(buyer, "/me/deposits")
    assert status == 200 and "/me/deposits/a.1" in listed
    assert "deposits." not in re.sub(r"css/deposits\.css", "", text + listed)  # every text is there


async def test_nobody_else_sees_a_deposit(market: Services, town: Town) -> None:
    buyer, other = await town.person(Role.BIDDER), await town.person(Role.BIDDER)
    deposit = await deposit_of(market, buyer)
    assert other.login is not None
    for path in ("/me/deposits/a.1", "/me/deposits/a.1/statement.csv", "/desk/deposits/a.1", "/desk/deposits"):
        status, text = await html(other, path)
        assert status in (403, 404), path
        assert deposit.virtual_account not in text and "300,000" not in text
    for path in ("/api/v1/me/deposits/a.1", "/api/v1/deposits/a.1", "/api/v1/deposits"):
        status, body = await other.get(path)
        assert status in (403, 404) and deposit.virtual_account not in str(body)
    assert (await other.get("/api/v1/me/deposits"))[1] == {"deposits": [], "next": None}
    assert (await html(other, "/me/deposits/a.1", {"text": "mine!", "csrf": other.login.caller.csrf}))[0] == 404
    same = await other.get("/api/v1/me/deposits/never"), await other.get("/api/v1/me/deposits/a.1")
    assert {**same[0][1], "request_id": ""} == {**same[1][1], "request_id": ""}


async def test_bank_accounts_are_masked_on_every_page(market: Services, town: Town) -> None:
    buyer, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    await deposit_of(market, buyer)
    for person, path in ((buyer, "/me/deposits/a.1"), (operator, "/desk/deposits/a.1")):
        status, text = await html(person, path)
        assert status == 200 and "5544" in text and "6210998877665544" not in text
    status, body = await operator.get("/api/v1/deposits/a.1")
    assert status == 200 and body["payer_account"] == "•••• 5544"
    assert "6210998877665544" not in market.metrics.exposition().decode()


async def test_a_forfeiture_its_appeal_and_the_decision(market: Services, town: Town) -> None:
    buyer, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    await deposit_of(market, buyer)
    assert operator.login is not None and buyer.login is not None
    csrf = {"csrf": operator.login.caller.csrf}
    propose = {"act": "forfeit", "reason": "成交后拒不签约", "appeal_until": "2099-01-05T10:00", **csrf}
    assert (await html(operator, "/desk/deposits/a.1", {**propose, "reason": " "}))[0] == 422
    assert (await html(operator, "/desk/deposits/a.1", propose))[0] == 303
    _, text = await html(buyer, "/me/deposits/a.1")
    assert "成交后拒不签约" in text and "<textarea" in text
    appeal = {"text": "住院，有证明", "csrf": buyer.login.caller.csrf}
    assert (await html(buyer, "/me/deposits/a.1", appeal))[0] == 303
    assert (await html(buyer, "/me/deposits/a.1", appeal))[0] == 422  # once
    _, text = await html(operator, "/desk/deposits?queue=appeals")
    assert "/desk/deposits/a.1" in text
    uphold = {"act": "uphold", "reason": "证明属实", **csrf}
    assert (await html(operator, "/desk/deposits/a.1", uphold))[0] == 303
    deposit = await market.settling.deposits.read("a.1")
    assert deposit is not None and deposit.state is S.HELD
    _, text = await html(operator, "/desk/deposits/a.1")
    assert "deposits." not in re.sub(r"css/deposits\.css", "", text)
    acts = {row["act"] for row in await market.pool.fetch("SELECT act FROM audit_entry WHERE subject = 'a.1'")}
    assert {"deposit.proposeforfeit", "deposit.appeal", "deposit.decideappeal", "deposit.read"} <= acts


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_queue_opens_in_both_languages(market: Services, town: Town, language: str) -> None:
    from settlement.deposits.finding import QUEUES

    operator, buyer = await town.person(Role.OPERATOR), await town.person(Role.BIDDER)
    await deposit_of(market, buyer, paid=False)
    headers = {**operator.headers, "Cookie": operator.headers["Cookie"] + f"; ortoo_lang={language}"}
    for queue in (*QUEUES, "failing", "problems", ""):
        async with operator.http.get(f"{operator.base}/desk/deposits?queue={queue}", headers=headers) as response:
            text = await response.text()
            assert response.status == 200, queue
            assert "deposits." not in re.sub(r"css/deposits\.css", "", text), queue


async def test_the_statement_is_a_file_with_every_line(market: Services, town: Town) -> None:
    buyer = await town.person(Role.BIDDER)
    await deposit_of(market, buyer)
    status, text = await html(buyer, "/me/deposits/a.1/statement.csv")
    lines = text.lstrip("\ufeff").strip().splitlines()
    assert status == 200 and len(lines) == 4 and lines[1].endswith("300000.00,-300000.00")


async def test_programs_act_with_the_same_rules(market: Services, town: Town) -> None:
    buyer, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    await deposit_of(market, buyer)
    path = "/api/v1/deposits/a.1/acts"
    status, body = await operator.post(path, {"wish": {"act": "hold"}})
    assert (status, body["code"], body["data"]["problem"]) == (409, "wrong_state", "wrong_state")
    status, body = await operator.post(path, {"wish": {"act": "dance"}})
    assert status == 400
    status, body = await operator.post(path, {"wish": {"act": "block", "block": "objection-1", "reason": "异议"}})
    assert status == 200 and body["deposit"]["blocked"] is True
    status, body = await operator.post(path, {"wish": {"act": "release", "reason": "not_chosen"}})
    assert status == 200 and body["deposit"]["state"] == "release_due"
    status, body = await buyer.get("/api/v1/me/deposits")
    assert [one["state"] for one in body["deposits"]] == ["release_due"]
    assert (await operator.post("/api/v1/payouts/none/reissue", {"payee_account": "1"}))[0] == 404


async def test_a_failed_payment_is_corrected_on_the_desk(market: Services, town: Town) -> None:
    from tests.settlement.conftest import ToyBank

    buyer, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    await deposit_of(market, buyer)
    bank = ToyBank()
    bank.failing_accounts = {"6210998877665544"}
    deposits, payouts = market.settling.deposits, market.settling.payouts
    payouts._bank = bank  # connected without waking the worker: the test sends by itself
    await deposits.schedule_release("a.1", market.now_us, "not_chosen")
    await market.settling.clocks.release_due()
    await payouts.send_due()
    for _ in range(200):  # the market's own worker may have been first
        if await payouts.failing():
            break
        await payouts.send_due()
    (failed,) = await payouts.failing()
    assert operator.login is not None
    status, text = await html(operator, "/desk/deposits?queue=failing")
    assert status == 200 and "5544" in text and "6210998877665544" not in text
    form = {"payee_name": "牧场合作社", "payee_account": "6222000011112222", "csrf": operator.login.caller.csrf}
    assert (await html(operator, f"/desk/payouts/{failed.order_id}", form))[0] == 303
    assert (await html(operator, f"/desk/payouts/{failed.order_id}", form))[0] == 409
