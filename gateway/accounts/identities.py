"""From a cookie or a token to a caller, without a database read on the hot path; and what was taken back, within a second.

Revocations are rows with a version in commit order; every process follows them. A caller proved before a revocation of his
session, token or account is not current any more; sockets are told through `subscribe_revocations`.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from gateway.accounts.model import QUERIES, UNREACHABLE, Caller, Scope, account_of, mandates_of, traded_for
from gateway.errors import Code, Refused

FOLLOW_S: Final = 0.4
PAGE: Final = 1_000
CACHED_MAX: Final = 20_000
"""Proofs kept in memory; the oldest goes when one more comes."""
CACHED_US: Final = 60_000_000
"""How long a proof is kept before it is read again, which is also the sign of life of its session."""
REVOKED_KEPT: Final = 50_000
QUERY_S: Final = 5.0
TOKEN_LENGTH_MAX: Final = 200

log = logging.getLogger(__name__)


class Revocation(Struct, frozen=True):
    """Something was taken back: a session (by digest), a token (by id) or everything of an account (by id)."""

    version: int
    kind: str
    subject: str

    def concerns(self, caller: Caller) -> bool:
        """Tell whether the caller was let in by what was taken back."""
        return self.subject in subjects_of(caller)


Listener = Callable[[Revocation], None]


def subjects_of(caller: Caller) -> tuple[str, ...]:
    """Return what a caller stands on: session, token, account. Their alphabets differ, so they never collide."""
    return tuple(s for s in (caller.session, caller.token, caller.account.id if caller.account else "") if s)


def session_digest(session_id: str) -> bytes:
    """Return what is stored of a session id."""
    return sha256(session_id.encode()).digest()


class Identities:
    """Who is behind a cookie or a token."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self._pool = pool
        self.now_us: Final = now_us
        """The clock of accounts, by which logins and tokens expire."""
        self.version = 0
        """How many things were taken back so far, everywhere."""
        self._proofs: OrderedDict[bytes, tuple[int, Caller]] = OrderedDict()
        """Digest of the cookie or token -> until when it is believed, and who it is."""
        self._revoked: OrderedDict[str, int] = OrderedDict()
        """Subject -> version at which it was taken back."""
        self._forgotten_version = 0
        self._listeners: list[Listener] = []
        self._following = asyncio.Lock()

    async def start(self) -> None:
        """Learn where the revocations stand."""
        self.version = self._forgotten_version = await self._pool.fetchval(QUERIES["revocation_version"])

    def subscribe_revocations(self, listener: Listener) -> None:
        """Call `listener` for everything taken back, wherever it was done, within half a second."""
        self._listeners.append(listener)

    def is_current(self, caller: Caller) -> bool:
        """Tell whether a caller proved earlier still stands: not expired, nothing taken back. Memory only."""
        if caller.account is None:
            return True
        if caller.expires_at_us <= self.now_us():
            return False
        if caller.version == self.version:
            return True  # nothing at all was taken back since
        if caller.version < self._forgotten_version:
            return False
        return all(self._revoked.get(subject, 0) <= caller.version for subject in subjects_of(caller))

    async def by_session(self, session_id: str) -> Caller | None:
        """Return who a session cookie stands for; None if it does not, or not any more.

        Raises:
            Refused: the database cannot be asked (UNAVAILABLE).
        """
        if not 20 <= len(session_id) <= TOKEN_LENGTH_MAX:
            return None
        digest = session_digest(session_id)
        found = self._cached(digest)
        if found is None:
            version = self.version
            row = await self._open("open_session", digest)
            if row is None:
                return None
            mandates = mandates_of(row)
            found = Caller(
                account=account_of(row),
                session=digest.hex(),
                csrf=row["csrf"],
                expires_at_us=row["expires_at_us"],
                acts_for=traded_for(mandates),
                mandates=mandates,
                version=version,
            )
            self._keep(digest, found)
        return found if self.is_current(found) else None

    async def by_token(self, text: str) -> Caller | None:
        """Return who a token (`id.secret`) stands for; None if it does not, or not any more.

        Raises:
            Refused: the database cannot be asked (UNAVAILABLE).
        """
        token_id, dot, secret = text.partition(".")
        if not dot or len(text) > TOKEN_LENGTH_MAX:
            return None
        digest = session_digest(text)
        found = self._cached(digest)
        if found is None:
            version = self.version
            row = await self._open("open_token", token_id)
            if row is None or not hmac.compare_digest(row["secret_digest"], sha256(secret.encode()).digest()):
                return None
            mandates = mandates_of(row)
            found = Caller(
                account=account_of(row),
                token=token_id,
                scopes=frozenset(Scope(scope) for scope in row["scopes"]),
                expires_at_us=row["expires_at_us"],
                acts_for=traded_for(mandates),
                mandates=mandates,
                version=version,
            )
            self._keep(digest, found)
        return found if self.is_current(found) else None

    async def follow(self) -> None:
        """Follow the revocations for ever."""
        while True:
            try:
                await self.catch_up()
            except UNREACHABLE:
                log.warning("revocations_behind")
            await asyncio.sleep(FOLLOW_S)

    async def catch_up(self) -> None:
        """Apply what was taken back since the last look. Called at once after a revocation of our own."""
        async with self._following:
            while True:
                async with asyncio.timeout(QUERY_S):
                    rows = await self._pool.fetch(QUERIES["revocations_after"], self.version, PAGE)
                for row in rows:
                    self._apply(Revocation(row["version"], row["kind"], row["subject"]))
                if len(rows) < PAGE:
                    return

    def _apply(self, revocation: Revocation) -> None:
        self.version = revocation.version
        self._revoked[revocation.subject] = revocation.version
        self._revoked.move_to_end(revocation.subject)
        while len(self._revoked) > REVOKED_KEPT:
            # Whoever was proved before the oldest one we forget has to be read again.
            self._forgotten_version = self._revoked.popitem(last=False)[1]
        for listener in self._listeners:
            try:
                listener(revocation)
            except Exception:  # a broken listener must not keep the others from closing sockets
                log.exception("revocation_listener_failed")

    async def _open(self, query: str, key: object) -> asyncpg.Record | None:
        try:
            async with asyncio.timeout(QUERY_S):
                return await self._pool.fetchrow(QUERIES[query], key, self.now_us())
        except UNREACHABLE as error:
            raise Refused(Code.UNAVAILABLE) from error

    def _cached(self, digest: bytes) -> Caller | None:
        until_us, found = self._proofs.get(digest, (0, None))
        if found is not None and (until_us <= self.now_us() or not self.is_current(found)):
            del self._proofs[digest]
            return None
        return found

    def _keep(self, digest: bytes, caller: Caller) -> None:
        self._proofs[digest] = (self.now_us() + CACHED_US, caller)
        self._proofs.move_to_end(digest)
        while len(self._proofs) > CACHED_MAX:
            self._proofs.popitem(last=False)
