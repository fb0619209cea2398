"""`ortoo admin`: accounts on the command line, beside a running market, which follows within a second; and its holiday tables."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from engine.journal import embedded
from engine.journal.migrations import JOURNAL_MIGRATIONS, migrate
from gateway import calendar_command, ledger_command
from gateway.accounts.accounts import Accounts
from gateway.accounts.audit import CONSOLE, Origin
from gateway.accounts.identities import Identities
from gateway.accounts.model import ACCOUNT_MIGRATIONS, Account, Role, Scope
from gateway.accounts.passwords import Passwords
from gateway.config import Config, read_config
from gateway.errors import Code, Refused
from settlement.ledger.book import SETTLEMENT_MIGRATIONS

HERE: Final = Origin(CONSOLE, "local")
PAGE: Final = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the acts and their options."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    create = acts.add_parser("create-account", help="make an account; the password is read from standard input")
    create.add_argument("login")
    create.add_argument("--role", choices=[role.value for role in Role], default=Role.BIDDER.value)
    create.add_argument("--name", help="display name; the login name if absent")
    create.add_argument("--language", choices=["zh", "en"], default="zh")
    token = acts.add_parser("create-token", help="make a token of an account; it is printed once")
    token.add_argument("login")
    token.add_argument("--scopes", nargs="+", choices=[scope.value for scope in Scope], default=[Scope.READ.value])
    token.add_argument("--days", type=int, default=90)
    token.add_argument("--name", default="console")
    role = acts.add_parser("set-role", help="give an account another role; its sessions end")
    role.add_argument("login")
    role.add_argument("role", choices=[role.value for role in Role])
    for act, text in (
        ("disable", "shut an account out; what it bid stands"),
        ("enable", "let a disabled account in again"),
        ("set-password", "set a password, read from standard input; the account's sessions end"),
    ):
        acts.add_parser(act, help=text).add_argument("login")
    calendar_command.add_arguments(acts.add_parser("calendar", help="holiday tables: what is in use, check a new one"))
    ledger_command.add_arguments(acts.add_parser("ledger", help="trial balance, statements"))
    listing = acts.add_parser("list", help="list accounts, one JSON object a line")
    listing.add_argument("--role", choices=[role.value for role in Role])


def run(options: argparse.Namespace) -> int:
    """Do one act; 0 done, 1 refused."""
    if options.act == "calendar":
        return calendar_command.run(options, read_config())
    try:
        if options.act == "ledger":
            return asyncio.run(_ask_ledger(options, read_config()))
        asyncio.run(_run(options, read_config()))
    except Refused as refused:
        facts = " ".join(f"{name}={value}" for name, value in refused.data.items())
        print(f"ortoo admin: {refused.code.value} {facts}".rstrip(), file=sys.stderr)
        return 1
    except (OSError, asyncpg.PostgresError, embedded.PostgresUnavailable) as problem:
        print(f"ortoo admin: {problem}", file=sys.stderr)
        return 1
    return 0


async def _run(options: argparse.Namespace, config: Config) -> None:
    async with _accounts(config) as accounts:
        if options.act == "list":
            await _list(accounts, options)
        elif options.act == "create-account":
            await _create_account(accounts, options)
        else:
            account = await accounts.by_login(options.login)
            if account is None:
                raise Refused(Code.NOT_FOUND)
            await _change(accounts, account, options)


async def _ask_ledger(options: argparse.Namespace, config: Config) -> int:
    async with _address(config) as dsn:
        await migrate(dsn, [JOURNAL_MIGRATIONS, SETTLEMENT_MIGRATIONS])
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            return await ledger_command.run(options, pool)


async def _create_account(accounts: Accounts, options: argparse.Namespace) -> None:
    account = await accounts.register(
        options.login,
        options.name or options.login,
        _read_password(),
        HERE,
        role=Role(options.role),
        language=options.language,
    )
    _print(_plain(account))


async def _change(accounts: Accounts, account: Account, options: argparse.Namespace) -> None:
    match options.act:
        case "create-token":
            scopes = [Scope(scope) for scope in options.scopes]
            token, secret = await accounts.create_token(account.id, options.name, scopes, options.days, HERE)
            _print({"id": token.id, "account": account.id, "secret": secret})
        case "set-role":
            await accounts.set_role(account.id, Role(options.role), HERE)
        case "disable":
            await accounts.disable(account.id, HERE)
        case "enable":
            await accounts.enable(account.id, HERE)
        case "set-password":
            await accounts.change_password(account.id, None, _read_password(), HERE)


async def _list(accounts: Accounts, options: argparse.Namespace) -> None:
    role, after = None if options.role is None else Role(options.role), ""
    while page := await accounts.page(after, role, PAGE):
        for account in page:
            _print(_plain(account))
        after = page[-1].login


@asynccontextmanager
async def _accounts(config: Config) -> AsyncIterator[Accounts]:
    async with _address(config) as dsn:
        await migrate(dsn, [JOURNAL_MIGRATIONS, ACCOUNT_MIGRATIONS])
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
            identities = Identities(pool)
            await identities.start()
            passwords = Passwords(time_cost=config.password_time_cost, memory_kib=config.password_memory_kib)
            try:
                yield Accounts(pool, identities, passwords)
            finally:
                passwords.close()


@asynccontextmanager
async def _address(config: Config) -> AsyncIterator[str]:
    """Yield the address of the database: the configured one, the embedded one of the running market, or that one started for this."""
    if config.database_url is not None:
        yield config.database_url.get_secret_value()
        return
    directory = config.data_dir / "postgres"
    running = await embedded.running_address(directory)
    if running is not None:
        yield running
        return
    server = await embedded.start(directory, configured_bin_dir=config.postgres_bin_dir)
    try:
        yield server.dsn()
    finally:
        await server.stop()


def _read_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("password: ")
    return sys.stdin.readline().rstrip("\n")


def _plain(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "login": account.login,
        "name": account.display_name,
        "role": account.role.value,
        "language": account.language,
        "disabled": account.disabled_at_us is not None,
    }


def _print(value: dict[str, Any]) -> None:
    print(msgspec.json.encode(value).decode())
