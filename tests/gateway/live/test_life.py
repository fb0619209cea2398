"""Bounds and ends: limits, silence, slowness, revocation, draining. On virtual time."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from multidict import CIMultiDict

from engine.values import LotId
from gateway.errors import Code
from gateway.live.limits import Budget, Rate
from gateway.live.settings import EARLY_MAX, LiveSettings
from gateway.live.visitors import DoorClosed
from tests.gateway.live.market import LOT, ORIGIN, PLENTY, Guest, Market, TableWire, kinds, on_virtual_time, rest, uuid


def test_a_rate_allows_a_burst_and_then_its_pace() -> None:
    rate, whole_at_us, now_us = Rate.per_second(5, burst=10), 0, 1_000_000
    allowed = 0
    for _ in range(50):
        after_us = rate.take(whole_at_us, now_us)
        whole_at_us, allowed = (after_us, allowed + 1) if after_us else (whole_at_us, allowed)
    assert allowed == 10
    assert rate.pause_us(whole_at_us, now_us) == 200_000
    assert not rate.take(whole_at_us, now_us + 199_999)
    assert rate.take(whole_at_us, now_us + 200_000)
    for rate_per_s, burst in ((0, 1), (-1, 1), (1, 0)):
        with pytest.raises(ValueError):
            Rate.per_second(rate_per_s, burst=burst)


def test_a_budget_over_a_minute_gives_its_pace() -> None:
    budget = Budget(Rate.per_second(5, burst=10))
    allowed = sum(budget.take(1_000_000 + step * 10_000) for step in range(6_000))
    assert 308 <= allowed <= 311


@on_virtual_time
async def test_bids_of_an_account_are_limited_over_all_its_connections() -> None:
    market = Market()
    market.publish(LOT, "anna")
    seats = [(await market.watch("anna"))[0] for _ in range(3)]
    answers = []
    for number in range(12):
        heard = await seats[number % 3].say(t="bid", id=uuid(number), lot=LOT, amount="1000")
        answers += [frame for frame in heard if frame["t"] != "change"]
    assert [answer["t"] for answer in answers[:10]] == ["accepted", *["rejected"] * 9]
    for number, answer in enumerate(answers[10:], 10):
        assert (answer["t"], answer["code"], answer["retry"]) == ("error", "rate_limited", "same_id")
        assert answer["data"]["id"] == uuid(number) and 0 < answer["data"]["retry_after_ms"] <= 201
    await rest(0.2)
    assert (await seats[0].say(t="bid", id=uuid(99), lot=LOT, amount="1000"))[0]["t"] == "rejected"
    budget = market.edge.budget(seats[0].session.visitor.party_id)  # type: ignore[union-attr]
    assert budget is seats[0].session.budget is seats[2].session.budget


@on_virtual_time
async def test_a_connection_that_goes_on_too_fast_is_closed() -> None:
    market = Market()
    guest = await market.visit()
    heard = [answer for number in range(90) for answer in await guest.say(t="ping", n=number)]
    assert kinds(heard[:40]) == ["pong"] * 40
    assert {frame["code"] for frame in heard[40:-1]} == {"rate_limited"}
    assert heard[-1]["t"] == "bye" and heard[-1]["code"] == guest.wire.close_code == 4429
    assert await guest.say(t="ping", n=1) == []


@on_virtual_time
async def test_a_flood_of_control_frames_is_closed_too() -> None:
    market = Market()
    guest = await market.visit()
    answered = sum(market.edge.take_control(guest.session) for _ in range(200))
    await rest()
    assert answered == 40
    assert guest.wire.close_code == 4429


@on_virtual_time
async def test_nonsense_too_often_ends_the_connection() -> None:
    market = Market(LiveSettings(frames=PLENTY))
    guest = await market.visit()
    for _ in range(31):
        await guest.say(b"{")
    assert guest.wire.close_code == 4501
    market.edge.take_wrong(guest.session, "binary")
    patient = await market.visit()
    for _ in range(60):
        await patient.say(b"{")
        await rest(1.0)
    assert patient.wire.close_code is None


@on_virtual_time
async def test_frames_before_the_welcome_wait_a_few_at_most() -> None:
    market = Market()
    market.publish(LOT, "anna")
    guest = await open_without_rest(market, "anna")
    market.edge.take(guest.session, b'{"t":"join","lot":"lot-1"}')
    market.edge.take(guest.session, b'{"t":"bid","id":"%s","lot":"lot-1","amount":"1000"}' % uuid(1).encode())
    await rest(0.1)
    heard = kinds(guest.hears())
    assert heard[0] == "welcome" and {"accepted", "snapshot"} <= set(heard)
    flood = await open_without_rest(market, "anna")
    for number in range(EARLY_MAX + 1):
        market.edge.take(flood.session, b'{"t":"ping","n":%d}' % number)
    await rest()
    assert kinds(flood.hears()) == ["bye"] and flood.wire.close_code == 4429


async def open_without_rest(market: Market, who: str) -> Guest:
    wire = TableWire()
    credentials = market.edge.arrive(CIMultiDict({"Authorization": f"Bearer {who}"}))
    return Guest(market.edge, wire, market.edge.open(wire, credentials))


@on_virtual_time
async def test_too_many_connections() -> None:
    market = Market(LiveSettings(connections_max=5, connections_per_account=2))
    seats = [await market.visit("anna") for _ in range(2)]
    third = await market.visit("anna", welcome=False)
    assert third.hears()[0]["code"] == third.wire.close_code == 4509
    third.leaves()
    seats.pop().leaves()
    seats.append(await market.visit("anna"))
    for _ in range(3):
        await market.visit()
    with pytest.raises(DoorClosed) as closed:
        await market.visit()
    assert closed.value.code is Code.TOO_MANY_CONNECTIONS


@on_virtual_time
async def test_a_herd_is_let_in_a_part_at_a_time() -> None:
    market = Market(LiveSettings(arrivals=Rate.per_second(100, burst=50)))
    turned_away = 0
    for _ in range(80):
        try:
            await market.visit()
        except DoorClosed:
            turned_away += 1
    assert turned_away == 30 == market.edge.counts.turned_away
    await rest(0.2)
    await market.visit()


@on_virtual_time
async def test_a_dead_peer_is_dropped_and_a_silent_one_asked() -> None:
    market = Market()
    guest, _ = await market.watch()
    await rest(26.0)
    assert guest.wire.pings >= 1 and not guest.wire.aborted
    await rest(30.0)
    assert guest.wire.aborted


@on_virtual_time
async def test_a_peer_that_stays_slow_is_closed_and_one_that_fills_up_is_dropped() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    slow, _ = await market.watch()
    quick, _ = await market.watch()
    market.edge.slowed(slow.session)
    step = 0
    while slow.wire.close_code is None:
        step += 1
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
        await rest(1.0)
        slow.session.heard_us = quick.session.heard_us = market.clock.now_us()
        assert step < 50
    assert kinds(slow.hears()) == ["bye"] and slow.wire.close_code == 4408
    assert 30 <= step <= 36
    full, _ = await market.watch()
    full.wire.unsent = market.settings.full_bytes + 1
    await rest(5.1)
    assert full.wire.aborted


@on_virtual_time
async def test_receipts_reach_a_slow_peer() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    anna, _ = await market.watch("anna")
    market.edge.slowed(anna.session)
    (receipt,) = await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
    assert receipt["t"] == "accepted"
    market.bid("bert", 1_100)
    await rest(0.1)
    assert anna.hears() == []
    market.edge.drained(anna.session)
    await rest()
    (snapshot,) = anna.hears()
    assert snapshot["t"] == "snapshot" and snapshot["seq"] == market.state().seq


@on_virtual_time
async def test_a_revoked_login_neither_bids_nor_stays() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    anna, _ = await market.watch("anna")
    market.visitors.revoked.add("session-of-anna")
    heard = await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
    assert kinds(heard) == ["bye"] and anna.wire.close_code == 4503
    assert market.state().bids == 0
    bert, _ = await market.watch("bert")
    market.visitors.revoked.add("session-of-bert")
    await rest(5.1)
    assert bert.wire.close_code == 4503, "an expired login is seen without a frame, too"
    carl, _ = await market.watch("carl")
    market.edge.revoke("carl")
    await rest()
    assert carl.wire.close_code == 4503, "all of an account"


@on_virtual_time
async def test_accounts_that_cannot_be_asked_send_nobody_away_for_good() -> None:
    market = Market()
    market.visitors.away = True
    guest = await market.visit("anna", welcome=False)
    assert guest.hears()[0]["code"] == guest.wire.close_code == 4410


@on_virtual_time
async def test_draining_spreads_the_returns() -> None:
    market = Market()
    market.publish(LOT)
    market.publish(LotId("lot-soon"), closes_in_us=60_000_000)
    guests = [(await market.watch())[0] for _ in range(100)]
    hurried, _ = await market.watch(None, LotId("lot-soon"))
    leaving = asyncio.create_task(market.edge.drain(10.0))
    gone: list[int] = []
    for _ in range(10):
        await rest(1.0)
        gone.append(sum(guest.wire.close_code == 4412 for guest in guests))
    for guest in (*guests, hurried):
        assert guest.wire.frames[-1]["t"] == "bye"
        guest.leaves()
    await leaving
    steps = [after - before for before, after in pairwise([0, *gone])]
    assert max(steps) <= 15
    assert guests[0].wire.frames[-1]["retry_ms"] == 1_000
    assert hurried.wire.frames[-1]["retry_ms"] == 250


@on_virtual_time
async def test_a_peer_that_does_not_say_goodbye_is_dropped() -> None:
    market = Market()
    anna = await market.visit("anna")
    market.edge.revoke("anna")
    await rest()
    assert anna.wire.close_code == 4503 and not anna.wire.aborted
    await rest(11.0)
    assert anna.wire.aborted


@on_virtual_time
async def test_rings_of_lots_that_nobody_watches_are_forgotten_and_their_number_is_bounded() -> None:
    market = Market(LiveSettings(feeds_max=2))
    for number in range(3):
        market.publish(LotId(f"lot-{number}"))
    guest = await market.visit()
    for number in range(2):
        assert kinds(await guest.say(t="join", lot=f"lot-{number}")) == ["snapshot"]
    (full,) = await guest.say(t="join", lot="lot-2")
    assert (full["code"], full["retry"]) == ("unavailable", "same_id")
    guest.leaves()
    await rest(70.0)
    assert market.edge.hub.feeds == {}
    guest = await market.visit()
    assert kinds(await guest.say(t="join", lot="lot-2")) == ["snapshot"]


@on_virtual_time
async def test_nothing_is_left_of_those_who_are_gone() -> None:
    market = Market()
    market.publish(LOT, "anna")
    for _ in range(20):
        guest, _ = await market.watch("anna")
        await guest.say(t="hall")
        await guest.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
        guest.leaves()
        guest.leaves()
    assert market.edge.connections == 0
    assert market.edge.registry.standing_on("anna") == []
    assert market.edge.hub.feeds[LOT].viewers == {}
    await rest(10.0)
    assert market.edge.registry._budgets == {}


@on_virtual_time
async def test_an_answer_for_somebody_who_is_gone_goes_nowhere() -> None:
    market = Market()
    market.publish(LOT, "anna")
    anna, _ = await market.watch("anna")
    market.engine.commit_s = 1.0
    await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
    await anna.say(t="status", id=uuid(1), lot=LOT)
    anna.leaves()
    heard = len(anna.wire.frames)
    await rest(2.0)
    assert len(anna.wire.frames) == heard
    assert market.state().bids == 1
    market.engine.commit_s = 0.0
    again, _ = await market.watch("anna")
    assert kinds(await again.say(t="bid", id=uuid(1), lot=LOT, amount="1000")) == ["accepted"]


@on_virtual_time
async def test_unanswered_bids_of_one_connection_are_bounded() -> None:
    market = Market(LiveSettings(waiting_max=3, bids=PLENTY, origins=frozenset({ORIGIN})))
    market.publish(LOT, "anna")
    anna, _ = await market.watch("anna")
    market.engine.commit_s = 5.0
    answers = [answer for n in range(4) for answer in await anna.say(t="bid", id=uuid(n), lot=LOT, amount="1000")]
    assert [(a["t"], a["code"], a["retry"], a["id"]) for a in answers] == [("rejected", "busy", "same_id", uuid(3))]
