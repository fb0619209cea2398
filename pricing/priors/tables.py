"""The tables as values. Packaged rows are the start; what an operator changed later replaces rows, with history (pricing/store.py).

`confidence` of a row: `seen` (read in a public source), `recalled` (from the literature, not checked again), `assumed` (a choice of
this market). Reports print it beside the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes

PACKAGED: Final = Path(__file__).parent / "priors.json"
Confidence = Literal["seen", "recalled", "assumed"]
Table = Literal["royalty", "royalty_practice", "readiness", "readiness_shift", "hurdle", "rights", "premium", "figure"]


class _Sourced(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: str
    date: str
    confidence: Confidence


class Royalty(_Sourced, frozen=True, kw_only=True):
    """Royalty rates of an industry, per cent of net sales; `median_percent` where the source has one."""

    code: str
    zh: str
    en: str
    low_percent: float
    high_percent: float
    median_percent: float | None = None


class Readiness(_Sourced, frozen=True, kw_only=True):
    """Mean probability of success at a TRL and how many outcomes that belief is worth."""

    level: int
    mean: float
    strength: float


class Shift(_Sourced, frozen=True, kw_only=True):
    """An industry whose chances differ from the table."""

    code: str
    factor: float
    plus: float


class Hurdle(_Sourced, frozen=True, kw_only=True):
    """Discount rates of a stage, per cent: a rate that already carries the risk of failure."""

    code: str
    zh: str
    en: str
    low_percent: float
    high_percent: float


class Rights(_Sourced, frozen=True, kw_only=True):
    """What a kind of licence is worth beside an assignment."""

    code: str
    factor: float
    low: float
    high: float


class Premium(_Sourced, frozen=True, kw_only=True):
    """A part of the discount rate, per cent."""

    code: str
    percent: float


class Figure(_Sourced, frozen=True, kw_only=True):
    """A single figure."""

    code: str
    value: float


class Priors(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All tables of one version."""

    version: str
    royalty: tuple[Royalty, ...]
    royalty_practice: tuple[Royalty, ...]
    readiness: tuple[Readiness, ...]
    readiness_shift: tuple[Shift, ...]
    hurdle: tuple[Hurdle, ...]
    rights: tuple[Rights, ...]
    premium: tuple[Premium, ...]
    figure: tuple[Figure, ...]

    def figure_of(self, code: str) -> float:
        """Return a single figure by its code."""
        return self.figure_row(code).value

    def figure_row(self, code: str) -> Figure:
        """Return a single figure with its source."""
        return next(row for row in self.figure if row.code == code)

    def royalty_of(self, code: str) -> Royalty:
        """Return the row of an industry, or that of all others."""
        return next((row for row in self.royalty if row.code == code), self.royalty[-1])

    def readiness_of(self, level: int) -> Readiness:
        """Return the row of a TRL."""
        return self.readiness[level - 1]

    def shift_of(self, code: str) -> Shift | None:
        """Return how chances of an industry differ, None where they do not."""
        return next((row for row in self.readiness_shift if row.code == code), None)

    def rights_of(self, code: str) -> Rights:
        """Return the row of a kind of licence."""
        return next(row for row in self.rights if row.code == code)

    def premium_of(self, code: str) -> Premium:
        """Return a part of the discount rate."""
        return next(row for row in self.premium if row.code == code)


class Edit(Struct, frozen=True, kw_only=True):
    """One change of a row by an operator; the row is named by its table and its code (or level)."""

    table: str
    code: str
    field: str
    value: float
    source: str
    date: str
    confidence: str


EDITABLE: Final = {
    "royalty": ("low_percent", "high_percent", "median_percent"),
    "royalty_practice": ("low_percent", "high_percent"),
    "readiness": ("mean", "strength"),
    "readiness_shift": ("factor", "plus"),
    "hurdle": ("low_percent", "high_percent"),
    "rights": ("factor", "low", "high"),
    "premium": ("percent",),
    "figure": ("value",),
}
"""Which numbers an operator may change, by table."""


class EditRefused(ValueError):
    """The change names nothing that can be changed, or a value out of its bounds; the argument says which."""


@cache
def packaged_priors() -> Priors:
    """Return the tables that come with the program."""
    return msgspec.json.decode(PACKAGED.read_bytes(), type=Priors)


def edited(priors: Priors, edits: Sequence[Edit], version: str) -> Priors:
    """Return the tables with the changes applied in their order, under a new version.

    Raises:
        EditRefused: a change names no row or field, has no source, or its value is out of bounds.
    """
    tables = {name: list(getattr(priors, name)) for name in EDITABLE}
    for edit in edits:
        rows = tables.get(edit.table)
        if rows is None or edit.field not in EDITABLE[edit.table]:
            raise EditRefused("field")
        place = next((i for i, row in enumerate(rows) if _code(row) == edit.code), None)
        if place is None:
            raise EditRefused("code")
        if not edit.source.strip() or not edit.date.strip():
            raise EditRefused("source")
        if edit.confidence not in ("seen", "recalled", "assumed"):
            raise EditRefused("confidence")
        if not _in_bounds(edit):
            raise EditRefused("value")
        rows[place] = msgspec.structs.replace(
            rows[place],
            **{edit.field: edit.value},
            source=edit.source.strip(), date=edit.date.strip(), confidence=edit.confidence,
        )  # fmt: skip
    return msgspec.structs.replace(priors, version=version, **{name: tuple(rows) for name, rows in tables.items()})


def bounds_of(table: str, field: str, code: str) -> tuple[float, float]:
    """Return the least and the greatest value that a number may take."""
    if field.endswith("percent"):
        return 0.0, 100.0
    if table == "readiness" and field == "strength":
        return 1.0, 1_000.0
    if table == "readiness_shift":
        return -1.0, 2.0
    if table == "figure" and code in ("category_log_median", "bidders_shape", "bidders_rate", "category_log_sd"):
        return 0.01, 40.0
    if table == "figure" and code in ("instalment_months", "option_years"):
        return 0.5, 60.0
    return (0.01, 5.0) if code.endswith("_sd") else (0.0, 1.0)


def _in_bounds(edit: Edit) -> bool:
    low, high = bounds_of(edit.table, edit.field, edit.code)
    return low <= edit.value <= high


def _code(row: Struct) -> str:
    return str(row.level) if isinstance(row, Readiness) else str(getattr(row, "code", ""))


def digest_bytes(priors: Priors) -> bytes:
    """Return the tables as bytes that are the same on every machine; numbers are written as text."""
    rows = msgspec.json.decode(msgspec.json.encode(priors, order="deterministic"))
    return canonical_bytes(_as_text(rows))


def _as_text(value: object) -> object:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    return value
