"""Deals on a real database: a log that a test writes, the consumer, the workers, a bank that does what a test says."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from engine.journal.codec import encode_event
from engine.rules.auction import events as ae
from engine.rules.auction.commands import Subject
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Terms
from engine.values import CNY, Amount, DurationUs, InstantUs, LotId, PartyId, shard_of
from settlement.bank.port import Credit
from settlement.deals import acts as a
from settlement.deals.answers import Refused
from settlement.deals.deal import Deal, DealSide, Source, Way
from settlement.deals.deals import Deals
from settlement.deals.fees import FeeTerms, fee_terms
from settlement.deals.following import DealFollowing
from settlement.deals.notices import Desk
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deals.rules_data import deal_rules
from settlement.deals.store import Changed
from settlement.deals.working import Answer, Working
from settlement.verification import verify_money
from tests.settlement.conftest import BUYER, DAY_US, START_US, Clock, House

SELLER = "p00000000000000ff"
SELLER_ACCOUNT = ("某某大学", "0200001009000000001")
BROKER = "p00000000000000bb"
PRICE_FEN = 300_000_000
FREE = fee_terms("waived")
SIDES = {DealSide.SELLER: SELLER, DealSide.BUYER: BUYER}


def a_deal(**more: Any) -> Deal:
    """Return a deal of an auction; fields as wished."""
    rules = deal_rules()
    given: dict[str, Any] = {
        "id": "DA-a1", "way": Way.AUCTION, "struck_by": "hammer",
        "source": Source(stream="lot/a1", stream_seq=2, event_digest="0" * 64), "struck_at_us": START_US,
        "rule_version": "english/1", "calendar_version": "test-1", "seller_id": SELLER, "buyers": (BUYER,),
        "title_zh": "成果", "price_fen": PRICE_FEN, "sign_by_us": START_US + 7 * DAY_US, "rules": rules, "fees": FREE,
    }  # fmt: skip
    return Deal(**{**given, **more})


class DealHouse(House):
    """A house with deals."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        super().__init__(pool, clock)
        self.accounts |= {SELLER: SELLER_ACCOUNT, BROKER: ("中介", "0200001009000000002")}
        self.fees: FeeTerms = FREE
        self.people: dict[Desk, tuple[str, ...]] = {}
        self.deals = self.second_deals()
        self.following = DealFollowing(pool, self.deals)
        self.told: list[tuple[str, Phase]] = []
        self.answer = Answer.TOLD
        self.working = Working(self.deals, sign=lambda _: ("signature", "key"), origin="test", tell_listing=self.tell)
        self.lots: dict[str, int] = {}

    def second_deals(self) -> Deals:
        async def account_of(party_id: str) -> tuple[str, str] | None:
            return self.accounts.get(party_id)

        async def people_of(_: Any, desk: Desk) -> tuple[str, ...]:
            return self.people.get(desk, ())

        return Deals(
            self.pool, self.payouts, self.deposits, calendar=lambda: self.calendar, virtual_prefix="990001",
            fees=self.fees, verified_account=account_of, people=people_of, now_us=lambda: self.clock.now_us,
        )  # fmt: skip

    async def tell(self, process: Process) -> Answer:
        self.told.append((process.id, process.phase))
        return self.answer

    # The log

    async def sell_lot(self, lot: str = "a1", price: int = PRICE_FEN, buyer: str = BUYER, **terms: Any) -> None:
        """Write the events of a lot that was published and sold."""
        achievement = terms.pop("achievement", None)
        given = {"admission": Admission.APPROVED, "currency": CNY, **terms}
        published = ae.LotPublished(
            terms=Terms(
                closing=Closing(opens_at_us=InstantUs(1), closes_at_us=InstantUs(2), extension_us=DurationUs(1)),
                increment=FixedIncrement(Amount(1)), start_price=Amount(1), **given,
            ),
            subject=Subject(title_zh="成果", title_en="Achievement"), seller_id=PartyId(SELLER), achievement=achievement,
        )  # fmt: skip
        sold = ae.LotSold(winner_id=PartyId(buyer), code="B1", price=Amount(price), ended_at_us=InstantUs(2))
        await self.write(lot, published, sold)

    async def write(self, lot: str, *events: Any) -> None:
        for event in events:
            name, version, body = encode_event(event)
            shard = shard_of(LotId(lot))
            self.lots[lot] = self.lots.get(lot, 0) + 1
            await self.pool.execute(
                "INSERT INTO event (shard, seq, epoch, stream, stream_seq, type, version, at_us, actor, body, salt, content, digest)"
                " VALUES ($1, (SELECT coalesce(max(seq), 0) + 1 FROM event WHERE shard = $1), 1, $2, $3, $4, $5, $6, 'test', $7, $8, $8, $8)",
                shard, f"lot/{lot}", self.lots[lot], name, version, self.clock.now_us, body, secrets.token_bytes(32),
            )  # fmt: skip

    # Acts

    async def opened(self, deal: Deal | None = None) -> Process:
        """Open a deal without a log."""
        async with self.pool.acquire() as connection, connection.transaction():
            done = await self.deals.open(deal or a_deal(), on=connection)
        assert isinstance(done, Changed), done
        return done.process

    async def do(self, act: a.Act, deal_id: str = "DA-a1", **more: Any) -> Process:
        """Do an act that is allowed."""
        done = await self.deals.do(deal_id, act, **more)
        assert isinstance(done, Changed), done
        return done.process

    async def refused(self, act: a.Act, deal_id: str = "DA-a1", **more: Any) -> str:
        """Do an act that is refused; return why."""
        done = await self.deals.do(deal_id, act, **more)
        assert isinstance(done, Refused), done
        return done.code.value

    async def deal(self, deal_id: str = "DA-a1") -> Process:
        process = await self.deals.read(deal_id)
        assert process is not None
        return process

    async def work(self) -> None:
        """Let the machine do what is its own to do."""
        while await self.working.turn():
            pass

    async def signed(self, deal: Deal | None = None) -> Process:
        """Open a deal, confirm, draft, sign on both sides, conclude."""
        process = await self.opened(deal)
        await self.work()
        await self.sign(process.id)
        await self.work()
        return await self.deal(process.id)

    async def sign(self, deal_id: str = "DA-a1", *sides: DealSide) -> None:
        for side in sides or tuple(DealSide):
            text = (await self.deal(deal_id)).contract_digest
            await self.do(a.SignContract(side=side, party_id=SIDES[side], contract_digest=text), deal_id)

    async def pay(self, fen: int, deal_id: str = "DA-a1", **more: Any) -> Process:
        """Let money arrive for a deal."""
        credit = self.credit(fen, **more)
        return await self.take(deal_id, credit)

    async def take(self, deal_id: str, credit: Credit) -> Process:
        async with self.pool.acquire() as connection, connection.transaction():
            done = await self.deals.receive(connection, deal_id, credit)
        assert isinstance(done, Changed), done
        return done.process

    async def delivered(self, deal_id: str = "DA-a1") -> Process:
        """Hand over and accept."""
        await self.work()
        await self.do(a.HandOver(proof_ref="登记簿副本", proof_digest="0" * 64), deal_id)
        return await self.do(a.AcceptDelivery(by_operator=True, reason="已核对"), deal_id)

    async def sound(self) -> None:
        """Nothing is wrong with the money."""
        verdict = await verify_money(self.pool)
        assert verdict.findings == []


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[DealHouse]:
    """A house with deals on a new database."""
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        yield DealHouse(pool, Clock())
