"""What outside systems answer: each answer is recorded once with what became of it, in one transaction with its effect.

Answers come repeated and out of order. One that says what stands already changes nothing; one about an older package than the one
handed in last is superseded; another number for a registered contract is a conflict that somebody has to look at.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from hashlib import sha256
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from settlement.registration import acts as a
from settlement.registration.deciding import NotDone, Refusal
from settlement.registration.events import OutsideAnswer, RegistrationState
from settlement.registration.feed.outbox import QUERIES
from settlement.registration.registrations import Registrations

ANSWER_SCHEMA: Final = "ortoo-registrar-answer-1"
ANSWER_BYTES_MAX: Final = 1_500_000
CERTIFICATE_BYTES_MAX: Final = 1_000_000
ID_MAX: Final = 80
_DECIDED: Final = (RegistrationState.REGISTERED, RegistrationState.CHANGED, RegistrationState.REFUSED)


class AnswerBody(Struct, frozen=True, kw_only=True):
    """The body of a webhook. Members that we do not know are passed over."""

    schema: str
    id: str
    """Id of this answer, unique for its system: the idempotency key."""
    system: str
    registration: str
    revision: int
    answer: OutsideAnswer
    number: str = ""
    certificate: str = ""
    """PDF in base64."""
    ground: int = 0
    reason: str = ""
    fields: tuple[str, ...] = ()


class AnswerOutcome(StrEnum):
    """What became of an answer."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    """This very answer was taken before, or it says what stands already."""
    SUPERSEDED = "superseded"
    """About a package that was handed in again since, or came after the decision."""
    CONFLICT = "conflict"
    """It contradicts what stands; an operator looks at it."""
    UNKNOWN = "unknown"
    """No such registration."""
    MALFORMED = "malformed"


class AnswerLine(Struct, frozen=True, kw_only=True):
    """An answer on record."""

    id: str
    system: str
    answer: str
    outcome: str
    at_us: int


_DECODER: Final = msgspec.json.Decoder(AnswerBody)


def read_answer(body: bytes) -> AnswerBody | str:
    """Return the answer in a body, or the name of the member that is wrong."""
    try:
        answer = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "body"
    if answer.schema != ANSWER_SCHEMA:
        return "schema"
    for name in ("id", "system", "registration"):
        text = getattr(answer, name)
        if not (1 <= len(text) <= ID_MAX and text.isascii() and text.isprintable()):
            return name
    if len(answer.fields) > 100 or len(answer.reason) > 2_000:
        return "reason"
    try:
        pdf = base64.b64decode(answer.certificate, validate=True)
    except (binascii.Error, ValueError):
        return "certificate"
    wrong = len(pdf) > CERTIFICATE_BYTES_MAX or (pdf and not pdf.startswith(b"%PDF-"))
    return "certificate" if wrong else answer


class Answers:
    """The inbox."""

    def __init__(self, pool: asyncpg.Pool, registrations: Registrations) -> None:
        self._pool = pool
        self._registrations = registrations

    async def take(self, answer: AnswerBody, body: bytes, now_us: int) -> AnswerOutcome:
        """Take one answer that passed `read_answer`; the same bytes again are answered the same."""
        digest = sha256(body).digest()
        key = f"{answer.system}/{answer.id}"
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('answer/' || $1, 0))", key)
            known = await connection.fetchrow(QUERIES["find_answer"], key)
            if known is not None:
                if known["body_digest"] != digest:
                    return AnswerOutcome.CONFLICT
                before = AnswerOutcome(known["outcome"])
                return AnswerOutcome.REPEATED if before is AnswerOutcome.RECORDED else before
            outcome = await self._act(connection, answer)
            if outcome not in (AnswerOutcome.UNKNOWN, AnswerOutcome.MALFORMED):
                await connection.execute(
                    QUERIES["keep_answer"], key, answer.system, answer.registration, answer.answer.value, outcome.value,
                    digest, now_us,
                )  # fmt: skip
            return outcome

    async def _act(self, connection: asyncpg.pool.PoolConnectionProxy, answer: AnswerBody) -> AnswerOutcome:
        registration = await self._registrations.shelf.read(answer.registration, connection)
        if registration is None:
            return AnswerOutcome.UNKNOWN
        if answer.answer is OutsideAnswer.REGISTERED and registration.number:
            return AnswerOutcome.REPEATED if registration.number == answer.number else AnswerOutcome.CONFLICT
        if answer.revision != registration.revision:
            registered = answer.answer is OutsideAnswer.REGISTERED
            return AnswerOutcome.CONFLICT if registered else AnswerOutcome.SUPERSEDED
        pdf = base64.b64decode(answer.certificate)
        act = a.TakeOutside(
            answer=answer.answer, system=answer.system, number=answer.number,
            certificate=sha256(pdf).hexdigest() if pdf else "", ground=answer.ground, reason=answer.reason,
            fields=answer.fields,
        )  # fmt: skip
        done = await self._registrations.take_outside(answer.registration, act, pdf, on=connection)
        if isinstance(done, NotDone):
            return _refused(done, answer, registration.state)
        return AnswerOutcome.RECORDED if done.events else AnswerOutcome.SUPERSEDED

    async def of_registration(self, registration_id: str) -> list[AnswerLine]:
        """Return what outside systems answered about one registration."""
        rows = await self._pool.fetch(QUERIES["answers_of"], registration_id)
        return [AnswerLine(**dict(row)) for row in rows]


def _refused(done: NotDone, answer: AnswerBody, state: RegistrationState) -> AnswerOutcome:
    if done.code is Refusal.WRONG_STATE:
        against = answer.answer in (OutsideAnswer.REGISTERED, OutsideAnswer.REFUSED) and state not in _DECIDED
        return AnswerOutcome.CONFLICT if against else AnswerOutcome.SUPERSEDED
    return AnswerOutcome.CONFLICT if done.code is Refusal.NUMBER_TAKEN else AnswerOutcome.MALFORMED
