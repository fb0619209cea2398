"""Readers of the board: very many keep-alive connections that each read a page every few seconds, in a process of its own.

    python -m loadtests.readers --port 8080 --readers 2000 --period 4

Reads lines `read SECONDS` from stdin and answers each with one line of JSON: how many answers, of which status, and how long
they took, counted from the instant at which each was due (so that a server that stalls is not measured less often).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from typing import Final

PATHS: Final = (
    "/board", "/board?kind=deal", "/board?lang=en", "/board?field=05", "/board?q=%E7%A8%80%E5%9C%9F", "/board/feed.json",
    "/board/wall.json", "/board/widget",
)  # fmt: skip
FRESH: Final = 0.25
"""Part of the reads that come without an ETag: somebody who opens the page for the first time."""
CONNECT_AT_ONCE: Final = 50
ANSWER_S: Final = 20.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ETAG: Final = re.compile(rb'\r\netag: *("[^"\r]*")', re.IGNORECASE)


class Reader:
    """One connection with one page that it comes back to. It remembers what it has, as a browser does."""

    def __init__(self, port: int, path: str, chance: random.Random) -> None:
        self._port = port
        self._path = path
        self._chance = chance
        self._etag = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def connect(self) -> None:
        """Open the connection."""
        self._streams = await asyncio.open_connection("127.0.0.1", self._port)

    async def read_for_ever(self, period_s: float, told: Told, until_s: float) -> None:
        """Read a page every `period_s`, beginning somewhere within the first one."""
        due_s = time.perf_counter() + self._chance.random() * period_s
        while due_s < until_s:
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            try:
                async with asyncio.timeout(ANSWER_S):
                    status = await self._read()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                status = 0
                await self.connect()
            told.statuses[status] += 1
            told.waits_us.append((time.perf_counter() - due_s) * 1e6)
            due_s += period_s

    async def _read(self) -> int:
        assert self._streams is not None
        reader, writer = self._streams
        known = f"If-None-Match: {self._etag}\r\n" if self._etag and self._chance.random() > FRESH else ""
        writer.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept-Encoding: gzip\r\n{known}\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        status, length, found = int(head[9:12]), _LENGTH.search(head), _ETAG.search(head)
        if length is not None and status != 304:
            await reader.readexactly(int(length[1]))
        if found is not None:
            self._etag = found[1].decode()
        return status


class Told:
    """What the readers saw in one run."""

    def __init__(self) -> None:
        self.waits_us: list[float] = []
        self.statuses: Counter[int] = Counter()

    def line(self, seconds: float) -> str:
        """Say it as JSON."""
        waits = sorted(self.waits_us) or [0.0]
        at = {
            name: waits[min(len(waits) - 1, int(part * len(waits)))]
            for name, part in (("p50_us", 0.5), ("p99_us", 0.99))
        }
        statuses = {str(status): count for status, count in self.statuses.items()}
        facts = {"max_us": waits[-1], "answers": len(self.waits_us), "rate": len(self.waits_us) / seconds}
        return json.dumps({**at, **facts, "statuses": statuses})


async def serve(port: int, count: int, period_s: float) -> None:
    """Connect all, then read when asked to."""
    readers = [Reader(port, PATHS[number % len(PATHS)], random.Random(number)) for number in range(count)]
    for start in range(0, count, CONNECT_AT_ONCE):
        await asyncio.gather(*(reader.connect() for reader in readers[start : start + CONNECT_AT_ONCE]))
    print(json.dumps({"connected": count}), flush=True)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        seconds = float(line.split()[1])
        told, until_s = Told(), time.perf_counter() + seconds
        await asyncio.gather(*(reader.read_for_ever(period_s, told, until_s) for reader in readers))
        print(told.line(seconds), flush=True)


def main() -> None:
    """Entry of `python -m loadtests.readers`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--readers", type=int, default=2_000)
    parser.add_argument("--period", type=float, default=4.0)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.readers, options.period))


if __name__ == "__main__":
    main()
