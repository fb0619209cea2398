"""Plan sources of a project (项目计划来源) on the registration form (domain.md §5.15, mostly not confirmed)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

PLAN_SOURCES: Final = load_table("plan_sources", Entry)
OUTSIDE_PLANS: Final = "NONE"
"""计划外"""
