"""Plans on a real database: two members, fifteen whole days in public, objections, rounds as money comes in, a history that cannot be changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import msgspec
import pytest

from engine.calendar import day_from_civil, end_of
from settlement.deals.phases import Phase
from settlement.distribution.plan import DecideObjection, Object, Pay, Plan, PlanState, Problem, Refusal, Return
from settlement.distribution.policy import Policy
from settlement.distribution.splitting import Band, Cost, CostKind, Group, Person
from settlement.distribution.store import Distribution, problems_of_histories
from tests.settlement.conftest import CALENDAR, DAY_US, Clock
from tests.settlement.deals.conftest import SELLER, DealHouse, a_deal

ONE, TWO, THREE = "p0000000000000011", "p0000000000000012", "p0000000000000013"
POLICY = Policy(
    title="科技成果转化收益分配办法", adopted_ref="校发〔2025〕12号，教代会讨论通过", main_bps=5_000, staff_bps=500,
    bands=(Band(from_fen=0, reward_bps=7_000, college_bps=1_000, office_bps=500),),
)  # fmt: skip
TEAM = (Person(name="甲", group=Group.MAIN, weight=60), Person(name="乙", group=Group.OTHER, weight=40))
PRICE = 3_000_000_00


@dataclass
class Unit:
    """A unit with a deal whose price came in."""

    house: DealHouse
    plans: Distribution

    async def released(self, fen: int) -> None:
        """Let the deal's row say that so much was released; its process is tested elsewhere."""
        process = await self.house.deals.read("DA-a1")
        assert process is not None
        changed = msgspec.structs.replace(process, price_released_fen=fen, phase=Phase.PERFORMING)
        body = msgspec.json.encode(changed, order="sorted")
        await self.house.pool.execute("UPDATE deal SET body = $1, phase = 'performing' WHERE id = 'DA-a1'", body)

    async def policy(self) -> None:
        version = await self.plans.propose_policy(SELLER, POLICY, ONE)
        assert isinstance(version, int)
        assert await self.plans.approve_policy(SELLER, version, TWO) is None

    async def propose(self, fen: int = PRICE, by: str = ONE, persons: tuple[Person, ...] = TEAM) -> Plan | Refusal:
        costs = (Cost(kind=CostKind.VALUATION, amount_fen=20_000_00),)
        return await self.plans.propose(SELLER, "DA-a1", fen, costs, persons, by)


@pytest.fixture
async def unit(fresh_database: str) -> AsyncIterator[Unit]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        house = DealHouse(pool, Clock())
        await house.opened(a_deal(price_fen=PRICE))
        yield Unit(house, Distribution(pool, house.deals, calendar=lambda: CALENDAR, now_us=lambda: house.clock.now_us))


def _plan(found: Plan | Refusal) -> Plan:
    assert isinstance(found, Plan), found
    return found


def _problem(found: object) -> Problem:
    assert isinstance(found, Refusal), found
    return found.problem


async def test_a_policy_needs_a_second_member_and_never_changes(unit: Unit) -> None:
    version = await unit.plans.propose_policy(SELLER, POLICY, ONE)
    assert version == 1 and await unit.plans.in_force(SELLER) is None
    assert _problem(await unit.plans.approve_policy(SELLER, 1, ONE)) is Problem.SAME_PERSON
    assert await unit.plans.approve_policy(SELLER, 1, TWO) is None
    assert _problem(await unit.plans.approve_policy(SELLER, 1, THREE)) is Problem.WRONG_STATE
    assert _problem(await unit.plans.approve_policy(SELLER, 9, TWO)) is Problem.NO_POLICY
    low = msgspec.structs.replace(POLICY, bands=(Band(from_fen=0, reward_bps=4_000),))
    assert _problem(await unit.plans.propose_policy(SELLER, low, ONE)) is Problem.POLICY_PROBLEMS
    with pytest.raises(asyncpg.RaiseError, match="never changes"):
        await unit.house.pool.execute("UPDATE distribution_policy SET body = 'x'")


async def test_one_proposes_another_approves_and_nothing_is_paid_before_fifteen_whole_days(unit: Unit) -> None:
    await unit.policy()
    await unit.released(PRICE)
    plan = _plan(await unit.propose())
    assert _problem(await unit.plans.approve(plan.id, ONE)) is Problem.SAME_PERSON
    plan = _plan(await unit.plans.approve(plan.id, TWO))
    # Proposed and approved on Monday 2 March: the day itself does not count, the 17th ends at 24:00 (Civil Code art. 201).
    assert plan.state is PlanState.PUBLICITY and plan.public_until_us == end_of(day_from_civil(2026, 3, 17))
    unit.house.clock.now_us = plan.public_until_us - 1
    assert _problem(await unit.plans.act(plan.id, Pay(ref="工资单 2026-4"), TWO)) is Problem.TOO_EARLY
    unit.house.clock.now_us = plan.public_until_us
    paid = _plan(await unit.plans.act(plan.id, Pay(ref="工资单 2026-4"), TWO))
    assert paid.state is PlanState.PAID and [line.seq for line in await unit.plans.history(plan.id)] == [1, 2, 3]
    assert sum(one.amount_fen for one in paid.proposed.split.persons) == paid.proposed.split.reward_fen


async def test_an_objection_stops_the_payment_until_somebody_else_has_decided(unit: Unit) -> None:
    await unit.policy()
    await unit.released(PRICE)
    plan = _plan(await unit.plans.approve(_plan(await unit.propose()).id, TWO))
    assert _problem(await unit.plans.act(plan.id, Object(text=" "), THREE)) is Problem.REASON_REQUIRED
    await unit.plans.act(plan.id, Object(text="漏列完成人"), THREE)
    unit.house.clock.now_us = plan.public_until_us + DAY_US
    assert _problem(await unit.plans.act(plan.id, Pay(ref="x"), TWO)) is Problem.WRONG_STATE
    decide = DecideObjection(upheld=True, reason="属实，退回")
    for partial in (THREE, ONE):
        assert _problem(await unit.plans.act(plan.id, decide, partial)) is Problem.SAME_PERSON
    assert _plan(await unit.plans.act(plan.id, decide, TWO)).state is PlanState.RETURNED
    again = _plan(await unit.propose(persons=(*TEAM, Person(name="丁", group=Group.OTHER, weight=10))))
    assert again.proposed.round == 2, "what was returned gives its income back"


async def test_rounds_follow_the_money_and_never_share_more_than_came_in(unit: Unit) -> None:
    assert _problem(await unit.propose()) is Problem.NO_POLICY
    await unit.policy()
    assert _problem(await unit.propose()) is Problem.MORE_THAN_CAME_IN
    await unit.released(1_000_000_00)
    assert _problem(await unit.propose(1_000_000_01)) is Problem.MORE_THAN_CAME_IN
    first = _plan(await unit.propose(1_000_000_00))
    assert _problem(await unit.propose(1)) is Problem.UNDER_WAY
    plan = _plan(await unit.plans.approve(first.id, TWO))
    unit.house.clock.now_us = plan.public_until_us
    _plan(await unit.plans.act(first.id, Pay(ref="x"), TWO))
    await unit.released(PRICE)
    income = await unit.plans.income("DA-a1")
    assert income is not None and (income.came_in_fen, income.round) == (2_000_000_00, 2)
    _plan(await unit.propose(2_000_000_00))


@pytest.mark.parametrize(
    ("persons", "problem"),
    [
        ((), Problem.PERSONS),
        ((TEAM[0], TEAM[0]), Problem.PERSONS),
        ((Person(name="丙", group=Group.STAFF, weight=1),), Problem.PERSONS),
        ((Person(name="甲", group=Group.MAIN, weight=0),), Problem.PERSONS),
        ((TEAM[1],), Problem.MAIN_BELOW_FLOOR),
        ((Person(name="甲", group=Group.MAIN, weight=49), Person(name="乙", group=Group.OTHER, weight=51)), Problem.MAIN_BELOW_FLOOR),
    ],
)  # fmt: skip
async def test_who_is_named(unit: Unit, persons: tuple[Person, ...], problem: Problem) -> None:
    await unit.policy()
    await unit.released(PRICE)
    assert _problem(await unit.propose(persons=persons)) is problem


async def test_a_changed_history_is_found(unit: Unit) -> None:
    await unit.policy()
    await unit.released(PRICE)
    plan = _plan(await unit.propose())
    _plan(await unit.plans.act(plan.id, Return(reason="名单不全"), TWO))
    async with unit.house.pool.acquire() as connection:
        assert await problems_of_histories(connection) == []
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute("DELETE FROM distribution_event")
        await connection.execute("ALTER TABLE distribution_event DISABLE TRIGGER USER")
        await connection.execute("UPDATE distribution_event SET actor = 'somebody' WHERE seq = 1")
        await connection.execute("ALTER TABLE distribution_policy DISABLE TRIGGER USER")
        await connection.execute("UPDATE distribution_policy SET proposed_by = 'somebody'")
        found = await problems_of_histories(connection)
    assert [problem for _, problem in found] == [
        "event 1 was changed or is missing",
        "it was changed, or one before it is missing",
    ]
