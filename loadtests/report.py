"""The benchmark's report: ratios first, then the rest, then one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number: median over the rounds with its spread, and what was asked of it."""

    key: str
    title: str
    values: list[float]
    unit: str = ""
    floor: float | None = None
    """Least (or, with `less_is_better`, most) that must be reached."""
    aim: float | None = None
    less_is_better: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """Median over the rounds."""
        return median(self.values)

    def verdict(self) -> str:
        """Say whether floor and aim are reached; empty if nothing was asked."""
        if self.floor is None:
            return ""
        if self._meets(self.floor):
            return "aim reached" if self.aim is not None and self._meets(self.aim) else "reached"
        return "NOT REACHED"

    def _meets(self, bar: float) -> bool:
        return self.value <= bar if self.less_is_better else self.value >= bar


def ratios(key: str, title: str, over: Sequence[float], under: Sequence[float], **asked: Any) -> Figure:
    """Return the ratio of two series measured in the same rounds, round by round."""
    return Figure(key=key, title=title, values=[a / b for a, b in zip(over, under, strict=True)], **asked)


def written(value: float) -> str:
    """Write a number with three significant digits or as a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def line(figure: Figure) -> str:
    """Return a figure as one line of the table."""
    asked = ""
    if figure.floor is not None:
        sign = "≤" if figure.less_is_better else "≥"
        asked = f"{sign} {written(figure.floor)}" + (f" (aim {written(figure.aim)})" if figure.aim is not None else "")
    spread = f"[{written(min(figure.values))}–{written(max(figure.values))}]" if len(figure.values) > 1 else ""
    number = f"{written(figure.value)} {figure.unit}".strip()
    text = f"  {figure.title:<74} {number:>14}  {spread:<17} {asked:<18} {figure.verdict()}"
    return text.rstrip() + (f"\n      {figure.note}" if figure.note else "")


def table(figures: Sequence[Figure], facts: Sequence[str]) -> str:
    """Return the report: first what was asked for, then everything else, then how it was measured."""
    asked = [line(figure) for figure in figures if figure.floor is not None]
    others = [line(figure) for figure in figures if figure.floor is None]
    measured = [f"  {fact}" for fact in facts]
    return "\n".join(
        [
            "",
            "Ratios and promises: median [least–most] of the rounds",
            *asked,
            "",
            "Numbers behind them",
            *others,
            "",
            "How",
            *measured,
        ]
    )


def json_line(figures: Sequence[Figure], facts: Sequence[str]) -> str:
    """Return everything as one line of JSON."""
    return json.dumps(
        {
            "figures": {
                figure.key: {
                    "value": round(figure.value, 4),
                    "least": round(min(figure.values), 4),
                    "most": round(max(figure.values), 4),
                    "rounds": len(figure.values),
                    "unit": figure.unit,
                    "floor": figure.floor,
                    "aim": figure.aim,
                    "verdict": figure.verdict(),
                }
                for figure in figures
            },
            "facts": list(facts),
        },
        ensure_ascii=False,
    )
