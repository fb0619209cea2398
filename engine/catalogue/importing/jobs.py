"""Import jobs: a file is taken, checked without effect, reported line by line, then brought in as its owner chooses.

An institution's file (at most 5,000 rows) goes in as drafts in one transaction. An operator's load goes in as published versions,
portion by portion; each portion and the count of rows done are one transaction, so that a process that dies goes on where it stood.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.achievements.versions import AchievementId, body_of, first_digest, version_digest
from engine.catalogue.importing.reading import (
    BULK_BYTES_MAX,
    BULK_ROWS_MAX,
    BYTES_MAX,
    ROWS_MAX,
    FileUnusable,
    rows_of,
)
from engine.catalogue.importing.rows import Line, LineProblem, read_row
from engine.catalogue.search.notices import NewNotice, tell
from engine.journal.queries import load_queries
from engine.values import PartyId

PORTION: Final = 250
"""Rows of one transaction of a load; also how often progress is told."""
PROBLEMS_MAX: Final = 2_000
"""Lines of a report; a file with more is wrong as a whole."""
UNFINISHED_MAX: Final = 5
"""Jobs of a party that are not over."""
PAGE_MAX: Final = 200
NAME_MAX: Final = 120
PAUSE_S: Final = 2.0
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")

log = logging.getLogger(__name__)


class Target(StrEnum):
    """What rows become."""

    DRAFT = "draft"
    PUBLISH = "publish"
    """Public at once: operators only, for records that were checked elsewhere."""


class JobState(StrEnum):
    """Where a job stands."""

    CHECKING = "CHECKING"
    CHECKED = "CHECKED"
    """The report is there; the owner chooses."""
    IMPORTING = "IMPORTING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Choice(StrEnum):
    """What to do about bad rows."""

    ALL = "all"
    """All rows or none."""
    GOOD = "good"
    """The good rows only."""


class ImportRefused(Exception):
    """`why`: `too_large`, `too_many_jobs`, `empty`, `state`, `bad_rows`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Job(Struct, frozen=True, kw_only=True):
    """A job as its owner sees it."""

    id: str
    party: PartyId
    account: str
    name: str
    target: Target
    choice: str
    state: JobState
    failure: str
    rows_total: int
    rows_good: int
    rows_done: int
    rows_in: int
    created_at_us: int
    changed_at_us: int

    @property
    def is_moving(self) -> bool:
        """Something is being done: look again soon."""
        return self.state in (JobState.CHECKING, JobState.IMPORTING)


class Imports:
    """All jobs, and the one worker of this process."""

    def __init__(
        self, pool: asyncpg.Pool, directory: Path, now_us: Callable[[], int] = lambda: time.time_ns() // 1_000
    ) -> None:
        self._pool = pool
        self._directory = directory
        self._now_us = now_us
        self._wake = asyncio.Event()

    async def take(
        self, party: PartyId, account: str, name: str, chunks: AsyncIterator[bytes], target: Target = Target.DRAFT
    ) -> tuple[Job, bool]:
        """Keep a file and begin to check it; return its job, and whether it is a new one: the same file is the same job.

        Raises:
            ImportRefused: TOO_LARGE, EMPTY, or the party has too many jobs that are not over.
        """
        limit = BYTES_MAX if target is Target.DRAFT else BULK_BYTES_MAX
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._directory / f"{secrets.token_hex(8)}.part"
        digest, size = hashlib.sha256(), 0
        try:
            with partial.open("xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise ImportRefused("too_large")
                    digest.update(chunk)
                    file.write(chunk)
            if not size:
                raise ImportRefused("empty")
            return await self._open(party, account, name, partial, (digest.digest(), size), target)
        finally:
            partial.unlink(missing_ok=True)

    async def _open(
        self, party: PartyId, account: str, name: str, partial: Path, content: tuple[bytes, int], target: Target
    ) -> tuple[Job, bool]:
        job_id = "imp-" + secrets.token_hex(6)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUERIES["lock_party"], party)
            same = await connection.fetchrow(_QUERIES["same_file"], party, content[0], target.value)
            if same is not None:
                return _job(same), False
            if await connection.fetchval(_QUERIES["count_unfinished"], party) >= UNFINISHED_MAX:
                raise ImportRefused("too_many_jobs")
            name = "".join(c for c in name if c.isprintable())[-NAME_MAX:]
            await connection.execute(
                _QUERIES["open_job"], job_id, party, account, name, *content, target.value, self._now_us()
            )
            partial.rename(self._path(job_id))
            row = await connection.fetchrow(_QUERIES["read"], job_id)
            assert row is not None, "it was just put there"
        self._wake.set()
        return _job(row), True

    async def read(self, job_id: str) -> Job | None:
        """Return a job."""
        row = await self._pool.fetchrow(_QUERIES["read"], job_id)
        return None if row is None else _job(row)

    async def of_party(self, party: PartyId, limit: int = 50) -> list[Job]:
        """Return the newest jobs of a party."""
        rows = await self._pool.fetch(_QUERIES["of_party"], party, -(2**62), "", min(limit, PAGE_MAX))
        return [_job(row) for row in rows]

    async def problems(self, job_id: str, after: int = -1, limit: int = 100) -> list[tuple[int, LineProblem]]:
        """Return lines of the report with their places, after a place."""
        rows = await self._pool.fetch(_QUERIES["problems"], job_id, after, max(1, min(limit, PAGE_MAX)))
        return [
            (row["place"], LineProblem(row["line"], row["column_key"], row["code"], row["value"], row["blocking"]))
            for row in rows
        ]

    async def start(self, job_id: str, choice: Choice) -> None:
        """Bring in what was checked.

        Raises:
            ImportRefused: it is not checked yet, or was started; or all rows are wanted and some are bad.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_QUERIES["lock"], job_id)
            if row is None or row["state"] != JobState.CHECKED:
                raise ImportRefused("state")
            wanted = row["rows_total"] if choice is Choice.ALL else 1
            if row["rows_good"] < max(1, wanted):
                raise ImportRefused("bad_rows")
            await connection.execute(_QUERIES["start"], job_id, choice.value, self._now_us())
        self._wake.set()

    async def cancel(self, job_id: str) -> None:
        """Call a job off before it is brought in.

        Raises:
            ImportRefused: too late.
        """
        if await self._pool.fetchval(_QUERIES["cancel"], job_id, self._now_us()) is None:
            raise ImportRefused("state")
        self._path(job_id).unlink(missing_ok=True)

    async def follow(self) -> None:
        """Work on jobs for ever."""
        while True:
            self._wake.clear()
            try:
                while await self.work():
                    pass
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                log.warning("imports_stand_still", exc_info=True)
            try:
                async with asyncio.timeout(PAUSE_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def work(self) -> bool:
        """Do the oldest job that waits; False if none does, or another process is at it."""
        job_id = await self._pool.fetchval(_QUERIES["next_job"])
        if job_id is None:
            return False
        async with self._pool.acquire() as guard:
            # A lock of the connection: it is free again when this process dies.
            if not await guard.fetchval(
                "SELECT pg_try_advisory_lock(hashtextextended('import-job/' || $1, 0))", job_id
            ):
                return False
            try:
                job = await self.read(job_id)
                if job is not None and job.is_moving:
                    await self._do(job)
            finally:
                await guard.execute("SELECT pg_advisory_unlock_all()")
        return True

    async def _do(self, job: Job) -> None:
        try:
            if job.state is JobState.CHECKING:
                await self._check(job)
            else:
                await self._bring_in(job)
        except (FileUnusable, FileNotFoundError) as damage:
            code = damage.code if isinstance(damage, FileUnusable) else "gone"
            await self._pool.execute(_QUERIES["fail"], job.id, code, self._now_us())
        state = await self._pool.fetchval("SELECT state FROM import_job WHERE id = $1", job.id)
        if state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
            self._path(job.id).unlink(missing_ok=True)

    async def _check(self, job: Job) -> None:
        total, good, found = 0, 0, list[LineProblem]()
        async for lines in self._portions(job):
            total += len(lines)
            good += sum(line.is_good for line in lines)
            found += [problem for line in lines for problem in line.problems][: PROBLEMS_MAX - len(found)]
            await self._pool.execute(_QUERIES["checking"], job.id, total, self._now_us())
        if not total:
            raise FileUnusable("no_rows")
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_QUERIES["forget_problems"], job.id)
            await connection.executemany(
                _QUERIES["add_problem"],
                [
                    (job.id, place, one.line, one.column, one.code, one.value, one.blocking)
                    for place, one in enumerate(found)
                ],
            )
            await connection.execute(_QUERIES["checked"], job.id, total, good, self._now_us())

    async def _bring_in(self, job: Job) -> None:
        if job.target is Target.PUBLISH:
            done, came_in = 0, job.rows_in
            async for lines in self._portions(job):
                # Rows that were brought in before this process began are passed over.
                good = [line for place, line in enumerate(lines, done) if place >= job.rows_done and line.is_good]
                done += len(lines)
                if done <= job.rows_done:
                    continue
                came_in += len(good)
                async with self._pool.acquire() as connection, connection.transaction():
                    await self._publish(connection, job, good)
                    await connection.execute(_QUERIES["advance"], job.id, done, came_in, self._now_us())
            await self._finish(self._pool, job, came_in)
            return
        whole = [line async for lines in self._portions(job) for line in lines if line.is_good]
        async with self._pool.acquire() as connection, connection.transaction():
            now_us = self._now_us()
            rows = [(_new_id(), job.party, job.account, body_of(line.record), now_us) for line in whole]
            await connection.executemany(_QUERIES["add_draft"], rows)
            await connection.execute(_QUERIES["advance"], job.id, job.rows_total, len(whole), now_us)
            await self._finish(connection, job, len(whole))

    async def _publish(self, connection: Any, job: Job, lines: list[Line]) -> None:
        now_us = self._now_us()
        made = [(_new_id(), body_of(line.record)) for line in lines]
        owner, account = job.party, job.account
        await connection.executemany(
            _QUERIES["add_published"], [(one, owner, account, body, now_us) for one, body in made]
        )
        versions = [
            (one, owner, account, now_us, body, version_digest(first_digest(one), one, 1, owner, now_us, body))
            for one, body in made
        ]
        await connection.executemany(_QUERIES["add_version"], versions)
        reason = f"import {job.id}"
        await connection.executemany(_QUERIES["add_act"], [(one, account, owner, reason, now_us) for one, _ in made])
        await connection.executemany(_QUERIES["add_outbox"], [(one,) for one, _ in made])

    async def _finish(self, connection: Any, job: Job, came_in: int) -> None:
        now_us = self._now_us()
        await connection.execute(_QUERIES["finish"], job.id, now_us)
        fact = NewNotice(
            party=job.party,
            once=f"{job.id}/done",
            about="import_done",
            link=f"/me/imports/{job.id}",
            data={"name": job.name, "rows": str(came_in)},
        )
        await tell(connection, [fact], now_us)

    async def _portions(self, job: Job) -> AsyncIterator[list[Line]]:
        """Read the file in portions, in a thread: parsing is work, and a live auction in this process goes on."""
        publish = job.target is Target.PUBLISH
        rows_max = BULK_ROWS_MAX if publish else ROWS_MAX
        # Reckoned at the instant of the upload, so that checking and bringing in see the same.
        lines = (
            read_row(row, publish=publish, at_us=job.created_at_us)
            for row in rows_of(self._path(job.id), rows_max=rows_max)
        )
        while portion := await asyncio.to_thread(_next, lines):
            yield portion

    def _path(self, job_id: str) -> Path:
        return self._directory / job_id


def is_job_id(text: str) -> bool:
    """Tell whether `text` may name a job."""
    return len(text) == 16 and text.startswith("imp-") and all(c in "0123456789abcdef" for c in text[4:])


def _next(lines: Iterator[Line]) -> list[Line]:
    return list(islice(lines, PORTION))


def _new_id() -> AchievementId:
    return AchievementId("ach-" + secrets.token_hex(6))


def _job(row: asyncpg.Record) -> Job:
    return Job(
        **{name: row[name] for name in Job.__struct_fields__ if name not in ("party", "target", "state")},
        party=PartyId(row["party"]),
        target=Target(row["target"]),
        state=JobState(row["state"]),
    )
