"""Deposits from the demand to the end, with the money beside them, on a real database."""

from __future__ import annotations

import pytest

from settlement.deposits.deposits import Received
from settlement.deposits.events import DepositState as S
from settlement.deposits.rules import Refusal, Refused
from settlement.deposits.store import Changed
from settlement.deposits.terms import DepositTerms, ForfeitBy, ForfeitTo, SurplusPolicy
from settlement.ledger.chart import Account
from settlement.verification import verify_money
from tests.settlement.conftest import ACCOUNTS, BUYER, DAY_US, HOUR_US, OTHER, PRICE, START_US, TERMS, House

SELLERS = ("某某大学", "0200001009000000001")


async def test_a_loser_is_paid_back_what_he_paid(house: House) -> None:
    deposit = await house.held()
    assert deposit.state is S.HELD
    assert await house.balances() == {"bank": PRICE, "deposit_held": -PRICE}
    done = await house.deposits.schedule_release("d1", house.clock.now_us, "not_chosen")
    assert isinstance(done, Changed) and done.deposit.state is S.RELEASE_DUE
    assert done.deposit.release_by_us == START_US - 10 * HOUR_US + 4 * DAY_US  # 24:00 of the third working day
    assert await house.clocks.release_due() == 1
    assert (await house.read()).state is S.RELEASING
    assert await house.balances() == {"bank": PRICE, "payout_clearing": -PRICE}
    assert await house.payouts.send_due() == 1
    assert (await house.read()).state is S.RELEASED
    assert await house.balances() == {}
    assert house.bank.orders["d1-5"].payee_account == ACCOUNTS[BUYER][1]
    assert house.bank.paid_fen == PRICE


async def test_parts_add_up_and_too_much_goes_back(house: House) -> None:
    await house.require()
    first = await house.receive("d1", house.credit(10_000_000))
    assert isinstance(first, Received) and not first.complete and first.deposit.state is S.REQUIRED
    assert first.deposit.missing_fen == 20_000_000
    second = await house.receive("d1", house.credit(20_500_000))
    assert isinstance(second, Received) and (second.complete, second.taken_fen, second.surplus_fen) == (
        True,
        20_000_000,
        500_000,
    )
    await house.clocks.hold_paid()
    assert (await house.read()).state is S.HELD
    assert await house.balances() == {"bank": 30_500_000, "deposit_held": -PRICE, "payout_clearing": -500_000}
    await house.payouts.send_due()
    assert house.bank.paid_fen == 500_000


async def test_the_same_credit_twice_counts_once(house: House) -> None:
    await house.require()
    credit = house.credit(10_000_000)
    await house.receive("d1", credit)
    again = await house.receive("d1", credit)
    assert isinstance(again, Received) and again.repeated and again.deposit.received_fen == 10_000_000
    await house.require("d2", OTHER)
    other = await house.receive("d2", credit)
    assert other == Refused(Refusal.KEY_REUSED)
    assert await house.balances() == {"bank": 10_000_000, "deposit_received": -10_000_000}


async def test_late_double_and_unknown_payments_are_refused_with_nothing_changed(house: House) -> None:
    await house.require()
    house.clock.pass_us(3 * DAY_US + 1)
    late = await house.receive("d1", house.credit(PRICE))
    assert isinstance(late, Refused) and late.code is Refusal.LATE
    await house.held("d2", OTHER)
    double = await house.receive("d2", house.credit(PRICE))
    assert isinstance(double, Refused) and double == Refused(Refusal.WRONG_STATE, {"state": "held"})
    assert await house.receive("d3", house.credit(PRICE)) == Refused(Refusal.NO_SUCH_DEPOSIT)
    assert await house.balances() == {"bank": PRICE, "deposit_held": -PRICE}


async def test_what_was_booked_in_time_and_told_late_is_in_time(house: House) -> None:
    await house.require()
    in_time = house.credit(PRICE)
    house.clock.pass_us(3 * DAY_US + HOUR_US)
    assert await house.clocks.lapse_due() == 0  # the bank may still tell of it
    assert isinstance(await house.receive("d1", in_time), Received)
    house.clock.pass_us(DAY_US)
    assert await house.clocks.lapse_due() == 0


async def test_an_unpaid_deposit_lapses_and_its_part_goes_back(house: House) -> None:
    await house.require()
    await house.receive("d1", house.credit(10_000_000))
    house.clock.pass_us(3 * DAY_US + HOUR_US + 1)
    assert await house.clocks.lapse_due() == 1
    assert (await house.read()).state is S.LAPSED
    await house.payouts.send_due()
    assert await house.balances() == {} and house.bank.paid_fen == 10_000_000


async def test_no_time_runs_while_the_subject_is_suspended(house: House) -> None:
    deposit = await house.require()
    await house.deposits.move_due("d1", deposit.due_at_us, paused=True)
    house.clock.pass_us(30 * DAY_US)
    assert await house.clocks.lapse_due() == 0
    await house.deposits.move_due("d1", house.clock.now_us + DAY_US)
    house.clock.pass_us(2 * DAY_US)
    assert await house.clocks.lapse_due() == 1


async def test_money_from_a_strange_account_waits_for_an_operator(house: House) -> None:
    await house.require()
    await house.receive("d1", house.credit(PRICE, ACCOUNTS[OTHER]))
    assert await house.clocks.hold_paid() == 0
    assert (await house.read()).state is S.PAID
    assert [one.deposit.id for one in await house.deposits.queue("payer")] == ["d1"]
    assert await house.clocks.hold_paid() == 0
    house.accounts[BUYER] = ACCOUNTS[OTHER]
    await house.deposits.look_again(BUYER)
    assert await house.clocks.hold_paid() == 1


async def test_nothing_is_released_before_its_time_or_against_a_block(house: House) -> None:
    terms = DepositTerms(release_hours=24, release_working_days=None, release_wait_us=2 * HOUR_US, seller_id="s")
    await house.held(terms=terms)
    await house.deposits.block("d1", "objection-7", "objection of a third party")
    starts_us = house.clock.now_us + HOUR_US
    await house.deposits.schedule_release("d1", starts_us, "not_chosen")
    assert (await house.read()).release_by_us == starts_us + DAY_US
    assert await house.clocks.release_due() == 0
    house.clock.pass_us(3 * HOUR_US - 1)
    await house.deposits.unblock("d1", "objection-7")
    assert await house.clocks.release_due() == 0
    house.clock.pass_us(1)
    assert await house.clocks.release_due() == 1


async def test_the_winners_deposit_becomes_price_and_the_rest_go_back(house: House) -> None:
    await house.held("d1", BUYER)
    await house.held("d2", OTHER)
    await house.deposits.convert("d1", "listing/a#1", key="listing/a#9")
    done = await house.deposits.release_subject("listing/a", house.clock.now_us, "not_chosen", keep=["d1"])
    assert [one.deposit.id for one in done if isinstance(one, Changed)] == ["d2"]
    await house.clocks.tick()
    await house.payouts.send_due()
    assert await house.balances() == {"bank": PRICE, "price_escrow": -PRICE}
    assert await house.ledger.balance(Account.PRICE_ESCROW, deal="listing/a#1") == -PRICE


@pytest.mark.parametrize("to", list(ForfeitTo))
async def test_a_defaulters_deposit_is_lost_after_the_window(house: House, to: ForfeitTo) -> None:
    house.accounts["seller"] = SELLERS
    await house.held(terms=DepositTerms(seller_id="seller", forfeit_to=to))
    await house.deposits.convert("d1", "listing/a#1")
    until_us = house.clock.now_us + 5 * DAY_US
    await house.deposits.propose_forfeit("d1", "did_not_sign", until_us)
    assert await house.balances() == {"bank": PRICE, "deposit_held": -PRICE}
    assert await house.clocks.forfeit_due() == 0
    house.clock.pass_us(5 * DAY_US)
    assert await house.clocks.forfeit_due() == 1
    if to is ForfeitTo.VENUE:
        assert await house.balances() == {"bank": PRICE, "forfeit_income": -PRICE}
        return
    assert await house.balances() == {"bank": PRICE, "payout_clearing": -PRICE}
    await house.payouts.send_due()
    assert await house.balances() == {}
    assert [(one.payee_account, one.amount_fen) for one in house.bank.orders.values()] == [(SELLERS[1], PRICE)]


async def test_a_lost_deposit_waits_for_a_seller_whose_account_is_not_known(house: House) -> None:
    await house.held()
    await house.deposits.propose_forfeit("d1", "did_not_sign", house.clock.now_us + DAY_US)
    house.clock.pass_us(DAY_US)
    assert await house.clocks.forfeit_due() == 1
    assert await house.balances() == {"bank": PRICE, "owed_to_seller": -PRICE}
    (failed,) = await house.payouts.failing()
    assert (failed.kind, failed.reason) == ("forfeit", "no_payee")
    assert (await verify_money(house.pool)).findings == [], "an order waits for it: it is not forgotten"
    await house.payouts.reissue(failed.order_id, *SELLERS)
    await house.payouts.send_due()
    assert await house.balances() == {} and (await house.read()).state is S.FORFEITED


async def test_an_upheld_appeal_puts_the_deposit_back_where_it_stood(house: House) -> None:
    await house.held()
    await house.deposits.convert("d1", "listing/a#1")
    await house.deposits.propose_forfeit("d1", "did_not_sign", house.clock.now_us + DAY_US)
    assert await house.deposits.appeal("d1", OTHER, "not mine", actor=OTHER) == Refused(Refusal.NO_SUCH_DEPOSIT)
    assert isinstance(await house.deposits.appeal("d1", BUYER, "I was ill", actor=BUYER), Changed)
    house.clock.pass_us(9 * DAY_US)
    assert await house.clocks.forfeit_due() == 0  # the appeal is open
    done = await house.deposits.decide_appeal("d1", upheld=True, reason="a certificate was shown", actor="op")
    assert isinstance(done, Changed) and done.deposit.state is S.CONVERTED
    assert await house.balances() == {"bank": PRICE, "price_escrow": -PRICE}


async def test_a_dismissed_appeal_lets_the_deposit_be_taken(house: House) -> None:
    await house.held()
    await house.deposits.propose_forfeit("d1", "did_not_sign", house.clock.now_us + DAY_US)
    await house.deposits.appeal("d1", BUYER, "I was ill", actor=BUYER)
    await house.deposits.decide_appeal("d1", upheld=False, reason="no certificate", actor="op")
    house.clock.pass_us(DAY_US)
    assert await house.clocks.forfeit_due() == 1
    assert (await house.read()).state is S.FORFEITED


@pytest.mark.parametrize(
    ("policy", "second", "taken", "returned", "due", "state"),
    [
        (
            SurplusPolicy.RETURN,
            155_000_000,
            27_000_000,
            3_000_000,
            0,
            S.PARTLY_DEDUCTED,
        ),  # the example of domain.md 6.2
        (SurplusPolicy.KEEP, 155_000_000, 30_000_000, 0, 0, S.FORFEITED),
        (SurplusPolicy.RETURN, 140_000_000, 30_000_000, 0, 12_000_000, S.FORFEITED),
        (SurplusPolicy.RETURN, 190_000_000, 2_000_000, 28_000_000, 0, S.PARTLY_DEDUCTED),
    ],
)
async def test_the_shortfall_of_a_second_sale_is_deducted(
    house: House, policy: SurplusPolicy, second: int, taken: int, returned: int, due: int, state: S
) -> None:
    house.accounts["seller"] = SELLERS
    await house.held(terms=DepositTerms(seller_id="seller", forfeit_by=ForfeitBy.SHORTFALL, surplus_policy=policy))
    await house.deposits.propose_forfeit("d1", "did_not_sign", house.clock.now_us + DAY_US)
    house.clock.pass_us(30 * DAY_US)
    assert await house.clocks.forfeit_due() == 0  # it waits for the second sale
    done = await house.deposits.deduct(
        "d1", first_price_fen=180_000_000, second_price_fen=second, costs_fen=2_000_000, actor="op"
    )
    assert isinstance(done, Changed)
    deposit = done.deposit
    assert (deposit.state, deposit.taken_fen, deposit.returned_fen, deposit.still_due_fen) == (
        state,
        taken,
        returned,
        due,
    )
    await house.payouts.send_due()
    assert await house.balances() == {}
    paid = {one.payee_account: one.amount_fen for one in house.bank.orders.values()}
    assert paid == {account: fen for account, fen in ((SELLERS[1], taken), (ACCOUNTS[BUYER][1], returned)) if fen}


async def test_requiring_again_changes_nothing_and_other_content_is_refused(house: House) -> None:
    deposit = await house.require()
    again = await house.deposits.require("d1", "listing/a", BUYER, PRICE, deposit.due_at_us, TERMS)
    assert isinstance(again, Changed) and again.repeated and again.deposit == deposit
    other = await house.deposits.require("d1", "listing/a", OTHER, PRICE, deposit.due_at_us, TERMS)
    assert other == Refused(Refusal.KEY_REUSED)


async def test_a_price_paid_out_is_not_forfeited_a_second_time(house: House) -> None:
    await house.held()
    await house.deposits.convert("d1", "listing/a#1")
    async with house.pool.acquire() as connection, connection.transaction():
        from settlement.ledger import postings as p
        from settlement.ledger.book import post

        escrow = p.Sub(Account.PRICE_ESCROW, BUYER, "d1", "listing/a#1")
        await post(connection, p.payout_ordered("x", escrow, "listing/a", "o1", PRICE), 1)
    refused = await house.deposits.propose_forfeit("d1", "did_not_sign", house.clock.now_us + DAY_US)
    assert refused == Refused(Refusal.MONEY_GONE)
    assert (await house.read()).state is S.CONVERTED


async def test_a_clock_that_ran_past_the_holiday_table_is_flagged_and_counted_again(house: House) -> None:
    from msgspec.structs import replace

    from engine.calendar import day_from_civil, end_of

    whole = house.calendar
    house.calendar = replace(whole, version="short", last_day=day_from_civil(2026, 3, 3))
    await house.held()
    await house.deposits.block("d1", "b", "wait")
    await house.deposits.schedule_release("d1", house.clock.now_us, "not_chosen")
    assert [one.deposit.id for one in await house.deposits.queue("uncertain")] == ["d1"]
    assert await house.clocks.recount() == 0
    house.calendar = whole
    assert await house.clocks.recount() == 1
    deposit = await house.read()
    assert deposit.release_certain and deposit.release_by_us == end_of(day_from_civil(2026, 3, 5))
