"""Contract types (技术合同类别): our own stable codes, mapped to the national ones when those are known (domain.md §5.9)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class ContractType(Entry, frozen=True, kw_only=True):
    """A type of technology contract."""

    replaced_by: str = ""
    """Code that took its place; empty for a type in use."""

    @property
    def in_use(self) -> bool:
        """New contracts may have it; old records keep a replaced one."""
        return not self.replaced_by


CONTRACT_TYPES: Final = load_table("contract_types", ContractType)
