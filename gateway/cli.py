"""The command line: `ortoo serve|gateway|engine|demo|settlement|pricing|probe|replay|verify|admin`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from gateway import __version__
from gateway.config import ConfigurationInvalid, read_config

USAGE_ERROR: Final = 2
_ELSEWHERE: Final = {
    "replay": "gateway.replay_command:main",
    "verify": "gateway.verify_command:main",
    "demo": "gateway.demo:main",
    "sandbox-bank": "gateway.sandbox_bank.command:main",
    "probe": "gateway.probing.command:main",
    "pricing": "gateway.pricing_command:main",
    "settlement": "gateway.settlement_command:main",
    "registrar-keys": "gateway.registrar.keys_command:main",
    "reference-receiver": "gateway.reference_receiver.command:main",
    "engine": "gateway.machines.engine_command:main",
    "standby": "gateway.safekeeping.standby_command:main",
    "backup": "gateway.safekeeping.backup_command:backup",
    "restore": "gateway.safekeeping.backup_command:restore_command",
    "archive": "gateway.safekeeping.archive_command:main",
}
"""Commands that read their own arguments, and where they are: imported when asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 wrong call or configuration."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _ELSEWHERE:
        return _run_elsewhere(given[0], given[1:])
    options = _parser().parse_args(given)
    try:
        if options.command == "serve":
            return _serve()
        if options.command == "gateway":
            return _gateway()
        from gateway import admin_command

        return admin_command.run(options)
    except ConfigurationInvalid as problem:
        print(f"ortoo: {problem}", file=sys.stderr)
        return USAGE_ERROR


def _run_elsewhere(command: str, arguments: list[str]) -> int:
    module, _, function = _ELSEWHERE[command].partition(":")
    code: int = getattr(import_module(module), function)(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ortoo",
        description="The online trading engine of a technology market. Configuration: ORTOO_* variables (docs/CONFIGURATION.md).",
    )
    parser.add_argument("--version", action="version", version=f"ortoo {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "serve", help="run the market: pages, API, live rooms, engine; PostgreSQL too if none is configured"
    )
    commands.add_parser(
        "gateway", help="run one of several gateways: pages, API, live rooms; needs PostgreSQL and Redis"
    )
    commands.add_parser("engine", help="run one of several engines: decides and records; needs PostgreSQL and Redis")
    commands.add_parser("demo", help="open the market with demonstration lots and a live session")
    commands.add_parser("pricing", help="work quotes out beside the market; serve and demo start it themselves")
    commands.add_parser("settlement", help="run the money's workers as a process of their own")
    commands.add_parser("sandbox-bank", help="run a sandbox bank: no real bank, no real money")
    commands.add_parser("probe", help="look at the public pages of running notices and record what was seen")
    commands.add_parser("registrar-keys", help="list, add and retire the keys shared with an outside registrar")
    commands.add_parser("reference-receiver", help="run a registrar's system to build and test against")
    commands.add_parser(
        "standby", help="make a standby of the database, look at both, fail over, take the old one back"
    )
    commands.add_parser("backup", help="copy the database, and receive all that is written since")
    commands.add_parser("restore", help="restore a backup to any instant and check it, or rehearse that")
    commands.add_parser("archive", help="move ended lots of long ago to cheaper storage; they stay part of the log")
    commands.add_parser("replay", help="run recorded sessions through the rules and the journal")
    commands.add_parser("verify", help="check the whole log, or one receipt")
    from gateway import admin_command

    admin_command.add_arguments(
        commands.add_parser("admin", help="accounts: make, list, change, disable; holiday tables")
    )
    return parser


def _gateway() -> int:
    config = read_config()
    if config.database_url is None or config.redis_url is None:
        raise ConfigurationInvalid(
            "ORTOO_DATABASE_URL, ORTOO_REDIS_URL: both must be set; one process is `ortoo serve`"
        )
    from gateway.machines.linking import servers_of

    servers_of(config.redis_url.get_secret_value())
    return _serve(over_redis=True)


def _serve(*, over_redis: bool = False) -> int:
    from gateway.serve import CANNOT_RUN, serve

    config = read_config()
    try:
        asyncio.run(
            serve(
                config,
                lambda line: print(line, flush=True),
                lambda line: print(line, file=sys.stderr, flush=True),
                over_redis=over_redis,
            )
        )
    except CANNOT_RUN as problem:
        print(f"ortoo {'gateway' if over_redis else 'serve'}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
