"""Endpoints that record what became of a contract by agreement: another version, or its end. Amounts are strings of digits in fen."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.http.api.calls import Call
from gateway.http.api.registrations import ContractView, Key, Reason, Short, contract_view
from gateway.http.api.wishes import Digits, Wish
from gateway.registrations import changing
from settlement.contracts.facts import LINES_MAX, TEXT_MAX, Approval, Part

Text = Annotated[str, StringConstraints(max_length=TEXT_MAX)]
IsoDay = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class PartWish(Wish):
    """A part of the price that may not count as technical amount (settlement/contracts/data/amount_rules.json)."""

    kind: Short
    name: Short
    amount: Digits
    quantity: int = Field(1, ge=1, le=99_999)
    needed: int = Field(1, ge=0, le=99_999)


class ApprovalWish(Wish):
    """An approval on file."""

    kind: Short
    number: Short


class ContractChangeWish(Wish):
    """What both sides have agreed on and signed; members that are left out stay as they are."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    signed_on: IsoDay
    key: Key | None = None
    project: Short | None = None
    content: Text | None = None
    acceptance: Text | None = None
    begins_on: IsoDay | None = None
    ends_on: IsoDay | None = None
    total: Digits | None = None
    parts: Annotated[list[PartWish], Field(max_length=LINES_MAX)] | None = None
    approvals: Annotated[list[ApprovalWish], Field(max_length=LINES_MAX)] | None = None
    extra_clauses: Annotated[list[Text], Field(max_length=LINES_MAX)] | None = None
    related: bool | None = None


class ContractEndWish(Wish):
    """Rescinded, or annulled or found void."""

    annulled: bool
    reason: Reason
    on: IsoDay


async def change(call: Call, wish: ContractChangeWish) -> ContractView:
    """Record an agreed change as another version."""
    parts = wish.parts and tuple(
        Part(kind=one.kind, name=one.name, amount_fen=int(one.amount), quantity=one.quantity, needed=one.needed)
        for one in wish.parts
    )
    approvals = wish.approvals and tuple(Approval(kind=one.kind, number=one.number) for one in wish.approvals)
    agreed = changing.AgreedChange(
        reason=wish.reason, signed_on=wish.signed_on, project=wish.project, content=wish.content, acceptance=wish.acceptance,
        begins_on=wish.begins_on, ends_on=wish.ends_on, total_fen=None if wish.total is None else int(wish.total),
        parts=None if wish.parts is None else tuple(parts or ()), approvals=None if wish.approvals is None else tuple(approvals or ()),
        extra_clauses=None if wish.extra_clauses is None else tuple(wish.extra_clauses), related=wish.related,
    )  # fmt: skip
    done = await changing.change(call.services, call.caller, call.origin.network, call.path["id"], agreed, wish.key)
    return contract_view(done)


async def end(call: Call, wish: ContractEndWish) -> ContractView:
    """Record that a contract is over before it was performed."""
    done = await changing.end(
        call.services,
        call.caller,
        call.origin.network,
        call.path["id"],
        annulled=wish.annulled,
        reason=wish.reason,
        on=wish.on,
    )
    return contract_view(done)
