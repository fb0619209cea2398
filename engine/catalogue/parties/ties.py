"""What ties parties to others: invitations of colleagues, declared relations, agents, a broker's clients."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.catalogue.parties.store import QUERIES, DoesNotHold, Parties
from engine.rules.conflicts import Relation, RelationKind
from engine.values import PartyId

DAY_US: Final = 86_400_000_000
INVITATION_DAYS: Final = 7
INVITATIONS_MAX: Final = 50
TIES_MAX: Final = 200


class Power(StrEnum):
    """What an agent may do for his principal on one subject (民法典 art. 165)."""

    TRADE = "trade"
    """Apply and bid."""
    SIGN = "sign"
    """Sign or refuse the contract of a deal."""
    PERFORM = "perform"
    """Payment terms, hand-over, acceptance, dispute, reports of a deal."""


class Invitation(Struct, frozen=True):
    """To which party, under which roles."""

    party: PartyId
    roles: tuple[str, ...]


class DeclaredRelation(Struct, frozen=True, kw_only=True):
    """A relation as declared; `other` is a party's id, or empty for the platform's staff."""

    other: str
    kind: RelationKind
    note: str
    declared_at_us: int


class Agency(Struct, frozen=True, kw_only=True):
    """An account that acts for a party on one subject."""

    agent: PartyId
    subject: str
    principal: PartyId
    document: str
    asked_at_us: int
    confirmed_at_us: int | None
    ended_at_us: int | None
    powers: list[Power]


class Client(Struct, frozen=True, kw_only=True):
    """A broker's client."""

    client: PartyId
    name_zh: str
    name_en: str
    document: str
    from_us: int
    until_us: int | None


class Ties:
    """The ties of the register's parties."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        self._pool = parties.pool

    async def invite(self, party_id: PartyId, roles: Sequence[str], actor: str) -> str:
        """Make an invitation and return its secret, which is shown once and exists nowhere else.

        Raises:
            DoesNotHold: as many are open as may be.
        """
        secret, now_us = secrets.token_urlsafe(24), self._parties.now_us()
        async with self._parties.acting(party_id, actor, "invited", ", ".join(roles)) as connection:
            made = await connection.fetchval(
                QUERIES["insert_invitation"], _digest(secret), party_id, list(roles), actor,
                now_us + INVITATION_DAYS * DAY_US, INVITATIONS_MAX, now_us,
            )  # fmt: skip
            if made is None:
                raise DoesNotHold
        return secret

    async def invitation(self, secret: str) -> Invitation | None:
        """Return what an invitation offers; None if it is unknown, used or over."""
        row = await self._pool.fetchrow(QUERIES["invitation"], _digest(secret), self._parties.now_us())
        return None if row is None else Invitation(PartyId(row["party"]), tuple(row["roles"]))

    async def accept(self, secret: str, account_id: PartyId) -> Invitation | None:
        """Use an invitation; it works once."""
        row = await self._pool.fetchrow(QUERIES["use_invitation"], _digest(secret), account_id, self._parties.now_us())
        if row is None:
            return None
        party_id = PartyId(row["party"])
        async with self._parties.acting(party_id, account_id, "joined", ", ".join(row["roles"])):
            pass
        return Invitation(party_id, tuple(row["roles"]))

    async def declare(self, party_id: PartyId, other: str, kind: RelationKind, note: str, actor: str) -> None:
        """Declare a relation; saying it again only changes the note."""
        async with self._parties.acting(party_id, actor, f"relation.{kind.value}", other) as connection:
            await connection.execute(
                QUERIES["declare_relation"], party_id, other, kind.value, note, actor, self._parties.now_us()
            )

    async def end_relation(self, party_id: PartyId, other: str, kind: RelationKind, actor: str) -> None:
        """Say that a relation is over; the history keeps it."""
        async with self._parties.acting(party_id, actor, f"relation_ended.{kind.value}", other) as connection:
            await connection.execute(QUERIES["end_relation"], party_id, other, kind.value, self._parties.now_us())

    async def declared(self, party_id: PartyId) -> list[DeclaredRelation]:
        """Return the relations of a party that stand."""
        return [
            DeclaredRelation(
                other=row["other"],
                kind=RelationKind(row["kind"]),
                note=row["note"],
                declared_at_us=row["declared_at_us"],
            )
            for row in await self._pool.fetch(QUERIES["relations"], party_id, TIES_MAX)
        ]

    async def relations(self, party_id: PartyId) -> tuple[Relation, ...]:
        """Return the relations of a party as the rule of conflicts takes them."""
        return tuple(Relation(one.other, one.kind) for one in await self.declared(party_id))

    async def authorise(
        self, principal: PartyId, agent: PartyId, subject: str, document: str, powers: Sequence[Power], actor: str
    ) -> None:
        """Name an agent for one listing, lot or notice; an operator confirms him, for bidding before the session starts.

        Raises:
            DoesNotHold: he acts for another party there: nobody acts for two.
        """
        note = f"{agent} {subject} {','.join(sorted(powers))}"
        async with self._parties.acting(principal, actor, "agent.named", note) as connection:
            named = await connection.fetchval(
                QUERIES["authorise_agent"], agent, subject, principal, document, self._parties.now_us(), sorted(powers)
            )
            if named is None:
                raise DoesNotHold

    async def confirm(self, agent: PartyId, subject: str, actor: str) -> PartyId:
        """Confirm an agent and return for whom he acts.

        Raises:
            DoesNotHold: there is none to confirm.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            principal = await connection.fetchval(
                QUERIES["confirm_agent"], agent, subject, actor, self._parties.now_us()
            )
            if principal is None:
                raise DoesNotHold
            note = f"{agent} {subject}"
            await connection.execute(QUERIES["note"], principal, self._parties.now_us(), actor, "agent.confirmed", note)
        return PartyId(principal)

    async def end_agency(self, principal: PartyId, agent: PartyId, subject: str, actor: str) -> None:
        """Take an authorisation back; what the agent did stands."""
        async with self._parties.acting(principal, actor, "agent.ended", f"{agent} {subject}") as connection:
            await connection.execute(QUERIES["end_agent"], agent, subject, principal, self._parties.now_us())

    async def agency(self, agent: PartyId, subject: str) -> Agency | None:
        """Return an agent's authorisation on a subject, as it stands; None if there never was one."""
        row = await self._pool.fetchrow(QUERIES["agency"], agent, subject)
        return None if row is None else _agency(row)

    async def agents_of(self, principal: PartyId) -> list[Agency]:
        """Return a party's agents, newest first."""
        return [_agency(row) for row in await self._pool.fetch(QUERIES["agents_of"], principal, TIES_MAX)]

    async def agents_waiting(self) -> list[Agency]:
        """Return the agents to be confirmed, longest waiting first."""
        return [_agency(row) for row in await self._pool.fetch(QUERIES["agents_waiting"], TIES_MAX)]

    async def agencies_of(self, agent: PartyId) -> list[Agency]:
        """Return where an account acts for others."""
        return [_agency(row) for row in await self._pool.fetch(QUERIES["agencies_of_agent"], agent, TIES_MAX)]

    async def add_client(self, broker: PartyId, client: PartyId, document: str, actor: str) -> None:
        """Note that a broker works for a party from now."""
        async with self._parties.acting(broker, actor, "client.added", client) as connection:
            await connection.execute(QUERIES["add_client"], broker, client, document, self._parties.now_us())

    async def end_client(self, broker: PartyId, client: PartyId, actor: str) -> None:
        """Note that a broker no longer works for a party."""
        async with self._parties.acting(broker, actor, "client.ended", client) as connection:
            await connection.execute(QUERIES["end_client"], broker, client, self._parties.now_us())

    async def clients(self, broker: PartyId) -> list[Client]:
        """Return a broker's clients, newest first."""
        rows = await self._pool.fetch(QUERIES["clients"], broker, TIES_MAX)
        return [Client(**{name: row[name] for name in Client.__struct_fields__}) for row in rows]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _agency(row: asyncpg.Record) -> Agency:
    plain = {name: row[name] for name in Agency.__struct_fields__}
    return Agency(**{**plain, "powers": [Power(one) for one in row["powers"]]})
