"""Lengths and caps of the process after a deal: versioned data with source and confidence, copied into each deal when it is struck."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

FILE: Final = Path(__file__).parent / "data" / "deal_rules.json"
HOUR_US: Final = 3_600_000_000


class DealRules(Struct, frozen=True, kw_only=True):
    """The parameters of one deal. Names say the unit."""

    version: str
    sign_working_days: int
    pay_working_days: int
    pay_grace_working_days: int
    deliver_days: int
    accept_working_days: int
    register_days: int
    distribute_days: int
    operator_working_days: int
    resale_days: int
    report_working_days: int
    reminder_hours: int
    first_instalment_bps: int
    instalments_days_max: int
    open_licence_sales_cap_bps: int
    open_licence_profit_cap_bps: int
    open_licence_fixed_cap_fen: int

    @property
    def reminder_us(self) -> int:
        """How long before a deadline its owner is reminded."""
        return self.reminder_hours * HOUR_US


class Row(Struct, frozen=True):
    """One parameter with where it comes from."""

    value: int
    source: str
    confidence: str


@cache
def deal_rules() -> DealRules:
    """Return the parameters in force."""
    return msgspec.convert(
        {name: row.value for name, row in rows().items()} | {"version": _table()["version"]}, DealRules
    )


@cache
def rows() -> dict[str, Row]:
    """Return each parameter with its source."""
    return {name: msgspec.convert(row, Row) for name, row in _table().items() if isinstance(row, dict)}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = msgspec.json.decode(FILE.read_bytes())
    return table
