"""Parameters of publicity that no law fixes for this market, or that are not confirmed: data with version and source, copied into the
terms of each notice when it is handed in, so that a later change never touches one that runs.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

from engine.catalogue.codes.listing_rules import Parameter
from engine.catalogue.codes.tables import DATA

FILE: Final = DATA / "publicity_rules.json"


class PublicityRules(Struct, frozen=True, kw_only=True):
    """The parameters in force."""

    version: str
    least_days: int
    days: int
    """What the console proposes."""
    downtime_per_day_minutes: int
    certify_after_minutes: int
    receipt_working_days: int
    decision_working_days: int
    extension_working_days: int
    panel_least: int
    typo_characters: int
    personal_data_days: int


@cache
def publicity_rules() -> PublicityRules:
    """Return the parameters in force."""
    table = msgspec.json.decode(FILE.read_bytes())
    given = {name: row["value"] for name, row in table.items() if isinstance(row, dict)}
    return msgspec.convert({**given, "version": table["version"]}, PublicityRules)


@cache
def publicity_sources() -> dict[str, Parameter]:
    """Return each parameter with its source, for the page that shows them."""
    table = msgspec.json.decode(FILE.read_bytes())
    return {name: msgspec.convert(row, Parameter) for name, row in table.items() if isinstance(row, dict)}
