"""Technical fields (技术领域): the 11 of the first level in the national order (domain.md §5.12)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class Field(Entry, frozen=True, kw_only=True):
    """A technical field; codes are `01` … `11`."""

    identifier: str
    """Short name used in exports: `EIT`, `AERO`, …"""


FIELDS: Final = load_table("fields", Field)
