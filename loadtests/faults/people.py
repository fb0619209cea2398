"""Who takes part in a round: bidders, watchers, people on bad lines, readers of the board. Each keeps a journal."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from loadtests.client.sitting import Sitting
from loadtests.faults.ground import Ground
from loadtests.faults.journals import Journal
from loadtests.faults.proxy import Proxy
from loadtests.faults.scenarios import SLOW_BYTES_PER_S, Scenario
from loadtests.market import Bidder
from loadtests.processes import Child

READ_S: Final = 3_600


class People:
    """The sittings of one round."""

    def __init__(self) -> None:
        self.bidding: list[tuple[Sitting, Bidder]] = []
        self.watching: list[Sitting] = []
        self.slow: list[Sitting] = []

    @property
    def bidders(self) -> list[Sitting]:
        """Sittings of those who bid."""
        return [sitting for sitting, _ in self.bidding]

    @property
    def prompt(self) -> list[Sitting]:
        """Sittings that may be expected to be up to date."""
        return [*self.bidders, *self.watching]

    @property
    def everybody(self) -> list[Sitting]:
        """All sittings."""
        return [*self.prompt, *self.slow]

    def journals(self) -> list[Journal]:
        """Return what everybody wrote down."""
        return [sitting.journal for sitting in self.everybody if sitting.journal is not None]

    def answer_times(self) -> dict[str, list[float]]:
        """Return when decisions reached their bidders, by lot."""
        times: dict[str, list[float]] = defaultdict(list)
        for sitting in self.bidders:
            assert sitting.journal is not None
            for answer in sitting.journal.answered:
                times[answer.lot].append(answer.at_s)
        return times


@asynccontextmanager
async def people(
    ground: Ground, scenario: Scenario, seats: Sequence[tuple[Bidder, str]], dice: random.Random, log: Path
) -> AsyncIterator[People]:
    """Let everybody sit down; send them away at the end."""
    bad_line = Proxy(("127.0.0.1", ground.gateways[0].live_port))
    bad_line.bytes_per_s = SLOW_BYTES_PER_S
    await bad_line.start()
    slow_url = f"ws://127.0.0.1:{bad_line.port}/live"
    here, lots = People(), [lot for _, lot in seats]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        def sit(name: str, lot: str, url: Callable[[], str], token: str | None) -> Sitting:
            return Sitting(
                session, url, token, lot, random.Random(dice.random()), journal=Journal(name), pause_s=scenario.pause_s
            )

        for at, (bidder, lot) in enumerate(seats):
            here.bidding.append((sit(f"bidder {at}", lot, ground.live_url, bidder.token), bidder))
        for at in range(scenario.watchers):
            here.watching.append(sit(f"watcher {at}", lots[at % len(lots)], ground.live_url, None))
        for at in range(scenario.slow):
            here.slow.append(sit(f"slow {at}", lots[at % len(lots)], lambda: slow_url, None))
        tasks = [asyncio.create_task(sitting.run()) for sitting in here.everybody]
        reading = await _start_readers(ground, scenario, log)
        try:
            yield here
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if reading is not None:
                await reading.kill()
            await bad_line.stop()


async def _start_readers(ground: Ground, scenario: Scenario, log: Path) -> Child | None:
    if not scenario.readers:
        return None
    arguments = ["--port", str(ground.gateways[0].http_port), "--readers", str(scenario.readers), "--period", "1"]
    readers = await Child.start("loadtests.readers", arguments, log=log)
    await readers.ready()
    with suppress(BrokenPipeError):
        await readers.tell(f"read {READ_S}")
    return readers
