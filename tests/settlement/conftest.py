"""A ledger, deposits and a bank that does what a test says, on a real database and a clock of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from engine.calendar import Calendar, Day, day_from_civil, start_of, weekday
from engine.values import InstantUs
from settlement.bank.port import BankUnavailable, Credit, Payout, PayoutResult, PayoutState
from settlement.deposits.clocks import Clocks
from settlement.deposits.deposits import Deposits, Received
from settlement.deposits.evolving import Deposit
from settlement.deposits.rules import Refused
from settlement.deposits.store import Changed
from settlement.deposits.terms import DepositTerms
from settlement.ledger.book import Ledger
from settlement.payouts.payouts import Payouts

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = start_of(day_from_civil(2026, 3, 2)) + 10 * HOUR_US
"""Monday 2026-03-02, 10:00 in Shanghai."""
CALENDAR = Calendar(
    version="test-1",
    first_day=day_from_civil(2026, 1, 1),
    last_day=day_from_civil(2026, 12, 31),
    days_off=frozenset(
        Day(day_from_civil(2026, 1, 1) + number)
        for number in range(365)
        if weekday(Day(day_from_civil(2026, 1, 1) + number)) >= 5
    ),
    make_up_days=frozenset(),
)
TERMS = DepositTerms(seller_id="p00000000000000ff")
BUYER, OTHER = "p0000000000000001", "p0000000000000002"
ACCOUNTS = {BUYER: ("买方甲", "6210000000000001"), OTHER: ("买方乙", "6210000000000002")}
PRICE = 30_000_000


class Clock:
    """The market's time, moved by the test."""

    def __init__(self) -> None:
        self.now_us = START_US

    def pass_us(self, length_us: int) -> None:
        self.now_us += length_us


class ToyBank:
    """Keeps orders by id like a real bank: the same id pays once. What goes wrong is said beforehand, one word for each call."""

    def __init__(self) -> None:
        self.orders: dict[str, Payout] = {}
        self.results: dict[str, PayoutResult] = {}
        self.calls: list[str] = []
        self.faults: list[str] = []
        self.failing_accounts: set[str] = set()

    @property
    def paid_fen(self) -> int:
        """What really left."""
        return sum(
            self.orders[order].amount_fen
            for order, result in self.results.items()
            if result.state is PayoutState.SETTLED
        )

    async def pay(self, payout: Payout) -> PayoutResult:
        self.calls.append(f"pay {payout.order_id}")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "lost":  # it never arrived
            raise BankUnavailable
        known = self.orders.setdefault(payout.order_id, payout)
        assert known == payout, "an order never changes"
        self.results.setdefault(payout.order_id, self._result(payout, fault))
        if fault == "no_answer":  # it arrived, the answer did not
            raise BankUnavailable
        return self.results[payout.order_id]

    async def look_up(self, order_id: str) -> PayoutResult | None:
        self.calls.append(f"look_up {order_id}")
        if self.faults and self.faults[0] == "deaf":
            self.faults.pop(0)
            raise BankUnavailable
        return self.results.get(order_id)

    def _result(self, payout: Payout, fault: str) -> PayoutResult:
        if payout.payee_account in self.failing_accounts:
            return PayoutResult(order_id=payout.order_id, state=PayoutState.FAILED, reason="account_closed")
        if fault == "accept":
            return PayoutResult(order_id=payout.order_id, state=PayoutState.ACCEPTED)
        return self.settled(payout.order_id)

    def settled(self, order_id: str) -> PayoutResult:
        result = PayoutResult(
            order_id=order_id, state=PayoutState.SETTLED, bank_ref=f"out-{order_id}", booked_at_us=InstantUs(START_US)
        )
        return result


class House:
    """Everything that one test needs."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self.pool = pool
        self.clock = clock
        self.bank = ToyBank()
        self.accounts = dict(ACCOUNTS)
        self.calendar = CALENDAR
        self.ledger = Ledger(pool)
        self.payouts = Payouts(pool, self.bank, now_us=lambda: clock.now_us)
        self.deposits = self.second_worker(self.payouts)
        self.clocks = self.clocks_of(self.deposits)
        self.credits = 0

    def second_worker(self, payouts: Payouts) -> Deposits:
        async def account_of(party_id: str) -> tuple[str, str] | None:
            return self.accounts.get(party_id)

        return Deposits(
            self.pool,
            payouts,
            calendar=lambda: self.calendar,
            virtual_prefix="990001",
            verified_account=account_of,
            now_us=lambda: self.clock.now_us,
        )

    def clocks_of(self, deposits: Deposits) -> Clocks:
        return Clocks(self.pool, deposits, lambda: self.clock.now_us)

    async def require(
        self,
        deposit_id: str = "d1",
        party_id: str = BUYER,
        amount_fen: int = PRICE,
        subject: str = "listing/a",
        terms: DepositTerms = TERMS,
    ) -> Deposit:
        done = await self.deposits.require(
            deposit_id, subject, party_id, amount_fen, self.clock.now_us + 3 * DAY_US, terms
        )
        assert isinstance(done, Changed), done
        return done.deposit

    def credit(self, amount_fen: int, payer: tuple[str, str] = ACCOUNTS[BUYER], bank_ref: str = "") -> Credit:
        self.credits += 1
        return Credit(
            bank_ref=bank_ref or f"in-{self.credits}",
            booked_at_us=InstantUs(self.clock.now_us),
            amount_fen=amount_fen,
            payer_name=payer[0],
            payer_account=payer[1],
            virtual_account="",
            purpose="",
        )

    async def receive(self, deposit_id: str, credit: Credit, *, from_suspense: bool = False) -> Received | Refused:
        async with self.pool.acquire() as connection, connection.transaction():
            return await self.deposits.receive(connection, deposit_id, credit, from_suspense=from_suspense)

    async def held(self, deposit_id: str = "d1", party_id: str = BUYER, **more: object) -> Deposit:
        """Require, pay and hold a deposit."""
        deposit = await self.require(deposit_id, party_id, **more)  # type: ignore[arg-type]
        assert isinstance(await self.receive(deposit_id, self.credit(deposit.amount_fen, ACCOUNTS[party_id])), Received)
        await self.clocks.hold_paid()
        return await self.read(deposit_id)

    async def read(self, deposit_id: str = "d1") -> Deposit:
        deposit = await self.deposits.read(deposit_id)
        assert deposit is not None
        return deposit

    async def balances(self) -> dict[str, int]:
        """Balances that are not zero; they sum to zero."""
        totals = {total.account: total.balance_fen for total in await self.ledger.trial_balance()}
        assert sum(totals.values()) == 0, totals
        return {account: balance for account, balance in totals.items() if balance}


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    """A house on a new database."""
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        yield House(pool, Clock())
