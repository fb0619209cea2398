"""Rights of priority: in the room at equal price, after the bidding within a window, in writing; ranks, waiver, silence."""

from __future__ import annotations

import pytest

from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.commands import ReachDeadline
from engine.rules.auction.deciding import decide
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import Accepted
from engine.values import Amount, DurationUs, PartyId
from tests.engine.rules.formats.session import FormatSession
from tests.engine.rules.transcript import LOT, at

HOUR = DurationUs(3_600_000_000)
HOLDERS = (Holder(party="H", rank=1, ground="completer"), Holder(party="I", rank=2, ground="commissioner"))


def session(mode: PriorityMode, holders: tuple[Holder, ...] = HOLDERS, extension_s: int | None = None) -> FormatSession:
    window = DurationUs(0) if mode in (PriorityMode.IN_ROOM, PriorityMode.AS_BIDDER) else HOUR
    priority = ft.PriorityTerms(mode=mode, holders=holders, window_us=window, notified="2029-12-20 registered letter")
    closing = {} if extension_s is None else {"closing": {"extension_us": extension_s * 1_000_000}}
    return FormatSession(
        ft.Ascending(),
        "A",
        "B",
        *(one.party for one in holders),
        priority=priority,
        more={"start_price": Amount(100), **closing},
    )


def exercise(lot: FormatSession, clock: str, holder: str, price: int) -> str:
    return lot.said(lot.send(fc.ExercisePriority(bidder_id=PartyId(holder), price=Amount(price)), at(clock)))


def waive(lot: FormatSession, clock: str, holder: str) -> str:
    return lot.said(lot.send(fc.WaivePriority(bidder_id=PartyId(holder)), at(clock)))


def test_in_the_room_an_equal_bid_of_the_holder_wins_if_nobody_goes_higher() -> None:
    lot = session(PriorityMode.IN_ROOM)
    lot.bid("09:10", "A", 200)
    assert lot.bid("09:20", "H", 200) == "200 A", "the price stands, the right is on record"
    lot.reach(at("10:00"))
    assert lot.result() == "sold H 200"


def test_in_the_room_a_higher_bid_undoes_the_exercise_until_the_holder_says_it_again() -> None:
    for again, result in ((False, "sold B 210"), (True, "sold H 210")):
        lot = session(PriorityMode.IN_ROOM)
        lot.bid("09:10", "A", 200)
        lot.bid("09:20", "H", 200)
        lot.bid("09:30", "B", 210)
        if again:
            lot.bid("09:40", "H", 210)
        lot.reach(at("10:00"))
        assert lot.result() == result


def test_in_the_room_the_earlier_rank_wins_whoever_was_first() -> None:
    lot = session(PriorityMode.IN_ROOM)
    lot.bid("09:10", "A", 200)
    lot.bid("09:20", "I", 200)
    lot.bid("09:21", "H", 200)
    assert lot.bid("09:22", "H", 200) == "bid_below_minimum", "once at each price"
    lot.reach(at("10:00"))
    assert lot.result() == "sold H 200"


def test_in_the_room_an_exercise_in_the_closing_window_moves_the_end_like_a_bid() -> None:
    lot = session(PriorityMode.IN_ROOM, extension_s=300)
    lot.bid("09:10", "A", 200)
    lot.bid("09:58", "H", 200)
    assert lot.closes() == "10:03:00"


def test_somebody_without_a_right_does_not_bid_equal() -> None:
    lot = session(PriorityMode.IN_ROOM)
    lot.bid("09:10", "A", 200)
    assert lot.bid("09:20", "B", 200) == "bid_below_minimum"


@pytest.mark.parametrize("mode", [PriorityMode.ASKED_AT_TOP, PriorityMode.AFTERWARDS, PriorityMode.IN_WRITING])
def test_after_the_bidding_holders_have_a_window_at_the_price_that_was_made(mode: PriorityMode) -> None:
    lot = session(mode)
    lot.bid("09:10", "A", 200)
    lot.reach(at("10:00"))
    assert (lot.result(), lot.closes()) == ("priority", "11:00:00")
    assert exercise(lot, "10:10", "H", 190) == "price_changed", "never cheaper"
    assert exercise(lot, "10:10", "B", 200) == "no_priority"
    assert exercise(lot, "10:20", "I", 200) == ""
    assert exercise(lot, "10:30", "H", 200) == ""
    lot.reach(at("10:30"))
    assert lot.result() == "sold H 200", "both have answered: nobody is waited for"


def test_silence_is_no_exercise_and_a_waiver_ends_the_wait() -> None:
    silent, waived = session(PriorityMode.AFTERWARDS), session(PriorityMode.AFTERWARDS)
    for lot in (silent, waived):
        lot.bid("09:10", "A", 200)
    silent.reach(at("11:00"))
    assert (waive(waived, "10:01", "H"), waive(waived, "10:02", "I"), waive(waived, "10:03", "I")) == ("", "", "late")
    waived.reach(at("10:02"))
    assert (silent.result(), waived.result()) == ("sold A 200", "sold A 200")


def test_a_holder_who_won_the_bidding_is_not_asked_again() -> None:
    only = (Holder(party="H", rank=1, ground="completer"),)
    lot = session(PriorityMode.AFTERWARDS, only)
    lot.bid("09:10", "H", 200)
    lot.reach(at("10:00"))
    assert lot.result() == "sold H 200"


def test_without_a_sale_there_is_nothing_to_exercise() -> None:
    lot = session(PriorityMode.AFTERWARDS)
    lot.reach(at("10:00"))
    assert lot.result() == "passed no_bid"


def test_the_privilege_of_the_room_is_only_there_where_the_terms_give_it() -> None:
    lot = session(PriorityMode.AS_BIDDER)
    lot.bid("09:10", "A", 200)
    assert lot.bid("09:20", "H", 200) == "bid_below_minimum"


def test_holders_must_have_been_notified_before_the_session() -> None:
    lot = session(PriorityMode.AFTERWARDS)
    priority = ft.PriorityTerms(mode=PriorityMode.AFTERWARDS, holders=HOLDERS, window_us=HOUR)
    assert "priority: notification_needed" in ft.session_problems(
        lot.lot.terms, ft.SessionTerms(format=ft.Ascending(), priority=priority)
    )


def test_an_excluded_leader_must_still_be_outbid_and_cannot_win() -> None:
    lot = session(PriorityMode.AS_BIDDER)
    lot.bid("09:10", "A", 200)
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("09:20"))
    assert lot.bid("09:30", "A", 300) == "excluded"
    assert lot.bid("09:30", "B", 205) == "bid_below_minimum"
    lot.reach(at("10:00"))
    assert lot.result() == "passed excluded"


def test_more_time_for_all_with_a_reason() -> None:
    lot = session(PriorityMode.AS_BIDDER)
    lot.reach(at("09:00"))
    assert lot.said(lot.send(fc.ExtendLot(by_us=DurationUs(600_000_000), reason=" "), at("09:50"))) == "reason_required"
    assert lot.said(lot.send(fc.ExtendLot(by_us=DurationUs(600_000_000), reason="故障"), at("09:50"))) == ""
    assert lot.closes() == "10:10:00"


def test_holders_are_asked_again_when_the_one_who_would_have_bought_is_excluded() -> None:
    asked = ft.PriorityTerms(mode=PriorityMode.AFTERWARDS, holders=HOLDERS[:1], window_us=HOUR, notified="by letter")
    lot = FormatSession(ft.Sealed(pricing=ft.SealedPricing.FIRST), "A", "B", "H", priority=asked)
    lot.seal("09:10", "A", 900)
    lot.seal("09:11", "B", 700)
    assert lot.opened() == "priority"
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("10:30"))
    lot.reach(at("10:30"))
    assert (lot.result(), lot.lot.price, lot.closes()) == ("priority", 700, "11:30:00"), "at what the others make now"
    assert exercise(lot, "10:40", "H", 900) == "price_changed"
    assert exercise(lot, "10:41", "H", 700) == ""
    lot.reach(at("10:41"))
    assert lot.result() == "sold H 700"


def test_a_yes_at_one_price_is_no_answer_to_another() -> None:
    asked = ft.PriorityTerms(mode=PriorityMode.AFTERWARDS, holders=HOLDERS, window_us=HOUR, notified="by letter")
    lot = FormatSession(ft.Sealed(pricing=ft.SealedPricing.FIRST), "A", "B", "H", "I", priority=asked)
    lot.seal("09:10", "A", 900)
    lot.seal("09:11", "B", 700)
    assert lot.opened() == "priority"
    assert exercise(lot, "10:10", "H", 900) == ""
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("10:20"))
    lot.reach(at("10:20"))
    assert (lot.result(), lot.lot.price) == ("priority", 700), "H is asked again, at the lower price"
    assert (exercise(lot, "10:30", "H", 700), waive(lot, "10:31", "I")) == ("", "")
    lot.reach(at("10:31"))
    assert lot.result() == "sold H 700"


def test_a_waiver_at_one_price_is_no_answer_to_another() -> None:
    asked = ft.PriorityTerms(mode=PriorityMode.AFTERWARDS, holders=HOLDERS, window_us=HOUR, notified="by letter")
    lot = FormatSession(ft.Sealed(pricing=ft.SealedPricing.FIRST), "A", "B", "H", "I", priority=asked)
    lot.seal("09:10", "A", 900)
    lot.seal("09:11", "B", 700)
    assert lot.opened() == "priority"
    assert waive(lot, "10:10", "H") == ""
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("10:30"))
    assert (exercise(lot, "10:41", "H", 700), waive(lot, "10:42", "I")) == ("", "")
    lot.reach(at("10:42"))
    assert lot.result() == "sold H 700"


def test_the_window_of_the_holders_counts_from_when_it_could_be_used() -> None:
    lot = session(PriorityMode.AFTERWARDS)
    lot.bid("09:10", "A", 200)
    late = decide(lot.lot, LOT, ReachDeadline(due_us=at("10:00")), at("10:20"))  # nobody served in between
    assert isinstance(late, Accepted) and isinstance(late.event, fe.PriorityOpened)
    assert late.event.closes_at_us == at("11:20")
