"""The yearly report of an institution (科技成果转化年度报告, 促进科技成果转化法 art. 21): what this market knows of it. Pure.

Holdings, staff, firms and policies of the unit are not known here and stay for the unit to fill in.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from engine.calendar import civil_of, day_of
from engine.values import InstantUs
from settlement.distribution.plan import Plan
from settlement.statistics.figures import Cell, OwnRow, Table


class InstitutionReport(Struct, frozen=True, kw_only=True):
    """The figures of one year; amounts in fen."""

    year: int
    whole: Cell
    """Items and contract amount."""
    by_mode: Table
    by_way: Table
    by_buyer: Table
    by_buyer_region: Table
    by_kind: Table
    """Registered contracts by the five kinds: transfers, licences, development, consulting, service."""
    registered: Cell
    received_by_mode: Table
    received_fen: int
    """Money that reached the unit in the year, whatever year the deal is of."""
    highest_fen: int
    """Highest single contract."""
    distributed_fen: int
    """Net income of rounds that were paid in the year."""
    kept_fen: int
    to_persons_fen: int
    to_main_fen: int
    persons_times: int

    def lines(self) -> list[tuple[str, str, str, Cell]]:
        """Return the report line by line: word, table of its code, code, figure."""
        found = [("items", "", "", self.whole)]
        for word, table, cells in (
            ("by_mode", "mode", self.by_mode), ("by_way", "way", self.by_way), ("by_buyer", "buyer_nature", self.by_buyer),
            ("by_buyer_region", "buyer_region", self.by_buyer_region), ("by_kind", "five", self.by_kind),
        ):  # fmt: skip
            found += [(word, table, code, cell) for code, cell in sorted(cells.items())]
        money = {
            "received": self.received_fen, "highest": self.highest_fen, "distributed": self.distributed_fen, "kept": self.kept_fen,
            "to_main": self.to_main_fen,
        }  # fmt: skip
        found.append(("registered", "", "", self.registered))
        found += [("received_by_mode", "mode", code, cell) for code, cell in sorted(self.received_by_mode.items())]
        found += [(word, "", "", Cell(0, fen)) for word, fen in money.items()]
        return [*found, ("to_persons", "", "", Cell(self.persons_times, self.to_persons_fen))]


def institution_report(year: int, rows: Sequence[OwnRow], paid: Sequence[Plan]) -> InstitutionReport:
    """Return the report of a year from an institution's figures and the rounds it has paid out."""
    deals = [row for row in rows if row.measure == "deal"]
    registered = [row for row in rows if row.measure == "registration"]
    of_year = [plan for plan in paid if civil_of(day_of(InstantUs(plan.paid_at_us)))[0] == year]
    splits = [plan.proposed.split for plan in of_year]
    return InstitutionReport(
        year=year,
        whole=sum((_cell(row) for row in deals), Cell()),
        by_mode=_by(deals, "mode"),
        by_way=_by(deals, "way"),
        by_buyer=_by(registered, "buyer_nature"),
        by_buyer_region=_by(registered, "buyer_region"),
        by_kind=_by(registered, "five"),
        registered=sum((_cell(row) for row in registered), Cell()),
        received_by_mode=_by([row for row in rows if row.measure == "received"], "mode"),
        received_fen=sum(row.total_fen for row in rows if row.measure == "received"),
        highest_fen=max([row.highest_fen or 0 for row in deals], default=0),
        distributed_fen=sum(split.net_fen for split in splits),
        kept_fen=sum(split.unit_fen for split in splits),
        to_persons_fen=sum(split.reward_fen for split in splits),
        to_main_fen=sum(split.main_fen for split in splits),
        persons_times=sum(len(split.persons) for split in splits),
    )


def _by(rows: Sequence[OwnRow], name: str) -> Table:
    found: dict[str, Cell] = {}
    for row in rows:
        code = getattr(row, name)
        found[code] = found.get(code, Cell()) + _cell(row)
    return {code: cell for code, cell in found.items() if cell != Cell()}


def _cell(row: OwnRow) -> Cell:
    return Cell(row.count, row.total_fen, 0, row.days, row.timed)
