"""Deals through the doors: both sides and staff see one timeline, strangers see nothing, each side does its own acts, the books are open."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import openpyxl
import pytest

from engine.values import InstantUs
from gateway.accounts.desks import people_of
from gateway.accounts.model import Role
from gateway.services import Services
from settlement.bank.news import Kind, News, Source
from settlement.deals.deal import Deal
from settlement.deals.fees import fee_terms
from settlement.deals.notices import Desk
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import register_verified
from tests.gateway.test_deposits import html
from tests.settlement.conftest import Clock
from tests.settlement.deals.conftest import DealHouse, a_deal

PRICE = 300_000_00
ACCOUNT = "6210998877665544"


class Table:
    """A seller, a buyer, an operator and their deal."""

    def __init__(self, market: Services, seller: Person, buyer: Person, operator: Person) -> None:
        self.market, self.seller, self.buyer, self.operator = market, seller, buyer, operator
        self.id = "DA-" + uuid4().hex[:8]
        self.buyer_name = ""

    async def struck(self, *, register_seller: bool = True, **more: object) -> Deal:
        assert self.seller.account is not None and self.buyer.account is not None
        if register_seller:
            await register_verified(self.market, self.seller.account, ACCOUNT)
        self.buyer_name = await register_verified(self.market, self.buyer.account, ACCOUNT)
        source = a_deal().source.__class__(stream=f"lot/{self.id[3:]}", stream_seq=2, event_digest="0" * 64)
        deal = a_deal(
            id=self.id, source=source, buyers=(self.buyer.account.party,), price_fen=PRICE, title_zh="奶牛精准饲喂系统",
            title_en="Precision feeding", sign_by_us=self.market.now_us + 10**12, struck_at_us=self.market.now_us,
            **{"seller_id": self.seller.account.party, **more},
        )  # fmt: skip
        async with self.market.pool.acquire() as connection, connection.transaction():
            await self.market.settling.deals.open(deal, on=connection)
        return deal

    async def until(self, met: Callable[[Process], bool]) -> Process:
        async with asyncio.timeout(60):
            while not met(process := await self.deal()):
                await asyncio.sleep(0.02)
        return process

    async def deal(self) -> Process:
        process = await self.market.settling.deals.read(self.id)
        assert process is not None
        return process

    async def act(self, person: Person, act: str, **fields: str) -> int:
        """Do an act on the page; return the status."""
        assert person.login is not None
        form = {"act": act, "csrf": person.login.caller.csrf, **fields}
        return (await html(person, f"/deals/{self.id}", form))[0]

    async def pay(self, fen: int, purpose: str = "") -> None:
        """Let the bank tell of a payment."""
        process = await self.deal()
        news = News(
            kind=Kind.CREDIT, source=Source.CALLBACK, key=f"credit:{uuid4().hex}", bank_ref=uuid4().hex[:20], order_id="", state="",
            reason="", booked_at_us=InstantUs(self.market.now_us), amount_fen=fen, other_name=self.buyer_name, other_account=ACCOUNT,
            virtual_account="" if purpose else process.virtual_account, purpose=purpose, raw=b"x",
        )  # fmt: skip
        await self.market.banking.receiving.take(news)


@pytest.fixture
async def table(market: Services, town: Town) -> Table:
    return Table(
        market, await town.person(Role.SELLER), await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    )


async def test_both_sides_sign_pay_and_hand_over_on_the_pages(table: Table, town: Town) -> None:
    await table.struck(fees=fee_terms("auction-law", buyer_waived=True))
    process = await table.until(lambda one: one.phase is Phase.SIGNING)
    for person in (table.seller, table.buyer):
        status, text = await html(person, f"/deals/{table.id}/sign")
        assert status == 200 and process.contract_digest in text and "¥300,000" in text
        assert "违约责任" in text and "人民币 300,000.00" in text, "the whole text is read before it is signed"
        assert await table.act(person, "sign", digest=process.contract_digest) == 422, "without the tick"
        assert await table.act(person, "sign", digest=process.contract_digest, agree="1") == 303
    await table.until(lambda one: one.phase is Phase.PAYING)
    status, text = await html(table.buyer, f"/deals/{table.id}/pay")
    assert status == 200 and (await table.deal()).virtual_account in text and "¥300,000" in text
    await table.pay(100_000_00)
    await table.pay(200_000_00, purpose=f"货款 {table.id.upper()}")
    await table.until(lambda one: one.phase is Phase.DELIVERING)
    assert await table.act(table.buyer, "hand_over", proof_ref="x") == 422, "the seller's act"
    assert await table.act(table.seller, "hand_over", proof_ref="登记簿副本 2026-118") == 303
    assert await table.act(table.buyer, "accept") == 422, "the register's proof is checked by an operator"
    assert await table.act(table.operator, "accept", reason="权利人已变更") == 303
    process = await table.until(lambda one: one.phase in (Phase.RELEASING, Phase.REGISTERING))
    assert process.seller_fee_taken_fen == 15_000_00
    status, text = await html(table.seller, f"/deals/{table.id}")
    assert status == 200 and "登记簿副本 2026-118" in text and "¥285,000" in text
    status, text = await html(table.operator, "/desk/deals?queue=open")
    assert status == 200 and table.id in text
    status, text = await html(table.buyer, "/me/deals")
    assert status == 200 and "奶牛精准饲喂系统" in text
    status, answer = await table.seller.send("GET", f"/api/v1/deals/{table.id}")
    assert (status, answer["received"], answer["seller_fee"]) == (200, str(PRICE), "1500000")
    status, answer = await table.buyer.send("GET", f"/api/v1/deals/{table.id}/events")
    assert status == 200 and answer["events"][0]["type"] == "deal.opened"
    taken = [one["body"] for one in answer["events"] if one["type"] == "deal.money_taken"]
    assert all(ACCOUNT not in str(body) for body in taken), "numbers of accounts are masked"
    stranger = await town.person(Role.BIDDER)
    for path in (
        f"/deals/{table.id}",
        f"/deals/{table.id}/pay",
        f"/deals/{table.id}/documents/{process.contract_digest}",
    ):
        assert (await html(stranger, path))[0] == 404
    assert (await stranger.send("GET", f"/api/v1/deals/{table.id}"))[0] == 404
    assert (await stranger.post(f"/api/v1/deals/{table.id}/acts", {"act": "sign", "fields": {}}))[0] == 404
    await _statements(table)


async def _statements(table: Table) -> None:
    status, text = await html(table.buyer, "/me/statement")
    assert status == 200 and "收到价款" in text
    async with table.buyer.http.get(table.buyer.base + "/me/statement.xlsx", headers=table.buyer.headers) as response:
        sheet: Any = openpyxl.load_workbook(io.BytesIO(await response.read())).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:3] == ("entry", "time", "fact") and [row[9] for row in rows[1:3]] == [100_000, 200_000]
    assert (await html(table.buyer, "/desk/ledger"))[0] == 403
    status, text = await html(table.operator, "/desk/ledger")
    assert status == 200 and "试算平衡" in text
    status, text = await html(table.operator, "/desk/ledger.csv")
    assert status == 200 and "price_escrow" in text
    assert (await html(table.operator, "/desk/ledger.pdf"))[0] == 404
    status, answer = await table.operator.send("GET", "/api/v1/desk/ledger")
    assert (status, answer["rest"]) == (200, "0")


async def test_a_refusal_is_asked_twice_and_an_operator_counts_the_shortfall(table: Table) -> None:
    await table.struck()
    await table.until(lambda one: one.phase is Phase.SIGNING)
    assert await table.act(table.buyer, "refuse", reason="资金未到位") == 200, "asked first"
    assert await table.act(table.buyer, "refuse", reason="资金未到位", sure="1") == 303
    await table.until(lambda one: one.phase is Phase.RESELLING)
    assert await table.act(table.operator, "resale", second_price="250,000", costs="1,000") == 303
    process = await table.deal()
    assert (process.phase, process.shortfall_fen, process.still_due_fen) == (Phase.DEFAULTED, 51_000_00, 51_000_00)


async def test_operators_find_in_their_inbox_what_waits_for_them(table: Table, town: Town) -> None:
    """A refusal makes a second sale the operators' turn: each of them is told once, in words, and nobody else's staff is."""
    second, supervisor = await town.person(Role.OPERATOR), await town.person(Role.SUPERVISOR)
    await table.struck()
    await table.until(lambda one: one.phase is Phase.SIGNING)
    assert await table.act(table.buyer, "refuse", reason="资金未到位", sure="1") == 303
    await table.until(lambda one: one.phase is Phase.RESELLING)
    for operator in (table.operator, second):
        status, text = await html(operator, "/me/notices")
        assert status == 200 and text.count("再次出让并登记结果") == 1 and table.id in text
        _, answer = await operator.get("/api/v1/me/notices")
        assert [one["about"] for one in answer["notices"]] == ["deal.desk.reselling"]
        assert (await html(operator, f"/deals/{table.id}"))[0] == 200
    assert (await supervisor.get("/api/v1/me/notices"))[1]["notices"] == []
    await table.market.pool.execute("UPDATE account SET disabled_at_us = 1 WHERE id = $1", second.account.id)  # type: ignore[union-attr]
    assert table.operator.account is not None
    async with table.market.pool.acquire() as connection:
        assert await people_of(connection, Desk.OPERATORS) == [table.operator.account.party]


async def test_how_a_royalty_is_paid_is_said_by_the_seller(table: Table) -> None:
    await table.struck(payment="ROYALTY_PLUS_ENTRY", mode="EXCLUSIVE")
    await table.until(lambda one: one.phase is Phase.DRAFTING)
    status, text = await html(table.seller, f"/deals/{table.id}")
    assert status == 200 and "入门费加提成" in text
    form = {
        "kind": "entry_royalty",
        "working_days": "5",
        "base": "sales",
        "rates": "3, 2.5",
        "months": "12",
        "periods": "3",
        "cap": "1000000",
    }
    assert await table.act(table.seller, "payment", **{**form, "rates": "x"}) == 422
    assert await table.act(table.seller, "payment", **form) == 303
    process = await table.until(lambda one: one.phase is Phase.SIGNING)
    status, text = await html(table.buyer, f"/deals/{table.id}/sign")
    assert status == 200 and "3 %, 2.5 %" in text
    assert process.payment is not None


async def test_the_workers_run_as_a_process_of_their_own(fresh_database: str, tmp_path: Path) -> None:
    """`ortoo settlement` opens a deal, confirms it and draws the contract up, without an engine; SIGTERM ends it."""
    environment = {
        **os.environ, "ORTOO_DATABASE_URL": fresh_database, "ORTOO_DATA_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()
    }  # fmt: skip
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=3) as pool:
        house = DealHouse(pool, Clock())
        await house.sell_lot("own")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "settlement", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(60):
                while (deal := await house.deals.read("DA-own")) is None or deal.phase is not Phase.SIGNING:
                    await asyncio.sleep(0.1)
        finally:
            process.terminate()
        assert await process.wait() == 0
    assert deal.confirmation and deal.contract_digest
