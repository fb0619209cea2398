"""Passwords: argon2id beside the event loop, two at a time; and which passwords are too easy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import Code, Refused

T = TypeVar("T")

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 128
DISTINCT_MIN: Final = 5
AT_ONCE: Final = 2
"""A hash takes a core for some 70 ms: more at once would delay bids."""
WAITING_MAX: Final = 40
"""Logins waiting for a hash; one more is told to come again."""
COMMON: Final = frozenset((Path(__file__).parent / "common_passwords.txt").read_text(encoding="utf-8").split())


def weakness(password: str, login: str) -> str | None:
    """Return why a password is refused, as a stable word; None if it will do.

    No rule about kinds of characters: length and not being guessable count (ASVS 5.0 6.2).
    """
    if len(password) < LENGTH_MIN:
        return "too_short"
    if len(password) > LENGTH_MAX:
        return "too_long"
    folded = password.casefold()
    if login and login in folded:
        return "contains_login"
    if len(set(folded)) < DISTINCT_MIN or folded in COMMON:
        return "too_common"
    return None


class Passwords:
    """Makes and checks hashes without holding up the loop."""

    def __init__(self, *, time_cost: int, memory_kib: int) -> None:
        self._hasher = PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        # Compared with when a name is unknown, so that the answer takes as long.
        self._nobody = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            Refused: too many wait.
        """
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password belongs to the hash; takes as long when there is no hash (None).

        Raises:
            Refused: too many wait.
        """
        known = stored is not None
        return await self._run(self._check, stored if stored is not None else self._nobody, password) and known

    def is_outdated(self, stored: str) -> bool:
        """Tell whether the hash was made with other work factors."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._waiting >= WAITING_MAX:
            raise Refused(Code.RATE_LIMITED, retry_after_ms=1_000)
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
