"""Statistics of the market for its staff and registrars, and the yearly report of an institution; as pages and XLSX."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from gateway.http.asking import CALLER
from gateway.ledger_command import yuan
from gateway.pages.books import XLSX
from gateway.pages.i18n import language_of, translate
from gateway.pages.rendering import page
from gateway.services import SERVICES
from gateway.statistics import charts
from gateway.statistics.asking import LEVELS, own_report_of, read_asked, report_of
from gateway.statistics.naming import code_name, days_text, place_name, short
from gateway.statistics.tables import flows_of, grids_of, tables_of
from gateway.statistics.workbook import BY_ONE, workbook
from settlement.statistics.figures import MEASURES, Cell, Report

YEARS_SHOWN: Final = 5


async def show(request: web.Request) -> web.Response:
    """GET /desk/statistics."""
    services, language = request.app[SERVICES], language_of(request)
    asked = read_asked(request.query, services.now_us)
    report = await report_of(services, asked)
    units = {code: cell.total_fen for code, cell in report.regions("seller", "unit").items()}
    amounts = {code: short(fen, language) for code, fen in units.items()}
    trend = _trend(report)
    flows = [(place_name(one.code, language), one.out.total_fen, one.taken.total_fen) for one in flows_of(report)]
    return page(
        request, "statistics/market.html", asked=asked, report=report, tables=tables_of(report, asked.level, language),
        grids=grids_of(report, language), measures=MEASURES, levels=LEVELS, behind=await services.statistics.behind(),
        query=request.query_string[:300], short=lambda fen: short(fen, language), days_text=days_text,
        trend=charts.trend(trend, translate(language, "statistics.trend"), {label: f"¥{yuan(max(0, fen))}" for label, fen in trend}),
        tiles=charts.tiles(units, translate(language, "statistics.map"), amounts, language),
        flows=charts.flows(flows, translate(language, "statistics.flows"), lambda fen: short(fen, language)) if flows else "",
    )  # fmt: skip


async def show_file(request: web.Request) -> web.Response:
    """GET /desk/statistics.xlsx: one sheet for each table."""
    services, language = request.app[SERVICES], language_of(request)
    asked = read_asked(request.query, services.now_us)
    report = await report_of(services, asked)
    sheets = {"whole": [("", report.whole)], **tables_of(report, asked.level, language)}
    body = workbook(
        {translate(language, f"statistics.table.{name}"): rows for name, rows in sheets.items()}, _columns(language, report.measure),
        {translate(language, f"statistics.table.{one.name}"): one for one in grids_of(report, language)},
        {word: translate(language, f"statistics.column.{word}") for word in ("total", "count", "sum")},
    )  # fmt: skip
    return _xlsx(body, f"statistics-{asked.measure}-{asked.year}-{asked.quarter}")


async def show_own(request: web.Request) -> web.Response:
    """GET /console/report: the yearly report of one's own institution (促进科技成果转化法 art. 21)."""
    services, language = request.app[SERVICES], language_of(request)
    asked = read_asked(request.query, services.now_us)
    report = await own_report_of(services, request[CALLER], asked)
    return page(
        request, "statistics/own.html", asked=asked, report=report, days_text=days_text,
        name_of=lambda table, code: code_name(table, code, language),
    )  # fmt: skip


async def own_file(request: web.Request) -> web.Response:
    """GET /console/report.xlsx."""
    services, language = request.app[SERVICES], language_of(request)
    asked = read_asked(request.query, services.now_us)
    report = await own_report_of(services, request[CALLER], asked)
    rows = [
        (
            translate(language, f"statistics.own.{name}") + (f" · {code_name(table, code, language)}" if table else ""),
            cell,
        )
        for name, table, code, cell in report.lines()
    ]
    return _xlsx(workbook({str(asked.year): rows}, _columns(language, "registration")), f"report-{asked.year}")


def _trend(report: Report) -> list[tuple[str, int]]:
    years = range(report.year - YEARS_SHOWN + 1, report.year + 1)
    return [(f"{year}Q{no}", report.trend.get((year, no), Cell()).total_fen) for year in years for no in (1, 2, 3, 4)]


def _columns(language: str, measure: str) -> list[str]:
    return [
        translate(language, f"statistics.column.days_{measure}" if name == "days" else f"statistics.column.{name}")
        for name in BY_ONE
    ]


def _xlsx(body: bytes, name: str) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Cache-Control": "no-store"}
    return web.Response(body=body, content_type=XLSX, headers=headers)


ROUTES = [
    web.get("/desk/statistics", show),
    web.get("/desk/statistics.xlsx", show_file),
    web.get("/console/report", show_own),
    web.get("/console/report.xlsx", own_file),
]
