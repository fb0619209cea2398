"""Reading a statement file: bytes in, lines and problems out. Pure; every fault of the file is named with its line."""

from __future__ import annotations

import csv
import io
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.canonical import canonical_bytes
from engine.values import CNY, parse_amount
from settlement.bank.layouts import Column, Layout, place_columns, plain
from settlement.bank.matching import fold_name
from settlement.bank.news import AMOUNT_MAX, SHANGHAI, day_bounds
from settlement.bank.port import REF_MAX, TEXT_MAX

FILE_MAX: Final = 2_000_000
"""Bytes of a file."""
LINES_MAX: Final = 5_000
COLUMNS_MAX: Final = 60
HEAD_MAX: Final = 40
"""Rows before the header row."""
PROBLEMS_MAX: Final = 100
DAYS_MAX: Final = 400
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")
_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2}))?(?:\.\d+)?")
_TOTALS = ("合计", "总计", "小计", "本页合计", "total")


class Line(Struct, frozen=True, kw_only=True):
    """One booking. Exactly one of the two amounts is more than 0."""

    number: int
    """Row in the file, from 1."""
    day: date
    booked_at_us: int
    timed: bool
    """The file says the time of day; otherwise the end of the day stands for it: nothing is called in time that may not be."""
    income_fen: int
    expense_fen: int
    balance_fen: int | None
    other_name: str
    other_account: str
    virtual_account: str
    purpose: str
    bank_ref: str
    order_id: str
    raw: bytes
    occurrence: int = 1
    """Which one of several equal lines."""

    @property
    def key(self) -> str:
        """Identity of the line: the bank's reference, or its content and number among equal lines."""
        if self.bank_ref:
            return f"ref:{'credit' if self.income_fen else 'debit'}:{self.bank_ref}"
        return f"line:{self.digest}:{self.occurrence}"

    @property
    def digest(self) -> str:
        """Digest of the content; the balance is left out, some banks print it anew."""
        parts = [
            self.day.isoformat(), self.booked_at_us if self.timed else 0, str(self.income_fen), str(self.expense_fen),
            fold_name(self.other_name), self.other_account, self.virtual_account, self.purpose,
        ]  # fmt: skip
        return sha256(canonical_bytes(parts)).hexdigest()[:40]


class FileProblem(Struct, frozen=True):
    """A fault of the file. `code` is the key `bank.problem.<code>`; `line` 0: the file as a whole."""

    line: int
    code: str
    cell: str = ""


class Parsed(Struct, frozen=True, kw_only=True):
    """A file as read. With problems it is not imported: half a statement is worse than none."""

    layout: str = ""
    encoding: str = ""
    lines: tuple[Line, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    opening_fen: int | None = None
    closing_fen: int | None = None
    skipped: tuple[int, ...] = ()
    """Rows that are no bookings: empty ones and totals."""
    problems: tuple[FileProblem, ...] = ()


def parse(data: bytes, layouts: Sequence[Layout]) -> Parsed:
    """Read a statement.

    Args:
        data: The file, UTF-8 (with or without mark) or GB18030.
        layouts: The first one whose header is found is used.
    """
    if not data.strip():
        return _unread("empty")
    if len(data) > FILE_MAX:
        return _unread("too_large")
    text, encoding = _decoded(data)
    if text is None:
        return _unread("encoding")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error:
        return _unread("not_csv")
    if len(rows) > LINES_MAX + HEAD_MAX:
        return _unread("too_many_lines")
    for head, row in enumerate(rows[:HEAD_MAX]):
        for layout in layouts:
            places = place_columns(layout, row[:COLUMNS_MAX])
            if places is not None:
                return _Reading(layout, places, rows, head, encoding).result()
    return _unread("no_header")


def _unread(code: str) -> Parsed:
    return Parsed(problems=(FileProblem(0, code),))


def _decoded(data: bytes) -> tuple[str | None, str]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text, encoding
    return None, ""


def _delimiter(text: str) -> str:
    sample = text[:20_000]
    return max((",", "\t", ";", "|"), key=sample.count)


class _Block(Struct):
    """What stands around the lines."""

    first_day: date | None = None
    last_day: date | None = None
    opening: int | None = None
    closing: int | None = None

    def take(self, layout: Layout, cells: list[str]) -> bool:
        """Read the labels of a row; False if it has none."""
        found = False
        for place, cell in enumerate(cells):
            label, colon, rest = unicodedata.normalize("NFKC", cell).partition(":")
            value = rest.strip() if colon and rest.strip() else (cells[place + 1] if place + 1 < len(cells) else "")
            name, amount, when = plain(label), read_amount(value), read_day(value)
            if amount is not None and name in layout.opening:
                self.opening, found = amount, True
            if amount is not None and name in layout.closing:
                self.closing, found = amount, True
            if when is not None and name in layout.first_day:
                self.first_day, found = when[0], True
            if when is not None and name in layout.last_day:
                self.last_day, found = when[0], True
        return found


class _Reading:
    """One pass over the rows of a file."""

    def __init__(
        self, layout: Layout, places: dict[Column, int], rows: list[list[str]], head: int, encoding: str
    ) -> None:
        self._layout = layout
        self._places = places
        self._rows = rows
        self._head = head
        self._encoding = encoding
        self._problems: list[FileProblem] = []
        self._lines: list[Line] = []
        self._skipped: list[int] = []

    def result(self) -> Parsed:
        block = _Block()
        for row in self._rows[: self._head]:
            block.take(self._layout, [clean(cell) for cell in row])
        for number, row in enumerate(self._rows[self._head + 1 :], start=self._head + 2):
            cells = [clean(cell) for cell in row]
            if not any(cells) or plain(next(cell for cell in cells if cell)) in _TOTALS:
                self._skipped.append(number)
                continue
            if read_day(self._cell(cells, Column.DAY)) is None and block.take(self._layout, cells):
                self._skipped.append(number)
                continue
            line = self._line(number, cells)
            if line is not None:
                self._lines.append(line)
            if len(self._problems) >= PROBLEMS_MAX:
                break
        lines = _counted(self._lines)
        self._check_references(lines)
        days = [line.day for line in lines]
        first = block.first_day or (min(days) if days else None)
        last = block.last_day or (max(days) if days else None)
        opening, closing = self._balances(block, lines)
        if first is None or last is None:
            self._problems.append(FileProblem(0, "no_day"))
        elif not first <= last <= first + timedelta(days=DAYS_MAX) or any(not first <= day <= last for day in days):
            self._problems.append(FileProblem(0, "days"))
        return Parsed(
            layout=self._layout.name, encoding=self._encoding, lines=lines, first_day=first, last_day=last,
            opening_fen=opening, closing_fen=closing, skipped=tuple(self._skipped),
            problems=tuple(self._problems[:PROBLEMS_MAX]),
        )  # fmt: skip

    # Lines.

    def _cell(self, cells: list[str], column: Column) -> str:
        place = self._places.get(column)
        return cells[place] if place is not None and place < len(cells) else ""

    def _line(self, number: int, cells: list[str]) -> Line | None:
        found = len(self._problems)
        when = read_day(self._cell(cells, Column.DAY), self._cell(cells, Column.TIME))
        income, expense = self._amounts(number, cells)
        balance_text = self._cell(cells, Column.BALANCE)
        balance = read_amount(balance_text)
        if when is None:
            self._wrong(number, "day", self._cell(cells, Column.DAY))
        if balance_text and balance is None:
            self._wrong(number, "balance", balance_text)
        texts = {
            column: self._cell(cells, column)
            for column in (Column.OTHER_NAME, Column.OTHER_ACCOUNT, Column.VIRTUAL_ACCOUNT, Column.PURPOSE)
        }
        refs = [self._cell(cells, column) for column in (Column.BANK_REF, Column.ORDER_ID)]
        for text in (*texts.values(), *refs):
            if len(text) > (REF_MAX if text in refs else TEXT_MAX) or not text.isprintable():
                self._wrong(number, "text", text)
        if len(self._problems) > found or when is None:
            return None
        day, booked_at_us, timed = when
        return Line(
            number=number, day=day, booked_at_us=booked_at_us, timed=timed, income_fen=income, expense_fen=expense,
            balance_fen=balance, other_name=texts[Column.OTHER_NAME], other_account=texts[Column.OTHER_ACCOUNT],
            virtual_account=texts[Column.VIRTUAL_ACCOUNT], purpose=texts[Column.PURPOSE], bank_ref=refs[0],
            order_id=refs[1], raw="\x1f".join(cells).encode(),
        )  # fmt: skip

    def _amounts(self, number: int, cells: list[str]) -> tuple[int, int]:
        """Return income and expense, fen; notes a problem unless exactly one of them is more than 0."""
        if Column.INCOME in self._places and Column.EXPENSE in self._places:
            texts = [self._cell(cells, Column.INCOME), self._cell(cells, Column.EXPENSE)]
            income, expense = (read_amount(text) if text else 0 for text in texts)
        else:
            texts = [self._cell(cells, Column.AMOUNT)]
            income, expense = self._by_direction(read_amount(texts[0]), plain(self._cell(cells, Column.DIRECTION)))
        if income is None or expense is None or income < 0 or expense < 0 or (income > 0) == (expense > 0):
            self._wrong(number, "amount", " / ".join(texts))
            return 0, 0
        return income, expense

    def _by_direction(self, amount: int | None, word: str) -> tuple[int | None, int | None]:
        if amount is None:
            return None, None
        if Column.DIRECTION not in self._places:
            return max(0, amount), max(0, -amount)
        if word in self._layout.income_words:
            return amount, 0
        return (0, abs(amount)) if word in self._layout.expense_words else (None, None)

    def _wrong(self, number: int, code: str, cell: str) -> None:
        self._problems.append(FileProblem(number, code, cell[:40]))

    def _check_references(self, lines: Sequence[Line]) -> None:
        """One reference on two lines is either a double or two bookings: a person has to look."""
        seen: dict[str, int] = {}
        for line in lines:
            if line.bank_ref and line.key in seen:
                self._wrong(line.number, "double_reference", line.bank_ref)
            seen.setdefault(line.key, line.number)

    def _balances(self, block: _Block, lines: Sequence[Line]) -> tuple[int | None, int | None]:
        """Return opening and closing balance, from the block or the lines, and check that the lines lead from one to the other."""
        opening, closing = block.opening, block.closing
        ordered = in_order(lines)
        if ordered and all(line.balance_fen is not None for line in ordered):
            first, last = ordered[0], ordered[-1]
            assert first.balance_fen is not None
            opening = first.balance_fen - first.income_fen + first.expense_fen if opening is None else opening
            closing = last.balance_fen if closing is None else closing
            self._check_run(ordered)
        if opening is not None and closing is not None:
            moved = sum(line.income_fen - line.expense_fen for line in lines)
            if opening + moved != closing and not self._problems:
                self._problems.append(FileProblem(0, "balance"))
        return opening, closing

    def _check_run(self, ordered: Sequence[Line]) -> None:
        for before, line in itertools.pairwise(ordered):
            assert before.balance_fen is not None
            if before.balance_fen + line.income_fen - line.expense_fen != line.balance_fen:
                self._wrong(line.number, "balance_run", str(line.balance_fen))
                return  # what follows is wrong, too


def in_order(lines: Sequence[Line]) -> list[Line]:
    """Return lines oldest first: banks print them up or down; the balances tell which, else the days."""
    given, turned = list(lines), list(reversed(lines))
    if len(given) < 2:
        return given
    if given[0].booked_at_us != given[-1].booked_at_us:
        return given if given[0].booked_at_us < given[-1].booked_at_us else turned
    return turned if _runs(turned) and not _runs(given) else given


def _runs(lines: Sequence[Line]) -> bool:
    return all(
        before.balance_fen is not None
        and line.balance_fen is not None
        and before.balance_fen + line.income_fen - line.expense_fen == line.balance_fen
        for before, line in itertools.pairwise(lines)
    )


def _counted(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Number equal lines without a reference: two identical lines in one file are two payments."""
    seen: Counter[str] = Counter()
    counted = []
    for line in lines:
        if not line.bank_ref:
            seen[line.digest] += 1
            line = replace(line, occurrence=seen[line.digest])
        counted.append(line)
    return tuple(counted)


def clean(cell: str) -> str:
    """Return a cell without what spreadsheets put around numbers (`="6222…"`, an apostrophe, tabs) and without spaces at its ends."""
    text = cell.strip().strip("\t ")
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return text.lstrip("'").strip()


def read_amount(text: str) -> int | None:
    """Read `1,234.50`, `￥1234.5`, `-3.00` or `+3` as fen; None if it is no amount."""
    plain_text = unicodedata.normalize("NFKC", text).replace(",", "").replace("¥", "").replace("元", "").strip()
    sign = -1 if plain_text.startswith("-") else 1
    digits = plain_text.lstrip("+-")
    amount = parse_amount(digits, CNY) if len(plain_text) - len(digits) <= 1 else None
    return None if amount is None or amount > AMOUNT_MAX else sign * int(amount)


def read_day(text: str, time: str = "") -> tuple[date, int, bool] | None:
    """Read a day, with its time in the same or the next cell; None if it is none.

    Returns:
        Day in China, instant, and whether a time of day was given; without one the last microsecond of the day.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    match = _DAY.match(text)
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    rest = text[match.end() :].strip(" T")
    if rest and _TIME.fullmatch(rest) is None:
        return None
    clock = _TIME.fullmatch(rest or unicodedata.normalize("NFKC", time).strip())
    if clock is None:
        return day, day_bounds(day)[1] - 1, False
    try:
        moment = datetime(
            day.year, day.month, day.day, int(clock[1]), int(clock[2]), int(clock[3] or 0), tzinfo=SHANGHAI
        )
    except ValueError:
        return None
    return day, int(moment.timestamp()) * 1_000_000, True
