"""The register of parties: who they are and that it was checked. Every change and its line of history are one transaction."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg

from engine.catalogue.parties.party import BankAccount, Event, Party, PartyKind, Registration
from engine.journal.follower import Connection
from engine.journal.queries import load_queries
from engine.rules.identity import tidy
from engine.rules.real_name import RealName, RealNameAct, after
from engine.values import PartyId

PAGE_MAX: Final = 100
HISTORY_MAX: Final = 200
QUERIES: Final = load_queries(Path(__file__).parent / "queries.sql")


class AlreadyRegistered(Exception):
    """Somebody has registered this credit code or id number."""


class Stale(Exception):
    """Somebody changed the party meanwhile, or it does not exist."""


class DoesNotHold(Exception):
    """The act does not fit the state of the party, or a reason is missing."""


class Parties:
    """The register."""

    def __init__(
        self, pool: asyncpg.Pool, digest_key: bytes, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000
    ) -> None:
        """Open the register; `digest_key` keys the digests that stand for id numbers, which are not stored."""
        self.pool = pool
        self.now_us = now_us
        self._digest_key = digest_key

    async def register(
        self, said: Registration, actor: str, *, party_id: PartyId | None = None, demonstration: bool = False
    ) -> PartyId:
        """Register a party that passed `party.problems`.

        Args:
            said: What it says about itself.
            actor: The account that registers it.
            party_id: Id of a natural person's own account; None for an organisation.
            demonstration: It is invented, and marked so wherever it is shown.

        Raises:
            AlreadyRegistered: its number, or this person, is on the register.
        """
        one = party_id or PartyId("o" + secrets.token_hex(8))
        try:
            async with self.acting(one, actor, "registered") as connection:
                await connection.execute(
                    QUERIES["insert_party"],
                    one,
                    said.kind.value,
                    *self._columns(said),
                    self.now_us(),
                    demonstration,
                    actor,
                )
        except asyncpg.UniqueViolationError:
            raise AlreadyRegistered from None
        return one

    async def change(self, party: Party, said: Registration, actor: str) -> None:
        """Change what a party says about itself; if that concerns its identity, it must be checked again.

        Raises:
            AlreadyRegistered: the number is another party's.
            Stale: somebody changed it meanwhile.
        """
        columns = self._columns(said)
        async with self.acting(party.id, actor, "changed") as connection:
            row = await connection.fetchrow(QUERIES["read_locked"], party.id)
            if row is None or row["version"] != party.version:
                raise Stale
            names = ("name_zh", "name_en", "credit_code", "id_digest")
            same = all(row[name] == value for name, value in zip(names, columns, strict=False)) and (
                row["country"] == said.country
            )
            state = row["real_name"] if same else RealName.UNVERIFIED.value
            since_us = row["real_name_since_us"] if same else self.now_us()
            try:
                await connection.execute(QUERIES["change_party"], party.id, party.version, *columns, state, since_us)
            except asyncpg.UniqueViolationError:
                raise AlreadyRegistered from None

    async def read(self, party_id: PartyId) -> Party | None:
        """Return a party; None if it never said who it is."""
        return (await self.read_many([party_id])).get(party_id)

    async def read_many(self, party_ids: Sequence[PartyId]) -> dict[PartyId, Party]:
        """Return the parties that are on the register."""
        rows = await self.pool.fetch(QUERIES["read"], list(party_ids))
        return {PartyId(row["id"]): party_of(row) for row in rows}

    async def act(self, party_id: PartyId, act: RealNameAct, actor: str, reason: str = "") -> RealName:
        """Do something about a party's identity and return where it stands then.

        Raises:
            Stale: there is no such party.
            DoesNotHold: the act does not fit, or a reason is missing.
        """
        async with self.acting(party_id, actor, f"real_name.{act.value}", reason) as connection:
            row = await connection.fetchrow(QUERIES["read_locked"], party_id)
            if row is None:
                raise Stale
            state = after(RealName(row["real_name"]), act, reason)
            if state is None:
                raise DoesNotHold
            await connection.execute(QUERIES["set_real_name"], party_id, state.value, reason, self.now_us())
        return state

    async def waiting(self, after_us: int = 0, after_id: str = "", limit: int = PAGE_MAX) -> list[Party]:
        """Return the parties whose identity is to be checked, longest waiting first."""
        rows = await self.pool.fetch(
            QUERIES["queue"], RealName.SUBMITTED.value, after_us, after_id, min(limit, PAGE_MAX)
        )
        return [party_of(row) for row in rows]

    async def find(self, text: str, after_id: str = "", limit: int = PAGE_MAX) -> list[Party]:
        """Return parties by part of a name, or by credit code or id."""
        wanted = text.strip()[:100]
        pattern = "%" + wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = await self.pool.fetch(QUERIES["find"], pattern, tidy(wanted), after_id, min(limit, PAGE_MAX))
        return [party_of(row) for row in rows]

    async def history(self, party_id: PartyId) -> list[Event]:
        """Return what happened to a party, newest first."""
        rows = await self.pool.fetch(QUERIES["history"], party_id, HISTORY_MAX)
        return [Event(at_us=row["at_us"], actor=row["actor"], act=row["act"], note=row["note"]) for row in rows]

    async def set_bank_account(self, party_id: PartyId, account: BankAccount, actor: str) -> None:
        """Put a party's own bank account on file; checked by `bank_account_problems`."""
        number = tidy(account.number)
        async with self.acting(party_id, actor, "bank_account", number[-4:]) as connection:
            await connection.execute(
                QUERIES["set_bank_account"],
                party_id,
                account.holder.strip(),
                number,
                account.bank.strip(),
                self.now_us(),
            )

    async def bank_account(self, party_id: PartyId) -> BankAccount | None:
        """Return the account from which a party pays and to which money goes back."""
        row = await self.pool.fetchrow(QUERIES["bank_account"], party_id)
        return None if row is None else BankAccount(holder=row["holder"], number=row["number"], bank=row["bank"])

    async def ask_broker(self, party_id: PartyId, actor: str) -> None:
        """Ask to be a broker (技术经纪人); an operator decides."""
        async with self.acting(party_id, actor, "broker.asked") as connection:
            await connection.execute(QUERIES["set_broker"], party_id, "asked")

    async def decide_broker(self, party_id: PartyId, confirmed: bool, actor: str, reason: str = "") -> None:
        """Confirm or refuse a broker."""
        word = "confirmed" if confirmed else "refused"
        async with self.acting(party_id, actor, f"broker.{word}", reason) as connection:
            await connection.execute(QUERIES["set_broker"], party_id, word)

    async def brokers_asking(self) -> list[Party]:
        """Return the parties that ask to be brokers."""
        return [party_of(row) for row in await self.pool.fetch(QUERIES["brokers_asking"], PAGE_MAX)]

    @asynccontextmanager
    async def acting(self, party_id: PartyId, actor: str, act: str, note: str = "") -> AsyncIterator[Connection]:
        """Yield a connection in a transaction that ends with the line of history."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection
            await connection.execute(QUERIES["note"], party_id, self.now_us(), actor, act, note)

    def _columns(self, said: Registration) -> tuple[Any, ...]:
        number = tidy(said.number)
        company = said.kind is PartyKind.ORGANISATION
        return (
            said.name_zh.strip(), said.name_en.strip(), number if company and number else None,
            None if company or not number else self._digest(number), "" if company else number[-4:], said.nature,
            said.holder_kind, said.region, said.country, said.contact.strip(), said.phone.strip(),
        )  # fmt: skip

    def _digest(self, number: str) -> bytes:
        return hmac.new(self._digest_key, number.encode(), sha256).digest()


def party_of(row: asyncpg.Record) -> Party:
    """Return a stored row as a party."""
    plain = {name: row[name] for name in Party.__struct_fields__ if name not in ("id", "kind", "real_name")}
    return Party(id=PartyId(row["id"]), kind=PartyKind(row["kind"]), real_name=RealName(row["real_name"]), **plain)
