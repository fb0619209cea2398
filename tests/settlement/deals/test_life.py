"""The course of a deal, through the real database: signed, paid, handed over, paid out, registered, archived; and every way it goes wrong."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from settlement.deals import acts as a
from settlement.deals.deal import DealSide, Source, Way
from settlement.deals.events import DealConfirmed
from settlement.deals.fees import fee_terms
from settlement.deals.payment import EntryRoyalty, Instalments, Lump, Part, Royalty, RoyaltyBase, Trigger
from settlement.deals.phases import Phase
from settlement.deals.working import Answer
from settlement.ledger.chart import Account
from tests.settlement.conftest import ACCOUNTS, BUYER, DAY_US, OTHER
from tests.settlement.deals.conftest import BROKER, PRICE_FEN, SELLER, DealHouse, a_deal

WAN = 1_000_000
FEES = fee_terms("court-buyer")


async def test_a_whole_deal_from_the_hammer_to_the_archive(house: DealHouse) -> None:
    await house.sell_lot()
    await house.following.catch_up()
    await house.work()
    assert (await house.deal()).phase is Phase.SIGNING
    await house.sign()
    await house.work()
    process = await house.deal()
    assert (process.phase, process.open_fen) == (Phase.PAYING, PRICE_FEN)
    await house.pay(PRICE_FEN)
    assert await house.balances() == {"bank": PRICE_FEN, "price_escrow": -PRICE_FEN}
    await house.delivered()
    assert (await house.deal()).phase is Phase.RELEASING
    await house.payouts.send_due()
    process = await house.deal()
    assert (process.phase, process.certificate_no[:2]) == (Phase.REGISTERING, "JZ")
    assert await house.balances() == {}
    assert [(one.payee_account, one.amount_fen) for one in house.bank.orders.values()] == [
        (house.accounts[SELLER][1], PRICE_FEN)
    ]
    await house.do(a.NoteRegistered(number="2026150100000001"))
    await house.do(a.NoteDistributed(ref="分配方案 1"))
    process = await house.deal()
    assert (process.phase, process.registration_no) == (Phase.ARCHIVED, "2026150100000001")
    await house.sound()


async def test_the_confirmation_can_be_checked_by_anybody(house: DealHouse) -> None:
    await house.opened()
    await house.work()
    confirmed = [line.event for line in await house.deals.history("DA-a1") if isinstance(line.event, DealConfirmed)]
    kind, body = await house.deals.document("DA-a1", confirmed[0].document_digest) or ("", b"")
    assert kind == "confirmation" and b'"price_fen":"300000000"' in body and b'"rule_version":"english/1"' in body
    assert (confirmed[0].signature, confirmed[0].key) == ("signature", "key")


async def test_a_signature_holds_for_exactly_the_text_that_stands(house: DealHouse) -> None:
    await house.opened()
    await house.work()
    other = a.SignContract(side=DealSide.BUYER, party_id=BUYER, contract_digest="f" * 64)
    assert await house.refused(other) == "other_text"
    await house.sign("DA-a1", DealSide.BUYER)
    text = (await house.deal()).contract_digest
    assert (
        await house.refused(a.SignContract(side=DealSide.BUYER, party_id=BUYER, contract_digest=text))
        == "already_signed"
    )
    assert await house.refused(a.RefuseToSign(side=DealSide.BUYER, reason="不签")) == "already_signed"


async def test_money_in_parts_too_much_and_twice(house: DealHouse) -> None:
    await house.signed()
    process = await house.pay(100 * WAN)
    assert (process.phase, process.open_fen) == (Phase.PAYING, 200 * WAN)
    credit = house.credit(250 * WAN)
    process = await house.take("DA-a1", credit)
    assert (process.phase, process.open_fen, process.escrow_fen) == (Phase.CERTIFYING, 0, PRICE_FEN)
    assert (await house.take("DA-a1", credit)).seq == process.seq, "the same money is one payment"
    await house.payouts.send_due()
    assert [(one.amount_fen, one.payee_account) for one in house.bank.orders.values()] == [
        (50 * WAN, ACCOUNTS[BUYER][1])
    ]
    assert await house.balances() == {"bank": PRICE_FEN, "price_escrow": -PRICE_FEN}
    await house.sound()


async def test_a_deposit_that_becomes_price_after_the_whole_price_was_paid_goes_back(house: DealHouse) -> None:
    deposit = await house.held("abc.1")
    await house.signed(a_deal(deposit_ids=("abc.1",)))
    await house.pay(PRICE_FEN)
    await house.deals.deposits.convert("abc.1", "DA-a1")
    process = await house.deal()
    assert (process.received_fen, process.escrow_fen) == (PRICE_FEN, PRICE_FEN)
    assert [(pot.deposit_id, pot.amount_fen) for pot in process.pots] == [
        ("abc.1", deposit.amount_fen), ("", PRICE_FEN - deposit.amount_fen),
    ], "the deposit can still leave the price again"  # fmt: skip
    await house.payouts.send_due()
    assert [(one.amount_fen, one.payee_account) for one in house.bank.orders.values()] == [
        (deposit.amount_fen, ACCOUNTS[BUYER][1])
    ]
    await house.delivered()
    await house.payouts.send_due()
    await house.do(a.NoteRegistered(number="R1"))
    assert (await house.do(a.NoteDistributed(ref="P1"))).phase is Phase.ARCHIVED
    assert await house.balances() == {}
    await house.sound()


@pytest.mark.parametrize("less", [0, 10 * WAN], ids=["equal", "greater"])
async def test_a_deposit_that_covers_the_price_needs_no_payment_and_what_is_over_goes_back(
    house: DealHouse, less: int
) -> None:
    deposit = await house.held("abc.1")
    await house.deals.deposits.convert("abc.1", "DA-a1")
    process = await house.signed(a_deal(price_fen=deposit.amount_fen - less, mode="PLAIN", deposit_ids=("abc.1",)))
    assert (process.phase, process.open_fen, process.escrow_fen) == (Phase.DELIVERING, 0, deposit.amount_fen - less)
    await house.do(a.HandOver(proof_ref="技术资料", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.payouts.send_due()
    await house.do(a.NoteRegistered(number="R1"))
    assert (await house.do(a.NoteDistributed(ref="P1"))).phase is Phase.ARCHIVED
    paid = {one.payee_account: one.amount_fen for one in house.bank.orders.values()}
    expected = {house.accounts[SELLER][1]: deposit.amount_fen - less, ACCOUNTS[BUYER][1]: less}
    assert paid == {account: fen for account, fen in expected.items() if fen}
    assert await house.balances() == {}
    await house.sound()


async def test_fees_of_both_sides_and_the_brokers_share_come_out_of_the_escrow(house: DealHouse) -> None:
    fees = replace(FEES, broker_id=BROKER, broker_share_bps=2_000)
    await house.signed(a_deal(price_fen=200 * WAN, fees=fees))
    assert [(line.kind.value, line.amount_fen) for line in (await house.deal()).lines] == [
        ("price", 200 * WAN), ("buyer_fee", 10 * WAN),
    ]  # fmt: skip
    await house.pay(210 * WAN)
    await house.delivered()
    await house.payouts.send_due()
    assert await house.balances() == {"bank": 16 * WAN, "fee_income": -16 * WAN}
    paid = {one.payee_account: one.amount_fen for one in house.bank.orders.values()}
    assert paid == {house.accounts[SELLER][1]: 190 * WAN, house.accounts[BROKER][1]: 4 * WAN}
    await house.sound()


async def test_without_the_registers_proof_no_money_goes_to_the_seller(house: DealHouse) -> None:
    await house.signed(a_deal(mode="TRANSFER"))
    await house.pay(PRICE_FEN)
    await house.work()
    await house.do(a.HandOver(proof_ref="登记簿副本", proof_digest=""))
    assert await house.refused(a.AcceptDelivery(by_operator=False)) == "proof_required"
    house.clock.pass_us(40 * DAY_US)
    await house.work()
    process = await house.deal()
    assert (process.phase, process.escalations > 0) == (Phase.ACCEPTING, True), "silence releases nothing"
    assert (await house.balances())["price_escrow"] == -PRICE_FEN


async def test_of_a_licence_the_buyer_accepts_or_his_silence_does(house: DealHouse) -> None:
    await house.signed(a_deal(mode="PLAIN"))
    await house.pay(PRICE_FEN)
    await house.work()
    await house.do(a.HandOver(proof_ref="交付清单", proof_digest=""))
    house.clock.pass_us(15 * DAY_US)
    await house.work()
    assert (await house.deal()).phase is Phase.RELEASING


async def test_a_dispute_and_a_second_hand_over(house: DealHouse) -> None:
    await house.signed(a_deal(mode="PLAIN"))
    await house.pay(PRICE_FEN)
    await house.work()
    await house.do(a.HandOver(proof_ref="交付清单", proof_digest=""))
    assert await house.refused(a.DisputeDelivery(reason=" ")) == "reason_required"
    await house.do(a.DisputeDelivery(reason="缺少菌种"))
    process = await house.do(a.DecideDispute(delivered=False, reason="应补交"))
    assert process.phase is Phase.DELIVERING
    await house.do(a.HandOver(proof_ref="补交清单", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.REGISTERING


async def test_the_office_refuses_the_registration_and_everything_goes_back(house: DealHouse) -> None:
    await house.signed(a_deal(fees=FEES))
    fee = 13 * WAN
    await house.pay(PRICE_FEN + fee)
    await house.work()
    await house.do(a.RescindDeal(reason="国家知识产权局不予登记"))
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.RESCINDED
    assert await house.balances() == {}, "the market keeps no fee of a deal that was undone"
    await house.sound()


# Who does not sign, who does not pay


async def test_a_refusal_is_a_default_that_the_listing_records(house: DealHouse) -> None:
    await house.opened(a_deal(id="DL-abc-1"))
    await house.work()
    process = await house.do(a.RefuseToSign(side=DealSide.BUYER, reason="资金紧张"), "DL-abc-1")
    assert (process.phase, process.default_cause) == (Phase.DEFAULTING, "refusal")


async def test_silence_of_one_side_is_its_default_and_of_both_an_operators_question(house: DealHouse) -> None:
    await house.opened()
    await house.opened(a_deal(id="DA-b1", source=Source(stream="lot/b1", stream_seq=2, event_digest="")))
    await house.work()
    await house.sign("DA-a1", DealSide.SELLER)
    house.clock.pass_us(8 * DAY_US)
    await house.work()
    one, both = await house.deal("DA-a1"), await house.deal("DA-b1")
    assert (one.phase, one.default_side, one.default_cause) == (Phase.RESELLING, DealSide.BUYER, "silence")
    assert (both.phase, both.default_cause) == (Phase.DECIDING, "silence")
    process = await house.do(a.DecideDefault(side=None, reason="系统通知延误"), "DA-b1")
    assert (process.phase, process.deadline_us > house.clock.now_us) == (Phase.SIGNING, True)


async def test_the_sellers_default_sends_the_money_back(house: DealHouse) -> None:
    await house.signed()
    await house.pay(100 * WAN)
    for _ in range(3):
        house.clock.pass_us(40 * DAY_US)
        await house.work()
    await house.do(a.DecideDefault(side=DealSide.SELLER, reason="转让方拒绝收款"))
    await house.work()
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.RESCINDED
    assert await house.balances() == {}


async def test_who_does_not_pay_is_late_then_has_time_of_grace_then_an_operator_decides(house: DealHouse) -> None:
    await house.signed()
    due_us = (await house.deal()).deadline_us
    house.clock.now_us = due_us
    await house.work()
    process = await house.deal()
    assert (process.phase, process.late) == (Phase.PAYING, (1,))
    house.clock.now_us = process.deadline_us
    await house.work()
    process = await house.deal()
    assert (process.phase, process.default_cause) == (Phase.DECIDING, "payment")
    late = await house.pay(PRICE_FEN)
    assert (late.phase, late.open_fen) == (Phase.DECIDING, 0), "late money is taken; what it means is decided"


@pytest.mark.parametrize(
    ("deposit", "second", "costs", "paid_in", "shortfall", "due", "to_seller"),
    [
        # first 1,800,000, deposit 300,000, second 1,550,000, cost 20,000: shortfall 270,000, due 0 (domain.md §6.2)
        (30 * WAN, 155 * WAN, 2 * WAN, 0, 27 * WAN, 0, 0),
        (30 * WAN, 140 * WAN, 2 * WAN, 0, 42 * WAN, 12 * WAN, 0),
        (30 * WAN, 140 * WAN, 2 * WAN, 50 * WAN, 42 * WAN, 12 * WAN, 12 * WAN),
        (30 * WAN, 140 * WAN, 2 * WAN, 5 * WAN, 42 * WAN, 12 * WAN, 5 * WAN),
        (0, 200 * WAN, 2 * WAN, 0, 2 * WAN, 2 * WAN, 0),
    ],
)
async def test_the_shortfall_of_a_second_sale(
    house: DealHouse, deposit: int, second: int, costs: int, paid_in: int, shortfall: int, due: int, to_seller: int
) -> None:
    await house.signed(a_deal(price_fen=180 * WAN))
    if paid_in:
        await house.pay(paid_in)
    for _ in range(3):
        house.clock.pass_us(40 * DAY_US)
        await house.work()
    await house.do(a.DecideDefault(side=DealSide.BUYER, reason="逾期不付款"))
    await house.work()
    process = await house.do(a.RecordResale(second_price_fen=second, costs_fen=costs, deposit_fen=deposit))
    assert (process.shortfall_fen, process.still_due_fen) == (shortfall, due - to_seller)
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.DEFAULTED
    paid = {one.payee_account: one.amount_fen for one in house.bank.orders.values()}
    expected = {house.accounts[SELLER][1]: to_seller, ACCOUNTS[BUYER][1]: paid_in - to_seller}
    assert paid == {account: amount for account, amount in expected.items() if amount}
    await house.sound()


# Instalments and royalties


async def test_an_entry_fee_and_royalties_until_the_last_period(house: DealHouse) -> None:
    royalty = Royalty(base=RoyaltyBase.SALES, rates_bps=(300,), months=12, periods=3)
    await house.opened(a_deal(price_fen=50 * WAN, payment="ROYALTY_PLUS_ENTRY", mode="EXCLUSIVE"))
    await house.work()
    assert (await house.deal()).phase is Phase.DRAFTING, "the notice left open how"
    assert await house.refused(a.ProposePayment(payment=Lump(working_days=5))) == "terms_invalid"
    await house.do(a.ProposePayment(payment=EntryRoyalty(working_days=5, royalty=royalty)))
    await house.work()
    await house.sign()
    await house.work()
    await house.pay(50 * WAN)
    await house.work()
    await house.do(a.HandOver(proof_ref="技术资料", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.payouts.send_due()
    await house.do(a.NoteRegistered(number="R1"))
    process = await house.do(a.NoteDistributed(ref="P1"))
    assert process.phase is Phase.PERFORMING
    assert await house.refused(a.ReportRoyalty(period=2, base_fen=1)) == "too_early"
    for period, (sales, owed) in enumerate(((800, 24), (1_200, 36), (1_500, 45)), start=1):
        process = await house.do(a.ReportRoyalty(period=period, base_fen=sales * WAN))
        assert process.open_fen == owed * WAN
        assert await house.refused(a.ReportRoyalty(period=period, base_fen=1)) == "already_reported"
        await house.pay(owed * WAN)
        await house.payouts.send_due()
    process = await house.deal()
    assert (process.phase, process.price_released_fen) == (Phase.ARCHIVED, 155 * WAN)
    assert await house.balances() == {}
    await house.sound()


async def test_a_deposit_pays_the_royalties_and_what_is_left_of_it_goes_back(house: DealHouse) -> None:
    royalty = Royalty(base=RoyaltyBase.SALES, rates_bps=(1_000,), months=12, periods=2)
    deposit = await house.held("abc.1")
    await house.deals.deposits.convert("abc.1", "DA-a1")
    await house.opened(a_deal(payment="ROYALTY", mode="EXCLUSIVE", deposit_ids=("abc.1",)))
    await house.work()
    await house.do(a.ProposePayment(payment=royalty))
    await house.work()
    await house.sign()
    await house.work()
    await house.do(a.HandOver(proof_ref="技术资料", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.do(a.NoteRegistered(number="R1"))
    await house.do(a.NoteDistributed(ref="P1"))
    for period in (1, 2):
        process = await house.do(a.ReportRoyalty(period=period, base_fen=100 * WAN))
        assert (process.open_fen, process.price_released_fen) == (0, period * 10 * WAN)
        await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.ARCHIVED
    paid = {one.payee_account: one.amount_fen for one in house.bank.orders.values()}
    assert paid == {house.accounts[SELLER][1]: 10 * WAN, ACCOUNTS[BUYER][1]: deposit.amount_fen - 20 * WAN}
    assert await house.balances() == {}
    await house.sound()


async def test_a_royalty_that_is_not_reported_is_late_and_told(house: DealHouse) -> None:
    royalty = Royalty(base=RoyaltyBase.PROFIT, rates_bps=(1_000,), months=3, periods=2, late_daily_ppm=100)
    await house.opened(a_deal(payment="ROYALTY", mode="EXCLUSIVE"))
    await house.work()
    await house.do(a.ProposePayment(payment=royalty))
    await house.work()
    await house.sign()
    await house.work()
    assert (await house.deal()).phase is Phase.DELIVERING, "nothing is due before the hand-over"
    await house.do(a.HandOver(proof_ref="技术资料", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.do(a.NoteRegistered(number="R1"))
    await house.do(a.NoteDistributed(ref="P1"))
    due_us = (await house.deal()).lines[0].due_at_us
    house.clock.now_us = due_us
    await house.work()
    assert (await house.deal()).late == (1,)
    told = await house.pool.fetch("SELECT party, about FROM notice WHERE about = 'deal.late' ORDER BY party")
    assert [row["party"] for row in told] == sorted([BUYER, SELLER])


async def test_interest_on_a_later_instalment_of_a_state_asset(house: DealHouse) -> None:
    parts = (
        Part(share_bps=3_000, after=Trigger.SIGNING, days=5),
        Part(share_bps=7_000, after=Trigger.SIGNING, days=100),
    )
    await house.opened(a_deal(price_fen=100 * WAN, payment="INSTALMENT", state_asset=True, mode="EXCLUSIVE"))
    await house.work()
    await house.do(a.ProposePayment(payment=Instalments(parts=parts, secured=True, interest_daily_ppm=95)))
    await house.work()
    await house.sign()
    await house.work()
    await house.pay(30 * WAN)
    await house.work()
    await house.do(a.HandOver(proof_ref="技术资料", proof_digest=""))
    await house.do(a.AcceptDelivery(by_operator=False))
    await house.payouts.send_due()
    await house.do(a.NoteRegistered(number="R1"))
    await house.do(a.NoteDistributed(ref="P1"))
    house.clock.pass_us(30 * DAY_US)
    process = await house.pay(70 * WAN)
    assert process.lines[-1].amount_fen == 70 * WAN * 95 * 30 // 1_000_000
    assert process.open_fen == process.lines[-1].amount_fen
    await house.pay(process.open_fen)
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.ARCHIVED
    assert await house.balances() == {}


# The market's own part


async def test_a_seller_without_an_account_is_paid_when_an_operator_corrects_it(house: DealHouse) -> None:
    del house.accounts[SELLER]
    await house.signed()
    await house.pay(PRICE_FEN)
    await house.delivered()
    process = await house.deal()
    assert [order.state for order in process.orders] == ["failed"]
    assert [one.id for one in await house.deals.queue("failing")] == ["DA-a1"]
    (order,) = await house.payouts.failing()
    await house.payouts.reissue(order.order_id, "某某大学", "0200001009000000009")
    await house.payouts.send_due()
    process = await house.deal()
    assert (process.phase, [order.state for order in process.orders]) == (Phase.REGISTERING, ["replaced", "settled"])
    await house.sound()


async def test_a_listing_that_does_not_answer_brings_an_operator_in(house: DealHouse) -> None:
    house.answer = Answer.LATER
    await house.opened(a_deal(id="DL-abc-1", way=Way.LISTING))
    await house.work()
    await house.sign("DL-abc-1")
    await house.work()
    assert (await house.deal("DL-abc-1")).phase is Phase.CONCLUDING
    house.clock.pass_us(2 * 3_600_000_000)
    await house.work()
    assert [one.id for one in await house.deals.queue("overdue")] == ["DL-abc-1"]
    process = await house.do(a.NoteSigned(contract_ref="技转-1"), "DL-abc-1")
    assert process.phase is Phase.PAYING


async def test_time_in_which_nobody_served_is_given_back(house: DealHouse) -> None:
    await house.opened()
    await house.work()
    deadline_us = (await house.deal()).deadline_us
    house.clock.now_us = deadline_us + 3 * DAY_US
    assert await house.deals.give_back_outage() == 1
    await house.work()
    process = await house.deal()
    assert (process.phase, process.reason) == (Phase.SIGNING, "outage")
    assert process.deadline_us > house.clock.now_us


async def test_a_stranger_sees_no_deal(house: DealHouse) -> None:
    await house.opened()
    assert await house.deals.seen_by("DA-a1", OTHER) is None
    assert await house.deals.seen_by("DA-a1", "") is None
    assert (await house.deals.seen_by("DA-a1", BUYER) or (None, None))[1] is DealSide.BUYER


async def test_the_ledger_names_every_fen_of_a_deal(house: DealHouse) -> None:
    await house.signed()
    await house.pay(100 * WAN)
    assert await house.ledger.balance(Account.PRICE_ESCROW, deal="DA-a1") == -100 * WAN


async def test_an_appeal_upheld_after_the_end_leaves_the_deposit_to_an_operator(house: DealHouse) -> None:
    deposit = await house.held("abc.1")
    await house.deals.deposits.convert("abc.1", "DA-a1")
    await house.signed(a_deal(price_fen=180 * WAN, deposit_ids=("abc.1",)))
    assert (await house.deal()).received_fen == deposit.amount_fen, "it asked when it opened"
    for _ in range(3):
        house.clock.pass_us(40 * DAY_US)
        await house.work()
    await house.do(a.DecideDefault(side=DealSide.BUYER, reason="逾期不付款"))
    await house.work()
    process = await house.deal()
    assert (process.phase, process.escrow_fen) == (Phase.RESELLING, 0), "the deposit is on its way to be lost"
    await house.do(a.RecordResale(second_price_fen=200 * WAN, costs_fen=0, deposit_fen=deposit.amount_fen))
    await house.deposits.appeal("abc.1", BUYER, "住院，有证明", actor=BUYER)
    await house.deposits.decide_appeal("abc.1", upheld=True, reason="属实", actor="op")
    assert [(one.deposit, one.code) for one in await house.deposits.problems()] == [("abc.1", "wrong_phase")]
    await house.deposits.undo_conversion("abc.1", "成交已终结", actor="op")
    await house.deposits.schedule_release("abc.1", house.clock.now_us, "申诉成立", actor="op")
    house.clock.pass_us(20 * DAY_US)
    await house.clocks.tick()
    await house.payouts.send_due()
    assert await house.balances() == {}
    await house.sound()


async def test_the_second_sale_is_found_by_the_listing_that_it_follows(house: DealHouse) -> None:
    first = Source(stream="listing/abc", stream_seq=20, event_digest="0" * 64)
    await house.opened(a_deal(id="DL-abc-1", way=Way.LISTING, source=first))
    process = await house.deal("DL-abc-1")
    assert await house.deals.second_sale(process) is None
    second = Source(stream="listing/def", stream_seq=20, event_digest="0" * 64)
    await house.opened(a_deal(id="DL-def-1", way=Way.LISTING, source=second, relists="abc", price_fen=155 * WAN))
    found = await house.deals.second_sale(process)
    assert found is not None and (found.id, found.deal.price_fen) == ("DL-def-1", 155 * WAN)
