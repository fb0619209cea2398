"""The bank desk: what waits and why, statements, the reconciliation of a day, payments for the bank's counter. Staff only."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from engine.rules.rejections import Reject
from gateway.bank.banking import names_of
from gateway.errors import Code, Refused
from gateway.http.api.bank import read_file
from gateway.http.asking import CALLER, network_of
from gateway.http.uploads import upload_of
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES
from settlement.bank.by_hand import as_csv
from settlement.bank.exceptions import Act, Item, Problem, Refusal, State, Wish
from settlement.bank.news import day_of
from settlement.bank.parsing import FILE_MAX
from settlement.bank.port import BankUnavailable, PayoutResult, PayoutState

ROWS: Final = 50
ID_LENGTH_MAX: Final = 18
TABS: Final = ("queue", "statements", "day", "payments")


async def show_queue(request: web.Request) -> web.Response:
    """GET /desk/bank: the exceptions queue."""
    banking = request.app[SERVICES].banking
    state = State.CLOSED if request.query.get("state") == "closed" else None
    states = (State.CLOSED,) if state else (State.OPEN, State.WAITING)
    after = _position(request.query.get("after", ""))
    rows = await banking.exceptions.page(states, after, ROWS + 1)
    more = f"{rows[ROWS - 1].opened_at_us}.{rows[ROWS - 1].id}" if len(rows) > ROWS else None
    return page(
        request, "bank/queue.html", tab="queue", rows=rows[:ROWS], more=more, counts=await banking.exceptions.counts(),
        closed=state is not None, now_us=request.app[SERVICES].now_us,
    )  # fmt: skip


async def show_item(request: web.Request) -> web.Response:
    """GET /desk/bank/exceptions/{id}: one row with its reasons, candidates, acts and history."""
    return await _item_page(request, await _item(request))


async def act(request: web.Request) -> web.Response:
    """POST /desk/bank/exceptions/{id}: assign, return, wait, close."""
    services, caller, item, form = request.app[SERVICES], request[CALLER], await _item(request), await request.post()
    wanted, version = str(form.get("act", "")), str(form.get("version", ""))
    if wanted not in list(Act) or not (version.isascii() and version.isdigit() and len(version) < 10):
        raise Refused(Code.MALFORMED, fields="act")
    chosen = str(form.get("other_deposit", "")).strip() or str(form.get("deposit_id", ""))
    wish = Wish(
        item=item.id, version=int(version), act=Act(wanted), reason=str(form.get("reason", "")),
        actor=caller.party_id, deposit_id=chosen[:64], payee_name=str(form.get("payee_name", ""))[:200],
        payee_account=str(form.get("payee_account", ""))[:64],
    )  # fmt: skip
    done = await services.banking.exceptions.act(wish)
    result = done.problem.value if isinstance(done, Refusal) else "done"
    await services.accounts.note(caller, network_of(request), f"bank.{wanted}", str(item.id), result)
    if isinstance(done, Refusal):
        status = 409 if done.problem in (Problem.CHANGED, Problem.DEPOSIT_REFUSES) else 422
        return await _item_page(request, await _item(request), status, refused=done, typed=wish)
    return see_other(f"/desk/bank/exceptions/{item.id}")


async def _item_page(
    request: web.Request, item: Item, status: int = 200, refused: Refusal | None = None, typed: Wish | None = None
) -> web.Response:
    services = request.app[SERVICES]
    found = [await services.settling.deposits.read(deposit_id) for deposit_id in item.candidates[:10]]
    candidates = [deposit for deposit in found if deposit is not None]
    async with services.pool.acquire() as connection:
        names = await names_of(connection, [deposit.party_id for deposit in candidates])
    return page(
        request, "bank/item.html", status, tab="queue", item=item, candidates=candidates,
        names={party: known[0] for party, known in names.items()},
        history=await services.banking.exceptions.acts_of(item.id), refused=refused, typed=typed,
        now_us=services.now_us,
    )  # fmt: skip


async def show_statements(request: web.Request) -> web.Response:
    """GET /desk/bank/statements: import and list."""
    return await _statements_page(request)


async def check_statement(request: web.Request) -> web.Response:
    """POST /desk/bank/statements/check: read a file and show what importing it would do."""
    banking = request.app[SERVICES].banking
    name, data = await read_file(await upload_of(request, FILE_MAX))
    report = await banking.statements.check(data, name)
    kept = banking.files.keep(name, data) if report.can_be_imported else ""
    return await _statements_page(request, 200 if kept else 422, report=report, kept=kept)


async def import_statement(request: web.Request) -> web.Response:
    """POST /desk/bank/statements: import a file that was checked, or fetch a day from the bank."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    banking = services.banking
    if form.get("act") == "fetch":
        day = _day(str(form.get("day", "")))
        if banking.client is None or day is None:
            raise Refused(Code.MALFORMED, fields="day")
        try:
            name, data = f"bank-{day.isoformat()}.csv", await banking.client.statement(day)
        except BankUnavailable:
            return await _statements_page(request, 503, notice="unavailable")
    else:
        kept = banking.files.get(str(form.get("file", "")))
        if kept is None:
            return await _statements_page(request, 409, notice="choose_again")
        name, data = kept
    report = await banking.statements.take(data, name, caller.party_id)
    result = "done" if report.imported else "refused"
    await services.accounts.note(caller, network_of(request), "bank.statement", name[:80], result)
    return await _statements_page(request, 200 if report.imported else 422, report=report)


async def _statements_page(request: web.Request, status: int = 200, **shown: Any) -> web.Response:
    services = request.app[SERVICES]
    context = {"report": None, "kept": "", "notice": "", **shown}
    return page(
        request, "bank/statements.html", status, tab="statements", statements=await services.banking.statements.newest(),
        can_fetch=services.banking.client is not None, today=day_of(services.now_us).isoformat(), **context,
    )  # fmt: skip


async def show_day(request: web.Request) -> web.Response:
    """GET /desk/bank/day?day=2026-11-24: the reconciliation of a day; today without one."""
    services = request.app[SERVICES]
    today = day_of(services.now_us)
    wanted = _day(request.query.get("day", "")) or today
    return page(
        request, "bank/day.html", tab="day", found=await services.banking.reconciling.day(wanted),
        before=(wanted - timedelta(days=1)).isoformat(), after=(wanted + timedelta(days=1)).isoformat(),
    )  # fmt: skip


async def show_payments(request: web.Request) -> web.Response:
    """GET /desk/bank/payments: what has to be paid at the bank's counter."""
    by_hand = request.app[SERVICES].banking.by_hand
    waiting = [] if by_hand is None else await by_hand.waiting(_text_position(request.query.get("after", "")), ROWS + 1)
    more = f"{waiting[ROWS - 1].ordered_at_us}.{waiting[ROWS - 1].order_id}" if len(waiting) > ROWS else None
    files = [] if by_hand is None else await by_hand.files()
    return page(
        request, "bank/payments.html", tab="payments", waiting=waiting[:ROWS], more=more, files=files,
        by_hand=by_hand is not None,
    )  # fmt: skip


async def act_on_payments(request: web.Request) -> web.Response:
    """POST /desk/bank/payments: make a file, or note that the counter refused a payment."""
    services, caller, form = request.app[SERVICES], request[CALLER], await request.post()
    by_hand = services.banking.by_hand
    if by_hand is None:
        raise Refused(Code.NOT_FOUND)
    if form.get("act") == "failed":
        order_id, reason = str(form.get("order_id", "")), str(form.get("reason", "")).strip()
        if not 1 <= len(reason) <= 200:
            raise Refused(Reject.REASON_REQUIRED)
        result = PayoutResult(order_id=order_id, state=PayoutState.FAILED, reason=reason)
        async with services.pool.acquire() as connection, connection.transaction():
            done = await services.settling.payouts.settle(connection, result)
        outcome = "done" if done.refused is None else done.refused.value
        await services.accounts.note(caller, network_of(request), "bank.payment_failed", order_id[:64], outcome)
        if done.refused is not None:
            raise Refused(Code.CONFLICT)
        return see_other("/desk/bank/payments")
    made = await by_hand.make_file(caller.party_id)
    if made is None:
        return see_other("/desk/bank/payments")
    await services.accounts.note(caller, network_of(request), "bank.payment_file", str(made.number))
    return see_other(f"/desk/bank/payments#file-{made.number}")


async def payment_file(request: web.Request) -> web.Response:
    """GET /desk/bank/payments/{number}: a payment file, as often as one likes; each download is noted."""
    services, number = request.app[SERVICES], request.match_info["number"]
    by_hand = services.banking.by_hand
    known = by_hand is not None and number.isascii() and number.isdigit() and len(number) <= ID_LENGTH_MAX
    payments = await by_hand.payments_of(int(number)) if known and by_hand is not None else []
    if not payments:
        raise Refused(Code.NOT_FOUND)
    await services.accounts.note(request[CALLER], network_of(request), "bank.payment_file_read", number)
    return web.Response(
        body=as_csv(payments).encode(), content_type="text/csv", charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="payments-{number}.csv"'},
    )  # fmt: skip


async def _item(request: web.Request) -> Item:
    text = request.match_info["id"]
    known = text.isascii() and text.isdigit() and len(text) <= ID_LENGTH_MAX
    item = await request.app[SERVICES].banking.exceptions.read(int(text)) if known else None
    if item is None:
        raise Refused(Code.NOT_FOUND)
    return item


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _position(text: str) -> tuple[int, int]:
    at_us, _, number = text.partition(".")
    fine = all(part.isascii() and part.isdigit() and len(part) <= ID_LENGTH_MAX for part in (at_us, number))
    return (int(at_us), int(number)) if fine else (0, 0)


def _text_position(text: str) -> tuple[int, str]:
    at_us, _, order_id = text.partition(".")
    return (int(at_us), order_id[:64]) if at_us.isascii() and at_us.isdigit() and len(at_us) <= 18 else (0, "")


ROUTES = [
    web.get("/desk/bank", show_queue),
    web.get("/desk/bank/exceptions/{id}", show_item),
    web.post("/desk/bank/exceptions/{id}", act),
    web.get("/desk/bank/statements", show_statements),
    web.post("/desk/bank/statements/check", check_statement),
    web.post("/desk/bank/statements", import_statement),
    web.get("/desk/bank/day", show_day),
    web.get("/desk/bank/payments", show_payments),
    web.post("/desk/bank/payments", act_on_payments),
    web.get("/desk/bank/payments/{number}", payment_file),
]
