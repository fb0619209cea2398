"""What the pages ask of the code tables: names of fields and regions, and the choices of their forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.catalogue.codes import fields, regions

FIELDS: Final[Mapping[str, tuple[str, str]]] = {code: (entry.zh, entry.en) for code, entry in fields.FIELDS.items()}
"""Names in Chinese and English of the 11 technical fields."""
REGIONS: Final[Mapping[str, tuple[str, str]]] = {entry.code: (entry.zh, entry.en) for entry in regions.PREFECTURES}
"""Names in Chinese and English of the 12 leagues and cities, which a lot is filed under."""

REGION_TREE: Final = tuple((entry, regions.REGIONS.children(entry.code)) for entry in regions.PREFECTURES)
"""The 12 leagues and cities, each with its banners, counties and zones."""


def field_name(code: str, language: str) -> str:
    """Return the name of a technical field; the code itself if it is unknown."""
    return fields.FIELDS.name(code, language)


def region_name(code: str, language: str) -> str:
    """Return the name of the league, city or province of a place; the code itself if it is unknown."""
    prefecture = regions.REGIONS.get(f"{code[:4]}00")
    return code if prefecture is None else prefecture.name(language)
