"""`ortoo backup` and `ortoo restore`: copies and WAL, back to any instant, and a rehearsal that proves it. Runbook: docs/OPERATING.md."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from engine.journal.embedded import EmbeddedPostgres, PostgresUnavailable
from gateway.safekeeping.backup import NoBackup, copy_database, restore, stream_wal, wal_arrived
from gateway.safekeeping.programs import ProgramFailed
from gateway.verify_command import main as verify

WENT_WRONG = (NoBackup, ProgramFailed, PostgresUnavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


def backup(arguments: Sequence[str]) -> int:
    """Copy, stream or wait; 0 done, 1 failed, 2 wrong call."""
    parser = argparse.ArgumentParser(prog="ortoo backup", description=(__doc__ or "").splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, text in (
        ("copy", "make a whole copy and check every byte of it; daily, say"),
        ("wal", "receive what is written, until stopped; always"),
        ("wait", "return when all that was written until now is in the backup"),
    ):
        step = steps.add_parser(name, help=text)
        step.add_argument("--database", required=True, metavar="URL")
        step.add_argument("--bin-dir", type=Path, metavar="DIRECTORY", help="of PostgreSQL's programs")
        if name != "wait":
            step.add_argument("directory", type=Path, metavar="BACKUP")
    options = parser.parse_args(arguments)
    return _run("backup", {"copy": _copy, "wal": _wal, "wait": _wait}[options.step](options))


def restore_command(arguments: Sequence[str]) -> int:
    """Restore, or rehearse it; 0 restored and clean, 1 not, 2 wrong call."""
    parser = argparse.ArgumentParser(prog="ortoo restore", description="Restore a backup into an empty directory.")
    parser.add_argument("directory", type=Path, metavar="BACKUP")
    parser.add_argument(
        "target", type=Path, nargs="?", metavar="DATA_DIR", help="becomes ORTOO_DATA_DIR; must be empty"
    )
    parser.add_argument("--until", type=_instant, metavar="TIME", help="ISO 8601 with its zone; all there is if absent")
    parser.add_argument("--log-key", type=Path, metavar="FILE", help="key that hides lots, to check their content")
    parser.add_argument("--checkpoints", type=Path, metavar="FILE", help="checkpoints kept elsewhere")
    parser.add_argument("--rehearse", action="store_true", help="into a temporary directory, checked, timed, removed")
    parser.add_argument("--bin-dir", type=Path, metavar="DIRECTORY", help="of PostgreSQL's programs")
    options = parser.parse_args(arguments)
    if (options.target is None) is not options.rehearse:
        parser.error("a target, or --rehearse")
    return _run("restore", _rehearse(options) if options.rehearse else _restore(options, options.target))


def _run(command: str, work: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(work)
    except WENT_WRONG as problem:
        print(f"ortoo {command}: {problem}", file=sys.stderr)
        return 1


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise argparse.ArgumentTypeError("say in which zone: 2026-11-28T09:30:00+08:00")
    return instant


async def _copy(options: argparse.Namespace) -> int:
    begun_s = time.monotonic()
    copy = await copy_database(options.database, options.directory, bin_dir=options.bin_dir)
    size = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    print(f"{copy}: {size / 1e6:.0f} MB copied and checked in {time.monotonic() - begun_s:.1f} s")
    return 0


async def _wal(options: argparse.Namespace) -> int:
    streaming = asyncio.create_task(stream_wal(options.database, options.directory, bin_dir=options.bin_dir))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, streaming.cancel)
    try:
        await streaming
    except asyncio.CancelledError:
        return 0
    return 1


async def _wait(options: argparse.Namespace) -> int:
    arrived = await wal_arrived(options.database)
    print("all is in the backup" if arrived else "not all is in the backup: does `ortoo backup wal` run?")
    return 0 if arrived else 1


async def _rehearse(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="ortoo-rehearsal-") as directory:
        return await _restore(options, Path(directory))


async def _restore(options: argparse.Namespace, target: Path) -> int:
    begun_s = time.monotonic()
    server = await restore(options.directory, target / "postgres", options.until, bin_dir=options.bin_dir)
    try:
        restored_s = time.monotonic() - begun_s
        print(f"restored in {restored_s:.1f} s; checking the whole log")
        code = await _verify(server, options)
    finally:
        await server.stop()
    print(f"{time.monotonic() - begun_s:.1f} s in all")
    if code == 0 and not options.rehearse:
        print(f"copy signing.key and log.key into {target}, then: ORTOO_DATA_DIR={target} ortoo serve")
    return code


async def _verify(server: EmbeddedPostgres, options: argparse.Namespace) -> int:
    arguments = ["--database", server.dsn()]
    for name in ("log_key", "checkpoints"):
        if (path := getattr(options, name)) is not None:
            arguments += [f"--{name.replace('_', '-')}", str(path)]
    return await asyncio.to_thread(verify, arguments)
