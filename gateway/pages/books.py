"""The books for people: one's own statement, and for staff the trial balance of a day and anybody's statement; as CSV and XLSX, too."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from gateway.errors import Code, Refused
from gateway.formatting import read_local, when
from gateway.http.asking import CALLER
from gateway.ledger_command import COLUMNS, statement_row, yuan
from gateway.pages.rendering import page
from gateway.services import SERVICES, Services
from settlement.ledger.book import FOR_EVER_US, PAGE_MAX, StatementLine

LINES_SHOWN: Final = 100
LINES_MAX: Final = 20_000
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
AMOUNTS: Final = frozenset({"debit", "credit", "balance"})
TRIAL_COLUMNS: Final = ("code", "account", "debit", "credit", "balance")


async def show_statement(request: web.Request) -> web.Response:
    """GET /me/statement: every line of the ledger about one's own money."""
    return await _statement_page(request, request[CALLER].party_id, "/me/statement")


async def statement_file(request: web.Request) -> web.Response:
    """GET /me/statement.{kind}: the same as a file."""
    return await _statement_file(request, request[CALLER].party_id)


async def show_ledger(request: web.Request) -> web.Response:
    """GET /desk/ledger: the trial balance at the end of a day, and whose statement is wanted."""
    services, query = request.app[SERVICES], request.query
    day = query.get("day", "")[:10]
    totals = await services.settling.ledger.trial_balance(_end_of(day))
    party = query.get("party", "")[:40]
    lines = await services.settling.ledger.statement(party=party, limit=LINES_SHOWN) if party else []
    return page(
        request, "books/ledger.html", totals=totals, day=day, party=party, lines=lines, shown=LINES_SHOWN,
        rest=sum(total.balance_fen for total in totals), yuan=grouped,
    )  # fmt: skip


async def ledger_file(request: web.Request) -> web.Response:
    """GET /desk/ledger.{kind}: the trial balance, or with `party` a statement, as a file."""
    services, query = request.app[SERVICES], request.query
    party, day = query.get("party", "")[:40], query.get("day", "")[:10]
    if party:
        return await _statement_file(request, party)
    totals = await services.settling.ledger.trial_balance(_end_of(day))
    rows = [(one.code, one.account, yuan(one.debit_fen), yuan(one.credit_fen), yuan(one.balance_fen)) for one in totals]
    return table_file(request.match_info["kind"], f"trial-balance{'-' if day else ''}{day}", TRIAL_COLUMNS, rows)


async def _statement_page(request: web.Request, party_id: str, address: str) -> web.Response:
    services = request.app[SERVICES]
    after = request.query.get("after", "")[:30]
    lines = await services.settling.ledger.statement(party=party_id, after=after, limit=LINES_SHOWN + 1)
    more = lines[LINES_SHOWN - 1].position if len(lines) > LINES_SHOWN else None
    return page(request, "books/statement.html", lines=lines[:LINES_SHOWN], more=more, address=address, yuan=grouped)


async def _statement_file(request: web.Request, party_id: str) -> web.Response:
    lines = await all_lines(request.app[SERVICES], party_id)
    rows = [statement_row(line) for line in lines]
    return table_file(request.match_info["kind"], f"statement-{party_id}", COLUMNS, rows)


async def all_lines(services: Services, party_id: str) -> list[StatementLine]:
    """Return every line of a party, at most `LINES_MAX`."""
    found: list[StatementLine] = []
    after = ""
    while len(found) < LINES_MAX and (
        lines := await services.settling.ledger.statement(party=party_id, after=after, limit=PAGE_MAX)
    ):
        found += lines
        after = lines[-1].position
    return found


def table_file(kind: str, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> web.Response:
    """Return a table as CSV (UTF-8 with a mark, as spreadsheets want it) or XLSX. Text that begins like a formula is written as text.

    Raises:
        Refused: NOT_FOUND: there is no such kind of file.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == "csv":
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([_harmless(cell) for cell in row] for row in rows)
        body = b"\xef\xbb\xbf" + file.getvalue().encode()
        return web.Response(body=body, content_type="text/csv", charset="utf-8", headers=headers)
    if kind == "xlsx":
        return web.Response(body=_workbook(columns, rows), content_type=XLSX, headers=headers)
    raise Refused(Code.NOT_FOUND)


def _workbook(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    import openpyxl  # loaded where it is needed: it is large
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(list(columns))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for row in rows:
        sheet.append([_number_or_text(name, cell) for name, cell in zip(columns, row, strict=True)])
    for place, name in enumerate(columns, start=1):
        if name in AMOUNTS:
            for cell in sheet[get_column_letter(place)][1:]:
                cell.number_format = "#,##0.00"
    for column, name in zip(sheet.columns, columns, strict=True):
        widest = max([len(name), *(len(str(cell.value or "")) for cell in column[:200])])
        sheet.column_dimensions[column[0].column_letter].width = min(40, widest + 2)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _number_or_text(name: str, cell: str) -> Decimal | str:
    """Return an amount as an exact number, anything else as text."""
    return Decimal(cell) if name in AMOUNTS and cell else _harmless(cell)


def grouped(fen: int) -> str:
    """Return an amount in yuan with two decimals and groups of thousands, as people read it."""
    whole, _, rest = yuan(abs(fen)).partition(".")
    return f"{'-' if fen < 0 else ''}{int(whole):,}.{rest}"


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; amounts below zero stay as they are."""
    number = text[1:].replace(".", "", 1).isdigit() if text else False
    return f"'{text}" if text[:1] in "=+-@\t\r" and text and not number else text


def _end_of(day: str) -> int:
    if not day:
        return FOR_EVER_US
    at_us = read_local(f"{day}T00:00")
    if at_us is None or when(at_us)[:10] != day:
        raise Refused(Code.MALFORMED, fields="day")
    return at_us + 86_400_000_000 - 1


ROUTES = [
    web.get("/me/statement", show_statement),
    web.get("/me/statement.{kind}", statement_file),
    web.get("/desk/ledger", show_ledger),
    web.get("/desk/ledger.{kind}", ledger_file),
]
