"""The outbox: what an outside registrar is told, in the transaction that made it true; gapless positions for who pulls."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.journal.queries import load_queries
from settlement.ledger.book import Connection

if TYPE_CHECKING:
    from settlement.registration.evolving import Registration

QUERIES: Final = load_queries(Path(__file__).parent.parent.parent / "sql" / "registrar_feed.sql")
MESSAGE_SCHEMA: Final = "ortoo-registrar-message-1"
PAGE_MAX: Final = 200
LEASE_US: Final = 60_000_000
"""A message that is being sent is sent again by another worker after this long: longer than any call."""
FIRST_PAUSE_US: Final = 500_000
PAUSE_MAX_US: Final = 900_000_000
"""A quarter of an hour: a receiver that comes back is served soon, however long it was away."""
PROBLEM_MAX: Final = 300


class MessageKind(StrEnum):
    """What a message says."""

    SUBMITTED = "submitted"
    """A contract was handed in: register it, or say why not."""
    REGISTERED = "registered"
    """The market's own desk has registered it."""
    CHANGED = "changed"
    CANCELLED = "cancelled"
    REVOKED = "revoked"


class Message(Struct, frozen=True, kw_only=True):
    """A message with its place in the feed."""

    position: int
    id: str
    registration: str
    revision: int
    kind: MessageKind
    at_us: int
    body: bytes
    attempts: int = 0


class Letter(Struct, frozen=True, kw_only=True):
    """A message as the desk sees it."""

    position: int
    id: str
    registration: str
    revision: int
    kind: str
    at_us: int
    attempts: int
    problem: str
    changed_at_us: int
    state: str = ""


class FeedFigures(Struct, frozen=True, kw_only=True):
    """Counts of what is not delivered."""

    waiting: int = 0
    dead: int = 0
    oldest_us: int = 0
    attempts: int = 0


async def enqueue(
    connection: Connection, kind: MessageKind, registration: Registration, package: bytes, at_us: int, *, push: bool
) -> str:
    """Write a message in the caller's transaction and return its id, which is the idempotency key.

    Args:
        connection: Inside the transaction of what is told.
        kind: What happened.
        registration: As it is after it.
        package: The package that goes with it, canonical JSON; empty for none.
        at_us: When.
        push: It is to be sent; without a receiver it is only kept for who pulls.
    """
    position = await connection.fetchval(QUERIES["next_position"])
    message_id = f"{registration.id}.{registration.seq}"
    said: dict[str, Any] = {
        "schema": MESSAGE_SCHEMA,
        "id": message_id,
        "kind": kind.value,
        "registration": registration.id,
        "revision": registration.revision,
        "number": registration.number,
        "reason": registration.ended_reason or (registration.reason if kind is MessageKind.CHANGED else ""),
        "technical_amount_fen": str(registration.technical_fen),
        "at_us": str(at_us),
        "package": msgspec.json.decode(package) if package else None,
    }
    await connection.execute(
        QUERIES["insert_message"], position, message_id, registration.id, registration.revision, kind.value,
        canonical_bytes(said), at_us, "waiting" if push else "kept",
    )  # fmt: skip
    return message_id


def pause_us(attempt: int, spread_ppm: int) -> int:
    """Return how long to wait after a failed attempt: doubling from half a second up to a quarter of an hour, spread by ± 25 %.

    Args:
        attempt: Counted from 1.
        spread_ppm: Drawn by the caller, 0 to 1,000,000, so that many markets do not come back at once.
    """
    plain = min(PAUSE_MAX_US, FIRST_PAUSE_US << min(attempt - 1, 20))
    return plain - plain // 4 + plain * spread_ppm // 2_000_000


class Outbox:
    """What waits to be told, and what could not be."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def take_due(self, now_us: int) -> Message | None:
        """Lease the next message to send; None if nothing is due. An attempt is counted."""
        row = await self._pool.fetchrow(QUERIES["take_due"], now_us, now_us + LEASE_US)
        return None if row is None else _message(row)

    async def delivered(self, message: Message, now_us: int) -> None:
        """The receiver has it."""
        await self._pool.execute(QUERIES["delivered"], message.position, now_us)

    async def put_off(self, message: Message, next_us: int, problem: str, now_us: int) -> None:
        """Try again later."""
        await self._pool.execute(QUERIES["put_off"], message.position, next_us, problem[:PROBLEM_MAX], now_us)

    async def bury(self, message: Message, problem: str, now_us: int) -> None:
        """The receiver will never take it as it is: somebody has to look."""
        await self._pool.execute(QUERIES["bury"], message.position, problem[:PROBLEM_MAX], now_us)

    async def requeue(self, message_id: str, now_us: int) -> bool:
        """Send a dead letter again from the beginning; False if there is none of this id."""
        return await self._pool.fetchval(QUERIES["requeue"], message_id, now_us) is not None

    async def dead(self, after: int = 0, limit: int = 50) -> list[Letter]:
        """Return a page of dead letters."""
        return [_letter(row) for row in await self._pool.fetch(QUERIES["dead"], after, _bounded(limit))]

    async def waiting(self, limit: int = 50) -> list[Letter]:
        """Return the first messages that wait."""
        return [_letter(row) for row in await self._pool.fetch(QUERIES["waiting"], _bounded(limit))]

    async def of_registration(self, registration_id: str) -> list[Letter]:
        """Return what was told of one registration."""
        return [_letter(row) for row in await self._pool.fetch(QUERIES["of_registration"], registration_id)]

    async def page(self, after: int, limit: int) -> list[Message]:
        """Return messages after a position, for who pulls; delivered or not."""
        rows = await self._pool.fetch(QUERIES["page"], after, _bounded(limit))
        return [_message(row) for row in rows]

    async def figures(self) -> FeedFigures:
        """Count what is not delivered."""
        row = await self._pool.fetchrow(QUERIES["figures"])
        return FeedFigures() if row is None else FeedFigures(**dict(row))


def _message(row: asyncpg.Record) -> Message:
    return Message(**{**dict(row), "kind": MessageKind(row["kind"])})


def _letter(row: asyncpg.Record) -> Letter:
    return Letter(**dict(row))


def _bounded(limit: int) -> int:
    return max(1, min(limit, PAGE_MAX))
