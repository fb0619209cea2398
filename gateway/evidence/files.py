"""Evidence files: asked for, made one after another in the background, kept until newer facts make another one.

The number of a file is the digest of what it is made from and for whom. Asked twice it is made once; when the deal goes on, asking again
gives a new number, and the file before it stays valid for its moment. Files can be made again from the log at any time.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.evidence.archive import read_member
from engine.evidence.editions import Edition
from engine.typesetting.typesetter import TypesettingFailed
from gateway.accounts.model import UNREACHABLE, Caller
from gateway.errors import Code, Refused
from gateway.evidence.deals import Deal, edition_for, find_deal
from gateway.evidence.making import Making
from gateway.evidence.reading import QUERIES, Wanted, wanted_of
from gateway.services import Services

WAITING_MAX: Final = 64
PAUSE_S: Final = 0.5
RETRY_MS: Final = 30_000
SHOWN_MAX: Final = 20
PAGES: Final = "evidence.pdf"
PROGRESS_EVERY: Final = 2_000
PROBLEM_MAX: Final = 300
INSTEAD_MAX: Final = 20
"""How often a file may have been made instead of another while it was asked for."""

log = logging.getLogger(__name__)


class EvidenceFile(Struct, frozen=True, kw_only=True):
    """A file, wanted or made."""

    number: str
    kind: str
    subject: str
    edition: Edition
    party: str
    language: str
    state: str
    """`waiting`, `making`, `ready`, `failed`, `superseded` (then `instead` is made)."""
    done: int
    """Events written so far, of `total`."""
    total: int
    size: int
    sha256: str
    problem: str
    asked_by: str
    asked_at_us: int
    made_at_us: int | None
    instead: str = ""
    document_sha256: str = ""
    """Of the pages."""


def path_of(services: Services, file: EvidenceFile) -> Path:
    """Return where a file lies when it is ready."""
    return services.config.evidence_dir / f"{file.number}.zip"


async def ask(services: Services, caller: Caller, kind: str, subject: str, language: str) -> EvidenceFile:
    """Return the caller's file of a deal as it stands now; begin to make it if nobody has.

    Raises:
        Refused: NOT_FOUND: not his deal; WRONG_STATE: nothing was struck yet; RATE_LIMITED: many files wait.
    """
    wanted = await _wanted(services, caller, await find_deal(services, kind, subject), language)
    file = await _read(services, wanted.number)
    gone = file is not None and file.state == "ready" and not await asyncio.to_thread(path_of(services, file).exists)
    if file is not None and file.state not in ("failed", "superseded") and not gone:
        return file
    if await services.pool.fetchval(QUERIES["count_open"]) >= WAITING_MAX:
        raise Refused(Code.RATE_LIMITED, retry_after_ms=RETRY_MS)
    await _order(services, wanted, caller.login_id, again=gone)
    made = await _read(services, wanted.number)
    assert made is not None, "just written"
    return made


async def _order(services: Services, wanted: Wanted, asked_by: str, *, again: bool = False) -> None:
    await services.pool.execute(
        QUERIES["ask"], wanted.number, wanted.deal.kind, wanted.deal.id, wanted.edition.value, wanted.party,
        wanted.language, wanted.total, asked_by, services.now_us, again,
    )  # fmt: skip


async def own_file(services: Services, caller: Caller, number: str) -> EvidenceFile:
    """Return a file that the caller may have: his edition of it, as party or as staff.

    Raises:
        Refused: NOT_FOUND.
    """
    file = await _read(services, number)
    if file is None:
        raise Refused(Code.NOT_FOUND)
    deal = await find_deal(services, file.kind, file.subject)
    if edition_for(caller, deal) is not file.edition or _party(caller, deal, file.edition) != file.party:
        raise Refused(Code.NOT_FOUND)
    return file


async def files_of(services: Services, caller: Caller, deal: Deal) -> list[EvidenceFile]:
    """Return the newest files of a deal that the caller may have."""
    edition = edition_for(caller, deal)
    arguments = (deal.kind, deal.id, edition.value, _party(caller, deal, edition), SHOWN_MAX)
    return [_file(row) for row in await services.pool.fetch(QUERIES["of_subject"], *arguments)]


async def issued(services: Services, number: str) -> EvidenceFile | None:
    """Return a file that was made, for anybody who wants to compare a digest."""
    file = await _read(services, number)
    return file if file is not None and file.state == "ready" else None


async def newest(services: Services, limit: int = 50) -> list[EvidenceFile]:
    """Return the files that were asked for last, for staff."""
    return [_file(row) for row in await services.pool.fetch(QUERIES["newest"], 2**62, "", limit)]


async def whole_file(services: Services, file: EvidenceFile) -> Path:
    """Return the path of a finished file.

    Raises:
        Refused: WRONG_STATE: it is not ready, or has been tidied away: ask for it again.
    """
    path = path_of(services, file)
    if file.state != "ready" or not await asyncio.to_thread(path.exists):
        raise Refused(Code.WRONG_STATE, state=file.state)
    return path


async def document_of(services: Services, file: EvidenceFile) -> bytes:
    """Return the pages of a finished file.

    Raises:
        Refused: WRONG_STATE.
    """
    pdf = await asyncio.to_thread(read_member, await whole_file(services, file), PAGES)
    assert pdf is not None, "every file has pages"
    return pdf


async def make_for_ever(services: Services) -> None:
    """Make what waits, oldest first."""
    while True:
        try:
            while await make_one(services):
                pass
        except UNREACHABLE:
            log.warning("evidence_waits_for_the_database")
        await asyncio.sleep(PAUSE_S)


async def make_one(services: Services) -> bool:
    """Make the oldest file that waits; False if none does."""
    row = await services.pool.fetchrow(QUERIES["take"])
    if row is None:
        return False
    file = _file(row)
    outcome = "made"
    try:
        await _make(services, file)
    except (Refused, TypesettingFailed, OSError) as problem:
        log.warning("evidence_not_made", extra={"number": file.number}, exc_info=True)
        outcome = "failed"
        await services.pool.execute(QUERIES["failed"], file.number, str(problem)[:PROBLEM_MAX])
    services.metrics.evidence_files.labels(outcome).inc()
    return True


async def _make(services: Services, file: EvidenceFile) -> None:
    deal = await find_deal(services, file.kind, file.subject)
    wanted = await wanted_of(services, deal, file.edition, file.party, file.language)
    if wanted.number != file.number:  # the deal went on since it was asked for
        await _order(services, wanted, file.asked_by)
        await services.pool.execute(QUERIES["superseded"], file.number, wanted.number)
        return
    path = path_of(services, file)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = 0

    async def progress(done: int) -> None:
        nonlocal told
        if done - told >= PROGRESS_EVERY:
            told = done
            await services.pool.execute(QUERIES["progress"], file.number, done)

    await Making(services, wanted, progress).write(path)
    size, digest = await asyncio.to_thread(_size_and_digest, path)
    pdf = await asyncio.to_thread(read_member, path, PAGES)
    assert pdf is not None, "every file has pages"
    await services.pool.execute(QUERIES["made"], file.number, size, digest, sha256(pdf).hexdigest(), services.now_us)


def _size_and_digest(path: Path) -> tuple[int, str]:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


async def _wanted(services: Services, caller: Caller, deal: Deal, language: str) -> Wanted:
    edition = edition_for(caller, deal)
    if not deal.ready:
        raise Refused(Code.WRONG_STATE, state=deal.state.phase.value)
    return await wanted_of(services, deal, edition, _party(caller, deal, edition), language)


def _party(caller: Caller, deal: Deal, edition: Edition) -> str:
    return caller.party_on(deal.id) if edition in (Edition.SELLER, Edition.BUYER) else ""


async def _read(services: Services, number: str) -> EvidenceFile | None:
    row = await services.pool.fetchrow(QUERIES["read"], number[:40])
    for _ in range(INSTEAD_MAX):
        if row is None or row["state"] != "superseded":
            break
        row = await services.pool.fetchrow(QUERIES["read"], row["instead"])
    return None if row is None else _file(row)


def _file(row: asyncpg.Record) -> EvidenceFile:
    plain: dict[str, Any] = dict(row)
    plain["edition"] = Edition(plain["edition"])
    return EvidenceFile(**plain)
