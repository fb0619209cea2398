"""Prints every target, what was reached, and by how much it is missed. `--reps` replicates, `--only T4,T9` some of them."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from loadtests.pricing import accuracy, decisions, integrity, running

T2: Final = {20: 0.185, 50: 0.150, 100: 0.135, 200: 0.122, 400: 0.114}
GROUPS: Final = ("accuracy", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13", "T14", "T15")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets asked for; 0 whatever was reached: a missed target is printed, not hidden."""
    parser = argparse.ArgumentParser(prog="bench-pricing", description=__doc__)
    parser.add_argument("--reps", type=int, default=10, help="replicates of the accuracy protocol")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="comma-separated: accuracy (T1-T3), T4 … T15")
    options = parser.parse_args(arguments)
    wanted = tuple(filter(None, options.only.split(","))) or GROUPS
    print(f"{'target':<46}{'wanted':>16}{'reached':>16}  verdict", flush=True)
    for name in GROUPS:
        if name in wanted:
            WORK[name](options)
    return 0


def say(name: str, wanted: float, reached: float, *, at_least: bool = False, form: str = ".3f") -> None:
    """Print one line."""
    met = reached >= wanted if at_least else reached <= wanted
    sign = "≥" if at_least else "≤"
    missed = "met" if met else f"missed by {abs(reached - wanted):{form}}"
    print(f"{name:<46}{sign + ' ' + format(wanted, form):>16}{reached:>16{form}}  {missed}", flush=True)


def _accuracy(options: argparse.Namespace) -> None:
    found = accuracy.cells(options.reps, options.workers)
    grouped: dict[tuple[str, int], list[accuracy.Cell]] = {}
    for cell in found:
        grouped.setdefault((cell.name, cell.n), []).append(cell)
    coverage = {key: float(np.mean([c.coverage for c in cells])) for key, cells in grouped.items()}
    small = {key: value for key, value in coverage.items() if key[1] <= 200}
    say("T1 80 % intervals: mean |coverage - .8|", 0.02, float(np.mean([abs(v - 0.8) for v in small.values()])))
    say("T1 least coverage of a cell", 0.76, min(small.values()), at_least=True)
    for n, wanted in T2.items():
        logs = [np.log(np.mean([c.mdape for c in cells])) for (_, size), cells in grouped.items() if size == n]
        say(f"T2 geometric mean MdAPE at n={n}", wanted, float(np.exp(np.mean(logs))))
    near, odd = [], []
    for cells in grouped.values():
        ours = float(np.mean([c.score for c in cells]))
        rivals = {name: float(np.mean([c.rivals[name][0] for c in cells])) for name in cells[0].rivals}
        errors = [float(np.mean([c.rivals[name][1] for c in cells])) for name in cells[0].rivals]
        near.append(ours <= 1.01 * min([ours, *rivals.values()]))
        odd.append(float(np.mean([c.mape for c in cells])) / float(np.median(errors)))
    say("T3 share of cells within 1 % of the best score", 0.9, float(np.mean(near)), at_least=True)
    say("T3 greatest MAPE over the median method's", 2.0, max(odd))
    for (name, n), cells in sorted(grouped.items(), key=lambda item: (item[0][1], item[0][0])):
        mdape = float(np.mean([c.mdape for c in cells]))
        print(f"   {name:<10} n={n:<4} MdAPE {mdape:.3f}  coverage {coverage[(name, n)]:.3f}")


def _cold(options: argparse.Namespace) -> None:
    found = accuracy.cold_start(max(options.reps, 5))
    say("T4 timber, 5 deals: MdAPE", 0.270, found[5][0])
    say("T4 timber, 50 deals: MdAPE", 0.230, found[50][0])
    for n, (_, coverage) in found.items():
        say(f"T4 timber, {n} deals: |coverage - .83|", 0.05, abs(coverage - 0.83))


def _known(_: argparse.Namespace) -> None:
    found = decisions.reserves_known()
    say("T5 reserve, market known: mean regret %", 1.35, 100 * float(np.mean([one.ours for one in found])), form=".2f")
    say("T5 cells worse than no reserve", 0, sum(one.ours > one.none for one in found), form=".0f")


def _estimated(options: argparse.Namespace) -> None:
    found = decisions.reserves_estimated(max(options.reps // 2, 3))
    say(
        "T6 reserve, market estimated: mean regret %",
        1.9,
        100 * float(np.mean([one.ours for one in found])),
        form=".2f",
    )
    say("T6 worst replicate %", 6.0, 100 * max(one.ours for one in found), form=".2f")


def _modes(options: argparse.Namespace) -> None:
    found = decisions.modes(50 * options.reps)
    say("T7 mode: mean loss against the best %", 2.0, 100 * float(np.mean(found)), form=".2f")
    say("T7 share of markets within 1 % of the best", 0.9, decisions.shares(found, 0.01), at_least=True)


def _rings(options: argparse.Namespace) -> None:
    reps = max(options.reps // 2, 3)
    easy = [integrity.rings(60, 400, 0.6, 5, seed) for seed in range(reps)]
    some = [integrity.rings(60, 400, 0.1, 5, 100 + seed) for seed in range(reps)]
    never = [integrity.rings(40, 400, 0.0, 6, 200 + seed) for seed in range(reps)]
    say("T8 rings that often come together: AP", 0.98, float(np.mean([r.ap for r in easy])), at_least=True)
    say("T8 that sometimes do (.1): AP", 0.60, float(np.mean([r.ap for r in some])), at_least=True)
    say("T8 that never do on purpose: AUC", 0.80, float(np.mean([r.auc for r in never])), at_least=True)
    false = [r.false_share for r in (*easy, *some)]
    say("T8 false cases on the list for people", 0.10, float(np.mean(false)))


def _labels(_: argparse.Namespace) -> None:
    within, across, count = integrity.cartel_labels()
    say(f"T9 Tsuchiura, {count} auctions: AUC within", 0.62, within, at_least=True)
    say("T9 with who keeps company with whom in the year", 0.62, across, at_least=True)


def _lights(_: argparse.Namespace) -> None:
    found = integrity.lights(10_000)
    say("T10 honest deals below 25 %: off by (points)", 2.0, 100 * abs(found.amber - 0.25), form=".2f")
    say("T10 honest deals below 10 %: off by (points)", 2.0, 100 * abs(found.red - 0.10), form=".2f")
    say("T10 five deals 40 % too low are seen", 0.85, found.power, at_least=True)


def _drift(_: argparse.Namespace) -> None:
    error, worst = accuracy.drift()
    say("T11 computers in time: MdAPE", 0.075, error)
    say("T11 worst hundred: coverage", 0.72, worst, at_least=True)


def _speed(_: argparse.Namespace) -> None:
    quote, learnt, fitted = running.speed(2_000)
    say("T12 quote p95 at 2,000 deals, ms", 50, quote, form=".1f")
    say("T12 a deal is learnt in, ms", 100, learnt, form=".1f")
    print(f"   fitted in {fitted:.1f} s of processor time")
    quote, learnt, fitted = running.speed(50_000, quotes=30)
    say("T12 quote p95 at 50,000 deals, ms", 150, quote, form=".1f")
    say("T12 a deal is learnt in, at 50,000, ms", 100, learnt, form=".1f")
    print(f"   fitted in {fitted:.1f} s of processor time")
    seconds, size = running.report_seconds()
    say(f"T12 report on paper ({size // 1024} KB), s", 3, seconds, form=".2f")
    beside, alone = running.memory_beside()
    say("T12 MB more in the market's process with pricing", 1, beside - alone, form=".1f")
    print(f"   it holds {beside:.1f} MB with pricing beside it, {alone:.1f} MB without (its own pages)")
    say("T12 numeric packages in the market's process", 0, sum(running.engine_memory().values()), form=".0f")


def _bytes(_: argparse.Namespace) -> None:
    say("T13 different bytes of four runs, 1 and 2 threads", 1, len(set(running.same_bytes())), form=".0f")


def _explained(_: argparse.Namespace) -> None:
    remainder, miss = running.explained()
    say("T14 greatest remainder of a waterfall, fen", 1, remainder, form=".0f")
    say("T14 weights of deals miss the forecast by (log)", 1e-6, miss, form=".1e")


def _properties(_: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/pricing/test_properties.py"]
    environment = {**os.environ, "ORTOO_TEST_EXAMPLES": "1000"}
    failed = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL).returncode
    say("T15 property tests that fail (1,000 cases each)", 0, int(failed != 0), form=".0f")


WORK: Final[dict[str, Callable[[argparse.Namespace], None]]] = {
    "accuracy": _accuracy, "T4": _cold, "T5": _known, "T6": _estimated, "T7": _modes, "T8": _rings, "T9": _labels,
    "T10": _lights, "T11": _drift, "T12": _speed, "T13": _bytes, "T14": _explained, "T15": _properties,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
