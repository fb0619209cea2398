"""Login throttling: pauses that grow with failures of one name from one network. Never a lock: nobody can shut a rival out.

The attempt is counted in the database before the password is looked at, so that two tabs and a restart change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import asyncpg

from gateway.accounts.model import QUERIES
from gateway.errors import Code, Refused

SECOND_US: Final = 1_000_000
PAUSES_OF_NAME_US: Final = tuple(s * SECOND_US for s in (0, 0, 0, 1, 2, 4, 8, 15, 30, 60))
"""Pause after the 1st, 2nd, ... failure of a name from a network; the last one stays."""
PAUSES_OF_NETWORK_US: Final = (*(0 for _ in range(30)), *(s * SECOND_US for s in (1, 2, 4, 8, 15, 30)))
"""The same for all names together, against trying one password on many names."""
PAUSES_OF_REGISTRATION_US: Final = (*(0 for _ in range(30)), 60 * SECOND_US)
"""Between accounts made from one network by visitors."""
FORGET_US: Final = 900 * SECOND_US
WHOLE_NETWORK: Final = b""
REGISTRATION: Final = b"registration"


async def begin(pool: asyncpg.Pool, login: str, network: str, at_us: int) -> None:
    """Count an attempt, as a failure until `succeeded` is called.

    Raises:
        Refused: it comes too early (LOGIN_THROTTLED with `retry_after_ms`); nothing was counted.
    """
    async with pool.acquire() as connection, connection.transaction():
        await _begin_one(connection, _digest(login), network, at_us, PAUSES_OF_NAME_US)
        await _begin_one(connection, WHOLE_NETWORK, network, at_us, PAUSES_OF_NETWORK_US)


async def begin_registration(pool: asyncpg.Pool, network: str, at_us: int) -> None:
    """Count an account made by a visitor.

    Raises:
        Refused: too many from this network (LOGIN_THROTTLED with `retry_after_ms`).
    """
    async with pool.acquire() as connection, connection.transaction():
        await _begin_one(connection, REGISTRATION, network, at_us, PAUSES_OF_REGISTRATION_US)


async def succeeded(pool: asyncpg.Pool, login: str, network: str) -> None:
    """Forget the failures of this name from this network."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(QUERIES["forget_attempts"], _digest(login), network)
        await connection.execute(QUERIES["undo_attempt"], WHOLE_NETWORK, network)


async def _begin_one(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
    name: bytes,
    network: str,
    at_us: int,
    pauses_us: Sequence[int],
) -> None:
    counted = await connection.fetchval(QUERIES["begin_attempt"], name, network, at_us, list(pauses_us), FORGET_US)
    if counted is None:
        next_at_us = await connection.fetchval(QUERIES["next_attempt"], name, network)
        raise Refused(Code.LOGIN_THROTTLED, retry_after_ms=max(1, -(-((next_at_us or at_us) - at_us) // 1_000)))


def _digest(login: str) -> bytes:
    return sha256(login.encode()).digest()
