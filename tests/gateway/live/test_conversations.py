"""The room protocol as conversations: what is said, what is answered, in which order."""

from __future__ import annotations

from engine.rules.auction.commands import AdmitBidder, PauseLot, VoidLot
from engine.values import LotId, PartyId
from tests.gateway.live.market import LOT, Market, kinds, on_virtual_time, rest, uuid


@on_virtual_time
async def test_a_visitor_is_welcomed_and_told_whether_he_is_known() -> None:
    market = Market()
    anonymous = await market.visit(welcome=False)
    bidder = await market.visit("anna", welcome=False)
    (hello,) = anonymous.hears()
    assert hello == {"t": "welcome", "v": 1, "server_us": market.clock.now_us(), "user": False, "retry_ms": 1_000}
    assert bidder.hears()[0]["user"] is True


@on_virtual_time
async def test_two_bidders_and_a_watcher() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    anna, a_sees = await market.watch("anna")
    bert, b_sees = await market.watch("bert")
    watcher, w_sees = await market.watch()
    assert a_sees["you"] == {"code": a_sees["you"]["code"], "leading": False, "maximum": None}
    assert w_sees["you"] is None
    assert a_sees["you"]["code"] != b_sees["you"]["code"]
    assert w_sees["live"]["minimum"] == "1000"

    heard = await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
    assert kinds(heard) == ["accepted", "change"], "the receipt comes before the price"
    receipt, change = heard
    assert receipt["seq"] == change["seq"] == w_sees["seq"] + 1
    assert receipt["leading"] is True and receipt["price"] == "1000"
    assert len(receipt["digest"]) == 64
    assert change["prev"] == w_sees["seq"]
    assert change["rows"][0]["leader_code"] == a_sees["you"]["code"]

    (seen,) = watcher.hears()
    assert seen == change
    assert watcher.wire.payloads[-1] is anna.wire.payloads[-1], "the same bytes for every viewer"
    assert bert.hears() == [change]

    await rest(0.05)
    (refusal,) = await bert.say(t="bid", id=uuid(2), lot=LOT, amount="1050")
    assert refusal["t"] == "rejected" and refusal["code"] == "bid_below_minimum" and refusal["retry"] == "refresh"
    assert refusal["data"] == {"minimum": "1100", "step": "100"}
    assert refusal["seq"] is not None, "refusals of admitted bidders are on record"
    await rest(0.2)
    assert watcher.hears() == [], "nobody else hears of a refused bid"

    heard = await bert.say(t="bid", id=uuid(3), lot=LOT, amount="1100")
    assert kinds(heard) == ["accepted", "change"]
    (outbid,) = anna.hears()
    assert outbid["live"]["leader_code"] == b_sees["you"]["code"]
    assert outbid["prev"] == change["seq"], "the chain passes over what nobody may see"


@on_virtual_time
async def test_a_maximum_stays_between_the_bidder_and_the_house() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert", proxy=True)
    anna, _ = await market.watch("anna")
    bert, _ = await market.watch("bert")
    watcher, _ = await market.watch()
    receipt = (await anna.say(t="bid", id=uuid(1), lot=LOT, maximum="777700"))[0]
    assert receipt["maximum"] == "777700" and receipt["price"] == "1000"
    raised = (await anna.say(t="bid", id=uuid(2), lot=LOT, maximum="888800"))[0]
    assert raised["t"] == "accepted" and raised["maximum"] == "888800"
    await rest(0.1)
    await bert.say(t="bid", id=uuid(3), lot=LOT, amount="5000")
    await rest(0.1)
    for listener in (bert, watcher):
        overheard = b"".join(listener.wire.payloads)
        assert b"777700" not in overheard and b"888800" not in overheard
        assert b"anna" not in overheard and b"bert" not in overheard
    _, snapshot = await market.watch("anna")
    assert snapshot["you"]["maximum"] == "888800"
    _, others = await market.watch("bert")
    assert others["you"]["maximum"] is None


@on_virtual_time
async def test_a_silent_raise_is_in_the_next_snapshot_of_its_bidder() -> None:
    market = Market()
    market.publish(LOT, "anna", proxy=True)
    anna, _ = await market.watch("anna")
    await anna.say(t="bid", id=uuid(1), lot=LOT, maximum="5000")
    await anna.say(t="bid", id=uuid(2), lot=LOT, maximum="6000")
    (snapshot,) = await anna.say(t="join", lot=LOT)
    assert snapshot["you"]["maximum"] == "6000"


@on_virtual_time
async def test_the_same_wish_twice_is_answered_twice_and_recorded_once() -> None:
    market = Market()
    market.publish(LOT, "anna")
    anna, before = await market.watch("anna")
    wish = {"t": "bid", "id": uuid(1), "lot": LOT, "amount": "1000"}
    first = (await anna.say(wish))[0]
    (second,) = await anna.say(wish)
    assert first == second
    assert market.state().seq == before["seq"] + 1
    (other,) = await anna.say({**wish, "amount": "2000"})
    assert (other["t"], other["code"], other["retry"]) == ("rejected", "command_id_reused", "never")


@on_virtual_time
async def test_a_retry_after_the_end_is_still_accepted() -> None:
    market = Market()
    market.publish(LOT, "anna", closes_in_us=10_000_000)
    anna, _ = await market.watch("anna")
    wish = {"t": "bid", "id": uuid(1), "lot": LOT, "amount": "1000"}
    first = (await anna.say(wish))[0]
    await rest(400)
    assert market.state().phase == "sold"
    assert kinds(anna.hears())[-1] == "change"
    assert await anna.say(wish) == [first]
    (late,) = await anna.say({**wish, "id": uuid(2), "amount": "9000"})
    assert late["code"] == "late" and late["data"]["late_by_us"] > 0


@on_virtual_time
async def test_status_says_what_became_of_a_command_to_the_one_who_sent_it() -> None:
    market = Market()
    market.publish(LOT, "anna", "bert")
    anna, _ = await market.watch("anna")
    bert, _ = await market.watch("bert")
    receipt = (await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000"))[0]
    refusal = (await anna.say(t="bid", id=uuid(2), lot=LOT, amount="1000"))[0]
    assert await anna.say(t="status", id=uuid(1), lot=LOT) == [receipt]
    assert await anna.say(t="status", id=uuid(2), lot=LOT) == [refusal]
    unknown = {"t": "outcome", "id": uuid(3), "found": False, "lot": LOT}
    assert await anna.say(t="status", id=uuid(3), lot=LOT) == [unknown]
    bert.hears()
    assert await bert.say(t="status", id=uuid(1), lot=LOT) == [{**unknown, "id": uuid(1)}], (
        "somebody else's is nobody's"
    )
    market.engine.unreadable = True
    (away,) = await anna.say(t="status", id=uuid(1), lot=LOT)
    assert (away["t"], away["code"], away["retry"], away["data"]["id"]) == ("error", "unavailable", "same_id", uuid(1))
    assert anna.session.waiting == 0


@on_virtual_time
async def test_who_may_not_bid_is_told_so_and_the_room_goes_on() -> None:
    market = Market()
    market.publish(LOT, "anna")
    for who in (None, "operator:olga", "reader:rosa"):
        guest, _ = await market.watch(who)
        (error,) = await guest.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
        assert (error["t"], error["code"], error["retry"]) == ("error", "forbidden", "never")
        assert error["data"] == {"id": uuid(1), "lot": LOT}
        assert kinds(await guest.say(t="ping", n=1)) == ["pong"]
    stranger, _ = await market.watch("stranger")
    (refusal,) = await stranger.say(t="bid", id=uuid(2), lot=LOT, amount="1000")
    assert (refusal["t"], refusal["code"], refusal["seq"]) == ("rejected", "not_admitted", None)
    assert market.state().bids == 0


@on_virtual_time
async def test_a_bidder_who_is_admitted_while_watching_learns_his_code() -> None:
    market = Market()
    market.publish(LOT, "anna")
    bert, snapshot = await market.watch("bert")
    watcher, _ = await market.watch()
    assert snapshot["you"] is None
    market.engine.decide(LOT, AdmitBidder(bidder_id=PartyId("bert")))
    await rest(0.1)
    told = bert.hears()
    assert "snapshot" in kinds(told)
    mine = next(frame for frame in told if frame["t"] == "snapshot")["you"]
    assert mine is not None
    (change,) = watcher.hears()
    assert change["rows"][0]["code"] == mine["code"]


@on_virtual_time
async def test_a_lot_that_is_not_there() -> None:
    market = Market()
    guest = await market.visit()
    (error,) = await guest.say(t="join", lot="no-such-lot")
    assert (error["code"], error["retry"], error["data"]) == ("no_such_lot", "never", {"lot": "no-such-lot"})
    assert market.edge.hub.feeds == {} and guest.session.feeds == ()


@on_virtual_time
async def test_a_lot_that_cannot_be_read_now() -> None:
    market = Market()
    market.publish(LOT)
    market.engine.unreadable = True
    guest = await market.visit()
    (error,) = await guest.say(t="join", lot=LOT)
    assert (error["code"], error["retry"]) == ("unavailable", "same_id")
    market.engine.unreadable = False
    assert kinds(await guest.say(t="join", lot=LOT)) == ["snapshot"]


@on_virtual_time
async def test_pause_reason_and_void_reach_the_room() -> None:
    market = Market()
    market.publish(LOT, "anna")
    guest, _ = await market.watch()
    market.engine.decide(LOT, PauseLot(reason="核对材料"))
    await rest()
    (paused,) = guest.hears()
    assert paused["live"]["phase"] == "paused" and paused["rows"][-1]["text"] == "核对材料"
    market.engine.decide(LOT, VoidLot(reason="撤销"))
    await rest(0.06)
    assert guest.hears()[0]["live"]["phase"] == "voided"


@on_virtual_time
async def test_leave_and_return() -> None:
    market = Market()
    market.publish(LOT, "anna")
    guest, snapshot = await market.watch()
    assert await guest.say(t="leave", lot=LOT) == []
    market.bid("anna", 1_000)
    await rest(0.1)
    assert guest.hears() == []
    (resumed,) = await guest.say(t="join", lot=LOT, after=snapshot["seq"], epoch=snapshot["epoch"])
    assert resumed["t"] == "resumed" and resumed["prev"] == snapshot["seq"]
    assert [row["kind"] for row in resumed["rows"]] == ["bid"]
    assert await guest.say(t="leave", lot="never-joined") == []


@on_virtual_time
async def test_more_lots_than_one_may_watch() -> None:
    market = Market()
    guest = await market.visit()
    for number in range(65):
        lot_id = LotId(f"lot-{number}")
        market.publish(lot_id)
        (answer,) = await guest.say(t="join", lot=lot_id)
        await rest(0.1)
        assert answer["t"] == ("snapshot" if number < 64 else "error")
    assert answer["code"] == "too_many_lots" and answer["data"]["limit"] == 64
    assert kinds(await guest.say(t="join", lot="lot-3")) == ["snapshot"], "a lot that is watched may be joined again"


@on_virtual_time
async def test_the_hall_shows_all_lots_and_then_what_changes() -> None:
    market = Market()
    market.publish(LotId("lot-a"), "anna")
    market.publish(LotId("lot-b"), "anna")
    guest = await market.visit()
    (hall,) = await guest.say(t="hall")
    assert {row["lot"] for row in hall["lots"]} == {"lot-a", "lot-b"}
    for step in range(10):
        market.bid("anna" if step % 2 else "bert", 1_000 + 100 * step, LotId("lot-a"))
        market.bid("anna", 1_000, LotId("lot-a"))
        await rest(0.01)
    await rest(0.3)
    frames = guest.hears()
    assert len(frames) <= 2, "at most five a second"
    assert {row["lot"] for frame in frames for row in frame["lots"]} == {"lot-a"}
    assert frames[-1]["lots"][0]["price"] == str(market.state(LotId("lot-a")).price)


@on_virtual_time
async def test_the_hall_of_an_empty_market() -> None:
    market = Market()
    guest = await market.visit()
    assert await guest.say(t="hall") == [{"t": "hall", "lots": []}]


@on_virtual_time
async def test_when_the_engine_takes_nothing_the_bid_may_be_sent_again() -> None:
    market = Market()
    market.publish(LOT, "anna")
    anna, _ = await market.watch("anna")
    market.engine.busy = True
    (busy,) = await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000")
    assert (busy["t"], busy["code"], busy["retry"], busy["seq"]) == ("rejected", "busy", "same_id", None)
    market.engine.busy = False
    assert (await anna.say(t="bid", id=uuid(1), lot=LOT, amount="1000"))[0]["t"] == "accepted"


@on_virtual_time
async def test_all_answers_of_a_commit_go_out_in_one_write() -> None:
    market = Market()
    market.publish(LOT, "anna")
    anna, _ = await market.watch("anna")
    market.engine.commit_s = 0.02
    for number in range(5):
        await anna.say(t="bid", id=uuid(number), lot=LOT, amount="1000")
    writes = len(anna.wire.writes)
    await rest(0.03)
    assert kinds(anna.hears()) == ["accepted", *["rejected"] * 4, "change"]
    assert anna.wire.writes[writes:] == [5, 1]
