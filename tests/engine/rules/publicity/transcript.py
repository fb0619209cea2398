"""The record of a notice in test form: send commands at clock times of March 2026, read what the notice says.

The calendar of most tests knows weekends only, so that a reader can count on his fingers: 2 March 2026 is a Monday. Deadlines fall as
the writer lets them fall, each at its own instant, before the next command.
"""

from __future__ import annotations

from typing import Any

from engine.calendar import Calendar
from engine.rules.achievement.record import Mode
from engine.rules.conflicts import RelationKind
from engine.rules.publicity import commands as c
from engine.rules.publicity.content import Basis, BasisKind, Buyer, NamedCompleter, NoticeContent, Related
from engine.rules.publicity.deadlines import next_deadline
from engine.rules.publicity.deciding import decide
from engine.rules.publicity.events import NOTICE_WIRE_NAMES, NoticeEvent
from engine.rules.publicity.evolving import evolve
from engine.rules.publicity.state import NoticeRejected, NoticeState
from engine.rules.publicity.terms import Body, Declaration, DeclarerRole, Ladder, NoticeTerms, Rung
from engine.values import Amount, InstantUs, NoticeId, PartyId
from tests.engine.rules.listing.transcript import CALENDAR, HOUR_US, at, when

__all__ = ["CALENDAR", "HOUR_US", "at", "when"]

NOTICE = NoticeId("notice-1")
SELLER = PartyId("university")
APPLICANT = "account-li"
LADDER = Ladder(
    version=1,
    bodies=(
        Body(code="office", name_zh="科技处"),
        Body(code="vice_president", name_zh="分管副校长"),
        Body(code="meeting", name_zh="校长办公会", collective=True),
    ),
    rungs=(
        Rung(up_to=Amount(200_000_000), bodies=("office",)),
        Rung(up_to=Amount(500_000_000), bodies=("office", "vice_president")),
        Rung(up_to=None, bodies=("office", "vice_president", "meeting")),
    ),
    related_bodies=("meeting",),
)
"""Yangtze University's steps [P-YZU]: 2 and 5 million yuan."""


def terms(**more: Any) -> NoticeTerms:
    """Return terms with the ladder above."""
    return NoticeTerms(**{"ladder": LADDER, **more})


def content(**more: Any) -> NoticeContent:
    """Return a notice of a transfer for 800,000 yuan to a company."""
    given: dict[str, Any] = {
        "achievement_id": "a1",
        "achievement_version": 1,
        "achievement_digest": "ab" * 32,
        "title_zh": "一种耐寒苜蓿的培育方法",
        "abstract_zh": "在零下三十度可越冬的苜蓿品种及其培育方法。",
        "seller_name_zh": "草原大学",
        "field": "08",
        "region": "150100",
        "mode": Mode.TRANSFER,
        "price": Amount(80_000_000),
        "buyer": Buyer(name_zh="北疆草业有限公司"),
        "completers": (NamedCompleter(name="高娃", share_bp=6_000), NamedCompleter(share_bp=4_000)),
        "basis": (Basis(kind=BasisKind.INQUIRY, reference="询价（2026）3号"),),
        "objections_to": "科技处 0471-0000000",
        **more,
    }
    return NoticeContent(**given)


def declared(
    who: str = APPLICANT, completers: int = 2, relation: RelationKind | None = None
) -> tuple[Declaration, ...]:
    """Return the declarations of an applicant and so many completers; the first completer may be tied to the buyer."""
    return (
        Declaration(role=DeclarerRole.APPLICANT, who=who),
        *(
            Declaration(role=DeclarerRole.COMPLETER, who=str(rank), relation=relation if rank == 1 else None)
            for rank in range(1, completers + 1)
        ),
    )


def submit(**more: Any) -> c.SubmitNotice:
    """Return a submission; `price`, `related` and the like go into the content, `terms` replaces the terms."""
    given = dict(more)
    relation = next((one.kind for one in given.get("related", ())), None)
    return c.SubmitNotice(
        terms=given.pop("terms", terms()),
        seller_id=SELLER,
        applicant=APPLICANT,
        declarations=given.pop("declarations", declared(relation=relation)),
        content=content(**given),
    )


def approval(body: str = "office", approver: str = "", minutes: str = "") -> c.ApproveNotice:
    """Return the approval of a body by somebody without an interest."""
    who = approver or f"account-{body}"
    declaration = Declaration(role=DeclarerRole.APPROVER, who=who)
    return c.ApproveNotice(body=body, approver=who, declaration=declaration, minutes=minutes)


def objection(person: str = "wang", ground: c.Ground = c.Ground.OWNERSHIP, **more: Any) -> c.FileObjection:
    """Return an objection of a person; an empty name is an anonymous one."""
    return c.FileObjection(
        objection_id=f"o-{person}-{ground}",
        ground=ground,
        person_key=person,
        personal_digest="cd" * 32,
        statement_digest="ef" * 32,
        **more,
    )


def panel(number: int = 1, *members: str) -> c.NamePanel:
    """Return the naming of a panel, of three unless named."""
    names = members or ("judge-1", "judge-2", "judge-3")
    return c.NamePanel(objection_no=number, members=tuple(c.Panellist(member_id=name) for name in names))


def decision(number: int = 1, ruling: c.Ruling = c.Ruling.DISMISSED) -> c.DecideObjection:
    """Return a decision with reasons."""
    return c.DecideObjection(objection_no=number, ruling=ruling, reasons="经核查，权属清楚。")


def received(number: int = 1, admitted: bool = True) -> c.ReceiveObjection:
    """Return that the desk takes an objection up, or does not."""
    reason = "" if admitted else "未提供任何事实"
    return c.ReceiveObjection(objection_no=number, handler="handler-1", admitted=admitted, reason=reason)


TIE = (Related(kind=RelationKind.OWNED, text="完成人持股 10%"),)


class Story:
    """A notice and what was asked of it."""

    def __init__(self, calendar: Calendar = CALENDAR) -> None:
        self.calendar = calendar
        self.state: NoticeState | None = None
        self.events: list[tuple[InstantUs, NoticeEvent]] = []
        self.now = InstantUs(0)

    @property
    def notice(self) -> NoticeState:
        """The notice, which exists."""
        assert self.state is not None
        return self.state

    @property
    def phase(self) -> str:
        """Where it stands."""
        return self.notice.phase.value

    @property
    def ends(self) -> str | None:
        """When its period ends."""
        return when(self.notice.ends_at_us)

    def tell(self, time: str | InstantUs, *commands: c.NoticeCommand) -> str:
        """Send commands at a time; return the last one's event name, or the code of its refusal."""
        self.wait(time)
        answer = ""
        for command in commands:
            self._fall_due(self.now)
            answer = self._say(command, self.now)
        self._fall_due(self.now)
        return answer

    def wait(self, time: str | InstantUs) -> Story:
        """Let time pass: every deadline falls at its own instant."""
        moment = at(time) if isinstance(time, str) else time
        assert moment >= self.now, "time goes forward"
        self._fall_due(moment)
        self.now = moment
        return self

    def published(self, time: str = "03-02 09:00", **more: Any) -> Story:
        """Hand in, let every body approve and publish, all at one time."""
        assert self.tell(time, submit(**more)) == "submitted"
        for body in self.notice.bodies:
            minutes = "纪要（2026）1号" if body == "meeting" else ""
            assert self.tell(time, approval(body, minutes=minutes)) == "approval_given"
        assert self.tell(time, c.PublishNotice()) == "published"
        return self

    def names(self) -> list[str]:
        """What happened, in order, without the preparation."""
        return [NOTICE_WIRE_NAMES[type(event)][0].removeprefix("notice.") for _, event in self.events]

    def _fall_due(self, until: InstantUs) -> None:
        while self.state is not None:
            due = next_deadline(self.state)
            if due is None or due > until:
                return
            self._say(c.ReachDeadline(due_us=due), max(due, self.state.last_at_us))

    def _say(self, command: c.NoticeCommand, moment: InstantUs) -> str:
        found = decide(self.state, NOTICE, command, moment, self.calendar)
        if isinstance(found, NoticeRejected):
            return found.code.value
        self.events.append((moment, found.event))
        self.state = evolve(self.state, NOTICE, found.event, moment)
        return NOTICE_WIRE_NAMES[type(found.event)][0].removeprefix("notice.")
