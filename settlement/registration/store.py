"""Registrations in PostgreSQL: an act, its events, its documents and its message to the feed are one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.journal.queries import load_queries
from settlement import registry
from settlement.ledger.book import Connection
from settlement.registration import acts as a
from settlement.registration import events as e
from settlement.registration.deciding import NotDone, Refusal, decide
from settlement.registration.evolving import Registration, evolve
from settlement.registration.feed.outbox import MessageKind, enqueue
from settlement.registry import Asked, KeyReused

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "registrations.sql")
_REGISTRATION: Final = msgspec.json.Decoder(Registration)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_TOLD: Final[Mapping[type[Any], MessageKind]] = {
    e.Submitted: MessageKind.SUBMITTED, e.Registered: MessageKind.REGISTERED, e.Changed: MessageKind.CHANGED,
    e.Cancelled: MessageKind.CANCELLED, e.Revoked: MessageKind.REVOKED,
}  # fmt: skip
"""Events that an outside system is told."""


class Done(Struct, frozen=True):
    """What an act did. `repeated`: it had been done before, under the same key."""

    registration: Registration
    events: tuple[e.Event, ...] = ()
    repeated: bool = False


class Documents(Struct, frozen=True, kw_only=True):
    """What is written with an act."""

    package: Callable[[Registration], bytes] | None = None
    """Makes the package of the registration as it is after the act."""
    certificate: bytes = b""
    """The certificate that an outside system sent."""


Outcome = Done | NotDone


class Shelf:
    """The rows and histories of registrations."""

    def __init__(self, pool: asyncpg.Pool, *, push: bool) -> None:
        self.pool = pool
        self.push = push

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
        self,
        registration_id: str,
        act: a.Act,
        asked: Asked,
        documents: Documents = Documents(),  # frozen
        on: Connection | None = None,
    ) -> Outcome:
        """Do one act on one registration, or say why not."""
        try:
            async with self.transaction(on) as connection:
                return await self._act(connection, registration_id, act, asked, documents)
        except KeyReused:
            return NotDone(Refusal.KEY_REUSED)
        except asyncpg.UniqueViolationError as taken:
            if taken.constraint_name == "registration_number":
                return NotDone(Refusal.NUMBER_TAKEN)
            if taken.constraint_name == "registration_deal":
                return NotDone(Refusal.REGISTRATION_EXISTS)
            raise

    async def _act(
        self, connection: Connection, registration_id: str, act: a.Act, asked: Asked, documents: Documents
    ) -> Outcome:
        await connection.execute(QUERIES["lock_name"], registration_id)
        row = await connection.fetchrow(QUERIES["lock"], registration_id)
        before = None if row is None else _REGISTRATION.decode(row["body"])
        stream = stream_of(registration_id)
        if await registry.was_done(connection, stream, act, asked.key):
            assert before is not None, "a history has a row"
            return Done(before, repeated=True)
        decision = decide(before, act, asked.actor, asked.at_us)
        if isinstance(decision, NotDone):
            return decision
        after, digest = before, registry.first_digest(stream) if row is None else row["digest"]
        for place, event in enumerate(decision):
            after = evolve(after, event, registration_id, asked.at_us)
            written = e.encode_event(event)
            digest = await registry.append(
                connection, stream, after.seq, digest, written, asked, act if place == 0 else None
            )
        assert after is not None, "the first act makes an event"
        if decision:
            await self._keep(connection, after, digest, asked.at_us)
            await self._write_documents(connection, after, decision, documents, asked.at_us)
        return Done(after, decision)

    async def _keep(self, connection: Connection, after: Registration, digest: bytes, at_us: int) -> None:
        await connection.execute(
            QUERIES["keep"], after.id, after.seq, after.state.value, after.deal, after.contract_id, after.applicant, after.region,
            after.kind, after.total_fen, after.technical_fen, after.number or None, after.due_at_us if after.clock_runs else 0,
            after.due_certain, at_us, after.registered_at_us, _ENCODER.encode(after), digest,
        )  # fmt: skip

    async def _write_documents(
        self, connection: Connection, after: Registration, events: tuple[e.Event, ...], documents: Documents, at_us: int
    ) -> None:
        package = b""
        if documents.package is not None:
            package = documents.package(after)
            await self._keep_document(connection, after, "package", package, at_us)
        if documents.certificate:
            await self._keep_document(connection, after, "certificate", documents.certificate, at_us)
        for event in events:
            kind = _TOLD.get(type(event))
            if kind is not None and not (isinstance(event, e.Registered) and event.outside):
                await enqueue(connection, kind, after, package, at_us, push=self.push)

    async def _keep_document(
        self, connection: Connection, after: Registration, kind: str, body: bytes, at_us: int
    ) -> None:
        await connection.execute(
            QUERIES["keep_document"], after.id, kind, after.revision, body, sha256(body).digest(), at_us
        )

    async def keep_certificate(self, registration: Registration, pdf: bytes, at_us: int) -> bytes:
        """Keep a certificate that was just made, unless another process kept one; return the one that counts."""
        async with self.transaction(None) as connection:
            await self._keep_document(connection, registration, "certificate", pdf, at_us)
        kept = await self.document(registration.id, "certificate", registration.revision)
        assert kept is not None, "it was kept just now"
        return kept

    async def document(self, registration_id: str, kind: str, revision: int) -> bytes | None:
        """Return a kept document."""
        body: bytes | None = await self.pool.fetchval(QUERIES["document"], registration_id, kind, revision)
        return body

    async def read(self, registration_id: str, on: Connection | None = None) -> Registration | None:
        """Return a registration."""
        body = await (on or self.pool).fetchval(QUERIES["read"], registration_id)
        return None if body is None else _REGISTRATION.decode(body)

    async def find(self, query: str, value: str) -> Registration | None:
        """Return a registration by `of_deal` or `of_number`."""
        body = await self.pool.fetchval(QUERIES[query], value)
        return None if body is None else _REGISTRATION.decode(body)


def registration_of(row: asyncpg.Record) -> Registration:
    """Return a stored registration."""
    return _REGISTRATION.decode(row["body"])


def stream_of(registration_id: str) -> str:
    """Return the name of a registration's history."""
    return f"registration/{registration_id}"


def registration_id_of(deal: str) -> str:
    """Return the id of the registration of a deal."""
    return f"R-{deal}"
