"""Codes of tables of statistics as people read them, and amounts for small places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from babel.dates import get_month_names

from engine.catalogue.codes.contract_types import CONTRACT_TYPES
from engine.catalogue.codes.countries import COUNTRIES
from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES
from engine.catalogue.codes.ip_types import IP_TYPES
from engine.catalogue.codes.objectives import OBJECTIVES
from engine.catalogue.codes.party_natures import PARTY_NATURES
from engine.catalogue.codes.plan_sources import PLAN_SOURCES
from engine.catalogue.codes.regions import HOME, REGIONS, province_of
from gateway.pages.i18n import translate

_NAMES: Final[Mapping[str, Any]] = {
    "kind": CONTRACT_TYPES, "five": CONTRACT_TYPES, "field": FIELDS, "industry": INDUSTRIES, "ipr": IP_TYPES, "plan": PLAN_SOURCES,
    "objective": OBJECTIVES, "seller_region": REGIONS, "buyer_region": REGIONS, "place": REGIONS, "seller_nature": PARTY_NATURES,
    "buyer_nature": PARTY_NATURES,
}  # fmt: skip
_WORDED: Final = ("way", "mode", "band")


def code_name(table: str, code: str, language: str) -> str:
    """Return the name of a code in a table."""
    if not code:
        return translate(language, "statistics.not_said")
    if code in ("abroad", "other"):
        return translate(language, f"statistics.{code}")
    if table == "month":
        return str(get_month_names("abbreviated", locale=language)[int(code)])
    if table == "place" and code == HOME:
        return translate(language, "statistics.whole_region")
    if table.endswith("_region"):
        return _region_name(code, language)
    if table in _WORDED:
        return translate(language, f"statistics.{table}.{code}")
    entries = _NAMES.get(table)
    return code if entries is None else str(entries.name(code, language))


def _region_name(code: str, language: str) -> str:
    """Return the name of a place; of one that the table does not hold its province's, of a customs code the country's."""
    if len(code) != 6:
        return COUNTRIES.name(code, language)
    province = province_of(code)
    return str(REGIONS.name(code if code in REGIONS or province is None else province.code, language))


def place_name(code: str, language: str) -> str:
    """Return the name of a place for a narrow column: without what it is (`呼和浩特`, `Hohhot`)."""
    name = code_name("place", code, language)
    for ending in ("市", "盟", " City", " League"):
        name = name.removesuffix(ending)
    return name


def short(fen: int, language: str) -> str:
    """Return an amount for a small place: in 万元 or 亿元, in English in millions."""
    if language == "en":
        return f"{fen / 10**8:,.1f} M"
    return f"{fen / 10**10:,.2f} 亿" if fen >= 10**10 else f"{fen / 10**6:,.0f} 万"


def days_text(days: float | None) -> str:
    """Return an average of days with one decimal; a dash where none is known."""
    return "–" if days is None else f"{days:.1f}"
