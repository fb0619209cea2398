"""What users of other live systems report as broken (docs/PROTOCOL.md, "Known defects elsewhere"), tried here on virtual time."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import msgspec

from engine.bus.local import Change
from engine.journal.codec import decode_event
from gateway.live.settings import LiveSettings
from tests.gateway.live.market import LOT, PLENTY, Market, kinds, on_virtual_time, rest, uuid
from tests.gateway.live.room_client import empty_room, reduce

PATIENT = LiveSettings(frames=PLENTY, refusals=PLENTY, bids=PLENTY)


@on_virtual_time
async def test_an_idle_watcher_is_kept_for_hours() -> None:
    """OpenContracts#1887, fishauctions#919: idle sockets die every five seconds."""
    market = Market()
    market.publish(LOT, closes_in_us=86_400_000_000)
    guest, _ = await market.watch()
    pings = 0
    for _ in range(1_440):
        await rest(5.0)
        if guest.wire.pings > pings:
            pings = guest.wire.pings
            market.edge.take_control(guest.session)
    assert not guest.wire.aborted and guest.wire.close_code is None
    beats = [frame for frame in guest.wire.frames if frame["t"] == "heartbeat"]
    assert len(beats) >= 1_430
    assert pings > 200


@on_virtual_time
async def test_a_steady_watcher_misses_nothing_while_others_come_and_go() -> None:
    """django/channels#1683."""
    market = Market()
    market.publish(LOT, "anna", "bert")
    steady, snapshot = await market.watch()
    others = []
    for step in range(150):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
        others.append((await market.watch())[0])
        if len(others) > 3:
            others.pop(0).leaves()
        await rest(0.02)
    await rest(0.1)
    seqs = [row["seq"] for frame in steady.hears() for row in frame["rows"]]
    assert seqs == list(range(snapshot["seq"] + 1, market.state().seq + 1))


@on_virtual_time
async def test_order_is_the_same_for_everybody() -> None:
    """channels_redis#89, #151."""
    market = Market()
    market.publish(LOT, "anna", "bert")
    guests = [(await market.watch())[0] for _ in range(120)]
    chance = random.Random(1)
    for step in range(60):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
        await rest(chance.random() / 20)
    await rest(0.1)
    heard = [[payload for payload in guest.wire.payloads if payload.startswith(b'{"t":"change"')] for guest in guests]
    assert all(frames == heard[0] for frames in heard)
    frames = [msgspec.json.decode(payload) for payload in heard[0]]
    assert all(before["seq"] == after["prev"] for before, after in pairwise(frames))


@on_virtual_time
async def test_a_burst_is_counted_to_the_last() -> None:
    """channels_redis#131, #109: more than a hundred at once were eaten."""
    market = Market(PATIENT)
    market.publish(LOT, "anna", "bert")
    guest, snapshot = await market.watch()
    for step in range(700):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
    await rest(0.1)
    frames = guest.hears()
    assert sum(len(frame["rows"]) + frame["skipped"] for frame in frames) == 700
    assert frames[-1]["seq"] == snapshot["seq"] + 700
    assert frames[-1]["rows"][-1]["seq"] == frames[-1]["seq"]


@on_virtual_time
async def test_recovered_events_are_not_delivered_again() -> None:
    """socket.io#5419; and no event comes before the answer on resume, as with redis-streams."""
    market = Market()
    market.publish(LOT, "anna", "bert")
    guest, _ = await market.watch()
    room = empty_room(LOT)
    for frame in guest.wire.frames:
        room = reduce(room, frame)
    guest.leaves()
    for step in range(5):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
    guest = await market.visit()
    market.bid("anna", 9_000)
    heard = await guest.say(t="join", lot=LOT, after=room["seq"], epoch=room["epoch"])
    await rest(0.2)
    heard += guest.hears()
    assert heard[0]["t"] == "resumed"
    rows = [row["seq"] for frame in heard for row in frame["rows"]]
    assert rows == list(range(room["seq"] + 1, market.state().seq + 1))


@on_virtual_time
async def test_a_place_counts_only_when_it_was_reached() -> None:
    """centrifuge-go#160: the position was stored before the event was applied."""
    market = Market()
    market.publish(LOT, "anna")
    guest, _ = await market.watch()
    room = empty_room(LOT)
    for frame in guest.wire.frames:
        room = reduce(room, frame)
    market.bid("anna", 1_000)
    await rest(0.1)
    (change,) = guest.hears()
    broken = reduce(room, {**change, "prev": change["prev"] + 1})
    assert (broken["seq"], broken["wants"]) == (room["seq"], "resume")


@on_virtual_time
async def test_a_gap_of_more_than_five_hundred_rows_gets_a_snapshot() -> None:
    market = Market(PATIENT)
    market.publish(LOT, "anna", "bert")
    _, snapshot = await market.watch()
    for step in range(501):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
        if step == 499:
            await rest(0.1)
            guest = await market.visit()
            join = {"t": "join", "lot": LOT, "after": snapshot["seq"], "epoch": snapshot["epoch"]}
            (whole,) = await guest.say(join)
            assert whole["t"] == "resumed" and len(whole["rows"]) == 500
    await rest(0.1)
    guest.hears()
    (late,) = await guest.say(join)
    assert late["t"] == "snapshot" and len(late["rows"]) == 100


@on_virtual_time
async def test_another_epoch_gets_a_snapshot_and_heartbeats_tell_of_it() -> None:
    market = Market()
    market.publish(LOT, "anna")
    guest, snapshot = await market.watch()
    market.engine.take_over()
    await rest(6.0)
    heads = [frame["heads"][LOT] for frame in guest.wire.frames if frame["t"] == "heartbeat"]
    assert heads[-1] == [snapshot["epoch"] + 1, snapshot["seq"]]
    (again,) = await guest.say(t="join", lot=LOT, after=snapshot["seq"], epoch=snapshot["epoch"])
    assert again["t"] == "snapshot" and again["epoch"] == snapshot["epoch"] + 1


@on_virtual_time
async def test_what_was_committed_in_doubt_reaches_the_room_without_being_told() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    guest, snapshot = await market.watch()
    market.engine.untold = 1
    market.bid("anna", 1_000)
    market.engine.take_over()
    await rest(1.2)
    (change,) = guest.hears()
    assert change["seq"] == snapshot["seq"] + 1 and change["rows"][0]["price"] == "1000"
    market.engine.untold = 1
    market.bid("bert", 1_100)
    market.bid("anna", 1_200)
    await rest(0.2)
    (change,) = guest.hears()
    assert [row["price"] for row in change["rows"]] == ["1100", "1200"], "the next change told finds the gap at once"


@on_virtual_time
async def test_a_crowd_that_returns_stands_with_the_others() -> None:
    """A thousand returns between two frames must not cost a thousand encodings."""
    market = Market(PATIENT)
    market.publish(LOT, "anna", "bert")
    steady, snapshot = await market.watch()
    market.bid("anna", 1_000)
    await rest()
    market.bid("bert", 1_100)
    join = {"t": "join", "lot": LOT, "after": snapshot["seq"], "epoch": 1}
    crowd = [await market.visit() for _ in range(20)]
    for guest in crowd:
        assert kinds(await guest.say(join)) == ["resumed"]
    await rest(0.1)
    assert market.edge.hub.counts.led == 0
    last = {
        [payload for payload in guest.wire.payloads if b"heartbeat" not in payload][-1] for guest in (steady, *crowd)
    }
    assert len(last) == 1


@on_virtual_time
async def test_what_waits_for_a_socket_goes_out_before_the_price() -> None:
    market = Market()
    market.publish(LOT, "anna")
    guest, _ = await market.watch()
    guest.session.outbox.append(b'{"t":"accepted"}')
    market.bid("anna", 1_000)
    await rest()
    assert kinds(guest.hears()) == ["accepted", "change"]


@on_virtual_time
async def test_one_broken_socket_does_not_keep_anything_from_the_others() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    guests = [(await market.watch("anna"))[0] for _ in range(3)]
    for guest in guests:
        await guest.say(t="hall")

    def broken(payload: bytes) -> None:
        raise RuntimeError("a bug in a shell")

    guests[0].wire.send = guests[0].wire.send_many = broken  # type: ignore[method-assign,assignment]
    market.bid("anna", 1_000)
    await rest(0.3)
    market.bid("bert", 1_100)
    for guest in guests:
        payload = {"t": "bid", "id": uuid(guest.session.number), "lot": LOT, "amount": "1200"}
        bid = guest.session.receive(msgspec.json.encode(payload), market.clock.now_us(), lambda visitor: True)
        market.edge._engine.submit_all([bid])  # type: ignore[list-item]
    await rest(6.0)
    assert guests[0].wire.aborted
    for guest in guests[1:]:
        assert not guest.wire.aborted
        heard = guest.wire.frames
        assert [frame["live"]["price"] for frame in heard if frame["t"] == "change"] == ["1000", "1100", "1200"]
        assert {"heartbeat", "hall"} <= set(kinds(heard)) and {"accepted", "rejected"} & set(kinds(heard))


@on_virtual_time
async def test_a_history_that_cannot_be_read_is_read_later() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    guest, snapshot = await market.watch()
    market.engine.unreadable = True
    market.engine.untold = 1
    market.bid("anna", 1_000)
    market.bid("bert", 1_100)
    await rest(3.0)
    assert guest.hears() == []
    market.engine.unreadable = False
    await rest(2.0)
    assert guest.hears()[0]["prev"] == snapshot["seq"]


@on_virtual_time
async def test_what_is_committed_while_the_history_is_read_is_shown_once() -> None:
    """The log may be ahead of what the engine has told: such a row comes when it is told, not twice."""
    market = Market()
    market.publish(LOT, "anna", "bert")
    told = market.state()
    market.bid("anna", 1_000)
    ahead = market.state()
    market.engine.committed[LOT] = told
    guest, snapshot = await market.watch()
    assert snapshot["seq"] == told.seq
    event = decode_event(*(lambda r: (r.type, r.version, r.body))(market.engine.records[LOT][-1]))
    market.edge.hub.on_changes([Change(LOT, 1, ahead.seq, ahead.last_at_us, event, ahead)])
    market.engine.committed[LOT] = ahead
    await rest(0.1)
    (change,) = guest.hears()
    assert [row["seq"] for row in change["rows"]] == [ahead.seq]
    _, later = await market.watch()
    seqs = [row["seq"] for row in later["rows"]]
    assert len(seqs) == len(set(seqs))


@on_virtual_time
async def test_a_busy_lot_is_shown_at_once_and_then_twenty_times_a_second() -> None:
    market = Market(PATIENT)
    market.publish(LOT, "anna", "bert")
    guest, _ = await market.watch()
    started = market.clock.now_us()
    for step in range(1_000):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step)
        await rest(0.001)
        if step == 0:
            (first,) = guest.hears()
            assert first["server_us"] - started <= 1_000
    await rest(0.1)
    frames = guest.hears()
    assert 19 <= len(frames) <= 22
    assert all(b["server_us"] - a["server_us"] >= 49_000 for a, b in pairwise(frames))


@on_virtual_time
async def test_a_crowd_is_served_in_chunks_and_acknowledgements_pass_by() -> None:
    market = Market(PATIENT)
    market.publish(LOT, "anna", "bert")
    crowd = [(await market.watch())[0] for _ in range(500)]
    anna, _ = await market.watch("anna")
    served: list[int] = []
    market.bid("bert", 1_000)
    market.edge.take(anna.session, msgspec.json.encode({"t": "bid", "id": uuid(1), "lot": LOT, "amount": "1100"}))
    for _ in range(30):
        served.append(sum(len(guest.wire.payloads) > 2 for guest in crowd))
        if "accepted" in kinds(anna.wire.frames):
            break
        await asyncio.sleep(0)
    assert served[-1] < 200, "the receipt did not wait for the crowd"
    steps = [after - before for before, after in pairwise(served)]
    assert max(steps, default=0) <= 50
    await rest(0.2)
    assert all(guest.hears()[-1]["seq"] == market.state().seq for guest in crowd)


@on_virtual_time
async def test_who_joins_ahead_of_the_room_is_not_set_back() -> None:
    """A page rendered from the newest state joins with a seq that the room has not been shown yet."""
    market = Market()
    market.publish(LOT, "anna", "bert")
    steady, _ = await market.watch()
    market.bid("anna", 1_000)
    await rest()
    market.bid("bert", 1_100)
    seq = market.state().seq
    guest = await market.visit()
    (resumed,) = await guest.say(t="join", lot=LOT, after=seq, epoch=1)
    assert (resumed["t"], resumed["prev"], resumed["seq"], resumed["rows"]) == ("resumed", seq, seq, [])
    assert resumed["live"]["price"] == "1100"
    await rest(0.1)
    assert guest.hears() == [], "nothing new for him in the frame that brings the others there"
    assert steady.hears()[-1]["seq"] == seq
    market.bid("anna", 1_200)
    await rest(0.1)
    assert guest.hears() == steady.hears()
