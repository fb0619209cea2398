"""Statistics as XLSX: one sheet for each table, counts and yuan as numbers; grids hold amounts first and counts below."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.statistics.tables import Grid, Rows
from settlement.statistics.figures import Cell

BY_ONE: Final = ("code", "count", "total", "technical", "days")
"""Columns of a table by one dimension."""


def workbook(
    sheets: Mapping[str, Rows],
    columns: Sequence[str],
    grids: Mapping[str, Grid] | None = None,
    words: Mapping[str, str] | None = None,
) -> bytes:
    """Return tables as XLSX.

    Args:
        sheets: Tables by one dimension, by title.
        columns: Titles of `BY_ONE`.
        grids: Tables by two dimensions, by title.
        words: Titles of `total`, `count` and `sum` in grids.
    """
    import openpyxl  # loaded where it is needed: it is large

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        _table(book.create_sheet(_sheet_title(title)), columns, rows)
    for title, one in (grids or {}).items():
        _grid(book.create_sheet(_sheet_title(title)), one, words or {})
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _table(sheet: Any, columns: Sequence[str], rows: Rows) -> None:
    _head(sheet, columns, 1)
    sheet.freeze_panes = "A2"
    for name, cell in rows:
        days = None if cell.average_days is None else round(cell.average_days, 1)
        sheet.append([_text(name), cell.count, cell.total_fen / 100, cell.technical_fen / 100, days])
    sheet.column_dimensions["A"].width = 36
    for letter, look in zip("BCDE", ("#,##0", "#,##0.00", "#,##0.00", "0.0"), strict=True):
        sheet.column_dimensions[letter].width = 20
        for place in sheet[letter][1:]:
            place.number_format = look


def _grid(sheet: Any, grid: Grid, words: Mapping[str, str]) -> None:
    """Write the amounts, an empty row, the counts."""
    sheet.column_dimensions["A"].width = 28
    sheet.freeze_panes = "B2"
    for word, look in (("total", "#,##0.00"), ("count", "#,##0")):
        if sheet.max_row > 1:
            sheet.append([])
        _head(
            sheet, [words.get(word, word), *grid.columns, words.get("sum", "sum")], sheet.max_row + (sheet.max_row > 1)
        )
        for name, cells, whole in (
            *((row.name, row.cells, row.whole) for row in grid.rows), (words.get("sum", "sum"), grid.sums, grid.whole),
        ):  # fmt: skip
            sheet.append([_text(name), *(_figure(cell, word) for cell in (*cells, whole))])
            for place in sheet[sheet.max_row][1:]:
                place.number_format = look


def _figure(cell: Cell, word: str) -> float | int:
    return cell.count if word == "count" else cell.total_fen / 100


def _head(sheet: Any, columns: Sequence[str], row: int) -> None:
    from openpyxl.styles import Font

    for place, name in enumerate(columns, 1):
        head = sheet.cell(row, place, _text(name))
        head.font = Font(bold=True)


def _text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _sheet_title(title: str) -> str:
    return title.replace("/", " ")[:31]
