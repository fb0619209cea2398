"""Certificates of publicity (公示证明): made from the record when a period ended clean, signed, kept for ever, checked by anybody.

The event `notice.certified` is the issue; the paper follows from the record up to it and is made once (国发〔2016〕16号 (十);
L-ZJ-PSTT arts. 17 and 19: the exemption of those who decided rests on publicity in the unit and on the market). Whether it is still in
force is asked of the notice as it stands now: a revision voids it, withdrawal or termination revokes it.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.catalogue.availability.sightings import looks
from engine.evidence.offline import CERTIFICATE_TAG
from engine.evidence.receipts import public_key_text
from engine.journal.codec import decode_event
from engine.journal.follower import Connection, Follower
from engine.journal.postgres import record_of
from engine.journal.queries import load_queries
from engine.journal.streams import NOTICES
from engine.rules.availability.coverage import Stretch, coverage, total_us
from engine.rules.availability.probing import Place
from engine.rules.publicity.events import NoticeCertified
from engine.rules.publicity.state import NoticePhase, NoticeState
from engine.rules.publicity.visibility import PublicNotice, public_notice
from engine.typesetting.request import Frame
from engine.typesetting.typesetter import TypesettingFailed
from engine.values import NOTICE_SHARDS, InstantUs, NoticeId
from gateway.accounts.model import UNREACHABLE
from gateway.board.availability import longest_us
from gateway.evidence.reading import QUERIES as EVIDENCE_QUERIES
from gateway.formatting import duration, money, until, when
from gateway.pages.i18n import translate
from gateway.services import Services

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "certificates.sql")
TEMPLATE: Final = Path(__file__).with_name("certificate.typ")
CERTIFIED: Final = "notice.certified"
PAUSE_S: Final = 0.5
AGAIN_US: Final = 60_000_000
EVENTS_MAX: Final = 100_000

log = logging.getLogger(__name__)


class Standing(StrEnum):
    """Whether a certificate still means something."""

    IN_FORCE = "in_force"
    SUPERSEDED = "superseded"
    """The notice was published again and has another certificate."""
    VOID = "void"
    """What was certified was changed afterwards and has not been certified again."""
    REVOKED = "revoked"
    """The notice was withdrawn or ended by the market."""


class Certificate(Struct, frozen=True, kw_only=True):
    """An issued certificate. `statement` is what it says; None while its paper is being made."""

    number: str
    notice: NoticeId
    seq: int
    certified_at_us: int
    statement: dict[str, Any] | None
    sha256: str
    made_at_us: int | None


class Certificates:
    """The consumer that sees certifications, and the worker that makes their papers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._follower = Follower(services.pool, "certificates", NOTICE_SHARDS, self._numbers, self._write)
        services.engine.notices.subscribe(self._notice)
        self.unmade = 0
        """Certificates whose paper could not be made yet."""

    async def run(self) -> None:
        """Consume for ever."""
        await self._follower.follow()

    async def catch_up(self) -> None:
        """Consume up to the head of the log."""
        await self._follower.catch_up()

    async def make_for_ever(self) -> None:
        """Make what is missing; one that fails is tried again each minute and holds up no other."""
        while True:
            try:
                while await make_one(self._services):
                    pass
                self.unmade = await self._services.pool.fetchval(QUERIES["unmade"])
            except UNREACHABLE:
                log.warning("certificates_wait_for_the_database")
            await asyncio.sleep(PAUSE_S)

    def _notice(self, changes: Sequence[Any]) -> None:
        shards = {NOTICES.shard_of(one.subject_id) for one in changes if isinstance(one.event, NoticeCertified)}
        if shards:
            self._follower.notice(shards)

    async def _numbers(self, rows: Sequence[asyncpg.Record]) -> list[tuple[str, str, int, int]]:
        found = []
        for row in rows:
            if row["type"] == CERTIFIED:
                event: NoticeCertified = decode_event(row["type"], row["version"], row["body"])
                found.append((event.certificate_no, NOTICES.subject(row["stream"]), row["stream_seq"], row["at_us"]))
        return found

    async def _write(self, connection: Connection, found: list[tuple[str, str, int, int]]) -> None:
        await connection.executemany(QUERIES["certified"], found)


async def make_one(services: Services) -> bool:
    """Make the paper of one certificate that has none; False if none is waiting."""
    now_us = services.now_us
    row = await services.pool.fetchrow(QUERIES["take_unmade"], now_us, now_us + AGAIN_US)
    if row is None:
        return False
    try:
        statement = await _statement(services, row)
        data = _data(statement)
        pdf = await services.typesetter.set(TEMPLATE, _frame(services, row), data)
    except TypesettingFailed:
        log.exception("certificate_not_made", extra={"number": row["number"], "attempts": row["attempts"]})
        return True
    digest = sha256(pdf).hexdigest()
    await services.pool.execute(
        QUERIES["keep"], row["number"], canonical_bytes(statement), pdf, digest, services.now_us
    )
    return True


async def certificate_of(services: Services, number: str) -> Certificate | None:
    """Return an issued certificate, None if this market has issued none of this number."""
    row = await services.pool.fetchrow(QUERIES["read"], number[:60])
    if row is None:
        return None
    plain = dict(row)
    plain["statement"] = None if plain["statement"] is None else msgspec.json.decode(plain["statement"])
    return Certificate(**plain)


async def paper_of(services: Services, number: str) -> bytes | None:
    """Return the PDF of a certificate, None while there is none."""
    pdf: bytes | None = await services.pool.fetchval(QUERIES["read_pdf"], number[:60])
    return pdf


def standing_of(certificate: Certificate, state: NoticeState) -> Standing:
    """Return whether a certificate is in force, from its notice as it stands now."""
    if state.certificate_no != certificate.number:
        return Standing.SUPERSEDED if state.certificate_no else Standing.VOID
    return Standing.REVOKED if state.phase in (NoticePhase.WITHDRAWN, NoticePhase.TERMINATED) else Standing.IN_FORCE


async def _statement(services: Services, row: asyncpg.Record) -> dict[str, Any]:
    """Return what the certificate says: from the record up to the certification, and the looks of the prober in the period."""
    stream = NOTICES.stream(row["notice"])
    state: NoticeState | None = None
    rows = await services.pool.fetch(EVIDENCE_QUERIES["stream_page"], stream, 0, row["seq"], EVENTS_MAX)
    records = [record_of(one) for one in rows]
    for record in records:
        event = decode_event(record.type, record.version, record.body)
        state = NOTICES.evolve(state, NoticeId(row["notice"]), event, record.at_us)
    assert state is not None and isinstance(event, NoticeCertified), "the row is of a certification"
    public = public_notice(state, InstantUs(records[-1].at_us))
    assert public is not None, "what is certified was published"
    plain = {
        "kind": "ortoo.certificate",
        "v": 1,
        "origin": services.config.market_name,
        "key": public_key_text(services.signing_key),
        "number": row["number"],
        "notice": row["notice"],
        "certified_at_us": records[-1].at_us,
        "stream_seq": records[-1].stream_seq,
        "stream_digest": records[-1].digest.hex(),
        "version_no": event.version_no,
        "content_digest": event.content_digest,
        "from_us": event.from_us,
        "ends_at_us": event.ends_at_us,
        "days": state.terms.days,
        "full_days": event.full_days,
        "lost_days": state.lost_days,
        "calendar_version": event.calendar_version,
        "rule_version": state.terms.rule_version,
        "availability": await _availability(services, row["notice"], event),
        **_content(public),
    }
    signature = services.signing_key.sign(CERTIFICATE_TAG + canonical_bytes(plain))
    return {**plain, "signature": b64encode(signature).decode()}


def _content(public: PublicNotice) -> dict[str, Any]:
    """Return what of the notice may be on a public paper: as on its page; of a confidential technology name and price alone."""
    return {
        "title_zh": public.title_zh,
        "title_en": public.title_en,
        "seller_zh": public.seller_name_zh,
        "seller_en": public.seller_name_en,
        "price": public.price,
        "currency": public.currency,
        "exponent": public.exponent,
        "mode": "" if public.mode is None else public.mode.value,
        "buyer": "" if public.buyer is None else public.buyer.name_zh,
        "related": "" if public.related is None else public.related.value,
        "limited": public.limited,
        "versions": len(public.versions),
        "objections": [
            {
                "no": one.no, "ground": one.ground, "filed_at_us": one.filed_at_us, "outcome": one.phase,
                "closed_at_us": one.closed_at_us, "reasons": one.reasons,
            }
            for one in public.objections
        ],
    }  # fmt: skip


async def _availability(services: Services, notice: str, event: NoticeCertified) -> dict[str, int]:
    sightings = await services.sightings.of_notice(NoticeId(notice), event.from_us, event.ends_at_us)
    spans = tuple(coverage(looks(sightings), event.from_us, event.ends_at_us, longest_us(services.config)))
    return {
        "looks": sum(one.place is Place.PAGE for one in sightings),
        "shown_us": total_us(spans, Stretch.SHOWN),
        "away_us": total_us(spans, Stretch.AWAY),
        "unseen_us": total_us(spans, Stretch.UNSEEN),
    }


def _frame(services: Services, row: asyncpg.Record) -> Frame:
    return Frame(
        title=translate("zh", "certificate.title"),
        market=translate("zh", "brand.name"),
        number=row["number"],
        verify_url=f"{services.config.public_address}/verify/notice/{row['number']}",
        dated_us=row["certified_at_us"],
    )


def _data(one: dict[str, Any]) -> dict[str, Any]:
    """Return what the paper shows, in Chinese with English beside it: it is one paper for everybody."""

    def row(key: str, value: str) -> list[str]:
        return [translate("zh", f"certificate.{key}"), translate("en", f"certificate.{key}"), value]

    facts = [
        row("notice_title", one["title_zh"]),
        row("seller", one["seller_zh"]),
        row("price", money(one["price"], one["exponent"], one["currency"])),
        *([row("mode", translate("zh", f"achievement.mode.{one['mode']}"))] if one["mode"] else []),
        *([row("buyer", one["buyer"])] if one["buyer"] else []),
        *([row("related", translate("zh", f"party.relation.{one['related']}"))] if one["related"] else []),
        row("period", f"{when(one['from_us'], seconds=True)} — {until(one['ends_at_us'])}"),
        row("days", translate("zh", "certificate.days_of", full=one["full_days"], days=one["days"])),
        row("lost", str(one["lost_days"])),
        row("availability", _seen(one["availability"], max(1, one["ends_at_us"] - one["from_us"]))),
        row("calendar", one["calendar_version"]),
        row("version", f"{one['version_no']} / {one['versions']}"),
    ]
    return {
        "facts": facts,
        "says": translate("zh", "certificate.says"),
        "says_en": translate("en", "certificate.says"),
        "objections": [
            [
                str(objection["no"]),
                when(objection["filed_at_us"]),
                translate("zh", f"evidence.ground.{objection['ground']}"),
                translate("zh", f"evidence.objection.{objection['outcome']}"),
                objection["reasons"],
            ]
            for objection in one["objections"]
        ],
        "digests": [
            row("content_digest", one["content_digest"]),
            row("chain", f"notice/{one['notice']} #{one['stream_seq']} {one['stream_digest']}"),
            row("key", one["key"]),
            row("signature", one["signature"]),
        ],
        "certified_at": when(one["certified_at_us"], seconds=True),
    }


def _seen(seen: dict[str, int], length_us: int) -> str:
    if not seen["looks"]:
        return translate("zh", "certificate.no_looks")
    share = f"{seen['shown_us'] * 10_000 // length_us / 100:.2f}%"
    away, unseen = duration(seen["away_us"], "zh"), duration(seen["unseen_us"], "zh")
    return translate("zh", "certificate.seen", looks=seen["looks"], share=share, away=away, unseen=unseen)
