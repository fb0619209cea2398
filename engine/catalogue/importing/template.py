"""The template to fill in: a header row in both languages, an example, the code lists on sheets of their own."""

from __future__ import annotations

import csv
import io

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import DIVISIONS
from engine.catalogue.codes.regions import COUNTIES, PREFECTURES, full_name
from engine.catalogue.codes.trl import LEVELS
from engine.catalogue.importing.columns import COLUMNS, WORDS

NEEDED: str = "*"
"""Behind the name of a column that a publication needs."""


def template_csv(language: str) -> bytes:
    """Return the template as CSV in UTF-8 with a byte order mark, which spreadsheets need to see Chinese."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_header(language))
    writer.writerow([column.example for column in COLUMNS])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def template_xlsx(language: str) -> bytes:
    """Return the template as a workbook."""
    import openpyxl
    from openpyxl.styles import Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "成果" if language == "zh" else "Achievements"
    sheet.append(_header(language))
    sheet.append([column.example for column in COLUMNS])
    for place, column in enumerate(COLUMNS, start=1):
        cell = sheet.cell(1, place)
        cell.font = Font(bold=True)
        if column.needed:
            cell.fill = PatternFill("solid", fgColor="FFF1D6")
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = 40 if column.key.startswith("abstract") else 20
        for row in range(1, 1001):
            sheet[f"{letter}{row}"].number_format = "@"
    sheet.freeze_panes = "B2"
    for title, rows in _lists(language):
        codes = book.create_sheet(title)
        for line in rows:
            codes.append(line)
    found = io.BytesIO()
    book.save(found)
    return found.getvalue()


def _header(language: str) -> list[str]:
    return [(column.en if language == "en" else column.zh) + (NEEDED if column.needed else "") for column in COLUMNS]


def _lists(language: str) -> list[tuple[str, list[list[str]]]]:
    chinese = language == "zh"
    regions = [[region.code, full_name(region.code, language)] for region in (*PREFECTURES, *COUNTIES)]
    words = [[kind.__name__, code, word] for kind, names in WORDS.items() for word, code in names.items()]
    return [
        ("技术领域" if chinese else "Fields", [[entry.code, entry.name(language)] for entry in FIELDS.values()]),
        ("行业" if chinese else "Industries", [[entry.code, entry.name(language)] for entry in DIVISIONS]),
        ("地区" if chinese else "Regions", sorted(regions)),
        ("成熟度" if chinese else "TRL", [[level.code, level.name(language)] for level in LEVELS.values()]),
        ("代码" if chinese else "Codes", words),
    ]
