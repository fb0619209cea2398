"""Attachments: files under their SHA-256 in the data directory, a row for each use. Written whole or not at all; never deleted,
but for what must not be on an open platform at all (`erase`).

A file is taken when its bytes are of a known kind and its name agrees, it is not too big, and, where a scanner is configured, the
scanner finds nothing. Infected bytes go to quarantine and are never served. Whom a file may reach is decided by its subject.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shlex
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.media import cleaned_name, fits, kind_of
from engine.journal.queries import load_queries
from engine.values import PartyId

PER_SUBJECT_MAX: Final = 50
AT_ONCE_MAX: Final = 32
"""Files being received at the same time; one more is `busy`."""
OF_OWNER_MAX: Final = 3
"""Of one owner at the same time: a slow sender holds up nobody but himself."""
SCAN_S: Final = 120.0
RESCAN_MAX: Final = 100
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "attachments.sql")

log = logging.getLogger(__name__)


class Scan(StrEnum):
    """What is known about the bytes."""

    UNSCANNED = "unscanned"
    CLEAN = "clean"
    INFECTED = "infected"


class Attachment(Struct, frozen=True, kw_only=True):
    """One use of a file."""

    id: str
    owner: PartyId
    subject: str
    """What it belongs to, like an achievement's id."""
    author: str
    """Account that brought it."""
    name: str
    """As its sender called it, cleaned."""
    media_type: str
    """Told by its bytes."""
    size: int
    sha256: str
    scan: Scan
    put_at_us: int
    unlinked_at_us: int | None = None


class NotTaken(Struct, frozen=True):
    """A file was refused: `name`, `empty`, `too_big`, `type`, `type_mismatch`, `infected`, `too_many`, `busy` (try again)."""

    why: str
    limit: int = 0


class Attachments:
    """All attachments.

    Args:
        pool: The database.
        directory: Where files lie; made when the first one comes.
        size_max: Bytes of one file.
        scan_command: Program and arguments that get the path of a file as the last argument and end with 0 (clean) or 1
            (infected), as `clamdscan --no-summary` does; empty for none.
        now_us: The clock.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        directory: Path,
        *,
        size_max: int = 20_000_000,
        scan_command: str = "",
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._directory = directory
        self._size_max = size_max
        self._scanner = shlex.split(scan_command)
        self._now_us = now_us
        self._receiving: Counter[PartyId] = Counter()

    async def put(
        self, owner: PartyId, name: str, stream: AsyncIterator[bytes], *, subject: str, author: str
    ) -> Attachment | NotTaken:
        """Receive a file and keep it; what was refused leaves nothing behind but a line about infected bytes."""
        shown = cleaned_name(name)
        if shown is None:
            return NotTaken("name")
        if await self._pool.fetchval(_QUERIES["count"], subject) >= PER_SUBJECT_MAX:
            return NotTaken("too_many", PER_SUBJECT_MAX)
        if self._receiving[owner] >= OF_OWNER_MAX or self._receiving.total() >= AT_ONCE_MAX:
            return NotTaken("busy")
        self._receiving[owner] += 1
        try:
            return await self._take_through(
                await asyncio.to_thread(self._temporary), owner, shown, stream, subject, author
            )
        finally:
            self._receiving[owner] -= 1
            if not self._receiving[owner]:
                del self._receiving[owner]

    async def read(self, attachment_id: str) -> Attachment | None:
        """Return a row, unlinked or not."""
        row = await self._pool.fetchrow(_QUERIES["read"], attachment_id)
        return None if row is None else _attachment(row)

    async def of_subject(self, subject: str) -> list[Attachment]:
        """Return what belongs to a subject now, oldest first."""
        return [_attachment(row) for row in await self._pool.fetch(_QUERIES["of_subject"], subject, PER_SUBJECT_MAX)]

    async def unlink(self, attachment_id: str, subject: str) -> bool:
        """Take a file off its subject; the bytes and the row stay. False if it does not belong there."""
        done: str = await self._pool.execute(_QUERIES["unlink"], attachment_id, subject, self._now_us())
        return done == "UPDATE 1"

    async def erase(self, subject: str) -> None:
        """Take every file off a subject and delete the bytes that nothing else uses: it was no public matter. The rows stay."""
        rows = await self._pool.fetch(_QUERIES["erase"], subject, self._now_us())
        for row in rows:
            if not row["used_elsewhere"]:
                await asyncio.to_thread(self._place(row["sha256"].hex()).unlink, missing_ok=True)

    def file_of(self, attachment: Attachment) -> Path | None:
        """Return where the bytes lie; None if they must not be served: infected, or a scanner is there and did not pass them yet."""
        if attachment.scan is Scan.INFECTED or (self._scanner and attachment.scan is not Scan.CLEAN):
            return None
        return self._place(attachment.sha256)

    async def rescan(self) -> int:
        """Scan what came while no scanner answered; return how many files got a verdict. Without a scanner: nothing."""
        if not self._scanner:
            return 0
        decided = 0
        for row in await self._pool.fetch(_QUERIES["unscanned"], RESCAN_MAX):
            digest = row["sha256"].hex()
            verdict = await self._scan(self._place(digest))
            if verdict is Scan.UNSCANNED:
                continue
            if verdict is Scan.INFECTED:
                await asyncio.to_thread(self._quarantine, self._place(digest), digest)
            await self._pool.execute(_QUERIES["scanned"], row["sha256"], verdict.value)
            decided += 1
        return decided

    async def _take_through(
        self, temporary: Path, owner: PartyId, name: str, stream: AsyncIterator[bytes], subject: str, author: str
    ) -> Attachment | NotTaken:
        try:
            return await self._take(temporary, owner, name, stream, subject, author)
        finally:
            await asyncio.to_thread(temporary.unlink, missing_ok=True)

    async def _take(
        self, temporary: Path, owner: PartyId, name: str, stream: AsyncIterator[bytes], subject: str, author: str
    ) -> Attachment | NotTaken:
        received = await self._receive(temporary, stream)
        if isinstance(received, NotTaken):
            return received
        size, digest = received
        kind = await asyncio.to_thread(kind_of, temporary)
        if kind is None:
            return NotTaken("type")
        if not fits(name, kind):
            return NotTaken("type_mismatch")
        known_bad = await self._pool.fetchval(_QUERIES["is_infected"], digest)
        verdict = Scan.INFECTED if known_bad else await self._scan(temporary)
        infected = verdict is Scan.INFECTED
        await asyncio.to_thread(self._quarantine if infected else self._keep, temporary, digest.hex())
        row = await self._pool.fetchrow(
            _QUERIES["insert"], "f" + secrets.token_hex(12), owner, subject, author, name, kind.media_type, size, digest,
            verdict.value, self._now_us(), PER_SUBJECT_MAX,
        )  # fmt: skip
        if row is None:
            return NotTaken("too_many", PER_SUBJECT_MAX)
        if infected:
            await self.unlink(row["id"], subject)
            return NotTaken("infected")
        return _attachment(row)

    async def _receive(self, temporary: Path, stream: AsyncIterator[bytes]) -> tuple[int, bytes] | NotTaken:
        size, digest = 0, sha256()
        file = await asyncio.to_thread(temporary.open, "wb")
        try:
            async for part in stream:
                size += len(part)
                if size > self._size_max:
                    return NotTaken("too_big", self._size_max)
                digest.update(part)
                await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(_sync, file)
        finally:
            await asyncio.to_thread(file.close)
        return (size, digest.digest()) if size else NotTaken("empty")

    async def _scan(self, path: Path) -> Scan:
        """Ask the scanner; whatever is no clear answer leaves the file unscanned."""
        if not self._scanner:
            return Scan.UNSCANNED
        try:
            process = await asyncio.create_subprocess_exec(
                *self._scanner, str(path), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError:
            log.warning("scanner_does_not_start", exc_info=True)
            return Scan.UNSCANNED
        try:
            async with asyncio.timeout(SCAN_S):
                code = await process.wait()
        except TimeoutError:
            log.warning("scanner_too_slow")
            code = None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if code not in (0, 1):
            log.warning("scanner_failed", extra={"exit_code": code})
            return Scan.UNSCANNED
        return Scan.INFECTED if code else Scan.CLEAN

    def _temporary(self) -> Path:
        incoming = self._directory / "incoming"
        incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        return incoming / secrets.token_hex(16)

    def _place(self, digest: str) -> Path:
        return self._directory / digest[:2] / digest

    def _keep(self, temporary: Path, digest: str) -> None:
        _rename(temporary, self._place(digest))

    def _quarantine(self, path: Path, digest: str) -> None:
        target = self._directory / "quarantine" / digest
        _rename(path, target)
        target.chmod(0o400)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rename(source: Path, target: Path) -> None:
    """Put a file into its place for good: after this no loss of power takes it away or leaves half of it."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _attachment(row: asyncpg.Record) -> Attachment:
    return Attachment(
        id=row["id"],
        owner=PartyId(row["owner"]),
        subject=row["subject"],
        author=row["author"],
        name=row["name"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=row["sha256"].hex(),
        scan=Scan(row["scan"]),
        put_at_us=row["put_at_us"],
        unlinked_at_us=row["unlinked_at_us"],
    )
