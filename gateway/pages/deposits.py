"""My deposits: where to pay, how much, by when, what happens next, the statement, the appeal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from gateway.agencies import deposit_of, deposits_of
from gateway.deposits import acting, showing
from gateway.errors import Code, Refused
from gateway.http.asking import CALLER, network_of
from gateway.ledger_command import COLUMNS, statement_row
from gateway.pages.rendering import page, see_other
from gateway.services import SERVICES, Services
from settlement.deposits.evolving import Deposit
from settlement.ledger.book import PAGE_MAX
from settlement.listing_effects import LISTING_STREAM

A_PAGE: Final = 20
STATEMENT_LINES_MAX: Final = 5_000


async def show_mine(request: web.Request) -> web.Response:
    """GET /me/deposits."""
    services, caller = request.app[SERVICES], request[CALLER]
    after = request.query.get("after", "")[:64]
    found = await deposits_of(services, caller, after, A_PAGE + 1)
    more = found[A_PAGE - 1].id if len(found) > A_PAGE else None
    titles = await titles_of(services, found)
    return page(request, "deposits/mine.html", deposits=found[:A_PAGE], more=more, titles=titles, **words())


async def show_one(request: web.Request) -> web.Response:
    """GET /me/deposits/{id}."""
    return await _one_page(request, await _own(request), None)


async def appeal(request: web.Request) -> web.Response:
    """POST /me/deposits/{id}: object to the forfeiture."""
    services, caller, deposit = request.app[SERVICES], request[CALLER], await _own(request)
    form = await request.post()
    try:
        await acting.appeal(services, caller, network_of(request), deposit.id, str(form.get("text", "")))
    except Refused as refused:
        return await _one_page(request, deposit, refused)
    return see_other(f"/me/deposits/{deposit.id}")


async def own_statement(request: web.Request) -> web.Response:
    """GET /me/deposits/{id}/statement.csv."""
    return await statement(request.app[SERVICES], await _own(request))


async def statement(services: Services, deposit: Deposit) -> web.Response:
    """Return every line of the ledger about a deposit as a file that spreadsheets open (CSV, UTF-8 with a mark)."""
    file, after, lines = io.StringIO(), "", 0
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    while lines < STATEMENT_LINES_MAX and (
        found := await services.settling.ledger.statement(deposit=deposit.id, after=after, limit=PAGE_MAX)
    ):
        writer.writerows(statement_row(line) for line in found if line.party in ("", deposit.party_id))
        after, lines = found[-1].position, lines + len(found)
    headers = {"Content-Disposition": f'attachment; filename="deposit-{deposit.id}.csv"'}
    body = b"\xef\xbb\xbf" + file.getvalue().encode()
    return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)


async def titles_of(services: Services, deposits: Iterable[Deposit]) -> dict[str, tuple[str, str]]:
    """Return the titles, in both languages, of what deposits are for, by subject; what is no listing goes by its name."""
    subjects = {deposit.subject for deposit in deposits}
    names = {subject.removeprefix(LISTING_STREAM) for subject in subjects if subject.startswith(LISTING_STREAM)}
    rows = await services.listings.by_id(sorted(names))
    titles = {f"{LISTING_STREAM}{name}": (row.title_zh, row.title_en) for name, row in rows.items()}
    return {subject: titles.get(subject, (subject, subject)) for subject in subjects}


def words() -> dict[str, Any]:
    """Return what templates of deposits ask for."""
    return {
        "next_key": showing.next_key,
        "tone": showing.tone,
        "reason_key": showing.reason_key,
        "masked": acting.masked,
    }


async def _own(request: web.Request) -> Deposit:
    deposit = await deposit_of(request.app[SERVICES], request[CALLER], request.match_info["id"])
    if deposit is None:
        raise Refused(Code.NOT_FOUND)
    return deposit


async def _one_page(request: web.Request, deposit: Deposit, refused: Refused | None) -> web.Response:
    services = request.app[SERVICES]
    history = await services.settling.deposits.history(deposit.id)
    config = services.config
    return page(
        request, "deposits/one.html", 200 if refused is None else 422, deposit=deposit, refused=refused,
        titles=await titles_of(services, [deposit]), steps=showing.steps_of(history), now_us=services.now_us,
        own=deposit.party_id == request[CALLER].party_id,
        holder=config.escrow_holder, bank=config.escrow_bank,
        **words(),
    )  # fmt: skip


ROUTES = [
    web.get("/me/deposits", show_mine),
    web.get("/me/deposits/{id}", show_one),
    web.post("/me/deposits/{id}", appeal),
    web.get("/me/deposits/{id}/statement.csv", own_statement),
]
