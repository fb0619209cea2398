"""The state machine: the diagram in docs/LISTING.md is what the code does; every phase is reached, none is a dead end, final is final."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.deciding import decide
from engine.rules.listing.events import LISTING_WIRE_NAMES, ListingRefusal
from engine.rules.listing.evolving import _EVOLVE, FOLLOWS, evolve
from engine.rules.listing.state import IntentPhase, ListingAccepted, ListingPhase, ListingState, OfferPhase
from engine.rules.listing.terms import ListingTerms, OfferedMode
from engine.values import Amount, InstantUs, PartyId
from tests.engine.rules.listing.transcript import (
    CALENDAR,
    LISTING,
    PRICE,
    SUBJECT,
    Record,
    disclosed,
    open_licence,
    posted,
    submission,
)

DOCUMENT = (Path(__file__).parents[4] / "docs" / "LISTING.md").read_text(encoding="utf-8")
A, B = PartyId("A"), PartyId("B")
KINDS: dict[str, ListingTerms] = {
    "disclosed": disclosed(),
    "posted for one": posted(mode=OfferedMode.TRANSFER),
    "posted for two admitted": posted(admission=Admission.APPROVED, offers=None, seats=2),
    "open licence": open_licence(seats=1),
}


def options(state: ListingState) -> list[tuple[c.ListingCommand, InstantUs]]:
    """Return everything that could be asked of a state, each at an instant that makes sense."""
    now_us = state.last_at_us
    intents, offers, deals = len(state.intents), len(state.offers), len(state.deals)
    price = state.price or PRICE
    found: list[c.ListingCommand] = [
        c.ReturnListing(reason="x"),
        c.ResubmitListing(terms=state.terms, subject=SUBJECT),
        c.RefuseListing(reason="x"),
        c.PublishListing(),
        c.ChangePrice(price=Amount(price + 1 if price < PRICE + 2 else PRICE), reason="x"),
        c.SuspendListing(reason="x"),
        c.ResumeListing(reason="x"),
        c.WithdrawListing(reason="x"),
        c.TerminateListing(reason="x"),
        c.TakeListing(buyer_id=A, price=price),
        c.TakeListing(buyer_id=B, price=price),
        c.NotifyTaking(buyer_id=A, payment_proof="x"),
        c.ConfirmTaking(taking_no=len(state.takings), paid=True),
        c.ConfirmTaking(taking_no=len(state.takings), paid=False, reason="x"),
        c.RecordSession(lot_id=state.lot_id or LISTING, outcome=c.SessionOutcome.SOLD, winner_id=A, price=price),  # type: ignore[arg-type]
        c.RecordSession(lot_id=state.lot_id or LISTING, outcome=c.SessionOutcome.PASSED),  # type: ignore[arg-type]
        c.RecordSession(lot_id=state.lot_id or LISTING, outcome=c.SessionOutcome.VOIDED),  # type: ignore[arg-type]
    ]
    found += [c.RegisterIntent(buyer_id=buyer) for buyer in (A, B) if intents < 2]
    found += [c.MakeOffer(buyer_id=A, amount=Amount(100 + offers)) for _ in range(offers < 2)]
    for number in range(1, intents + 1):
        found += [
            c.ReviewIntent(intent_no=number, verdict=c.Verdict.PASS),
            c.AnswerIntent(intent_no=number, agrees=True),
            c.ConfirmDeposit(intent_no=number, deposit_id="d"),
            c.WithdrawIntent(intent_no=number, buyer_id=A),
        ]
    for number in range(1, offers + 1):
        found.append(c.AcceptOffer(offer_no=number, amount=state.offers[number - 1].amount))
    for number in range(1, deals + 1):
        found += [c.RecordSigning(deal_no=number, contract_ref="x")]
        found += [c.RecordDefault(deal_no=number, side=c.Side.BUYER, reason="x") for _ in range(deals < 3)]
    timed: list[tuple[c.ListingCommand, InstantUs]] = [(command, now_us) for command in found]
    due_us = next_deadline(state)
    if due_us is not None:
        timed.append((c.ReachDeadline(due_us=due_us), max(due_us, now_us)))
    return timed


@cache
def moves_seen() -> frozenset[tuple[str, str]]:
    """Drive listings of four kinds through every command from every state they reach, and collect the moves."""
    seen: set[tuple[str, str]] = set()
    known: set[tuple[Any, ...]] = set()
    for kind, terms in KINDS.items():
        frontier = [Record(terms, publish=False).now]
        while frontier:
            state = frontier.pop()
            for command, at_us in options(state):
                decision = decide(state, LISTING, command, at_us, CALENDAR)
                if not isinstance(decision, ListingAccepted):
                    continue
                after = evolve(state, LISTING, decision.event, at_us)
                if after.phase is not state.phase:
                    seen.add((state.phase.value, after.phase.value))
                if (key := (kind, *key_of(after))) not in known:
                    known.add(key)
                    frontier.append(after)
    return frozenset(seen)


def key_of(state: ListingState) -> tuple[Any, ...]:
    """Return what matters for where a listing can go from here."""
    return (
        state.phase,
        state.suspended_phase,
        state.ending,
        state.session_outcome,
        state.cycles,
        min(state.round_no, 2),
        tuple(intent.phase for intent in state.intents),
        any(offer.phase is OfferPhase.STANDING for offer in state.offers),
        tuple(taking.open for taking in state.takings[-1:]),
        tuple(deal.phase for deal in state.deals),
    )


def test_the_diagram_is_the_state_machine() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", DOCUMENT, re.MULTILINE))
    assert drawn == moves_seen()


def test_every_phase_is_reached() -> None:
    assert {after for _, after in moves_seen()} | {"submitted"} == {phase.value for phase in ListingPhase}


def test_no_phase_is_a_dead_end() -> None:
    ends = {phase.value for phase in ListingPhase if phase.is_final}
    while more := {before for before, after in moves_seen() if after in ends} - ends:
        ends |= more
    assert ends == {phase.value for phase in ListingPhase}


@pytest.mark.parametrize("phase", [phase for phase in ListingPhase if phase.is_final])
def test_a_final_phase_has_no_exit(phase: ListingPhase) -> None:
    assert not [move for move in moves_seen() if move[0] == phase.value]
    assert {cls for cls, phases in FOLLOWS.items() if phase in phases} == {ListingRefusal}


def test_every_event_has_its_row_in_both_tables() -> None:
    assert set(FOLLOWS) == set(_EVOLVE) == set(LISTING_WIRE_NAMES) - {type(submitted())}
    assert len(set(LISTING_WIRE_NAMES.values())) == len(LISTING_WIRE_NAMES)


def test_an_event_that_cannot_follow_is_a_corrupt_log() -> None:
    record = Record(disclosed())
    with pytest.raises(IllegalTransition):
        evolve(record.now, LISTING, submitted(), record.now.last_at_us)
    with pytest.raises(IllegalTransition):
        evolve(None, LISTING, record.events[1], record.now.last_at_us)
    with pytest.raises(IllegalTransition):
        evolve(record.now, LISTING, record.events[1], record.now.last_at_us)


def test_open_and_live_phases_of_an_application() -> None:
    assert {phase for phase in IntentPhase if phase.is_live} == {
        IntentPhase.UNDER_REVIEW, IntentPhase.CORRECTION, IntentPhase.SELLER_ASKED, IntentPhase.DISPUTED,
        IntentPhase.DEPOSIT_DUE, IntentPhase.ADMITTED,
    }  # fmt: skip
    assert {phase for phase in IntentPhase if phase.is_live} - {phase for phase in IntentPhase if phase.is_open} == {
        IntentPhase.ADMITTED
    }


def submitted() -> Any:
    """Return the first event of a listing."""
    decision = decide(None, LISTING, submission(disclosed()), InstantUs(1), CALENDAR)
    assert isinstance(decision, ListingAccepted)
    return decision.event
