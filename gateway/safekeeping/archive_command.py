"""`ortoo archive`: move ended lots, listings and notices of long ago to cheaper storage. They stay part of the log."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from engine.journal.cold import NotAllMoved, move_ended
from engine.values import InstantUs


def main(arguments: Sequence[str]) -> int:
    """Move; 0 done, 1 failed, 2 wrong call."""
    parser = argparse.ArgumentParser(prog="ortoo archive", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--database", required=True, metavar="URL", help="of a login that owns the log")
    parser.add_argument(
        "--ended-before", required=True, type=datetime.fromisoformat, metavar="DATE", help="last event before it (UTC)"
    )
    parser.add_argument("--tablespace", metavar="NAME", help="where they are kept; made by the administrator")
    options = parser.parse_args(arguments)
    before = options.ended_before.replace(tzinfo=options.ended_before.tzinfo or UTC)
    try:
        asyncio.run(_move(options.database, InstantUs(int(before.timestamp() * 1e6)), options.tablespace))
    except (NotAllMoved, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        print(f"ortoo archive: {problem}", file=sys.stderr)
        return 1
    return 0


async def _move(dsn: str, before_us: InstantUs, tablespace: str | None) -> None:
    streams = events = 0
    async for more_streams, more_events in move_ended(dsn, before_us, tablespace=tablespace):
        streams, events = streams + more_streams, events + more_events
    print(f"{streams} ended lots, listings and notices moved, {events} events")
