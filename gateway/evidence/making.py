"""Makes one evidence file: reads the deal page by page, writes the archive, sets its pages (docs/EVIDENCE.md)."""

from __future__ import annotations

import asyncio
import contextlib
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.canonical import canonical_bytes
from engine.catalogue.achievements.verification import version_lines
from engine.catalogue.achievements.versions import AchievementId
from engine.evidence.archive import ArchiveWriter, Manifest, StreamHead
from engine.evidence.checkpoints import Checkpoint, ShardHead, sign_checkpoint, write_checkpoint
from engine.evidence.claims import stream_claim
from engine.evidence.editions import Edition, withheld
from engine.evidence.lines import KEPT, line_of
from engine.evidence.quotes import QUOTES
from engine.evidence.receipts import receipt_document
from engine.journal.codec import decode_event
from engine.journal.digests import first_digest
from engine.journal.records import Record
from engine.journal.streams import kind_of
from engine.rules.auction.formats.terms import SessionTerms
from engine.rules.auction.state import LotState
from engine.typesetting.request import Frame, data_digest, statement_bytes
from engine.values import PartyId
from gateway.evidence.deals import Deal
from gateway.evidence.papers import (
    Rows,
    basis,
    entry_row,
    event_name,
    facts,
    objections,
    paper_row,
    quote_row,
    step_row,
)
from gateway.evidence.publicity import publicity_members
from gateway.evidence.reading import Head, Kept, Wanted, records_of, snapshots_of
from gateway.formatting import when
from gateway.pages.i18n import translate
from gateway.parties.names import names_of
from gateway.services import Services
from settlement.evidence import Step, documents, histories, ledger_entries

TEMPLATE: Final = Path(__file__).with_name("evidence.typ")
README: Final = Path(__file__).with_name("readme.txt")
CHECK: Final = Path(__file__).with_name("check.py")
MONEY_ROWS_MAX: Final = 500
ACHIEVEMENT: Final = "achievement.jsonl"

Progress = Callable[[int], Awaitable[None]]


class Making:
    """One file on its way."""

    def __init__(self, services: Services, wanted: Wanted, progress: Progress) -> None:
        self._services = services
        self._wanted = wanted
        self._progress = progress
        self._rows = Rows(wanted.deal, wanted.language)
        self._heads: list[StreamHead] = []
        self._claims: list[dict[str, Any]] = []
        self._receipts: list[tuple[str, bytes]] = []
        self._as_of_us = max(head.at_us for head in wanted.heads)
        self._done = 0

    async def write(self, path: Path) -> Manifest:
        """Write the file; it appears under its name when it is whole."""
        partial = path.with_name(path.name + ".part")
        try:
            with partial.open("w+b") as file:
                manifest = await self._write(ArchiveWriter(file))
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            partial.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
        return manifest

    async def _write(self, archive: ArchiveWriter) -> Manifest:
        services, wanted = self._services, self._wanted
        archive.add("README.txt", README.read_bytes())
        archive.add("check.py", CHECK.read_bytes())
        archive.add("market-key.pem", self._key_pem())
        for head in wanted.heads:
            await self._stream(archive, head)
        for name, receipt in self._receipts:
            archive.add(name, receipt)
        pages = await snapshots_of(services, wanted.deal)
        _add_pages(archive, pages)
        for name, content in await publicity_members(services, wanted.deal.state, wanted.edition):
            archive.add(name, content)
        if wanted.quotes:
            archive.add(QUOTES, b"".join(one.line for one in wanted.quotes))
        data = await self._data(archive, pages)
        archive.add("checkpoints.jsonl", self._checkpoint())
        frame = self._frame()
        claims = statement_bytes(TEMPLATE, frame, data)
        archive.add("claims.json", claims)
        archive.add("evidence.pdf", await services.typesetter.set(TEMPLATE, frame, data))
        return archive.seal(
            services.signing_key,
            origin=services.config.market_name,
            number=wanted.number,
            edition=wanted.edition.value,
            deal={"kind": wanted.deal.kind, "id": wanted.deal.id},
            as_of_us=self._as_of_us,
            streams=self._heads,
            data_digest=data_digest(TEMPLATE, frame, data),
        )

    def _frame(self) -> Frame:
        wanted, services = self._wanted, self._services
        return Frame(
            title=translate(wanted.language, "evidence.title"),
            market=translate(wanted.language, "brand.name"),
            number=wanted.number,
            verify_url=f"{services.config.public_address}/verify/evidence/{wanted.number}",
            dated_us=self._as_of_us,
            language="en" if wanted.language == "en" else "zh",
        )

    async def _stream(self, archive: ArchiveWriter, head: Head) -> None:
        """Write a stream as lines; replay it on the way."""
        kind = kind_of(head.stream)
        assert kind is not None, "deals are decided by rules"
        subject, state, opened = kind.subject(head.stream), None, 0
        name, previous = f"streams/{head.stream.replace('/', '-')}.jsonl", first_digest(head.stream)

        def page_lines(records: list[Record]) -> bytes:
            nonlocal state, opened, previous
            lines = []
            for record in records:
                event = decode_event(record.type, record.version, record.body)
                state = kind.evolve(state, subject, event, record.at_us)
                closed = withheld(self._wanted.edition, PartyId(self._wanted.party), record, event, _play_of(state))
                opened += closed is None
                lines.append(line_of(record, closed))
                self._rows.take(record, event, closed)
                if closed is None and record.type in KEPT:
                    self._receipt(record, previous)
                previous = record.digest
            return b"".join(lines)

        with archive.member(name) as member:
            async for records in records_of(self._services, head):
                member.write(await asyncio.to_thread(page_lines, records))
                self._done += len(records)
                await self._progress(self._done)
        assert state is not None and state.seq == head.seq, "the head was read from the log"
        self._heads.append(StreamHead(head.stream, name, head.seq, opened, head.digest.hex()))
        self._claims.append(stream_claim(head.stream, state, head.digest, whole=opened == head.seq))

    def _receipt(self, record: Record, previous: bytes) -> None:
        document = receipt_document(record, previous, self._services.signing_key, self._services.config.market_name)
        name = f"receipts/{record.stream.replace('/', '-')}-{record.stream_seq}.json"
        self._receipts.append((name, canonical_bytes(document)))

    async def _data(self, archive: ArchiveWriter, pages: list[Kept]) -> dict[str, Any]:
        """Return what the pages show; writes the members that they are about on the way."""
        wanted, language = self._wanted, self._wanted.language
        names = await names_of(self._services, self._named())
        archive.add("parties.json", canonical_bytes(dict(sorted(names.items()))))
        return {
            "facts": facts(wanted.deal, wanted.edition, names, language),
            "edition_note": translate(language, f"evidence.note.{wanted.edition.value}"),
            "basis": basis(wanted.deal, wanted.edition, language),
            "quotes": [quote_row(one, wanted.deal.price_fen) for one in wanted.quotes],
            "achievement": await self._achievement(archive),
            "objections": objections(wanted.deal, language),
            "course": self._rows.course,
            "course_left": self._rows.left["course"],
            "bids": self._rows.bids,
            "bids_left": self._rows.left["bids"],
            "pages": [_page_row(kept, language) for kept in pages],
            **await self._settled(archive),
            "files": await self._files(archive),
            "streams": self._claims,
            "key": b64encode(self._services.signing_key.public_key().public_bytes_raw()).decode(),
        }

    def _named(self) -> set[str]:
        deal, edition = self._wanted.deal, self._wanted.edition
        if edition is Edition.BUYER:
            return {deal.seller_id, self._wanted.party}
        if edition is Edition.SELLER:
            return {deal.seller_id, *deal.buyers}
        return {deal.seller_id, *deal.buyers, *getattr(deal.state, "codes", {}), *_applicants(deal)}

    async def _settled(self, archive: ArchiveWriter) -> dict[str, list[list[str]]]:
        """Write what settlement holds of the deal and this reader may have; return the rows that the pages show."""
        wanted, pool, language = self._wanted, self._services.pool, self._wanted.language
        steps: list[Step] = []
        for history in await histories(pool, wanted.settled):
            steps += history.steps
            if history.lines is not None:
                archive.add(f"{history.kind.value}/{history.id}.jsonl", history.lines)
        entries = await ledger_entries(pool, list(wanted.deal.streams), wanted.settled, wanted.reader)
        archive.add("ledger.jsonl", b"".join(entry.line for entry in entries))
        papers = await documents(pool, wanted.settled)
        for paper in papers:
            if paper.body is not None:
                archive.add(f"documents/{paper.about}-{paper.kind}-{paper.digest[:16]}", paper.body)
        newest = [step.at_us for step in steps] + [entry.at_us for entry in entries]
        self._as_of_us = max(self._as_of_us, *newest) if newest else self._as_of_us
        return {
            "steps": [step_row(step, language) for step in sorted(steps, key=lambda one: one.at_us)[:MONEY_ROWS_MAX]],
            "money": [entry_row(entry, language) for entry in entries[:MONEY_ROWS_MAX]],
            "papers": [paper_row(paper, language) for paper in papers],
        }

    async def _achievement(self, archive: ArchiveWriter) -> list[str]:
        """Write the versions of what was traded, for its owner and for staff; return its id, version and digest."""
        deal = self._wanted.deal
        if not deal.achievement:
            return []
        if self._wanted.edition is not Edition.BUYER:
            name = AchievementId(deal.achievement)
            lines = await version_lines(self._services.pool, name, deal.achievement_version)
            archive.add(ACHIEVEMENT, b"".join(lines))
        return [deal.achievement, str(deal.achievement_version), deal.achievement_digest]

    async def _files(self, archive: ArchiveWriter) -> list[list[str]]:
        """List the attachments by their digests; their bytes stay where they are, some are confidential."""
        rows: list[dict[str, Any]] = []
        deal = self._wanted.deal
        for subject in (deal.achievement, deal.streams[0]):
            found = await self._services.attachments.of_subject(subject) if subject else []
            rows += [
                {
                    "subject": subject,
                    "name": one.name,
                    "size": one.size,
                    "sha256": one.sha256,
                    "put_at_us": one.put_at_us,
                }
                for one in found
                if self._wanted.edition is not Edition.BUYER
            ]
        archive.add("attachments.json", canonical_bytes(rows))
        return [[str(row["name"]), str(row["size"]), str(row["sha256"])] for row in rows]

    def _checkpoint(self) -> bytes:
        """Return a signed checkpoint of where the deal's streams stand: `ortoo verify --checkpoints` holds a log to it."""
        wanted, services = self._wanted, self._services
        heads = tuple(ShardHead(head.shard, head.shard_seq, head.digest.hex()) for head in wanted.heads)
        checkpoint = Checkpoint(
            origin=services.config.market_name, at_us=max(head.at_us for head in wanted.heads), heads=heads
        )
        return write_checkpoint(sign_checkpoint(checkpoint, services.signing_key)) + b"\n"

    def _key_pem(self) -> bytes:
        return self._services.signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _applicants(deal: Deal) -> set[str]:
    return {intent.buyer_id for intent in getattr(deal.state, "intents", ())}


def _add_pages(archive: ArchiveWriter, pages: list[Kept]) -> None:
    statements = []
    for number, kept in enumerate(pages, start=1):
        ending = "json" if "json" in kept.statement.media_type else "html"
        member = f"snapshots/{number:03d}-{kept.statement.moment.replace('.', '-')}.{ending}"
        archive.add(member, kept.body)
        statements.append({**msgspec.to_builtins(kept.statement), "member": member})
    archive.add("snapshots/index.json", canonical_bytes(statements))


def _page_row(kept: Kept, language: str) -> list[str]:
    one = kept.statement
    return [event_name(one.moment, language), when(one.taken_at_us, seconds=True), one.url, one.sha256]


def _play_of(state: object) -> SessionTerms | None:
    return state.play.terms if isinstance(state, LotState) and state.play is not None else None
