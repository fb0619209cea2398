"""The verdict: what clients were told against what the log holds. Knows only frames of the room protocol and
rows of the journal; nothing of how the server works.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import asyncpg
import msgspec

PROBLEMS_SHOWN: Final = 20
BID_ACCEPTED: Final = "lot.bid_accepted"
BID_REJECTED: Final = "lot.bid_rejected"
ENDS: Final = ("lot.sold", "lot.passed")


class Told(msgspec.Struct, frozen=True):
    """An answer a client got for a command it sent. Refusals that are not on record (`seq` null) are not
    told.
    """

    lot: str
    command_id: str
    accepted: bool
    seq: int
    at_us: int
    digest: str
    code: str = ""


class LogRow(msgspec.Struct, frozen=True):
    """A row of the journal."""

    lot: str
    seq: int
    kind: str
    at_us: int
    command_id: str | None
    digest: str
    body: Mapping[str, Any]


class Verdict(msgspec.Struct, frozen=True):
    """What the checker found. No problems means that every promise it looks at was kept."""

    told_accepted: int
    told_rejected: int
    rows: int
    lots_ended: int
    problems: list[str]

    def text(self) -> str:
        """Say it in a few lines."""
        counted = (
            f"{self.told_accepted} acknowledged and {self.told_rejected} refused bids "
            f"against {self.rows} rows, {self.lots_ended} lots ended: "
        )
        shown = "".join(f"\n  {problem}" for problem in self.problems[:PROBLEMS_SHOWN])
        return counted + ("every promise kept" if not self.problems else f"{len(self.problems)} PROBLEMS{shown}")


def told_by(frame: Mapping[str, Any]) -> Told | None:
    """Read an answer frame; None for other frames and for answers that are not on record."""
    if frame["t"] not in ("accepted", "rejected") or frame.get("seq") is None:
        return None
    return Told(
        frame["lot"],
        frame["id"].replace("-", ""),
        frame["t"] == "accepted",
        frame["seq"],
        frame["at_us"],
        frame["digest"],
        frame.get("code", ""),
    )


async def read_log(
    connection: asyncpg.Connection[asyncpg.Record], lots: Sequence[str], show: Callable[[bytes], bytes]
) -> list[LogRow]:
    """Read all rows of these lots, in order; `show` gives the body of one that is hidden."""
    rows = await connection.fetch(
        "SELECT stream, stream_seq, type, at_us, command_id, digest, body FROM event WHERE stream = ANY($1)"
        " ORDER BY stream, stream_seq",
        [f"lot/{lot}" for lot in lots],
    )
    return [
        LogRow(
            row["stream"].removeprefix("lot/"),
            row["stream_seq"],
            row["type"],
            row["at_us"],
            None if row["command_id"] is None else row["command_id"].hex(),
            row["digest"].hex(),
            msgspec.json.decode(show(row["body"])),
        )
        for row in rows
    ]


def check(rows: Sequence[LogRow], told: Iterable[Told]) -> Verdict:
    """Hold the log against what clients were told: nothing missing, nothing twice, nothing told differently,
    a fair end.
    """
    answers = list(told)
    by_lot: dict[str, list[LogRow]] = defaultdict(list)
    for row in rows:
        by_lot[row.lot].append(row)
    problems = [*_missing_or_different(rows, answers), *_told_twice(answers)]
    for lot, history in by_lot.items():
        problems += [f"{lot}: {problem}" for problem in (*_order(history), *_prices(history), *_fair_end(history))]
    return Verdict(
        told_accepted=len({answer.command_id for answer in answers if answer.accepted}),
        told_rejected=len({answer.command_id for answer in answers if not answer.accepted}),
        rows=len(rows),
        lots_ended=sum(any(row.kind in ENDS for row in history) for history in by_lot.values()),
        problems=problems,
    )


def _missing_or_different(rows: Sequence[LogRow], answers: Sequence[Told]) -> list[str]:
    recorded: dict[tuple[str, str], list[LogRow]] = defaultdict(list)
    for row in rows:
        if row.command_id is not None:
            recorded[row.lot, row.command_id].append(row)
    problems = [
        f"{lot}: command {command} is in the log {len(found)} times"
        for (lot, command), found in recorded.items()
        if len(found) > 1
    ]
    for answer in answers:
        name = f"{answer.lot}: {answer.command_id}"
        found = recorded.get((answer.lot, answer.command_id))
        if not found:
            problems.append(f"{name} was answered with seq {answer.seq} and is not in the log")
            continue
        row = found[0]
        if (row.kind == BID_ACCEPTED) != answer.accepted:
            problems.append(f"{name} was told accepted={answer.accepted} and recorded as {row.kind}")
        if (row.seq, row.at_us, row.digest) != (answer.seq, answer.at_us, answer.digest):
            problems.append(f"{name} was told another place, time or digest than seq {row.seq} has")
    return problems


def _told_twice(answers: Sequence[Told]) -> list[str]:
    first: dict[str, Told] = {}
    problems = []
    for answer in answers:
        if first.setdefault(answer.command_id, answer) != answer:
            problems.append(f"{answer.lot}: {answer.command_id} was answered in two ways")
    return problems


def _order(history: Sequence[LogRow]) -> list[str]:
    problems = []
    for at, row in enumerate(history, start=1):
        if row.seq != at:
            problems.append(f"row {at} carries seq {row.seq}")
            break
    problems += [f"time runs back at seq {b.seq}" for a, b in pairwise(history) if b.at_us < a.at_us]
    return problems


def _prices(history: Sequence[LogRow]) -> list[str]:
    problems, price = [], -1
    for row in history:
        if row.kind == BID_ACCEPTED and row.body["price_changed"]:
            if int(row.body["price"]) <= price:
                problems.append(f"the price does not rise at seq {row.seq}")
            price = int(row.body["price"])
        elif row.kind == "lot.sold" and int(row.body["price"]) != price:
            problems.append(f"sold at {row.body['price']}, the last price was {price}")
    return problems


def _fair_end(history: Sequence[LogRow]) -> list[str]:
    ends = [row for row in history if row.kind in ENDS]
    if not ends:
        return []
    end, ended_at_us = ends[0], int(ends[0].body["ended_at_us"])
    kinds = Counter(row.kind for row in history)
    problems = [] if len(ends) == 1 else [f"ended {len(ends)} times"]
    for row in history:
        if row.kind == BID_ACCEPTED and (row.seq > end.seq or row.at_us >= ended_at_us):
            problems.append(f"seq {row.seq} was accepted {row.at_us - ended_at_us} µs after the end")
        elif row.kind == BID_REJECTED and row.body["reject"] in ("late", "ended") and row.at_us < ended_at_us:
            problems.append(f"seq {row.seq} was refused as late {ended_at_us - row.at_us} µs before the end")
    if kinds[BID_ACCEPTED] and end.kind == "lot.passed" and end.body["reason"] == "no_bid":
        problems.append("passed for want of bids, with bids")
    return problems


def check_view(
    lot: str,
    seen: Mapping[int, Mapping[str, Any]],
    public: Sequence[Mapping[str, Any]],
    first_seq: int,
    last_seq: int,
) -> list[str]:
    """Compare the public rows a client saw in a room with the lot's public history (REST): same rows, none
    missing in between.
    """
    problems = []
    rows = {row["seq"]: row for row in public}
    for seq, row in seen.items():
        if rows.get(seq) != row:
            problems.append(f"{lot}: a client saw row {seq} otherwise than it is")
    missing = [seq for seq in rows if first_seq < seq <= last_seq and seq not in seen]
    if missing:
        problems.append(f"{lot}: a client missed {len(missing)} rows, the first is {missing[0]}")
    return problems
