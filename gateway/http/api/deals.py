"""Endpoints of deals: one's own, one deal with its schedule and history, acts, the queues of the desk, statements, the trial balance."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.agencies import settled_deals_of
from gateway.deals import acting, showing
from gateway.deposits.acting import masked
from gateway.http.api.calls import Call
from gateway.http.api.wishes import Instant, Query, Wish
from gateway.pages.deals import place_of, read_place
from settlement.deals.events import encode_event
from settlement.ledger.book import FOR_EVER_US, PAGE_MAX, as_rows

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z_0-9]{1,30}$")]
FieldText = Annotated[str, StringConstraints(max_length=1_000)]


class DealLineView(Struct, frozen=True, kw_only=True):
    """A line of the payment schedule. `amount` None: not known before its report; `due_at_us` 0: its time has not begun."""

    no: int
    kind: str
    amount: str | None
    paid: str
    state: str
    due_at_us: int
    period: int
    reported: str


class DealView(Struct, frozen=True, kw_only=True):
    """A deal as its sides and staff see it."""

    id: str
    way: str
    struck_by: str
    stream: str
    struck_at_us: int
    rule_version: str
    seller: str
    buyers: list[str]
    title_zh: str
    title_en: str
    achievement: str
    mode: str
    payment: str
    price: str
    phase: str
    owner: str
    """Who has to act: market, seller, buyer, both, operator, registrar; empty at the end."""
    deadline_us: int
    since_us: int
    acts: list[str]
    """What the caller can do now."""
    acts_for: str
    """Party for which the caller acts as a confirmed agent; empty: for himself."""
    virtual_account: str
    """Sub-account that the price is paid to."""
    received: str
    outstanding: str
    escrow: str
    seller_fee: str
    buyer_fee: str
    contract_ref: str
    contract_digest: str
    signed: list[str]
    """Sides that have signed."""
    certificate_no: str
    registration_no: str
    shortfall: str
    still_due: str
    lines: list[DealLineView]


class DealsView(Struct, frozen=True):
    """A page of deals, newest first, or of a queue by deadline."""

    deals: list[DealView]
    next: str | None


class DealEventView(Struct, frozen=True, kw_only=True):
    """One event of a deal; `digest` chains it to the one before."""

    seq: int
    at_us: int
    actor: str
    """`market`, or `person`; staff sees which account."""
    type: str
    body: dict[str, Any]
    digest: str


class DealEventsView(Struct, frozen=True):
    """A page of a deal's history, oldest first."""

    events: list[DealEventView]
    next: int | None


class LedgerLinesView(Struct, frozen=True):
    """A page of a statement, oldest first. Amounts in fen, debit positive."""

    lines: list[dict[str, str]]
    next: str | None


class AccountTotalView(Struct, frozen=True, kw_only=True):
    """One account of the trial balance, fen."""

    code: str
    account: str
    debit: str
    credit: str
    balance: str


class TrialBalanceView(Struct, frozen=True):
    """The trial balance; `rest` is zero or the books are wrong."""

    accounts: list[AccountTotalView]
    rest: str


class DealsQuery(Query):
    """Which deals."""

    after: str = Field("", max_length=90, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=100)


class DealQueueQuery(Query):
    """Which queue of the desk."""

    queue: Literal["operator", "overdue", "failing", "registrar", "open"] = "operator"
    after: str = Field("", max_length=90, description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=100)


class DealEventsQuery(Query):
    """Which part of the history."""

    after: int = Field(0, ge=0, le=100_000)
    limit: int = Field(100, ge=1, le=200)


class StatementQuery(Query):
    """Which part of the statement."""

    after: str = Field("", max_length=30, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=PAGE_MAX)


class TrialBalanceQuery(Query):
    """At which instant; nothing: now."""

    at_us: Instant | None = None


class DealActWish(Wish):
    """An act on a deal. The fields of each act are those of its form: docs/RULES-SETTLEMENT.md lists them; amounts in yuan."""

    act: Literal[
        "sign", "refuse", "payment", "hand_over", "accept", "dispute", "report", "distributed", "registered", "decide_default",
        "decide_dispute", "rescind", "resale", "waive_resale", "deadline",
    ]  # fmt: skip
    fields: dict[FieldName, FieldText] = Field(default_factory=dict, max_length=60)


async def own(call: Call, query: DealsQuery) -> DealsView:
    """One's own deals, on whichever side."""
    found = await settled_deals_of(call.services, call.caller, read_place(query.after), query.limit + 1)
    more = place_of(found[query.limit - 1][0]) if len(found) > query.limit else None
    shown = [await acting.reach(call.services, call.caller, process.id) for process, _, _ in found[: query.limit]]
    return DealsView([_view(call, one) for one in shown], more)


async def one(call: Call) -> DealView:
    """One deal of one's own, or for staff any; somebody else's is not there."""
    return _view(call, await acting.reach(call.services, call.caller, call.path["deal"]))


async def events(call: Call, query: DealEventsQuery) -> DealEventsView:
    """What happened to it, with the digests of the chain."""
    standing = await acting.reach(call.services, call.caller, call.path["deal"])
    process, side = standing.process, standing.side
    history = await call.services.settling.deals.history(process.id, query.after, query.limit + 1)
    shown = history[: query.limit]
    found = []
    for line in shown:
        name, body = encode_event(line.event)
        by = line.actor if side is None or line.actor == "market" else "person"
        plain = msgspec.json.decode(body)
        found.append(
            DealEventView(
                seq=line.seq, at_us=line.at_us, actor=by, type=name, body=_without_accounts(plain),
                digest=line.digest.hex(),
            )
        )  # fmt: skip
    return DealEventsView(found, shown[-1].seq if len(history) > query.limit else None)


async def act(call: Call, wish: DealActWish) -> DealView:
    """Do what one's side, or an operator, can do now."""
    done = await acting.act(call.services, call.caller, call.origin.network, call.path["deal"], wish.act, wish.fields)
    return _view(call, await acting.reach(call.services, call.caller, done.id))


async def queue(call: Call, query: DealQueueQuery) -> DealsView:
    """What waits, by deadline."""
    place = read_place(query.after, (-1, ""))
    found = await call.services.settling.deals.queue(query.queue, place, query.limit + 1)
    shown = found[: query.limit]
    more = f"{shown[-1].deadline_us}~{shown[-1].id}" if len(found) > query.limit else None
    return DealsView([_view(call, acting.Standing(process=one, side=None, party="")) for one in shown], more)


async def statement(call: Call, query: StatementQuery) -> LedgerLinesView:
    """Every line of the ledger about one's own money."""
    ledger = call.services.settling.ledger
    lines = await ledger.statement(party=call.caller.party_id, after=query.after, limit=min(query.limit + 1, PAGE_MAX))
    shown = lines[: query.limit]
    rows = [{name: str(value) for name, value in row.items()} for row in as_rows(shown)]
    return LedgerLinesView(rows, shown[-1].position if len(lines) > query.limit else None)


async def trial_balance(call: Call, query: TrialBalanceQuery) -> TrialBalanceView:
    """Debits, credits and balance of every account; the balances sum to zero."""
    at_us = FOR_EVER_US if query.at_us is None else query.at_us
    totals = await call.services.settling.ledger.trial_balance(at_us)
    accounts = [
        AccountTotalView(
            code=one.code, account=one.account, debit=str(one.debit_fen), credit=str(one.credit_fen),
            balance=str(one.balance_fen),
        )
        for one in totals
    ]  # fmt: skip
    return TrialBalanceView(accounts, str(sum(one.balance_fen for one in totals)))


def _view(call: Call, standing: acting.Standing) -> DealView:
    process, deal, side, role = standing.process, standing.process.deal, standing.side, call.caller.role
    who = side.value if side is not None else "" if role is None else role.value
    return DealView(
        id=deal.id, way=deal.way.value, struck_by=deal.struck_by, stream=deal.source.stream,
        struck_at_us=deal.struck_at_us, rule_version=deal.rule_version, seller=deal.seller_id, buyers=list(deal.buyers),
        title_zh=deal.title_zh, title_en=deal.title_en, achievement=deal.achievement_id, mode=deal.mode,
        payment=deal.payment, price=str(deal.price_fen), phase=process.phase.value,
        owner="" if process.wait is None else process.wait.owner.value, deadline_us=process.deadline_us,
        since_us=process.since_us, acts=[one for one in showing.acts_now(process, who) if standing.may(one)],
        acts_for="" if standing.powers is None else standing.party, virtual_account=process.virtual_account,
        received=str(process.received_fen), outstanding=str(process.open_fen), escrow=str(process.escrow_fen),
        seller_fee=str(process.seller_fee_fen), buyer_fee=str(process.buyer_fee_fen), contract_ref=process.contract_ref,
        contract_digest=process.contract_digest, signed=[one.side.value for one in process.signatures],
        certificate_no=process.certificate_no, registration_no=process.registration_no,
        shortfall=str(process.shortfall_fen), still_due=str(process.still_due_fen),
        lines=[
            DealLineView(
                no=row.line.no, kind=row.line.kind.value,
                amount=None if row.line.amount_fen is None else str(row.line.amount_fen), paid=str(row.paid_fen),
                state=row.state, due_at_us=row.line.due_at_us, period=row.line.period, reported=str(row.line.reported_fen),
            )
            for row in showing.lines_of(process, call.services.now_us)
        ],
    )  # fmt: skip


def _without_accounts(body: dict[str, Any]) -> dict[str, Any]:
    """Numbers of bank accounts go to nobody but the bank."""
    return {name: masked(value) if name == "payer_account" else value for name, value in body.items()}
