"""The public record of forecasts: how often prices fell into their ranges, by mode and grade, and where in the forecast they stood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from pricing.drift import drift_alarms
from pricing.store import OutcomeLine

BINS: Final = 10
SHOWN_MIN: Final = 5
"""Groups with fewer outcomes are not shown by themselves: somebody's single price could be read off."""
PROMISED: Final = (0.5, 0.8, 0.9)


class Row(Struct, frozen=True, kw_only=True):
    """A group: outcomes, share within the 80 % range, mean score of the forecasts (lower is better)."""

    group: str
    outcomes: int
    covered: float
    crps: float


class Promise(Struct, frozen=True, kw_only=True):
    """A range that promised a share, and the share that it held."""

    promised: float
    held: float


class Calibration(Struct, frozen=True, kw_only=True):
    """The record. `pit` counts prices by the tenth of the forecast that they fell into: even is perfect."""

    sold: int
    unsold: int
    rows: tuple[Row, ...]
    promises: tuple[Promise, ...]
    pit: tuple[int, ...]
    alarms: tuple[str, ...]


def calibration_of(lines: Sequence[OutcomeLine], mode: str = "") -> Calibration:
    """Return the record of outcomes, newest first, of one mode or of all."""
    chosen = [line for line in lines if not mode or line.mode == mode]
    sold = [line for line in chosen if line.covered is not None]
    groups = {"all": sold}
    for line in sold:
        groups.setdefault(f"mode.{line.mode}", []).append(line)
        groups.setdefault(f"grade.{line.grade}", []).append(line)
    rows = tuple(_row(name, group) for name, group in sorted(groups.items()) if len(group) >= SHOWN_MIN)
    pits = [line.pit for line in sold if line.pit is not None]
    shown = len(pits) >= SHOWN_MIN
    pit = (
        tuple(sum(min(int(value * BINS), BINS - 1) == place for value in pits) for place in range(BINS))
        if shown
        else ()
    )
    promises = tuple(
        Promise(promised=share, held=sum(abs(value - 0.5) <= share / 2 for value in pits) / len(pits))
        for share in (PROMISED if shown else ())
    )
    return Calibration(
        sold=len(sold), unsold=len(chosen) - len(sold), rows=rows, promises=promises, pit=pit,
        alarms=_alarms(sold),
    )  # fmt: skip


def _row(name: str, group: Sequence[OutcomeLine]) -> Row:
    n = len(group)
    return Row(
        group=name, outcomes=n, covered=sum(bool(line.covered) for line in group) / n,
        crps=sum(line.crps or 0.0 for line in group) / n,
    )  # fmt: skip


def _alarms(sold: Sequence[OutcomeLine]) -> tuple[str, ...]:
    oldest_first = list(reversed(sold))
    return drift_alarms([bool(line.covered) for line in oldest_first], [line.pit or 0.5 for line in oldest_first])
