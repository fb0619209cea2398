"""Which figures somebody asks for: the same for pages and programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.calendar import civil_of, day_of
from engine.values import InstantUs
from gateway.accounts.model import Caller
from gateway.errors import Code, Refused
from gateway.formatting import read_local
from gateway.services import Services
from settlement.statistics.figures import MEASURES, YEARS, Report
from settlement.statistics.institution import InstitutionReport, institution_report

DAY_US: Final = 86_400_000_000
LEVELS: Final = ("unit", "region", "county")
"""How fine regions are counted: the 14 reporting units, the region beside other provinces, banners and counties."""


class Asked(Struct, frozen=True, kw_only=True):
    """Measure, period, level of regions, and as of when. `quarter` 0: the whole year; `day` empty: now."""

    measure: str
    year: int
    quarter: int
    level: str
    day: str
    as_of_us: int


def read_asked(query: Mapping[str, str], now_us: int) -> Asked:
    """Read what is asked; what is missing is this year, all quarters, now.

    Raises:
        Refused: MALFORMED (`fields`).
    """
    year = _number(query.get("year", "") or str(civil_of(day_of(InstantUs(now_us)))[0]), "year")
    quarter = _number(query.get("quarter", "") or "0", "quarter")
    if year not in YEARS or quarter not in range(5):
        raise Refused(Code.MALFORMED, fields="year")
    day = query.get("as_of", "")[:10]
    at_us = now_us if not day else read_local(f"{day}T00:00")
    if at_us is None:
        raise Refused(Code.MALFORMED, fields="as_of")
    measure, level = query.get("measure", MEASURES[0]), query.get("level", LEVELS[0])
    if measure not in MEASURES or level not in LEVELS:
        raise Refused(Code.MALFORMED, fields="measure")
    as_of_us = at_us + DAY_US - 1 if day else at_us
    return Asked(measure=measure, year=year, quarter=quarter, level=level, day=day, as_of_us=as_of_us)


async def report_of(services: Services, asked: Asked) -> Report:
    """Return the market's figures."""
    return await services.statistics.report(asked.measure, asked.year, asked.quarter, asked.as_of_us)


async def own_report_of(services: Services, caller: Caller, asked: Asked) -> InstitutionReport:
    """Return the yearly report of the caller's own unit (促进科技成果转化法 art. 21)."""
    rows = await services.statistics.own(caller.party_id, asked.year, asked.as_of_us)
    paid = await services.distribution.paid(caller.party_id)
    return institution_report(asked.year, rows, paid)


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise Refused(Code.MALFORMED, fields=name)
    return int(text)
