"""The bank side over a real ledger and real deposits: news from callbacks and statements, and the queue."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from engine.values import InstantUs
from settlement.bank.exceptions import Act, Exceptions, Item, State, Wish
from settlement.bank.layouts import GENERIC
from settlement.bank.news import SHANGHAI, News, Source, credit_news, result_news
from settlement.bank.port import Credit, PayoutResult, PayoutState
from settlement.bank.receiving import Receiving
from settlement.bank.reconciling import Reconciling
from settlement.bank.statements import Report, Statements
from settlement.deposits.events import DepositState
from settlement.ledger.book import Connection
from tests.settlement.conftest import ACCOUNTS, BUYER, House

OPERATOR = "p00000000000000aa"
HEADER = (
    "交易日期",
    "交易时间",
    "收入金额",
    "支出金额",
    "账户余额",
    "对方户名",
    "对方账号",
    "子账号",
    "摘要",
    "交易流水号",
    "客户订单号",
)


class Desk:
    """One market's bank side."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.pool = house.pool
        now_us = lambda: house.clock.now_us  # noqa: E731
        self.receiving = Receiving(house.pool, house.deposits, house.payouts, self.names_of, now_us=now_us)
        self.exceptions = Exceptions(house.pool, house.deposits, house.payouts, now_us=now_us)
        self.statements = Statements(house.pool, self.receiving, (GENERIC,), now_us=now_us)
        self.reconciling = Reconciling(house.pool)
        self.names = {party: (name,) for party, (name, _) in ACCOUNTS.items()}

    async def names_of(self, _: Connection, party_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return {party: self.names[party] for party in party_ids if party in self.names}

    async def credit(self, deposit_id: str = "d1", bank_ref: str = "", **changes: Any) -> Credit:
        """A transfer that fits a deposit, or differs in what is said."""
        deposit = await self.house.read(deposit_id)
        name, account = ACCOUNTS[deposit.party_id]
        self.house.credits += 1
        return Credit(
            **{
                "bank_ref": bank_ref or f"SB{self.house.credits:04d}",
                "booked_at_us": InstantUs(self.house.clock.now_us),
                "amount_fen": deposit.amount_fen,
                "payer_name": name,
                "payer_account": account,
                "virtual_account": deposit.virtual_account,
                "purpose": "保证金",
                **changes,
            }
        )

    def told(self, credit: Credit) -> News:
        return credit_news(credit, Source.CALLBACK, repr(credit).encode())

    async def call(self, credit: Credit, times: int = 1) -> None:
        """The bank tells it by callback, so many times at once."""
        await asyncio.gather(*(self.receiving.take(self.told(credit)) for _ in range(times)))

    async def call_result(self, order_id: str, state: PayoutState, reason: str = "", bank_ref: str = "") -> None:
        result = PayoutResult(
            order_id=order_id, state=state, reason=reason, bank_ref=bank_ref,
            booked_at_us=InstantUs(self.house.clock.now_us),
        )  # fmt: skip
        await self.receiving.take(result_news(result, Source.CALLBACK, repr(result).encode()))

    def file(self, *lines: Credit | dict[str, Any], opening_fen: int = 0, **block: str) -> bytes:
        """A statement with these lines; a dict is a line of cells by header."""
        out, balance = io.StringIO(), opening_fen
        write = csv.writer(out)
        rows = []
        for line in lines:
            cells = line if isinstance(line, dict) else _cells(line)
            balance += _fen(cells.get("收入金额", "")) - _fen(cells.get("支出金额", ""))
            rows.append([{"账户余额": _yuan(balance), **cells}.get(name, "") for name in HEADER])
        for label, value in {"期初余额": _yuan(opening_fen), "期末余额": _yuan(balance), **block}.items():
            write.writerow([label, value])
        write.writerow(HEADER)
        write.writerows(rows)
        return out.getvalue().encode("utf-8-sig")

    async def statement(self, *lines: Credit | dict[str, Any], **block: Any) -> Report:
        return await self.statements.take(self.file(*lines, **block), "day.csv", OPERATOR)

    async def queue(self, *states: State) -> list[Item]:
        return await self.exceptions.page(states or (State.OPEN, State.WAITING))

    async def reasons(self) -> list[str]:
        """Why rows wait, in the order of the queue."""
        return [item.outcome.value for item in await self.queue()]

    async def act(self, item: Item, act: Act, reason: str = "核对无误", **more: Any) -> Any:
        return await self.exceptions.act(
            Wish(item=item.id, version=item.version, act=act, reason=reason, actor=OPERATOR, **more)
        )

    async def balances(self) -> dict[str, int]:
        """Balances of the ledger that are not zero; checks that every fen of the bank is in exactly one place."""
        found = await self.house.balances()
        places = await self.pool.fetch(
            "SELECT i.place, sum(e.amount_fen)::bigint AS fen FROM bank_item i JOIN bank_event e ON e.id = i.event"
            " WHERE e.kind = 'credit' GROUP BY i.place"
        )
        total = {row["place"]: row["fen"] for row in places}
        assert total.pop("pending", 0) == 0
        suspense = -found.get("suspense", 0)
        assert total.get("suspense", 0) == suspense, (total, found)
        return found


def _cells(credit: Credit) -> dict[str, str]:
    moment = datetime.fromtimestamp(credit.booked_at_us // 1_000_000, SHANGHAI)
    return {
        "交易日期": moment.strftime("%Y-%m-%d"),
        "交易时间": moment.strftime("%H:%M:%S"),
        "收入金额": _yuan(credit.amount_fen),
        "对方户名": credit.payer_name,
        "对方账号": credit.payer_account,
        "子账号": credit.virtual_account,
        "摘要": credit.purpose,
        "交易流水号": credit.bank_ref,
    }


def debit_cells(fen: int, moment_us: int, **changes: str) -> dict[str, str]:
    moment = datetime.fromtimestamp(moment_us // 1_000_000, SHANGHAI)
    return {
        "交易日期": moment.strftime("%Y-%m-%d"),
        "交易时间": moment.strftime("%H:%M:%S"),
        "支出金额": _yuan(fen),
        **changes,
    }


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def _fen(text: str) -> int:
    return round(float(text) * 100) if text else 0


@pytest.fixture
async def desk(house: House) -> Desk:
    """The bank side of a market with one deposit `d1` required of BUYER."""
    made = Desk(house)
    await house.require("d1")
    return made


HELD_OR_PAID = (DepositState.PAID, DepositState.HELD)
PARTY = BUYER
