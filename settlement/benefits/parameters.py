"""Parameters of taxes and subsidies: versioned data with source, article, days of validity and how sure they are (data/parameters.json)."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.calendar import Day, parse_day

FILE: Final = Path(__file__).parent / "data" / "parameters.json"


class Confidence(StrEnum):
    """How sure a parameter is."""

    CONFIRMED = "confirmed"
    MEMORY = "memory"
    """Known, but its text was not looked up."""
    UNCONFIRMED = "unconfirmed"
    """No text was found: the competent office has to be asked."""


class Parameter(Struct, frozen=True, kw_only=True):
    """One value for a time. `value` None: not known."""

    code: str
    zh: str
    en: str
    value: int | None
    unit: str
    """bps, ppm, fen, months, days, flag."""
    source: str
    article: str
    valid_from: str
    valid_until: str | None
    """Last day; None: open."""
    confidence: Confidence

    def holds_on(self, day: Day) -> bool:
        """Tell whether it holds on a day."""
        return _holds(self.valid_from, self.valid_until, day)


class Bracket(Struct, frozen=True):
    """A step of the progressive table: income up to `to_fen` (None: above all) at `rate_bps`, less `quick_fen` (速算扣除数)."""

    to_fen: int | None
    rate_bps: int
    quick_fen: int


class Brackets(Struct, frozen=True):
    """The progressive table with its source."""

    source: str
    article: str
    valid_from: str
    valid_until: str | None
    confidence: Confidence
    rows: tuple[Bracket, ...]


class _Table(Struct, frozen=True):
    title: str
    version: str
    source: str
    rows: tuple[Parameter, ...]
    iit_brackets: Brackets


class NotInForce(Exception):
    """No row of the data holds on that day."""


class Parameters(Struct, frozen=True):
    """What holds on one day."""

    version: str
    rows: dict[str, Parameter]
    iit_brackets: Brackets

    def row(self, code: str) -> Parameter:
        """Return a parameter.

        Raises:
            NotInForce: none holds on that day.
        """
        if code not in self.rows:
            raise NotInForce(code)
        return self.rows[code]

    def number(self, code: str) -> int:
        """Return the value of a parameter that is known.

        Raises:
            NotInForce: none holds on that day, or it is not known.
        """
        value = self.row(code).value
        if value is None:
            raise NotInForce(code)
        return value


def parameters_on(day: Day) -> Parameters:
    """Return the parameters that hold on a day."""
    table = _table()
    rows = {row.code: row for row in table.rows if row.holds_on(day)}
    return Parameters(table.version, rows, table.iit_brackets)


@cache
def _table() -> _Table:
    return msgspec.json.decode(FILE.read_bytes(), type=_Table)


def _holds(first: str, last: str | None, day: Day) -> bool:
    begins, ends = parse_day(first), None if last is None else parse_day(last)
    assert begins is not None, first
    return begins <= day and (ends is None or day <= ends)
