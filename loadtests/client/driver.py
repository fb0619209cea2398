"""Drives a load client process: its commands and its answers with types. `client.c` documents the
commands.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from loadtests.machine import pin

SOURCE: Final = Path(__file__).with_name("client.c")
ANSWER_MAX: Final = 1 << 24
"""Longest answer of a client: the table of `seen` after many thousand changes."""


class ClientFailed(Exception):
    """The load client ended, or the server closed connections or sent errors in a run that must have none."""


class Run(msgspec.Struct, frozen=True):
    """One run of bids. `answers` are those within the counted seconds, `all` includes settling and
    draining.
    """

    seconds: float
    answers: int
    all: int
    sent: int
    accepted: int
    rejected: int
    """Refusals on record: durable decisions."""
    undecided: int
    """Refusals that are not on record (busy, in doubt)."""
    echoed: int
    errors: int
    strange: int
    """Answers to nothing that was open: a second answer to one bid."""
    closed: int
    gaps: int
    first_error: str
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    codes: dict[str, int]

    def rate(self) -> float:
        """Return answers a second."""
        return self.answers / self.seconds

    def checked(self) -> Run:
        """Return itself if every bid was answered exactly once.

        Raises:
            ClientFailed: naming what went wrong.
        """
        if "lot_full" in self.codes:
            raise ClientFailed("a lot is full: what it answers then says nothing of the rate of bids")
        if self.errors or self.closed or self.strange or self.all != self.sent:
            raise ClientFailed(
                f"{self.sent} sent, {self.all} answered, {self.strange} answers to nothing, "
                f"{self.errors} errors, {self.closed} connections closed: {self.first_error}"
            )
        return self


class SeenChange(msgspec.Struct, frozen=True, array_like=True):
    """One change as watchers got it; times in microseconds since 1970."""

    seq: int
    viewers: int
    first_us: int
    last_us: int


class Seen(msgspec.Struct, frozen=True):
    """All changes since the last question."""

    gaps: int
    """Frames whose `prev` was not the frame before."""
    closed: int
    changes: list[SeenChange]


class Tally(msgspec.Struct):
    """What a client was told in all its runs."""

    accepted: int = 0
    rejected: int = 0


class _Ready(msgspec.Struct):
    ready: int


class _Joined(msgspec.Struct):
    joined: int
    first_error: str


class Connection(msgspec.Struct, frozen=True):
    """One connection to open: with whose token (None: a visitor) and for which lot."""

    token: str | None
    lot: str


def compiled_client() -> Path | None:
    """Compile client.c once and return the program; None where there is no gcc or it fails."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    program = Path(tempfile.gettempdir()) / f"ortoo-load-client-{os.getuid()}-{name}"
    if not program.exists():
        fresh = program.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            [compiler, "-O2", "-o", str(fresh), str(SOURCE)], check=False, capture_output=True, timeout=120
        )
        if done.returncode:
            return None
        fresh.replace(program)
    return program


class LoadClient:
    """A running load client."""

    def __init__(self, process: asyncio.subprocess.Process, connections: int) -> None:
        self._process = process
        self.connections = connections
        self.pid = process.pid
        self.told = Tally()

    @classmethod
    async def start(
        cls,
        port: int,
        connections: Sequence[Connection],
        *,
        program: Path | None,
        cores: Iterable[int],
        first: int = 1_000,
        step: int = 1,
    ) -> LoadClient:
        """Open the connections. Bids on each lot start at `first` and rise by `step`, in minor units.

        Raises:
            ClientFailed: a connection was refused.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".connections") as file:
            file.writelines(f"{one.token or '-'} {one.lot}\n" for one in connections)
            file.flush()
            command = [str(program)] if program else [sys.executable, "-m", "loadtests.client.pure"]
            process = await asyncio.create_subprocess_exec(
                *command, str(port), file.name, str(first), str(step),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=ANSWER_MAX,
            )  # fmt: skip
            pin(process.pid, cores)
            client = cls(process, len(connections))
            try:
                msgspec.json.decode(await client._line(10 + len(connections) * 0.05), type=_Ready)
            except BaseException:
                await client.stop()
                raise
        return client

    async def closed(self, seconds: float, *, settle: float, some: range | None = None, log: Path | None = None) -> Run:
        """Keep one bid in flight on each connection of `some` (default: all)."""
        chosen = some or range(self.connections)
        line = f"closed {seconds} {settle} {chosen.start} {chosen.stop} {log or '-'}"
        return self._noted(await self._ask(line, seconds + settle + 15))

    async def open(
        self,
        seconds: float,
        rate: float,
        *,
        settle: float,
        some: range | None = None,
        log: Path | None = None,
        start_us: int = 0,
        wait_s: float = 0.0,
    ) -> Run:
        """Send a bid every 1/rate s, round the connections of `some`, from `start_us` (0: now; `wait_s` until
        then).
        """
        chosen = some or range(self.connections)
        line = f"open {seconds} {settle} {chosen.start} {chosen.stop} {log or '-'} {rate} {start_us}"
        return self._noted(await self._ask(line, wait_s + seconds + settle + 15))

    async def join(self) -> None:
        """Let every connection watch its lot.

        Raises:
            ClientFailed: not every connection got a snapshot.
        """
        answer = msgspec.json.decode(await self._ask("join", 40), type=_Joined)
        if answer.joined != self.connections:
            raise ClientFailed(f"{answer.joined} of {self.connections} joined: {answer.first_error}")

    async def seen(self) -> Seen:
        """Return the changes seen since the last call."""
        return msgspec.json.decode(await self._ask("seen", 15), type=Seen)

    async def stop(self) -> None:
        """End the process; its connections close."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def _noted(self, answer: bytes) -> Run:
        run = msgspec.json.decode(answer, type=Run)
        self.told.accepted += run.accepted
        self.told.rejected += run.rejected
        return run

    async def _ask(self, command: str, limit_s: float) -> bytes:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        return await self._line(limit_s)

    async def _line(self, limit_s: float) -> bytes:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise ClientFailed(f"the load client did not answer within {limit_s:.0f} s") from None
        if not line:
            raise ClientFailed(f"the load client ended with {await self._process.wait()}")
        return line
