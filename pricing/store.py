"""Pricing's records in PostgreSQL: append-only, quotes chained by digests. No numbers are crunched here: the gateway reads with it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.evidence.quotes import quote_digest
from engine.journal.follower import Connection
from engine.journal.queries import load_queries
from pricing.integrity.links import Shared
from pricing.observations import EMPTY, Observation, Observed, next_digest, observation_text, read_observation
from pricing.priors.tables import Edit, Priors, edited, packaged_priors
from pricing.quotes import IndexPoint, Quote, Wish, quote_text, read_quote, read_wish, wish_text

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "pricing.sql")
PRICING_MIGRATIONS: Final = Path(__file__).parent / "sql" / "migrations"
PAGE: Final = 5_000
EDITS_MAX: Final = 10_000
CASES_SHOWN: Final = 100
SHARED_BY_MAX: Final = 50
"""What more parties share is a campus or a carrier and ties nobody."""
SHARED_MAX: Final = 5_000
OUTCOMES_SHOWN: Final = 2_000


class StoredQuote(Struct, frozen=True, kw_only=True):
    """A quote as stored. `digest` covers the one before, the wish and the answer."""

    id: str
    number: int
    owner: str
    subject: str
    wish: Wish
    quote: Quote
    body: str
    digest: bytes
    quoted_at_us: int


class Fit(Struct, frozen=True, kw_only=True):
    """A model version: everything that it is a function of, and how it did."""

    number: int
    head: int
    edits: int
    code: str
    seed: int
    metrics: Mapping[str, float | None]
    champion: bool
    fitted_at_us: int


class OutcomeLine(Struct, frozen=True, kw_only=True):
    """What was forecast before an outcome, and what came. `log_price` None: unsold."""

    observation: int
    fit: int
    mode: str
    grade: str
    log_median: float
    log_sd: float
    log_price: float | None
    pit: float | None
    crps: float | None
    winkler: float | None
    covered: bool | None
    quarantined: bool
    at_us: int


class EditLine(Struct, frozen=True, kw_only=True):
    """A change of the tables with who, when and why."""

    number: int
    edit: Edit
    reason: str
    account: str
    at_us: int


class Case(Struct, frozen=True, kw_only=True):
    """A suspicion for people. `verdict` is the newest one, empty while nobody has looked."""

    id: str
    screen: str
    subjects: tuple[str, ...]
    p_value: float
    evidence: tuple[Mapping[str, Any], ...]
    opened_at_us: int
    verdict: str = ""
    reason: str = ""


class Link(Struct, frozen=True, kw_only=True):
    """A party and the digest of something that may tie it to others: `network`, `person` (a telephone), `bank`, `account` (an agent)."""

    kind: str
    digest: bytes
    party: str
    first_at_us: int
    last_at_us: int


class Verdict(Struct, frozen=True, kw_only=True):
    """What a reviewer decided."""

    verdict: str
    reason: str
    account: str
    at_us: int


class PricingStore:
    """All of it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def observations(self, after: int, until: int) -> AsyncIterator[Observed]:
        """Yield observations in order."""
        while after < until:
            rows = await self._pool.fetch(QUERIES["observations"], after, until, PAGE)
            if not rows:
                return
            for row in rows:
                yield Observed(
                    seq=row["seq"], ref=row["ref"], at_us=row["at_us"], observation=read_observation(row["body"])
                )
            after = rows[-1]["seq"]

    async def head(self) -> tuple[int, bytes]:
        """Return the number of observations and the digest of all of them."""
        row = await self._pool.fetchrow(QUERIES["observation_head"])
        return (0, EMPTY) if row is None else (row["seq"], row["digest"])

    async def digest_at(self, head: int) -> bytes:
        """Return the digest of the first `head` observations."""
        return EMPTY if head == 0 else bytes(await self._pool.fetchval(QUERIES["digest_at"], head))

    async def observe(
        self, connection: Connection, found: Sequence[tuple[str, int, Observation]], now_us: int
    ) -> list[Observed]:
        """Add outcomes (ref, instant, observation) within a transaction; those that are there already are passed over."""
        await connection.execute(QUERIES["lock"])
        row = await connection.fetchrow(QUERIES["observation_head"])
        seq, digest = (0, EMPTY) if row is None else (row["seq"], row["digest"])
        added = []
        for ref, at_us, observation in found:
            if await connection.fetchval(QUERIES["has_observation"], ref):
                continue
            text = observation_text(observation)
            seq, digest = seq + 1, next_digest(digest, ref, at_us, text)
            await connection.execute(QUERIES["add_observation"], seq, ref, at_us, text, digest, now_us)
            added.append(Observed(seq=seq, ref=ref, at_us=at_us, observation=observation))
        return added

    async def add(self, found: Sequence[tuple[str, int, Observation]], now_us: int) -> list[Observed]:
        """Add outcomes in a transaction of their own."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await self.observe(connection, found, now_us)

    async def record_fit(
        self, *, head: int, edits: int, code: str, seed: int, metrics: Mapping[str, float | None], champion: bool, now_us: int,
        index: Sequence[IndexPoint] = (),
    ) -> Fit:  # fmt: skip
        """Record a model version with its index of prices."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock"])
            last = await connection.fetchrow(QUERIES["last_fit"])
            number = 1 if last is None else last["number"] + 1
            text = msgspec.json.encode(dict(metrics)).decode()
            await connection.execute(QUERIES["add_fit"], number, head, edits, code, seed, text, champion, now_us)
            rows = [(number, place, *msgspec.structs.astuple(one)) for place, one in enumerate(index)]
            await connection.executemany(QUERIES["add_index_point"], rows)
        return Fit(
            number=number, head=head, edits=edits, code=code, seed=seed, metrics=metrics, champion=champion, fitted_at_us=now_us
        )  # fmt: skip

    async def fit(self, number: int) -> Fit | None:
        """Return a model version."""
        row = await self._pool.fetchrow(QUERIES["fit"], number)
        return None if row is None else _fit(row)

    async def champion(self) -> Fit | None:
        """Return the model version in use."""
        row = await self._pool.fetchrow(QUERIES["champion"])
        return None if row is None else _fit(row)

    async def fits(self, limit: int = 20) -> list[Fit]:
        """Return the newest model versions."""
        return [_fit(row) for row in await self._pool.fetch(QUERIES["fits"], limit)]

    async def index(self) -> list[IndexPoint]:
        """Return the index of prices of the model version in use, oldest quarter first; empty while it knows no deals."""
        return [IndexPoint(**dict(row)) for row in await self._pool.fetch(QUERIES["index_of_champion"])]

    async def keep_quote(self, owner: str, wish: Wish, quote: Quote, now_us: int) -> StoredQuote:
        """Store a quote for ever, chained to the one before."""
        asked, body = wish_text(wish), quote_text(quote)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock"])
            last = await connection.fetchrow(QUERIES["last_quote"])
            number, before = (1, EMPTY) if last is None else (last["number"] + 1, last["digest"])
            digest = quote_digest(before, asked, body)
            quote_id = f"q{secrets.token_hex(8)}"
            await connection.execute(
                QUERIES["add_quote"], number, quote_id, owner, wish.subject, asked, body, before, digest, now_us
            )
        return StoredQuote(
            id=quote_id, number=number, owner=owner, subject=wish.subject, wish=wish, quote=quote, body=body,
            digest=digest, quoted_at_us=now_us,
        )  # fmt: skip

    async def quote(self, quote_id: str) -> StoredQuote | None:
        """Return a stored quote."""
        row = await self._pool.fetchrow(QUERIES["quote"], quote_id)
        return None if row is None else _stored(row)

    async def quotes_of(self, owner: str, before: int = 2**62, limit: int = 30) -> list[tuple[str, int, Quote, int]]:
        """Return (id, number, quote, instant) of a party's quotes, newest first."""
        rows = await self._pool.fetch(QUERIES["quotes_of"], owner, before, limit)
        return [(row["id"], row["number"], read_quote(row["body"]), row["quoted_at_us"]) for row in rows]

    async def quotes_about(self, owner: str, until_us: int, limit: int) -> list[tuple[str, Wish, Quote]]:
        """Return the newest quotes that a party had been given before an instant."""
        rows = await self.raw_quotes_about(owner, until_us, limit)
        return [(row["id"], read_wish(row["wish"]), read_quote(row["body"])) for row in rows]

    async def raw_quotes_about(self, owner: str, until_us: int, limit: int) -> list[asyncpg.Record]:
        """Return the same as they are stored, newest first."""
        return list(await self._pool.fetch(QUERIES["quotes_about"], owner, until_us, limit))

    async def broken_quote(self) -> str | None:
        """Return the id of the first quote whose digest does not fit, None if the whole chain holds."""
        before, after = EMPTY, 0
        while rows := await self._pool.fetch(QUERIES["quotes_page"], after, 200):
            for row in rows:
                fits = row["digest_before"] == before and row["number"] == after + 1
                if not fits or quote_digest(before, row["wish"], row["body"]) != row["digest"]:
                    return str(row["id"])
                before, after = row["digest"], row["number"]
        return None

    async def add_outcome(self, line: OutcomeLine) -> None:
        """Record what was forecast before an outcome and what came; each outcome once."""
        await self._pool.execute(QUERIES["add_outcome"], *msgspec.structs.astuple(line))

    async def outcomes(self, limit: int = OUTCOMES_SHOWN) -> list[OutcomeLine]:
        """Return the newest outcomes."""
        return [OutcomeLine(**dict(row)) for row in await self._pool.fetch(QUERIES["outcomes"], limit)]

    async def edits(self, until: int = 2**62) -> list[EditLine]:
        """Return the changes of the tables, oldest first."""
        rows = await self._pool.fetch(QUERIES["edits"], until, EDITS_MAX)
        return [
            EditLine(
                number=row["number"], edit=msgspec.json.decode(row["body"], type=Edit), reason=row["reason"],
                account=row["account"], at_us=row["at_us"],
            )
            for row in rows
        ]  # fmt: skip

    async def priors(self, until: int = 2**62) -> tuple[Priors, int]:
        """Return the tables as they stand after a number of changes, and how many those are."""
        lines = await self.edits(until)
        packaged = packaged_priors()
        version = packaged.version if not lines else f"{packaged.version}+{lines[-1].number}"
        return edited(packaged, [line.edit for line in lines], version), len(lines)

    async def change_priors(self, edit: Edit, reason: str, account: str, now_us: int) -> int:
        """Record a change of the tables and return its number.

        Raises:
            EditRefused: it names nothing, or is out of bounds.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock"])
            edited((await self.priors())[0], [edit], "check")
            number = int(await connection.fetchval(QUERIES["last_edit"])) + 1
            await connection.execute(
                QUERIES["add_edit"], number, msgspec.json.encode(edit).decode(), reason, account, now_us
            )
        return number

    async def put_cases(self, cases: Sequence[tuple[Case, bool]], now_us: int) -> None:
        """Record what the screens found; `True`: on the list for people."""
        rows = [
            (
                case.id, case.screen, list(case.subjects), case.p_value, msgspec.json.encode(case.evidence).decode(),
                listed, now_us,
            )
            for case, listed in cases
        ]  # fmt: skip
        await self._pool.executemany(QUERIES["put_case"], rows)

    async def cases(self) -> list[Case]:
        """Return the cases on the list, undecided ones first, the strongest first."""
        return [_case(row) for row in await self._pool.fetch(QUERIES["cases"], CASES_SHOWN)]

    async def case(self, case_id: str) -> tuple[Case, list[Verdict]] | None:
        """Return a case with its verdicts."""
        row = await self._pool.fetchrow(QUERIES["case"], case_id)
        if row is None:
            return None
        verdicts = await self._pool.fetch(QUERIES["verdicts"], case_id)
        return _case(row), [Verdict(**dict(line)) for line in verdicts]

    async def put_links(self, links: Sequence[Link], now_us: int, forget_before_us: int) -> None:
        """Record ties; those not seen since an instant are forgotten."""
        lasting = [
            (one.kind, one.digest, one.party, one.first_at_us, one.last_at_us if one.kind == "network" else now_us)
            for one in links
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(QUERIES["put_link"], lasting)
            await connection.execute(QUERIES["forget_links"], forget_before_us)

    async def shared(self) -> tuple[list[Shared], int]:
        """Return what several parties share, and how many parties have a network on record."""
        rows = await self._pool.fetch(QUERIES["shared_links"], SHARED_BY_MAX, SHARED_MAX)
        parties = await self._pool.fetchval(QUERIES["linked_parties"])
        return [Shared(kind=row["kind"], parties=tuple(row["parties"])) for row in rows], int(parties)

    async def decide(self, case_id: str, verdict: str, reason: str, account: str, now_us: int) -> None:
        """Record a reviewer's verdict."""
        await self._pool.execute(QUERIES["add_verdict"], case_id, verdict, reason, account, now_us)

    async def record_decision(self, quote_id: str, body: Mapping[str, Any], account: str, now_us: int) -> None:
        """Record what the decision-makers chose and why."""
        await self._pool.execute(QUERIES["add_decision"], quote_id, msgspec.json.encode(body).decode(), account, now_us)

    async def decisions(self, quote_id: str) -> list[tuple[Mapping[str, Any], str, int]]:
        """Return recorded decisions on a quote: (body, account, instant)."""
        rows = await self._pool.fetch(QUERIES["decisions"], quote_id)
        return [(msgspec.json.decode(row["body"]), row["account"], row["at_us"]) for row in rows]


def _fit(row: asyncpg.Record) -> Fit:
    return Fit(**{**dict(row), "metrics": msgspec.json.decode(row["metrics"])})


def _stored(row: asyncpg.Record) -> StoredQuote:
    return StoredQuote(
        id=row["id"], number=row["number"], owner=row["owner"], subject=row["subject"], wish=read_wish(row["wish"]),
        quote=read_quote(row["body"]), body=row["body"], digest=row["digest"], quoted_at_us=row["quoted_at_us"],
    )  # fmt: skip


def _case(row: asyncpg.Record) -> Case:
    decided = dict(row)
    return Case(
        id=row["id"], screen=row["screen"], subjects=tuple(row["subjects"]), p_value=row["p_value"],
        evidence=tuple(msgspec.json.decode(row["evidence"])), opened_at_us=row["opened_at_us"],
        verdict=decided.get("verdict") or "", reason=decided.get("reason") or "",
    )  # fmt: skip
