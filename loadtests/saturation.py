"""Sections A, B and F: how many durable decisions a second, against the bare echo and the naive way, and where the time goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median
from typing import Final

from loadtests.report import Figure, ratios
from loadtests.slices import Meter, Slice, Target

SETTLE_S: Final = 0.2
NAMES: Final = ("echo", "ortoo", "naive", "ortoo_many", "naive_many")


async def measure(
    meter: Meter, targets: Sequence[Target], *, rounds: int, seconds: float, share: float, least: int = 3
) -> dict[str, list[Slice]]:
    """Run closed-loop slices in rotation, the order reversed every other round; fewer rounds when the time is up."""
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
    accepted = {
        name: [one.run.rate() * _accepted_share(one) for one in slices] for name, slices in taken.items()
    }
    found = [
        ratios(
            "a_over_echo",
            "A  one lot, 300 bidders: durable decisions / bare echo",
            rate["ortoo"],
            rate["echo"],
            floor=0.40,
            aim=0.60,
        ),
        ratios(
            "a_over_naive",
            "A  one lot, 300 bidders: durable decisions / naive way",
            rate["ortoo"],
            rate["naive"],
            floor=25,
            aim=50,
        ),
        ratios(
            "a_accepted_over_naive", "A  the same, accepted bids alone", accepted["ortoo"], accepted["naive"]
        ),
        ratios(
            "b_over_echo",
            "B  many lots, 300 bidders: durable decisions / bare echo",
            rate["ortoo_many"],
            rate["echo"],
        ),
        ratios(
            "b_over_naive",
            "B  many lots, 300 bidders: durable decisions / naive way",
            rate["ortoo_many"],
            rate["naive_many"],
        ),
    ]
    for name, title in (
        ("echo", "bare echo"),
        ("ortoo", "Ortoo, one lot"),
        ("ortoo_many", "Ortoo, many lots"),
        ("naive", "naive, one lot"),
        ("naive_many", "naive, many lots"),
    ):
        found.append(
            Figure(key=f"rate_{name}", title=f"{title}: answers a second", values=rate[name], unit="/s")
        )
    for name, title in (
        ("ortoo", "Ortoo, one lot"),
        ("ortoo_many", "Ortoo, many lots"),
        ("naive", "naive, one lot"),
    ):
        found.append(
            Figure(
                key=f"accepted_{name}",
                title=f"{title}: accepted bids a second",
                values=accepted[name],
                unit="/s",
            )
        )
    return found + _costs(taken)


def _costs(taken: Mapping[str, Sequence[Slice]]) -> list[Figure]:
    found = []
    for name, title in (
        ("echo", "bare echo"),
        ("ortoo", "Ortoo, one lot"),
        ("ortoo_many", "Ortoo, many lots"),
        ("naive", "naive, one lot"),
    ):
        slices = taken[name]
        found.append(
            Figure(
                key=f"cpu_server_{name}",
                title=f"F  CPU for each answer, {title}: server",
                values=[one.server_us for one in slices],
                unit="µs",
            )
        )
        if name != "echo":
            found.append(
                Figure(
                    key=f"cpu_postgres_{name}",
                    title=f"F  CPU for each answer, {title}: PostgreSQL",
                    values=[one.postgres_us for one in slices],
                    unit="µs",
                )
            )
        found.append(
            Figure(
                key=f"cpu_client_{name}",
                title=f"F  CPU for each answer, {title}: client",
                values=[one.client_us for one in slices],
                unit="µs",
            )
        )
        found.append(
            Figure(
                key=f"core_{name}",
                title=f"F  part of its core the server used, {title}",
                values=[one.server_share for one in slices],
            )
        )
    over = [a.server_us / b.server_us for a, b in zip(taken["ortoo"], taken["echo"], strict=True)]
    return [*found, Figure(key="cpu_over_echo", title="F  server CPU of a bid / of an echo", values=over)]


def facts(taken: Mapping[str, Sequence[Slice]]) -> list[str]:
    """Say what was refused and whether the client was the limit."""
    codes: dict[str, int] = {}
    for one in taken["ortoo"]:
        for code, count in one.run.codes.items():
            codes[code] = codes.get(code, 0) + count
    undecided = sum(one.run.undecided for name in ("ortoo", "ortoo_many") for one in taken[name])
    busiest = max(median(one.client_share for one in slices) for slices in taken.values())
    found = [
        "A, B: closed loop, 300 connections, one bid in flight on each; every bid is one step above the last that the client sent on "
        "the lot, so nearly all are acceptable; bids that overtake each other are refused, and recorded, by Ortoo and the naive way alike",
        f"Ortoo refused on one lot: {codes or 'none'}; answered without a decision (busy, in doubt): {undecided}",
        f"the client used at most {busiest:.2f} of its core"
        + (": the echo is a lower bound" if busiest > 0.92 else ""),
    ]
    return found


def _accepted_share(one: Slice) -> float:
    return one.run.accepted / max(1, one.run.all)
