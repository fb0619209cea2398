"""Personal data of objectors, in a store of its own: who objects, how to reach him, what he wrote. The journal holds salted digests.

A resident number is checked by its check character and then forgotten: its last four characters stay for the desk, and a keyed digest,
made for one notice, tells that the same person objects again. Both keys are the market's: nobody else can try numbers.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import asyncpg
from msgspec import Struct

from engine.calendar import day_of
from engine.canonical import canonical_bytes
from engine.rules.identity import check_credit_code, check_resident_id, tidy
from engine.rules.publicity.checking import is_plain
from engine.rules.publicity.commands import Ground
from engine.values import InstantUs, NoticeId
from gateway.accounts.model import cleaned_name
from gateway.notices.ladders import QUERIES

UNSENT_MAX: Final = 50
"""Objections to one notice that are being prepared at the same time."""
UNSENT_US: Final = 24 * 3_600_000_000
STATEMENT_LEAST: Final = 10
STATEMENT_MAX: Final = 4_000
CONTACT_MAX: Final = 200
ERASED_AT_ONCE: Final = 100
RELATIONS: Final = ("completer", "colleague", "right_holder", "competitor", "funder", "public", "other")
"""How the objector stands to the achievement."""


class Said(Struct, frozen=True, kw_only=True):
    """What an objector typed. Anonymous: name, number and relation stay empty."""

    anonymous: bool = False
    name: str = ""
    number: str = ""
    contact: str = ""
    relation: str = ""
    ground: str = ""
    statement: str = ""


class Known(Struct, frozen=True, kw_only=True):
    """What is known of an objector who is logged in: he is not asked again. Empty where nobody is."""

    account: str = ""
    party: str = ""
    name: str = ""
    contact: str = ""
    verified: bool = False


class Objector(Struct, frozen=True, kw_only=True):
    """A stored objection with its person; for the handling desk and for the objector himself."""

    objection_id: str
    notice: NoticeId
    person_key: str
    account: str
    party: str
    name: str
    id_last4: str
    contact: str
    relation: str
    ground: str
    statement: str
    made_at_us: int
    sent_at_us: int | None
    receipt_no: str | None
    erased_at_us: int | None
    personal_digest: str
    statement_digest: str

    @property
    def anonymous(self) -> bool:
        """Nobody in particular: a lead."""
        return not self.person_key


def problems(said: Said, known: Known, now_us: int) -> dict[str, str]:
    """Return what is wrong: field -> stable word, texts are `objection.problem.<word>`."""
    found: dict[str, str] = {}
    if said.ground not in set(Ground):
        found["ground"] = "choose"
    text = said.statement.strip()
    if not STATEMENT_LEAST <= len(text) <= STATEMENT_MAX:
        found["statement"] = "short" if len(text) < STATEMENT_LEAST else "long"
    elif not is_plain(text):
        found["statement"] = "characters"
    if said.anonymous:
        return found
    if not known.verified:
        if cleaned_name(said.name) is None:
            found["name"] = "name"
        wrong = _number_problem(said.number, now_us)
        if wrong is not None:
            found["number"] = wrong
    contact = said.contact.strip() or known.contact
    if not 5 <= len(contact) <= CONTACT_MAX or not contact.isprintable():
        found["contact"] = "contact"
    if said.relation not in RELATIONS:
        found["relation"] = "choose"
    return found


def _number_problem(text: str, now_us: int) -> str | None:
    """A resident number, or the credit code of an organisation; the word is that of `identity.<code>`."""
    resident = check_resident_id(text, day_of(InstantUs(now_us)))
    if resident is None or check_credit_code(text) is None:
        return None
    return resident.value


class Objectors:
    """The store."""

    def __init__(self, pool: asyncpg.Pool, key: bytes, now_us: Callable[[], int]) -> None:
        self._pool = pool
        self._key = key
        self._now_us = now_us

    async def prepare(self, notice: NoticeId, said: Said, known: Known, network: str) -> tuple[str, str] | None:
        """Keep an objection that is not sent yet; return its id and secret, None if the notice has as many as it may.

        `problems` found nothing. What is not sent within a day is forgotten.
        """
        objection_id, secret, salt = "o" + secrets.token_hex(8), secrets.token_urlsafe(18), secrets.token_bytes(32)
        name, last4, contact, relation, key = "", "", "", "", ""
        if not said.anonymous:
            number = tidy(said.number)
            name = known.name if known.verified else cleaned_name(said.name) or ""
            last4 = "" if known.verified else number[-4:]
            contact, relation = said.contact.strip() or known.contact, said.relation
            key = self._person_key(notice, f"party/{known.party}" if known.verified else f"number/{number}")
        kept = await self._pool.fetchval(
            QUERIES["prepare"], objection_id, notice, sha256(secret.encode()).digest(), salt, key, known.account,
            "" if said.anonymous else known.party, network, name, last4, contact, relation, said.ground,
            said.statement.strip(), self._now_us(), UNSENT_MAX,
        )  # fmt: skip
        return None if kept is None else (objection_id, secret)

    async def read(self, objection_id: str) -> Objector | None:
        """Return an objection with its person: for the handling desk."""
        row = await self._pool.fetchrow(QUERIES["objector"], objection_id)
        return None if row is None else _objector(row)

    async def read_own(self, objection_id: str, secret: str) -> Objector | None:
        """Return an objection to whoever holds its secret."""
        row = await self._pool.fetchrow(QUERIES["objector"], objection_id)
        if row is None or not hmac.compare_digest(row["secret_digest"], sha256(secret.encode()).digest()):
            return None
        return _objector(row)

    async def note_sent(self, objection_id: str, receipt_no: str) -> None:
        """Note that it is in the log now; saying it again changes nothing."""
        await self._pool.execute(QUERIES["sent"], objection_id, self._now_us(), receipt_no)

    async def name_panellist(self, notice: NoticeId, name: str, office: str) -> str:
        """Keep the name of a member of a panel who has no account; return the id that the journal gets."""
        member_id = "m" + secrets.token_hex(8)
        await self._pool.execute(QUERIES["name_panellist"], member_id, notice, name, office, self._now_us())
        return member_id

    async def panellists(self, ids: list[str]) -> dict[str, str]:
        """Return the names of panel members, with their office."""
        rows = await self._pool.fetch(QUERIES["panellists"], ids)
        return {row["member_id"]: f"{row['name']}（{row['office']}）" if row["office"] else row["name"] for row in rows}

    async def sweep(self, keep_days: int) -> int:
        """Forget what was not sent within a day, and the persons of notices that ended long ago; return how many of these."""
        now_us = self._now_us()
        await self._pool.execute(QUERIES["forget_unsent"], now_us - UNSENT_US)
        due = await self._pool.fetch(QUERIES["to_erase"], now_us - keep_days * 86_400_000_000, ERASED_AT_ONCE)
        for row in due:
            await self._pool.execute(QUERIES["erase"], row["objection_id"], now_us)
        return len(due)

    def _person_key(self, notice: NoticeId, who: str) -> str:
        return hmac.new(self._key, f"ortoo/objector/v1\n{notice}\n{who}".encode(), sha256).hexdigest()[:40]


def _objector(row: asyncpg.Record) -> Objector:
    held = {name: row[name] for name in Objector.__struct_fields__ if name in row.keys()}  # noqa: SIM118  # a record
    personal = {name: row[name] for name in ("name", "id_last4", "contact", "relation", "person_key", "party")}
    return Objector(
        **held,
        personal_digest=sha256(row["salt"] + canonical_bytes(personal)).hexdigest(),
        statement_digest=sha256(row["salt"] + row["statement"].encode()).hexdigest(),
    )
