"""The rules against the oracle: thousands of random terms and bid sequences, every answer and every state compared.

Small numbers on purpose: bids meet the same amount, the same instant, the very end and the edge of the window all the time.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.rules.auction import bidding, closing, increments, proxy
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import PlaceBid
from engine.rules.auction.state import Accepted, LotState, Phase, Rejected
from engine.rules.auction.terms import (
    Closing,
    ExtensionFrom,
    FixedIncrement,
    Increment,
    LadderIncrement,
    PercentIncrement,
    Reserve,
    Terms,
    terms_problems,
)
from engine.values import Amount, DurationUs, InstantUs, PartyId
from tests.engine.rules.oracle import Ended, Offer, Oracle
from tests.engine.rules.transcript import SELLER, Session

OPENS = 1_000
BIDDERS = ("A", "B", "C", "D")
SESSIONS = int(os.environ.get("ORTOO_ORACLE_SESSIONS", "4000"))
LONG_AFTER = 10**9

Draw = Callable[[int, int], int]
"""Gives a whole number between two bounds, both included."""


@dataclass
class Disagreement(Exception):
    """Where the rules and the oracle part."""

    what: str
    rules: object
    oracle: object
    terms: Terms
    offers: list[Offer]


def draw_terms(draw: Draw) -> Terms | None:
    """Draw terms of a session; None where the drawn parts do not go together."""
    proxies = draw(0, 2) > 0
    increment = draw_increment(draw)
    reserve = Reserve(Amount(draw(1, 60)), public=draw(0, 1) == 0) if draw(0, 1) else None
    terms = Terms(
        closing=draw_closing(draw),
        increment=increment,
        start_price=Amount(draw(0, 20)),
        reserve=reserve,
        first_bid_at_start=draw(0, 3) > 0,
        multiple_only=draw(0, 3) == 0 and not isinstance(increment, PercentIncrement),
        jump_confirm_steps=draw(1, 8) if draw(0, 4) == 0 else None,
        proxy=proxies,
        proxy_lowering=proxies and draw(0, 1) == 0,
        leader_may_raise=draw(0, 1) == 0,
    )
    return None if terms_problems(terms) else terms


def draw_increment(draw: Draw) -> Increment:
    match draw(0, 2):
        case 0:
            return FixedIncrement(Amount(draw(1, 6)))
        case 1:
            return PercentIncrement(draw(1, 400_000))
        case _:
            froms = sorted({0, *(draw(1, 50) for _ in range(draw(0, 3)))})
            return LadderIncrement(tuple((Amount(low), Amount(draw(1, 9))) for low in froms))


def draw_closing(draw: Draw) -> Closing:
    opens = InstantUs(OPENS)
    lengths: dict[str, Any] = {}
    way = draw(0, 2)
    if way == 0:
        lengths["closes_at_us"] = InstantUs(opens + draw(1, 60))
    elif way == 1:
        lengths["first_bid_clock_us"] = InstantUs(draw(1, 60))
    else:
        lengths["free_period_us"], lengths["limited_cycle_us"] = InstantUs(draw(1, 40)), InstantUs(draw(1, 15))
    extends = way != 2 and draw(0, 3) > 0
    no_free_bid_ends = draw(0, 1) == 0
    return Closing(
        opens_at_us=opens,
        **lengths,
        require_free_bid=way == 2 and no_free_bid_ends and draw(0, 1) == 0,
        limited_if_no_free_bid=not (way == 2 and no_free_bid_ends),
        extension_us=DurationUs(draw(1, 15)) if extends else None,
        extension_window_us=DurationUs(draw(1, 20)) if extends and draw(0, 1) else None,
        extension_from=ExtensionFrom.BID_TIME if draw(0, 1) else ExtensionFrom.CLOSING,
        hard_end_us=InstantUs(opens + draw(1, 120)) if draw(0, 3) == 0 else None,
        extensions_max=draw(0, 4) if draw(0, 3) == 0 else None,
    )


def draw_offer(draw: Draw, oracle: Oracle, last: int) -> Offer:
    """Draw a bid that aims at what matters: the minimum, the leader's maximum, the reserve, the end, the window, the free period's end."""
    least = oracle.minimum()
    aims = [least, oracle.leader_maximum or least, oracle.price or least, draw(1, 90)]
    if oracle.terms.reserve is not None:
        aims.append(oracle.terms.reserve.amount)
    aim = aims[draw(0, len(aims) - 1)]
    near = max(0, aim + draw(-2, 8))
    further = max(0, near + draw(-3, 40))
    both = draw(0, 40)
    amount = None if both == 0 or (both < 20 and oracle.terms.proxy) else near
    maximum = further if 0 < both < 30 and (oracle.terms.proxy or draw(0, 20) == 0) else None
    bidder = "nobody" if draw(0, 40) == 0 else str(SELLER) if draw(0, 60) == 0 else BIDDERS[draw(0, 3)]
    return Offer(draw_instant(draw, oracle, last), bidder, amount, maximum, confirmed=draw(0, 2) == 0)


def draw_instant(draw: Draw, oracle: Oracle, last: int) -> int:
    end, free_until = oracle.end(), oracle.free_until()
    marks = [OPENS]
    if end is not None:
        marks += [end, end - oracle.terms.closing.window_us()]
    if free_until is not None:
        marks.append(free_until)
    if draw(0, 3):
        return last + draw(0, 2)
    # Around a mark, mostly just before it: most bids should be in time.
    return max(last, marks[draw(0, len(marks) - 1)] + (-1 if draw(0, 2) else draw(-1, 1)))


def play(terms: Terms, draw: Draw, bids: int, seen: Counter[str] | None = None) -> None:
    """Play one session on both sides.

    Raises:
        Disagreement: they differ in an answer, in a state, or in how the session ended.
    """
    session, oracle = Session(terms, *BIDDERS), Oracle(terms, set(BIDDERS), seller=SELLER)
    offers: list[Offer] = []
    at, late = OPENS - draw(0, 1), 0

    def compare(what: str, rules: object, expected: object) -> None:
        if rules != expected:
            raise Disagreement(what, rules, expected, terms, offers)

    for _ in range(bids):
        offer = draw_offer(draw, oracle, at)
        at = offer.at
        offers.append(offer)
        answer = answer_of(session, offer)
        expected = oracle.judge(offer)
        if seen is not None:
            seen[expected] += 1
        compare("answer", answer, expected)
        late += expected == "late"
        if late == 3:
            break
        lot = session.lot
        compare("price", lot.price, oracle.price)
        compare("leader", lot.leader, oracle.leader)
        compare("leader's maximum", lot.leader_maximum, oracle.leader_maximum)
        if lot.phase.is_bidding and lot.closes_at_us is not None:
            compare("end in force", lot.closes_at_us, oracle.end())
        if lot.phase.is_bidding:
            compare("next deadline", next_deadline(lot), expected_deadline(oracle, at))
    session.reach(InstantUs(LONG_AFTER))
    compare("outcome", outcome_of(session.lot), oracle.ended_by(LONG_AFTER))
    if seen is not None:
        seen[f"end:{session.lot.phase}"] += 1


def answer_of(session: Session, offer: Offer) -> str:
    bid = PlaceBid(
        bidder_id=PartyId(offer.bidder),
        amount=None if offer.amount is None else Amount(offer.amount),
        maximum=None if offer.maximum is None else Amount(offer.maximum),
        confirmed_jump=offer.confirmed,
    )
    decision = session.send(bid, InstantUs(offer.at))
    if isinstance(decision, Rejected):
        return decision.code.value
    assert isinstance(decision, Accepted)
    return "accepted"


def expected_deadline(oracle: Oracle, at: int) -> int | None:
    free_until = oracle.free_until()
    return free_until if free_until is not None and at < free_until else oracle.end()


def outcome_of(lot: LotState) -> Ended | None:
    if lot.phase is Phase.SOLD:
        return Ended(lot.ended_at_us or 0, lot.winner, lot.price, "sold")
    if lot.phase is Phase.PASSED and lot.pass_reason is not None:
        return Ended(lot.ended_at_us or 0, None, None, lot.pass_reason.value)
    return None


def play_seed(seed: int, seen: Counter[str] | None = None) -> bool:
    """Play the session of a seed; False if its terms do not go together."""
    draw = random.Random(seed).randint
    terms = draw_terms(draw)
    if terms is None:
        return False
    play(terms, draw, draw(1, 30), seen)
    return True


def play_seeds(count: int, seen: Counter[str] | None = None) -> int:
    """Play the sessions of the first seeds and return how many there were."""
    return sum(play_seed(seed, seen) for seed in range(count))


def test_thousands_of_seeded_sessions_agree() -> None:
    seen: Counter[str] = Counter()
    played = play_seeds(SESSIONS, seen)
    assert played > SESSIONS * 0.8, "most drawn terms go together"
    # Every answer and every end occurred, so agreement means something.
    assert set(seen) >= {
        "accepted", "not_started", "late", "seller_may_not_bid", "not_admitted", "free_bid_required",
        "amount_out_of_range", "proxy_not_allowed", "maximum_below_amount", "already_leading", "maximum_unchanged",
        "maximum_not_lowerable", "maximum_below_price", "bid_below_minimum", "not_a_multiple", "jump_needs_confirmation",
        "end:sold", "end:passed", "end:open",
    }  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_hypothesis_finds_no_disagreement(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    terms = draw_terms(draw)
    if terms is not None:
        play(terms, draw, draw(1, 12))


def window_exclusive(state: LotState, at_us: InstantUs) -> tuple[InstantUs | None, bool]:
    closes_at_us = state.closes_at_us
    if closes_at_us is not None and closes_at_us - at_us == state.terms.closing.window_us():
        return closes_at_us, False
    return closing.after_bid(state, at_us)


def extension_from_the_original_end(state: LotState, at_us: InstantUs) -> tuple[InstantUs | None, bool]:
    original_us = state.terms.closing.closes_at_us
    return closing.after_bid(state if original_us is None else replace(state, closes_at_us=original_us), at_us)


def later_of_equals_leads(state: LotState, amount: Amount | None, maximum: Amount | None) -> proxy.Standing:
    standing = proxy.challenge(state, amount, maximum)
    return proxy.Standing(standing.price, standing.automatic and max(amount or 0, maximum or 0) != state.leader_maximum)


def increment_at_the_winners_maximum(state: LotState, amount: Amount | None, maximum: Amount | None) -> proxy.Standing:
    standing, held = proxy.challenge(state, amount, maximum), state.leader_maximum
    if not standing.automatic or held is None:
        return standing
    ceiling = max(amount or 0, maximum or 0)
    return proxy.Standing(
        Amount(min(held, ceiling + increments.increment_at(state.terms.increment, held))), automatic=True
    )


def raise_is_silent(state: LotState, maximum: Amount) -> Amount:
    assert state.price is not None
    return state.price


def first_bid_above_start(state: LotState) -> Amount:
    least = increments.minimum_bid(state)
    return least if state.price is not None else Amount(least + 1)


@pytest.mark.parametrize(
    "name, fault",
    [
        ("after_bid", window_exclusive),
        ("after_bid", extension_from_the_original_end),
        ("challenge", later_of_equals_leads),
        ("challenge", increment_at_the_winners_maximum),
        ("price_after_raise", raise_is_silent),
        ("minimum_bid", first_bid_above_start),
    ],
    ids=lambda part: part.__name__ if callable(part) else "",
)
def test_the_comparison_finds_planted_faults(
    monkeypatch: pytest.MonkeyPatch, name: str, fault: Callable[..., object]
) -> None:
    monkeypatch.setattr(bidding, name, fault)
    with pytest.raises(Disagreement):
        play_seeds(2_000)


FALLING_LADDER = LadderIncrement(((Amount(0), Amount(500)), (Amount(3000), Amount(50))))


@pytest.mark.parametrize(
    "increment, reserve, offers, price",
    [
        # A maximum at or above the reserve lifts the price to the reserve.
        (FixedIncrement(Amount(100)), 4000, [("A", 1000, None), ("A", 1100, 6000)], 4000),
        # A leader who raises his maximum lifts a capped price to the full increment: here 2990 + 500.
        (FALLING_LADDER, None, [("A", None, 3000), ("B", None, 2990), ("A", 3050, 8000)], 3490),
    ],
)
def test_a_leader_who_raises_openly_with_a_maximum_behind_it(
    increment: Increment, reserve: int | None, offers: list[tuple[str, int | None, int | None]], price: int
) -> None:
    terms = Terms(
        closing=Closing(opens_at_us=InstantUs(OPENS), closes_at_us=InstantUs(OPENS + 60)),
        increment=increment,
        start_price=Amount(1000),
        reserve=None if reserve is None else Reserve(Amount(reserve), public=False),
        proxy=True,
        leader_may_raise=True,
    )
    session, oracle = Session(terms, *BIDDERS), Oracle(terms, set(BIDDERS))
    for at, (bidder, amount, maximum) in enumerate(offers, start=OPENS):
        offer = Offer(at, bidder, amount, maximum)
        assert (answer_of(session, offer), oracle.judge(offer)) == ("accepted", "accepted")
    assert (session.lot.price, oracle.price) == (price, price)


def test_a_hard_end_inside_the_free_period_is_refused() -> None:
    closing = Closing(
        opens_at_us=InstantUs(OPENS),
        free_period_us=DurationUs(30),
        limited_cycle_us=DurationUs(10),
        hard_end_us=InstantUs(OPENS + 20),
    )
    terms = Terms(closing=closing, increment=FixedIncrement(Amount(1)), start_price=Amount(1))
    assert "closing: hard_end_too_early" in terms_problems(terms)
