"""The tables of a report for people: rows by one dimension, grids by two (domain.md §8.5). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.regions import HOME, REPORTING_UNITS
from gateway.pages.i18n import translate
from gateway.statistics.charts import shade
from gateway.statistics.naming import code_name, place_name
from settlement.contracts.kinds import KINDS
from settlement.statistics.figures import Cell, Cross, Report

Rows = list[tuple[str, Cell]]
MONTHS: Final = tuple(str(month) for month in range(1, 13))
WAYS: Final = ("auction", "listing", "notice", "")
PLACES: Final = (*(unit.code for unit in REPORTING_UNITS), HOME, "other", "abroad", "")
"""Order of the matrix: the units, the region where no unit is said, other provinces, abroad, not said."""


class Grid(Struct, frozen=True, kw_only=True):
    """A table by two dimensions. Rows and columns without any figure are left out; sums stand at the edges."""

    name: str
    columns: list[str]
    rows: list[GridRow]
    sums: list[Cell]
    """Of the columns."""
    whole: Cell


class GridRow(Struct, frozen=True):
    """A row: its name, a figure for each column, how dark each is (`charts.shade`), and its sum."""

    name: str
    cells: list[Cell]
    shades: list[int]
    whole: Cell


class Flow(Struct, frozen=True, kw_only=True):
    """What a place gave away (输出), took in (吸纳), and kept inside of both."""

    code: str
    out: Cell
    taken: Cell
    within: Cell


def tables_of(report: Report, level: str, language: str) -> dict[str, Rows]:
    """Return all tables with names, the largest first; months in their order."""
    found: dict[str, Rows] = {"five": _rows("five", report.kinds(), language)}
    for name, table in report.tables.items():
        if name in ("seller_region", "buyer_region"):
            table = report.regions(name.partition("_")[0], level)
        if table and name != "month":
            found[name] = _rows(name, table, language)
    months = report.tables["month"]
    found["month"] = [(code_name("month", month, language), months[month]) for month in MONTHS if month in months]
    return {name: rows for name, rows in found.items() if _says_something(name, rows, language)}


def grids_of(report: Report, language: str) -> list[Grid]:
    """Return the tables by two dimensions that say something: a dimension that is nowhere said makes none."""

    def month(code: str) -> str:
        return code_name("month", code, language)

    def named(table: str) -> Callable[[str], str]:
        return lambda code: code_name(table, code, language)

    def place(code: str) -> str:
        return place_name(code, language)

    made = [
        grid("flows", report.flows(), PLACES, PLACES, place, place),
        grid("kind_month", report.kinds_by_month(), (*KINDS, ""), MONTHS, named("five"), month, every=True),
        grid("way_month", report.ways_by_month(), WAYS, MONTHS, named("way"), month, every=True),
        grid("field_kind", report.fields_by_kind(), (*FIELDS, ""), (*KINDS, ""), named("field"), named("five")),
    ]
    not_said = translate(language, "statistics.not_said")
    return [
        one for one in made if one.rows and [row.name for row in one.rows] != [not_said] and one.columns != [not_said]
    ]


def grid(
    name: str,
    cross: Cross,
    firsts: Sequence[str],
    seconds: Sequence[str],
    first_name: Callable[[str], str],
    second_name: Callable[[str], str],
    *,
    every: bool = False,
) -> Grid:
    """Return a grid of what the cross holds, in the given orders; codes outside of them follow at the end. `every`: all columns."""
    used = _in_order(firsts, (one for one, _ in cross))
    columns = _in_order(seconds, [*(other for _, other in cross), *(seconds if every else ())])
    most = max((cell.total_fen for cell in cross.values()), default=0)
    rows = []
    for code in used:
        cells = [cross.get((code, other), Cell()) for other in columns]
        rows.append(GridRow(first_name(code), cells, [shade(cell.total_fen, most) for cell in cells], _sum(cells)))
    sums = [_sum(row.cells[place] for row in rows) for place in range(len(columns))]
    return Grid(name=name, columns=[second_name(code) for code in columns], rows=rows, sums=sums, whole=_sum(sums))


def flows_of(report: Report) -> list[Flow]:
    """Return output, intake and what stayed inside, for the units, other provinces and abroad; none where buyers are not known."""
    cross = report.flows()
    if not any(buyer for _, buyer in cross):
        return []
    return [
        Flow(
            code=code, out=_sum(cell for (seller, _), cell in cross.items() if seller == code),
            taken=_sum(cell for (_, buyer), cell in cross.items() if buyer == code), within=cross.get((code, code), Cell()),
        )
        for code in PLACES
        if code and any(code in pair for pair in cross)
    ]  # fmt: skip


def _in_order(order: Sequence[str], codes: Iterable[str]) -> list[str]:
    found = set(codes)
    return [code for code in order if code in found] + sorted(found - set(order))


def _sum(cells: Iterable[Cell]) -> Cell:
    return sum(cells, Cell())


def _says_something(name: str, rows: Rows, language: str) -> bool:
    return bool(rows) and (name == "month" or [row[0] for row in rows] != [translate(language, "statistics.not_said")])


def _rows(name: str, table: Mapping[str, Cell], language: str) -> Rows:
    ordered: Iterable[tuple[str, Cell]] = sorted(table.items(), key=lambda one: (-one[1].total_fen, one[0]))
    return [(code_name(name, code, language), cell) for code, cell in ordered]
