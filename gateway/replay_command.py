"""`ortoo replay FILE`: recorded auctions through the real rules and the real journal; one JSON line for each lot."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.journal import embedded
from engine.journal.migrations import migrate
from engine.journal.postgres import PostgresLog
from engine.replay.driver import replay_in_memory, replay_into
from engine.replay.format import BadLine, read_lines

MANY_LINES = 50_000_000


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when the file was replayed, 2 when it is not in the format."""
    options = _parser().parse_args(arguments)
    try:
        results = asyncio.run(_replay(options))
    except (BadLine, OSError, embedded.PostgresUnavailable) as error:
        print(f"ortoo replay: {error}", file=sys.stderr)
        return 2
    for result in results:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ortoo replay", description=__doc__)
    parser.add_argument("file", help="JSON lines (docs/REPLAY.md), plain or .gz; - reads standard input")
    parser.add_argument("--database", metavar="URL", help="write into the journal of this empty database")
    parser.add_argument("--no-journal", action="store_true", help="rules and digests only; nothing is stored")
    return parser


async def _replay(options: argparse.Namespace) -> list[dict[str, Any]]:
    lines = read_lines(_lines(options.file))
    if options.no_journal:
        return await replay_in_memory(lines)
    if options.database:
        return await _into(options.database, lines)
    with tempfile.TemporaryDirectory(prefix="ortoo-replay-") as directory:
        server = await embedded.start(Path(directory), settings=embedded.SMALL)
        try:
            return await _into(server.dsn(), lines)
        finally:
            await server.stop()


async def _into(dsn: str, lines: Any) -> list[dict[str, Any]]:
    await migrate(dsn)
    log = PostgresLog(dsn)
    try:
        return await replay_into(log, lines)
    finally:
        await log.close()


def _lines(name: str) -> Iterator[bytes]:
    if name == "-":
        yield from sys.stdin.buffer
    elif name.endswith(".gz"):
        with gzip.open(name) as packed:
            yield from packed
    else:
        with Path(name).open("rb") as plain:
            yield from plain
