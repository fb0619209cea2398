"""The state machine: the diagram in docs/RULES.md is the table in the code; every phase is reached; final phases have no exit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.rules.auction import commands as c
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import WIRE_NAMES, LotPublished
from engine.rules.auction.evolving import FOLLOWS, IllegalTransition, evolve
from engine.rules.auction.state import Accepted, LotState, Phase
from engine.values import Amount, DurationUs, InstantUs, PartyId
from tests.engine.rules.test_free_and_limited import dynamic
from tests.engine.rules.transcript import DAY_US, LOT, Session, at, fixed_terms

RULES = (Path(__file__).parents[3] / "docs" / "RULES.md").read_text(encoding="utf-8")


def moves_seen() -> set[tuple[str, str]]:
    """Drive sessions of two kinds through every command from every state they reach, and collect the moves."""
    commands: list[c.Command] = [
        c.WithdrawLot(reason="x"),
        c.AdmitBidder(bidder_id=PartyId("A")),
        c.PlaceBid(bidder_id=PartyId("A"), amount=Amount(10_000)),
        c.PauseLot(reason="x"),
        c.ResumeLot(reason="x"),
        c.ResumeLot(reason="x", resumes_at_us=InstantUs(DAY_US + 10**12)),
        c.VoidLot(reason="x"),
        c.ShiftClosing(by_us=DurationUs(1_000_000), cause_lot_id=LOT, cause_seq=1),
    ]
    seen: set[tuple[str, str]] = set()
    frontier = [Session(fixed_terms()).lot, Session(dynamic()).lot]
    known: set[tuple[Any, ...]] = set()
    while frontier:
        state = frontier.pop()
        from engine.rules.auction.closing import next_deadline

        due_us = next_deadline(state)
        now_us = InstantUs(max(state.last_at_us, at("09:59:59")) if due_us is None else max(state.last_at_us, due_us))
        options = [(command, state.last_at_us) for command in commands]
        options.append(
            (c.RecordOutage(from_us=state.last_at_us, to_us=InstantUs(now_us + 10**9)), InstantUs(now_us + 10**9))
        )
        if due_us is not None:
            options.append((c.ReachDeadline(due_us=due_us), now_us))
        for command, at_us in options:
            if isinstance(command, c.PlaceBid) and not state.phase.is_bidding:
                continue
            decision = decide(state, LOT, command, at_us)
            if not isinstance(decision, Accepted):
                continue
            after = evolve(state, LOT, decision.event, at_us)
            if after.phase is not state.phase:
                seen.add((state.phase.value, after.phase.value))
            key = (
                after.phase,
                after.halted_phase,
                after.leader,
                after.resumes_at_us,
                bool(after.codes),
                after.free_ends_at_us is None,
            )
            if key not in known:
                known.add(key)
                frontier.append(after)
    return seen


def test_the_diagram_is_the_state_machine() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", RULES, re.MULTILINE))
    assert drawn == moves_seen()


def test_every_phase_is_reached() -> None:
    of_formats = {Phase.SEALING, Phase.CLOSED, Phase.BEST_BID, Phase.PRIORITY}
    assert {after for _, after in moves_seen()} | {"scheduled"} == {phase.value for phase in set(Phase) - of_formats}


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.is_final])
def test_a_final_phase_has_no_exit(phase: Phase) -> None:
    assert not [move for move in moves_seen() if move[0] == phase.value]
    assert all(phase not in allowed for allowed in FOLLOWS.values())


def test_an_event_that_cannot_follow_is_a_corrupt_log() -> None:
    lot: LotState = Session(fixed_terms()).lot
    published = LotPublished(terms=lot.terms, subject=lot.subject, seller_id=lot.seller_id)
    with pytest.raises(IllegalTransition):
        evolve(lot, LOT, published, lot.last_at_us)


def test_wire_names_are_unique() -> None:
    assert len(set(WIRE_NAMES.values())) == len(WIRE_NAMES)
