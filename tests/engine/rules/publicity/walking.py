"""Random walks over notices: commands drawn for the state at hand, most of them possible, some of them nonsense; and the judge of them.

The judge knows nothing of legs, gaps or ends: it reads what could be read on which day, from what was said and when.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from engine.calendar import Calendar, Day, day_of, end_of, is_working, start_of
from engine.rules.publicity import commands as c
from engine.rules.publicity import events as e
from engine.rules.publicity.content import TYPO_FIELDS, NoticeContent
from engine.rules.publicity.deadlines import next_deadline
from engine.rules.publicity.state import NoticePhase, NoticeState
from engine.rules.publicity.terms import needed_bodies
from engine.values import Amount, InstantUs
from tests.engine.rules.publicity.transcript import (
    CALENDAR,
    HOUR_US,
    LADDER,
    TIE,
    Story,
    approval,
    at,
    decision,
    declared,
    objection,
    panel,
    received,
    submit,
    terms,
)

Draw = Callable[[int, int], int]
"""Gives a whole number between two bounds, both included."""
PEOPLE = ("wang", "zhao", "qian", "")
APPLICANTS = ("account-li", "account-office", "account-new")
DAY_US = 24 * HOUR_US
P = NoticePhase


class Unsound(AssertionError):
    """A walk did what no notice may do."""


class Walk(Story):
    """A story whose every step is judged."""

    def __init__(self, draw: Draw, calendar: Calendar = CALENDAR) -> None:
        super().__init__(calendar)
        self.draw = draw
        self.shown: list[tuple[InstantUs, NoticeState]] = []
        self.away: list[tuple[int, int]] = []
        self.certified: NoticeContent | None = None

    def run(self, steps: int) -> Walk:
        """Walk so many steps."""
        self.tell(at("2026-01-05 09:00"), submit(**({"related": TIE} if self.draw(0, 4) == 0 else {})))
        for _ in range(steps):
            if self.notice.phase.is_final:
                break
            self._pass_time()
            command = draw_command(self.draw, self.notice, self.now)
            self._fall_due(self.now)
            known = len(self.away)
            if isinstance(command, c.RecordGap | c.RecordOutage):
                self.away.append((command.from_us, min(command.to_us, self.now)))
            if self._say(command, self.now) in ("wrong_phase", "ended"):
                del self.away[known:]  # nothing ran that it could have disturbed
            self._fall_due(self.now)
        return self

    def _pass_time(self) -> None:
        draw, state = self.draw, self.notice
        due = state.ends_at_us if state.phase is P.PUBLISHED else state.certifies_at_us
        match draw(0, 9):
            case 0 | 1 | 2:
                by = 0
            case 3 | 4 | 5:
                by = draw(0, 30) * HOUR_US
            case 6:
                by = draw(1, 8) * DAY_US
            case 7 | 8 if due is not None and due > self.now:
                by = due - self.now - draw(0, 1)
            case 9 if due is not None and due > self.now:
                return self._be_down(InstantUs(due - draw(0, 3) * HOUR_US), draw(0, 5) * HOUR_US + 120_000_000)
            case _:
                by = 1
        self.wait(InstantUs(self.now + by))
        return None

    def _be_down(self, from_us: InstantUs, us: int) -> None:
        """Nobody serves for a while. What is due meanwhile falls late; the outage is told, or the deadline alone tells of it."""
        self.wait(InstantUs(max(self.now, from_us)))
        begun, self.now = self.now, InstantUs(max(self.now, from_us) + us)
        self.away.append((begun, self.now))
        if self.draw(0, 1):
            self._say(c.RecordOutage(from_us=begun, to_us=self.now), self.now)
        while (due := next_deadline(self.notice)) is not None and due <= self.now:
            self._say(c.ReachDeadline(due_us=due), self.now)

    def _say(self, command: c.NoticeCommand, moment: InstantUs) -> str:
        answer = super()._say(command, moment)
        if self.state is not None and (not self.shown or self.shown[-1][1].seq != self.state.seq):
            self.shown.append((moment, self.state))
            self._judge(self.events[-1][1], moment)
        return answer

    def _judge(self, event: e.NoticeEvent, moment: InstantUs) -> None:
        state = self.notice
        opened = [one for one in state.objections if one.phase.is_open]
        if opened and state.phase is not P.OBJECTED:
            raise Unsound(f"an objection is open while {state.phase}")
        if isinstance(event, e.NoticePublished):
            self._judge_approval(state)
        if isinstance(event, e.NoticeCertified):
            self._judge_publicity(state, moment)
            self.certified = state.versions[-1].content
        if isinstance(event, e.AgreementStruck) and (
            state.content != self.certified or event.price != state.content.price
        ):
            raise Unsound("another agreement than the one that was certified")

    def _judge_approval(self, state: NoticeState) -> None:
        given = [one.approver for one in state.approvals]
        needed = needed_bodies(LADDER, state.content.price, related=bool(state.content.related))
        if {one.body for one in state.approvals} != set(needed):
            raise Unsound("published without every approval")
        if state.applicant in given or len(set(given)) != len(given):
            raise Unsound("approved by who applied, or twice by one person")

    def _judge_publicity(self, state: NoticeState, moment: InstantUs) -> None:
        """Count the whole days on which exactly the final content (but for slips of the pen) could be read, undisturbed."""
        final = state.versions[-1].content
        days = set()
        for begun, ended in self._undisturbed(final, moment):
            days |= {day for day in range(day_of(begun) + 1, day_of(ended)) if self._readable(Day(day))}
        if len(days) < 15:
            raise Unsound(f"{len(days)} days")
        ends = state.ends_at_us
        assert ends is not None
        if not is_working(self.calendar, day_of(InstantUs(ends - 1))):
            raise Unsound("ends on a day of rest")
        if any(from_us < ends <= to_us for from_us, to_us in self.away):
            raise Unsound("nobody could object at the end")

    def _undisturbed(self, final: NoticeContent, moment: InstantUs) -> list[tuple[InstantUs, InstantUs]]:
        """Return the stretches up to now during which this content stood on the board and nothing was open."""
        stretches: list[tuple[InstantUs, InstantUs]] = []
        for place, (begun, state) in enumerate(self.shown):
            ended = self.shown[place + 1][0] if place + 1 < len(self.shown) else moment
            if state.phase not in (P.PUBLISHED, P.CLEAN, P.CERTIFIED) or not same_but_for_slips(state.content, final):
                continue
            if stretches and stretches[-1][1] == begun:
                begun = stretches.pop()[0]
            stretches.append((begun, ended))
        return stretches

    def _readable(self, day: Day) -> bool:
        away = [(max(a, start_of(day)), min(b, end_of(day))) for a, b in self.away]
        points = sorted({point for pair in away for point in pair})
        covered = sum(
            right - left
            for left, right in pairwise(points)
            if left < right and any(a <= left and right <= b for a, b in away)
        )
        return covered <= 4 * HOUR_US


def same_but_for_slips(one: NoticeContent, other: NoticeContent) -> bool:
    """Tell whether two contents are the same but for a handful of characters in their texts."""
    for name in NoticeContent.__struct_fields__:
        before, after = getattr(one, name), getattr(other, name)
        if before == after:
            continue
        # Two corrections of one round differ by at most twice what one of them may change.
        if name not in TYPO_FIELDS or abs(len(before) - len(after)) > 16 or _differs(before, after) > 32:
            return False
    return True


def _differs(before: str, after: str) -> int:
    """Return a measure of difference that needs no cleverness: characters left when the common head and tail are taken off."""
    head = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    rest, other = before[head:], after[head:]
    tail = 0
    while tail < min(len(rest), len(other)) and rest[-1 - tail] == other[-1 - tail]:
        tail += 1
    return max(len(rest), len(other)) - tail


def draw_command(draw: Draw, state: NoticeState, at_us: InstantUs) -> c.NoticeCommand:
    """Draw a command: half of the time what people would do next, without which few walks would come to an end."""
    if draw(0, 1) == 0:
        return _next_step(draw, state)
    return _COMMANDS[draw(0, len(_COMMANDS) - 1)](draw, state, at_us)


def _next_step(draw: Draw, state: NoticeState) -> c.NoticeCommand:
    match state.phase:
        case P.APPROVAL:
            left = [body for body in state.bodies if all(one.body != body for one in state.approvals)]
            return approval(left[0], minutes="纪要1")
        case P.RETURNED:
            return _resubmit(draw, state)
        case P.APPROVED:
            return c.PublishNotice()
        case P.OBJECTED:
            one = next((one for one in state.objections if one.phase.is_open), None)
            if one is None or one.phase.value == "filed":
                return received(1 if one is None else one.no, admitted=draw(0, 1) == 0)
            return decision(one.no, list(c.Ruling)[draw(0, 2)]) if one.panel else panel(one.no)
        case P.SUSTAINED:
            return _revise(draw, state)
        case P.PUBLISHED if draw(0, 2):
            longer = state.content.abstract_zh + "补" * 8
            return c.CorrectTypo(content=replace(state.content, abstract_zh=longer), reason="笔误")
        case P.CERTIFIED:
            return c.ConfirmDeal(by="x")
        case P.DEAL:
            return c.RecordContract(contract_ref="C-1")
        case P.CONTRACT:
            return c.ArchiveNotice()
        case _:
            return c.RecordGap(from_us=InstantUs(state.last_at_us), to_us=InstantUs(state.last_at_us + HOUR_US))


def _changed(draw: Draw, state: NoticeState) -> NoticeContent:
    price = Amount([80_000_000, 250_000_000, 600_000_000][draw(0, 2)] + draw(0, 9))
    return replace(state.content, price=price, title_zh=f"成果{'甲乙丙丁'[draw(0, 3)]}的转让")


def _resubmit(draw: Draw, state: NoticeState) -> c.NoticeCommand:
    applicant = APPLICANTS[draw(0, 2)]
    relation = next((one.kind for one in state.content.related), None)
    return c.ResubmitNotice(
        terms=terms(),
        content=_changed(draw, state),
        applicant=applicant,
        declarations=declared(applicant, relation=relation),
    )


def _revise(draw: Draw, state: NoticeState) -> c.NoticeCommand:
    applicant = APPLICANTS[draw(0, 2)]
    return c.ReviseNotice(
        terms=terms(),
        content=_changed(draw, state),
        applicant=applicant,
        reason="调整",
        declarations=declared(applicant),
    )


def _typo(draw: Draw, state: NoticeState) -> c.NoticeCommand:
    """Mostly a slip; now and then a new price, or a whole new abstract in small steps."""
    match draw(0, 3):
        case 0:
            return c.CorrectTypo(content=_changed(draw, state), reason="笔误")
        case 1:
            return c.CorrectTypo(
                content=replace(state.content, abstract_zh=state.content.abstract_zh + "字字字字字"), reason="笔误"
            )
        case _:
            place = draw(0, 6)
            text = state.content.abstract_zh
            return c.CorrectTypo(
                content=replace(state.content, abstract_zh=text[:place] + "之" + text[place + 1 :]), reason="笔误"
            )


def _gap(draw: Draw, state: NoticeState, at_us: InstantUs) -> c.NoticeCommand:
    to_us = at_us - draw(0, 2) * HOUR_US
    from_us = to_us - draw(1, 30) * HOUR_US
    made: type[Any] = c.RecordGap if draw(0, 2) else c.RecordOutage
    found: c.NoticeCommand = made(from_us=InstantUs(from_us), to_us=InstantUs(to_us))
    return found


def _number(draw: Draw, state: NoticeState) -> int:
    return draw(1, max(1, len(state.objections)))


_COMMANDS: list[Callable[[Draw, NoticeState, InstantUs], c.NoticeCommand]] = [
    lambda d, s, t: c.PublishNotice(),
    lambda d, s, t: c.ReturnNotice(by="account-office", reason="补充"),
    lambda d, s, t: _resubmit(d, s),
    lambda d, s, t: approval(("office", "vice_president", "meeting")[d(0, 2)], APPLICANTS[d(0, 2)] if d(0, 1) else "", "纪要1"),
    *[lambda d, s, t: _typo(d, s)] * 4,
    lambda d, s, t: _revise(d, s),
    lambda d, s, t: c.WithdrawNotice(reason="放弃" if d(0, 9) == 0 else ""),
    lambda d, s, t: c.TerminateNotice(reason="涉密" if d(0, 9) == 0 else ""),
    *[lambda d, s, t: objection(PEOPLE[d(0, 3)], list(c.Ground)[d(0, 7)])] * 2,
    lambda d, s, t: received(_number(d, s), admitted=d(0, 1) == 0),
    lambda d, s, t: panel(_number(d, s)),
    lambda d, s, t: c.ExtendDecision(objection_no=_number(d, s), reason="复杂"),
    lambda d, s, t: decision(_number(d, s), list(c.Ruling)[d(0, 2)]),
    lambda d, s, t: c.WithdrawObjection(objection_no=_number(d, s)),
    *[_gap] * 2,
    lambda d, s, t: c.ConfirmDeal(by="x"),
    lambda d, s, t: c.RecordContract(contract_ref="C"),
    lambda d, s, t: c.ArchiveNotice(),
    lambda d, s, t: c.ReachDeadline(due_us=t),
    lambda d, s, t: c.RecountPeriod(calendar_version=CALENDAR.version),
    lambda d, s, t: c.RecountObjection(objection_no=_number(d, s), calendar_version=CALENDAR.version),
]  # fmt: skip
