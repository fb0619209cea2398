"""A bank without an interface: payments are written down, exported as a file for the bank's own counter, and confirmed by its statement.

The adapter `ByHand` of the port `Bank`. The file is CSV in UTF-8 with mark, as spreadsheet programs and online counters take it.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.values import CNY, Amount, InstantUs, format_amount
from settlement.bank.candidates import QUERIES
from settlement.bank.port import REF_MAX, TEXT_MAX, Payout, PayoutResult, PayoutState
from settlement.ledger.book import Connection
from settlement.payouts.payouts import OrderState, PayoutOrder, Payouts

FILE_PAYMENTS_MAX: Final = 500
PAGE_MAX: Final = 200
NOT_THE_SAME: Final = "ORDER_ID_REUSED"
COLUMNS: Final = ("序号", "收款人户名", "收款人账号", "金额", "用途", "客户订单号")


class Payment(Struct, frozen=True, kw_only=True):
    """One payment written down."""

    order_id: str
    amount_fen: int
    payee_name: str
    payee_account: str
    purpose: str
    ordered_at_us: int
    file: int | None
    state: PayoutState


class PaymentFile(Struct, frozen=True, kw_only=True):
    """One exported file."""

    number: int
    made_at_us: int
    actor: str
    payments: int
    amount_fen: int


class ByHand:
    """Implements `Bank`; the bank's counter is a person with a file."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self._now_us = now_us

    async def pay(self, payout: Payout) -> PayoutResult:
        """Write a payment down for the next file. The same order again changes nothing; its id with other content fails."""
        digest = _digest(payout)
        await self._pool.execute(
            QUERIES["insert_payment"], payout.order_id[:REF_MAX], payout.amount_fen, payout.payee_name[:TEXT_MAX],
            payout.payee_account[:TEXT_MAX], payout.purpose[:TEXT_MAX], digest, self._now_us(),
        )  # fmt: skip
        row = await self._pool.fetchrow(QUERIES["read_payment"], payout.order_id)
        assert row is not None, "just written"
        if row["digest"] != digest:
            return PayoutResult(order_id=payout.order_id, state=PayoutState.FAILED, reason=NOT_THE_SAME)
        return _result(row)

    async def look_up(self, order_id: str) -> PayoutResult | None:
        """Return what became of a payment."""
        row = await self._pool.fetchrow(QUERIES["read_payment"], order_id)
        return None if row is None else _result(row)

    def follow(self, payouts: Payouts) -> None:
        """Note here what the outbox learns from statements and operators."""
        payouts.subscribe(self._ended)

    async def _ended(self, connection: Connection, order: PayoutOrder, _: int) -> None:
        if order.state in (OrderState.SETTLED, OrderState.FAILED):
            await connection.execute(
                QUERIES["end_payment"], order.order_id, order.state.value, order.reason, order.bank_ref,
                order.booked_at_us,
            )  # fmt: skip

    # Files.

    async def waiting(self, after: tuple[int, str] = (0, ""), limit: int = 50) -> list[Payment]:
        """Return a page of payments that no statement has confirmed, oldest first."""
        rows = await self._pool.fetch(QUERIES["payments_open"], *after, max(1, min(limit, PAGE_MAX)))
        return [_payment(row) for row in rows]

    async def files(self, before: int = 2**62, limit: int = 20) -> list[PaymentFile]:
        """Return a page of files, newest first."""
        rows = await self._pool.fetch(QUERIES["files"], before, max(1, min(limit, PAGE_MAX)))
        return [PaymentFile(**dict(row)) for row in rows]

    async def make_file(self, actor: str) -> PaymentFile | None:
        """Put the payments that are in no file yet into a new one, at most `FILE_PAYMENTS_MAX`; None if there are none.

        Each payment stands in exactly one file, so that nobody pays twice by uploading two.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(QUERIES["payments_without_file"], FILE_PAYMENTS_MAX)
            if not rows:
                return None
            total, now_us = sum(row["amount_fen"] for row in rows), self._now_us()
            number = await connection.fetchval(QUERIES["insert_file"], now_us, actor, len(rows), total)
            await connection.execute(QUERIES["take_payments"], number, [row["order_id"] for row in rows])
        return PaymentFile(number=number, made_at_us=now_us, actor=actor, payments=len(rows), amount_fen=total)

    async def payments_of(self, number: int) -> list[Payment]:
        """Return the payments of a file."""
        return [_payment(row) for row in await self._pool.fetch(QUERIES["payments_of_file"], number)]


def as_csv(payments: Sequence[Payment]) -> str:
    """Return a payment file. Account numbers keep their digits in spreadsheets; texts cannot be taken for formulas."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(COLUMNS)
    for number, payment in enumerate(payments, start=1):
        whole, _, rest = format_amount(Amount(payment.amount_fen), CNY).partition(".")
        write.writerow(
            [
                number,
                _text(payment.payee_name),
                f'="{payment.payee_account}"' if payment.payee_account.isdigit() else _text(payment.payee_account),
                f"{whole}.{rest.ljust(2, '0')}",
                _text(payment.purpose),
                payment.order_id,
            ]
        )
    return "\ufeff" + out.getvalue()


def _text(value: str) -> str:
    """Return a text that no spreadsheet reads as a formula."""
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value


def _digest(payout: Payout) -> bytes:
    parts = [payout.order_id, str(payout.amount_fen), payout.payee_name, payout.payee_account, payout.purpose]
    return sha256(b"ortoo-bank-payment-1\0" + canonical_bytes(parts)).digest()


def _result(row: asyncpg.Record) -> PayoutResult:
    return PayoutResult(
        order_id=row["order_id"],
        state=PayoutState(row["state"]),
        reason=row["reason"],
        bank_ref=row["bank_ref"],
        booked_at_us=InstantUs(row["booked_at_us"]),
    )


def _payment(row: asyncpg.Record) -> Payment:
    return Payment(
        **{name: row[name] for name in Payment.__struct_fields__ if name != "state"}, state=PayoutState(row["state"])
    )
