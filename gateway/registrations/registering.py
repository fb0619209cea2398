"""The registrar's part of a running market: contracts, registrations, the feed to an outside system, their workers and figures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import asyncpg

from engine.calendar import Calendar
from engine.canonical import canonical_bytes
from gateway.accounts.model import UNREACHABLE
from gateway.config import Config
from gateway.http.metrics import Metrics
from gateway.http.rates import Budgets
from gateway.live.limits import Rate
from gateway.registrar.client import HttpReceiver
from gateway.registrar.keys import Keys, read_keys
from gateway.registrations.gathering import Gathering
from gateway.settling import Settling, Work
from settlement.contracts.drafting import draft
from settlement.contracts.life import DraftContract, NotDone, text_statement
from settlement.contracts.store import Contracts
from settlement.deals.process import Process
from settlement.deals.store import Document
from settlement.deals.working import Draft, Drafter
from settlement.registration.carrying import Carrying
from settlement.registration.feed.answers import Answers
from settlement.registration.feed.delivering import Delivering
from settlement.registration.feed.outbox import FeedFigures, Outbox
from settlement.registration.registrations import Figures, Registrations

FIGURES_S: Final = 10.0
MESSAGES_PER_SECOND: Final = 100
"""Signed messages a second from one address; four times as many at once."""

log = logging.getLogger(__name__)


@dataclass
class Counted:
    """The figures of the last count."""

    desk: Figures = field(default_factory=Figures)
    feed: FeedFigures = field(default_factory=FeedFigures)


@dataclass(frozen=True)
class Registering:
    """The parts. `receiver` None: no outside system is told; who pulls still reads everything."""

    contracts: Contracts
    registrations: Registrations
    outbox: Outbox
    answers: Answers
    carrying: Carrying
    receiver: HttpReceiver | None
    delivering: Delivering | None
    keys: Callable[[], Keys]
    """Reads the shared keys anew, so that a changed file counts at once."""
    budgets: Budgets
    counted: Counted

    async def close(self) -> None:
        """Close the connections to the outside system."""
        if self.receiver is not None:
            await self.receiver.close()


def build_registering(
    pool: asyncpg.Pool, config: Config, settling: Settling, calendar: Callable[[], Calendar], now_us: Callable[[], int]
) -> Registering:
    """Return the parts.

    Raises:
        OSError: the certificates of `registrar_ca_file` cannot be read.
    """
    contracts = Contracts(pool, now_us)
    registrations = Registrations(
        pool, contracts, calendar=calendar, market=config.market_name, number_prefix=config.registrar_number_prefix,
        push=bool(config.registrar_url), now_us=now_us,
    )  # fmt: skip
    outbox = Outbox(pool)
    keys = partial(read_keys, config.registrar_keys_path)
    receiver = None
    if config.registrar_url:
        receiver = HttpReceiver(config.registrar_url, keys, ca_file=config.registrar_ca_file)
    delivering = None
    if receiver is not None:
        delivering = Delivering(outbox, receiver, give_up_days=config.registrar_give_up_days, now_us=now_us)
    return Registering(
        contracts=contracts,
        registrations=registrations,
        outbox=outbox,
        answers=Answers(pool, registrations),
        carrying=Carrying(settling.deals, contracts, registrations),
        receiver=receiver,
        delivering=delivering,
        keys=keys,
        budgets=Budgets(Rate.per_second(MESSAGES_PER_SECOND, burst=4 * MESSAGES_PER_SECOND)),
        counted=Counted(),
    )


def drafter_of(gathering: Gathering, contracts: Contracts) -> Drafter:
    """Return what draws up the contract of a deal: its text is what both sides sign."""

    async def draw(process: Process) -> Draft | None:
        facts = await gathering.facts_of(process)
        if facts is None:
            return None
        contract = await contracts.act(facts.contract_id, DraftContract(facts=facts), actor="market")
        if isinstance(contract, NotDone):
            log.error("contract_not_drafted", extra={"deal": process.id, "code": contract.code.value})
            return None
        return Draft(contract.id, Document("contract", canonical_bytes(text_statement(draft(facts)))))

    return draw


def registering_work(registering: Registering, *, here: bool = True) -> list[Work]:
    """Return what runs for ever; not `here`: another process (`ortoo settlement`) does the work, this one counts."""
    if not here:
        return [partial(_count, registering)]
    work: list[Work] = [registering.carrying.run, registering.registrations.run, partial(_count, registering)]
    return work if registering.delivering is None else [*work, registering.delivering.run]


async def _count(registering: Registering) -> None:
    while True:
        try:
            registering.counted.desk = await registering.registrations.figures()
            registering.counted.feed = await registering.outbox.figures()
        except UNREACHABLE:
            log.warning("registrations_not_counted")
        await asyncio.sleep(FIGURES_S)


def add_registration_gauges(metrics: Metrics, counted: Counted, now_us: Callable[[], int]) -> None:
    """Add how much waits; counts only (P6)."""
    metrics.gauge(
        "ortoo_registrations_waiting",
        "Registrations at the desk, from handing in to decision.",
        lambda: (
            counted.desk.incoming + counted.desk.pre_check + counted.desk.accepted + counted.desk.first_review
            + counted.desk.expert_review + counted.desk.second_review
        ),
    )  # fmt: skip
    metrics.gauge("ortoo_registrations_overdue", "Registrations past their clock.", lambda: counted.desk.overdue)
    metrics.gauge("ortoo_registrar_feed_waiting", "Messages not delivered yet.", lambda: counted.feed.waiting)
    metrics.gauge("ortoo_registrar_feed_dead", "Dead letters to look at.", lambda: counted.feed.dead)
    metrics.gauge(
        "ortoo_registrar_feed_oldest_seconds",
        "Age of the oldest message that waits.",
        lambda: max(0.0, (now_us() - counted.feed.oldest_us) / 1e6) if counted.feed.oldest_us else 0.0,
    )
