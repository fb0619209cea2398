"""Socio-economic objectives (社会经济目标, GB/T 24450-2009, first level; domain.md §5.14, not confirmed)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

OBJECTIVES: Final = load_table("objectives", Entry)
