"""The load client in Python, for machines without a compiler: same commands and answers as client.c, about
five times dearer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import uuid4

from loadtests.client.frames import CLOSE, PING, PONG, TEXT, masked, split, upgrade

DRAIN_S: Final = 10.0
NOT_SENT: Final = -1.0


class Tally:
    """What one run has counted so far."""

    def __init__(self, start_s: float, seconds: float, settle_s: float, *, looping: bool, log: TextIO | None) -> None:
        self.from_s = start_s + settle_s
        self.until_s = self.from_s + seconds
        self.looping = looping
        self.log = log
        self.count: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.waits_s: list[float] = []
        self.first_error = ""

    def fail(self, kind: str, why: str) -> None:
        """Count an error or a lost connection."""
        self.count[kind] += 1
        self.first_error = self.first_error or why[:90]

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the numbers as client.c prints them."""
        waits = sorted(self.waits_s)

        def quantile(q: float) -> float:
            return waits[min(len(waits) - 1, int(q * len(waits)))] * 1e6 if waits else 0.0

        kinds = (
            "answers",
            "all",
            "sent",
            "accepted",
            "rejected",
            "undecided",
            "echoed",
            "errors",
            "strange",
            "closed",
            "gaps",
        )
        return {
            "seconds": seconds,
            **{kind: self.count[kind] for kind in kinds},
            "first_error": self.first_error,
            "p50_us": quantile(0.5),
            "p99_us": quantile(0.99),
            "p999_us": quantile(0.999),
            "max_us": quantile(1.0),
            "codes": dict(self.codes),
        }


class Crowd:
    """All connections of this process and the bids they have in flight."""

    def __init__(self, first: int, step: int) -> None:
        self._ids = f"7{uuid4().hex[:3]}-8{uuid4().hex[:3]}-"
        self.links: list[Link] = []
        self.ladder: dict[str, Iterator[int]] = {}
        self.due_s: dict[bytes, float] = {}
        self.seen: dict[int, list[int]] = {}
        self.gaps = 0
        self.snapshots = 0
        self.tally = Tally(0.0, 0.0, 0.0, looping=False, log=None)
        self._first, self._step = first, step
        self._numbers = itertools.count()

    def send_bid(self, link: Link, due_s: float) -> None:
        """Send the next bid of the lot's ladder."""
        begun_ms = f"{time.time_ns() // 1_000_000:012x}"
        command_id = f"{begun_ms[:8]}-{begun_ms[8:]}-{self._ids}{next(self._numbers):012x}"
        ladder = self.ladder.setdefault(link.lot, itertools.count(self._first, self._step))
        self.due_s[command_id.encode()] = due_s
        self.tally.count["sent"] += 1
        link.send(f'{{"t":"bid","id":"{command_id}","lot":"{link.lot}","amount":"{next(ladder)}"}}'.encode())

    def take(self, link: Link, text: bytes) -> None:
        """Take one text frame of the server."""
        kind = text[6:10]
        if kind in (b"acce", b"reje", b'bid"'):
            self._take_answer(link, kind, text)
        elif kind in (b"chan", b"snap", b"resu"):
            self._take_change(link, kind, json.loads(text))
        elif kind in (b"erro", b'bye"'):
            self.tally.fail("errors", text.decode())

    def _take_answer(self, link: Link, kind: bytes, text: bytes) -> None:
        now_s, tally = time.monotonic(), self.tally
        if tally.log is not None:
            tally.log.write(f"{time.time_ns() // 1000} {text.decode()}\n")
        at = text.find(b'"id":"') + 6
        due_s = self.due_s.pop(text[at : at + 36], NOT_SENT)
        if due_s == NOT_SENT:
            tally.count["strange"] += 1
            return
        tally.count["all"] += 1
        tally.count["answers"] += tally.from_s <= now_s < tally.until_s
        if now_s >= tally.from_s:
            tally.waits_s.append(now_s - due_s)
        if kind == b"reje":
            tally.count["undecided" if b'"seq":null' in text else "rejected"] += 1
            tally.codes[json.loads(text)["code"]] += 1
        else:
            tally.count["accepted" if kind == b"acce" else "echoed"] += 1
        if tally.looping and now_s < tally.until_s:
            self.send_bid(link, time.monotonic())

    def _take_change(self, link: Link, kind: bytes, frame: dict[str, Any]) -> None:
        seq, now_us = int(frame["seq"]), time.time_ns() // 1000
        if kind == b"chan":
            self.gaps += frame["prev"] != link.last_seq
            entry = self.seen.setdefault(seq, [seq, 0, now_us, now_us])
            entry[1] += 1
            entry[3] = now_us
        self.snapshots += kind == b"snap"
        link.last_seq = seq


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, crowd: Crowd, port: int, token: str | None, lot: str) -> None:
        self.lot = lot
        self.last_seq = -1
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd, self._port, self._token = crowd, port, token
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(upgrade(self._port, self._token))

    def data_received(self, data: bytes) -> None:
        """Take the answer to the upgrade, then frames."""
        self._rest += data
        if not self.opened.done():
            head, found, rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                return
            self._rest = rest
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionRefusedError(head.decode()))
                return
            self.opened.set_result(None)
        frames, self._rest = split(self._rest)
        for opcode, payload in frames:
            if opcode == TEXT:
                self._crowd.take(self, payload)
            elif opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE and self._transport is not None:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it: no run expects it."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionResetError("closed before the upgrade"))
        self._crowd.tally.fail("closed", f"closed: {exc}")

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        """Send one frame."""
        assert self._transport is not None
        self._transport.write(masked(opcode, payload, os.urandom(4)))


async def run_bids(crowd: Crowd, words: list[str]) -> dict[str, Any]:
    """Carry out `closed` or `open`."""
    seconds, settle_s, chosen = float(words[1]), float(words[2]), crowd.links[int(words[3]) : int(words[4])]
    start_s = time.monotonic()
    if words[0] == "open" and int(words[7]):
        start_s += max(0.0, int(words[7]) / 1e6 - time.time())
    log = None if words[5] == "-" else open(words[5], "w", buffering=1 << 20)  # noqa: SIM115 (closed below)
    lost = crowd.tally.count["closed"]
    tally = crowd.tally = Tally(start_s, seconds, settle_s, looping=words[0] == "closed", log=log)
    tally.count["closed"] = lost
    crowd.due_s.clear()
    if tally.looping:
        for link in chosen:
            crowd.send_bid(link, time.monotonic())
        await asyncio.sleep(tally.until_s - time.monotonic())
    else:
        await _send_on_schedule(crowd, chosen, tally, start_s, float(words[6]))
    tally.looping = False
    limit_s = time.monotonic() + DRAIN_S
    while crowd.due_s and not tally.first_error and time.monotonic() < limit_s:
        await asyncio.sleep(0.01)
    if log is not None:
        log.close()
    return tally.answer(seconds)


async def _send_on_schedule(crowd: Crowd, chosen: list[Link], tally: Tally, start_s: float, rate: float) -> None:
    links = itertools.cycle(chosen)
    for number in itertools.count():
        due_s = start_s + number / rate
        if due_s >= tally.until_s:
            break
        early_s = due_s - time.monotonic()
        if early_s > 0 or number % 64 == 0:
            await asyncio.sleep(max(0.0, early_s))
        crowd.send_bid(next(links), due_s)
    await asyncio.sleep(max(0.0, tally.until_s - time.monotonic()))


async def join_all(crowd: Crowd) -> dict[str, Any]:
    """Carry out `join`."""
    crowd.snapshots = 0
    for link in crowd.links:
        link.send(f'{{"t":"join","lot":"{link.lot}","after":null,"epoch":null}}'.encode())
    limit_s = time.monotonic() + 3 * DRAIN_S
    while crowd.snapshots < len(crowd.links) and not crowd.tally.first_error and time.monotonic() < limit_s:
        await asyncio.sleep(0.01)
    return {"joined": crowd.snapshots, "first_error": crowd.tally.first_error}


async def obey(crowd: Crowd, line: str) -> dict[str, Any]:
    """Carry out one command and return its answer."""
    words = line.split()
    if words[0] in ("closed", "open"):
        return await run_bids(crowd, words)
    if words[0] == "join":
        return await join_all(crowd)
    answer = {"gaps": crowd.gaps, "closed": crowd.tally.count["closed"], "changes": list(crowd.seen.values())}
    crowd.seen.clear()
    crowd.gaps = 0
    return answer


async def main(port: int, path: Path, first: int, step: int) -> None:
    """Open all connections, say so, and obey until `quit` or the end of stdin."""
    loop = asyncio.get_running_loop()
    crowd = Crowd(first, step)
    for line in path.read_text().splitlines():
        token, lot = line.split()
        link = Link(crowd, port, None if token == "-" else token, lot)
        await loop.create_connection(lambda link=link: link, "127.0.0.1", port)  # type: ignore[misc]
        await link.opened
        crowd.links.append(link)
    print(json.dumps({"ready": len(crowd.links)}), flush=True)
    while (line := await loop.run_in_executor(None, sys.stdin.readline)) not in ("", "quit\n"):
        print(json.dumps(await obey(crowd, line)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
