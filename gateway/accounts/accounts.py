"""What can be done with accounts: register, log in and out, passwords, roles, tokens. Each act and its audit line are one transaction."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.values import PartyId
from gateway.accounts import audit, throttle
from gateway.accounts.audit import Origin
from gateway.accounts.identities import Identities, session_digest
from gateway.accounts.model import (
    LANGUAGES,
    QUERIES,
    Account,
    Caller,
    MemberRole,
    Role,
    Scope,
    account_of,
    cleaned_name,
    normalised_login,
)
from gateway.accounts.passwords import LENGTH_MAX, Passwords, weakness
from gateway.errors import Code, Refused

TOKENS_MAX: Final = 20
"""Living tokens of one account."""
TOKEN_DAYS_MAX: Final = 400
PAGE_MAX: Final = 200
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
AUDIT_UNKNOWN: Final = "unknown"

Connection = asyncpg.pool.PoolConnectionProxy


class NewSession(Struct, frozen=True):
    """A login that just began. `id` is the cookie's value and exists nowhere else."""

    id: str
    caller: Caller


class Token(Struct, frozen=True, kw_only=True):
    """A token as its owner sees it in a list."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at_us: int
    expires_at_us: int
    used_at_us: int | None


class Accounts:
    """The accounts of the market."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        identities: Identities,
        passwords: Passwords,
        *,
        session_hours: int = 12,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self.identities = identities
        self._pool = pool
        self._passwords = passwords
        self._session_us = session_hours * HOUR_US
        self._now_us = now_us

    async def register(
        self,
        login: str,
        display_name: str,
        password: str,
        origin: Origin,
        *,
        role: Role = Role.BIDDER,
        language: str = "zh",
    ) -> Account:
        """Make an account.

        Raises:
            Refused: MALFORMED (`fields`), WEAK_PASSWORD (`problem`), NAME_TAKEN, LOGIN_THROTTLED.
        """
        name, shown = normalised_login(login), cleaned_name(display_name)
        wrong = [field for field, value in (("login", name), ("display_name", shown)) if value is None]
        if name is None or shown is None or language not in LANGUAGES:
            raise Refused(Code.MALFORMED, fields=", ".join(wrong or ["language"]))
        if origin.actor == audit.NOBODY:
            await throttle.begin_registration(self._pool, origin.network, self._now_us())
        hashed = await self._hash_if_strong(password, name)
        party_id = "p" + secrets.token_hex(8)
        try:
            async with self._act(origin, "account.registered", party_id) as connection:
                row = await connection.fetchrow(
                    QUERIES["insert_account"], party_id, name, shown, role.value, language, hashed, self._now_us()
                )
        except asyncpg.UniqueViolationError as taken:
            if taken.constraint_name != "account_login":
                raise
            raise Refused(Code.NAME_TAKEN) from None
        assert row is not None, "INSERT ... RETURNING"
        return account_of(row)

    async def log_in(self, login: str, password: str, network: str) -> NewSession:
        """Check name and password and begin a session with an id of its own.

        Raises:
            Refused: LOGIN_THROTTLED, LOGIN_FAILED: unknown name, wrong password and disabled account look and last the same.
        """
        name = normalised_login(login) or ""
        try:
            await throttle.begin(self._pool, name, network, self._now_us())
        except Refused as refused:
            await self._note(Origin(audit.NOBODY, network), "session.begun", AUDIT_UNKNOWN, refused.code.value)
            raise
        row = await self._pool.fetchrow(QUERIES["account_by_login"], name)
        stored = None if row is None else row["password_hash"]
        matches = await self._passwords.verify(stored, password[: LENGTH_MAX + 1])
        if row is None or not matches or row["disabled_at_us"] is not None:
            subject = AUDIT_UNKNOWN if row is None else row["id"]
            await self._note(Origin(audit.NOBODY, network), "session.begun", subject, Code.LOGIN_FAILED.value)
            raise Refused(Code.LOGIN_FAILED)
        await throttle.succeeded(self._pool, name, network)
        if self._passwords.is_outdated(row["password_hash"]):
            await self._pool.execute(QUERIES["set_password"], row["id"], await self._passwords.hash(password))
        return await self.begin_session(account_of(row), network)

    async def begin_session(self, account: Account, network: str) -> NewSession:
        """Begin a session of an account whose owner was just identified."""
        session_id, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        digest, now_us = session_digest(session_id), self._now_us()
        expires_at_us = now_us + self._session_us
        async with self._act(Origin(account.id, network), "session.begun", account.id) as connection:
            await connection.execute(QUERIES["insert_session"], digest, account.id, csrf, now_us, expires_at_us)
        caller = await self.identities.by_session(session_id)
        if caller is None:  # disabled in this very moment
            raise Refused(Code.LOGIN_FAILED)
        return NewSession(session_id, caller)

    async def log_out(self, caller: Caller, network: str) -> None:
        """End the session of the caller; without one nothing happens."""
        if not caller.session:
            return
        async with self._act(Origin(caller.login_id, network), "session.ended", caller.login_id) as connection:
            await connection.execute(QUERIES["delete_session"], bytes.fromhex(caller.session))
            await connection.execute(QUERIES["revoke"], self._now_us(), "session", caller.session)
        await self.identities.catch_up()

    async def change_password(self, party_id: PartyId, current: str | None, new: str, origin: Origin) -> None:
        """Set a new password and end every session of the account.

        Args:
            party_id: Whose.
            current: The password now, None when the operator sets it.
            new: The password to be.
            origin: Who asks, from where.

        Raises:
            Refused: LOGIN_THROTTLED, LOGIN_FAILED (`current` is wrong), WEAK_PASSWORD, NOT_FOUND.
        """
        row = await self._row(party_id)
        if current is not None:
            await throttle.begin(self._pool, row["login"], origin.network, self._now_us())
            if not await self._passwords.verify(row["password_hash"], current[: LENGTH_MAX + 1]):
                await self._note(origin, "account.password_changed", party_id, Code.LOGIN_FAILED.value)
                raise Refused(Code.LOGIN_FAILED)
            await throttle.succeeded(self._pool, row["login"], origin.network)
        hashed = await self._hash_if_strong(new, row["login"])
        async with self._act(origin, "account.password_changed", party_id) as connection:
            await connection.execute(QUERIES["set_password"], party_id, hashed)
            await self._end_sessions(connection, party_id)
        await self.identities.catch_up()

    async def set_role(self, party_id: PartyId, role: Role, origin: Origin) -> None:
        """Give an account another role; its sessions end, so that no page of the old role stays open.

        Raises:
            Refused: NOT_FOUND.
        """
        await self._row(party_id)
        async with self._act(origin, f"account.role_set.{role.value}", party_id) as connection:
            await connection.execute(QUERIES["set_role"], party_id, role.value)
            await self._end_sessions(connection, party_id)
        await self.identities.catch_up()

    async def disable(self, party_id: PartyId, origin: Origin) -> None:
        """Shut an account out: sessions end, tokens open nothing. What it bid stands.

        Raises:
            Refused: NOT_FOUND.
        """
        await self._row(party_id)
        async with self._act(origin, "account.disabled", party_id) as connection:
            await connection.execute(QUERIES["disable"], party_id, self._now_us())
            await self._end_sessions(connection, party_id)
        await self.identities.catch_up()

    async def enable(self, party_id: PartyId, origin: Origin) -> None:
        """Let a disabled account in again.

        Raises:
            Refused: NOT_FOUND.
        """
        await self._row(party_id)
        async with self._act(origin, "account.enabled", party_id) as connection:
            await connection.execute(QUERIES["enable"], party_id)

    async def prove_anew(self, account_id: PartyId) -> None:
        """What an account may do has changed: its proofs are read again at once, its live connections open anew."""
        await self._pool.execute(QUERIES["revoke"], self._now_us(), "account", account_id)
        await self.identities.catch_up()

    async def set_language(self, party_id: PartyId, language: str) -> None:
        """Remember the language of the screens; an unknown one changes nothing."""
        if language in LANGUAGES:
            await self._pool.execute(QUERIES["set_language"], party_id, language)

    async def create_token(
        self, party_id: PartyId, name: str, scopes: Iterable[Scope], days: int, origin: Origin
    ) -> tuple[Token, str]:
        """Make a token and return it with its text, which is shown once and exists nowhere else.

        Raises:
            Refused: MALFORMED, CONFLICT (the account holds `TOKENS_MAX`).
        """
        shown, wanted = cleaned_name(name), sorted(set(scopes))
        if shown is None or not wanted or not 1 <= days <= TOKEN_DAYS_MAX:
            raise Refused(Code.MALFORMED, fields="name, scopes, days")
        token_id, secret, now_us = "t" + secrets.token_hex(8), secrets.token_urlsafe(32), self._now_us()
        async with self._act(origin, "token.created", token_id) as connection:
            row = await connection.fetchrow(
                QUERIES["insert_token"], token_id, party_id, shown, sha256(secret.encode()).digest(),
                [scope.value for scope in wanted], now_us, now_us + days * DAY_US, TOKENS_MAX,
            )  # fmt: skip
            if row is None:
                raise Refused(Code.CONFLICT, limit=TOKENS_MAX)
        return _token_of(row), f"{token_id}.{secret}"

    async def tokens_of(self, party_id: PartyId) -> list[Token]:
        """Return the tokens of an account that were not revoked, newest first."""
        rows = await self._pool.fetch(QUERIES["tokens_of"], party_id, PAGE_MAX)
        return [_token_of(row) for row in rows]

    async def revoke_token(self, party_id: PartyId, token_id: str, origin: Origin) -> None:
        """Take a token back at once.

        Raises:
            Refused: NOT_FOUND: no such token, or not of this account.
        """
        async with self._act(origin, "token.revoked", token_id) as connection:
            if await connection.execute(QUERIES["revoke_token"], token_id, party_id, self._now_us()) == "UPDATE 0":
                raise Refused(Code.NOT_FOUND)
            await connection.execute(QUERIES["revoke"], self._now_us(), "token", token_id)
        await self.identities.catch_up()

    async def by_login(self, login: str) -> Account | None:
        """Return the account of a login name."""
        row = await self._pool.fetchrow(QUERIES["account_by_login"], normalised_login(login) or "")
        return None if row is None else account_of(row)

    async def by_ids(self, party_ids: Sequence[PartyId]) -> dict[PartyId, Account]:
        """Return the accounts of these parties."""
        rows = await self._pool.fetch(QUERIES["accounts_by_id"], list(party_ids))
        return {PartyId(row["id"]): account_of(row) for row in rows}

    async def of_party(self, party_id: PartyId) -> list[Account]:
        """Return the accounts that act for a party, by login name."""
        return [account_of(row) for row in await self._pool.fetch(QUERIES["logins_of_party"], party_id, PAGE_MAX)]

    async def join(
        self, account_id: PartyId, party_id: PartyId, roles: Iterable[MemberRole], origin: Origin
    ) -> Account:
        """Let an account act for a party under these roles, at once in every open page; its own id: for itself again.

        Raises:
            Refused: NOT_FOUND.
        """
        wanted = sorted({role.value for role in roles})
        async with self._act(origin, "account.joined", account_id) as connection:
            row = await connection.fetchrow(QUERIES["join_party"], account_id, party_id, wanted)
            if row is None:
                raise Refused(Code.NOT_FOUND)
            await connection.execute(QUERIES["revoke"], self._now_us(), "account", account_id)
        await self.identities.catch_up()
        return account_of(row)

    async def page(self, after_login: str = "", role: Role | None = None, limit: int = 100) -> list[Account]:
        """Return accounts by login name, after one, of one role or all."""
        wanted = "" if role is None else role.value
        rows = await self._pool.fetch(QUERIES["accounts_page"], after_login, wanted, min(limit, PAGE_MAX))
        return [account_of(row) for row in rows]

    async def note(self, caller: Caller, network: str, act: str, subject: str, result: str = "done") -> None:
        """Add a line to the audit log about something that happened elsewhere."""
        actor = audit.NOBODY if caller.account is None else caller.account.id
        await self._note(Origin(actor, network), act, subject, result)

    async def sweep(self) -> None:
        """Drop what has expired: sessions, failures of yesterday, revocations that no process can have missed."""
        now_us = self._now_us()
        await self._pool.execute(QUERIES["sweep_sessions"], now_us)
        await self._pool.execute(QUERIES["sweep_attempts"], now_us - DAY_US)
        await self._pool.execute(QUERIES["sweep_revocations"], now_us - 30 * DAY_US)

    async def _row(self, party_id: PartyId) -> asyncpg.Record:
        rows = await self._pool.fetch(QUERIES["accounts_by_id"], [party_id])
        if not rows:
            raise Refused(Code.NOT_FOUND)
        return rows[0]

    async def _hash_if_strong(self, password: str, login: str) -> str:
        problem = weakness(password, login)
        if problem is not None:
            raise Refused(Code.WEAK_PASSWORD, problem=problem)
        return await self._passwords.hash(password)

    async def _end_sessions(self, connection: Connection[asyncpg.Record], party_id: PartyId) -> None:
        await connection.execute(QUERIES["delete_sessions_of"], party_id)
        await connection.execute(QUERIES["revoke"], self._now_us(), "account", party_id)

    async def _note(self, origin: Origin, act: str, subject: str, result: str) -> None:
        await audit.record(self._pool, self._now_us(), origin, act, subject, result)

    @asynccontextmanager
    async def _act(self, origin: Origin, act: str, subject: str) -> AsyncIterator[Connection[asyncpg.Record]]:
        """Yield a connection in a transaction that ends with the audit line of the act."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection
            await audit.record(connection, self._now_us(), origin, act, subject)


def _token_of(row: asyncpg.Record) -> Token:
    return Token(
        id=row["id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at_us=row["created_at_us"],
        expires_at_us=row["expires_at_us"],
        used_at_us=row["used_at_us"],
    )
