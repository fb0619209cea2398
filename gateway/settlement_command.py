"""`ortoo settlement`: the money's workers as a process of their own, beside one or more `ortoo serve` with ORTOO_SETTLEMENT_HERE=0.

Consumers of the log, clocks, deals' own steps and orders to the bank; every step is one transaction and leased, so any number of these may
run. What only a process with an engine can do, telling listings and notices, stays with `serve`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from engine.catalogue.achievements.store import Achievements
from engine.catalogue.codes.calendar_data import CalendarInvalid, load_calendar
from engine.catalogue.parties.store import Parties
from engine.journal.postgres import claim_key
from engine.journal.secrecy import LogKeyUnusable, read_log_key
from engine.values import PartyId
from gateway.bank.banking import BANK_UNUSABLE, act_for_ever, build_banking
from gateway.config import Config, ConfigurationInvalid, read_config
from gateway.database import open_pool
from gateway.deals.telling import signer_of
from gateway.http.logs import set_up_logs
from gateway.registrations.gathering import Gathering
from gateway.registrations.registering import build_registering, drafter_of, registering_work
from gateway.settling import Work, build_settling, settling_work
from gateway.signing_key import KeyUnusable, digest_key, signing_key
from gateway.working import keep_at
from settlement.deals.working import Working

CANNOT_RUN = (*BANK_UNUSABLE, CalendarInvalid, KeyUnusable, LogKeyUnusable, OSError)

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 0 done, 1 cannot run, 2 wrong configuration."""
    argparse.ArgumentParser(prog="ortoo settlement", description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    try:
        config = read_config()
    except ConfigurationInvalid as problem:
        print(f"ortoo settlement: {problem}", file=sys.stderr)
        return 2
    if config.database_url is None:
        print(
            "ortoo settlement: set ORTOO_DATABASE_URL: the embedded database belongs to `ortoo serve`", file=sys.stderr
        )
        return 2
    try:
        asyncio.run(_run(config))
    except CANNOT_RUN as problem:
        print(f"ortoo settlement: {problem}", file=sys.stderr)
        return 1
    return 0


async def _run(config: Config) -> None:
    assert config.database_url is not None, "looked at before"
    set_up_logs(config.log_format, config.log_level)
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        key, calendar = signing_key(config.key_file), load_calendar(config.calendar_dir)
        pool = await stack.enter_async_context(open_pool(config, config.database_url.get_secret_value()))
        await claim_key(pool, read_log_key(config.log_key_path))
        parties = Parties(pool, digest_key(key), _now_us)
        settling = build_settling(pool, config, lambda: calendar, _now_us, partial(_verified_account, parties))
        banking = build_banking(pool, config, settling, _now_us)
        stack.push_async_callback(banking.close)
        registering = build_registering(pool, config, settling, lambda: calendar, _now_us)
        stack.push_async_callback(registering.close)
        gathering = Gathering(pool, parties, Achievements(pool, _now_us, []), registering.contracts)
        working = Working(
            settling.deals,
            sign=signer_of(key),
            origin=config.market_name,
            draft=drafter_of(gathering, registering.contracts),
        )
        works: list[Work] = [
            working.run,
            partial(act_for_ever, banking),
            *settling_work(settling),
            *registering_work(registering),
        ]
        for work in works:
            keep_at(stack, work)
        print("settlement works", flush=True)
        await stopping.wait()
    log.info("stopped")


async def _verified_account(parties: Parties, party_id: str) -> tuple[str, str] | None:
    account = await parties.bank_account(PartyId(party_id))
    return None if account is None else (account.holder, account.number)


def _now_us() -> int:
    return time.time_ns() // 1_000
