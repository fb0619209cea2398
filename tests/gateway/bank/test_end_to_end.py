"""Market and sandbox bank as two programs: whatever the bank does, nothing is lost, nothing is doubled, and the queue says why."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from engine.journal.follower import GONE
from gateway.bank.signing import sign
from gateway.sandbox_bank.books import day_of
from settlement.bank.exceptions import Act, Item, Wish
from settlement.bank.matching import Outcome
from settlement.bank.news import day_of as date_of
from settlement.deposits.events import DepositState
from tests.gateway.bank.conftest import DAY_US, PRICE, Trade, free_port, trading

HELD = {"bank": PRICE, "deposit_held": -PRICE}
SUSPENSE = {"bank": PRICE, "suspense": -PRICE}


async def is_held(trade: Trade) -> bool:
    deposit = await trade.deposits.read("dep-1")
    return deposit is not None and deposit.state is DepositState.HELD


async def import_day(trade: Trade) -> None:
    """Import today's statement as the operator does, and check that every fen is explained."""
    now_us = trade.services.now_us
    data = await trade.bank.statement(day_of(now_us))
    report = await trade.services.banking.statements.take(data, "day.csv", "operator")
    assert report.imported, report.parsed.problems


async def reconciled(trade: Trade) -> Any:
    found = await trade.services.banking.reconciling.day(date_of(trade.services.now_us))
    state = await trade.bank.state()
    assert state["imbalance"] == 0
    assert found.statement_fen == state["balance_fen"] and found.unexplained_fen == 0 and found.unposted_fen == 0
    return found


async def test_paid_once_however_often_it_is_told(trade: Trade):
    deposit = await trade.require()
    await trade.bank.faults(callback_copies=5)
    await trade.bank.transfer(PRICE, deposit.virtual_account)
    assert await trade.bank.deliver() == [200] * 5
    await trade.until(lambda: is_held(trade))
    await import_day(trade)
    await import_day(trade)
    assert await trade.balances() == HELD and await trade.reasons() == []
    assert (await reconciled(trade)).agrees


async def test_a_lost_callback_is_found_by_the_statement_and_may_come_later(trade: Trade):
    deposit = await trade.require()
    await trade.bank.faults(lose_callbacks=1)
    await trade.bank.transfer(PRICE, deposit.virtual_account)
    assert await trade.bank.deliver() == []
    await import_day(trade)
    await trade.until(lambda: is_held(trade))
    callback = (await trade.bank.state())["callbacks"][0]["id"]
    await trade.bank.admin(f"/admin/callbacks/{callback}/again")
    assert await trade.bank.deliver() == [200]
    assert await trade.balances() == HELD
    assert (await reconciled(trade)).agrees


@pytest.mark.parametrize(
    ("amount", "account", "reason"),
    [
        (PRICE - 1, None, Outcome.PART_PAYMENT),
        (PRICE + 1, None, Outcome.OVERPAID),
        (PRICE, "990001000000000", Outcome.UNKNOWN_ACCOUNT),
    ],
)
async def test_wrong_sums_and_unknown_accounts_wait_in_suspense(
    trade: Trade, amount: int, account: str | None, reason: Outcome
):
    deposit = await trade.require()
    await trade.bank.transfer(amount, account or deposit.virtual_account)
    await trade.bank.deliver()
    await import_day(trade)
    assert await trade.balances() == {"bank": amount, "suspense": -amount}
    assert await trade.reasons() == [reason]
    assert (await reconciled(trade)).agrees


async def test_late_money_and_another_payer(trade: Trade):
    deposit = await trade.require()
    await trade.bank.transfer(PRICE, deposit.virtual_account, booked_at_us=deposit.due_at_us + 1)
    other = "6200000000000001009"
    await trade.bank.admin("/admin/accounts", {"number": other, "name": "陌生人", "balance_fen": PRICE})
    await trade.bank.transfer(PRICE, deposit.virtual_account, payer=other)
    await trade.bank.deliver()
    assert sorted(await trade.reasons()) == [Outcome.LATE, Outcome.WRONG_PAYER]
    assert await trade.balances() == {"bank": 2 * PRICE, "suspense": -2 * PRICE}


async def test_the_callback_tells_another_sum_than_the_statement(trade: Trade):
    deposit = await trade.require()
    await trade.bank.faults(wrong_amount_fen=100)
    await trade.bank.transfer(PRICE, deposit.virtual_account)
    await trade.bank.deliver()
    await import_day(trade)
    assert await trade.reasons() == [Outcome.OVERPAID, Outcome.CONTENT_DIFFERS]
    found = await reconciled(trade)
    assert not found.agrees and [(one.why.value, one.amount_fen) for one in found.differences] == [("amount", -100)]


async def one_return(trade: Trade) -> Item:
    """Put money into suspense and let an operator send it back."""
    await trade.bank.transfer(PRICE, "990001000000000")
    await trade.bank.deliver()
    [item] = await trade.services.banking.exceptions.page()
    wish = Wish(item=item.id, version=item.version, act=Act.RETURN, reason="子账号不存在", actor="operator")
    done = await trade.services.banking.exceptions.act(wish)
    assert isinstance(done, Item)
    return done


async def is_empty(trade: Trade) -> bool:
    return await trade.balances() == {}


async def was_tried(trade: Trade) -> bool:
    order = (await trade.services.pool.fetchrow("SELECT attempts FROM payout")) or {"attempts": 0}
    return order["attempts"] > 0


@pytest.mark.parametrize("fault", ["cut_after_booking", "cut_before_booking"])
async def test_a_cut_connection_pays_once(trade: Trade, fault: str):
    await trade.bank.faults(**{fault: 1})
    await one_return(trade)
    await trade.until(lambda: was_tried(trade))
    await trade.services.pool.execute("UPDATE payout SET next_at_us = 0")
    # The market asks what became of the order before it sends it again.
    await trade.until(lambda: is_empty(trade))
    await trade.bank.deliver()
    await import_day(trade)
    state = await trade.bank.state()
    assert state["balance_fen"] == 0 and len(state["payouts"]) == 1
    assert await trade.balances() == {} and await trade.reasons() == []
    assert (await reconciled(trade)).agrees


async def test_a_bank_that_is_down_and_comes_back_pays_once(trade: Trade):
    await trade.bank.faults(down=True)
    await one_return(trade)
    await trade.until(lambda: was_tried(trade))
    assert await trade.balances() == {"bank": PRICE, "payout_clearing": -PRICE}
    await trade.bank.stop(kill=True)
    await trade.bank.start()
    await trade.bank.faults()
    await trade.services.pool.execute("UPDATE payout SET next_at_us = 0")
    await trade.until(lambda: is_empty(trade))
    assert (await trade.bank.state())["balance_fen"] == 0


async def test_results_in_reverse_and_a_failure_after_acceptance(trade: Trade):
    await trade.bank.faults(fail_after_accepting=1, hold_callbacks=False)
    await one_return(trade)

    async def failed() -> bool:
        await trade.bank.deliver()
        return await trade.services.pool.fetchval("SELECT state FROM payout") == "failed"

    await trade.until(failed)
    assert await trade.balances() == SUSPENSE
    await import_day(trade)
    assert (await reconciled(trade)).agrees


async def test_held_callbacks_in_reverse_end_the_same(trade: Trade):
    deposit = await trade.require()
    await trade.bank.faults(hold_callbacks=True)
    for amount in (PRICE, PRICE, PRICE - 1):
        await trade.bank.transfer(amount, deposit.virtual_account)
    await trade.bank.faults()
    await trade.bank.admin("/admin/release", {"reverse": True})
    assert await trade.bank.deliver() == [200, 200, 200]
    assert sorted(await trade.reasons()) == [Outcome.ALREADY_PAID, Outcome.PART_PAYMENT]
    await trade.until(lambda: is_held(trade))
    assert await trade.balances() == {"bank": 3 * PRICE - 1, "deposit_held": -PRICE, "suspense": 1 - 2 * PRICE}


async def test_a_market_that_is_down_is_told_when_it_is_up_again(fresh_database: str, tmp_path: Path):
    http_port, bank_port = free_port(), free_port()
    async with trading(fresh_database, tmp_path, http_port, bank_port) as trade:
        deposit = await trade.require()
        # Recorded and not acted on: what a crash leaves behind.
        pool = trade.services.pool
        await trade.bank.transfer(PRICE, deposit.virtual_account)
        await pool.execute("ALTER TABLE bank_exception RENAME TO hidden")
        await trade.bank.transfer(PRICE - 1, deposit.virtual_account)
        assert await trade.bank.deliver() == [200, 200]
        assert await pool.fetchval("SELECT count(*) FROM bank_item WHERE place = 'pending'") == 1
        await pool.execute("ALTER TABLE hidden RENAME TO bank_exception")
    async with trading(fresh_database, tmp_path, http_port, bank_port) as trade:

        async def all_acted_on() -> bool:
            return await trade.services.banking.receiving.pending() == 0

        await trade.until(all_acted_on)
        assert await trade.reasons() == [Outcome.PART_PAYMENT]
        await trade.until(lambda: is_held(trade))
        assert await trade.balances() == {"bank": 2 * PRICE - 1, "deposit_held": -PRICE, "suspense": 1 - PRICE}


async def test_connections_cut_under_the_whole_market_end_no_work(trade: Trade, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        deposit = await trade.require()
        for _ in range(3):
            await cut_connections(trade)
            await trade.until(lambda: answers(trade))
        await trade.bank.transfer(PRICE, deposit.virtual_account)
        await cut_connections(trade)
        await trade.until(lambda: delivered(trade))
        await trade.until(lambda: is_held(trade))
        await cut_connections(trade)
        await trade.until(lambda: answers(trade))
        await trade.deposits.schedule_release("dep-1", trade.services.now_us - DAY_US, "not_chosen")
        await trade.until(lambda: delivered_and_empty(trade))
    assert "work_failed" not in [record.message for record in caplog.records], "each goes on by itself"
    assert (await trade.bank.state())["balance_fen"] == 0
    assert trade.services.engine.ready


async def cut_connections(trade: Trade) -> None:
    """End every connection of the market, the engine's, too."""
    admin = await asyncpg.connect(trade.dsn)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await admin.close()


async def answers(trade: Trade) -> bool:
    """Tell whether the market asks its database again; its engine takes commands."""
    try:
        return await trade.services.pool.fetchval("SELECT true") and trade.services.engine.ready
    except GONE:
        return False


async def delivered(trade: Trade) -> bool:
    return all(answer == 200 for answer in await trade.bank.deliver())


async def delivered_and_empty(trade: Trade) -> bool:
    await trade.bank.deliver()
    return await answers(trade) and await is_empty(trade)


# The door.

CREDIT = (
    b'{"kind":"credit","bank_ref":"X1","booked_at_us":1795406400000000,"amount_fen":"5","payer_name":"n",'
    b'"payer_account":"1","virtual_account":"2","purpose":"p"}'
)
PATH = "/api/v1/bank/callbacks"


async def send(
    trade: Trade, body: bytes, headers: dict[str, str] | None = None, secret: bytes = b""
) -> tuple[int, Any]:
    services = trade.services
    if headers is None:
        at_s = services.now_us // 1_000_000
        headers = sign(secret or services.banking.secret, "POST", PATH, body, at_s)
    url = f"http://127.0.0.1:{services.config.http_port}{PATH}"
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_only_the_bank_is_believed_and_only_now_and_only_once(trade: Trade):
    secret, now_s = trade.services.banking.secret, trade.services.now_us // 1_000_000
    cases = {
        "headers": {},
        "signature": sign(b"x" * 32, "POST", PATH, CREDIT, now_s),
        "time": sign(secret, "POST", PATH, CREDIT, now_s - 301),
    }
    for problem, headers in cases.items():
        status, answer = await send(trade, CREDIT, headers)
        assert (status, answer["data"]["problem"]) == (401, problem)
    headers = sign(secret, "POST", PATH, CREDIT, now_s)
    assert await send(trade, CREDIT, headers) == (200, {"taken": True})
    status, answer = await send(trade, CREDIT, headers)
    assert (status, answer["data"]["problem"]) == (401, "nonce")
    # The same news signed anew is answered the same.
    assert await send(trade, CREDIT) == (200, {"taken": True})
    assert await trade.services.pool.fetchval("SELECT count(*) FROM bank_event") == 1


NOT_UNDERSTOOD = [
    b"",
    b"x",
    b"[]",
    b"{}",
    b"null",
    b'{"kind":"other"}',
    b"\xff\xfe",
    b'{"kind":"credit"}',
    CREDIT.replace(b'"5"', b'"-5"'),
    CREDIT.replace(b'"5"', b'"0"'),
    CREDIT.replace(b'"5"', b"5.5"),
    CREDIT.replace(b'"5"', b'"9999999999999999"'),
    CREDIT.replace(b'"X1"', b'""'),
    CREDIT.replace(b'"X1"', b'"' + b"x" * 65 + b'"'),
    CREDIT.replace(b'"p"', b'"\\u0000"'),
    CREDIT.replace(b"1795406400000000", b"-1"),
    CREDIT.replace(b"1795406400000000", b"1" * 30),
    b'{"kind":"payout","order_id":"a","state":"lost","booked_at_us":1}',
    b'{"kind":"payout","order_id":"","state":"failed","booked_at_us":1}',
]


async def test_what_the_bank_signs_and_nobody_understands_is_in_the_queue_and_never_a_fault(trade: Trade):
    for body in NOT_UNDERSTOOD * 2:
        status, _ = await send(trade, body)
        assert status == 400, body
    assert await trade.reasons() == [Outcome.MISREAD] * len(NOT_UNDERSTOOD)
    assert await trade.balances() == {}


async def test_a_huge_body_is_not_read(trade: Trade):
    for size in (8_193, 200_000):
        status, answer = await send(trade, b"x" * size)
        assert (status, answer["code"]) == (413, "too_large")


async def test_many_at_once_are_taken_one_by_one(trade: Trade):
    deposit = await trade.require()
    body = CREDIT.replace(b'"5"', str(f'"{PRICE}"').encode()).replace(b'"2"', f'"{deposit.virtual_account}"'.encode())
    assert trade.buyer.account is not None
    body = body.replace(b'"n"', f'"{trade.buyer.account.display_name}"'.encode())
    body = body.replace(b"1795406400000000", str(trade.services.now_us - DAY_US // 24).encode())
    answers = await asyncio.gather(*(send(trade, body) for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    await trade.until(lambda: is_held(trade))
    assert await trade.balances() == HELD
