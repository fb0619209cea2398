"""Who sees what of other formats, and when: nothing of a sealed round before its close, no secret floor, no holder's name."""

from __future__ import annotations

import msgspec

from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.commands import PauseLot, ResumeLot
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.events import PriceTaken
from engine.rules.auction.formats.showing import public_rules
from engine.rules.visibility import history_row, public_lot, you
from engine.values import Amount, DurationUs, InstantUs, PartyId
from tests.engine.rules.formats.session import CLOCK, FormatSession
from tests.engine.rules.transcript import at

SEALED = ft.Sealed(pricing=ft.SealedPricing.FIRST)


def everything_public(lot: FormatSession) -> str:
    rows = [history_row(seq, InstantUs(0), event, lot.play.terms) for seq, event in enumerate(lot.events, start=1)]
    return msgspec.json.encode([public_lot(lot.lot), public_rules(lot.play.terms), rows]).decode()


def test_before_the_close_nobody_learns_who_left_an_envelope_or_how_many() -> None:
    none, two = FormatSession(SEALED, "A", "B"), FormatSession(SEALED, "A", "B")
    two.seal("09:30", "A", 777_777)
    two.seal("09:31", "B", 888_888)
    none.reach(at("09:31"))
    without_seq = [msgspec.structs.replace(public_lot(lot.lot), seq=0) for lot in (none, two)]
    assert without_seq[0] == without_seq[1]
    assert "777777" not in everything_public(two)
    own = you(two.lot, PartyId("A"))
    assert (
        own is not None and own.play is not None and own.play.envelope_digest == two.play.envelopes[PartyId("A")].digest
    )


def test_the_opening_is_seen_step_by_step() -> None:
    lot = FormatSession(SEALED, "A", "B")
    lot.seal("09:30", "A", 777_777)
    lot.reach(at("10:00"))
    shown = public_lot(lot.lot).play
    assert shown is not None and shown.opening is not None
    assert (shown.opening.codes, shown.opening.shares, shown.bids) == ((lot.code("A"),), (), ())
    lot.open("10:01", 0)
    assert "777777" not in everything_public(lot), "one officer's share shows nothing"
    lot.open("10:02", 1)
    shown = public_lot(lot.lot).play
    assert shown is not None and [(bid.code, bid.amount) for bid in shown.bids] == [(lot.code("A"), "777777")]


def test_a_secret_floor_is_not_told_by_the_end_of_the_clock() -> None:
    open_floor, secret = (FormatSession(ft.Falling(clock=CLOCK, secret_floor=hidden), "A") for hidden in (False, True))
    for lot in (open_floor, secret):
        lot.reach(at("09:01"))
    shown, hidden = public_lot(open_floor.lot), public_lot(secret.lot)
    assert shown.play is not None and shown.play.clock is not None and shown.play.clock.floor == "500"
    assert hidden.play is not None and hidden.play.clock is not None and hidden.play.clock.floor is None
    assert shown.closes_at_us is not None and hidden.closes_at_us is None
    assert '"500"' not in everything_public(secret)


def test_neither_the_record_nor_a_pause_nor_a_sale_tells_when_a_secret_clock_ends() -> None:
    clock_of_three = ft.Falling(clock=CLOCK, units=3, secret_floor=True)
    lot = FormatSession(clock_of_three, "A", "B")
    ends = str(at("09:06"))
    for step in (
        lambda: lot.reach(at("09:01")),
        lambda: lot.send(PauseLot(reason="a question"), at("09:01:30")),
        lambda: lot.send(ResumeLot(reason="answered"), at("09:01:30")),
        lambda: lot.take("09:02", "A", 1_000),
        lambda: lot.take("09:03", "B", 1_000, quantity=2),
        lambda: lot.reach(at("09:03")),
    ):
        step()
        assert ends not in everything_public(lot)
        assert public_lot(lot.lot).remaining_us is None
    assert lot.result().startswith("allocated")
    assert all(ends not in str(event) for event in lot.events if isinstance(event, PriceTaken)), "nor his own receipt"


def test_holders_of_rights_have_no_name_in_public() -> None:
    holders = (Holder(party="Professor Bayar", rank=1, ground="completer"),)
    asked = ft.PriorityTerms(mode=PriorityMode.AFTERWARDS, holders=holders, window_us=DurationUs(10), notified="x")
    lot = FormatSession(SEALED, "A", "Professor Bayar", priority=asked)
    lot.seal("09:30", "A", 777_777)
    lot.open("10:01", 0), lot.open("10:01", 1)
    assert "Bayar" not in everything_public(lot)


def test_a_holder_in_the_room_is_told_when_an_equal_bid_is_his_right() -> None:
    here = ft.PriorityTerms(
        mode=PriorityMode.IN_ROOM, holders=(Holder(party="H", rank=1, ground="completer"),), notified="by letter"
    )
    lot = FormatSession(ft.Ascending(), "A", "B", "H", priority=here, more={"start_price": Amount(100)})

    def may(party: str) -> bool:
        own = you(lot.lot, PartyId(party))
        assert own is not None and own.play is not None
        return own.play.may_exercise

    lot.reach(at("09:00"))
    assert not may("H"), "nobody has made a price yet"
    lot.bid("09:10", "A", 200)
    assert (may("H"), may("A")) == (True, False)
    lot.bid("09:11", "H", 200)
    assert not may("H"), "once at each price"
    lot.bid("09:12", "B", 210)
    assert may("H")
    lot.reach(at("10:00"))
    assert not may("H")
