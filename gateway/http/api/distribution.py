"""Endpoints of the distribution of income: a unit's policy by versions, rounds of a deal, what a plan goes through. Amounts in fen."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.distribution import acting
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Digits, Query, Wish
from settlement.deals.fees import ALL_BPS
from settlement.distribution.plan import COSTS_MAX, NAME_MAX, REASON_MAX, Plan, encode_event
from settlement.distribution.policy import BANDS_MAX, TEXT_MAX, Policy
from settlement.distribution.splitting import PERSONS_MAX, Band, Cost, CostKind, Group, Person
from settlement.distribution.store import Version

Bps = Annotated[int, Field(ge=0, le=ALL_BPS)]
Title = Annotated[str, StringConstraints(max_length=TEXT_MAX)]


class BandView(Struct, frozen=True, kw_only=True):
    """How net income is shared from a contract price on; the unit keeps the rest. Shares in basis points."""

    from_fen: str
    reward_bps: int
    college_bps: int
    office_bps: int
    broker_bps: int
    unit_bps: int


class PolicyView(Struct, frozen=True, kw_only=True):
    """A version of a unit's policy. In force is the newest one that was approved."""

    version: int
    title: str
    adopted_ref: str
    bands: list[BandView]
    main_bps: int
    staff_bps: int
    publicity_days: int
    proposed_at_us: int
    approved_at_us: int | None
    in_force: bool


class PoliciesView(Struct, frozen=True):
    """Versions, newest first."""

    policies: list[PolicyView]


class ShareView(Struct, frozen=True, kw_only=True):
    """A person's part."""

    name: str
    group: str
    weight: int
    amount: str


class CostView(Struct, frozen=True, kw_only=True):
    """A cost that is taken off the income."""

    kind: str
    amount: str


class PlanView(Struct, frozen=True, kw_only=True):
    """A round of a deal's income. Parts sum to the net income, persons to the reward."""

    id: str
    deal: str
    round: int
    state: str
    """proposed, returned, publicity, objected or paid."""
    payable: bool
    policy_version: int
    income: str
    net: str
    reward: str
    college: str
    office: str
    broker: str
    unit: str
    costs: list[CostView]
    persons: list[ShareView]
    public_from_us: int
    public_until_us: int
    certain: bool
    """False: the publicity ends beyond the holiday table."""
    objection: str
    reason: str
    paid_ref: str
    acts: list[str]
    """What the caller's roles in his unit allow; what the plan's state allows shows when it is tried."""


class PlansView(Struct, frozen=True):
    """Plans, newest first."""

    plans: list[PlanView]


class PlanEventView(Struct, frozen=True, kw_only=True):
    """One thing that happened to a plan."""

    seq: int
    at_us: int
    type: str


class PlanFileView(Struct, frozen=True):
    """A plan and its history, oldest first."""

    plan: PlanView
    history: list[PlanEventView]


class DealDistributionView(Struct, frozen=True, kw_only=True):
    """What of a deal's income came in, and its rounds."""

    deal: str
    came_in: str
    """Released to the seller and in no round yet."""
    next_round: int
    open: bool
    """A round is under way: the next one waits for it."""
    plans: list[PlanView]


class PlansQuery(Query):
    """How many."""

    limit: int = Field(50, ge=1, le=200)


class BandWish(Wish):
    """A band of a policy."""

    from_fen: Digits = "0"
    reward_bps: Bps
    college_bps: Bps = 0
    office_bps: Bps = 0
    broker_bps: Bps = 0


class PolicyWish(Wish):
    """A version of the unit's policy; another member has to approve it."""

    title: Title
    adopted_ref: Title
    bands: Annotated[list[BandWish], Field(min_length=1, max_length=BANDS_MAX)]
    main_bps: Bps
    staff_bps: Bps = 0
    publicity_days: int = Field(15, ge=1, le=365)


class PolicyApprovalWish(Wish):
    """Which version to put in force."""

    version: int = Field(ge=1, le=999_999)


class CostWish(Wish):
    """A cost."""

    kind: Literal["valuation", "upkeep", "broker", "negotiation", "venue_fee", "tax"]
    amount: Digits


class PersonWish(Wish):
    """A person who is rewarded."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX)]
    group: Literal["main", "other", "staff"]
    weight: int = Field(ge=1, le=9_999_999)


class RoundWish(Wish):
    """The next round of a deal."""

    income: Digits
    costs: Annotated[list[CostWish], Field(max_length=COSTS_MAX)] = []
    persons: Annotated[list[PersonWish], Field(min_length=1, max_length=PERSONS_MAX)]


class PlanActWish(Wish):
    """Approve, send back, object, decide on an objection, note the payment (`text`: its reference)."""

    act: Literal["approve", "return", "object", "decide", "pay"]
    text: Annotated[str, StringConstraints(max_length=REASON_MAX)] = ""
    upheld: bool = Field(False, description="Of a decision: the objection is right, the plan goes back.")


async def policies(call: Call) -> PoliciesView:
    """The versions of one's own unit."""
    return await _policies(call)


async def propose_policy(call: Call, wish: PolicyWish) -> PoliciesView:
    """Propose a version."""
    policy = Policy(
        title=wish.title.strip(), adopted_ref=wish.adopted_ref.strip(), main_bps=wish.main_bps, staff_bps=wish.staff_bps,
        publicity_days=wish.publicity_days,
        bands=tuple(
            Band(
                from_fen=int(one.from_fen), reward_bps=one.reward_bps, college_bps=one.college_bps, office_bps=one.office_bps,
                broker_bps=one.broker_bps,
            )
            for one in wish.bands
        ),
    )  # fmt: skip
    await acting.adopt(call.services, call.caller, call.origin.network, policy)
    return await _policies(call)


async def approve_policy(call: Call, wish: PolicyApprovalWish) -> PoliciesView:
    """Put a version in force: another member than who proposed it."""
    await acting.approve_policy(call.services, call.caller, call.origin.network, str(wish.version))
    return await _policies(call)


async def own(call: Call, query: PlansQuery) -> PlansView:
    """The plans of one's own unit."""
    found = await call.services.distribution.of_party(call.caller.party_id, query.limit)
    return PlansView([_view(call, one) for one in found])


async def of_deal(call: Call) -> DealDistributionView:
    """What of a deal's income came in, and its rounds; the buyer and strangers see nothing."""
    return await _deal(call)


async def propose(call: Call, wish: RoundWish) -> DealDistributionView:
    """Propose the next round by the policy in force."""
    costs = tuple(Cost(kind=CostKind(one.kind), amount_fen=int(one.amount)) for one in wish.costs)
    persons = tuple(Person(name=one.name.strip(), group=Group(one.group), weight=one.weight) for one in wish.persons)
    await acting.share(
        call.services, call.caller, call.origin.network, call.path["deal"], int(wish.income), costs, persons
    )
    return await _deal(call)


async def one(call: Call) -> PlanFileView:
    """A plan of one's own unit, or for staff any."""
    plan = await acting.find(call.services, call.caller, call.path["plan"])
    history = [
        PlanEventView(seq=line.seq, at_us=line.at_us, type=encode_event(line.event)[0].partition(".")[2])
        for line in await call.services.distribution.history(plan.id)
    ]
    return PlanFileView(_view(call, plan), history)


async def act(call: Call, wish: PlanActWish) -> PlanView:
    """Do what one's role in the unit allows."""
    typed = {"text": wish.text, "upheld": "1" if wish.upheld else "0"}
    done = await acting.act(call.services, call.caller, call.origin.network, call.path["plan"], wish.act, typed)
    return _view(call, done)


async def _policies(call: Call) -> PoliciesView:
    versions = await call.services.distribution.policies(call.caller.party_id)
    in_force = next((one.version for one in versions if one.approved_by is not None), 0)
    return PoliciesView([_policy(one, in_force) for one in versions])


def _policy(one: Version, in_force: int) -> PolicyView:
    policy = one.policy
    return PolicyView(
        version=one.version, title=policy.title, adopted_ref=policy.adopted_ref, main_bps=policy.main_bps, staff_bps=policy.staff_bps,
        publicity_days=policy.publicity_days, proposed_at_us=one.proposed_at_us, approved_at_us=one.approved_at_us,
        in_force=one.version == in_force,
        bands=[
            BandView(
                from_fen=str(band.from_fen), reward_bps=band.reward_bps, college_bps=band.college_bps, office_bps=band.office_bps,
                broker_bps=band.broker_bps, unit_bps=band.unit_bps,
            )
            for band in policy.bands
        ],
    )  # fmt: skip


async def _deal(call: Call) -> DealDistributionView:
    process, _ = await acting.deal_of(call.services, call.caller, call.path["deal"])
    income = await call.services.distribution.income(process.id)
    assert income is not None, "the deal was found"
    plans = await call.services.distribution.of_deal(process.id)
    return DealDistributionView(
        deal=process.id, came_in=str(income.came_in_fen), next_round=income.round, open=income.open,
        plans=[_view(call, one) for one in plans],
    )  # fmt: skip


def _view(call: Call, plan: Plan) -> PlanView:
    said, split = plan.proposed, plan.proposed.split
    weights = {person.name: person.weight for person in said.persons}
    inside = not acting.is_staff(call.caller) and call.caller.party_id == said.party
    return PlanView(
        id=plan.id, deal=said.deal, round=said.round, state=plan.state.value, payable=plan.payable(call.services.now_us),
        policy_version=said.policy_version, income=str(split.income_fen), net=str(split.net_fen), reward=str(split.reward_fen),
        college=str(split.college_fen), office=str(split.office_fen), broker=str(split.broker_fen), unit=str(split.unit_fen),
        costs=[CostView(kind=cost.kind.value, amount=str(cost.amount_fen)) for cost in said.costs],
        persons=[
            ShareView(name=paid.name, group=paid.group.value, weight=weights.get(paid.name, 0), amount=str(paid.amount_fen))
            for paid in split.persons
        ],
        public_from_us=plan.public_from_us, public_until_us=plan.public_until_us, certain=plan.certain, objection=plan.objection,
        reason=plan.reason, paid_ref=plan.paid_ref,
        acts=[name for name in acting.PLAN_ACTS if inside and acting.may(call.caller, name)],
    )  # fmt: skip
