"""Nothing waits silently: every phase that waits has an owner, a deadline, a reminder and ways out; the machine can reach every phase."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from settlement.deals import acts as a
from settlement.deals import events as e
from settlement.deals.answers import Refused
from settlement.deals.clocks import deadline_for, remind_at, wake_at
from settlement.deals.diagram import mermaid
from settlement.deals.evolving import TRANSITIONS
from settlement.deals.notices import Desk, notices_of, owners_of
from settlement.deals.payment import Line, LineKind, Trigger
from settlement.deals.phases import FINAL, WAITS, Owner, Phase, Reminder
from settlement.deals.process import Process
from settlement.deals.stepping import step
from settlement.deals.store import WORKING
from tests.settlement.conftest import CALENDAR, DAY_US, START_US
from tests.settlement.deals.conftest import a_deal

LINE = Line(no=1, kind=LineKind.PRICE, amount_fen=100, after=Trigger.SIGNING, due_at_us=START_US + 5 * DAY_US)
PARTIES = (Owner.SELLER, Owner.BUYER, Owner.BOTH, Owner.REGISTRAR)


def in_phase(phase: Phase, **more: object) -> Process:
    deal = a_deal(mode="PLAIN")
    lines = (LINE,) if phase in (Phase.PAYING, Phase.PERFORMING) else ()
    given = {"lines": lines, **more}
    return Process(
        deal=deal, seq=5, phase=phase, since_us=START_US, virtual_account="1", **given,  # type: ignore[arg-type]
        deadline_us=deadline_for(deal, phase, START_US, CALENDAR, lines),
    )  # fmt: skip


def test_every_phase_waits_or_is_final() -> None:
    assert set(WAITS) == set(Phase) - FINAL


@pytest.mark.parametrize("phase", sorted(WAITS))
def test_owner_deadline_reminder_and_exits(phase: Phase) -> None:
    process, wait = in_phase(phase), WAITS[phase]
    assert process.deadline_us > START_US, "a deadline"
    assert START_US < remind_at(process) <= process.deadline_us, "a reminder before it"
    assert wake_at(process) is not None and (wake_at(process) or 0) <= process.deadline_us, "a clock looks in time"
    exits = {after for (before, _), afters in TRANSITIONS.items() if before is phase for after in afters} - {phase}
    assert exits, "a way out"
    if wait.owner in PARTIES:
        assert wait.reminder is Reminder.INBOX and owners_of(process), "somebody is told"
    else:
        assert wait.reminder is Reminder.QUEUE
        assert owners_of(process) == (() if wait.owner is Owner.MARKET else (Desk.OPERATORS,))
    assert (wait.owner is Owner.MARKET) <= (phase in WORKING or phase in (Phase.RELEASING, Phase.REFUNDING)), (
        "a machine works"
    )


@pytest.mark.parametrize("phase", sorted(WAITS))
def test_the_reminder_is_sent_once_and_a_missed_deadline_always_does_something(phase: Phase) -> None:
    process = in_phase(phase)
    early = step(process, a.Wake(), remind_at(process) - 1, CALENDAR)
    assert isinstance(early, Refused), "not before its time"
    assert step(process, a.Wake(), remind_at(process), CALENDAR) == (e.Reminded(),)
    reminded = replace(process, reminded=True)
    assert isinstance(step(reminded, a.Wake(), process.deadline_us - 1, CALENDAR), Refused), "once"
    missed = step(reminded, a.Wake(), process.deadline_us, CALENDAR)
    assert not isinstance(missed, Refused) and missed, "never nothing"


@pytest.mark.parametrize("phase", sorted(WAITS))
def test_whoever_has_to_act_is_told_when_it_becomes_his_turn_and_again(phase: Phase) -> None:
    before, after = in_phase(Phase.CONFIRMING), in_phase(phase)
    turn = {one.party for one in notices_of(before, after, ())} if phase is not Phase.CONFIRMING else set()
    again = {one.party for one in notices_of(after, after, (e.Reminded(),))}
    assert again == (set(owners_of(after)) or {Desk.OPERATORS}), "nobody's reminder is nobody's"
    if WAITS[phase].owner is not Owner.MARKET:
        assert turn == set(owners_of(after)) - {Desk.REGISTRARS}
    overdue = notices_of(after, after, (e.Escalated(deadline_us=1),))
    desks = {Desk.OPERATORS} | ({Desk.REGISTRARS} if WAITS[phase].owner is Owner.REGISTRAR else set())
    told = {one.party for one in overdue}
    assert told == {after.deal.seller_id, *after.deal.buyers, *desks}, (
        "both sides learn that it is overdue, and who decides"
    )


@pytest.mark.parametrize("phase", sorted(WAITS))
def test_each_further_period_is_told_again_and_the_same_one_never_twice(phase: Phase) -> None:
    """The inbox keeps one notice for each `once`: it names the deal's event and which escalation it was."""
    after = in_phase(phase)
    once = [
        one.once
        for number in (1, 2, 3)
        for one in notices_of(after, replace(after, seq=5 + number, escalations=number), (e.Escalated(deadline_us=1),))
        if one.party == Desk.OPERATORS
    ]
    assert len(set(once)) == len(once) == 3


def test_where_a_registers_proof_is_checked_it_is_the_operators_turn() -> None:
    before = in_phase(Phase.DELIVERING)
    after = replace(before, deal=a_deal(mode="TRANSFER"), phase=Phase.ACCEPTING)
    assert [(one.party, one.about) for one in notices_of(before, after, ())] == [
        (Desk.OPERATORS, "deal.desk.accepting")
    ]


def test_every_phase_can_be_reached_and_the_end_is_the_end() -> None:
    reached: set[Phase] = set()
    border: set[Phase | None] = {None}
    while border:
        found = {after for (before, _), afters in TRANSITIONS.items() if before in border for after in afters}
        border = set(found - reached)
        reached |= found
    assert reached == set(Phase)
    for (before, kind), afters in TRANSITIONS.items():
        if before in FINAL:
            assert afters == (before,) and kind in (e.PayoutPlaced, e.PayoutFailed, e.PayoutReissued, e.PayoutSettled)


def test_escalation_goes_on_until_somebody_acts() -> None:
    process = replace(in_phase(Phase.DELIVERING), reminded=True)
    first = step(process, a.Wake(), process.deadline_us, CALENDAR)
    assert isinstance(first, tuple) and isinstance(first[0], e.Escalated)
    assert first[0].deadline_us > process.deadline_us


def test_an_act_out_of_its_phase_is_refused_with_the_phase() -> None:
    refused = step(in_phase(Phase.SIGNING), a.HandOver(proof_ref="x", proof_digest=""), START_US, CALENDAR)
    assert isinstance(refused, Refused) and refused.data == {"phase": "signing"}


def test_the_diagram_in_the_document_is_what_the_code_does() -> None:
    assert mermaid() in (Path(__file__).parents[3] / "docs" / "RULES-SETTLEMENT.md").read_text(encoding="utf-8")
