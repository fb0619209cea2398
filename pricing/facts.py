"""From the catalogue's record of an achievement to the facts of a valuation: what is on file need not be asked again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from engine.rules.achievement.record import Achievement, Mode, Right, RightKind, RightStatus
from pricing.quotes import Facts, Licence

INDUSTRY_OF_FIELD: Final = {
    "01": "computers", "02": "machinery", "03": "machinery", "04": "medicine", "05": "chemicals", "06": "energy",
    "07": "energy", "08": "energy", "09": "agriculture", "10": "automotive", "11": "other",
}  # fmt: skip
"""Nearest row of the royalty table to a technical field (assumption; the wizard lets it be changed)."""
TERM_YEARS: Final = {
    RightKind.INVENTION: 20, RightKind.UTILITY_MODEL: 10, RightKind.DESIGN: 15, RightKind.LAYOUT: 10,
    RightKind.SOFTWARE: 50, RightKind.PLANT_VARIETY: 15,
}  # fmt: skip
"""Terms of protection in years from the filing (专利法 art. 42, 集成电路布图设计保护条例 art. 12, 植物新品种保护条例: at least 15)."""
DAYS_A_YEAR: Final = 365.25
_LICENCE: Final[dict[Mode, Licence]] = {
    Mode.TRANSFER: "assign", Mode.EXCLUSIVE: "exclusive", Mode.SOLE: "sole", Mode.PLAIN: "ordinary", Mode.OPEN: "ordinary",
}  # fmt: skip


def industry_of_field(field: str) -> str:
    """Return the row of the royalty table for a technical field."""
    return INDUSTRY_OF_FIELD.get(field, "other")


def facts_of(record: Achievement, today: date) -> Facts:
    """Return what the record says; money is never in it."""
    field = record.fields[0] if record.fields else ""
    software = any(right.kind is RightKind.SOFTWARE for right in record.rights)
    return Facts(
        industry="software" if software and field == "01" else industry_of_field(field),
        trl=record.trl or 5,
        remaining_years=remaining_years(record.rights, today),
        title=record.title_zh,
        field=field,
        region=record.region[:4],
        licence=next((_LICENCE[mode] for mode in record.modes if mode in _LICENCE), "assign"),
        state_owned=record.holder_kind is not None and record.holder_kind.is_state,
        family=min(sum(len(right.family) + 1 for right in record.rights), 200),
    )


def remaining_years(rights: Sequence[Right], today: date) -> float | None:
    """Return the longest legal life left among living rights, years to one decimal; None where none has a known end."""
    left = [years for right in rights if (years := _left(right, today)) is not None and years > 0]
    return round(max(left), 1) if left else None


def _left(right: Right, today: date) -> float | None:
    if right.status in (RightStatus.LAPSED, RightStatus.INVALID):
        return None
    try:
        if right.expires_on:
            return (date.fromisoformat(right.expires_on) - today).days / DAYS_A_YEAR
        term = TERM_YEARS.get(right.kind)
        if term is None or not right.filed_on:
            return None
        return term - (today - date.fromisoformat(right.filed_on)).days / DAYS_A_YEAR
    except ValueError:
        return None
