"""Parameters of listed trade that no law fixes for this market, or that are not confirmed: data with version and source, copied into
the terms of each listing when it is handed in, so that a later change never touches one that runs.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.catalogue.codes.tables import DATA, Confidence
from engine.values import Amount

FILE: Final = DATA / "listing_rules.json"


class Parameter(Struct, frozen=True, kw_only=True):
    """One parameter with where it comes from."""

    value: Any
    source: str
    source_zh: str = ""
    """For the pages; only where a page shows it."""
    confidence: Confidence


class Band(Struct, frozen=True, kw_only=True):
    """Least disclosure of state assets from a price on."""

    from_fen: int
    working_days: int


class ListingRules(Struct, frozen=True, kw_only=True):
    """The parameters in force."""

    version: str
    deposit_cap_bps: int
    state_asset_bands: tuple[Band, ...]
    state_asset_floor_bps: int
    only_price_changed_working_days: int
    least_extension_cycle_working_days: int
    disclosure_working_days: int
    """What the console proposes."""
    rest_after_suspension_working_days: int
    total_after_suspension_working_days: int
    suspension_max_days: int
    longest_days: int
    open_licence_fixed_fee_max_fen: int

    def least_working_days(self, price: Amount) -> int:
        """Return the least disclosure of a state asset at a price in fen."""
        return max(band.working_days for band in self.state_asset_bands if price >= band.from_fen)


@cache
def listing_rules() -> ListingRules:
    """Return the parameters in force."""
    table = msgspec.json.decode(FILE.read_bytes())
    given = {name: row["value"] for name, row in table.items() if isinstance(row, dict)}
    return msgspec.convert({**given, "version": table["version"]}, ListingRules)


@cache
def sources() -> dict[str, Parameter]:
    """Return each parameter with its source, for the page that shows them."""
    table = msgspec.json.decode(FILE.read_bytes())
    return {name: msgspec.convert(row, Parameter) for name, row in table.items() if isinstance(row, dict)}
