"""Endpoints of credit records: one's own, one record with what happened to it, appeal, decision, repair; the desk."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.accounts.model import Role
from gateway.credit import acting
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Query, Wish
from settlement.credit.record import Record, RecordState, encode_event

Reason = Annotated[str, StringConstraints(max_length=acting.TEXT_MAX)]


class CreditRecordView(Struct, frozen=True, kw_only=True):
    """A credit record for its party and for staff."""

    id: str
    party: str
    cause: str
    subject: str
    """Deal or registration."""
    evidence: str
    """Stream, number and name of the event, or what an operator wrote."""
    state: str
    """noticed, appealed, in_force or withdrawn."""
    counts: bool
    """In force and not expired now."""
    noticed_at_us: int
    appeal_until_us: int
    expires_at_us: int
    appeal: str
    reason: str
    """Of the decision or the repair."""
    rules: str
    """Version of the days of appeal and expiry."""
    acts: list[str]
    """What the caller may do now."""


class CreditEventView(Struct, frozen=True, kw_only=True):
    """One thing that happened to a record."""

    at_us: int
    type: str
    by: str
    """`market`, `party`, or `operator`; staff sees which account."""


class CreditRecordsView(Struct, frozen=True):
    """Records: on the desk appeals first, then the newest."""

    records: list[CreditRecordView]


class CreditFileView(Struct, frozen=True):
    """A record and its history, oldest first."""

    record: CreditRecordView
    history: list[CreditEventView]


class CreditQuery(Query):
    """How many."""

    limit: int = Field(50, ge=1, le=200)


class CreditDeskQuery(CreditQuery):
    """Which records."""

    state: Literal["", "noticed", "appealed", "in_force", "withdrawn"] = Field("", description="Empty: all.")


class CreditNoticeWish(Wish):
    """False documents that an operator found."""

    deal: Annotated[str, StringConstraints(max_length=64)]
    side: Literal["seller", "buyer"]
    evidence: Reason


class CreditActWish(Wish):
    """Appeal (the party), decide on an appeal or write down repair (an operator)."""

    act: Literal["appeal", "decide", "repair"]
    text: Reason
    upheld: bool = Field(False, description="Of a decision: the appeal is right, the record is withdrawn.")


async def own(call: Call, query: CreditQuery) -> CreditRecordsView:
    """What stands, or is going to stand, in one's own record."""
    found = await call.services.credit.of_party(call.caller.party_id, query.limit)
    return CreditRecordsView([_view(call, one) for one in found])


async def desk(call: Call, query: CreditDeskQuery) -> CreditRecordsView:
    """Records by state."""
    found = await call.services.credit.newest(query.state, query.limit)
    return CreditRecordsView([_view(call, one) for one in found])


async def one(call: Call) -> CreditFileView:
    """One record of one's own, or for staff any."""
    record = await acting.find(call.services, call.caller, call.path["record"])
    staff = call.caller.role in (Role.OPERATOR, Role.SUPERVISOR)
    history = [
        CreditEventView(
            at_us=at_us, type=encode_event(event)[0].partition(".")[2],
            by=actor if staff or actor == "market" else "party" if name == "Appealed" else "operator",
        )
        for at_us, actor, event in await call.services.credit.history(record.id)
        for name in (type(event).__name__,)
    ]  # fmt: skip
    return CreditFileView(_view(call, record), history)


async def notice(call: Call, wish: CreditNoticeWish) -> CreditRecordView:
    """Begin a record: the party is told and may appeal."""
    network = call.origin.network
    made = await acting.notice(call.services, call.caller, network, wish.deal, wish.side, wish.evidence)
    return _view(call, made)


async def act(call: Call, wish: CreditActWish) -> CreditRecordView:
    """Do what one may do with a record now."""
    record = await acting.find(call.services, call.caller, call.path["record"])
    done = await acting.act(
        call.services, call.caller, call.origin.network, record, wish.act, wish.text, upheld=wish.upheld
    )
    return _view(call, done)


def _view(call: Call, record: Record) -> CreditRecordView:
    said, now_us = record.noticed, call.services.now_us
    possible = {
        "appeal": record.state is RecordState.NOTICED and now_us < said.appeal_until_us,
        "decide": record.state is RecordState.APPEALED and said.by != call.caller.login_id,
        "repair": record.counts(now_us),
    }
    mine = acting.acts_of(call.caller, record)
    return CreditRecordView(
        id=record.id, party=said.party, cause=said.cause.value, subject=said.subject, evidence=said.evidence,
        state=record.state.value, counts=record.counts(now_us), noticed_at_us=record.at_us, appeal_until_us=said.appeal_until_us,
        expires_at_us=said.expires_at_us, appeal=record.appeal, reason=record.reason, rules=said.rules,
        acts=[name for name, now in possible.items() if now and name in mine],
    )  # fmt: skip
