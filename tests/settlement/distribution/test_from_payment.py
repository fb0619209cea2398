"""From the received price to the last payout, through the real services: each income is a round by the unit's policy, public, then paid, and
the payment alone moves the deal. Nothing here is written into a row by hand.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec.structs import replace

from engine.calendar import Calendar, day_from_civil, end_of
from settlement.deals import acts as a
from settlement.deals.payment import Instalments, Part, Trigger
from settlement.deals.phases import Phase
from settlement.distribution.plan import Pay, Plan, PlanState, Problem, Recount, Refusal
from settlement.distribution.splitting import Cost, CostKind, Group, Person
from settlement.distribution.store import Distribution, problems_of_histories
from tests.settlement.conftest import CALENDAR, DAY_US, Clock
from tests.settlement.deals.conftest import SELLER, DealHouse, a_deal
from tests.settlement.distribution.test_plans import ONE, POLICY, TEAM, TWO

WAN = 10_000_00
PRICE = 300 * WAN
COSTS = (Cost(kind=CostKind.VALUATION, amount_fen=20_000_00), Cost(kind=CostKind.UPKEEP, amount_fen=30_000_01))
PERSONS = (*TEAM, Person(name="丙", group=Group.STAFF, weight=1))


class Unit:
    """A unit with a policy in force, and a house in which its deals are settled."""

    def __init__(self, house: DealHouse) -> None:
        self.house = house
        self.calendar = CALENDAR
        self.plans = Distribution(
            house.pool, house.deals, calendar=lambda: self.calendar, now_us=lambda: house.clock.now_us
        )

    async def adopt(self) -> None:
        version = await self.plans.propose_policy(SELLER, POLICY, ONE)
        assert isinstance(version, int) and await self.plans.approve_policy(SELLER, version, TWO) is None

    async def delivered(self) -> None:
        """The price is there, the hand-over accepted, the bank has paid the seller."""
        await self.house.pay((await self.house.deal()).upfront_fen)
        await self.house.delivered()
        await self.house.payouts.send_due()

    async def public(self, costs: tuple[Cost, ...] = COSTS) -> Plan:
        """Propose all that came in, approve it; return the plan in its publicity."""
        income = await self.plans.income("DA-a1")
        assert income is not None
        plan = await self.plans.propose(SELLER, "DA-a1", income.came_in_fen, costs, PERSONS, ONE)
        assert isinstance(plan, Plan), plan
        approved = await self.plans.approve(plan.id, TWO)
        assert isinstance(approved, Plan) and approved.state is PlanState.PUBLICITY
        return approved

    async def pay(self, plan: Plan, ref: str = "工资单 2026-4") -> Plan:
        """Let the publicity pass and pay."""
        early = await self.plans.act(plan.id, Pay(ref=ref), TWO)
        assert isinstance(early, Refusal) and early.problem is Problem.TOO_EARLY
        self.house.clock.now_us = max(self.house.clock.now_us, plan.public_until_us)
        paid = await self.plans.act(plan.id, Pay(ref=ref), TWO)
        assert isinstance(paid, Plan) and paid.state is PlanState.PAID
        return paid


@pytest.fixture
async def unit(fresh_database: str) -> AsyncIterator[Unit]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        unit = Unit(DealHouse(pool, Clock()))
        await unit.adopt()
        yield unit


def sums_to(plan: Plan, income_fen: int) -> None:
    """Parts sum to the whole: income is costs and net, net its five parts, the reward its persons."""
    split = plan.proposed.split
    assert split.income_fen == income_fen == split.costs_fen + split.net_fen
    parts = (split.reward_fen, split.college_fen, split.office_fen, split.broker_fen, split.unit_fen)
    assert sum(parts) == split.net_fen
    assert sum(one.amount_fen for one in split.persons) == split.reward_fen
    assert sum(one.amount_fen for one in split.persons if one.group is Group.STAFF) == split.staff_fen > 0


async def test_the_received_price_is_shared_made_public_and_paid_and_the_deal_goes_on_by_that(unit: Unit) -> None:
    house = unit.house
    await house.signed(a_deal(price_fen=PRICE))
    await unit.delivered()
    assert (await house.deal()).price_released_fen == PRICE
    await house.do(a.NoteRegistered(number="2026150100000001"))
    assert (await house.deal()).phase is Phase.DISTRIBUTING
    plan = await unit.pay(await unit.public())
    sums_to(plan, PRICE)
    process = await house.deal()
    assert (process.phase, process.distribution_ref) == (Phase.ARCHIVED, plan.id)
    income = await unit.plans.income("DA-a1")
    assert income is not None and income.came_in_fen == 0
    assert await house.balances() == {}
    await house.sound()


async def test_what_was_paid_before_the_number_came_moves_the_deal_when_it_comes(unit: Unit) -> None:
    house = unit.house
    await house.signed(a_deal(price_fen=PRICE))
    await unit.delivered()
    plan = await unit.pay(await unit.public())
    assert (await house.deal()).phase is Phase.REGISTERING and await unit.plans.carry() == 0
    await house.do(a.NoteRegistered(number="2026150100000001"))
    assert await unit.plans.carry() == 1
    process = await house.deal()
    assert (process.phase, process.distribution_ref) == (Phase.ARCHIVED, plan.id)
    assert await unit.plans.carry() == 0, "once"


async def test_every_instalment_is_a_round_until_all_that_came_in_is_paid_out(unit: Unit) -> None:
    house = unit.house
    parts = (
        Part(share_bps=3_000, after=Trigger.SIGNING, days=5),
        Part(share_bps=7_000, after=Trigger.DELIVERY, days=90),
    )
    await house.opened(a_deal(price_fen=PRICE + 1, payment="INSTALMENT"))
    await house.work()
    await house.do(a.ProposePayment(payment=Instalments(parts=parts)))
    await house.work()
    await house.sign()
    await house.work()
    await unit.delivered()
    await house.do(a.NoteRegistered(number="R1"))
    first = await unit.pay(await unit.public())
    assert (await house.deal()).phase is Phase.PERFORMING
    await house.pay((await house.deal()).open_fen)
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.ARCHIVED
    second = await unit.pay(await unit.public(costs=()), "工资单 2026-7")
    taken = [plan.proposed.split.income_fen for plan in (first, second)]
    for plan, income in zip((first, second), taken, strict=True):
        sums_to(plan, income)
    assert [plan.proposed.round for plan in await unit.plans.of_deal("DA-a1")] == [1, 2] and sum(taken) == PRICE + 1
    assert (await house.deal()).distribution_ref == first.id
    assert [plan.id for plan in await unit.plans.paid(SELLER)] == [first.id, second.id]


async def test_a_deal_is_distributed_by_plan_where_there_is_one_or_a_policy(unit: Unit) -> None:
    await unit.house.signed(a_deal(price_fen=PRICE))
    assert await unit.plans.by_plan("DA-a1", SELLER), "the unit has a policy"
    assert not await unit.plans.by_plan("DA-a1", ONE), "a natural person has none"
    await unit.delivered()
    await unit.public()
    assert await unit.plans.by_plan("DA-a1", ONE), "there is a plan"


async def test_publicity_past_the_holiday_table_is_counted_again_by_a_newer_one(unit: Unit) -> None:
    house = unit.house
    await house.signed(a_deal(price_fen=PRICE))
    await unit.delivered()
    house.clock.now_us = end_of(day_from_civil(2026, 12, 20))
    plan = await unit.public()
    assert plan.public_until_us == end_of(day_from_civil(2027, 1, 5)) and not plan.certain
    assert await unit.plans.recount() == 0, "by the same table there is nothing to count"
    unit.calendar = newer("test-2", day_from_civil(2027, 1, 5))
    assert await unit.plans.recount() == 1
    counted = await unit.plans.read(plan.id)
    assert counted is not None and counted.certain and counted.calendar == "test-2"
    assert counted.public_until_us == end_of(day_from_civil(2027, 1, 6)), "the last day is no holiday any more"
    assert await unit.plans.recount() == 0
    again = await unit.plans.act(plan.id, Recount(public_until_us=0, certain=True, calendar="test-3"), "market")
    assert isinstance(again, Refusal) and again.problem is Problem.NOTHING_CHANGED
    house.clock.now_us = plan.public_until_us
    sums_to(await unit.pay(counted), PRICE)
    async with house.pool.acquire() as connection:
        assert await problems_of_histories(connection) == []


async def test_publicity_that_was_announced_never_becomes_shorter(unit: Unit) -> None:
    await unit.house.signed(a_deal(price_fen=PRICE))
    await unit.delivered()
    unit.calendar = replace(CALENDAR, last_day=day_from_civil(2026, 3, 10))
    plan = await unit.public()
    later = plan.public_until_us + DAY_US
    longer = await unit.plans.act(plan.id, Recount(public_until_us=later, certain=False, calendar="b"), "market")
    assert isinstance(longer, Plan) and longer.public_until_us == later and not longer.certain
    shorter = await unit.plans.act(plan.id, Recount(public_until_us=1, certain=True, calendar="c"), "market")
    assert isinstance(shorter, Plan) and shorter.public_until_us == later and shorter.certain


def newer(version: str, holiday: int) -> Calendar:
    """The table of the next year came out, and this day is a holiday."""
    return replace(
        CALENDAR, version=version, last_day=day_from_civil(2027, 12, 31), days_off=frozenset({*CALENDAR.days_off, holiday})
    )  # type: ignore[arg-type]  # fmt: skip
