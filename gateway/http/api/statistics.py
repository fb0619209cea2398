"""Endpoints of statistics: the market's tables for staff and registrars, an institution's own year. Amounts: strings of digits, fen."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.http.api.calls import Call
from gateway.http.api.wishes import Query
from gateway.statistics.asking import own_report_of, read_asked, report_of
from settlement.statistics.figures import Cell


class FigureView(Struct, frozen=True, kw_only=True):
    """A figure of a table by one dimension; `code` empty: not said. `days`: on average, None where not known."""

    code: str
    count: int
    total: str
    technical: str
    days: float | None


class PairView(Struct, frozen=True, kw_only=True):
    """A figure of a table by two dimensions."""

    first: str
    second: str
    count: int
    total: str
    technical: str
    days: float | None


class QuarterView(Struct, frozen=True, kw_only=True):
    """A quarter of the trend."""

    year: int
    quarter: int
    count: int
    total: str


class StatisticsView(Struct, frozen=True, kw_only=True):
    """All tables of a period as of an instant (domain rules §8.5)."""

    measure: str
    year: int
    quarter: int
    as_of_us: int
    behind: int
    """Histories that wait to be counted; 0: nothing is missing."""
    whole: FigureView
    tables: dict[str, list[FigureView]]
    """By dimension: month, way, mode, kind, field, industry, ipr, plan, objective, natures, band; `five`: the five kinds;
    `seller_region`, `buyer_region`: at the level that was asked for.
    """
    pairs: dict[str, list[PairView]]
    """`flows` (seller's place, buyer's place), `kind_month`, `way_month`, `field_kind`."""
    trend: list[QuarterView]


class ReportLineView(Struct, frozen=True, kw_only=True):
    """A line of an institution's report: its word, the code of its row where it has one, the figure."""

    word: str
    code: str
    count: int
    total: str
    days: float | None


class ReportView(Struct, frozen=True):
    """An institution's year, as far as this market knows it."""

    year: int
    as_of_us: int
    lines: list[ReportLineView]


Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]


class ReportQuery(Query):
    """Which year, as it was known at the end of which day."""

    year: int | None = Field(None, ge=2000, le=2100, description="Left out: this year.")
    as_of: Day = Field("", description="The end of a past day, YYYY-MM-DD; empty: now.")


class StatisticsQuery(ReportQuery):
    """Which figures."""

    measure: Literal["registration", "deal", "received"] = "registration"
    quarter: int = Field(0, ge=0, le=4, description="0: the whole year.")
    level: Literal["unit", "region", "county"] = "unit"


async def market(call: Call, query: StatisticsQuery) -> StatisticsView:
    """The market's figures of a period."""
    asked = read_asked(_words(query), call.services.now_us)
    report = await report_of(call.services, asked)
    tables = {name: table for name, table in report.tables.items() if not name.endswith("_region")}
    for side in ("seller", "buyer"):
        tables[f"{side}_region"] = report.regions(side, asked.level)
    pairs = {
        "flows": report.flows(), "kind_month": report.kinds_by_month(), "way_month": report.ways_by_month(),
        "field_kind": report.fields_by_kind(),
    }  # fmt: skip
    return StatisticsView(
        measure=asked.measure, year=asked.year, quarter=asked.quarter, as_of_us=asked.as_of_us,
        behind=await call.services.statistics.behind(), whole=_figure("", report.whole),
        tables={
            name: [_figure(code, cell) for code, cell in sorted(table.items())]
            for name, table in {**tables, "five": report.kinds()}.items()
        },
        pairs={
            name: [
                PairView(
                    first=first, second=second, count=cell.count, total=str(cell.total_fen), technical=str(cell.technical_fen),
                    days=cell.average_days,
                )
                for (first, second), cell in sorted(cross.items())
            ]
            for name, cross in pairs.items()
        },
        trend=[
            QuarterView(year=year, quarter=quarter, count=cell.count, total=str(cell.total_fen))
            for (year, quarter), cell in sorted(report.trend.items())
        ],
    )  # fmt: skip


async def own(call: Call, query: ReportQuery) -> ReportView:
    """The yearly report of one's own unit."""
    asked = read_asked(_words(query), call.services.now_us)
    report = await own_report_of(call.services, call.caller, asked)
    lines = [
        ReportLineView(word=word, code=code, count=cell.count, total=str(cell.total_fen), days=cell.average_days)
        for word, _, code, cell in report.lines()
    ]
    return ReportView(asked.year, asked.as_of_us, lines)


def _words(query: ReportQuery) -> dict[str, str]:
    return {name: str(value) for name, value in query.model_dump(exclude_none=True).items()}


def _figure(code: str, cell: Cell) -> FigureView:
    return FigureView(
        code=code,
        count=cell.count,
        total=str(cell.total_fen),
        technical=str(cell.technical_fen),
        days=cell.average_days,
    )
