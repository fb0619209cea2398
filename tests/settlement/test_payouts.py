"""Orders to the bank: paid once in effect, whatever answer is missing and whoever dies in between."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from settlement.bank.port import PayoutResult, PayoutState
from settlement.deposits.events import DepositState as S
from settlement.ledger.book import Overdrawn
from settlement.payouts.payouts import LEASE_US, OrderState, PayoutOrder, PayoutRefusal, Payouts
from settlement.verification import verify_money
from tests.settlement.conftest import ACCOUNTS, BUYER, HOUR_US, PRICE, House


async def releasing(house: House, deposit_id: str = "d1") -> str:
    """Bring a deposit to RELEASING and return its order id."""
    await house.held(deposit_id)
    await house.deposits.schedule_release(deposit_id, house.clock.now_us, "not_chosen")
    assert await house.clocks.release_due() == 1
    return (await house.read(deposit_id)).order_id


async def settle(house: House, result: PayoutResult):
    async with house.pool.acquire() as connection, connection.transaction():
        return await house.payouts.settle(connection, result)


async def until_settled(house: House, deposit_id: str = "d1") -> None:
    for _ in range(20):
        if (await house.read(deposit_id)).state is S.RELEASED:
            return
        house.clock.pass_us(HOUR_US)
        await house.payouts.send_due()
    raise AssertionError(house.bank.calls)


@pytest.mark.parametrize(
    "faults",
    [[], ["lost"], ["no_answer"], ["lost", "deaf", "no_answer", "deaf"], ["lost", "lost", "lost", "no_answer"]],
)
async def test_whatever_the_bank_does_not_answer_the_money_leaves_once(house: House, faults: list[str]) -> None:
    await releasing(house)
    house.bank.faults = faults
    await until_settled(house)
    assert house.bank.paid_fen == PRICE and len(house.bank.orders) == 1
    assert await house.balances() == {}
    assert (await verify_money(house.pool)).findings == []


async def test_a_worker_that_died_after_the_bank_was_asked_pays_nothing_twice(house: House) -> None:
    order_id = await releasing(house)
    row = await house.pool.fetchrow(
        "UPDATE payout SET state = 'sent', attempts = 1, next_at_us = $1 RETURNING order_id",
        house.clock.now_us + LEASE_US,
    )
    assert row is not None
    order = await house.payouts.read(order_id)
    assert order is not None
    await house.bank.pay(order.for_bank)  # the bank was asked; then the process was gone
    assert await house.payouts.send_due() == 0  # leased to the dead one
    house.clock.pass_us(LEASE_US)
    await house.payouts.send_due()
    assert house.bank.calls == [f"pay {order_id}", f"look_up {order_id}"]
    assert (await house.read()).state is S.RELEASED and house.bank.paid_fen == PRICE


async def test_two_workers_release_and_pay_the_same_deposits_once(house: House) -> None:
    for number in range(6):
        await house.held(f"d{number}")
    await house.deposits.release_subject("listing/a", house.clock.now_us, "not_chosen")
    others = Payouts(house.pool, house.bank, now_us=lambda: house.clock.now_us)
    second = house.second_worker(others)
    counts = await asyncio.gather(*(worker.release_due() for worker in (house.clocks, house.clocks_of(second)) * 3))
    assert sum(counts) == 6
    await asyncio.gather(*(payouts.send_due() for payouts in (house.payouts, others) * 3))
    assert len(house.bank.orders) == 6 and house.bank.paid_fen == 6 * PRICE
    assert len([call for call in house.bank.calls if call.startswith("pay")]) == 6
    assert await house.balances() == {}
    for number in range(6):
        assert (await house.read(f"d{number}")).state is S.RELEASED


async def test_a_failed_payment_waits_for_another_account_and_never_both_are_paid(house: House) -> None:
    house.bank.failing_accounts = {ACCOUNTS[BUYER][1]}
    order_id = await releasing(house)
    await house.payouts.send_due()
    deposit = await house.read()
    assert (deposit.state, deposit.release_problem) == (S.RELEASING, "account_closed")
    assert await house.balances() == {"bank": PRICE, "deposit_due_back": -PRICE}
    assert [one.order_id for one in await house.payouts.failing()] == [order_id]
    both = await asyncio.gather(*(house.payouts.reissue(order_id, "买方甲", "6222000000000009") for _ in range(4)))
    assert sorted(isinstance(one, PayoutOrder) for one in both) == [False, False, False, True]
    assert [one for one in both if not isinstance(one, PayoutOrder)] == [PayoutRefusal.NOT_FAILED] * 3
    late = PayoutResult(order_id=order_id, state=PayoutState.SETTLED, bank_ref="late")
    assert (await settle(house, late)).refused is PayoutRefusal.CONTRADICTS  # an operator asks the bank
    await house.payouts.send_due()
    assert (await house.read()).state is S.RELEASED
    assert house.bank.paid_fen == PRICE and await house.balances() == {}
    assert await house.payouts.failing() == []
    assert (await house.payouts.reissue(order_id, "买方甲", "6222000000000009")) is PayoutRefusal.NOT_FAILED


async def test_the_ledger_itself_has_no_money_for_a_second_order(house: House) -> None:
    order = await house.payouts.read(await releasing(house))
    assert order is not None
    from msgspec.structs import replace

    with pytest.raises(Overdrawn):
        async with house.pool.acquire() as connection, connection.transaction():
            await house.payouts.place(connection, replace(order, order_id="another"))


async def test_money_from_several_accounts_goes_to_the_verified_one_or_waits(house: House) -> None:
    await house.require()
    await house.receive("d1", house.credit(10_000_000))
    await house.receive("d1", house.credit(20_000_000, ("买方甲", "6222000000000007")))
    await house.deposits.hold("d1", actor="op")
    await house.deposits.schedule_release("d1", house.clock.now_us, "not_chosen")
    del house.accounts[BUYER]
    await house.clocks.release_due()
    assert (await house.read()).release_problem == "no_payee"
    assert await house.payouts.send_due() == 0
    assert (await verify_money(house.pool)).findings == []
    (failed,) = await house.payouts.failing()
    placed = await house.payouts.reissue(failed.order_id, *ACCOUNTS[BUYER])
    assert isinstance(placed, PayoutOrder)
    await house.payouts.send_due()
    assert (await house.read()).state is S.RELEASED


async def test_a_callback_a_statement_and_the_answer_settle_an_order_once(house: House) -> None:
    house.bank.faults = ["accept"]
    order_id = await releasing(house)
    await house.payouts.send_due()
    order = await house.payouts.read(order_id)
    assert order is not None and order.state is OrderState.ACCEPTED
    result = house.bank.settled(order_id)
    done = [await settle(house, result) for _ in range(3)]
    assert [one.changed for one in done] == [True, False, False]
    assert all(one.refused is None for one in done)
    assert (
        await settle(house, PayoutResult(order_id="no", state=PayoutState.FAILED))
    ).refused is PayoutRefusal.NO_SUCH_ORDER
    assert await house.balances() == {}


async def test_orders_are_kept_as_they_were_written(house: House) -> None:
    await releasing(house)
    for statement in (
        "UPDATE payout SET amount_fen = 1",
        "UPDATE payout SET payee_account = 'mine'",
        "DELETE FROM payout",
        "TRUNCATE payout CASCADE",
    ):
        with pytest.raises(asyncpg.PostgresError, match="order"):
            await house.pool.execute(statement)
