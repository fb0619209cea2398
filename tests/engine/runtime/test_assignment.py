"""Who should own what: every shard has one desired owner, and a join or a leave moves only what must move."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.assignment import assignment
from engine.values import ALL_SHARDS

NAMES = st.text(alphabet="abcdef0123456789/", min_size=1, max_size=12)
ENGINES = st.lists(NAMES, min_size=1, max_size=6, unique=True)


@given(ENGINES)
def test_every_shard_has_exactly_one_owner_whatever_the_order_of_the_names(engines: list[str]) -> None:
    wanted = assignment(ALL_SHARDS, engines)
    assert wanted.keys() == set(ALL_SHARDS)
    assert set(wanted.values()) <= set(engines)
    assert assignment(reversed(ALL_SHARDS), engines[::-1]) == wanted


@given(ENGINES, NAMES)
def test_one_that_joins_takes_shards_only_for_itself(engines: list[str], newcomer: str) -> None:
    before, after = assignment(ALL_SHARDS, engines), assignment(ALL_SHARDS, list({*engines, newcomer}))
    assert all(after[shard] in (before[shard], newcomer) for shard in ALL_SHARDS)


@given(ENGINES, st.data())
def test_one_that_leaves_moves_only_its_own(engines: list[str], data: st.DataObject) -> None:
    leaver = data.draw(st.sampled_from(engines))
    before, after = assignment(ALL_SHARDS, engines), assignment(ALL_SHARDS, [one for one in engines if one != leaver])
    if len(engines) == 1:
        assert after == {}
        return
    assert all(after[shard] == before[shard] for shard in ALL_SHARDS if before[shard] != leaver)
    assert leaver not in after.values()


def test_shares_are_fair_on_the_whole() -> None:
    for count in (2, 3, 4, 8):
        shares = Counter(assignment(range(64), [f"node-{number}/4711/ab{number}" for number in range(count)]).values())
        assert max(shares.values()) <= 64 / count + 2.5 * (64 / count) ** 0.5, shares


def test_nobody_owns_anything_where_there_is_no_engine() -> None:
    assert assignment(ALL_SHARDS, []) == {}
