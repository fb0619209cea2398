"""Nothing lost, nothing doubled, and the queue says why: every way in which a bank can tell, on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from engine.values import InstantUs
from settlement.bank.exceptions import Act, Item, Problem, Refusal, State
from settlement.bank.matching import Outcome
from settlement.bank.port import PayoutState
from settlement.deposits.events import DepositState
from tests.settlement.bank.conftest import Desk
from tests.settlement.conftest import ACCOUNTS, DAY_US, OTHER, PRICE, House

ONE_PAID = {"bank": PRICE, "deposit_received": -PRICE}
IN_SUSPENSE = {"bank": PRICE, "suspense": -PRICE}


# Once.


async def test_five_callbacks_at_once_and_the_statement_are_one_payment(desk: Desk):
    credit = await desk.credit()
    await desk.call(credit, times=5)
    await desk.call(credit)
    report = await desk.statement(credit)
    assert (report.count("told"), report.count("new")) == (1, 0)
    assert await desk.balances() == ONE_PAID and await desk.queue() == []
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_event") == 1


async def test_the_statement_may_come_first_and_twice(desk: Desk):
    credit = await desk.credit()
    assert (await desk.statement(credit)).count("new") == 1
    assert (await desk.statement(credit)).count("known") == 1
    await desk.call(credit, times=3)
    assert await desk.balances() == ONE_PAID and await desk.queue() == []


async def test_a_lost_callback_is_found_by_the_statement(desk: Desk):
    await desk.statement(await desk.credit())
    assert (await desk.house.read()).state is DepositState.PAID
    assert await desk.balances() == ONE_PAID


async def test_callback_and_statement_at_the_same_moment_are_one_payment(desk: Desk):
    credit = await desk.credit()
    await asyncio.gather(desk.call(credit, times=3), desk.statement(credit), desk.call(credit, times=2))
    assert await desk.balances() == ONE_PAID


async def test_two_payments_for_one_deposit_the_second_waits(desk: Desk):
    first, second = await desk.credit(), await desk.credit()
    await asyncio.gather(desk.call(first), desk.call(second))
    assert await desk.balances() == {"bank": 2 * PRICE, "deposit_received": -PRICE, "suspense": -PRICE}
    assert await desk.reasons() == ["already_paid"]


async def test_a_crash_between_recording_and_acting_loses_nothing(desk: Desk):
    credit = await desk.credit()
    async with desk.pool.acquire() as connection, connection.transaction():
        await desk.receiving.record(connection, desk.told(credit))
    assert await desk.house.balances() == {}
    # The market starts again: what was recorded is acted on, once, also if the bank tells it again at the same moment.
    await asyncio.gather(
        desk.receiving.act_on_pending(), desk.call(credit, times=2), Desk(desk.house).receiving.act_on_pending()
    )
    assert await desk.balances() == ONE_PAID
    assert await desk.receiving.act_on_pending() == 0


async def test_a_failure_while_acting_undoes_the_act_and_not_the_record(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    credit = await desk.credit()

    async def broken(*_: object, **__: object) -> None:
        raise asyncpg.PostgresConnectionError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(desk.house.deposits, "receive", broken)
        with pytest.raises(asyncpg.PostgresConnectionError):
            await desk.call(credit)
        assert await desk.receiving.act_on_pending() == 1
    assert await desk.house.balances() == {}
    assert await desk.receiving.act_on_pending() == 1
    assert await desk.balances() == ONE_PAID


async def test_what_the_bank_told_cannot_be_changed_or_removed(desk: Desk):
    await desk.call(await desk.credit())
    for statement in (
        "UPDATE bank_event SET amount_fen = 1",
        "DELETE FROM bank_sighting",
        "TRUNCATE bank_event CASCADE",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await desk.pool.execute(statement)


# Into suspense, with the reason.


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"amount_fen": PRICE - 1}, ["part_payment"]),
        ({"amount_fen": PRICE + 1}, ["overpaid"]),
        ({"payer_name": "陌生人"}, ["wrong_payer"]),
        ({"payer_name": ""}, ["payer_unknown"]),
        ({"virtual_account": "990001999999999"}, ["unknown_account"]),
        ({"virtual_account": "", "payer_name": "陌生人"}, ["unidentified"]),
        ({"payer_name": "陌生人", "amount_fen": 5}, ["wrong_payer", "part_payment"]),
    ],
)
async def test_what_does_not_fit_waits_in_suspense_and_the_queue_says_why(
    desk: Desk, changes: dict[str, Any], reasons: list[str]
):
    credit = await desk.credit(**changes)
    await desk.call(credit, times=2)
    await desk.statement(credit)
    fen = credit.amount_fen
    assert await desk.balances() == {"bank": fen, "suspense": -fen}
    [item] = await desk.queue()
    assert [reason.value for reason in item.reasons] == reasons and item.event is not None
    assert (item.event.amount_fen, item.place, item.has_money, item.state) == (fen, "suspense", True, State.OPEN)
    assert (await desk.exceptions.counts()).suspense_fen == fen


async def test_booked_after_the_due_time_is_late_whenever_it_is_told(desk: Desk):
    due = (await desk.house.read()).due_at_us
    desk.house.clock.now_us = due + DAY_US
    await desk.call(await desk.credit(booked_at_us=InstantUs(due + 1)))
    assert await desk.reasons() == ["late"]
    await desk.call(await desk.credit(booked_at_us=InstantUs(due)))
    assert (await desk.house.read()).state is DepositState.PAID


async def test_booked_in_time_and_told_after_the_deposit_lapsed_is_late_too(desk: Desk):
    due = (await desk.house.read()).due_at_us
    desk.house.clock.now_us = due + DAY_US
    assert await desk.house.clocks.lapse_due() == 1
    await desk.call(await desk.credit(booked_at_us=InstantUs(due)))
    assert await desk.reasons() == ["late"]
    assert await desk.balances() == IN_SUSPENSE


async def test_without_a_sub_account_amount_and_payer_decide_and_two_deposits_are_ambiguous(desk: Desk):
    await desk.call(await desk.credit(virtual_account=""))
    assert (await desk.house.read()).state is DepositState.PAID
    await desk.house.require("dep-b2", subject="listing/b")
    await desk.call(await desk.credit("dep-b2", virtual_account=""))
    assert await desk.reasons() == ["ambiguous"]
    await desk.call(await desk.credit("dep-b2", virtual_account="", purpose="保证金 DEP-B2"))
    assert (await desk.house.read("dep-b2")).state is DepositState.PAID


async def test_the_same_booking_told_with_another_amount_is_noticed_and_counted_once(desk: Desk):
    credit = await desk.credit()
    await desk.call(replace(credit, amount_fen=PRICE + 100))
    await desk.statement(credit)
    await desk.statement(credit)
    items = await desk.queue()
    assert [item.outcome for item in items] == [Outcome.OVERPAID, Outcome.CONTENT_DIFFERS]
    assert f"amount_fen {PRICE + 100} ≠ {PRICE}" in items[1].note and not items[1].has_money
    assert await desk.balances() == {"bank": PRICE + 100, "suspense": -PRICE - 100}


async def test_equal_lines_without_a_reference_are_two_payments_and_callbacks_find_theirs(desk: Desk):
    await desk.house.require("d2", subject="listing/b")
    one = await desk.credit(virtual_account="", purpose="保证金")
    two = replace(one, bank_ref="other")
    lines = [replace(one, bank_ref=""), replace(one, bank_ref="")]
    assert (await desk.statement(*lines)).count("new") == 2
    assert (await desk.statement(*lines)).count("known") == 2
    await desk.call(one, times=2)
    await desk.call(two, times=2)
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_event") == 2
    # A third callback is a third payment.
    await desk.call(replace(one, bank_ref="third"))
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_event") == 3
    assert await desk.balances() == {"bank": 3 * PRICE, "suspense": -3 * PRICE}


async def test_callbacks_first_and_lines_without_references_find_theirs(desk: Desk):
    one = await desk.credit()
    await desk.call(one)
    report = await desk.statement(replace(one, bank_ref=""), replace(one, bank_ref=""))
    assert (report.count("told"), report.count("new")) == (1, 1)
    assert await desk.balances() == {"bank": 2 * PRICE, "deposit_received": -PRICE, "suspense": -PRICE}


# Acts.


async def one_item(desk: Desk, **changes: Any) -> Item:
    await desk.call(await desk.credit(**changes))
    [item] = await desk.queue()
    return item


async def test_assigning_moves_the_money_from_suspense_to_the_deposit(desk: Desk):
    item = await one_item(desk, payer_name="陌生人")
    done = await desk.act(item, Act.ASSIGN, deposit_id="d1")
    assert (done.state, done.place, done.placed_at) == (State.CLOSED, "deposit", "d1")
    assert await desk.balances() == ONE_PAID and await desk.queue() == []
    [act] = await desk.exceptions.acts_of(item.id)
    assert (act.act, act.reason, act.deposit_id) == (Act.ASSIGN, "核对无误", "d1")


async def test_two_parts_assigned_make_a_whole_and_the_exact_rest_matches_by_itself(desk: Desk):
    item = await one_item(desk, amount_fen=PRICE - 100)
    await desk.act(item, Act.ASSIGN, deposit_id="d1")
    await desk.call(await desk.credit(amount_fen=100))
    assert (await desk.house.read()).state is DepositState.PAID and await desk.queue() == []


async def test_returning_orders_a_payment_to_the_sender_and_its_end_clears_the_books(desk: Desk):
    item = await one_item(desk, virtual_account="990001999999999")
    done = await desk.act(item, Act.RETURN)
    assert (done.state, done.place) == (State.CLOSED, "returned")
    assert await desk.balances() == {"bank": PRICE, "payout_clearing": -PRICE}
    await desk.house.payouts.send_due()
    assert await desk.balances() == {}
    [order] = desk.house.bank.orders.values()
    assert (order.payee_account, order.amount_fen) == (ACCOUNTS["p0000000000000001"][1], PRICE)


async def test_a_return_needs_an_account_and_never_goes_to_another_than_the_sender(desk: Desk):
    item = await one_item(desk, payer_account="", payer_name="陌生人")
    assert await desk.act(item, Act.RETURN) == Refusal(Problem.NO_PAYEE)
    assert (await desk.act(item, Act.RETURN, payee_name="甲", payee_account="62")).place == "returned"
    other = await one_item(desk, payer_name="陌生人", bank_ref="x9")
    await desk.act(other, Act.RETURN, payee_name="骗子", payee_account="666")
    await desk.house.payouts.send_due()
    assert {order.payee_account for order in desk.house.bank.orders.values()} == {
        "62",
        ACCOUNTS["p0000000000000001"][1],
    }


async def test_of_two_operators_one_is_told_that_the_other_was_faster(desk: Desk):
    item = await one_item(desk, payer_name="陌生人")
    done = await asyncio.gather(
        *(desk.act(item, act, deposit_id="d1" if act is Act.ASSIGN else "") for act in (Act.ASSIGN, Act.RETURN))
    )
    assert sorted(isinstance(one, Refusal) for one in done) == [False, True]
    assert Refusal(Problem.CHANGED) in done
    totals = await desk.balances()
    assert totals in (ONE_PAID, {"bank": PRICE, "payout_clearing": -PRICE})


@pytest.mark.parametrize(
    ("act", "more", "refusal"),
    [
        (Act.ASSIGN, {"deposit_id": "nobody"}, Refusal(Problem.DEPOSIT_REFUSES, "no_such_deposit")),
        (Act.CLOSE, {}, Refusal(Problem.NOT_FOR_THIS)),
        (Act.ASSIGN, {"deposit_id": "d1", "reason": "  "}, Refusal(Problem.REASON_REQUIRED)),
        (Act.ASSIGN, {"deposit_id": "d1", "reason": "x" * 501}, Refusal(Problem.REASON_REQUIRED)),
    ],
)
async def test_acts_that_are_not_done_change_nothing(desk: Desk, act: Act, more: dict[str, Any], refusal: Refusal):
    item = await one_item(desk, payer_name="陌生人")
    assert await desk.act(item, act, **more) == refusal
    assert await desk.exceptions.read(item.id) == item
    assert await desk.balances() == IN_SUSPENSE


async def test_waiting_keeps_the_money_and_the_row(desk: Desk):
    item = await one_item(desk, amount_fen=PRICE - 1)
    waits = await desk.act(item, Act.WAIT, "付款人明日补足")
    assert (waits.state, waits.version, waits.acts) == (State.WAITING, 2, (Act.ASSIGN, Act.RETURN))
    assert await desk.queue(State.OPEN) == [] and len(await desk.queue(State.WAITING)) == 1
    assert (await desk.exceptions.counts()).waiting == 1


async def test_a_late_payment_cannot_be_assigned_only_returned(desk: Desk):
    due = (await desk.house.read()).due_at_us
    item = await one_item(desk, booked_at_us=InstantUs(due + 1))
    assert await desk.act(item, Act.ASSIGN, deposit_id="d1") == Refusal(Problem.DEPOSIT_REFUSES, "late")
    assert (await desk.act(item, Act.RETURN)).place == "returned"


# Results of payments.


async def test_results_out_of_order_and_twice_pay_once(desk: Desk):
    item = await one_item(desk, payer_name="陌生人")
    await desk.act(item, Act.RETURN)
    [order] = await desk.pool.fetch("SELECT order_id FROM payout")
    order_id = order["order_id"]
    await desk.call_result(order_id, PayoutState.SETTLED, bank_ref="out-1")
    await desk.call_result(order_id, PayoutState.ACCEPTED)
    await desk.call_result(order_id, PayoutState.SETTLED, bank_ref="out-1")
    assert await desk.balances() == {} and await desk.queue() == []
    await desk.call_result(order_id, PayoutState.FAILED, "CLOSED")
    assert await desk.reasons() == ["order_differs"]
    assert await desk.balances() == {}


async def test_the_result_of_an_order_that_we_never_gave_is_in_the_queue(desk: Desk):
    await desk.call_result("never-1", PayoutState.SETTLED, bank_ref="out-1")
    [item] = await desk.queue()
    assert item.outcome is Outcome.UNKNOWN_ORDER and item.acts == (Act.CLOSE, Act.WAIT)
    assert (await desk.act(item, Act.CLOSE, "银行更正")).state is State.CLOSED
    assert await desk.balances() == {}


async def test_a_message_that_cannot_be_read_is_one_row_however_often_it_comes(desk: Desk):
    for _ in range(3):
        await desk.receiving.misread(b'{"x":1}', "kind")
    [item] = await desk.queue()
    assert item.outcome is Outcome.MISREAD and item.event is None and "sha256" in item.note


async def test_the_queue_is_paged_oldest_first(desk: Desk, house: House):
    for number in range(5):
        house.clock.pass_us(1_000)
        await desk.call(await desk.credit(virtual_account="", payer_name=f"陌生人{number}"))
    seen: list[int] = []
    after = (0, 0)
    while page := await desk.exceptions.page(after=after, limit=2):
        seen += [item.id for item in page]
        after = (page[-1].opened_at_us, page[-1].id)
    assert len(seen) == 5 == len(set(seen)) and seen == sorted(seen)


async def test_names_of_other_parties_do_not_open_a_deposit(desk: Desk):
    await desk.call(await desk.credit(payer_name=ACCOUNTS[OTHER][0]))
    assert await desk.reasons() == ["wrong_payer"]
