"""Regions: Inner Mongolia down to banner and county, other provinces at their own level (GB/T 2260; domain.md §7.1).

Leagues (盟) are offices of the region, not cities: nothing is derived from a name, everything from the kind.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from engine.catalogue.codes.tables import Entry, load_table


class RegionKind(StrEnum):
    """What a region is."""

    PROVINCE = "PROVINCE"
    """省级"""
    CITY = "CITY"
    """地级市"""
    LEAGUE = "LEAGUE"
    """盟"""
    DISTRICT = "DISTRICT"
    """市辖区"""
    COUNTY_CITY = "COUNTY_CITY"
    """县级市"""
    COUNTY = "COUNTY"
    """县"""
    BANNER = "BANNER"
    """旗"""
    AUTONOMOUS_BANNER = "AUTONOMOUS_BANNER"
    """自治旗"""
    PARK = "PARK"
    """A statistical zone without a county code of GB/T 2260: a place, but not one of the 103 counties."""


COUNTY_KINDS: Final = frozenset(
    {
        RegionKind.DISTRICT,
        RegionKind.COUNTY_CITY,
        RegionKind.COUNTY,
        RegionKind.BANNER,
        RegionKind.AUTONOMOUS_BANNER,
    }
)
"""The kinds that count among the 103."""


class Region(Entry, frozen=True, kw_only=True):
    """A region; six digits."""

    kind: RegionKind

    @property
    def is_county(self) -> bool:
        """One of the 103 banners, counties, county-level cities and districts."""
        return self.kind in COUNTY_KINDS

    @property
    def is_prefecture(self) -> bool:
        """One of the 12 leagues and cities."""
        return self.kind in (RegionKind.CITY, RegionKind.LEAGUE)


class Market(Entry, frozen=True, kw_only=True):
    """A standing technology market. Which prefectures it serves is a setting of the market, fixed by no source."""

    prefectures: tuple[str, ...]


HOME: Final = "150000"
"""Inner Mongolia."""
REGIONS: Final = load_table("regions", Region)
MARKETS: Final = load_table("markets", Market)
PREFECTURES: Final = REGIONS.children(HOME)
"""The 12 leagues and cities."""
COUNTIES: Final = tuple(region for region in REGIONS.values() if region.is_county)
"""The 103."""
PARKS: Final = tuple(region for region in REGIONS.values() if region.kind is RegionKind.PARK)
PROVINCES: Final = REGIONS.children()
"""Inner Mongolia first, then the others by code."""
REPORTING_ALONE: Final = ("150781", "152501")
"""Manzhouli and Erenhot: county-level cities that science notices address beside the leagues and cities (P-SUB22)."""
REPORTING_UNITS: Final = (*PREFECTURES, *(REGIONS[code] for code in REPORTING_ALONE))
"""The 14 that report to the region."""
_MARKET_OF: Final = {code: market for market in MARKETS.values() for code in market.prefectures}


def is_home(code: str) -> bool:
    """Tell whether a code of the table lies in Inner Mongolia, the region itself included."""
    return code in REGIONS and code.startswith("15")


def province_of(code: str) -> Region | None:
    """Return the province of any six-digit code, also of a place that the table does not hold."""
    return REGIONS.get(f"{code[:2]}0000") if len(code) == 6 else None


def prefix_of(code: str) -> str:
    """Return how the codes of all places in a region begin: `1502` for Baotou (150200), `15` for Inner Mongolia, a county's own code."""
    while (len(code) == 6 and code.endswith("00")) or (len(code) == 4 and code.endswith("00")):
        code = code[:-2]
    return code


def prefecture_of(code: str) -> Region | None:
    """Return the league or city that a code is or lies in; None for the region itself, other provinces and unknown codes."""
    return next((region for region in REGIONS.path(code) if region.is_prefecture), None)


def reporting_unit_of(code: str) -> Region | None:
    """Return which of the 14 reports for a place; None outside the region and for the region as a whole."""
    return REGIONS[code] if code in REPORTING_ALONE else prefecture_of(code)


def market_of(code: str) -> Market | None:
    """Return the standing market that serves a place; None outside the region and for the region as a whole."""
    prefecture = prefecture_of(code)
    return None if prefecture is None else _MARKET_OF.get(prefecture.code)


def full_name(code: str, language: str) -> str:
    """Return the name with the league or city before it (`呼伦贝尔市满洲里市`, `Manzhouli City, Hulunbuir`); the code if it is unknown."""
    names = [region.name(language) for region in REGIONS.path(code) if region.code != HOME]
    if not names:
        return REGIONS.name(code, language)
    return ", ".join(reversed(names)) if language == "en" else "".join(names)
