"""The acts of people on deals, the same for pages and programs: who may do which, and a line in the audit log for each.

A side acts for itself, or its confirmed agent for it within his mandate; to everybody else a deal looks as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct

from engine.catalogue.parties.ties import Power
from engine.values import CNY, parse_amount
from gateway.accounts.model import Caller, Role
from gateway.errors import Code
from gateway.errors import Refused as RefusedByGateway
from gateway.formatting import read_local
from gateway.services import Services
from settlement.deals import acts as a
from settlement.deals.answers import Refusal, Refused
from settlement.deals.deal import DealSide
from settlement.deals.payment import (
    EntryRoyalty,
    Instalments,
    Lump,
    Part,
    PaymentTerms,
    Royalty,
    RoyaltyBase,
    Trigger,
)
from settlement.deals.phases import Phase
from settlement.deals.process import Process
from settlement.deposits.events import DepositState


class Standing(Struct, frozen=True, kw_only=True):
    """How somebody stands to a deal."""

    process: Process
    side: DealSide | None
    """None: staff."""
    party: str
    """The party on that side for which he acts; empty for staff."""
    powers: frozenset[Power] | None = None
    """Of an agent; None: he acts for himself."""
    by_plan: bool = False
    """The income waits to be distributed by a plan, whose payment moves the deal: nobody does it beside that."""

    def may(self, act: str) -> bool:
        """Tell whether an act is open to him: one that no plan does, and that his mandate covers; who acts for himself needs none."""
        if self.by_plan and act == DISTRIBUTED:
            return False
        return self.powers is None or _POWERS.get(act) in self.powers


Fields = Mapping[str, str]
"""What was typed or sent, by name; a missing name is empty."""
_MALFORMED: Final = {
    Refusal.REASON_REQUIRED: "reason",
    Refusal.PROOF_REQUIRED: "proof_ref",
    Refusal.AMOUNT_OUT_OF_RANGE: "amount",
}
PARTS_MAX: Final = 12
DISTRIBUTED: Final = "distributed"
_POWERS: Final[Mapping[str, Power]] = {
    "sign": Power.SIGN, "refuse": Power.SIGN, "payment": Power.PERFORM, "hand_over": Power.PERFORM, "accept": Power.PERFORM,
    "dispute": Power.PERFORM, "report": Power.PERFORM,
}  # fmt: skip
"""Which power an agent needs for an act; what a unit does inside itself is no agent's."""


async def find(services: Services, caller: Caller, deal_id: str) -> tuple[Process, DealSide | None]:
    """Return a deal and the side of the caller; None for staff.

    Raises:
        RefusedByGateway: NOT_FOUND: there is none, or it is nobody's business of his.
    """
    if caller.role is not None and caller.role.is_staff:
        process = await services.settling.deals.read(deal_id)
        if process is not None:
            return process, None
    elif caller.account is not None:
        found = await services.settling.deals.seen_by(deal_id, caller.party_id)
        if found is not None:
            return found
    raise RefusedByGateway(Code.NOT_FOUND)


async def reach(services: Services, caller: Caller, deal_id: str) -> Standing:
    """Return a deal as its sides, staff, and confirmed agents of a side see it.

    An agent sees the deals of his principal on what his authorisation is about (民法典 art. 165), and nothing beside them.

    Raises:
        RefusedByGateway: NOT_FOUND: there is none, or it is nobody's business of his.
    """
    try:
        process, side = await find(services, caller, deal_id)
    except RefusedByGateway:
        found = await services.settling.deals.read(deal_id) if caller.mandates else None
        mandate = None if found is None else caller.mandate_on(found.deal.source.subject)
        side = None if found is None or mandate is None else found.deal.side_of(mandate.principal)
        if found is None or mandate is None or side is None:
            raise
        return Standing(process=found, side=side, party=mandate.principal, powers=mandate.powers)
    by_plan = process.phase is Phase.DISTRIBUTING and await services.distribution.by_plan(
        process.id, process.deal.seller_id
    )
    return Standing(process=process, side=side, party="" if side is None else caller.party_id, by_plan=by_plan)


async def act(services: Services, caller: Caller, network: str, deal_id: str, name: str, fields: Fields) -> Process:
    """Do an act and return the deal after it.

    Raises:
        RefusedByGateway: NOT_FOUND, FORBIDDEN (not this side's act), MALFORMED (`fields`), WRONG_STATE (`problem`: code of the rule).
    """
    standing = await reach(services, caller, deal_id)
    process, side = standing.process, standing.side
    row = _ACTS.get(name)
    if row is None:
        raise RefusedByGateway(Code.MALFORMED, fields="act")
    allowed, make = row
    who = "operator" if caller.role is Role.OPERATOR else "" if side is None else side.value
    if name == DISTRIBUTED and standing.by_plan and who in allowed:
        raise RefusedByGateway(Code.WRONG_STATE, problem="distributed_by_plan")
    if who not in allowed or not standing.may(name):
        raise RefusedByGateway(Code.FORBIDDEN)
    assert caller.account is not None, "the door lets no anonymous caller in"
    wanted = make(Wanted(process, side, standing.party, fields))
    if isinstance(wanted, a.RecordResale):
        wanted = await _with_deposit(services, process, wanted)
    done = await services.settling.deals.do(process.id, wanted, actor=caller.account.id)
    result = done.code.value if isinstance(done, Refused) else "done"
    await services.accounts.note(caller, network, f"deal.{name}", process.id, result)
    if isinstance(done, Refused):
        raise _as_gateway(done)
    return done.process


async def _with_deposit(services: Services, process: Process, wanted: a.RecordResale) -> a.RecordResale:
    """Count the deposits that are lost, or about to be, towards the shortfall."""
    lost = (DepositState.FORFEIT_PENDING, DepositState.FORFEITED, DepositState.PARTLY_DEDUCTED)
    deposits = [await services.settling.deposits.read(one) for one in process.deal.deposit_ids]
    covered = sum(deposit.amount_fen for deposit in deposits if deposit is not None and deposit.state in lost)
    return a.RecordResale(second_price_fen=wanted.second_price_fen, costs_fen=wanted.costs_fen, deposit_fen=covered)


class Wanted:
    """What somebody wants to be done with a deal."""

    def __init__(self, process: Process, side: DealSide | None, party: str, fields: Fields) -> None:
        self.process = process
        self.side = side
        self.party = party
        self._fields = fields

    def text(self, name: str) -> str:
        """Return a field."""
        return self._fields.get(name, "").strip()

    def fen(self, name: str) -> int:
        """Return an amount typed in yuan as fen.

        Raises:
            RefusedByGateway: MALFORMED.
        """
        amount = parse_amount(self.text(name).replace(",", "").replace("，", ""), CNY)
        if amount is None:
            raise RefusedByGateway(Code.MALFORMED, fields=name)
        return int(amount)

    def number(self, name: str, otherwise: int | None = None) -> int:
        """Return a whole number.

        Raises:
            RefusedByGateway: MALFORMED.
        """
        text = self.text(name)
        if not text and otherwise is not None:
            return otherwise
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise RefusedByGateway(Code.MALFORMED, fields=name)
        return int(text)

    def bps(self, name: str) -> int:
        """Return a percentage as basis points.

        Raises:
            RefusedByGateway: MALFORMED.
        """
        return self.fen(name)  # two decimals, like yuan and fen

    def must_be(self, side: DealSide) -> None:
        """Refuse what the other side says.

        Raises:
            RefusedByGateway: FORBIDDEN.
        """
        if self.side is not side:
            raise RefusedByGateway(Code.FORBIDDEN)


def _sign(want: Wanted) -> a.Act:
    assert want.side is not None, "a side signs"
    if want.text("agree") != "1":
        raise RefusedByGateway(Code.MALFORMED, fields="agree")
    return a.SignContract(side=want.side, party_id=want.party, contract_digest=want.text("digest"))


def _refuse(want: Wanted) -> a.Act:
    assert want.side is not None, "a side refuses"
    return a.RefuseToSign(side=want.side, reason=want.text("reason"))


def _payment(want: Wanted) -> a.Act:
    return a.ProposePayment(payment=read_payment(want))


def _hand_over(want: Wanted) -> a.Act:
    proof = want.text("proof_ref")
    return a.HandOver(proof_ref=proof, proof_digest=sha256(proof.encode()).hexdigest(), note=want.text("note"))


def _accept(want: Wanted) -> a.Act:
    return a.AcceptDelivery(by_operator=want.side is None, reason=want.text("reason"))


def _default(want: Wanted) -> a.Act:
    side = want.text("side")
    if side not in ("", *DealSide):
        raise RefusedByGateway(Code.MALFORMED, fields="side")
    return a.DecideDefault(side=DealSide(side) if side else None, reason=want.text("reason"))


def _resale(want: Wanted) -> a.Act:
    return a.RecordResale(second_price_fen=want.fen("second_price"), costs_fen=want.fen("costs"), deposit_fen=0)


def _deadline(want: Wanted) -> a.Act:
    deadline_us = read_local(want.text("deadline"))
    if deadline_us is None:
        raise RefusedByGateway(Code.MALFORMED, fields="deadline")
    return a.MoveDeadline(deadline_us=deadline_us, reason=want.text("reason"))


def _decide_dispute(want: Wanted) -> a.Act:
    return a.DecideDispute(delivered=want.text("delivered") == "1", reason=want.text("reason"))


SELLER, BUYER, OPERATOR = "seller", "buyer", "operator"
_ACTS: Final[Mapping[str, tuple[frozenset[str], Callable[[Wanted], a.Act]]]] = {
    "sign": (frozenset({SELLER, BUYER}), _sign),
    "refuse": (frozenset({SELLER, BUYER}), _refuse),
    "payment": (frozenset({SELLER, OPERATOR}), _payment),
    "hand_over": (frozenset({SELLER}), _hand_over),
    "accept": (frozenset({BUYER, OPERATOR}), _accept),
    "dispute": (frozenset({BUYER, OPERATOR}), lambda want: a.DisputeDelivery(reason=want.text("reason"))),
    "report": (
        frozenset({BUYER}),
        lambda want: a.ReportRoyalty(period=want.number("period"), base_fen=want.fen("base")),
    ),
    DISTRIBUTED: (frozenset({SELLER, OPERATOR}), lambda want: a.NoteDistributed(ref=want.text("ref"))),
    "registered": (frozenset({OPERATOR}), lambda want: a.NoteRegistered(number=want.text("number"))),
    "decide_default": (frozenset({OPERATOR}), _default),
    "decide_dispute": (frozenset({OPERATOR}), _decide_dispute),
    "rescind": (frozenset({OPERATOR}), lambda want: a.RescindDeal(reason=want.text("reason"))),
    "resale": (frozenset({OPERATOR}), _resale),
    "waive_resale": (frozenset({OPERATOR}), lambda want: a.WaiveResale(reason=want.text("reason"))),
    "deadline": (frozenset({OPERATOR}), _deadline),
}
ACTS: Final = tuple(_ACTS)
"""Names of the acts of people."""


def read_payment(want: Wanted) -> PaymentTerms:
    """Return payment terms as they were typed: percentages with two decimals, amounts in yuan.

    Raises:
        RefusedByGateway: MALFORMED: `fields` names the first that cannot be read.
    """
    match want.text("kind"):
        case "lump":
            return Lump(working_days=want.number("working_days"))
        case "instalments":
            count = range(1, PARTS_MAX + 1)
            parts = tuple(_part(want, number) for number in count if want.text(f"share_{number}"))
            secured = want.text("secured") == "1"
            daily = want.number("interest_daily_ppm", 0)
            return Instalments(parts=parts, secured=secured, interest_daily_ppm=daily)
        case "royalty":
            return _royalty(want)
        case "entry_royalty":
            return EntryRoyalty(working_days=want.number("working_days"), royalty=_royalty(want))
        case _:
            raise RefusedByGateway(Code.MALFORMED, fields="kind")


def _part(want: Wanted, number: int) -> Part:
    after = want.text(f"after_{number}") or Trigger.SIGNING.value
    if after not in (Trigger.SIGNING, Trigger.DELIVERY):
        raise RefusedByGateway(Code.MALFORMED, fields=f"after_{number}")
    return Part(share_bps=want.bps(f"share_{number}"), after=Trigger(after), days=want.number(f"days_{number}"))


def _royalty(want: Wanted) -> Royalty:
    base = want.text("base")
    if base not in set(RoyaltyBase):
        raise RefusedByGateway(Code.MALFORMED, fields="base")
    rates = want.text("rates").replace("，", ",").replace("%", "").split(",")
    amounts = [parse_amount(rate.strip(), CNY) for rate in rates]
    if any(amount is None for amount in amounts) or len(rates) > PARTS_MAX * 8:
        raise RefusedByGateway(Code.MALFORMED, fields="rates")
    return Royalty(
        base=RoyaltyBase(base), rates_bps=tuple(int(amount or 0) for amount in amounts), months=want.number("months"),
        periods=want.number("periods"), floor_fen=want.fen("floor") if want.text("floor") else 0,
        cap_fen=want.fen("cap") if want.text("cap") else 0, late_daily_ppm=want.number("late_daily_ppm", 0),
    )  # fmt: skip


def _as_gateway(refused: Refused) -> RefusedByGateway:
    if refused.code is Refusal.NO_SUCH_DEAL:
        return RefusedByGateway(Code.NOT_FOUND)
    if refused.code in _MALFORMED:
        return RefusedByGateway(Code.MALFORMED, fields=_MALFORMED[refused.code])
    return RefusedByGateway(Code.WRONG_STATE, problem=refused.code.value)
