"""Append-only histories of contracts and registrations: each event holds the digest of the one before, acts may carry a key.

The row of the thing itself is locked first by the caller (`lock` of its own SQL), so that one history has one writer at a time.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.journal.queries import load_queries
from settlement.histories import Chain
from settlement.ledger.book import Connection

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "registry.sql")
_CHAIN: Final = Chain(b"ortoo-registry-event-1\0")
first_digest: Final = _CHAIN.first
event_digest: Final = _CHAIN.next
HISTORY_PAGE: Final = 500


class Asked(Struct, frozen=True, kw_only=True):
    """Who asks for an act, when, and under which key."""

    at_us: int
    actor: str
    key: str | None = None


class Line(Struct, frozen=True):
    """One event with its place."""

    seq: int
    type: str
    at_us: int
    actor: str
    body: bytes
    digest: bytes


class KeyReused(Exception):
    """An idempotency key was used for another act before."""


def act_digest(act: Struct) -> bytes:
    """Return the digest of what is wished; `check`, the secret that the market draws, is no part of the wish."""
    fields = msgspec.to_builtins(act)
    fields.pop("check", None)
    return sha256(b"ortoo-registry-act-1\0" + canonical_bytes({"act": type(act).__name__, "fields": fields})).digest()


async def was_done(connection: Connection, stream: str, act: Struct, key: str | None) -> bool:
    """Tell whether this very act was done under this key.

    Raises:
        KeyReused: the key stands for another act.
    """
    if key is None:
        return False
    done = await connection.fetchval(QUERIES["find_act"], stream, key)
    if done is None:
        return False
    if done != act_digest(act):
        raise KeyReused(key)
    return True


async def append(
    connection: Connection,
    stream: str,
    seq: int,
    previous: bytes,
    event: tuple[str, bytes],
    asked: Asked,
    act: Struct | None,
) -> bytes:
    """Write one event and return its digest. `act` is given with the first event of a keyed act only."""
    name, body = event
    digest = event_digest(previous, stream, seq, name, asked.at_us, asked.actor, body)
    key = asked.key if act is not None else None
    await connection.execute(
        QUERIES["insert_event"], stream, seq, name, asked.at_us, asked.actor, key,
        act_digest(act) if act is not None and key is not None else None, body, digest,
    )  # fmt: skip
    return digest


async def history(pool: asyncpg.Pool | Connection, stream: str, after_seq: int = 0, limit: int = 200) -> list[Line]:
    """Return a page of a history, oldest first."""
    rows = await pool.fetch(QUERIES["history"], stream, after_seq, max(1, min(limit, HISTORY_PAGE)))
    return [Line(*row) for row in rows]


def chain_problem(stream: str, lines: list[Line], last: Any) -> str:
    """Return what is wrong with a whole history, empty if it is sound and ends in the digest `last`."""
    digest = first_digest(stream)
    for number, line in enumerate(lines, start=1):
        digest = event_digest(digest, stream, line.seq, line.type, line.at_us, line.actor, line.body)
        if line.seq != number or line.digest != digest:
            return f"event {number} was changed or is missing"
    return "" if digest == last else "the row is not what its history says"
