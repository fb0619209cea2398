"""The money's part of a running market: ledger, deposits, deals, payouts, their workers and their figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import asyncpg

from engine.calendar import Calendar
from engine.journal.secrecy import Vault, read_log_key
from gateway.accounts.desks import people_of
from gateway.accounts.model import UNREACHABLE
from gateway.config import Config
from gateway.http.metrics import Metrics
from settlement.deals.deals import Deals
from settlement.deals.deals import Figures as DealFigures
from settlement.deals.fees import fee_terms
from settlement.deals.following import DealFollowing
from settlement.deposits.clocks import Clocks
from settlement.deposits.deposits import Deposits, no_account
from settlement.deposits.finding import Figures
from settlement.deposits.store import Payee
from settlement.distribution.store import Distribution
from settlement.following import Following
from settlement.ledger.book import Ledger
from settlement.payouts.payouts import PayoutFigures, Payouts

FIGURES_S: Final = 10.0

Work = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger(__name__)


@dataclass
class Counted:
    """The figures of the last count."""

    deposits: Figures = field(default_factory=Figures)
    deals: DealFigures = field(default_factory=DealFigures)
    payouts: PayoutFigures = field(default_factory=PayoutFigures)


@dataclass(frozen=True)
class Settling:
    """The money's parts. `counted` is refreshed every ten seconds."""

    ledger: Ledger
    payouts: Payouts
    deposits: Deposits
    clocks: Clocks
    following: Following
    deals: Deals
    deal_following: DealFollowing
    distribution: Distribution
    counted: Counted


def build_settling(
    pool: asyncpg.Pool,
    config: Config,
    calendar: Callable[[], Calendar],
    now_us: Callable[[], int],
    verified_account: Callable[[str], Awaitable[Payee | None]] = no_account,
) -> Settling:
    """Return the parts. Nothing is sent before a bank is connected (`Payouts.connect`)."""
    payouts = Payouts(pool, now_us=now_us)
    deposits = Deposits(
        pool,
        payouts,
        calendar=calendar,
        virtual_prefix=config.virtual_account_prefix,
        verified_account=verified_account,
        now_us=now_us,
    )
    following = Following(pool, deposits, calendar=calendar)
    deals = Deals(
        pool,
        payouts,
        deposits,
        calendar=calendar,
        virtual_prefix=config.virtual_account_prefix,
        fees=fee_terms(config.fee_scale, buyer_waived=config.buyer_fee_waived),
        verified_account=verified_account,
        people=people_of,
        now_us=now_us,
    )
    clocks = Clocks(pool, deposits, now_us)
    deal_following = DealFollowing(pool, deals, Vault(read_log_key(config.log_key_path)))
    distribution = Distribution(pool, deals, calendar=calendar, now_us=now_us)
    return Settling(Ledger(pool), payouts, deposits, clocks, following, deals, deal_following, distribution, Counted())


def settling_work(settling: Settling, *, here: bool = True) -> list[Work]:
    """Return what runs for ever: the consumers of the log, clocks of deposits, orders to the bank, paid plans, figures.

    Telling the engine (`settlement.deposits.telling.Telling`) is started by whoever can ask the engine, and so is the worker of deals
    (`settlement.deals.working.Working`), which tells listings. `here` False: a process of its own does all but the figures.
    """
    workers: list[Work] = [
        settling.following.run,
        settling.deal_following.run,
        settling.clocks.run,
        settling.payouts.run,
        settling.distribution.run,
    ]
    return [*(workers if here else []), partial(_count, settling)]


async def _count(settling: Settling) -> None:
    while True:
        try:
            settling.counted.deposits = await settling.deposits.figures()
            settling.counted.deals = await settling.deals.figures()
            settling.counted.payouts = await settling.payouts.figures()
        except UNREACHABLE:
            log.warning("money_not_counted")
        await asyncio.sleep(FIGURES_S)


def add_money_gauges(metrics: Metrics, counted: Counted) -> None:
    """Add what is held, overdue and failing; sums and counts only (P6)."""
    metrics.gauge("ortoo_deposits_held_fen", "Sum of held deposits, fen.", lambda: counted.deposits.held_fen)
    metrics.gauge("ortoo_deposits_overdue", "Releases past their clock.", lambda: counted.deposits.overdue)
    metrics.gauge(
        "ortoo_deposits_waiting",
        "Deposits that wait for an operator: payer, appeal or holiday table.",
        lambda: counted.deposits.payer + counted.deposits.appeals + counted.deposits.uncertain,
    )
    metrics.gauge("ortoo_deals_open", "Deals under way.", lambda: counted.deals.open)
    metrics.gauge("ortoo_deals_operator", "Deals that wait for an operator.", lambda: counted.deals.operator)
    metrics.gauge("ortoo_deals_overdue", "Deals past a deadline.", lambda: counted.deals.overdue)
    metrics.gauge("ortoo_deals_escrow_fen", "Prices held in escrow, fen.", lambda: counted.deals.escrow_fen)
    metrics.gauge("ortoo_payouts_failing", "Orders that the bank could not pay.", lambda: counted.payouts.failed)
    metrics.gauge("ortoo_payouts_unanswered", "Orders asked for 3 times.", lambda: counted.payouts.unanswered)
    metrics.gauge("ortoo_payouts_under_way", "Orders not booked yet.", lambda: counted.payouts.under_way)
