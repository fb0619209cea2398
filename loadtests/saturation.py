"""Sections A, B and F: how many durable decisions a second, against the bare echo and the naive way, and
where the time goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Final

from loadtests.report import Figure, ratios
from loadtests.slices import Meter, Slice, Target

SETTLE_S: Final = 0.2
TITLES: Final = {
    "echo": "bare echo",
    "ortoo": "Ortoo, one lot",
    "ortoo_many": "Ortoo, many lots",
    "naive": "naive, one lot",
    "naive_many": "naive, many lots",
}


async def measure(
    meter: Meter, targets: Sequence[Target], *, rounds: int, seconds: float, share: float, least: int = 3
) -> dict[str, list[Slice]]:
    """Run closed-loop slices in rotation, the order reversed every other round; fewer rounds when the time is
    up.
    """
    taken: dict[str, list[Slice]] = {target.name: [] for target in targets}
    for number in range(rounds):
        if number >= least and not meter.has_time(share):
            break
        for target in targets if number % 2 == 0 else reversed(targets):
            run = partial(target.client.closed, seconds, settle=SETTLE_S, some=target.some)
            taken[target.name].append(await meter.take(target, run))
    return taken


def figures(taken: Mapping[str, Sequence[Slice]]) -> list[Figure]:
    """Return what the slices say."""
    rate = {name: [one.run.rate() for one in slices] for name, slices in taken.items()}
    accepted = {name: [one.run.rate() * _accepted_share(one) for one in taken[name]] for name in taken}
    one, many = "A  one lot, 300 bidders: durable decisions", "B  many lots, 300 bidders: durable decisions"
    found = [
        ratios("a_over_echo", f"{one} / bare echo", rate["ortoo"], rate["echo"], floor=0.40, aim=0.60),
        ratios("a_over_naive", f"{one} / naive way", rate["ortoo"], rate["naive"], floor=25, aim=50),
        ratios("a_accepted_over_naive", "A  the same, accepted bids alone", accepted["ortoo"], accepted["naive"]),
        ratios("b_over_echo", f"{many} / bare echo", rate["ortoo_many"], rate["echo"]),
        ratios("b_over_naive", f"{many} / naive way", rate["ortoo_many"], rate["naive_many"]),
    ]
    for name, title in TITLES.items():
        found.append(_figure(f"rate_{name}", f"{title}: answers a second", rate[name], "/s"))
        if name != "echo":
            found.append(_figure(f"accepted_{name}", f"{title}: accepted bids a second", accepted[name], "/s"))
    return found + _costs(taken)


def _costs(taken: Mapping[str, Sequence[Slice]]) -> list[Figure]:
    over = [a.server_us / b.server_us for a, b in zip(taken["ortoo"], taken["echo"], strict=True)]
    found = [_figure("cpu_over_echo", "F  server CPU of a bid / of an echo", over)]
    for name, title in TITLES.items():
        slices = taken[name]
        cost = f"F  CPU for each answer, {title}"
        found.append(_figure(f"cpu_server_{name}", f"{cost}: server", [one.server_us for one in slices], "µs"))
        if name != "echo":
            database = [one.postgres_us for one in slices]
            found.append(_figure(f"cpu_postgres_{name}", f"{cost}: PostgreSQL", database, "µs"))
        found.append(_figure(f"cpu_client_{name}", f"{cost}: client", [one.client_us for one in slices], "µs"))
        share = [one.server_share for one in slices]
        found.append(_figure(f"core_{name}", f"F  part of its core the server used, {title}", share))
    return found


def _figure(key: str, title: str, values: list[float], unit: str = "") -> Figure:
    return Figure(key=key, title=title, values=values, unit=unit)


def facts(taken: Mapping[str, Sequence[Slice]]) -> list[str]:
    """Say what was refused and whether the client was the limit."""
    codes: Counter[str] = Counter()
    for one in taken["ortoo"]:
        codes.update(one.run.codes)
    undecided = sum(one.run.undecided for name in ("ortoo", "ortoo_many") for one in taken[name])
    busiest = max(median(one.client_share for one in slices) for slices in taken.values())
    return [
        "A, B: closed loop, 300 connections that bid and do not watch, one bid in flight on each",
        (
            "every bid is one step above the last that the client sent on the lot; bids that overtake each other "
            "are refused, and recorded, by Ortoo and by the naive way alike"
        ),
        f"Ortoo refused on one lot: {dict(codes) or 'none'}; answers without a decision (busy, in doubt): {undecided}",
        f"the client used at most {busiest:.2f} of its core" + (": lower bounds" if busiest > 0.92 else ""),
    ]


def _accepted_share(one: Slice) -> float:
    return one.run.accepted / max(1, one.run.all)
