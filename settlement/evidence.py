"""What settlement holds of a deal, in its evidence file: histories of deposits, of the deal's course, its contract and registration,
whole entries of the ledger, documents; and their check without the market.

Histories are chained without salts, so one is given whole or not at all: staff get all of them; a buyer his deposit, the deal and its
contract; a seller contract and registration. Of the deal's course a seller gets the steps (`Step`) and not the records, which name the
buyer's bank accounts.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.evidence.archive import Manifest
from engine.evidence.verification import Finding
from engine.journal.queries import load_queries
from settlement import registry
from settlement.contracts import life
from settlement.contracts import store as contracts
from settlement.deals import evolving as deal_course
from settlement.deals import store as deals
from settlement.deals.events import decode_event as deal_event
from settlement.deposits import evolving as deposit_course
from settlement.deposits import store as deposits
from settlement.deposits.events import decode_event as deposit_event
from settlement.ledger.chart import Account
from settlement.ledger.postings import Entry, Fact, Line, Sub
from settlement.registration import evolving as registration_course
from settlement.registration import store as registrations
from settlement.registration.events import decode_event as registration_event

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "evidence.sql")
ROWS_MAX: Final = 5_000
LINES_MAX: Final = 100_000
DOCUMENTS_MAX: Final = 200


class Kind(StrEnum):
    """What a history is about; also the folder of its file."""

    DEPOSIT = "deposits"
    DEAL = "deals"
    CONTRACT = "contracts"
    REGISTRATION = "registrations"


class Reader(Struct, frozen=True):
    """For whom a file is made. `party` is empty for staff, who get everything."""

    party: str = ""
    sells: bool = False


class Step(Struct, frozen=True):
    """One event of a history without its content."""

    kind: Kind
    id: str
    seq: int
    at_us: int
    type: str


class History(Struct, frozen=True, kw_only=True):
    """A history: its steps, and the lines of its file where this reader gets the records."""

    kind: Kind
    id: str
    steps: tuple[Step, ...]
    lines: bytes | None


class Document(Struct, frozen=True, kw_only=True):
    """A paper of the deal. `body` None: it is named by its digest only."""

    about: str
    kind: str
    digest: str
    at_us: int
    body: bytes | None = None


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """An entry as a line of a file, and whose money it moves."""

    parties: frozenset[str]
    line: bytes
    number: int
    at_us: int
    fact: str
    amount_fen: int
    """Sum of its debits."""


class Found(Struct, frozen=True, kw_only=True):
    """What there is of a deal: (kind, id, hexadecimal head, whether the reader gets the records), and the ids of its deals."""

    heads: tuple[tuple[Kind, str, str, bool], ...]
    deals: tuple[str, ...]

    def ids(self, kind: Kind) -> list[str]:
        """Return the ids of one kind."""
        return [one for found, one, _, _ in self.heads if found is kind]


async def find(pool: asyncpg.Pool, streams: Sequence[str], reader: Reader) -> Found:
    """Return what there is about some streams of the journal that this reader may know of."""
    staff, own = not reader.party, reader.party
    heads: list[tuple[Kind, str, str, bool]] = []
    rows = await pool.fetch(QUERIES["deposits_of"], list(streams), ROWS_MAX)
    heads += [(Kind.DEPOSIT, row["id"], row["digest"].hex(), True) for row in rows if staff or row["party"] == own]
    rows = [
        row for row in await pool.fetch(QUERIES["deals_of"], list(streams), ROWS_MAX) if staff or own in row["parties"]
    ]
    heads += [(Kind.DEAL, row["id"], row["digest"].hex(), staff or not reader.sells) for row in rows]
    own_deals = [row["id"] for row in rows]
    for row in await pool.fetch(QUERIES["contracts_of"], own_deals, ROWS_MAX):
        heads += [(Kind.CONTRACT, row["id"], row["digest"].hex(), staff or own in (row["seller"], row["buyer"]))]
    for row in await pool.fetch(QUERIES["registrations_of"], own_deals, ROWS_MAX):
        heads += [(Kind.REGISTRATION, row["id"], row["digest"].hex(), staff or own == row["applicant"])]
    return Found(heads=tuple(heads), deals=tuple(own_deals))


async def histories(pool: asyncpg.Pool, found: Found) -> list[History]:
    """Return the histories that were found."""
    return [await _history(pool, kind, one, opened=opened) for kind, one, _, opened in found.heads]


async def _history(pool: asyncpg.Pool, kind: Kind, one: str, *, opened: bool) -> History:
    if kind in (Kind.CONTRACT, Kind.REGISTRATION):
        rows = await pool.fetch(QUERIES["registry_events"], _CHAINS[kind].name(one))
    else:
        rows = await pool.fetch(QUERIES["deposit_events" if kind is Kind.DEPOSIT else "deal_events"], one)
    lines = None
    if opened:
        lines = b"".join(
            canonical_bytes(
                {
                    "of": one, "seq": row["seq"], "type": row["type"], "at_us": row["at_us"], "actor": row["actor"],
                    "body": row["body"].decode(), "digest": row["digest"].hex(),
                }
            )
            + b"\n"
            for row in rows
        )  # fmt: skip
    steps = tuple(Step(kind, one, row["seq"], row["at_us"], row["type"]) for row in rows)
    return History(kind=kind, id=one, steps=steps, lines=lines)


async def documents(pool: asyncpg.Pool, found: Found) -> list[Document]:
    """Return the papers of the deals, which both sides read, with their bytes; those of registrations by their digests."""
    rows = await pool.fetch(QUERIES["deal_documents"], list(found.deals), DOCUMENTS_MAX)
    papers = [
        Document(about=row["deal"], kind=row["kind"], digest=row["digest"], at_us=row["at_us"], body=row["body"])
        for row in rows
    ]
    opened = [one for kind, one, _, opened in found.heads if kind is Kind.REGISTRATION and opened]
    for row in await pool.fetch(QUERIES["registration_documents"], opened, DOCUMENTS_MAX):
        kind = f"registration_{row['kind']}"
        papers.append(Document(about=row["registration"], kind=kind, digest=row["digest"].hex(), at_us=row["at_us"]))
    return papers


async def ledger_entries(pool: asyncpg.Pool, streams: Sequence[str], found: Found, reader: Reader) -> list[LedgerEntry]:
    """Return the entries about some streams and what was found of them, oldest first; a party gets those that move nobody else's money."""
    grouped: dict[int, list[asyncpg.Record]] = {}
    about = (list(streams), found.ids(Kind.DEPOSIT), list(found.deals))
    for row in await pool.fetch(QUERIES["entries_about"], *about, LINES_MAX):
        grouped.setdefault(row["number"], []).append(row)
    entries = [_entry(rows) for rows in grouped.values()]
    return [entry for entry in entries if not reader.party or entry.parties <= {reader.party}]


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


class _Course(Struct, frozen=True, kw_only=True):
    """How a kind of history is chained and what its rules make of an event."""

    name: Callable[[str], str]
    """What stands in the chain for an id."""
    first: Callable[[str], bytes]
    chain: Callable[[bytes, str, int, str, int, str, bytes], bytes]
    evolve: Callable[[Any, str, bytes, str, int], Any]
    """(state before, event's name, body, id, instant) -> state after."""


_CHAINS: Final = {
    Kind.DEPOSIT: _Course(
        name=str, first=deposits.first_digest, chain=deposits.event_digest,
        evolve=lambda state, name, body, one, _: deposit_course.evolve(state, deposit_event(name, body), one),
    ),
    Kind.DEAL: _Course(
        name=str, first=deals.first_digest, chain=deals.event_digest,
        evolve=lambda state, name, body, _, at_us: deal_course.evolve(state, deal_event(name, body), at_us),
    ),
    Kind.CONTRACT: _Course(
        name=contracts.stream_of, first=registry.first_digest, chain=registry.event_digest,
        evolve=lambda state, name, body, one, _: life.evolve(state, life.decode_event(name, body), one),
    ),
    Kind.REGISTRATION: _Course(
        name=registrations.stream_of, first=registry.first_digest, chain=registry.event_digest,
        evolve=lambda state, name, body, one, at_us: registration_course.evolve(
            state, registration_event(name, body), one, at_us
        ),
    ),
}  # fmt: skip


def history_problem(kind: Kind, lines: Iterable[bytes]) -> str | None:
    """Return what is wrong with a history, naming the line; None if it is chained and can have happened."""
    course, state, digest, one = _CHAINS[kind], None, b"", ""
    for number, line in enumerate(lines, start=1):
        try:
            plain = msgspec.json.decode(line, type=dict[str, Any])
            if number == 1:
                one, digest = plain["of"], course.first(course.name(plain["of"]))
            name, at_us, body = plain["type"], plain["at_us"], plain["body"].encode()
            digest = course.chain(digest, course.name(one), number, name, at_us, plain["actor"], body)
            if plain["of"] != one or plain["seq"] != number or plain["digest"] != digest.hex():
                return f"line {number}: event {number} was changed or is missing"
            state = course.evolve(state, name, body, one, at_us)
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


def settlement_findings(path: Path, manifest: Manifest) -> list[Finding]:
    """Return what is wrong with settlement's part of an evidence file, each with its place.

    Args:
        path: The file.
        manifest: Already checked; only members that it names are read.
    """
    found = []
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        for member in manifest.members:
            folder = member.name.partition("/")[0]
            if member.name not in names or (member.name != "ledger.jsonl" and folder not in set(Kind)):
                continue
            try:
                with archive.open(member.name) as lines:
                    problem = (
                        ledger_problem(lines) if folder == "ledger.jsonl" else history_problem(Kind(folder), lines)
                    )
            except (zipfile.BadZipFile, OSError):
                continue  # its bytes are not those of the manifest: named there already
            if problem is not None:
                found.append(Finding(member.name, problem))
    return found
