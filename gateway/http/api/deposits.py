"""Endpoints of deposits: one's own, and the operator's queues and acts. Amounts are strings of digits in fen."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.agencies import deposit_of, deposits_of
from gateway.deposits import acting
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Digits, Instant, Query, Wish
from settlement.deposits.evolving import Deposit
from settlement.deposits.finding import QUEUES
from settlement.deposits.rules import TEXT_MAX

PAGE_MAX = 100
Reason = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]


class DepositView(Struct, frozen=True, kw_only=True):
    """A deposit as its party and staff see it. Instants are 0 where they do not apply."""

    id: str
    subject: str
    state: str
    amount: str
    received: str
    missing: str
    """What is still to be paid, to exactly this account number."""
    virtual_account: str
    due_at_us: int
    release_by_us: int
    release_certain: bool
    blocked: bool
    payout_problem: str
    """Code of the bank while the release cannot be paid."""
    forfeit_reason: str
    appeal_until_us: int
    appealed: bool
    taken: str
    returned: str
    still_due: str
    deal: str


class StaffDepositView(Struct, frozen=True, kw_only=True):
    """A deposit for staff."""

    deposit: DepositView
    party: str
    payer_name: str
    payer_account: str
    """Its last four characters."""
    several_payers: bool
    appeal: str


class DepositsView(Struct, frozen=True):
    """A page of one's own deposits."""

    deposits: list[DepositView]
    next: str | None


class DepositQueueView(Struct, frozen=True):
    """A page of a queue, longest waiting first."""

    queue: str
    waiting: list[StaffDepositView]
    next: str | None


class PayoutView(Struct, frozen=True):
    """An order to the bank."""

    order_id: str
    state: str
    amount: str


class DepositsQuery(Query):
    """Which of one's own deposits."""

    after: str = Field("", max_length=64, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=PAGE_MAX)


class DepositQueueQuery(Query):
    """Which queue."""

    queue: Literal["payer", "appeals", "forfeits", "overdue", "blocked", "uncertain", "awaited"] = "payer"
    after: str = Field("", pattern=r"^([0-9]{1,18}~[A-Za-z0-9._-]{1,48})?$", description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=PAGE_MAX)


class AppealWish(Wish):
    """Why the deposit should not be lost."""

    text: Reason


class HoldWish(Wish):
    """Hold a deposit that somebody else's account paid."""

    act: Literal["hold"]


class ReleaseWish(Wish):
    """Give it back."""

    act: Literal["release"]
    reason: Reason


class BlockWish(Wish):
    """No release while this stands."""

    act: Literal["block"]
    block: Name
    reason: Reason


class UnblockWish(Wish):
    """Take a block away."""

    act: Literal["unblock"]
    block: Name


class ForfeitWish(Wish):
    """Let it be lost after the appeal window."""

    act: Literal["forfeit"]
    reason: Reason
    appeal_until_us: Instant


class LiftWish(Wish):
    """Take such a proposal back."""

    act: Literal["lift"]
    reason: Reason


class DecideWish(Wish):
    """Decide an appeal."""

    act: Literal["decide"]
    upheld: bool
    reason: Reason


class DeductWish(Wish):
    """Take the shortfall of the second sale."""

    act: Literal["deduct"]
    first_price: Digits
    second_price: Digits
    costs: Digits


DepositAct = Annotated[
    HoldWish | ReleaseWish | BlockWish | UnblockWish | ForfeitWish | LiftWish | DecideWish | DeductWish,
    Field(discriminator="act"),
]


class DepositActWish(Wish):
    """An operator's act."""

    wish: DepositAct


class ReissueWish(Wish):
    """Another account for a payment that failed."""

    payee_name: Annotated[str, StringConstraints(max_length=100)] = ""
    payee_account: Annotated[str, StringConstraints(min_length=1, max_length=40)]


async def own(call: Call, query: DepositsQuery) -> DepositsView:
    """One's own deposits."""
    found = await deposits_of(call.services, call.caller, query.after, query.limit + 1)
    more = found[query.limit - 1].id if len(found) > query.limit else None
    return DepositsView([deposit_view(deposit) for deposit in found[: query.limit]], more)


async def own_one(call: Call) -> DepositView:
    """One of one's own deposits; anybody else's is not there."""
    deposit = await deposit_of(call.services, call.caller, call.path["id"])
    if deposit is None:
        raise Refused(Code.NOT_FOUND)
    return deposit_view(deposit)


async def appeal(call: Call, wish: AppealWish) -> DepositView:
    """Object to the forfeiture of one's own deposit."""
    return deposit_view(
        await acting.appeal(call.services, call.caller, call.origin.network, call.path["id"], wish.text)
    )


async def queue(call: Call, query: DepositQueueQuery) -> DepositQueueView:
    """Deposits that wait for somebody."""
    assert query.queue in QUEUES, "the names are the same"
    since, _, after = query.after.partition("~")
    found = await call.services.settling.deposits.queue(query.queue, (int(since or 0), after), query.limit + 1)
    shown, last = found[: query.limit], None
    if len(found) > query.limit:
        last = f"{shown[-1].since_us}~{shown[-1].deposit.id}"
    return DepositQueueView(query.queue, [staff_view(one.deposit) for one in shown], last)


async def one(call: Call) -> StaffDepositView:
    """A deposit; looking is noted in the audit log."""
    deposit = await call.services.settling.deposits.read(call.path["id"])
    if deposit is None:
        raise Refused(Code.NOT_FOUND)
    await call.services.accounts.note(call.caller, call.origin.network, "deposit.read", deposit.id)
    return staff_view(deposit)


async def act(call: Call, wish: DepositActWish) -> StaffDepositView:
    """Do an operator's act."""
    done = await acting.act(call.services, call.caller, call.origin.network, call.path["id"], _act(wish.wish))
    return staff_view(done)


async def reissue(call: Call, wish: ReissueWish) -> PayoutView:
    """Order a failed payment anew, to a corrected account, under another id."""
    placed = await acting.reissue(
        call.services, call.caller, call.origin.network, call.path["order"], wish.payee_name, wish.payee_account
    )
    return PayoutView(placed.order_id, placed.state.value, str(placed.amount_fen))


def _act(wish: DepositAct) -> acting.OperatorAct:
    match wish:
        case HoldWish():
            return acting.Hold()
        case ReleaseWish():
            return acting.Release(wish.reason)
        case BlockWish():
            return acting.Block(wish.block, wish.reason)
        case UnblockWish():
            return acting.Unblock(wish.block)
        case ForfeitWish():
            return acting.ProposeForfeit(wish.reason, wish.appeal_until_us)
        case LiftWish():
            return acting.LiftForfeit(wish.reason)
        case DecideWish():
            return acting.DecideAppeal(wish.upheld, wish.reason)
        case DeductWish():
            return acting.Deduct(int(wish.first_price), int(wish.second_price), int(wish.costs))


def deposit_view(deposit: Deposit) -> DepositView:
    """Return a deposit as its party sees it."""
    return DepositView(
        id=deposit.id,
        subject=deposit.subject,
        state=deposit.state.value,
        amount=str(deposit.amount_fen),
        received=str(deposit.received_fen),
        missing=str(deposit.missing_fen),
        virtual_account=deposit.virtual_account,
        due_at_us=deposit.due_at_us,
        release_by_us=deposit.release_by_us,
        release_certain=deposit.release_certain,
        blocked=bool(deposit.blocks),
        payout_problem=deposit.release_problem,
        forfeit_reason=deposit.forfeit_reason,
        appeal_until_us=deposit.appeal_until_us,
        appealed=bool(deposit.appeal),
        taken=str(deposit.taken_fen),
        returned=str(deposit.returned_fen),
        still_due=str(deposit.still_due_fen),
        deal=deposit.deal_ref,
    )


def staff_view(deposit: Deposit) -> StaffDepositView:
    """Return a deposit as staff sees it."""
    return StaffDepositView(
        deposit=deposit_view(deposit),
        party=deposit.party_id,
        payer_name=deposit.payer_name,
        payer_account=acting.masked(deposit.payer_account),
        several_payers=deposit.several_payers,
        appeal=deposit.appeal,
    )
