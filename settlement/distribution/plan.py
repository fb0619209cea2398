"""A plan of distribution: proposed by one member of the unit, approved by another, public for 15 days or more, then paid. Pure.

Every income of a deal (a lump, each instalment, each royalty) is a round with a plan of its own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from settlement.distribution.policy import FEN_MAX, Policy, problems_of
from settlement.distribution.splitting import PERSONS_MAX, Cost, Group, Person, Split, band_of, split

NAME_MAX: Final = 60
REASON_MAX: Final = 1_000
COSTS_MAX: Final = 20


class PlanState(StrEnum):
    """Where a plan stands. That it may be paid follows from the clock: `Plan.payable`."""

    PROPOSED = "proposed"
    RETURNED = "returned"
    PUBLICITY = "publicity"
    OBJECTED = "objected"
    PAID = "paid"


class Problem(StrEnum):
    """Why an act was refused."""

    NO_SUCH_PLAN = "no_such_plan"
    NO_POLICY = "no_policy"
    POLICY_PROBLEMS = "policy_problems"
    WRONG_STATE = "wrong_state"
    SAME_PERSON = "same_person"
    """Who proposed does not approve, and who approved does not decide on an objection."""
    REASON_REQUIRED = "reason_required"
    NOTHING_LEFT = "nothing_left"
    """Costs eat up the income."""
    MORE_THAN_CAME_IN = "more_than_came_in"
    PERSONS = "persons"
    """Nobody, too many, without name or weight, twice, or nobody but staff."""
    MAIN_BELOW_FLOOR = "main_below_floor"
    TOO_EARLY = "too_early"
    """The publicity has not ended."""
    UNDER_WAY = "under_way"
    """Another round of the deal is not paid yet."""
    NOTHING_CHANGED = "nothing_changed"
    """The days were counted by this very calendar, or the end was certain."""


class Refusal(Struct, frozen=True):
    """An act that was refused. `details`: codes of a policy's problems."""

    problem: Problem
    details: tuple[str, ...] = ()


class Proposed(Struct, frozen=True, kw_only=True, tag="distribution.proposed"):
    """Somebody proposes how a round is shared; the policy stands in it as it was."""

    party: str
    deal: str
    round: int
    policy_version: int
    policy: Policy
    contract_fen: int
    costs: tuple[Cost, ...]
    persons: tuple[Person, ...]
    split: Split
    by: str


class Approved(Struct, frozen=True, kw_only=True, tag="distribution.approved"):
    """Somebody else approved it, and it is public in the unit until `public_until_us`. `certain`: within the holiday table."""

    by: str
    public_until_us: int
    certain: bool
    calendar: str


class Returned(Struct, frozen=True, kw_only=True, tag="distribution.returned"):
    """Not approved."""

    by: str
    reason: str


class Objected(Struct, frozen=True, kw_only=True, tag="distribution.objected"):
    """A member of the unit objects: nothing is paid until it is decided."""

    by: str
    text: str


class ObjectionDecided(Struct, frozen=True, kw_only=True, tag="distribution.objection_decided"):
    """Upheld: the plan goes back. Dismissed: it goes on, and the publicity does not end before `public_until_us`."""

    by: str
    upheld: bool
    reason: str


class Recounted(Struct, frozen=True, kw_only=True, tag="distribution.recounted"):
    """The official calendar for the end of the publicity came out. Members rely on the end announced: it moves later, never earlier."""

    public_until_us: int
    certain: bool
    calendar: str


class PaidOut(Struct, frozen=True, kw_only=True, tag="distribution.paid"):
    """The unit paid by its own payroll; `ref` names the payment."""

    by: str
    ref: str


Event = Proposed | Approved | Returned | Objected | ObjectionDecided | Recounted | PaidOut


class Plan(Struct, frozen=True, kw_only=True):
    """A plan after event `seq`."""

    id: str
    seq: int
    state: PlanState
    proposed: Proposed
    proposed_at_us: int
    approved_by: str = ""
    public_from_us: int = 0
    public_until_us: int = 0
    certain: bool = True
    calendar: str = ""
    """Version of the calendar that the end was counted by."""
    objection: str = ""
    objection_by: str = ""
    reason: str = ""
    paid_ref: str = ""
    paid_at_us: int = 0

    def payable(self, now_us: int) -> bool:
        """Tell whether it may be paid: public long enough, nobody's objection open."""
        return self.state is PlanState.PUBLICITY and now_us >= self.public_until_us


class Propose(Struct, frozen=True, kw_only=True):
    """What is proposed. `came_in_fen`: what of the deal's income no earlier round has."""

    party: str
    deal: str
    round: int
    policy_version: int
    policy: Policy | None
    contract_fen: int
    income_fen: int
    came_in_fen: int
    costs: tuple[Cost, ...]
    persons: tuple[Person, ...]


class Approve(Struct, frozen=True, kw_only=True):
    """Approve; the caller counted the days of publicity."""

    public_until_us: int
    certain: bool
    calendar: str


class Recount(Struct, frozen=True, kw_only=True):
    """Count the publicity again; the caller counted its days by a newer calendar."""

    public_until_us: int
    certain: bool
    calendar: str


class Return(Struct, frozen=True, kw_only=True):
    """Send it back."""

    reason: str


class Object(Struct, frozen=True, kw_only=True):
    """Object."""

    text: str


class DecideObjection(Struct, frozen=True, kw_only=True):
    """Decide."""

    upheld: bool
    reason: str


class Pay(Struct, frozen=True, kw_only=True):
    """It was paid."""

    ref: str


Act = Propose | Approve | Recount | Return | Object | DecideObjection | Pay


def decide(plan: Plan | None, act: Act, actor: str, at_us: int) -> Event | Refusal:
    """Return what an act by a member makes of a plan, or why it is refused."""
    if isinstance(act, Propose):
        return Refusal(Problem.WRONG_STATE) if plan is not None else _propose(act, actor)
    if plan is None:
        return Refusal(Problem.NO_SUCH_PLAN)
    match act:
        case Approve() | Return():
            return _judge(plan, act, actor)
        case Recount():
            return _recount(plan, act)
        case Object() | DecideObjection():
            return _object(plan, act, actor, at_us)
        case Pay():
            return _pay(plan, act, actor, at_us)


def _recount(plan: Plan, act: Recount) -> Event | Refusal:
    if plan.state not in (PlanState.PUBLICITY, PlanState.OBJECTED):
        return Refusal(Problem.WRONG_STATE)
    if plan.certain or act.calendar == plan.calendar:
        return Refusal(Problem.NOTHING_CHANGED)
    until_us = max(plan.public_until_us, act.public_until_us)
    return Recounted(public_until_us=until_us, certain=act.certain, calendar=act.calendar)


def _object(plan: Plan, act: Object | DecideObjection, actor: str, at_us: int) -> Event | Refusal:
    if isinstance(act, Object):
        if plan.state is not PlanState.PUBLICITY or plan.payable(at_us):
            return Refusal(Problem.WRONG_STATE)
        return Objected(by=actor, text=act.text) if _said(act.text) else Refusal(Problem.REASON_REQUIRED)
    if plan.state is not PlanState.OBJECTED:
        return Refusal(Problem.WRONG_STATE)
    if actor in (plan.objection_by, plan.proposed.by):
        return Refusal(Problem.SAME_PERSON)
    if not _said(act.reason):
        return Refusal(Problem.REASON_REQUIRED)
    return ObjectionDecided(by=actor, upheld=act.upheld, reason=act.reason)


def _pay(plan: Plan, act: Pay, actor: str, at_us: int) -> Event | Refusal:
    if plan.state is not PlanState.PUBLICITY:
        return Refusal(Problem.WRONG_STATE)
    if not plan.payable(at_us):
        return Refusal(Problem.TOO_EARLY)
    return PaidOut(by=actor, ref=act.ref) if _said(act.ref) else Refusal(Problem.REASON_REQUIRED)


def _propose(act: Propose, actor: str) -> Proposed | Refusal:
    if act.policy is None:
        return Refusal(Problem.NO_POLICY)
    problems = problems_of(act.policy)
    if problems:
        return Refusal(Problem.POLICY_PROBLEMS, problems)
    if not 0 < act.income_fen <= min(act.came_in_fen, FEN_MAX):
        return Refusal(Problem.MORE_THAN_CAME_IN)
    names = [one.name.strip() for one in act.persons]
    sound = all(0 < len(name) <= NAME_MAX for name in names) and all(0 < one.weight <= 10**6 for one in act.persons)
    if (
        not sound
        or len(set(names)) < len(names)
        or len(names) > PERSONS_MAX
        or all(one.group is Group.STAFF for one in act.persons)
    ):
        return Refusal(Problem.PERSONS)
    costs = sum(cost.amount_fen for cost in act.costs)
    if len(act.costs) > COSTS_MAX or any(cost.amount_fen < 0 for cost in act.costs) or costs >= act.income_fen:
        return Refusal(Problem.NOTHING_LEFT)
    policy = act.policy
    made = split(
        band_of(policy.bands, act.contract_fen),
        policy.staff_bps,
        policy.main_bps,
        act.income_fen,
        act.costs,
        act.persons,
    )
    if made.main_fen < made.main_least_fen:
        return Refusal(Problem.MAIN_BELOW_FLOOR)
    return Proposed(
        party=act.party, deal=act.deal, round=act.round, policy_version=act.policy_version, policy=policy,
        contract_fen=act.contract_fen, costs=act.costs, persons=act.persons, split=made, by=actor,
    )  # fmt: skip


def _judge(plan: Plan, act: Approve | Return, actor: str) -> Event | Refusal:
    if plan.state is not PlanState.PROPOSED:
        return Refusal(Problem.WRONG_STATE)
    if isinstance(act, Return):
        return Returned(by=actor, reason=act.reason) if _said(act.reason) else Refusal(Problem.REASON_REQUIRED)
    if actor == plan.proposed.by:
        return Refusal(Problem.SAME_PERSON)
    return Approved(by=actor, public_until_us=act.public_until_us, certain=act.certain, calendar=act.calendar)


def evolve(plan: Plan | None, event: Event, plan_id: str, at_us: int) -> Plan:
    """Return the plan after an event."""
    if isinstance(event, Proposed):
        return Plan(id=plan_id, seq=1, state=PlanState.PROPOSED, proposed=event, proposed_at_us=at_us)
    assert plan is not None, "the first event is a proposal"
    return msgspec.structs.replace(plan, seq=plan.seq + 1, **_changes(event, at_us))


def _changes(event: Event, at_us: int) -> dict[str, object]:
    match event:
        case Approved():
            return {
                "state": PlanState.PUBLICITY, "approved_by": event.by, "public_from_us": at_us,
                "public_until_us": event.public_until_us, "certain": event.certain, "calendar": event.calendar,
            }  # fmt: skip
        case Returned():
            return {"state": PlanState.RETURNED, "reason": event.reason}
        case Objected():
            return {"state": PlanState.OBJECTED, "objection": event.text, "objection_by": event.by}
        case ObjectionDecided():
            state = PlanState.RETURNED if event.upheld else PlanState.PUBLICITY
            return {"state": state, "reason": event.reason}
        case Recounted():
            return {"public_until_us": event.public_until_us, "certain": event.certain, "calendar": event.calendar}
        case PaidOut():
            return {"state": PlanState.PAID, "paid_ref": event.ref, "paid_at_us": at_us}
        case _:
            raise AssertionError("a plan is proposed once")


def encode_event(event: Event) -> tuple[str, bytes]:
    """Return the name and the canonical bytes of an event."""
    plain = msgspec.to_builtins(event)
    return str(plain["type"]), canonical_bytes(plain)


def decode_event(body: bytes) -> Event:
    """Return a stored event.

    Raises:
        msgspec.MsgspecError: the bytes are no such event.
    """
    event: Event = msgspec.json.decode(body, type=Event)
    return event


def _said(text: str) -> bool:
    return 0 < len(text.strip()) <= REASON_MAX
