"""Statistics of the market for its staff and registrars, and the yearly report of an institution; as pages and XLSX."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from engine.calendar import civil_of, day_of
from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES
from engine.catalogue.codes.ip_types import IP_TYPES
from engine.catalogue.codes.objectives import OBJECTIVES
from engine.catalogue.codes.party_natures import PARTY_NATURES
from engine.catalogue.codes.plan_sources import PLAN_SOURCES
from engine.catalogue.codes.regions import REGIONS
from engine.values import InstantUs
from gateway.errors import Code, Refused
from gateway.formatting import read_local
from gateway.http.asking import CALLER
from gateway.ledger_command import yuan
from gateway.pages.books import XLSX
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page
from gateway.services import SERVICES, Services
from gateway.statistics import charts
from settlement.statistics.figures import MEASURES, YEARS, Cell, Report
from settlement.statistics.institution import InstitutionReport, institution_report

DAY_US: Final = 86_400_000_000
LEVELS: Final = ("unit", "region", "county")
_NAMES: Final[Mapping[str, Any]] = {
    "kind": CONTRACT_TYPES, "five": CONTRACT_TYPES, "field": FIELDS, "industry": INDUSTRIES, "ipr": IP_TYPES, "plan": PLAN_SOURCES,
    "objective": OBJECTIVES, "seller_region": REGIONS, "buyer_region": REGIONS, "seller_nature": PARTY_NATURES,
    "buyer_nature": PARTY_NATURES,
}  # fmt: skip
_WORDED: Final = ("way", "mode", "band")

Rows = list[tuple[str, Cell]]


async def show(request: web.Request) -> web.Response:
    """GET /desk/statistics."""
    services, language = request.app[SERVICES], language_of(request)
    asked = _asked(request, services)
    report = await services.statistics.report(asked["measure"], asked["year"], asked["quarter"], asked["as_of_us"])
    tables = tables_of(report, asked["level"], language)
    units = {code: cell.total_fen for code, cell in report.regions("seller", "unit").items()}
    trend = [(f"{year}Q{quarter}", report.trend.get((year, quarter), Cell()).total_fen)
             for year in range(report.year - 4, report.year + 1) for quarter in (1, 2, 3, 4)]  # fmt: skip
    amounts = {code: short(fen, language) for code, fen in units.items()}
    return page(
        request, "statistics/market.html", asked=asked, report=report, tables=tables, measures=MEASURES, levels=LEVELS,
        behind=await services.statistics.behind(), query=request.query_string[:300],
        trend=charts.trend(trend, translate(language, "statistics.trend"), {label: f"¥{yuan(max(0, fen))}" for label, fen in trend}),
        tiles=charts.tiles(units, translate(language, "statistics.map"), amounts, language),
    )  # fmt: skip


async def show_file(request: web.Request) -> web.Response:
    """GET /desk/statistics.xlsx: one sheet for each table."""
    services, language = request.app[SERVICES], language_of(request)
    asked = _asked(request, services)
    report = await services.statistics.report(asked["measure"], asked["year"], asked["quarter"], asked["as_of_us"])
    sheets = {"whole": [("", report.whole)], **tables_of(report, asked["level"], language)}
    body = workbook(
        {translate(language, f"statistics.table.{name}"): rows for name, rows in sheets.items()},
        [translate(language, f"statistics.column.{name}") for name in ("code", "count", "total", "technical")],
    )
    return _xlsx(body, f"statistics-{asked['measure']}-{asked['year']}-{asked['quarter']}")


async def show_own(request: web.Request) -> web.Response:
    """GET /console/report: the yearly report of one's own institution (促进科技成果转化法 art. 21)."""
    asked, report = await _own(request)
    language = language_of(request)
    return page(
        request,
        "statistics/own.html",
        asked=asked,
        report=report,
        name_of=lambda table, code: code_name(table, code, language),
    )


async def own_file(request: web.Request) -> web.Response:
    """GET /console/report.xlsx."""
    language = language_of(request)
    asked, report = await _own(request)
    rows = [
        (
            translate(language, f"statistics.own.{name}") + (f" · {code_name(table, code, language)}" if table else ""),
            cell,
        )
        for name, table, code, cell in report.lines()
    ]
    columns = [translate(language, f"statistics.column.{name}") for name in ("code", "count", "total", "technical")]
    return _xlsx(workbook({str(asked["year"]): rows}, columns), f"report-{asked['year']}")


def tables_of(report: Report, level: str, language: str) -> dict[str, Rows]:
    """Return all tables with names, the largest first; months in their order."""
    found: dict[str, Rows] = {"five": _rows("five", report.kinds(), language)}
    for name, table in report.tables.items():
        if name in ("seller_region", "buyer_region"):
            table = report.regions(name.partition("_")[0], level)
        if table and name != "month":
            found[name] = _rows(name, table, language)
    months = report.tables["month"]
    found["month"] = [
        (f"{month:02d}", months.get(str(month), Cell())) for month in range(1, 13) if str(month) in months
    ]
    return {name: rows for name, rows in found.items() if rows}


def code_name(table: str, code: str, language: str) -> str:
    """Return the name of a code in a table."""
    if not code:
        return translate(language, "statistics.not_said")
    if code == "abroad":
        return translate(language, "statistics.abroad")
    if table in _WORDED:
        return translate(language, f"statistics.{table}.{code}")
    entries = _NAMES.get(table)
    return code if entries is None else entries.name(code, language)


def short(fen: int, language: str) -> str:
    """Return an amount for a small place: in 万元 or 亿元, in English in millions."""
    if language == "en":
        return f"{fen / 10**8:,.1f} M"
    return f"{fen / 10**10:,.2f} 亿" if fen >= 10**10 else f"{fen / 10**6:,.0f} 万"


def workbook(sheets: Mapping[str, Rows], columns: Sequence[str]) -> bytes:
    """Return tables as XLSX: counts and yuan as numbers."""
    import openpyxl  # loaded where it is needed: it is large
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title.replace("/", " ")[:31])
        sheet.append(list(columns))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for name, figures in rows:
            text = f"'{name}" if name[:1] in ("=", "+", "-", "@") else name
            sheet.append([text, figures.count, figures.total_fen / 100, figures.technical_fen / 100])
        sheet.column_dimensions["A"].width = 36
        for letter in "BCD":
            sheet.column_dimensions[letter].width = 20
            for cell in sheet[letter][1:]:
                cell.number_format = "#,##0" if letter == "B" else "#,##0.00"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


async def _own(request: web.Request) -> tuple[dict[str, Any], InstitutionReport]:
    services, caller = request.app[SERVICES], request[CALLER]
    asked = _asked(request, services)
    rows = await services.statistics.own(caller.party_id, asked["year"], asked["as_of_us"])
    paid = await services.distribution.paid(caller.party_id)
    return asked, institution_report(asked["year"], rows, paid)


def _rows(name: str, table: Mapping[str, Cell], language: str) -> Rows:
    ordered: Iterable[tuple[str, Cell]] = sorted(table.items(), key=lambda one: (-one[1].total_fen, one[0]))
    return [(code_name(name, code, language), cell) for code, cell in ordered]


def _asked(request: web.Request, services: Services) -> dict[str, Any]:
    """Read the form; what is missing is this year, all quarters, now.

    Raises:
        Refused: MALFORMED (`fields`).
    """
    query = request.query
    year = _number(query.get("year", "") or str(civil_of(day_of(InstantUs(services.now_us)))[0]), "year")
    quarter = _number(query.get("quarter", "") or "0", "quarter")
    if year not in YEARS or quarter not in range(5):
        raise Refused(Code.MALFORMED, fields="year")
    day = query.get("as_of", "")[:10]
    at_us = services.now_us if not day else read_local(f"{day}T00:00")
    if at_us is None:
        raise Refused(Code.MALFORMED, fields="as_of")
    measure, level = query.get("measure", MEASURES[0]), query.get("level", LEVELS[0])
    if measure not in MEASURES or level not in LEVELS:
        raise Refused(Code.MALFORMED, fields="measure")
    as_of_us = at_us + DAY_US - 1 if day else at_us
    return {"measure": measure, "year": year, "quarter": quarter, "as_of_us": as_of_us, "day": day, "level": level}


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise Refused(Code.MALFORMED, fields=name)
    return int(text)


def _xlsx(body: bytes, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type=XLSX, headers=headers)


ROUTES = [
    web.get("/desk/statistics", show),
    web.get("/desk/statistics.xlsx", show_file),
    web.get("/console/report", show_own),
    web.get("/console/report.xlsx", own_file),
]
