"""The registration package as XLSX: one sheet as the form stands, one with parts of the price, one with the clauses, one with the lists.

Texts that a spreadsheet would take for formulas are kept as texts.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from settlement.registration.form import FieldKind, form_fields, form_table

FORM_SHEET: Final = "登记表 Form"
AMOUNT_SHEET: Final = "技术交易额 Amount"
CLAUSE_SHEET: Final = "合同条款 Clauses"
LIST_SHEET: Final = "代码版本 Lists"
FORM_HEAD: Final = (
    "序号 No.",
    "栏目 Field",
    "英文 English",
    "系统字段 National name",
    "内容 Value",
    "代码 Code",
    "来源 Origin",
)
_SECTIONS: Final = {"contract": "合同", "seller": "卖方", "buyer": "买方", "amount": "金额", "project": "项目"}
_HEAD_FILL: Final = PatternFill("solid", fgColor="EEF1F5")
_SECTION_FILL: Final = PatternFill("solid", fgColor="F8F3EC")
_CODED: Final = (FieldKind.CODE, FieldKind.LEAF, FieldKind.YES_NO)


def package_workbook(package: dict[str, Any], number: str = "") -> bytes:
    """Return the workbook of a package (settlement/registration/package.py); `number`: the registration number where it has one."""
    book = Workbook()
    _form(book.active, package, number)  # type: ignore[arg-type]  # a new book has one sheet
    _amount(book.create_sheet(AMOUNT_SHEET), package)
    _clauses(book.create_sheet(CLAUSE_SHEET), package)
    _lists(book.create_sheet(LIST_SHEET), package)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def _form(sheet: Worksheet, package: dict[str, Any], number: str) -> None:
    sheet.title = FORM_SHEET
    head = f"技术合同登记表 {form_table().form_no} · {package['contract']['title']}"
    _row(sheet, 1, [head], bold=True)
    _row(
        sheet,
        2,
        [f"合同登记编号：{number or '（待登记）'}", "", "", "", f"{package['registration']} · {package['revision']}"],
    )
    _row(sheet, 3, list(FORM_HEAD), bold=True, fill=_HEAD_FILL)
    fields, row, section = form_fields(), 4, ""
    for place, said in enumerate(package["fields"], start=1):
        field = fields[said["key"]]
        if field.section != section:
            section = field.section
            _row(sheet, row, [_SECTIONS[section]], bold=True, fill=_SECTION_FILL)
            row += 1
        code = said["value"] if field.kind in _CODED else ""
        _row(sheet, row, [str(place), field.zh, field.en, field.national, said["shown"], code, said["origin"]])
        row += 1
    for column, width in zip("ABCDEFG", (8, 26, 34, 22, 46, 18, 14), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A4"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True  # type: ignore[union-attr]


def _amount(sheet: Worksheet, package: dict[str, Any]) -> None:
    amount = package["amount"]
    _row(sheet, 1, ["项目 Item", "名称 Name", "金额（元） Amount", "扣除（元） Subtracted"], bold=True, fill=_HEAD_FILL)
    _row(sheet, 2, ["合同成交总额 Total", "", _yuan(amount["total_fen"])])
    for place, part in enumerate(amount["parts"], start=3):
        _row(sheet, place, [part["kind"], part["name"], _yuan(part["amount_fen"]), _yuan(part["subtracted_fen"])])
    last = 3 + len(amount["parts"])
    _row(sheet, last, ["技术交易额 Technical amount", "", _yuan(amount["technical_fen"])], bold=True)
    if amount["undetermined"]:
        _row(sheet, last + 1, ["提成部分尚未确定，先登记后补充 Royalty to be supplemented"])
    for column, width in zip("ABCD", (30, 30, 20, 20), strict=True):
        sheet.column_dimensions[column].width = width


def _clauses(sheet: Worksheet, package: dict[str, Any]) -> None:
    _row(sheet, 1, ["条 No.", "标题 Title", "内容 Text"], bold=True, fill=_HEAD_FILL)
    for place, clause in enumerate(package["contract"]["clauses"], start=1):
        _row(sheet, place + 1, [str(place), clause["title"], clause["text"]])
    sheet.column_dimensions["B"].width, sheet.column_dimensions["C"].width = 28, 100


def _lists(sheet: Worksheet, package: dict[str, Any]) -> None:
    _row(sheet, 1, ["代码表 List", "版本 Version"], bold=True, fill=_HEAD_FILL)
    rows = [("form", package["form"]["version"]), *sorted(package["form"]["lists"].items())]
    for place, (name, version) in enumerate(rows, start=2):
        _row(sheet, place, [name, version])
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 28, 16


def _row(sheet: Worksheet, row: int, values: list[str], *, bold: bool = False, fill: PatternFill | None = None) -> None:
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(row, column)
        assert isinstance(cell, Cell), "no cells are merged"
        cell.value, cell.data_type = value, "s"  # never a formula, never a number that loses its zeros
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        if bold:
            cell.font = Font(bold=True)
        if fill is not None:
            cell.fill = fill


def _yuan(fen: str) -> str:
    value = int(fen)
    return f"{value // 100}.{value % 100:02d}"
