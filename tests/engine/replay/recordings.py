"""Recordings in test form: lot and bid lines with sensible rest, and their results from a replay in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from engine.replay.driver import replay_in_memory
from engine.replay.format import Recording, read_recording
from engine.replay.result import LotResult

Line = dict[str, Any]


def lot(name: str = "a", **fields: Any) -> Line:
    """Return a lot line: start 10, increment 1, and what is given."""
    return {"kind": "lot", "lot": name, "format": "english", "start": "10", "increment": {"fixed": "1"}, **fields}


def bid(at: int, bidder: str, amount: str | None = None, maximum: str | None = None, name: str = "a") -> Line:
    """Return a bid line."""
    return {"kind": "bid", "lot": name, "at": at, "bidder": bidder, "amount": amount, "maximum": maximum}


def read(lines: Iterable[Line | bytes]) -> Recording:
    """Read lines as a file would hold them."""
    return read_recording(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def replayed(*lines: Line) -> list[LotResult]:
    """Replay the lines in memory."""
    return asyncio.run(replay_in_memory(read(lines)))


def only(*lines: Line) -> LotResult:
    """Replay a recording of one lot and return its result."""
    (result,) = replayed(*lines)
    return result


def short(result: LotResult) -> str:
    """Return a result in few words: `"sold x 12 at 5000, 2 held, late 1"`."""
    words: list[str] = [result.state]
    if result.winner is not None:
        words += [result.winner, result.price or ""]
    if result.closed_at is not None:
        words += ["at", str(result.closed_at)]
    parts = [" ".join(words), f"{result.accepted} held"]
    return ", ".join(parts + [f"{code} {count}" for code, count in result.rejected.items()])
