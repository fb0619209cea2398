"""`ortoo probe`: fetches the public page of every running notice on a schedule and records what it saw.

A process of its own, so that it sees what readers see. `ortoo serve` and `ortoo demo` start one; with several machines run it once,
best on a machine outside the market's network, with the market's database and `ORTOO_PROBE_URL`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Final

import aiohttp

from engine.journal.embedded import running_address
from engine.rules.availability.probing import Problem
from engine.runtime.clock import SteadyClock
from engine.runtime.writer import FencedOut
from gateway.children import end_with_parent
from gateway.config import Config, ConfigurationInvalid, read_config
from gateway.http.logs import set_up_logs
from gateway.probing.looking import Looker, Seen
from gateway.probing.recording import Recorder, recorder

AGAIN_S: Final = 60.0
"""After a look that failed the next round comes this soon, so that the end of an outage is known to the minute."""
DATABASE_S: Final = 60.0
MINUTE_S: Final = 60.0

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 1 when it cannot go on, with the reason."""
    parser = argparse.ArgumentParser(
        prog="ortoo probe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="make one round and end; 1 if a look was not good")
    parser.add_argument("--child", action="store_true", help="end when the standard input ends: the parent is gone")
    options = parser.parse_args(arguments)
    try:
        config = read_config()
        set_up_logs(config.log_format, config.log_level)
        return asyncio.run(_run(config, once=options.once, child=options.child))
    except (OSError, FencedOut, ConfigurationInvalid) as problem:
        print(f"ortoo probe: {problem}", file=sys.stderr)
        return 1


async def _run(config: Config, *, once: bool, child: bool) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    if child:
        await end_with_parent(stopping)
    clock = SteadyClock()
    async with (
        recorder(await _database(config, stopping), clock) as writing,
        aiohttp.ClientSession(headers={"User-Agent": "ortoo-probe"}, cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        looker = Looker(http, config.probe_url or config.public_address, clock.now_us, writing.expected)
        if once:
            return 0 if _good(await one_round(looker, writing)) else 1
        await rounds(looker, writing, stopping, config.probe_minutes * MINUTE_S)
    return 0


async def rounds(looker: Looker, writing: Recorder, stopping: asyncio.Event, every_s: float) -> None:
    """Make rounds until `stopping`; sooner while something is not as it should be."""
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        begun_s = loop.time()
        good = _good(await one_round(looker, writing))
        try:
            async with asyncio.timeout(pause_s(every_s, loop.time() - begun_s, good=good)):
                await stopping.wait()
        except TimeoutError:
            continue


def pause_s(every_s: float, spent_s: float, *, good: bool) -> float:
    """Return how long to wait after a round that took `spent_s`."""
    return max(0.0, (every_s if good else min(every_s, AGAIN_S)) - spent_s)


async def one_round(looker: Looker, writing: Recorder) -> list[Seen]:
    """Look at everything once and hand it over to be written."""
    seen = await looker.round(await writing.targets())
    writing.take(seen)
    for one in seen:
        if one.sighting.problem is not Problem.NONE:
            facts = {"notice": one.sighting.notice, "place": one.sighting.place.value, "status": one.sighting.status}
            log.warning("look_failed", extra={"problem": one.sighting.problem.value, **facts})
    return seen


def _good(seen: list[Seen]) -> bool:
    return all(one.sighting.problem is Problem.NONE for one in seen)


async def _database(config: Config, stopping: asyncio.Event) -> str:
    """Return the address of the database: the configured one, or the embedded one of the running market."""
    if config.database_url is not None:
        return config.database_url.get_secret_value()
    try:
        async with asyncio.timeout(DATABASE_S):
            while not stopping.is_set():
                address = await running_address(config.data_dir / "postgres")
                if address is not None:
                    return address
                await asyncio.sleep(0.5)
    except TimeoutError:
        pass
    raise OSError(f"no market runs in {config.data_dir}: start it, or set ORTOO_DATABASE_URL")
