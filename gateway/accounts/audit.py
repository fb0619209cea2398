"""The audit log: who did what to accounts and lots, when, from where, with which result. Append-only by trigger."""

from __future__ import annotations

from typing import Final, Protocol

import asyncpg
from msgspec import Struct

from gateway.accounts.model import QUERIES

PAGE_MAX: Final = 500
NOBODY: Final = "-"
"""Actor of what an anonymous visitor did."""
CONSOLE: Final = "console"
"""Actor of what was done on the command line."""


class Origin(Struct, frozen=True):
    """From where something was asked: who, and from which network."""

    actor: str
    network: str


class AuditEntry(Struct, frozen=True):
    """One line."""

    id: int
    at_us: int
    actor: str
    act: str
    subject: str
    network: str
    result: str


class Executes(Protocol):
    """A pool or a connection inside a transaction."""

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement."""
        ...


async def record(on: Executes, at_us: int, origin: Origin, act: str, subject: str, result: str = "done") -> None:
    """Add a line.

    Args:
        on: Where; inside the transaction of what is recorded, where there is one.
        at_us: When.
        origin: Who, from where.
        act: What, as `thing.verb`.
        subject: To whom or what: an account, a token, a lot.
        result: `done` or a code.
    """
    await on.execute(QUERIES["insert_audit"], at_us, origin.actor, act, subject, origin.network, result)


async def read_page(pool: asyncpg.Pool, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
    """Return lines, newest first, older than the line `before`."""
    rows = await pool.fetch(QUERIES["audit_page"], before if before is not None else 2**62, min(limit, PAGE_MAX))
    return [AuditEntry(**dict(row)) for row in rows]
