"""The careful client: resumes, asks again with the same id, and sees breaks of the protocol."""

from __future__ import annotations

from typing import Any

from loadtests.client.seat import Seat


def frame(kind: str, seq: int, rows: list[int], **more: Any) -> dict[str, Any]:
    """A frame with rows of these sequence numbers."""
    live = {"phase": "open", "minimum": "200", "leader_code": "17"}
    shown = [{"seq": number, "price": str(number)} for number in rows]
    return {"t": kind, "lot": "a", "epoch": 1, "seq": seq, "live": live, "rows": shown, "you": None, **more}


def seated() -> Seat:
    """A seat that has its snapshot at 10."""
    seat = Seat("a")
    assert seat.enter() == [{"t": "join", "lot": "a", "after": None, "epoch": None}]
    assert seat.frame(frame("snapshot", 10, [8, 10])) == []
    return seat


def test_it_follows_changes_that_fit() -> None:
    seat = seated()
    assert seat.frame(frame("change", 12, [11, 12], prev=10)) == []
    assert (seat.first_seq, seat.seq, sorted(seat.rows), seat.minimum) == (10, 12, [8, 10, 11, 12], 200)


def test_a_gap_or_a_new_epoch_makes_it_join_again_from_where_it_was() -> None:
    for odd in (frame("change", 14, [14], prev=13), frame("change", 12, [12], prev=10, epoch=2)):
        seat = seated()
        assert seat.frame(odd) == [{"t": "join", "lot": "a", "after": 10, "epoch": 1}]
        assert seat.frame(frame("change", 15, [15], prev=14)) == []
        assert seat.seq == 10
        seat.frame(frame("resumed", 15, [11, 12, 14, 15]))
        assert (seat.seq, seat.resumes, seat.excused) == (15, 1, set())


def test_left_out_rows_are_excused_only_where_the_frame_says_so() -> None:
    seat = seated()
    seat.frame(frame("change", 40, [39, 40], prev=10, skipped=28))
    assert seat.excused == set(range(11, 39))
    seat.frame(frame("snapshot", 60, [55, 60]))
    assert set(range(41, 55)) <= seat.excused
    assert not {39, 40, 55} & seat.excused


def test_open_bids_are_sent_again_with_the_same_id_until_they_are_answered() -> None:
    seat = seated()
    bid = seat.bid(300)
    assert seat.enter() == [{"t": "join", "lot": "a", "after": 10, "epoch": 1}, bid]
    busy = {"t": "rejected", "id": bid["id"], "lot": "a", "code": "busy", "retry": "same_id", "seq": None}
    assert seat.frame(busy) == []
    assert (seat.again(), seat.again()) == ([bid], [])
    accepted = {
        "t": "accepted",
        "id": bid["id"],
        "lot": "a",
        "seq": 11,
        "at_us": 1,
        "digest": "d",
        "price": "300",
    }
    assert seat.frame({**accepted, "leading": True}) == []
    assert (seat.open_bids, [told.seq for told in seat.told], seat.leading) == ({}, [11], True)
    assert seat.last_answered == bid
    seat.frame({**accepted, "leading": False})
    assert ([told.seq for told in seat.told], seat.leading) == ([11, 11], True)


def test_it_knows_whether_it_leads() -> None:
    seat = seated()
    for code, leads in (("17", True), ("18", False)):
        seat.frame(frame("snapshot", 11, [], you={"code": code, "leading": leads, "maximum": None}))
        assert seat.leading is leads


def test_going_back_and_changing_history_are_problems() -> None:
    seat = seated()
    seat.frame(frame("snapshot", 9, []))
    assert "after having seen 10" in seat.problems[0]
    seat = seated()
    other = frame("resumed", 12, [12])
    other["rows"].append({"seq": 10, "price": "999"})
    seat.frame(other)
    assert "row 10 was shown in two ways" in seat.problems[0]
