"""The worked numbers of distribution (domain.md §6.4) to the fen; parts sum to the whole for whatever is shared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.distribution.floors import at_least, floors
from settlement.distribution.policy import Policy, problems_of
from settlement.distribution.splitting import (
    Band,
    Cost,
    CostKind,
    Group,
    Person,
    band_of,
    largest_remainder,
    net_income,
    split,
)

COSTS = (
    Cost(kind=CostKind.VALUATION, amount_fen=20_000_00),
    Cost(kind=CostKind.UPKEEP, amount_fen=30_000_00),
    Cost(kind=CostKind.BROKER, amount_fen=90_000_00),
    Cost(kind=CostKind.TAX, amount_fen=900_00),
)
LEAD = Person(name="甲", group=Group.MAIN, weight=7)
TEAM = (LEAD, Person(name="乙", group=Group.OTHER, weight=3))
STAFF = Person(name="丙", group=Group.STAFF, weight=1)
NEFU = (
    Band(from_fen=0, reward_bps=9_000, college_bps=200),
    Band(from_fen=500_000_00, reward_bps=9_500, college_bps=100),
)


def test_net_income_of_three_million_is_2_859_100() -> None:
    assert net_income(3_000_000_00, COSTS) == 2_859_100_00


@pytest.mark.parametrize(("bps", "least"), [(5_000, 1_429_550_00), (7_000, 2_001_370_00)])
def test_the_floor_of_half_and_the_rule_of_seventy_per_cent(bps: int, least: int) -> None:
    found = split(Band(from_fen=0, reward_bps=bps), 0, 5_000, 3_000_000_00, COSTS, TEAM)
    assert at_least(2_859_100_00, bps) == least == found.reward_fen


def test_the_split_of_zhejiang() -> None:
    band = Band(from_fen=0, reward_bps=7_000)
    found = split(band, 500, 7_000, 2_000_000_00, (), (Person(name="甲", group=Group.MAIN, weight=1), STAFF))
    assert (found.reward_fen, found.main_least_fen, found.staff_fen) == (1_400_000_00, 980_000_00, 70_000_00)
    assert found.main_fen == 1_330_000_00


def test_shares_and_own_implementation_have_floors_of_the_law() -> None:
    law = floors()
    assert (
        at_least(10_000_000_00, law.equity_bps.value) == 5_000_000_00 and at_least(10_000_000_00, 7_000) == 7_000_000_00
    )
    assert at_least(3_000_000_00, law.own_profit_bps.value) == 150_000_00


@pytest.mark.parametrize(
    ("net", "team", "school", "college"),
    [(400_000_00, 360_000_00, 32_000_00, 8_000_00), (1_000_000_00, 950_000_00, 40_000_00, 10_000_00)],
)
def test_the_table_of_nefu(net: int, team: int, school: int, college: int) -> None:
    found = split(band_of(NEFU, net), 0, 5_000, net, (), TEAM)
    assert (found.reward_fen, found.unit_fen, found.college_fen) == (team, school, college)


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any))
def test_largest_remainder_sums_to_the_whole_and_is_within_one_fen(whole: int, weights: list[int]) -> None:
    parts = largest_remainder(whole, weights)
    assert sum(parts) == whole
    assert all(
        abs(part * sum(weights) - whole * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True)
    )


@st.composite
def bands(draw: st.DrawFn) -> Band:
    reward = draw(st.integers(5_000, 10_000))
    college = draw(st.integers(0, 10_000 - reward))
    office = draw(st.integers(0, 10_000 - reward - college))
    broker = draw(st.integers(0, 10_000 - reward - college - office))
    return Band(from_fen=0, reward_bps=reward, college_bps=college, office_bps=office, broker_bps=broker)


@given(
    bands(),
    st.integers(0, 5_000),
    st.integers(1, 10**13),
    st.lists(st.tuples(st.sampled_from(Group), st.integers(1, 1_000)), min_size=1, max_size=20),
)
def test_whatever_is_shared_parts_sum_to_the_whole_and_no_floor_is_missed(
    band: Band, staff_bps: int, income: int, rows: list[tuple[Group, int]]
) -> None:
    persons = (
        LEAD,
        *(Person(name=f"n{place}", group=group, weight=weight) for place, (group, weight) in enumerate(rows)),
    )
    found = split(band, staff_bps, 5_000, income, (), persons)
    assert found.reward_fen + found.college_fen + found.office_fen + found.broker_fen + found.unit_fen == found.net_fen
    assert sum(one.amount_fen for one in found.persons) == found.reward_fen
    assert found.reward_fen >= at_least(found.net_fen, band.reward_bps)
    assert min(found.unit_fen, found.college_fen, found.office_fen, found.broker_fen, found.staff_fen) >= 0
    if any(group is Group.STAFF for group, _ in rows):
        assert found.staff_fen >= at_least(found.reward_fen, staff_bps)


def test_instalments_one_by_one_pay_out_all_that_came_in() -> None:
    """Three unequal incomes of 1,000,000.01 yuan: each round sums to itself, so all rounds sum to the whole."""
    rounds = [333_333_34, 333_333_33, 333_333_34]
    made = [split(NEFU[1], 0, 5_000, income, (), TEAM) for income in rounds]
    assert sum(one.reward_fen + one.college_fen + one.unit_fen for one in made) == 1_000_000_01
    assert sum(paid.amount_fen for one in made for paid in one.persons) == sum(one.reward_fen for one in made)


def _policy(**more: object) -> Policy:
    given: dict[str, object] = {"title": "办法", "adopted_ref": "校发〔2025〕1号", "bands": NEFU, "main_bps": 5_000}
    return Policy(**{**given, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ()),
        ({"bands": (Band(from_fen=0, reward_bps=4_999),)}, ("reward_below_floor",)),
        ({"main_bps": 4_999}, ("main_below_floor",)),
        ({"staff_bps": 5_001}, ("staff",)),
        ({"publicity_days": 14}, ("publicity_too_short",)),
        ({"bands": (Band(from_fen=1, reward_bps=9_000),)}, ("bands",)),
        ({"bands": ()}, ("bands",)),
        ({"bands": (Band(from_fen=0, reward_bps=9_000, office_bps=1_001),)}, ("shares",)),
        ({"adopted_ref": " "}, ("adopted_ref",)),
    ],
)
def test_no_policy_goes_below_the_law(changed: dict[str, object], problem: tuple[str, ...]) -> None:
    assert problems_of(_policy(**changed)) == problem
