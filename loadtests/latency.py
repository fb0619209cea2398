"""Section C: how long a bidder waits for the durable answer, against the echo and one commit of one row."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from loadtests.client.driver import Run
from loadtests.processes import Child
from loadtests.report import Figure
from loadtests.slices import Meter, Target

SETTLE_S: Final = 0.1
LIGHT_RATE: Final = 1_000.0


class Waits(NamedTuple):
    """The runs of one round."""

    echo_light: Run
    light: Run
    half: Run
    commit_us: float


async def measure(
    meter: Meter,
    ortoo: Target,
    echo: Target,
    floor: Child,
    *,
    half_rate: float,
    rounds: int,
    seconds: float,
    share: float,
) -> list[Waits]:
    """Run open-loop slices in rotation, each bid timed from the instant it was due."""
    taken: list[Waits] = []
    for number in range(rounds):
        if number >= 3 and not meter.has_time(share):
            break
        echo_light = await _paced(meter, echo, LIGHT_RATE, seconds)
        commit = await floor.ask(f"{seconds / 2} {LIGHT_RATE}", seconds + 10)
        light = await _paced(meter, ortoo, LIGHT_RATE, seconds)
        half = await _paced(meter, ortoo, half_rate, seconds)
        taken.append(Waits(echo_light, light, half, float(commit["p50_us"])))
    return taken


async def _paced(meter: Meter, target: Target, rate: float, seconds: float) -> Run:
    taken = await meter.take(target, lambda: target.client.open(seconds, rate, settle=SETTLE_S, some=target.some))
    return taken.run


def figures(taken: Sequence[Waits], half_rate: float) -> list[Figure]:
    """Return what the runs say, in milliseconds."""
    found = [
        Figure(
            key="c_over_floor",
            title="C  median answer at 1,000 bids/s / (echo median + one-row commit median)",
            values=[one.light.p50_us / (one.echo_light.p50_us + one.commit_us) for one in taken],
            floor=2.0,
            aim=1.2,
            less_is_better=True,
        ),
        _milliseconds("c_echo", "C  bare echo at 1,000/s: median", [one.echo_light.p50_us for one in taken]),
        _milliseconds("c_commit", "C  one-row commit: median", [one.commit_us for one in taken]),
    ]
    for key, title, runs in (
        ("light", "1,000 bids/s", [one.light for one in taken]),
        ("half", f"half load, {half_rate:,.0f} bids/s", [one.half for one in taken]),
    ):
        for name, label in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")):
            waits_us = [getattr(run, name) for run in runs]
            found.append(_milliseconds(f"c_{key}_{label}", f"C  answer at {title}: {label}", waits_us))
    return found


def _milliseconds(key: str, title: str, waits_us: Sequence[float]) -> Figure:
    return Figure(key=f"{key}_ms", title=title, values=[wait / 1_000 for wait in waits_us], unit="ms")


def half_of(rates: list[float]) -> float:
    """Return half of the median rate at saturation."""
    return max(LIGHT_RATE / 2, median(rates) / 2)
