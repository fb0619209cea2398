"""One contract for the port of ownership, passed by PostgreSQL and by the simulator's stand-in."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, Protocol

import pytest

from engine.journal.leases import HandedOver, Leases
from engine.journal.log import EventLog
from engine.journal.postgres import PostgresLog
from engine.journal.postgres_leases import PostgresLeases
from engine.values import InstantUs
from tests.simulation.fault_leases import FaultLeases
from tests.simulation.fault_log import Database, FaultLog, Faults

HOUR_US = 3_600_000_000
SHARD = 7


class Pair(NamedTuple):
    """Two ports onto one database."""

    leases: Leases
    log: EventLog


class MakePair(Protocol):
    """Gives new connections to the same database each time."""

    def __call__(self) -> Pair: ...


@pytest.fixture(params=["postgresql", "simulated"])
async def connect(request: pytest.FixtureRequest, make_database: Callable[[], str]) -> AsyncIterator[MakePair]:
    if request.param == "simulated":
        database = Database()
        yield lambda: Pair(
            FaultLeases(database, random.Random(1), Faults()), FaultLog(database, random.Random(1), Faults())
        )
        return
    dsn = make_database()
    opened: list[PostgresLeases | PostgresLog] = []

    def make() -> Pair:
        pair = Pair(PostgresLeases(dsn), PostgresLog(dsn))
        opened.extend(pair)  # type: ignore[arg-type]
        return pair

    yield make
    for one in opened:
        await one.close()


async def test_engines_on_lease_are_seen_and_those_that_leave_or_fell_silent_are_not(connect: MakePair) -> None:
    leases = connect().leases
    assert (await leases.renew("a", HOUR_US, leaving=False)).engines == ["a"]
    assert (await leases.renew("b", HOUR_US, leaving=False)).engines == ["a", "b"]
    assert (await leases.renew("b", HOUR_US, leaving=True)).engines == ["a"]
    await leases.renew("c", -1, leaving=False)  # its lease ran out a moment ago
    assert (await leases.renew("a", HOUR_US, leaving=False)).engines == ["a"]
    await leases.end("a")
    assert (await leases.renew("b", HOUR_US, leaving=False)).engines == ["b"]


async def test_only_what_nobody_holds_can_be_claimed(connect: MakePair) -> None:
    first, second = connect().leases, connect().leases
    await first.renew("a", HOUR_US, leaving=False)
    await second.renew("b", HOUR_US, leaving=False)
    assert sorted(await first.claim("a", [1, 2])) == [1, 2]
    assert await second.claim("b", [1, 2, 3]) == [3]
    assert sorted(await first.claim("a", [1, 2])) == [1, 2], "once more what is ours"
    view = await first.renew("a", -1, leaving=False)
    assert view.holdings[1].owner == "a"
    assert sorted(await second.claim("b", [1, 2])) == [1, 2], "the lease of the owner has run out"


async def test_what_is_let_go_can_be_claimed_at_once(connect: MakePair) -> None:
    leases = connect().leases
    for owner in "ab":
        await leases.renew(owner, HOUR_US, leaving=False)
    await leases.claim("a", [1, 2])
    await leases.release("a", [HandedOver(1, 1, InstantUs(5))])
    await leases.abandon("a", [2])
    await leases.release("b", [HandedOver(2, 1, InstantUs(5))])  # not b's: changes nothing
    view = await leases.renew("b", HOUR_US, leaving=False)
    assert [view.holdings[shard].owner for shard in (1, 2)] == [None, None]
    assert sorted(await leases.claim("b", [1, 2])) == [1, 2]


async def test_a_hand_over_in_order_tells_the_next_owner_until_when_all_was_decided(connect: MakePair) -> None:
    leases, log = connect()
    await leases.renew("a", HOUR_US, leaving=False)
    await leases.claim("a", [SHARD])
    (taken,) = await log.take([SHARD], "a", InstantUs(100))
    assert not taken.handed_over
    await leases.mark_served("a", {SHARD: taken.epoch})
    await log.alive("a", InstantUs(200))
    await leases.release("a", [HandedOver(SHARD, taken.epoch, InstantUs(250))])
    (second,) = await log.take([SHARD], "b", InstantUs(300))
    assert (second.handed_over, second.unserved_from_us) == (True, 250)
    (third,) = await log.take([SHARD], "c", InstantUs(400))
    assert (third.handed_over, third.unserved_from_us) == (False, 250), "b took it and never served it"


async def test_signs_of_life_of_an_engine_on_lease_count_only_for_shards_that_it_marked_as_served(
    connect: MakePair,
) -> None:
    leases, log = connect()
    await leases.renew("a", HOUR_US, leaving=False)
    await leases.claim("a", [SHARD, SHARD + 1])
    for shard in (SHARD, SHARD + 1):
        await log.take([shard], "z", InstantUs(100))
    taken = await log.take([SHARD, SHARD + 1], "a", InstantUs(200))
    await leases.mark_served("a", {SHARD: taken[0].epoch})
    await log.alive("a", InstantUs(1_000))
    served, never = await log.take([SHARD, SHARD + 1], "b", InstantUs(2_000))
    assert (served.unserved_from_us, never.unserved_from_us) == (1_000, None)


async def test_a_sign_of_life_never_goes_back(connect: MakePair) -> None:
    log = connect().log
    await log.take([SHARD], "a", InstantUs(100))
    await log.alive("a", InstantUs(900))
    await log.alive("a", InstantUs(500))
    (taken,) = await log.take([SHARD], "b", InstantUs(2_000))
    assert taken.unserved_from_us == 900
