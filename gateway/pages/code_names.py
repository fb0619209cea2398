"""How values of the catalogue's facets are called on a page."""

from __future__ import annotations

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES
from engine.catalogue.codes.regions import REGIONS, full_name
from engine.catalogue.search.entries import Facet
from gateway.pages.i18n import translate


def value_name(facet: Facet, value: str, language: str) -> str:
    """Return how a value is called."""
    if facet is Facet.FIELD:
        return FIELDS[value].name(language) if value in FIELDS else value
    if facet is Facet.INDUSTRY:
        return INDUSTRIES[value].name(language) if value in INDUSTRIES else value
    if facet is Facet.REGION:
        return REGIONS[value].name(language) if value in REGIONS else value
    return translate(language, f"catalogue.{facet.value}.{value}")


def region_name(code: str, language: str) -> str:
    """Return a place with its league or city."""
    return full_name(code, language) if code else ""
