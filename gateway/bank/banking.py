"""The bank's part of a running market: what comes in, the queue, statements, and the adapter that sends payments."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from gateway.accounts.model import UNREACHABLE
from gateway.bank.client import HttpBank
from gateway.bank.signing import SecretUnusable, shared_secret
from gateway.config import Config
from gateway.http.metrics import Metrics
from gateway.http.rates import Budgets
from gateway.live.limits import Rate
from gateway.settling import Settling
from settlement.bank.by_hand import ByHand
from settlement.bank.exceptions import Counts, Exceptions
from settlement.bank.layouts import LayoutsUnusable, read_layouts
from settlement.bank.receiving import Receiving
from settlement.bank.reconciling import Reconciling
from settlement.bank.statements import Statements
from settlement.bank.taking import Taking
from settlement.ledger.book import Connection

BANK_UNUSABLE: Final = (SecretUnusable, LayoutsUnusable)
"""Why a market does not start: the bank's configuration cannot be used."""
AGAIN_S: Final = 2.0
FILES_MAX: Final = 10
"""Checked files kept for their import."""
_NAMES: Final = """
SELECT id, name_zh AS name FROM party WHERE id = ANY($1::text[])
UNION SELECT id, name_en FROM party WHERE id = ANY($1::text[]) AND name_en <> ''
UNION SELECT id, display_name FROM account WHERE id = ANY($1::text[]) AND id NOT IN (SELECT id FROM party)
"""
"""Names under which parties may pay: the register's, and a login's only where the register knows nobody."""

log = logging.getLogger(__name__)


class CheckedFiles:
    """Files that were checked and wait to be imported; the oldest is forgotten, a restart forgets all: then they are chosen again."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def keep(self, name: str, data: bytes) -> str:
        """Keep a file and return the name to get it by."""
        digest = hashlib.sha256(data).hexdigest()
        self._files[digest] = (name, data)
        self._files.move_to_end(digest)
        if len(self._files) > FILES_MAX:
            self._files.popitem(last=False)
        return digest

    def get(self, digest: str) -> tuple[str, bytes] | None:
        """Return name and content of a file."""
        return self._files.get(digest)


@dataclass
class Counted:
    """The figures of the last count."""

    queue: Counts = field(default_factory=Counts)
    pending: int = 0


@dataclass(frozen=True)
class Banking:
    """The bank's parts. Exactly one of `client` and `by_hand` sends payments."""

    receiving: Receiving
    exceptions: Exceptions
    statements: Statements
    reconciling: Reconciling
    client: HttpBank | None
    by_hand: ByHand | None
    secret: bytes
    budgets: Budgets
    """Callbacks of a network."""
    files: CheckedFiles
    counted: Counted

    async def close(self) -> None:
        """Close the connections to the bank."""
        if self.client is not None:
            await self.client.close()


def build_banking(pool: asyncpg.Pool, config: Config, settling: Settling, now_us: Callable[[], int]) -> Banking:
    """Return the parts, with the adapter connected.

    Raises:
        BANK_UNUSABLE: one of these; the text says why.
    """
    secret = shared_secret(config.bank_secret_path)
    taking = Taking(settling.deposits, settling.deals)
    receiving = Receiving(pool, taking, settling.payouts, names_of, now_us=now_us)
    client = HttpBank(config.bank_url, secret) if config.bank_url else None
    by_hand = None if config.bank_url else ByHand(pool, now_us)
    if client is not None:
        settling.payouts.connect(client)
    elif by_hand is not None:
        settling.payouts.connect(by_hand)
        by_hand.follow(settling.payouts)
    rate = Rate.per_second(config.bank_callbacks_per_second, burst=config.bank_callbacks_per_second * 4)
    return Banking(
        receiving=receiving,
        exceptions=Exceptions(pool, taking, settling.payouts, now_us=now_us),
        statements=Statements(pool, receiving, read_layouts(config.bank_layouts_file), now_us=now_us),
        reconciling=Reconciling(pool),
        client=client,
        by_hand=by_hand,
        secret=secret,
        budgets=Budgets(rate),
        files=CheckedFiles(),
        counted=Counted(),
    )


async def names_of(connection: Connection, party_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the names under which parties may pay."""
    rows = await connection.fetch(_NAMES, list(party_ids))
    names: dict[str, tuple[str, ...]] = {}
    for row in rows:
        names[row["id"]] = (*names.get(row["id"], ()), row["name"])
    return names


async def act_for_ever(banking: Banking) -> None:
    """Act on what was recorded and not acted on, and count the queue; the first turn is the one after a crash."""
    while True:
        try:
            await banking.receiving.act_on_pending()
            banking.counted.queue = await banking.exceptions.counts()
            banking.counted.pending = await banking.receiving.pending()
        except UNREACHABLE:
            log.warning("bank_events_wait")
        await asyncio.sleep(AGAIN_S)


def add_bank_gauges(metrics: Metrics, counted: Counted) -> None:
    """Add how much waits; sums and counts only (P6)."""
    metrics.gauge("ortoo_bank_exceptions_open", "Rows of the queue nobody looked at.", lambda: counted.queue.open)
    metrics.gauge(
        "ortoo_bank_suspense_fen", "Money that waits for a decision, fen.", lambda: counted.queue.suspense_fen
    )
    metrics.gauge("ortoo_bank_events_pending", "Recorded and not acted on.", lambda: counted.pending)
    metrics.gauge(
        "ortoo_bank_oldest_exception_seconds",
        "Age of the oldest open row.",
        lambda: time.time() - counted.queue.oldest_us / 1e6 if counted.queue.oldest_us else 0.0,
    )
