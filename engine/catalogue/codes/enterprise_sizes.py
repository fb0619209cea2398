"""Sizes of enterprises (企业规模) on the registration form (domain.md §5.8; the list is not confirmed)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

ENTERPRISE_SIZES: Final = load_table("enterprise_sizes", Entry)
