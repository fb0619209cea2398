"""One suite for every bank adapter: an order pays once, an answer never changes, silence is `BankUnavailable`.

The sandbox bank runs over HTTP; payments by hand are confirmed by a statement, as the counter would.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from msgspec.structs import replace

from engine.values import InstantUs
from gateway.bank.client import HttpBank
from gateway.sandbox_bank.command import Sandbox as OpenedBank
from gateway.sandbox_bank.command import open_bank
from gateway.sandbox_bank.faults import Faults
from settlement.bank.by_hand import ByHand, as_csv
from settlement.bank.port import Bank, BankUnavailable, Payout, PayoutResult, PayoutState
from settlement.ledger.book import post
from settlement.ledger.chart import Account
from settlement.ledger.postings import Sub, credit_unidentified
from settlement.payouts.payouts import PayoutOrder, Payouts

SECRET = b"s" * 32
ORDER = Payout(
    order_id="dep-1-5", amount_fen=100, payee_name="草原合作社", payee_account="6200000000000001001", purpose="退还"
)


class Counter(Protocol):
    """An adapter and the other side of it."""

    bank: Bank

    async def settle(self, order_id: str) -> None:
        """The bank books a payment."""

    async def fail(self, order_id: str) -> None:
        """The bank refuses a payment."""


class Sandbox:
    """The HTTP adapter over the sandbox bank; payments wait until the test finishes them."""

    def __init__(self, bank: HttpBank, opened: OpenedBank) -> None:
        self.bank: Bank = bank
        self.opened = opened

    async def settle(self, order_id: str) -> None:
        self.opened.books.finish(order_id)

    async def fail(self, order_id: str) -> None:
        self.opened.books.finish(order_id, "ACCOUNT_CLOSED")


class Hand:
    """Payments by hand, settled as the statement import and the desk do it: through the outbox."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.by_hand = ByHand(pool)
        self.bank: Bank = self.by_hand
        self.payouts = Payouts(pool)
        self.by_hand.follow(self.payouts)

    async def settle(self, order_id: str) -> None:
        await self._end(
            PayoutResult(order_id=order_id, state=PayoutState.SETTLED, bank_ref="out-1", booked_at_us=InstantUs(1))
        )

    async def fail(self, order_id: str) -> None:
        await self._end(PayoutResult(order_id=order_id, state=PayoutState.FAILED, reason="ACCOUNT_CLOSED"))

    async def _end(self, result: PayoutResult) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            done = await self.payouts.settle(connection, result)
        assert done.refused is None

    async def prepare(self, payout: Payout) -> None:
        """The order stands in the outbox, as it always does before an adapter is asked."""
        async with self.pool.acquire() as connection, connection.transaction():
            await post(
                connection, credit_unidentified(f"suspense:{payout.order_id}", payout.order_id, payout.amount_fen), 1
            )
            await self.payouts.place(
                connection,
                PayoutOrder(
                    order_id=payout.order_id, kind="suspense_return", subject="", amount_fen=payout.amount_fen,
                    source=Sub(Account.SUSPENSE, reference=payout.order_id), payee_name=payout.payee_name,
                    payee_account=payout.payee_account, purpose=payout.purpose,
                ),
            )  # fmt: skip


@pytest.fixture(params=["sandbox", "by_hand"])
async def counter(request: pytest.FixtureRequest, fresh_database: str, tmp_path: Path) -> AsyncIterator[Counter]:
    if request.param == "by_hand":
        async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
            hand = Hand(pool)
            await hand.prepare(ORDER)
            yield hand
        return
    async with open_bank(tmp_path / "bank.sqlite", SECRET, "http://127.0.0.1:9/x", automatic=False) as opened:
        opened.books.open_account(ORDER.payee_account, ORDER.payee_name, 1_000)
        opened.books.transfer_in(ORDER.payee_account, 500)
        opened.books.set_faults(Faults(keep_payouts=True))
        client = HttpBank(opened.url, SECRET)
        yield Sandbox(client, opened)
        await client.close()


async def test_an_order_nobody_gave_is_unknown(counter: Counter):
    assert await counter.bank.look_up("never") is None
    assert await counter.bank.look_up("a/../b?c=1 ü") is None


async def test_the_same_order_is_one_payment_however_often_and_however_much_at_once_it_is_sent(counter: Counter):
    first = await asyncio.gather(*(counter.bank.pay(ORDER) for _ in range(5)))
    assert {result.state for result in first} == {PayoutState.ACCEPTED}
    await counter.settle(ORDER.order_id)
    settled = await counter.bank.pay(ORDER)
    assert settled.state is PayoutState.SETTLED and settled.bank_ref and settled.booked_at_us > 0
    assert await counter.bank.look_up(ORDER.order_id) == settled == await counter.bank.pay(ORDER)


async def test_a_failure_is_final_and_says_why(counter: Counter):
    await counter.bank.pay(ORDER)
    await counter.fail(ORDER.order_id)
    failed = await counter.bank.look_up(ORDER.order_id)
    assert failed is not None and (failed.state, failed.reason) == (PayoutState.FAILED, "ACCOUNT_CLOSED")
    assert (await counter.bank.pay(ORDER)).state is PayoutState.FAILED


async def test_an_order_id_is_never_used_for_another_payment(counter: Counter):
    await counter.bank.pay(ORDER)
    for other in (replace(ORDER, amount_fen=101), replace(ORDER, payee_account="1")):
        assert await counter.bank.pay(other) == PayoutResult(
            order_id=ORDER.order_id, state=PayoutState.FAILED, reason="ORDER_ID_REUSED"
        )
    known = await counter.bank.look_up(ORDER.order_id)
    assert known is not None and known.state is PayoutState.ACCEPTED


# What only one of them has.


async def test_silence_of_the_bank_is_unavailable(tmp_path: Path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        client = HttpBank(f"http://127.0.0.1:{nobody.getsockname()[1]}", SECRET)
        with pytest.raises(BankUnavailable):
            await client.pay(ORDER)
        await client.close()
    async with open_bank(tmp_path / "bank.sqlite", SECRET, "http://127.0.0.1:9/x", automatic=False) as opened:
        wrong = HttpBank(opened.url, b"other" * 8)
        with pytest.raises(BankUnavailable):
            await wrong.look_up("a")
        await wrong.close()
        client = HttpBank(opened.url, SECRET)
        for faults in (Faults(down=True), Faults(cut_after_booking=1), Faults(cut_before_booking=1)):
            opened.books.set_faults(faults)
            with pytest.raises(BankUnavailable):
                await client.pay(ORDER)
        opened.books.set_faults(Faults())
        assert (await client.pay(ORDER)).reason == "INSUFFICIENT_FUNDS"
        await client.close()


async def test_a_listener_that_never_answers_is_unavailable():
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    client = HttpBank(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", SECRET, call_s=0.05)
    with pytest.raises(BankUnavailable):
        await client.look_up("a")
    await client.close()
    await gone.wait()
    server.close()
    await server.wait_closed()


async def test_each_payment_by_hand_stands_in_exactly_one_file(fresh_database: str):
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        by_hand = ByHand(pool)
        for number in range(7):
            await by_hand.pay(replace(ORDER, order_id=f"o{number}", payee_name="=HYPERLINK(1)"))
        made = [one for one in await asyncio.gather(*(by_hand.make_file("op") for _ in range(4))) if one is not None]
        held = [payment.order_id for one in made for payment in await by_hand.payments_of(one.number)]
        assert sorted(held) == [f"o{number}" for number in range(7)]
        text = as_csv(await by_hand.payments_of(made[0].number))
        assert '"=""6200000000000001001"""' in text and "'=HYPERLINK" in text and ",1.00," in text
        assert await by_hand.make_file("op") is None
