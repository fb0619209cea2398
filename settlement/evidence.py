"""The money of a deal in its evidence file: histories of deposits and whole entries of the ledger, and their check without the market."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.evidence.archive import Manifest
from engine.evidence.verification import Finding
from engine.journal.queries import load_queries
from settlement.deposits import store
from settlement.deposits.events import decode_event
from settlement.deposits.evolving import Deposit, evolve
from settlement.ledger.chart import Account
from settlement.ledger.postings import Entry, Fact, Line, Sub

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "evidence.sql")
DEPOSITS_MAX: Final = 5_000
LINES_MAX: Final = 100_000


class DepositHistory(Struct, frozen=True, kw_only=True):
    """A deposit with its whole history as lines of a file."""

    deposit: Deposit
    lines: bytes


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """An entry as a line of a file, and whose money it moves."""

    parties: frozenset[str]
    line: bytes
    number: int
    at_us: int
    fact: str
    amount_fen: int
    """Sum of its debits."""


async def heads_of(pool: asyncpg.Pool, subjects: Sequence[str]) -> list[tuple[str, str]]:
    """Return (deposit, hexadecimal digest of its last event) of the deposits of some subjects: they say whether anything changed."""
    rows = await pool.fetch(QUERIES["deposits_of"], list(subjects), DEPOSITS_MAX)
    return [(row["id"], row["digest"].hex()) for row in rows]


async def deposit_histories(pool: asyncpg.Pool, subjects: Sequence[str], party: str = "") -> list[DepositHistory]:
    """Return the deposits of some subjects; with a party only its own."""
    found = []
    for row in await pool.fetch(QUERIES["deposits_of"], list(subjects), DEPOSITS_MAX):
        if party and row["party"] != party:
            continue
        deposit: Deposit | None = None
        lines = []
        for event in await pool.fetch(QUERIES["deposit_events"], row["id"]):
            deposit = evolve(deposit, decode_event(event["type"], event["body"]), row["id"])
            lines.append(
                canonical_bytes(
                    {
                        "deposit": row["id"], "seq": event["seq"], "type": event["type"], "at_us": event["at_us"],
                        "actor": event["actor"], "body": event["body"].decode(), "digest": event["digest"].hex(),
                    }
                )
                + b"\n"
            )  # fmt: skip
        if deposit is not None:
            found.append(DepositHistory(deposit=deposit, lines=b"".join(lines)))
    return found


async def ledger_entries(pool: asyncpg.Pool, subjects: Sequence[str], deposits: Sequence[str]) -> list[LedgerEntry]:
    """Return the entries of some subjects and deposits, oldest first."""
    grouped: dict[int, list[asyncpg.Record]] = {}
    for row in await pool.fetch(QUERIES["entries_about"], list(subjects), list(deposits), LINES_MAX):
        grouped.setdefault(row["number"], []).append(row)
    return [_entry(rows) for rows in grouped.values()]


def _entry(rows: list[asyncpg.Record]) -> LedgerEntry:
    head = rows[0]
    plain = {
        "number": head["number"], "key": head["entry_key"], "fact": head["fact"], "at_us": head["at_us"],
        "subject": head["subject"], "note": head["note"], "digest": head["digest"].hex(),
        "lines": [
            [row["account"], row["party"], row["deposit"], row["deal"], row["reference"], str(row["amount_fen"])]
            for row in rows
        ],
    }  # fmt: skip
    return LedgerEntry(
        parties=frozenset(row["party"] for row in rows if row["party"]), line=canonical_bytes(plain) + b"\n",
        number=head["number"], at_us=head["at_us"], fact=head["fact"],
        amount_fen=sum(row["amount_fen"] for row in rows if row["amount_fen"] > 0),
    )  # fmt: skip


def deposit_problem(lines: Iterable[bytes]) -> str | None:
    """Return what is wrong with the history of a deposit, naming the line; None if it is chained and can have happened."""
    deposit: Deposit | None = None
    digest, name = b"", ""
    for number, line in enumerate(lines, start=1):
        try:
            plain = msgspec.json.decode(line, type=dict[str, Any])
            if number == 1:
                name, digest = plain["deposit"], store.first_digest(plain["deposit"])
            body = plain["body"].encode()
            digest = store.event_digest(digest, name, number, plain["type"], plain["at_us"], plain["actor"], body)
            if plain["deposit"] != name or plain["seq"] != number or plain["digest"] != digest.hex():
                return f"line {number}: event {number} was changed or is missing"
            deposit = evolve(deposit, decode_event(plain["type"], body), name)
        except Exception as error:  # whatever a forged line makes the decoder or the rules say, it is this line's fault
            return f"line {number}: cannot have happened ({type(error).__name__})"
    return None


def ledger_problem(lines: Iterable[bytes]) -> str | None:
    """Return what is wrong with entries of the ledger, naming the line; None if each balances and is what was posted."""
    for number, line in enumerate(lines, start=1):
        try:
            plain = msgspec.json.decode(line, type=dict[str, Any])
            parts = tuple(
                Line(Sub(Account(account), party, deposit, deal, reference), int(fen))
                for account, party, deposit, deal, reference, fen in plain["lines"]
            )
            entry = Entry(key=plain["key"], fact=Fact(plain["fact"]), lines=parts, subject=plain["subject"])
            if sum(part.amount_fen for part in parts) or entry.digest.hex() != plain["digest"]:
                return f"line {number}: the entry does not balance or is not what was posted"
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            return f"line {number}: cannot be read ({type(error).__name__})"
    return None


def money_findings(path: Path, manifest: Manifest) -> list[Finding]:
    """Return what is wrong with the money in an evidence file, each with its place.

    Args:
        path: The file.
        manifest: Already checked; only members that it names are read.
    """
    found = []
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        for member in manifest.members:
            check = deposit_problem if member.name.startswith("deposits/") else None
            check = ledger_problem if member.name == "ledger.jsonl" else check
            if check is None or member.name not in names:
                continue
            try:
                with archive.open(member.name) as lines:
                    problem = check(lines)
            except (zipfile.BadZipFile, OSError):
                continue  # its bytes are not those of the manifest: named there already
            if problem is not None:
                found.append(Finding(member.name, problem))
    return found
