"""What members of a unit do with policies and plans: who may, what was typed, and a line in the audit log for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.values import CNY, parse_amount
from gateway.accounts.model import Caller, MemberRole, Role
from gateway.deals import acting as deal_acting
from gateway.errors import Code, Refused
from gateway.services import Services
from settlement.deals.deal import DealSide
from settlement.deals.process import Process
from settlement.distribution import plan as p
from settlement.distribution.policy import Policy
from settlement.distribution.splitting import Band, Cost, CostKind, Group, Person

Fields = Mapping[str, str]
PLAN_ACTS: Final = ("approve", "return", "object", "decide", "pay")
"""What may be done with a plan."""
BANDS: Final = 3
"""Bands in the form."""
_MAY: Final[Mapping[str, tuple[MemberRole, ...]]] = {
    "propose_policy": (MemberRole.ADMINISTRATOR, MemberRole.APPLICANT, MemberRole.FINANCE),
    "approve_policy": (MemberRole.ADMINISTRATOR, MemberRole.APPROVER),
    "propose": (MemberRole.ADMINISTRATOR, MemberRole.APPLICANT, MemberRole.FINANCE),
    "approve": (MemberRole.ADMINISTRATOR, MemberRole.APPROVER),
    "return": (MemberRole.ADMINISTRATOR, MemberRole.APPROVER),
    "object": tuple(MemberRole),
    "decide": (MemberRole.ADMINISTRATOR, MemberRole.APPROVER),
    "pay": (MemberRole.ADMINISTRATOR, MemberRole.FINANCE),
}
"""By which of his roles a member may do what; that two acts need two people is the rule's matter."""


def may(caller: Caller, act: str) -> bool:
    """Tell whether a member may do an act at all. A natural person has no unit that distributes."""
    if caller.account is None or caller.account.party == caller.account.id:
        return False
    return bool(caller.account.member_roles & set(_MAY[act]))


async def find(services: Services, caller: Caller, plan_id: str) -> p.Plan:
    """Return a plan for a member of its unit or the market's staff.

    Raises:
        Refused: NOT_FOUND: there is none, or it is another unit's.
    """
    plan = await services.distribution.read(plan_id)
    if plan is None or not (is_staff(caller) or caller.party_id == plan.proposed.party):
        raise Refused(Code.NOT_FOUND)
    return plan


async def deal_of(services: Services, caller: Caller, deal_id: str) -> tuple[Process, DealSide | None]:
    """Return a deal whose income is shared, and the caller's side (None: staff); how it is shared is no business of the buyer.

    Raises:
        Refused: NOT_FOUND.
    """
    process, side = await deal_acting.find(services, caller, deal_id)
    if side is DealSide.BUYER:
        raise Refused(Code.NOT_FOUND)
    return process, side


def is_staff(caller: Caller) -> bool:
    """Tell whether the caller looks on from outside the unit."""
    return caller.role in (Role.OPERATOR, Role.SUPERVISOR)


async def propose_policy(services: Services, caller: Caller, network: str, typed: Fields) -> None:
    """Propose a version of the unit's policy.

    Raises:
        Refused: FORBIDDEN, MALFORMED (`fields`), WRONG_STATE (`problem`, `details`).
    """
    _must(caller, "propose_policy")
    bands = [
        Band(
            from_fen=_fen(typed, f"from_{row}"), reward_bps=_bps(typed, f"reward_{row}"), college_bps=_bps(typed, f"college_{row}"),
            office_bps=_bps(typed, f"office_{row}"), broker_bps=_bps(typed, f"broker_{row}"),
        )
        for row in range(1, BANDS + 1)
        if row == 1 or typed.get(f"reward_{row}", "").strip()
    ]  # fmt: skip
    policy = Policy(
        title=typed.get("title", "").strip(), adopted_ref=typed.get("adopted_ref", "").strip(), bands=tuple(bands),
        main_bps=_bps(typed, "main"), staff_bps=_bps(typed, "staff"), publicity_days=_number(typed, "publicity_days"),
    )  # fmt: skip
    await adopt(services, caller, network, policy)


async def adopt(services: Services, caller: Caller, network: str, policy: Policy) -> None:
    """Propose a version as it was read.

    Raises:
        Refused: FORBIDDEN, WRONG_STATE (`problem`, `details`).
    """
    _must(caller, "propose_policy")
    done = await services.distribution.propose_policy(caller.party_id, policy, _id(caller))
    await _note(
        services, caller, network, "propose_policy", caller.party_id, done if isinstance(done, p.Refusal) else None
    )


async def approve_policy(services: Services, caller: Caller, network: str, version: str) -> None:
    """Put a version in force.

    Raises:
        Refused: FORBIDDEN, WRONG_STATE (`problem`).
    """
    _must(caller, "approve_policy")
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 7 else 0
    done = await services.distribution.approve_policy(caller.party_id, number, _id(caller))
    await _note(services, caller, network, "approve_policy", f"{caller.party_id} {number}", done)


async def propose(services: Services, caller: Caller, network: str, deal_id: str, typed: Fields) -> p.Plan:
    """Propose the next round of a deal; persons are lines `name, group, weight`.

    Raises:
        Refused: FORBIDDEN, NOT_FOUND, MALFORMED (`fields`), WRONG_STATE (`problem`, `details`).
    """
    _must(caller, "propose")
    costs = tuple(
        Cost(kind=kind, amount_fen=amount) for kind in CostKind if (amount := _fen(typed, f"cost_{kind.value}"))
    )
    persons = persons_of(typed.get("persons", ""))
    return await share(services, caller, network, deal_id, _fen(typed, "income"), costs, persons)


async def share(
    services: Services,
    caller: Caller,
    network: str,
    deal_id: str,
    income_fen: int,
    costs: tuple[Cost, ...],
    persons: tuple[Person, ...],
) -> p.Plan:
    """Propose the next round of a deal as it was read.

    Raises:
        Refused: FORBIDDEN, NOT_FOUND, WRONG_STATE (`problem`, `details`).
    """
    _must(caller, "propose")
    done = await services.distribution.propose(caller.party_id, deal_id, income_fen, costs, persons, _id(caller))
    return await _done(services, caller, network, "propose", deal_id, done)


async def act(services: Services, caller: Caller, network: str, plan_id: str, name: str, typed: Fields) -> p.Plan:
    """Do an act on a plan of one's own unit.

    Raises:
        Refused: NOT_FOUND, FORBIDDEN, MALFORMED (`fields`), WRONG_STATE (`problem`).
    """
    plan = await find(services, caller, plan_id)
    if name not in PLAN_ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    if plan.proposed.party != caller.party_id:
        raise Refused(Code.FORBIDDEN)
    _must(caller, name)
    text = typed.get("text", "").strip()
    if name == "approve":
        done = await services.distribution.approve(plan_id, _id(caller))
    else:
        wanted: dict[str, p.Act] = {
            "return": p.Return(reason=text),
            "object": p.Object(text=text),
            "decide": p.DecideObjection(upheld=typed.get("upheld") == "1", reason=text),
            "pay": p.Pay(ref=text),
        }
        done = await services.distribution.act(plan_id, wanted[name], _id(caller))
    return await _done(services, caller, network, name, plan_id, done)


def persons_of(text: str) -> tuple[Person, ...]:
    """Read `name, group, weight` line by line; the group is main, other or staff, in Chinese, too.

    Raises:
        Refused: MALFORMED (`fields`: persons).
    """
    words = {"主要": Group.MAIN, "其他": Group.OTHER, "服务": Group.STAFF, **{group.value: group for group in Group}}
    found = []
    for line in text.splitlines()[:300]:
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.replace("，", ",").split(",")]
        if (
            len(cells) != 3
            or cells[1] not in words
            or not (cells[2].isascii() and cells[2].isdigit() and len(cells[2]) < 8)
        ):
            raise Refused(Code.MALFORMED, fields="persons")
        found.append(Person(name=cells[0], group=words[cells[1]], weight=int(cells[2])))
    return tuple(found)


def _must(caller: Caller, name: str) -> None:
    if not may(caller, name):
        raise Refused(Code.FORBIDDEN)


def _id(caller: Caller) -> str:
    assert caller.account is not None, "the door lets no anonymous caller in"
    return caller.account.id


async def _done(
    services: Services, caller: Caller, network: str, name: str, subject: str, done: p.Plan | p.Refusal
) -> p.Plan:
    await _note(services, caller, network, name, subject, done if isinstance(done, p.Refusal) else None)
    assert isinstance(done, p.Plan), "a refusal was raised"
    return done


async def _note(
    services: Services, caller: Caller, network: str, name: str, subject: str, refusal: p.Refusal | None
) -> None:
    result = "done" if refusal is None else refusal.problem.value
    await services.accounts.note(caller, network, f"distribution.{name}", subject, result)
    if refusal is None:
        return
    if refusal.problem is p.Problem.NO_SUCH_PLAN:
        raise Refused(Code.NOT_FOUND)
    raise Refused(Code.WRONG_STATE, problem=refusal.problem.value, details=" ".join(refusal.details))


def _fen(typed: Fields, name: str) -> int:
    text = typed.get(name, "").strip().replace(",", "").replace("，", "")
    amount = parse_amount(text[:20], CNY) if text else 0
    if amount is None:
        raise Refused(Code.MALFORMED, fields=name)
    return int(amount)


def _bps(typed: Fields, name: str) -> int:
    found = _fen(typed, name)  # per cent with two decimals, like yuan and fen
    if found > 10_000:
        raise Refused(Code.MALFORMED, fields=name)
    return found


def _number(typed: Fields, name: str) -> int:
    text = typed.get(name, "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise Refused(Code.MALFORMED, fields=name)
    return int(text)
