"""The figures of the market: counted from the histories as they grow, read as of any past instant, counted anew on demand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import fields

from engine.catalogue.codes.regions import HOME, province_of, reporting_unit_of
from settlement.contracts.kinds import five_kind
from settlement.ledger.book import Connection
from settlement.statistics.facts import Fact, deal_facts, registration_facts
from settlement.statistics.following import QUERIES, Grown, HistoryFollowing

DIMENSIONS: Final = (
    "month", "way", "mode", "kind", "field", "industry", "ipr", "plan", "objective", "seller_region", "buyer_region", "seller_nature",
    "buyer_nature", "band",
)  # fmt: skip
MEASURES: Final = ("registration", "deal", "received")
YEARS: Final = range(2000, 2101)
_FIELDS: Final = tuple(one.name for one in fields(Fact))


class Cell(Struct, frozen=True):
    """A figure: how many, for how much; fen."""

    count: int = 0
    total_fen: int = 0
    technical_fen: int = 0

    def __add__(self, other: Cell) -> Cell:
        """Return both together."""
        return Cell(
            self.count + other.count, self.total_fen + other.total_fen, self.technical_fen + other.technical_fen
        )


Table = Mapping[str, Cell]
"""Figures by code; the empty code: not said."""


class Report(Struct, frozen=True, kw_only=True):
    """All tables of a period as of an instant."""

    measure: str
    year: int
    quarter: int
    """0: the whole year."""
    as_of_us: int
    whole: Cell
    tables: Mapping[str, Table]
    trend: Mapping[tuple[int, int], Cell]
    """By year and quarter, five years."""

    def regions(self, side: str, level: str) -> Table:
        """Return a table by region at a level: `region` (Inner Mongolia, other provinces, abroad), `unit` (the 14), `county`."""
        found: dict[str, Cell] = {}
        for code, cell in self.tables[f"{side}_region"].items():
            place = place_at(code, level)
            if place is not None:
                found[place] = found.get(place, Cell()) + cell
        return found

    def kinds(self) -> Table:
        """Return the table of the five kinds of contracts."""
        found: dict[str, Cell] = {}
        for code, cell in self.tables["kind"].items():
            five = five_kind(code)
            found[five] = found.get(five, Cell()) + cell
        return found


class OwnRow(Struct, frozen=True, kw_only=True):
    """A row of an institution's figures."""

    measure: str
    mode: str
    way: str
    buyer_nature: str
    buyer_region: str
    count: int
    total_fen: int
    highest_fen: int | None


class Statistics:
    """Counts and reads."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.following = HistoryFollowing(pool, "statistics", _count)

    async def report(self, measure: str, year: int, quarter: int, as_of_us: int) -> Report:
        """Return the tables of a period as they were at an instant. One snapshot: tables and trend agree."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(QUERIES["tables"], measure, year, quarter, as_of_us)
            trend = await connection.fetch(QUERIES["trend"], measure, year, as_of_us)
        tables: dict[str, dict[str, Cell]] = {name: {} for name in DIMENSIONS}
        whole, all_bits = Cell(), 2 ** len(DIMENSIONS) - 1
        for row in rows:
            cell = _cell(row)
            if row["which"] == all_bits:
                whole = cell
            elif cell != Cell():
                place = len(DIMENSIONS) - (all_bits ^ row["which"]).bit_length()
                tables[DIMENSIONS[place]][row["code"]] = cell
        return Report(
            measure=measure, year=year, quarter=quarter, as_of_us=as_of_us, whole=whole, tables=tables,
            trend={(row["year"], row["quarter"]): _cell(row) for row in trend},
        )  # fmt: skip

    async def own(self, party: str, year: int, as_of_us: int) -> list[OwnRow]:
        """Return an institution's figures of a year."""
        rows = await self._pool.fetch(QUERIES["own"], party, year, as_of_us)
        return [OwnRow(**dict(row)) for row in rows]

    async def count_anew(self) -> None:
        """Forget everything and count the histories again."""
        await self._pool.execute(QUERIES["forget"])
        await self.following.catch_up()

    async def behind(self) -> int:
        """Return how many histories wait to be counted."""
        waiting: int = await self._pool.fetchval(QUERIES["behind"])
        return waiting


def place_at(code: str, level: str) -> str | None:
    """Return where a region code counts at a level; None where it does not count there. Countries are `abroad` at the first level."""
    if not code:
        return "" if level == "region" else None
    home = code.startswith(HOME[:2]) and len(code) == 6
    if level == "region":
        province = province_of(code)
        return province.code if province is not None else "abroad" if len(code) != 6 else ""
    if not home:
        return None
    if level == "county":
        return code if not code.endswith("00") else None
    unit = reporting_unit_of(code)
    return None if unit is None else unit.code


async def _count(connection: Connection, news: list[Grown]) -> None:
    wanted = [one.stream for one in news if one.stream.startswith("registration/")]
    packages: dict[str, dict[int, bytes]] = {}
    for row in await connection.fetch(QUERIES["packages"], wanted) if wanted else []:
        packages.setdefault(row["stream"], {})[row["revision"]] = row["body"]
    rows = []
    for one in news:
        if one.stream.startswith("deal/"):
            facts = deal_facts(one.stream, one.history)
        else:
            facts = registration_facts(one.stream, one.history, packages.get(one.stream, {}))
        rows += [row_of(fact) for fact in facts if fact.seq > one.seen]
    if rows:
        await connection.executemany(QUERIES["insert_fact"], rows)


def row_of(fact: Fact) -> tuple[object, ...]:
    """Return a fact as a row."""
    plain = msgspec.structs.asdict(fact)
    return tuple(plain[name] for name in _FIELDS)


def _cell(row: asyncpg.Record) -> Cell:
    if row["count"] is None:
        return Cell()
    return Cell(row["count"], int(row["total_fen"]), int(row["technical_fen"]))
