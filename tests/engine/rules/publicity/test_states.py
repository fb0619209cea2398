"""The diagram in docs/PUBLICITY.md is what the code does; every phase is reached, none is a dead end, final is final."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.rules.auction.evolving import IllegalTransition
from engine.rules.publicity import commands as c
from engine.rules.publicity.deadlines import next_deadline
from engine.rules.publicity.deciding import decide
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.rules.publicity.evolving import _EVOLVE, FOLLOWS, evolve
from engine.rules.publicity.state import NoticeAccepted, NoticePhase, NoticeState
from engine.values import Amount, InstantUs
from tests.engine.rules.publicity.samples import samples
from tests.engine.rules.publicity.transcript import (
    CALENDAR,
    NOTICE,
    Story,
    approval,
    content,
    decision,
    declared,
    objection,
    panel,
    received,
    submit,
    terms,
)

DOCUMENT = (Path(__file__).parents[4] / "docs" / "PUBLICITY.md").read_text(encoding="utf-8")


def options(state: NoticeState) -> list[tuple[c.NoticeCommand, InstantUs]]:
    """Return everything that could be asked of a state, each at an instant that makes sense."""
    now_us, number = state.last_at_us, max(1, len(state.objections))
    price = Amount(80_000_000 if state.content.price != 80_000_000 else 81_000_000)
    found: list[c.NoticeCommand] = [
        c.ReturnNotice(by="x", reason="补充"),
        c.ResubmitNotice(terms=terms(), content=content(), applicant="account-li", declarations=declared()),
        approval(),
        c.PublishNotice(),
        c.CorrectTypo(content=replace(state.content, title_zh=state.content.title_zh + "一"), reason="笔误"),
        c.ReviseNotice(
            terms=terms(), content=content(price=price), applicant="account-li", reason="调价", declarations=declared()
        ),
        c.WithdrawNotice(reason="放弃"),
        c.TerminateNotice(reason="涉密"),
        received(number),
        received(number, admitted=False),
        panel(number),
        decision(number),
        decision(number, c.Ruling.SUSTAINED),
        c.WithdrawObjection(objection_no=number),
        c.ConfirmDeal(by="x"),
        c.RecordContract(contract_ref="C"),
        c.ArchiveNotice(),
        c.RecordGap(from_us=InstantUs(now_us - 1), to_us=now_us),
    ]
    found += [objection(f"p{len(state.objections)}") for _ in range(len(state.objections) < 2)]
    timed = [(command, now_us) for command in found]
    if state.ends_at_us is not None:  # the page was away at the very end, told too late or in time
        gap = c.RecordGap(from_us=InstantUs(state.ends_at_us - 2), to_us=InstantUs(state.ends_at_us + 2))
        timed.append((gap, InstantUs(max(now_us, state.ends_at_us + 3))))
    due_us = next_deadline(state)
    if due_us is not None:
        timed.append((c.ReachDeadline(due_us=due_us), max(due_us, now_us)))
    return timed


@cache
def moves_seen() -> frozenset[tuple[str, str]]:
    """Drive a notice through every command from every state it reaches, and collect the moves."""
    seen: set[tuple[str, str]] = set()
    known: set[tuple[Any, ...]] = set()
    story = Story()
    story.tell("03-02 09:00", submit())
    frontier = [story.notice]
    while frontier:
        state = frontier.pop()
        for command, at_us in options(state):
            found = decide(state, NOTICE, command, at_us, CALENDAR)
            if not isinstance(found, NoticeAccepted):
                continue
            after = evolve(state, NOTICE, found.event, at_us)
            if after.phase is not state.phase:
                seen.add((state.phase.value, after.phase.value))
            stands = (
                after.phase,
                after.round_no,
                bool(after.approvals),
                tuple((one.phase, bool(one.panel)) for one in after.objections),
            )
            if after.round_no < 3 and stands not in known:
                known.add(stands)
                frontier.append(after)
    return frozenset(seen)


def drawn() -> frozenset[tuple[str, str]]:
    """Return the arrows of the diagram."""
    diagram = DOCUMENT.split("```mermaid")[1].split("```")[0]
    return frozenset(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE))


def test_the_diagram_shows_every_move_and_no_other() -> None:
    assert moves_seen() - drawn() == set(), "the code does more than is drawn"
    assert drawn() - moves_seen() == set(), "more is drawn than the code does"


def test_every_phase_is_reached_and_only_final_ones_are_ends() -> None:
    reached = {after for _, after in moves_seen()} | {"approval"}
    assert reached == {phase.value for phase in NoticePhase}
    left = {before for before, _ in moves_seen()}
    assert {phase for phase in NoticePhase if phase.value not in left} == {p for p in NoticePhase if p.is_final}


def test_nothing_but_archive_follows_the_contract_and_nothing_the_end() -> None:
    after: dict[str, set[str]] = {}
    for old, new in moves_seen():
        after.setdefault(old, set()).add(new)
    assert after["deal"] == {"contract"} and after["contract"] == {"archived"}
    assert after["clean"] == {"certified", "published", "approval", "withdrawn", "terminated"}
    assert "certified" not in after["objected"] | after["sustained"] | after["published"]


@pytest.mark.parametrize("event", NOTICE_WIRE_NAMES, ids=lambda event: event.__name__)
def test_every_event_says_what_it_may_follow_and_is_refused_elsewhere(event: type[Any]) -> None:
    if event.__name__ == "NoticeSubmitted":
        return
    assert event in _EVOLVE and FOLLOWS[event]
    story = Story()
    story.tell("03-02 09:00", submit())
    for phase in set(NoticePhase) - FOLLOWS[event]:
        with pytest.raises(IllegalTransition):
            evolve(replace(story.notice, phase=phase), NOTICE, samples()[event], story.now)
