"""Sealed rounds: nobody reads before two officers open; what does not open is named; late and lost shares have their rule."""

from __future__ import annotations

import pytest

from engine.envelopes import context_of
from engine.journal.codec import decode_state, encode_state
from engine.rules.auction.clearing.multi_unit import Pricing
from engine.rules.auction.clearing.priority import Holder, PriorityMode
from engine.rules.auction.clearing.sealed import Tie
from engine.rules.auction.clearing.weighted import Criterion
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import Reserve
from engine.rules.visibility import public_lot
from engine.values import Amount, DurationUs, PartyId
from tests.engine.rules.formats.session import CLOCK, FormatSession
from tests.engine.rules.transcript import LOT, at

FIRST = ft.Sealed(pricing=ft.SealedPricing.FIRST)
SECOND = ft.Sealed(pricing=ft.SealedPricing.SECOND)
REPLACEABLE = ft.Sealed(pricing=ft.SealedPricing.FIRST, replaceable=True)


def sealed(kind: ft.Format, **amounts: int) -> FormatSession:
    lot = FormatSession(kind, *amounts)
    for bidder, amount in amounts.items():
        assert lot.seal("09:30", bidder, amount) == ""
    return lot


@pytest.mark.parametrize(("kind", "result"), [(FIRST, "sold B 900"), (SECOND, "sold B 800")])
def test_two_officers_open_and_the_highest_wins(kind: ft.Format, result: str) -> None:
    lot = sealed(kind, A=700, B=900, C=800)
    lot.reach(at("10:00"))
    assert lot.result() == "closed" and len(lot.play.commitment) == 64
    assert lot.open("10:01", 0) == ""
    assert lot.result() == "closed" and not lot.play.opened, "one share opens nothing"
    assert lot.open("10:02", 1) == ""
    assert lot.result() == result


def test_the_record_holds_no_amount_before_the_opening() -> None:
    lot = sealed(FIRST, A=777_777_777, B=888_888_888)
    lot.open("10:01", 0)
    text = encode_state(lot.lot).decode() + repr(lot.events)
    assert "777777777" not in text and "888888888" not in text
    lot.open("10:02", 1)
    assert "777777777" in repr(lot.events)


def test_the_state_is_read_again_from_its_bytes_at_every_stage() -> None:
    lot = sealed(FIRST, A=700, B=900)
    for step in (lambda: lot.reach(at("10:00")), lambda: lot.open("10:01", 0), lambda: lot.open("10:02", 1)):
        step()
        assert decode_state(LotState, encode_state(lot.lot)) == lot.lot


def test_a_bidder_has_one_bid_and_may_replace_it_only_where_the_terms_say_so() -> None:
    once, more = sealed(FIRST, A=700), sealed(REPLACEABLE, A=700)
    assert once.seal("09:40", "A", 800) == "already_submitted"
    assert more.seal("09:40", "A", 800) == ""
    more.reach(at("10:00"))
    assert (once.opened(), more.opened()) == ("sold A 700", "sold A 800")


def test_after_the_close_an_envelope_is_late_and_nothing_is_opened_before() -> None:
    lot = FormatSession(FIRST, "A", "B")
    lot.seal("09:30", "A", 700)
    assert lot.open("09:59", 0) == "wrong_phase"
    assert lot.seal("10:00", "B", 900) == "late"


def test_the_late_opening_is_published_and_lets_the_recovery_share_in() -> None:
    lot = sealed(FIRST, A=700)
    lot.open("10:05", 0)
    assert lot.open("10:10", 2) == "recovery_not_needed", "while the officers are in time"
    lot.reach(at("10:30"))
    assert any(isinstance(event, fe.OpeningLate) for event in lot.events)
    assert lot.open("10:31", 2) == ""
    assert lot.result() == "sold A 700"


def test_what_is_never_opened_ends_without_a_sale() -> None:
    lot = sealed(FIRST, A=700)
    lot.reach(at("5+10:00"))
    assert lot.result() == "passed not_opened"


def test_a_false_share_is_named_and_the_recovery_share_takes_its_place() -> None:
    lot = sealed(FIRST, A=700, B=900)
    lot.open("10:01", 0)
    false = {**lot.shares_of(1), lot.code("B"): "00" * 32}
    assert lot.open("10:02", 1, false) == ""
    told = lot.events[-1]
    assert isinstance(told, fe.SharesContributed) and told.missing == (lot.code("B"),)
    assert lot.result() == "closed", "B's bid lacks a share"
    assert lot.open("10:03", 2) == ""
    assert lot.result() == "sold B 900"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no json", "content"),
        ({"amount": "-5"}, "content"),
        ({"amount": "0"}, "content"),
        ({"amount": "9" * 40}, "content"),
        ({"amount": "5", "quantity": 2}, "content"),
        ({"amount": "5", "more": 1}, "content"),
    ],
)
def test_an_envelope_without_a_bid_inside_does_not_count_and_is_named(content: object, reason: str) -> None:
    lot = sealed(FIRST, A=700)
    lot.state = FormatSession(FIRST, "A", "B").state
    lot.seal("09:30", "A", 700)
    assert lot.submit("09:31", "B", lot.envelope("B", content)) == ""
    assert lot.opened() == "sold A 700"
    assert lot.play.broken == {lot.code("B"): reason}


def test_a_copied_envelope_opens_for_nobody_else() -> None:
    lot = FormatSession(FIRST, "A", "B")
    stolen = lot.envelope("A", {"amount": "900"})
    assert lot.submit("09:30", "A", stolen) == "" and lot.submit("09:31", "B", stolen) == ""
    assert lot.opened() == "closed", "B's boxes give the officers nothing: the recovery share is asked for"
    assert lot.open("10:05", 2) == ""
    assert (lot.result(), lot.play.broken) == ("sold A 900", {lot.code("B"): "shares"})


@pytest.mark.parametrize(
    "text", ["", "{}", "x" * 10_000, '{"v":1,"sealed":"","boxes":["","",""],"commitments":["","",""]}']
)
def test_what_is_no_envelope_is_refused_at_once(text: str) -> None:
    lot = FormatSession(FIRST, "A")
    assert lot.submit("09:30", "A", text) == "envelope_malformed"


def test_nobody_else_brings_shares_and_an_officer_brings_them_once() -> None:
    lot = sealed(FIRST, A=700)
    lot.reach(at("10:00"))
    wish = fc.ContributeShares(officer_id=PartyId("A"), shares={})
    assert lot.said(lot.send(wish, at("10:01"))) == "not_an_officer"
    lot.open("10:01", 0)
    assert lot.open("10:02", 0) == "already_submitted"


def test_the_reserve_counts_as_a_bid_and_a_bid_below_it_has_no_effect() -> None:
    reserve = {"reserve": Reserve(Amount(750), public=False)}
    for kind, amounts, result in (
        (SECOND, {"A": 900, "B": 700}, "sold A 750"),
        (FIRST, {"A": 700}, "passed reserve_not_met"),
    ):
        lot = FormatSession(kind, *amounts, more=reserve)
        for bidder, amount in amounts.items():
            lot.seal("09:30", bidder, amount)
        assert lot.opened() == result


def test_procurement_refusals_come_before_the_opening_and_are_published() -> None:
    kind = ft.Sealed(pricing=ft.SealedPricing.LOWEST, ceiling=Amount(1000), floor=Amount(500))
    lot = sealed(kind, A=600, B=700, C=400, D=1100)
    lot.reach(at("10:00"))
    refuse = fc.RefuseBid(code=lot.code("A"), reason="资质不符")
    assert lot.said(lot.send(refuse, at("10:01"))) == ""
    assert lot.opened("10:02") == "sold B 700"
    late = fc.RefuseBid(code=lot.code("B"), reason="x")
    assert lot.said(lot.send(late, at("10:03"))) == "wrong_phase"


def test_a_tie_by_lot_is_drawn_from_the_commitment() -> None:
    from engine.rules.auction.clearing.lottery import drawn

    lot = sealed(ft.Sealed(pricing=ft.SealedPricing.FIRST, tie=Tie.LOT), A=900, B=900)
    lot.opened()
    code = drawn(bytes.fromhex(lot.play.commitment), [lot.code("A"), lot.code("B")])[0]
    assert lot.result() == f"sold {lot.party(code)} 900"


def test_an_excluded_bidders_sealed_bid_does_not_count() -> None:
    lot = sealed(FIRST, A=900, B=800)
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="ineligible"), at("09:50"))
    assert lot.opened() == "sold B 800"


def test_without_a_bid_the_lot_passes_at_the_close() -> None:
    lot = FormatSession(FIRST, "A")
    lot.reach(at("10:00"))
    assert lot.result() == "passed no_bid"


# Several units, packages, weights


def test_seats_go_down_the_prices_pay_as_bid_or_at_one_price() -> None:
    for pricing, result in (
        (Pricing.PAY_AS_BID, "allocated A 1×900, B 2×800"),
        (Pricing.LOWEST_ACCEPTED, "allocated A 1×800, B 2×800"),
        (Pricing.HIGHEST_REJECTED, "allocated A 1×700, B 2×700"),
    ):
        lot = FormatSession(ft.Units(units=3, pricing=pricing), "A", "B", "C")
        for bidder, amount, quantity in (("A", 900, 1), ("B", 800, 2), ("C", 700, 1)):
            lot.seal("09:30", bidder, amount, quantity=quantity)
        assert lot.opened() == result


def test_packages_the_whole_against_its_parts() -> None:
    lots = tuple(ft.PackageLot(name=name, title_zh=name, title_en=name) for name in "xy")
    for whole, result in ((140, "allocated B x 75, C y 75"), (160, "allocated A x+y 160")):
        lot = FormatSession(ft.Packages(lots=lots), "A", "B", "C")
        for bidder, amount, names in (("A", whole, "xy"), ("B", 75, "x"), ("C", 75, "y")):
            parts = [{"lots": list(names), "amount": str(amount)}]
            assert lot.seal("09:30", bidder, amount, parts=parts) == ""
        assert lot.opened() == result


def test_plans_are_scored_before_prices_are_opened() -> None:
    kind = ft.Weighted(
        price_weight=60, criteria=(Criterion(name="plan", weight=40),), assessors=(PartyId("x"), PartyId("y"))
    )
    lot = sealed(kind, A=1000, B=900)
    lot.reach(at("10:00"))
    a, b = lot.code("A"), lot.code("B")

    def give(assessor: str, scores: dict[str, dict[str, int]]) -> str:
        return lot.said(lot.send(fc.GiveScores(assessor_id=PartyId(assessor), scores=scores), at("10:05")))

    assert give("x", {a: {"plan": 50}}) == "scores_incomplete"
    assert give("z", {}) == "not_an_officer"
    assert give("x", {a: {"plan": 50}, b: {"plan": 90}}) == ""
    assert lot.open("10:06", 0) == "scores_incomplete", "prices stay closed until everybody has scored"
    assert give("x", {a: {"plan": 1}, b: {"plan": 1}}) == "already_submitted"
    assert give("y", {a: {"plan": 60}, b: {"plan": 80}}) == ""
    assert lot.opened("10:07") == "sold B 900", "A 60+22, B 54+34"


# Hybrid


HYBRID = ft.Hybrid(clock=CLOCK, sealed_round_us=600_000_000, best_bid_us=300_000_000)  # type: ignore[arg-type]


def test_hybrid_falling_then_sealed_then_one_best_bid() -> None:
    lot = FormatSession(HYBRID, "A", "B", "C")
    assert lot.take("09:02", "A", 800) == ""
    assert lot.result() == "sealing"
    assert lot.seal("09:05", "A", 900) == "already_leading"
    assert (lot.seal("09:05", "B", 850), lot.seal("09:06", "C", 805)) == ("", "")
    assert (lot.open("09:13", 0), lot.open("09:13", 1)) == ("", "")
    assert lot.result() == "best_bid"
    best = fc.PlaceBestBid(bidder_id=PartyId("A"), amount=Amount(855))
    assert lot.said(lot.send(best, at("09:14"))) == "bid_below_minimum"
    other = fc.PlaceBestBid(bidder_id=PartyId("B"), amount=Amount(900))
    assert lot.said(lot.send(other, at("09:14"))) == "not_the_taker"
    best = fc.PlaceBestBid(bidder_id=PartyId("A"), amount=Amount(860))
    assert lot.said(lot.send(best, at("09:15"))) == ""
    lot.reach(at("09:15"))
    assert lot.result() == "sold A 860"


def test_hybrid_without_an_answer_the_highest_sealed_bid_wins_and_without_one_the_taker() -> None:
    silent, alone = FormatSession(HYBRID, "A", "B"), FormatSession(HYBRID, "A", "B")
    for lot in (silent, alone):
        lot.take("09:02", "A", 800)
    silent.seal("09:05", "B", 850)
    silent.open("09:13", 0), silent.open("09:13", 1)
    silent.reach(at("09:18"))
    alone.reach(at("09:12"))
    assert (silent.result(), alone.result()) == ("sold B 850", "sold A 800")


def test_hybrid_bids_below_mark_and_step_challenge_nobody() -> None:
    lot = FormatSession(HYBRID, "A", "B")
    lot.take("09:02", "A", 800)
    lot.seal("09:05", "B", 809)
    assert (lot.open("09:13", 0), lot.open("09:13", 1), lot.result()) == ("", "", "sold A 800")


def test_hybrid_only_those_who_count_challenge_the_taker() -> None:
    lot = FormatSession(HYBRID, "A", "B", "C")
    lot.take("09:01", "A", 900)
    lot.seal("09:05", "B", 1_000)
    lot.seal("09:06", "C", 950)
    assert lot.opened("09:12") == "best_bid"
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("B"), reason="collusion"), at("09:13"))
    best = fc.PlaceBestBid(bidder_id=PartyId("A"), amount=Amount(960))
    assert lot.said(lot.send(best, at("09:14"))) == "", "one step above the highest that counts"
    lot.reach(at("09:14"))
    assert lot.result() == "sold A 960"


def test_hybrid_ends_when_nobody_challenges_any_more() -> None:
    lot = FormatSession(HYBRID, "A", "B")
    lot.take("09:01", "A", 900)
    lot.seal("09:05", "B", 1_000)
    assert lot.opened("09:12") == "best_bid"
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("B"), reason="collusion"), at("09:13"))
    lot.reach(at("09:13"))
    assert lot.result() == "sold A 900"


def test_scores_are_counted_anew_when_somebody_is_excluded_after_the_opening() -> None:
    weights = ft.Weighted(price_weight=60, criteria=(Criterion(name="plan", weight=40),), assessors=(PartyId("X"),))
    holder = Holder(party="H", rank=1, ground="completer")
    asked = ft.PriorityTerms(
        mode=PriorityMode.AFTERWARDS, holders=(holder,), window_us=DurationUs(3_600_000_000), notified="by letter"
    )
    lot = FormatSession(weights, "A", "B", "C", "H", priority=asked)
    for bidder, amount in (("A", 1_000), ("B", 500), ("C", 400)):
        lot.seal("09:10", bidder, amount)
    lot.reach(at("10:00"))
    plans = {lot.code("A"): 50, lot.code("B"): 80, lot.code("C"): 100}  # A 80, B 62, C 64: without A, B 92 and C 88
    scores = {code: {"plan": score} for code, score in plans.items()}
    lot.send(fc.GiveScores(assessor_id=PartyId("X"), scores=scores), at("10:00"))
    assert lot.opened() == "priority" and lot.lot.leader == "A"
    lot.send(fc.ExcludeBidder(bidder_id=PartyId("A"), reason="collusion"), at("10:30"))
    lot.reach(at("12:00"))
    assert lot.result() == "sold B 500"
    shown = public_lot(lot.lot).play
    assert shown is not None
    totals = {bid.code: bid.total_ppm for bid in shown.bids}
    assert totals == {lot.code("A"): None, lot.code("B"): 92_000_000, lot.code("C"): 88_000_000}


def test_context_binds_lot_and_code() -> None:
    assert context_of(LOT, "101") != context_of(LOT, "102")
