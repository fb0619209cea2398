"""How far it goes, printed: a crowd on one lot, very many lots, a very long log, more processes, and limits in the same run.

    python -m loadtests.scale [SECTION …] [--watchers 10000] [--bidders 500] [--lots 2000] [--events 1000000] [--rounds 5]

Sections: `crowd`, `lots`, `recovery` (one process), `limits` (one process and the cluster), `cost` (1+1, 1+2, 2+1 and 2+2 engines and
gateways). Each has a stack of its own, without proxies. Ratios first: absolute figures of a shared machine say little.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from loadtests.faults.ground import CLUSTER, SERVE, Ground, Layout, ground
from loadtests.market import Market
from loadtests.report import Figure, json_line, table
from loadtests.scale import sections
from loadtests.scale.recovery import recovery
from loadtests.scale.sections import Size

Section = Callable[[Ground, Market, Size, Path], Awaitable[list[Figure]]]
PLAIN: Final = SERVE._replace(breakable=False)
FULL: Final = CLUSTER._replace(breakable=False)


def shape(engines: int, gateways: int) -> Layout:
    """Return a stack of so many processes over one Redis and one PostgreSQL."""
    return Layout(f"{engines}+{gateways}", engines, gateways, clustered=False, standby=False, breakable=False)


async def _crowd(here: Ground, market: Market, size: Size, folder: Path) -> list[Figure]:
    return await sections.crowd(here, market, size)


async def _lots(here: Ground, market: Market, size: Size, folder: Path) -> list[Figure]:
    return await sections.many_lots(here, market, size)


async def _cost(here: Ground, market: Market, size: Size, folder: Path) -> list[Figure]:
    return await sections.cost(here, market, size)


RECOVERY: Final = "recovery"
SECTIONS: Final[dict[str, tuple[Section, tuple[Layout, ...]]]] = {
    "limits": (sections.limits, (PLAIN, FULL)),
    "crowd": (_crowd, (PLAIN, FULL)),
    "lots": (_lots, (PLAIN, FULL)),
    "cost": (_cost, (PLAIN, shape(1, 1), shape(1, 2), shape(2, 1), shape(2, 2))),
}


async def measure(names: list[str], size: Size, stacks: set[str]) -> tuple[list[Figure], list[str]]:
    """Run the sections, each on fresh stacks."""
    figures: list[Figure] = []
    facts = [
        "every stack is fresh, on 127.0.0.1, PostgreSQL with synchronous_commit on (cluster: and a synchronous standby)"
    ]
    for name in names:
        if name == RECOVERY:
            with tempfile.TemporaryDirectory(prefix="ortoo-scale-") as place:
                figures += await recovery(size, Path(place), _say)
            continue
        section, layouts = SECTIONS[name]
        for layout in layouts:
            if stacks and layout.name not in stacks:
                continue
            _say(f"{name} on {layout.name}")
            with tempfile.TemporaryDirectory(prefix="ortoo-scale-") as place:
                folder = Path(place)
                async with ground(layout, folder) as here, Market.of(here.entrance) as market:
                    for figure in await section(here, market, size, folder):
                        figures.append(figure)
                        _say(f"  {figure.title}: {figure.value:.4g} {figure.unit}")
    return figures, facts


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Entry of `python -m loadtests.scale`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default, every = Size(), [*SECTIONS, RECOVERY]
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(every))
    for field in ("watchers", "bidders", "lots", "events", "rounds"):
        parser.add_argument(f"--{field}", type=int, default=getattr(default, field))
    for field in ("seconds", "rate"):
        parser.add_argument(f"--{field}", type=float, default=getattr(default, field))
    parser.add_argument("--stack", nargs="+", default=[], help="only these: serve, cluster, 1+1, …")
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - set(every):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    size = Size(*(getattr(chosen, field) for field in Size._fields))
    figures, facts = asyncio.run(measure(chosen.sections or every, size, set(chosen.stack)))
    print(table(figures, facts))
    print(json_line(figures, facts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
