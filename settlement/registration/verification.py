"""What must hold of contracts and registrations at any instant: read from the database alone, for `ortoo verify` and for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.evidence.verification import Finding
from settlement import registry
from settlement.contracts import life, store
from settlement.ledger.book import Connection
from settlement.registration import events
from settlement.registration.evolving import IllegalTransition, Registration, evolve
from settlement.registration.store import QUERIES, registration_of, stream_of
from settlement.registry import Line

PAGE: Final = 500


class RegistryVerdict(Struct):
    """What was looked at and what is wrong."""

    findings: list[Finding]
    contracts: int = 0
    registrations: int = 0
    events: int = 0


async def verify_registry(pool: asyncpg.Pool) -> RegistryVerdict:
    """Check that every history is chained, can have happened, and ends in its row; that kept documents are as they were kept.

    One snapshot of the database, so that a running market changes nothing meanwhile.
    """
    verdict = RegistryVerdict([])
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await _walk(connection, store.QUERIES["page_for_checking"], verdict, _contract)
        await _walk(connection, QUERIES["page_for_checking"], verdict, _registration)
        for row in await connection.fetch(QUERIES["documents_for_checking"]):
            place = f"{row['kind']} {row['revision']} of {row['registration']}"
            verdict.findings.append(Finding(place, "the bytes are not those that were kept"))
        for row in await connection.fetch(registry.QUERIES["lost_histories"]):
            verdict.findings.append(Finding(row["stream"], "there is a history and no row"))
    return verdict


_Check = Callable[[asyncpg.Record, list[Line], RegistryVerdict], str]


async def _walk(connection: Connection, query: str, verdict: RegistryVerdict, check: _Check) -> None:
    last = ""
    while rows := await connection.fetch(query, last, PAGE):
        for row in rows:
            stream = store.stream_of(row["id"]) if check is _contract else stream_of(row["id"])
            lines = await _lines(connection, stream)
            verdict.events += len(lines)
            problem = registry.chain_problem(stream, lines, row["digest"]) or check(row, lines, verdict)
            if problem:
                verdict.findings.append(Finding(stream, problem))
        last = rows[-1]["id"]


async def _lines(connection: Connection, stream: str) -> list[Line]:
    lines: list[Line] = []
    while page := await registry.history(connection, stream, len(lines), registry.HISTORY_PAGE):
        lines += page
    return lines


def _contract(row: asyncpg.Record, lines: list[Line], verdict: RegistryVerdict) -> str:
    verdict.contracts += 1
    contract: life.Contract | None = None
    for line in lines:
        try:
            contract = life.evolve(contract, life.decode_event(line.type, line.body), row["id"])
        except (ValueError, KeyError, msgspec.MsgspecError) as damage:
            return f"event {line.seq} cannot have happened: {damage}"
    kept = msgspec.json.decode(row["body"], type=life.Contract)
    same = contract == kept and (row["seq"], row["state"]) == (kept.seq, kept.state.value)
    return "" if same else "the row is not what its history says"


def _registration(row: asyncpg.Record, lines: list[Line], verdict: RegistryVerdict) -> str:
    verdict.registrations += 1
    registration: Registration | None = None
    for line in lines:
        try:
            registration = evolve(registration, events.decode_event(line.type, line.body), row["id"], line.at_us)
        except (IllegalTransition, KeyError, msgspec.MsgspecError) as damage:
            return f"event {line.seq} cannot have happened: {damage}"
    kept = registration_of(row)
    columns: dict[str, Any] = {
        "seq": kept.seq,
        "state": kept.state.value,
        "number": kept.number or None,
        "total_fen": kept.total_fen,
        "technical_fen": kept.technical_fen,
        "due_at_us": kept.due_at_us if kept.clock_runs else 0,
    }
    same = registration == kept and all(row[name] == value for name, value in columns.items())
    return "" if same else "the row is not what its history says"
