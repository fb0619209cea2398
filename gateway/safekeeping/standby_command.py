"""`ortoo standby`: make a standby, look at both, fail over, take the old primary back. The runbook is docs/OPERATING.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from gateway.safekeeping.programs import ProgramFailed
from gateway.safekeeping.standby import (
    NotDone,
    Server,
    fence_directory,
    look_at,
    make_standby,
    promote,
    promote_anyhow,
    rejoin,
    require_standby,
)

WENT_WRONG = (NotDone, ProgramFailed, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


def main(arguments: Sequence[str]) -> int:
    """Run one of the steps; 0 done, 1 not done and why, 2 wrong call."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_STEPS[options.step](options))
    except WENT_WRONG as problem:
        print(f"ortoo standby {options.step}: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ortoo standby", description=(__doc__ or "").splitlines()[0])
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    create = steps.add_parser("create", help="copy a running primary into an empty directory as its standby")
    create.add_argument("data_dir", type=Path, metavar="DIRECTORY")
    create.add_argument("--primary", required=True, metavar="URL")
    create.add_argument("--name", required=True, help="under which the primary knows it")
    require = steps.add_parser("require", help="let commits wait for a standby")
    require.add_argument("name", nargs="?", help="which; nothing: for none")
    require.add_argument("--primary", required=True, metavar="URL")
    status = steps.add_parser("status", help="what servers say of themselves")
    status.add_argument("servers", nargs="+", metavar="URL")
    fail_over = steps.add_parser("promote", help="fence the old primary, then make the standby the primary")
    fail_over.add_argument("--standby", required=True, metavar="URL")
    fence = fail_over.add_mutually_exclusive_group(required=True)
    fence.add_argument("--old-directory", type=Path, metavar="DIRECTORY", help="of the old primary, on this machine")
    fence.add_argument("--fenced", action="store_true", help="it is switched off: power, network, or a fencing device")
    fail_over.add_argument(
        "--alone", action="store_true", help="go on without a second copy; otherwise commits wait for a new standby"
    )
    fail_over.add_argument(
        "--asynchronous", action="store_true", help="commits did not wait for this one: acknowledged events may be lost"
    )
    back = steps.add_parser("rejoin", help="make the stopped old primary a standby of the new one")
    back.add_argument("data_dir", type=Path, metavar="DIRECTORY")
    back.add_argument("--primary", required=True, metavar="URL")
    back.add_argument("--name", required=True)
    for step in (create, back):
        step.add_argument("--bin-dir", type=Path, metavar="DIRECTORY", help="of PostgreSQL's programs")
    return parser


async def _create(options: argparse.Namespace) -> None:
    await make_standby(options.primary, options.data_dir, options.name, bin_dir=options.bin_dir)
    print(
        f"{options.data_dir} follows as {options.name} once a server runs over it; then: ortoo standby require {options.name}"
    )


async def _require(options: argparse.Namespace) -> None:
    await require_standby(options.primary, options.name)
    print(f"commits wait for {options.name or 'no standby'}")


async def _status(options: argparse.Namespace) -> None:
    for number, server in enumerate(options.servers, start=1):
        try:
            print(f"server {number}: {_described(await look_at(server))}")
        except WENT_WRONG as problem:
            print(f"server {number}: does not answer ({type(problem).__name__})")


async def _promote(options: argparse.Namespace) -> None:
    if options.old_directory is not None:
        await fence_directory(options.old_directory)
        print("the old primary is stopped and fenced")
    found = await (promote_anyhow if options.asynchronous else promote)(options.standby, alone=options.alone)
    print(f"promoted: {_described(found)}")


async def _rejoin(options: argparse.Namespace) -> None:
    await rejoin(options.data_dir, options.primary, options.name, bin_dir=options.bin_dir)
    print(f"{options.data_dir} follows as {options.name} once a server runs over it")


def _described(server: Server) -> str:
    kind = f"standby {server.name}" if server.in_recovery else "primary"
    standbys = "; ".join(f"{name} {state}, {behind} bytes behind" for name, state, behind in server.standbys)
    return f"{kind}, timeline {server.timeline}, commits wait for {server.required or 'nobody'}" + (
        f"; followed by {standbys}" if standbys else ""
    )


_STEPS = {"create": _create, "require": _require, "status": _status, "promote": _promote, "rejoin": _rejoin}
