"""The life of an achievement's record: who may do what in which state. One table; the diagram and the pages are read from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class State(StrEnum):
    """Where the working copy stands. What is public is a matter of versions, not of this state."""

    DRAFT = "DRAFT"
    RELEASE = "RELEASE"
    """Written; waits for the institution's approver."""
    SUBMITTED = "SUBMITTED"
    """Waits for the operator's check."""
    CORRECTION = "CORRECTION"
    """Sent back with reasons."""
    PUBLISHED = "PUBLISHED"
    WITHDRAWN = "WITHDRAWN"
    """Taken back by its owner; not public any more, on record for ever."""
    REFUSED = "REFUSED"
    """Not public by its nature: the content was erased and nothing is taken up again."""


class Act(StrEnum):
    """What can be done with a record."""

    SUBMIT = "SUBMIT"
    """The applicant of the institution is done."""
    RELEASE = "RELEASE"
    """The approver of the institution lets it out."""
    RECALL = "RECALL"
    """The institution takes it back to go on writing."""
    PUBLISH = "PUBLISH"
    SEND_BACK = "SEND_BACK"
    WITHDRAW = "WITHDRAW"
    REVISE = "REVISE"
    """A published record is being changed: the published version stays public meanwhile."""
    REFUSE = "REFUSE"


class Actor(StrEnum):
    """Who does it: applicant and approver are roles inside the owner."""

    APPLICANT = "APPLICANT"
    APPROVER = "APPROVER"
    OPERATOR = "OPERATOR"
    SYSTEM = "SYSTEM"


class Step(NamedTuple):
    """One row: what an act leads to, who may do it, and whether a reason is demanded."""

    to: State
    who: frozenset[Actor]
    reason: bool = False


_INSIDE: Final = frozenset({Actor.APPLICANT, Actor.APPROVER})
_APPROVER: Final = frozenset({Actor.APPROVER})
_OPERATOR: Final = frozenset({Actor.OPERATOR})
_SYSTEM: Final = frozenset({Actor.SYSTEM})

STEPS: Final[Mapping[tuple[State, Act], Step]] = {
    (State.DRAFT, Act.SUBMIT): Step(State.RELEASE, _INSIDE),
    (State.CORRECTION, Act.SUBMIT): Step(State.RELEASE, _INSIDE),
    (State.RELEASE, Act.RELEASE): Step(State.SUBMITTED, _APPROVER),
    (State.RELEASE, Act.SEND_BACK): Step(State.CORRECTION, _APPROVER, reason=True),
    (State.RELEASE, Act.RECALL): Step(State.DRAFT, _INSIDE),
    (State.SUBMITTED, Act.RECALL): Step(State.DRAFT, _INSIDE),
    (State.SUBMITTED, Act.PUBLISH): Step(State.PUBLISHED, _OPERATOR),
    (State.SUBMITTED, Act.SEND_BACK): Step(State.CORRECTION, _OPERATOR, reason=True),
    (State.PUBLISHED, Act.REVISE): Step(State.DRAFT, _INSIDE),
    **{
        (state, Act.WITHDRAW): Step(State.WITHDRAWN, _APPROVER, reason=True)
        for state in (State.DRAFT, State.RELEASE, State.SUBMITTED, State.CORRECTION, State.PUBLISHED)
    },
    **{(state, Act.REFUSE): Step(State.REFUSED, _SYSTEM) for state in State if state is not State.REFUSED},
}

EDITABLE: Final = frozenset({State.DRAFT, State.CORRECTION})
"""States in which the working copy can be written to."""
WAITS_FOR: Final[Mapping[State, Actor | None]] = {
    State.DRAFT: Actor.APPLICANT,
    State.RELEASE: Actor.APPROVER,
    State.SUBMITTED: Actor.OPERATOR,
    State.CORRECTION: Actor.APPLICANT,
    State.PUBLISHED: None,
    State.WITHDRAWN: None,
    State.REFUSED: None,
}
"""Who must act next."""


def acts_of(state: State, actors: frozenset[Actor]) -> list[Act]:
    """Return what these actors may do in a state, in the order of the enumeration."""
    return [act for act in Act if (step := STEPS.get((state, act))) is not None and step.who & actors]
