"""The outbox of payments and the worker that empties it.

An order is written in the transaction of what causes it, with its posting (due to clearing). The worker leases an order, asks the
bank outside of any transaction and writes down the answer. When the answer is missing, the next attempt asks what became of
the order before sending it again under the same id, which pays once. Only an order that the bank says has failed can be issued anew,
once, under another id; the ledger would not have the money for two.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.journal.follower import BEHIND, GONE
from engine.journal.queries import load_queries
from settlement.bank.port import TEXT_MAX, Bank, BankUnavailable, Payout, PayoutResult, PayoutState
from settlement.ledger import postings
from settlement.ledger.book import Connection, post
from settlement.ledger.chart import Account
from settlement.ledger.postings import Sub

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "payouts.sql")
LEASE_US: Final = 60_000_000
"""How long a worker may take to ask the bank before another one asks."""
BANK_S: Final = 30.0
AGAIN_S: Final = 1.0
"""Pause after a turn that the database did not answer."""
BACKOFF_US: Final = 5_000_000
BACKOFF_MAX_US: Final = 3_600_000_000
ORDERS_A_TURN: Final = 100
PAGE_MAX: Final = 200
NO_PAYEE: Final = "no_payee"
"""Reason of an order that was never sent: nobody knows yet where the money should go."""

log = logging.getLogger(__name__)


class OrderState(StrEnum):
    """Where an order stands."""

    ORDERED = "ordered"
    """Written, not sent yet."""
    SENT = "sent"
    """Sent at least once; the answer is unknown."""
    ACCEPTED = "accepted"
    SETTLED = "settled"
    FAILED = "failed"
    REPLACED = "replaced"
    """Failed, and issued anew under another id."""


UNDER_WAY: Final = frozenset({OrderState.ORDERED, OrderState.SENT, OrderState.ACCEPTED})


class PayoutOrder(Struct, frozen=True, kw_only=True):
    """One order. Payee and sum never change."""

    order_id: str
    kind: str
    source: Sub
    """The sub-account the money comes out of, and goes back to if the bank cannot pay."""
    subject: str
    amount_fen: int
    payee_name: str
    payee_account: str
    purpose: str
    state: OrderState = OrderState.ORDERED
    reason: str = ""
    bank_ref: str = ""
    booked_at_us: int = 0
    attempts: int = 0
    next_at_us: int = 0
    created_at_us: int = 0
    changed_at_us: int = 0
    instead_of: str | None = None

    @property
    def for_bank(self) -> Payout:
        """Return what the bank is told."""
        return Payout(
            order_id=self.order_id,
            amount_fen=self.amount_fen,
            payee_name=self.payee_name,
            payee_account=self.payee_account,
            purpose=self.purpose,
        )


class PayoutRefusal(StrEnum):
    """Why an answer or a new order is not taken."""

    NO_SUCH_ORDER = "no_such_order"
    CONTRADICTS = "contradicts"
    """The bank said the opposite before: an operator has to ask the bank."""
    NOT_FAILED = "not_failed"
    NO_PAYEE = "no_payee"


class Settled(Struct, frozen=True):
    """What an answer of the bank changed. `refused` None: it was taken, now or before."""

    changed: bool
    order: PayoutOrder | None
    refused: PayoutRefusal | None = None


Listener = Callable[[Connection, PayoutOrder, int], Awaitable[None]]
"""Told in the transaction in which an order was settled, has failed, or was issued anew; with the market's time."""


class PayoutFigures(Struct, frozen=True):
    """Counts for metrics."""

    failed: int = 0
    unanswered: int = 0
    under_way: int = 0


class Payouts:
    """The outbox."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        bank: Bank | None = None,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._bank = bank
        self._now_us = now_us
        self._listeners: list[Listener] = []
        self._wake = asyncio.Event()

    def connect(self, bank: Bank) -> None:
        """Send through this bank from now on."""
        self._bank = bank
        self._wake.set()

    def subscribe(self, listener: Listener) -> None:
        """Tell somebody, in the same transaction, what became of orders."""
        self._listeners.append(listener)

    async def place(self, connection: Connection, order: PayoutOrder) -> PayoutOrder:
        """Write an order in the transaction of its cause and return it.

        Without a payee's account it is written as failed (`NO_PAYEE`): it waits in the operator's queue and its money stays due.
        Listeners are not told: the caller knows.

        Raises:
            Overdrawn: the source does not hold the money.
            asyncpg.UniqueViolationError: the order id is in use.
        """
        now_us = self._now_us()
        known = bool(order.payee_account.strip()) and len(order.payee_account) <= TEXT_MAX
        state, reason = (OrderState.ORDERED, "") if known else (OrderState.FAILED, NO_PAYEE)
        await connection.execute(
            QUERIES["insert_payout"], order.order_id, order.kind, order.source.account.value, order.source.party,
            order.source.deposit, order.source.deal, order.source.reference, order.subject, order.amount_fen,
            order.payee_name[:TEXT_MAX], order.payee_account, order.purpose[:TEXT_MAX], state.value, reason, now_us,
            order.instead_of,
        )  # fmt: skip
        if known:
            key = f"payout:{order.order_id}:ordered"
            entry = postings.payout_ordered(key, order.source, order.subject, order.order_id, order.amount_fen)
            await post(connection, entry, now_us)
        self._wake.set()
        placed = await self._read(connection, order.order_id)
        assert placed is not None, "just written"
        return placed

    async def settle(self, connection: Connection, result: PayoutResult) -> Settled:
        """Take an answer of the bank, from a call, a callback or a statement, in the caller's transaction. Repeating changes nothing."""
        row = await connection.fetchrow(QUERIES["lock_payout"], result.order_id)
        if row is None:
            return Settled(False, None, PayoutRefusal.NO_SUCH_ORDER)
        order = order_of(row)
        same = order.state.value == result.state.value or (
            order.state is OrderState.REPLACED and result.state is PayoutState.FAILED
        )
        if same or (result.state is PayoutState.ACCEPTED and order.state not in (OrderState.ORDERED, OrderState.SENT)):
            return Settled(False, order)
        if order.state not in UNDER_WAY:
            return Settled(False, order, PayoutRefusal.CONTRADICTS)
        return Settled(True, await self._change(connection, order, result))

    async def _change(self, connection: Connection, order: PayoutOrder, result: PayoutResult) -> PayoutOrder:
        now_us = self._now_us()
        next_at_us = now_us + _pause_us(order.attempts)
        await connection.execute(
            QUERIES["set_payout"], order.order_id, result.state.value, result.reason[:TEXT_MAX],
            result.bank_ref[:TEXT_MAX], result.booked_at_us, now_us, next_at_us,
        )  # fmt: skip
        changed = await self._read(connection, order.order_id)
        assert changed is not None, "locked before"
        if result.state is PayoutState.ACCEPTED:
            return changed
        await self._tell(connection, changed, now_us)
        settled = result.state is PayoutState.SETTLED
        make = postings.payout_settled if settled else postings.payout_failed
        key = f"payout:{order.order_id}:{result.state.value}"
        await post(connection, make(key, order.source, order.subject, order.order_id, order.amount_fen), now_us)
        return changed

    async def reissue(self, order_id: str, payee_name: str, payee_account: str) -> PayoutOrder | PayoutRefusal:
        """Order a failed payment anew, to a corrected account, under a new id. Each order has one successor at most."""
        if not payee_account.strip() or len(payee_account) > TEXT_MAX or len(payee_name) > TEXT_MAX:
            return PayoutRefusal.NO_PAYEE
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(QUERIES["lock_payout"], order_id)
            if row is None:
                return PayoutRefusal.NO_SUCH_ORDER
            old = order_of(row)
            if old.state is not OrderState.FAILED:
                return PayoutRefusal.NOT_FAILED
            await connection.execute(
                QUERIES["set_payout"], order_id, OrderState.REPLACED.value, old.reason, "", 0, self._now_us(), 0
            )
            new = PayoutOrder(
                order_id=_next_id(order_id), kind=old.kind, source=old.source, subject=old.subject,
                amount_fen=old.amount_fen, payee_name=payee_name.strip(), payee_account=payee_account.strip(),
                purpose=old.purpose, instead_of=order_id,
            )  # fmt: skip
            placed = await self.place(connection, new)
            await self._tell(connection, placed, self._now_us())
        self._wake.set()
        return placed

    async def run(self, pause_s: float = 1.0) -> None:
        """Send what waits, for ever. Without a bank nothing is sent and everything waits."""
        while True:
            self._wake.clear()
            try:
                if await self.send_due() >= ORDERS_A_TURN:
                    continue
            except BEHIND:
                log.warning("payments_wait", exc_info=True)
                await asyncio.sleep(AGAIN_S)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def send_due(self) -> int:
        """Ask the bank about every order whose time has come, at most `ORDERS_A_TURN`; return how many."""
        if self._bank is None:
            return 0
        for count in range(ORDERS_A_TURN):
            now_us = self._now_us()
            row = await self._pool.fetchrow(QUERIES["take_payout"], now_us, now_us + LEASE_US)
            if row is None:
                return count
            order = order_of(row)
            try:
                await self._ask(self._bank, order)
            except GONE:
                raise
            except Exception:  # its lease runs out and it is asked for again; the others go on
                log.exception("order_stands_still", extra={"order": order.order_id})
        return ORDERS_A_TURN

    async def _ask(self, bank: Bank, order: PayoutOrder) -> None:
        try:
            async with asyncio.timeout(BANK_S):
                result = await _answer(bank, order)
        except (BankUnavailable, TimeoutError):
            log.warning("bank_gives_no_answer", extra={"attempts": order.attempts})
            result = None
        if result is None or result.state is PayoutState.ACCEPTED:
            await self._pool.execute(
                QUERIES["put_off_payout"], order.order_id, self._now_us() + _pause_us(order.attempts)
            )
        if result is not None:
            async with self._pool.acquire() as connection, connection.transaction():
                await self.settle(connection, result)

    async def read(self, order_id: str) -> PayoutOrder | None:
        """Return an order."""
        return await self._read(self._pool, order_id)

    async def of_deposit(self, deposit_id: str) -> list[PayoutOrder]:
        """Return the orders of a deposit, oldest first."""
        return [order_of(row) for row in await self._pool.fetch(QUERIES["payouts_of_deposit"], deposit_id)]

    async def failing(self, after: tuple[int, str] = (0, ""), limit: int = 50) -> list[PayoutOrder]:
        """Return a page of orders that the bank could not pay and that nobody has issued anew, oldest first.

        Args:
            after: (created_at_us, order_id) of the last one of the page before.
            limit: At most this many, 1..200.
        """
        rows = await self._pool.fetch(QUERIES["failing_payouts"], *after, max(1, min(limit, PAGE_MAX)))
        return [order_of(row) for row in rows]

    async def figures(self) -> PayoutFigures:
        """Return counts for metrics."""
        row = await self._pool.fetchrow(QUERIES["payout_figures"])
        return PayoutFigures(**dict(row)) if row is not None else PayoutFigures()

    async def _tell(self, connection: Connection, order: PayoutOrder, now_us: int) -> None:
        for listener in self._listeners:
            await listener(connection, order, now_us)

    async def _read(self, on: asyncpg.Pool | Connection, order_id: str) -> PayoutOrder | None:
        row = await on.fetchrow(QUERIES["read_payout"], order_id)
        return None if row is None else order_of(row)


async def _answer(bank: Bank, order: PayoutOrder) -> PayoutResult | None:
    """Ask the bank; after the first attempt ask what became of the order before sending it again."""
    if order.attempts > 1:
        result = await bank.look_up(order.order_id)
        if result is not None:
            return result
        if order.state is OrderState.ACCEPTED:
            return None  # it was accepted once: the bank's books are behind, it is not sent again
    return await bank.pay(order.for_bank)


def _pause_us(attempts: int) -> int:
    return int(min(BACKOFF_US * 2 ** min(attempts, 20), BACKOFF_MAX_US))


def _next_id(order_id: str) -> str:
    stem, _, number = order_id.rpartition("~")
    return f"{stem}~{int(number) + 1}" if stem else f"{order_id}~2"


def order_of(row: asyncpg.Record) -> PayoutOrder:
    """Return a stored order."""
    return PayoutOrder(
        order_id=row["order_id"],
        kind=row["kind"],
        source=Sub(Account(row["account"]), row["party"], row["deposit"], row["deal"], row["reference"]),
        subject=row["subject"],
        amount_fen=row["amount_fen"],
        payee_name=row["payee_name"],
        payee_account=row["payee_account"],
        purpose=row["purpose"],
        state=OrderState(row["state"]),
        reason=row["reason"],
        bank_ref=row["bank_ref"],
        booked_at_us=row["booked_at_us"],
        attempts=row["attempts"],
        next_at_us=row["next_at_us"],
        created_at_us=row["created_at_us"],
        changed_at_us=row["changed_at_us"],
        instead_of=row["instead_of"],
    )
