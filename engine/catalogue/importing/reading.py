"""Rows of a file that nobody vouches for: every size has a bound, formulas are refused, archives are looked at before they are opened."""

from __future__ import annotations

import codecs
import csv
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from engine.catalogue.importing.columns import CELL_MAX, column_named

BYTES_MAX: Final = 20 * 1024 * 1024
"""A file of an institution."""
BULK_BYTES_MAX: Final = 512 * 1024 * 1024
ROWS_MAX: Final = 5_000
BULK_ROWS_MAX: Final = 200_000
COLUMNS_MAX: Final = 100
UNPACKED_MAX: Final = 300 * 1024 * 1024
"""Bytes of a workbook when unpacked."""
RATIO_MAX: Final = 200
"""How many times larger than packed: text packs to a tenth, a bomb to a thousandth."""
MEMBERS_MAX: Final = 200
HEADER_ROWS: Final = 5
"""The header is looked for in so many first lines: people put a title above it."""
_BLOCK: Final = 1 << 20


class FileUnusable(Exception):
    """The file as a whole cannot be read; `code` says why (`import.failure.<code>`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Cell(Struct, frozen=True):
    """What stands in a cell, as text."""

    text: str
    formula: bool = False


class Row(Struct, frozen=True):
    """A line of the file with something in it; `cells` by column key."""

    line: int
    cells: dict[str, Cell]


def rows_of(path: Path, *, rows_max: int = ROWS_MAX) -> Iterator[Row]:
    """Yield the rows under the header of an XLSX or CSV file.

    Raises:
        FileUnusable: no such file can be read here, now or at a later row.
    """
    with path.open("rb") as file:
        lines = _xlsx(path) if file.read(4) == b"PK\x03\x04" else _csv(path)
    header: dict[int, str] | None = None
    found = 0
    for number, cells in lines:
        if header is None:
            header = _header(cells)
            if header is None and number > HEADER_ROWS:
                raise FileUnusable("no_header")
            continue
        row = {
            header[place]: cell for place, cell in enumerate(cells) if place in header and (cell.text or cell.formula)
        }
        if row:
            found += 1
            if found > rows_max:
                raise FileUnusable("too_many_rows")
            yield Row(number, row)
    if header is None:
        raise FileUnusable("no_header")


def _header(cells: list[Cell]) -> dict[int, str] | None:
    """Return the column keys by place if this line names at least two columns.

    Raises:
        FileUnusable: a column stands there twice.
    """
    found = {place: key for place, cell in enumerate(cells) if (key := column_named(cell.text)) is not None}
    if len(found) < 2:
        return None
    if len(set(found.values())) != len(found):
        raise FileUnusable("column_twice")
    return found


def _csv(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    encoding = _encoding(path)
    csv.field_size_limit(CELL_MAX * 4)
    with path.open(encoding=encoding, newline="") as file:
        start = file.read(4_096)
        file.seek(0)
        first = start.partition("\n")[0]
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for cells in reader:
                if len(cells) > COLUMNS_MAX:
                    raise FileUnusable("too_many_columns")
                yield reader.line_num, [Cell(cell.strip()) for cell in cells]
        except (csv.Error, UnicodeError):
            raise FileUnusable("unreadable") from None


def _encoding(path: Path) -> str:
    """Return UTF-8 if all of the file is that, else GB18030 (which Chinese spreadsheets write), by its byte order mark if it has one."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        if _decodes(path, encoding):
            return encoding
    raise FileUnusable("encoding")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                if "\x00" in decoder.decode(block):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _xlsx(path: Path) -> Iterator[tuple[int, list[Cell]]]:
    _check_archive(path)
    import openpyxl  # loaded where it is needed: it is large

    file = path.open("rb")  # by its bytes: a path would be judged by its ending
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
    except Exception:
        file.close()
        raise FileUnusable("unreadable") from None
    try:
        # The size that the sheet claims is not believed: read-only sheets would then yield a million empty rows.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX), start=1):
            yield number, [_cell(cell) for cell in cells]
    except FileUnusable:
        raise
    except Exception:
        raise FileUnusable("unreadable") from None
    finally:
        book.close()
        file.close()


def _cell(cell: Any) -> Cell:
    value = cell.value
    if value is None:
        return Cell("")
    if getattr(cell, "data_type", "") == "f":
        return Cell("", formula=True)
    if isinstance(value, datetime | date):
        return Cell(value.strftime("%Y-%m-%d"))
    if isinstance(value, bool):
        return Cell("是" if value else "否")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return Cell(str(value).strip())


def _check_archive(path: Path) -> None:
    """Look at a workbook before it is opened.

    Raises:
        FileUnusable: it is no workbook, would unpack to too much, or has entities of its own.
    """
    packed = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
                raise FileUnusable("no_workbook")
            unpacked = sum(member.file_size for member in members)
            if len(members) > MEMBERS_MAX or unpacked > UNPACKED_MAX or unpacked > max(_BLOCK, packed) * RATIO_MAX:
                raise FileUnusable("too_large_unpacked")
            if any("vbaProject" in name for name in names):
                raise FileUnusable("macros")
            for member in members:
                _check_member(archive, member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise FileUnusable("unreadable") from None


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """The directory of an archive may lie about sizes: count what really comes out."""
    taken = 0
    with archive.open(member) as file:
        first = True
        while block := file.read(_BLOCK):
            taken += len(block)
            if taken > min(UNPACKED_MAX, member.file_size):
                raise FileUnusable("too_large_unpacked")
            if first and b"<!DOCTYPE" in block[:4_096]:
                raise FileUnusable("unreadable")
            first = False
