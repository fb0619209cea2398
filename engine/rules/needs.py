"""Technology needs (技术需求): what a company writes down, what must be there before others read it, and who may do what when.

A need is short on purpose: eleven answers, ten minutes. The contact is never public; who wants to answer goes through the market.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct

from engine.rules.achievement.days import day_number
from engine.rules.achievement.record import TRL_LEVELS, Mode

TITLE_MAX: Final = 100
PROBLEM_MIN: Final = 30
"""Characters; less lets nobody answer."""
TEXT_MAX: Final = 3_000
LINE_MAX: Final = 200
LIST_MAX: Final = 10
BUDGET_MAX: Final = 10**13
"""100 billion yuan in fen: more is a typing error."""
DAYS_MAX: Final = 730
"""A need stands open for two years at most (the market's own bound)."""
_FIELD: Final = re.compile(r"0[1-9]|1[01]")
_INDUSTRY: Final = re.compile(r"[A-T]|[A-T]?[0-9]{2,4}")
_REGION: Final = re.compile(r"[1-9][0-9]{5}")


class Need(Struct, frozen=True, kw_only=True):
    """What somebody looks for. Budgets in fen, days ISO texts in Asia/Shanghai."""

    title: str = ""
    problem: str = ""
    indicators: tuple[str, ...] = ()
    """What a solution must reach, one line each."""
    company: str = ""
    """As it is to be read in public."""
    field: str = ""
    industry: str = ""
    region: str = ""
    trl_min: int | None = None
    """Readiness from which an achievement is of use; None: any."""
    budget_min_fen: int | None = None
    budget_max_fen: int | None = None
    negotiable: bool = False
    """面议: instead of a range."""
    deadline: str = ""
    """Last day on which answers are welcome."""
    modes: tuple[Mode, ...] = ()
    contact: str = ""
    """Name and telephone: for the operator, never public."""


class NeedState(StrEnum):
    """Where a need stands."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    """Waits for the operator."""
    CORRECTION = "CORRECTION"
    """Sent back with a reason."""
    PUBLISHED = "PUBLISHED"
    MET = "MET"
    """Its author found what he looked for."""
    CLOSED = "CLOSED"
    """Taken back by its author, or down by the operator; with a reason."""
    EXPIRED = "EXPIRED"
    """Its last day passed."""


class NeedAct(StrEnum):
    """What can be done."""

    SUBMIT = "SUBMIT"
    PUBLISH = "PUBLISH"
    SEND_BACK = "SEND_BACK"
    MEET = "MEET"
    CLOSE = "CLOSE"
    EXPIRE = "EXPIRE"
    RENEW = "RENEW"
    """Write on after the end: a draft again, checked again."""


class NeedActor(StrEnum):
    """Who does it."""

    AUTHOR = "AUTHOR"
    OPERATOR = "OPERATOR"
    CLOCK = "CLOCK"


class NeedStep(NamedTuple):
    """One row of the table."""

    to: NeedState
    who: frozenset[NeedActor]
    reason: bool = False


_AUTHOR: Final = frozenset({NeedActor.AUTHOR})
_OPERATOR: Final = frozenset({NeedActor.OPERATOR})
_EITHER: Final = _AUTHOR | _OPERATOR

NEED_STEPS: Final[Mapping[tuple[NeedState, NeedAct], NeedStep]] = {
    (NeedState.DRAFT, NeedAct.SUBMIT): NeedStep(NeedState.SUBMITTED, _AUTHOR),
    (NeedState.CORRECTION, NeedAct.SUBMIT): NeedStep(NeedState.SUBMITTED, _AUTHOR),
    (NeedState.SUBMITTED, NeedAct.PUBLISH): NeedStep(NeedState.PUBLISHED, _OPERATOR),
    (NeedState.SUBMITTED, NeedAct.SEND_BACK): NeedStep(NeedState.CORRECTION, _OPERATOR, reason=True),
    (NeedState.PUBLISHED, NeedAct.MEET): NeedStep(NeedState.MET, _AUTHOR),
    (NeedState.PUBLISHED, NeedAct.EXPIRE): NeedStep(NeedState.EXPIRED, frozenset({NeedActor.CLOCK})),
    **{
        (state, NeedAct.CLOSE): NeedStep(NeedState.CLOSED, _EITHER, reason=True)
        for state in (NeedState.DRAFT, NeedState.SUBMITTED, NeedState.CORRECTION, NeedState.PUBLISHED)
    },
    **{(state, NeedAct.RENEW): NeedStep(NeedState.DRAFT, _AUTHOR) for state in (NeedState.CLOSED, NeedState.EXPIRED)},
}
NEED_EDITABLE: Final = frozenset({NeedState.DRAFT, NeedState.CORRECTION})


class NeedProblem(NamedTuple):
    """A field and what is wrong with it; the words are the catalogue entry `need.problem.<code>`."""

    field: str
    code: str


def need_acts(state: NeedState, actors: frozenset[NeedActor]) -> list[NeedAct]:
    """Return what these actors may do now."""
    return [act for act in NeedAct if (step := NEED_STEPS.get((state, act))) is not None and step.who & actors]


def need_problems(need: Need, today: str) -> list[NeedProblem]:
    """Return what keeps a need from being submitted on a day (ISO, Asia/Shanghai), in the order of its fields."""
    found = bounds_of(need)
    for name in ("title", "company", "field", "industry", "region", "deadline", "contact"):
        if not getattr(need, name).strip():
            found.append(NeedProblem(name, "required"))
    if len(need.problem.strip()) < PROBLEM_MIN:
        found.append(NeedProblem("problem", "short"))
    found += [
        NeedProblem(name, "code_unknown")
        for name, pattern in (("field", _FIELD), ("industry", _INDUSTRY), ("region", _REGION))
        if (text := getattr(need, name)) and pattern.fullmatch(text) is None
    ]
    if need.trl_min is not None and need.trl_min not in TRL_LEVELS:
        found.append(NeedProblem("trl_min", "trl_range"))
    if not need.modes:
        found.append(NeedProblem("modes", "required"))
    return found + _budget(need) + _deadline(need, today)


def bounds_of(need: Need) -> list[NeedProblem]:
    """Return which texts are too long; drafts are bounded as well."""
    found = [
        NeedProblem(name, "too_long")
        for name, limit in (("title", TITLE_MAX), ("problem", TEXT_MAX), ("company", LINE_MAX), ("contact", LINE_MAX))
        if len(getattr(need, name)) > limit
    ]
    if len(need.indicators) > LIST_MAX or any(len(one) > LINE_MAX for one in need.indicators):
        found.append(NeedProblem("indicators", "too_long"))
    return found


def _budget(need: Need) -> list[NeedProblem]:
    low, high = need.budget_min_fen, need.budget_max_fen
    if low is None and high is None:
        return [] if need.negotiable else [NeedProblem("budget_min_fen", "budget_missing")]
    for name, amount in (("budget_min_fen", low), ("budget_max_fen", high)):
        if amount is not None and not 0 < amount <= BUDGET_MAX:
            return [NeedProblem(name, "amount_range")]
    return (
        [NeedProblem("budget_max_fen", "budget_order")] if low is not None and high is not None and low > high else []
    )


def _deadline(need: Need, today: str) -> list[NeedProblem]:
    if not need.deadline:
        return []
    last, now = day_number(need.deadline), day_number(today)
    if last is None or now is None:
        return [NeedProblem("deadline", "day_unreadable")]
    if last < now:
        return [NeedProblem("deadline", "day_past")]
    return [NeedProblem("deadline", "day_far")] if last - now > DAYS_MAX else []
