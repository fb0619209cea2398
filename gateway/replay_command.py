"""`ortoo replay FILE`: recorded auctions through the real rules and the real journal, or recorded listings through the real rules;
one JSON line for each lot or listing.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import secrets
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from itertools import chain, islice
from pathlib import Path
from typing import Final, cast

import asyncpg
import msgspec

from engine.journal import embedded
from engine.journal.log import InDoubt, JournalUnavailable
from engine.journal.migrations import MigrationChanged, migrate
from engine.journal.postgres import PostgresLog
from engine.replay.driver import OWNER, replay_in_memory, replay_into
from engine.replay.errors import BadLine
from engine.replay.format import LINE_MAX, Recording, read_recording
from engine.replay.listing_driver import ListingResult, replay_listings
from engine.replay.listing_format import ListingRecording, read_listings
from engine.replay.result import LotResult

FAILED: Final = 1
BAD_INPUT: Final = 2
HEAD_LINES: Final = 2
"""A currency and the first listing: by then a recording of listings is known as one."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_UNREADABLE: Final = (BadLine, OSError, EOFError, zlib.error)
_NO_JOURNAL: Final = (
    embedded.PostgresUnavailable,
    JournalUnavailable,
    InDoubt,
    MigrationChanged,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
# A replay takes every shard: in the database of a market that would stop the market.
_TAKEN_BY_OTHERS: Final = """
SELECT EXISTS (
    SELECT FROM event
    WHERE stream >= 'shard/' AND stream < 'shard0' AND convert_from(body, 'UTF8')::json ->> 'owner' <> $1
)
"""


class HoldsMarket(Exception):
    """The database named belongs to a market."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when the file was replayed, 1 when the journal failed, 2 when the file cannot be read."""
    options = _parser().parse_args(arguments)
    try:
        recording = _read(options.file)
    except _UNREADABLE as problem:
        print(f"ortoo replay: {options.file}: {problem}", file=sys.stderr)
        return BAD_INPUT
    results: Sequence[LotResult | ListingResult]
    try:
        results = (
            replay_listings(recording)
            if isinstance(recording, ListingRecording)
            else asyncio.run(_replay(recording, options))
        )
    except HoldsMarket:
        print(
            "ortoo replay: this database holds a market: give a database of its own, or leave --database out",
            file=sys.stderr,
        )
        return BAD_INPUT
    except _NO_JOURNAL as problem:
        print(f"ortoo replay: the journal failed: {problem}", file=sys.stderr)
        return FAILED
    for result in results:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ortoo replay", description=__doc__)
    parser.add_argument("file", help="JSON lines (docs/REPLAY.md), plain or gzip; - reads standard input")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="keep the log in this database, which must not be a market's (default: none is kept)",
    )
    parser.add_argument("--no-journal", action="store_true", help="rules and digests only, without PostgreSQL")
    return parser


def _read(name: str) -> Recording | ListingRecording:
    with ExitStack() as opened:
        raw = cast(BufferedReader, sys.stdin.buffer) if name == "-" else opened.enter_context(Path(name).open("rb"))
        lines = _lines(_unpacked(raw))
        head = list(islice(lines, HEAD_LINES))
        if any(b'"listing"' in line for line in head):
            return read_listings(chain(head, lines))
        # One run never meets the lots of another one in the same database.
        return read_recording(chain(head, lines), run=secrets.token_hex(4))


def _unpacked(raw: BufferedReader) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=raw) if raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC) else raw


def _lines(stream: BufferedReader | gzip.GzipFile) -> Iterator[bytes]:
    # One byte more than allowed is enough to see that a line is too long.
    while line := stream.readline(LINE_MAX + 1):
        yield line


async def _replay(recording: Recording, options: argparse.Namespace) -> list[LotResult]:
    if options.no_journal:
        return await replay_in_memory(recording)
    if options.database:
        return await _into(options.database, recording)
    with tempfile.TemporaryDirectory(prefix="ortoo-replay-") as directory:
        server = await embedded.start(Path(directory), settings=embedded.SMALL)
        try:
            return await _into(server.dsn(), recording)
        finally:
            await server.stop()


async def _into(dsn: str, recording: Recording) -> list[LotResult]:
    await migrate(dsn)
    await _refuse_market(dsn)
    log = PostgresLog(dsn)
    try:
        return await replay_into(log, recording)
    finally:
        await log.close()


async def _refuse_market(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval(_TAKEN_BY_OTHERS, OWNER):
            raise HoldsMarket
    finally:
        await connection.close()
