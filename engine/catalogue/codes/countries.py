"""Countries and areas by the three-digit customs code that the registration form asks for (domain.md §5.8)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class Country(Entry, frozen=True, kw_only=True):
    """A country or area."""

    iso: str
    """ISO 3166-1 alpha-2, as the register of parties keeps it."""


COUNTRIES: Final = load_table("countries", Country)
_BY_ISO: Final = {country.iso: country for country in COUNTRIES.values()}


def customs_code(iso: str) -> str:
    """Return the customs code of an ISO code; empty if the table has none."""
    found = _BY_ISO.get(iso)
    return "" if found is None else found.code
