"""The operator's desk of deposits: queues by what has to be decided, one deposit with its acts, failing payments, problems."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from engine.values import PartyId
from gateway.deposits import acting, showing
from gateway.errors import Code, Refused
from gateway.formatting import read_local
from gateway.http.asking import CALLER, network_of
from gateway.pages.deposits import statement, titles_of, words
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services
from settlement.deposits import acts as a
from settlement.deposits.evolving import Deposit
from settlement.deposits.finding import QUEUES, Waiting
from settlement.deposits.rules import allowed_states
from settlement.payouts.payouts import PayoutOrder

A_PAGE: Final = 50
FAILING: Final = "failing"
PROBLEMS: Final = "problems"
NOTE_MAX: Final = 500


async def show_queue(request: web.Request) -> web.Response:
    """GET /desk/deposits: one queue, the first that is not empty unless one is asked for."""
    services = request.app[SERVICES]
    deposits, payouts = services.settling.deposits, services.settling.payouts
    figures, failing = await deposits.figures(), (await payouts.figures()).failed
    problems = await deposits.problems(A_PAGE)
    counts = {
        FAILING: failing,
        PROBLEMS: len(problems),
        **{name: int(getattr(figures, name)) for name in QUEUES},
    }
    chosen = request.query.get("queue", "")
    if chosen not in counts:
        chosen = next((name for name in counts if counts[name]), QUEUES[0])
    after = _position(request.query.get("after", ""))
    waiting: list[Waiting] = []
    orders: list[PayoutOrder] = []
    more = None
    if chosen == FAILING:
        orders = await payouts.failing(after, A_PAGE + 1)
        if len(orders) > A_PAGE:
            more = f"{orders[A_PAGE - 1].created_at_us}~{orders[A_PAGE - 1].order_id}"
    elif chosen != PROBLEMS:
        waiting = await deposits.queue(chosen, after, A_PAGE + 1)
        if len(waiting) > A_PAGE:
            more = f"{waiting[A_PAGE - 1].since_us}~{waiting[A_PAGE - 1].deposit.id}"
    parties = {one.deposit.party_id for one in waiting} | {order.source.party for order in orders}
    return page(
        request, "deposits/desk.html", counts=counts, chosen=chosen, waiting=waiting[:A_PAGE], orders=orders[:A_PAGE],
        problems=problems, more=more, names=await _names(services, parties), now_us=services.now_us,
        titles=await titles_of(services, [one.deposit for one in waiting]),
        held_fen=figures.held_fen, refused=None, **words(),
    )  # fmt: skip


async def show_one(request: web.Request) -> web.Response:
    """GET /desk/deposits/{id}."""
    return await _one_page(request, await _deposit(request), None)


async def act_on_one(request: web.Request) -> web.Response:
    """POST /desk/deposits/{id}."""
    services, caller, deposit = request.app[SERVICES], request[CALLER], await _deposit(request)
    try:
        wish = _wish(await request.post())
        await acting.act(services, caller, network_of(request), deposit.id, wish)
    except Refused as refused:
        return await _one_page(request, deposit, refused)
    return see_other(f"/desk/deposits/{deposit.id}")


async def reissue(request: web.Request) -> web.Response:
    """POST /desk/payouts/{order}: pay to another account, under a new order."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    name, account = str(form.get("payee_name", "")), str(form.get("payee_account", ""))
    placed = await acting.reissue(services, caller, network_of(request), request.match_info["order"], name, account)
    return see_other(f"/desk/deposits/{placed.source.deposit}" if placed.source.deposit else "/desk/deposits")


async def close_problem(request: web.Request) -> web.Response:
    """POST /desk/deposits/problems: somebody has looked at what the log asked in vain."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    seq, note = str(form.get("seq", "")), str(form.get("note", "")).strip()
    if not (seq.isascii() and seq.isdigit() and len(seq) < 16) or not 1 <= len(note) <= NOTE_MAX:
        raise Refused(Code.MALFORMED, fields="note")
    stream, deposit_id = str(form.get("stream", "")), str(form.get("deposit", ""))
    closed = await services.settling.deposits.close_problem(
        stream, int(seq), deposit_id, actor=caller.party_id, note=note
    )
    if not closed:
        raise Refused(Code.NOT_FOUND)
    await services.accounts.note(caller, network_of(request), "deposit.problem_closed", deposit_id)
    return see_other("/desk/deposits?queue=problems")


async def desk_statement(request: web.Request) -> web.Response:
    """GET /desk/deposits/{id}/statement.csv."""
    return await statement(request.app[SERVICES], await _deposit(request))


def _wish(form: Any) -> acting.OperatorAct:
    reason, block = str(form.get("reason", "")).strip(), str(form.get("block", "")).strip()
    match str(form.get("act", "")):
        case "hold":
            return acting.Hold()
        case "release":
            return acting.Release(reason)
        case "block" if 1 <= len(block) <= 60:
            return acting.Block(block, reason)
        case "unblock":
            return acting.Unblock(block)
        case "forfeit":
            until_us = read_local(str(form.get("appeal_until", "")))
            if until_us is None:
                raise Refused(Code.MALFORMED, fields="appeal_until")
            return acting.ProposeForfeit(reason, until_us)
        case "lift":
            return acting.LiftForfeit(reason)
        case "uphold" | "dismiss" as decision:
            return acting.DecideAppeal(decision == "uphold", reason)
        case "deduct":
            first, second, costs = (acting.read_yuan(str(form.get(name, ""))) for name in ("first", "second", "costs"))
            return acting.Deduct(first, second, costs)
        case _:
            raise Refused(Code.MALFORMED, fields="act")


async def _one_page(request: web.Request, deposit: Deposit, refused: Refused | None) -> web.Response:
    services = request.app[SERVICES]
    await services.accounts.note(request[CALLER], network_of(request), "deposit.read", deposit.id)
    history = await services.settling.deposits.history(deposit.id)
    orders = await services.settling.payouts.of_deposit(deposit.id)
    possible = {
        name: deposit.state in allowed_states(kind)
        for name, kind in (
            ("hold", a.HoldDeposit), ("release", a.ScheduleRelease), ("block", a.BlockRelease),
            ("forfeit", a.ProposeForfeit), ("lift", a.LiftForfeit),
        )
    }  # fmt: skip
    return page(
        request, "deposits/desk_one.html", 200 if refused is None else 422, deposit=deposit, refused=refused,
        steps=showing.steps_of(history), orders=orders, possible=possible, now_us=services.now_us,
        names=await _names(services, {deposit.party_id}),
        titles=await titles_of(services, [deposit]), **words(),
    )  # fmt: skip


async def _deposit(request: web.Request) -> Deposit:
    deposit = await request.app[SERVICES].settling.deposits.read(request.match_info["id"])
    if deposit is None:
        raise Refused(Code.NOT_FOUND)
    return deposit


async def _names(services: Services, parties: set[str]) -> dict[str, str]:
    known = await services.accounts.by_ids([PartyId(party) for party in sorted(parties)])
    return {party: known[PartyId(party)].display_name if PartyId(party) in known else party for party in parties}


def _position(text: str) -> tuple[int, str]:
    since, _, key = text.partition("~")
    return (int(since), key[:64]) if since.isascii() and since.isdigit() and len(since) < 19 else (0, "")


ROUTES = [
    web.get("/desk/deposits", show_queue),
    web.post("/desk/deposits/problems", close_problem),
    web.get("/desk/deposits/{id}", show_one),
    web.post("/desk/deposits/{id}", act_on_one),
    web.get("/desk/deposits/{id}/statement.csv", desk_statement),
    web.post("/desk/payouts/{order}", reissue),
]
