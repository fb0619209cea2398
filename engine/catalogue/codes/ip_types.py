"""Kinds of intellectual property (知识产权类型) of the registration form (domain.md §5.11)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

IP_TYPES: Final = load_table("ip_types", Entry)
NO_IP: Final = "NONE"
"""未涉及知识产权"""
