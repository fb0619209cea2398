"""Deposits follow the listings' log: each event acts once, whatever dies in between, and the engine is told until it answers."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from engine.journal.codec import encode_event
from engine.rules.auction.terms import FixedIncrement
from engine.rules.listing import commands as c
from engine.rules.listing import events as le
from engine.rules.listing import terms as t
from engine.values import Amount, DurationUs, InstantUs, ListingId, LotId, PartyId, shard_of_listing
from settlement.deposits.events import DepositState as S
from settlement.deposits.telling import News, Telling, command_id_of
from settlement.following import Following
from settlement.verification import verify_money
from tests.settlement.conftest import ACCOUNTS, BUYER, CALENDAR, DAY_US, HOUR_US, OTHER, PRICE, House

SELLER = PartyId("p00000000000000ff")
TERMS = t.ListingTerms(
    mode=t.OfferedMode.TRANSFER,
    way=t.SaleWay.DISCLOSED,
    list_price=Amount(1_000_000_000),
    disclosure_working_days=5,
    deposit=t.DepositTerms(size=t.FixedDeposit(Amount(PRICE)), cap_bps=3_000),
    session=t.SessionTerms(increment=FixedIncrement(Amount(100))),
)
SUBJECT = c.ListedSubject(achievement_id="a1", achievement_version=1, achievement_digest="0" * 64, title_zh="成果")


class Log:
    """Writes events of one listing as the engine would; digests are not looked at here."""

    def __init__(self, house: House, name: str = "abc") -> None:
        self.house = house
        self.stream = f"listing/{name}"
        self.shard = shard_of_listing(ListingId(name))
        self.seq = 0

    async def add(self, *events: le.ListingEvent) -> None:
        for event in events:
            self.seq += 1
            kind, version, body = encode_event(event)
            noise = secrets.token_bytes(32)
            await self.house.pool.execute(
                "INSERT INTO event (shard, seq, epoch, stream, stream_seq, type, version, at_us, actor, body, salt, content, digest)"
                " SELECT $1::smallint, coalesce(max(seq), 0) + 1, 1, $2, $3, $4, $5, $6, 'x', $7, $8, $8, $8"
                " FROM event WHERE shard = $1::smallint",
                self.shard, self.stream, self.seq, kind, version, self.house.clock.now_us, body, noise,
            )  # fmt: skip

    async def open(self) -> None:
        await self.add(
            le.ListingSubmitted(terms=TERMS, subject=SUBJECT, seller_id=SELLER),
            le.ListingPublished(
                discloses_until_us=InstantUs(self.house.clock.now_us + 7 * DAY_US), certain=True, calendar_version="t",
                working_days=5,
            ),
        )  # fmt: skip

    async def qualify(self, no: int, buyer: str) -> None:
        now_us = self.house.clock.now_us
        await self.add(
            le.IntentRegistered(
                intent_no=no, buyer_id=PartyId(buyer), quote=None, foreign=False, joint_with=(), related="", statement=""
            ),
            le.IntentPassed(intent_no=no, answer_due_us=InstantUs(now_us + DAY_US)),
            le.IntentQualified(
                intent_no=no, buyer_id=PartyId(buyer), by=le.QualifiedBy.SELLER, deposit=Amount(PRICE),
                deposit_due_us=InstantUs(now_us + 3 * DAY_US),
            ),
        )  # fmt: skip

    async def admit(self, no: int, buyer: str) -> None:
        await self.add(le.BuyerAdmitted(intent_no=no, buyer_id=PartyId(buyer), code=f"B{no}", deposit_id=f"abc.{no}"))

    async def sell(self, no: int, buyer: str) -> None:
        now_us = InstantUs(self.house.clock.now_us)
        await self.add(
            le.IntakeClosed(decides_at_us=now_us, certain=True, calendar_version="t"),
            le.SessionOrdered(
                lot_id=LotId("abc-1"), opens_at_us=now_us, start_price=Amount(1), bidders=((PartyId(buyer), "B1"),)
            ),
            le.SessionRecorded(
                lot_id=LotId("abc-1"), outcome=c.SessionOutcome.SOLD, winner_id=PartyId(buyer), price=Amount(1_000_000_000)
            ),
            le.DealStruck(
                deal_no=1, buyer_id=PartyId(buyer), intent_no=no, price=Amount(1_000_000_000), way=le.DealWay.SESSION,
                seat_no=None, sign_by_us=now_us, rule_version="listing/1",
            ),
        )  # fmt: skip


def following(house: House) -> Following:
    return Following(house.pool, house.deposits, calendar=lambda: CALENDAR)


async def two_held(house: House) -> Log:
    log = Log(house)
    await log.open()
    for no, buyer in ((1, BUYER), (2, OTHER)):
        await log.qualify(no, buyer)
        assert await following(house).catch_up() > 0
        await house.receive(f"abc.{no}", house.credit(PRICE, ACCOUNTS[buyer]))
        await house.clocks.hold_paid()
        await log.admit(no, buyer)
    return log


async def test_qualifying_asks_for_the_deposit_with_the_terms_of_the_notice(house: House) -> None:
    log = Log(house)
    await log.open()
    await log.qualify(1, BUYER)
    assert await following(house).catch_up() == 5
    deposit = await house.read("abc.1")
    assert (deposit.party_id, deposit.amount_fen, deposit.subject) == (BUYER, PRICE, "listing/abc")
    assert deposit.due_at_us == house.clock.now_us + 3 * DAY_US
    assert (deposit.terms.release_working_days, deposit.terms.seller_id) == (3, SELLER)
    assert await following(house).catch_up() == 0


async def test_the_loser_gets_his_money_and_the_winners_becomes_price_when_signed(house: House) -> None:
    log = await two_held(house)
    await log.sell(1, BUYER)
    consumer = following(house)
    await consumer.catch_up()
    assert (await house.read("abc.1")).state is S.HELD
    loser = await house.read("abc.2")
    assert (loser.state, loser.release_starts_us) == (S.RELEASE_DUE, house.clock.now_us)
    await log.add(le.DealSigned(deal_no=1, buyer_id=PartyId(BUYER), intent_no=1, contract_ref="c1"))
    await consumer.catch_up()
    winner = await house.read("abc.1")
    assert (winner.state, winner.deal_ref) == (S.CONVERTED, "DL-abc-1")
    await house.clocks.tick()
    await house.payouts.send_due()
    assert await house.balances() == {"bank": PRICE, "price_escrow": -PRICE}
    assert await house.deposits.problems() == []


@pytest.mark.parametrize("side", list(c.Side))
async def test_a_default_costs_whoever_defaulted(house: House, side: c.Side) -> None:
    log = await two_held(house)
    await log.sell(1, BUYER)
    await log.add(
        le.DealDefaulted(deal_no=1, buyer_id=PartyId(BUYER), intent_no=1, side=side, reason="refused to sign")
    )
    await following(house).catch_up()
    deposit = await house.read("abc.1")
    if side is c.Side.BUYER:
        assert (deposit.state, deposit.forfeit_reason) == (S.FORFEIT_PENDING, "buyer_default")
        assert deposit.appeal_until_us > house.clock.now_us + 5 * DAY_US  # five working days, a weekend among them
    else:
        assert (deposit.state, deposit.release_reason) == (S.RELEASE_DUE, "seller_default")


async def test_an_unpaid_or_withdrawn_intent_leaves_nothing_held(house: House) -> None:
    log = Log(house)
    await log.open()
    await log.qualify(1, BUYER)
    await log.qualify(2, OTHER)
    await following(house).catch_up()
    await house.receive("abc.1", house.credit(1_000, ACCOUNTS[BUYER]))
    await log.add(
        le.IntentLapsed(intent_no=1, buyer_id=PartyId(BUYER), cause=le.LapseCause.DEPOSIT_UNPAID),
        le.IntentWithdrawn(intent_no=2, buyer_id=PartyId(OTHER)),
    )
    await following(house).catch_up()
    assert [(await house.read(f"abc.{no}")).state for no in (1, 2)] == [S.LAPSED, S.LAPSED]
    await house.payouts.send_due()
    assert await house.balances() == {} and house.bank.paid_fen == 1_000


async def test_no_deposit_lapses_while_its_listing_is_suspended(house: House) -> None:
    log = Log(house)
    await log.open()
    await log.qualify(1, BUYER)
    await log.add(le.ListingSuspended(reason="ownership", until_us=InstantUs(house.clock.now_us + 30 * DAY_US)))
    await following(house).catch_up()
    house.clock.pass_us(10 * DAY_US)
    await house.clocks.tick()
    assert (await house.read("abc.1")).state is S.REQUIRED
    due_us = (await house.read("abc.1")).due_at_us
    await log.add(
        le.ListingResumed(
            reason="settled", discloses_until_us=InstantUs(house.clock.now_us + 7 * DAY_US), decides_at_us=None, certain=True,
            calendar_version="t", shift_us=DurationUs(10 * DAY_US), working_days=5,
        )
    )  # fmt: skip
    await following(house).catch_up()
    deposit = await house.read("abc.1")
    assert (deposit.due_at_us, deposit.due_paused) == (due_us + 10 * DAY_US, False)
    house.clock.pass_us(3 * DAY_US + 2 * HOUR_US)
    await house.clocks.tick()
    assert (await house.read("abc.1")).state is S.LAPSED


async def test_several_consumers_and_crashes_act_once_for_each_event(house: House) -> None:
    log = await two_held(house)
    await log.sell(1, BUYER)
    await asyncio.gather(*(following(house).catch_up() for _ in range(4)))
    await following(house).catch_up()
    histories = [[type(line.event).__name__ for line in await house.deposits.history(f"abc.{no}")] for no in (1, 2)]
    assert histories[0] == ["DepositRequired", "PaymentReceived", "DepositHeld"]
    assert histories[1] == ["DepositRequired", "PaymentReceived", "DepositHeld", "ReleaseScheduled"]
    assert await house.deposits.problems() == []


async def test_a_crash_between_effect_and_cursor_leaves_neither(house: House) -> None:
    log = Log(house)
    await log.open()
    await log.qualify(1, BUYER)
    consumer, broken = following(house), True
    require = house.deposits.require

    async def crashing(*given: object, **named: object) -> object:
        done = await require(*given, **named)  # type: ignore[arg-type]
        if broken:
            raise ConnectionError("the process is gone")
        return done

    house.deposits.require = crashing  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        await consumer.catch_up()
    assert await house.deposits.read("abc.1") is None
    broken = False
    await consumer.catch_up()
    assert (await house.read("abc.1")).state is S.REQUIRED


async def test_what_the_rules_refuse_is_a_problem_for_a_person_and_the_rest_goes_on(house: House) -> None:
    log = await two_held(house)
    await house.deposits.schedule_release("abc.1", house.clock.now_us, "by mistake", actor="op")
    await log.sell(1, BUYER)
    await log.add(le.DealSigned(deal_no=1, buyer_id=PartyId(BUYER), intent_no=1, contract_ref="c1"))
    await following(house).catch_up()
    (problem,) = await house.deposits.problems()
    assert (problem.deposit, problem.wanted, problem.code) == ("abc.1", "Convert", "wrong_state")
    assert (await house.read("abc.2")).state is S.RELEASE_DUE
    closed = [
        await house.deposits.close_problem(problem.stream, problem.stream_seq, "abc.1", actor="op", note="paid anew")
        for _ in range(2)
    ]
    assert closed == [True, False] and await house.deposits.problems() == []
    assert (await verify_money(house.pool)).findings == []


async def test_the_engine_is_told_until_it_answers_and_always_by_the_same_id(house: House) -> None:
    answers, told = [False, False, True], []

    async def tell(news: News) -> bool:
        told.append(news)
        return answers.pop(0)

    telling = Telling(house.pool, house.deposits, tell, now_us=lambda: house.clock.now_us)
    await house.held()
    assert await telling.tell_due() == 0
    assert await telling.tell_due() == 0  # not yet again
    for _ in range(5):
        house.clock.pass_us(HOUR_US)
        await telling.tell_due()
    assert [news.news for news in told] == ["held"] * 3 and answers == []
    assert {news.command_id for news in told} == {command_id_of("d1", "held")}
    assert told[0].deposit.state is S.HELD
