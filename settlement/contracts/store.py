"""Contracts in PostgreSQL: an act and its event are one transaction; the history holds every version."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.journal.queries import load_queries
from settlement import registry
from settlement.contracts import life
from settlement.contracts.facts import ContractFacts, Profile
from settlement.contracts.life import Contract, ContractChanged, ContractDrafted, ContractRefusal, NotDone
from settlement.ledger.book import Connection
from settlement.registry import Asked, KeyReused

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "contracts.sql")
_CONTRACT: Final = msgspec.json.Decoder(Contract)
_PROFILE: Final = msgspec.json.Decoder(Profile)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
PAGE_MAX: Final = 200


class Version(Struct, frozen=True, kw_only=True):
    """One version of a contract's text."""

    version: int
    at_us: int
    actor: str
    kind: str
    """`contract.drafted` or `contract.changed`."""
    text: str
    reason: str
    facts: ContractFacts


class Contracts:
    """All contracts of the market, and what parties said about themselves once."""

    def __init__(self, pool: asyncpg.Pool, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000) -> None:
        self.pool = pool
        self.now_us = now_us

    @asynccontextmanager
    async def transaction(self, on: Connection | None) -> AsyncIterator[Connection]:
        """Yield a connection in a transaction: the given one in a savepoint, or a new one."""
        if on is not None:
            async with on.transaction():
                yield on
            return
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def act(
        self, contract_id: str, act: life.Act, *, actor: str, key: str | None = None, on: Connection | None = None
    ) -> Contract | NotDone:
        """Do one act on one contract and return it, or say why not. The same key again changes nothing."""
        asked = Asked(at_us=self.now_us(), actor=actor, key=key)
        try:
            async with self.transaction(on) as connection:
                return await self._act(connection, contract_id, act, asked)
        except KeyReused:
            return NotDone(ContractRefusal.KEY_REUSED)

    async def _act(self, connection: Connection, contract_id: str, act: life.Act, asked: Asked) -> Contract | NotDone:
        await connection.execute(QUERIES["lock_name"], contract_id)
        row = await connection.fetchrow(QUERIES["lock"], contract_id)
        before = None if row is None else _CONTRACT.decode(row["body"])
        stream = stream_of(contract_id)
        if await registry.was_done(connection, stream, act, asked.key):
            assert before is not None, "a history has a row"
            return before
        decision = life.decide(before, act)
        if isinstance(decision, NotDone):
            return decision
        contract, digest = before, registry.first_digest(stream) if row is None else row["digest"]
        for place, event in enumerate(decision):
            contract = life.evolve(contract, event, contract_id)
            digest = await registry.append(
                connection, stream, contract.seq, digest, life.encode_event(event), asked, act if place == 0 else None
            )
        assert contract is not None, "an act on no contract is refused or makes one"
        if decision:
            facts = contract.facts
            await connection.execute(
                QUERIES["keep"], contract_id, contract.seq, contract.state.value, facts.deal, facts.seller.party_id,
                facts.buyer.party_id, facts.kind, contract.version, asked.at_us, _ENCODER.encode(contract), digest,
            )  # fmt: skip
        return contract

    async def read(self, contract_id: str, on: Connection | None = None) -> Contract | None:
        """Return a contract."""
        body = await (on or self.pool).fetchval(QUERIES["read"], contract_id)
        return None if body is None else _CONTRACT.decode(body)

    async def of_deal(self, deal: str) -> Contract | None:
        """Return the contract of a deal."""
        body = await self.pool.fetchval(QUERIES["of_deal"], deal)
        return None if body is None else _CONTRACT.decode(body)

    async def of_party(self, party_id: str, after: str = "", limit: int = 50) -> list[Contract]:
        """Return a page of the contracts in which a party is a side, by id."""
        rows = await self.pool.fetch(QUERIES["of_party"], party_id, after, max(1, min(limit, PAGE_MAX)))
        return [_CONTRACT.decode(row["body"]) for row in rows]

    async def versions(self, contract_id: str) -> list[Version]:
        """Return every version of the text, oldest first."""
        found = []
        for line in await registry.history(self.pool, stream_of(contract_id), limit=registry.HISTORY_PAGE):
            event = life.decode_event(line.type, line.body)
            if isinstance(event, ContractDrafted | ContractChanged):
                found.append(
                    Version(
                        version=event.version, at_us=line.at_us, actor=line.actor, kind=line.type, text=event.text,
                        reason=event.reason if isinstance(event, ContractChanged) else "", facts=event.facts,
                    )
                )  # fmt: skip
        return found

    async def profile(self, party_id: str) -> Profile:
        """Return what a party said about itself for the form; empty if it never did."""
        body = await self.pool.fetchval(QUERIES["profile"], party_id)
        return Profile() if body is None else _PROFILE.decode(body)

    async def keep_profile(self, party_id: str, profile: Profile, *, actor: str, on: Connection | None = None) -> None:
        """Keep it for the party's next contract, too."""
        await (on or self.pool).execute(
            QUERIES["keep_profile"], party_id, _ENCODER.encode(profile), actor, self.now_us()
        )


def stream_of(contract_id: str) -> str:
    """Return the name of a contract's history."""
    return f"contract/{contract_id}"


def contract_id_of(deal: str) -> str:
    """Return the id of the contract of a deal."""
    return f"C-{deal}"
