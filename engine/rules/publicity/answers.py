"""What every decision about a notice is made of: answers, reasons, bounds, and who stands where."""

from __future__ import annotations

from typing import Final

from engine.rules.publicity.checking import is_plain, names_person
from engine.rules.publicity.events import NoticeEvent
from engine.rules.publicity.state import (
    NoticeAccepted,
    NoticePhase,
    NoticeRejected,
    NoticeState,
    Objection,
    ObjectionPhase,
)
from engine.rules.rejections import Reject

REASON_LENGTH_MAX: Final = 500
REASONS_LENGTH_MAX: Final = 4_000
"""Characters of the reasons of a decision."""
OBJECTIONS_MAX: Final = 200
"""Objections that suspend, and likewise leads, of one notice."""
VERSIONS_MAX: Final = 100
BEFORE: Final = frozenset({NoticePhase.APPROVAL, NoticePhase.RETURNED, NoticePhase.APPROVED})
"""Nothing runs: in preparation, or a revision being prepared."""
BLOCKED: Final = frozenset({NoticePhase.OBJECTED, NoticePhase.SUSTAINED})


def ok(event: NoticeEvent) -> NoticeAccepted:
    """Accept with this event."""
    return NoticeAccepted(event)


def no(code: Reject, **data: str | int) -> NoticeRejected:
    """Refuse with this code."""
    return NoticeRejected(code, data)


def unless_reason(text: str, length_max: int = REASON_LENGTH_MAX) -> NoticeRejected | None:
    """Return why a text that will be published is no reason; None if it is one."""
    if not text.strip() or len(text) > length_max or not is_plain(text):
        return no(Reject.REASON_REQUIRED, most=length_max)
    return no(Reject.PERSONAL_DATA) if names_person(text) else None


def open_objections(state: NoticeState) -> list[Objection]:
    """Return the objections that stand in the way, in order."""
    return [one for one in state.objections if one.phase.is_open]


def objection_of(state: NoticeState, number: int) -> Objection | None:
    """Return an objection by its number."""
    return state.objections[number - 1] if 1 <= number <= len(state.objections) else None


def wrong_phase(state: NoticeState) -> NoticeRejected:
    """Refuse because of where the notice stands; that an objection is open is said as such."""
    return no(Reject.OBJECTION_OPEN if state.phase in BLOCKED else Reject.WRONG_PHASE, phase=state.phase.value)


def took_part(state: NoticeState) -> frozenset[str]:
    """Return who applied for or approved the notice: they neither handle nor judge objections to it."""
    given = (*state.approvals, *state.past_approvals)
    return frozenset({state.applicant, *state.past_applicants, *(one.approver for one in given)})


def sustained_in_round(state: NoticeState) -> bool:
    """Tell whether an objection of this round was sustained, if only partly."""
    found = (ObjectionPhase.SUSTAINED, ObjectionPhase.PARTLY)
    return any(one.round_no == state.round_no and one.phase in found for one in state.objections)
