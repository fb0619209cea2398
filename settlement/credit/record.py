"""A credit record: noticed to the party, which may appeal within a time; decided by somebody else; in force until it expires. Pure."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes

FILE: Final = Path(__file__).parent / "data" / "rules.json"
TEXT_MAX: Final = 2_000
DAY_US: Final = 86_400_000_000


class Cause(StrEnum):
    """What is recorded (domain.md §9.3)."""

    BUYER_DEFAULT = "buyer_default"
    SELLER_DEFAULT = "seller_default"
    LATE_PAYMENT = "late_payment"
    FAKE_CONTRACT = "fake_contract"
    """A registration was revoked."""
    FAKE_DOCUMENTS = "fake_documents"
    """Found by an operator, with evidence."""


class RecordState(StrEnum):
    """Where a record stands. That it has expired follows from the clock: `Record.counts`."""

    NOTICED = "noticed"
    APPEALED = "appealed"
    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"


class Rules(Struct, frozen=True):
    """Days of appeal and of expiry: versioned data."""

    title: str
    version: str
    source: str
    confidence: str
    appeal_working_days: int
    expiry_days: dict[str, int]


@cache
def credit_rules() -> Rules:
    """Return the rules in force."""
    return msgspec.json.decode(FILE.read_bytes(), type=Rules)


class Noticed(Struct, frozen=True, kw_only=True, tag="credit.noticed"):
    """The party is told what is going to be recorded, by which event, and until when it may appeal."""

    party: str
    cause: Cause
    subject: str
    """Deal or registration."""
    evidence: str
    """Number and kind of the event, or what an operator wrote."""
    by: str
    appeal_until_us: int
    expires_at_us: int
    rules: str


class Appealed(Struct, frozen=True, kw_only=True, tag="credit.appealed"):
    """The party says why not."""

    by: str
    text: str


class Decided(Struct, frozen=True, kw_only=True, tag="credit.decided"):
    """The appeal was decided by somebody who has not made the record."""

    by: str
    upheld: bool
    reason: str


class TookEffect(Struct, frozen=True, kw_only=True, tag="credit.took_effect"):
    """Nobody appealed in time."""


class Repaired(Struct, frozen=True, kw_only=True, tag="credit.repaired"):
    """The harm was made good: it counts no more (信用修复)."""

    by: str
    reason: str


Event = Noticed | Appealed | Decided | TookEffect | Repaired


class Problem(StrEnum):
    """Why an act was refused."""

    NO_SUCH_RECORD = "no_such_record"
    WRONG_STATE = "wrong_state"
    TOO_LATE = "too_late"
    SAME_PERSON = "same_person"
    REASON_REQUIRED = "reason_required"


class Refusal(Struct, frozen=True):
    """An act that was refused."""

    problem: Problem


class Appeal(Struct, frozen=True, kw_only=True):
    """Appeal."""

    text: str


class Decide(Struct, frozen=True, kw_only=True):
    """Decide on the appeal; upheld: the record is withdrawn."""

    upheld: bool
    reason: str


class Repair(Struct, frozen=True, kw_only=True):
    """Write down that the harm was made good."""

    reason: str


class TakeEffect(Struct, frozen=True):
    """A clock: the time of appeal is over."""


Act = Noticed | Appeal | Decide | Repair | TakeEffect


class Record(Struct, frozen=True, kw_only=True):
    """A record after event `seq`."""

    id: str
    seq: int
    state: RecordState
    noticed: Noticed
    at_us: int
    appeal: str = ""
    reason: str = ""
    decided_by: str = ""

    def counts(self, now_us: int) -> bool:
        """Tell whether others may rely on it: in force and not expired."""
        return self.state is RecordState.IN_FORCE and now_us < self.noticed.expires_at_us


def decide(record: Record | None, act: Act, actor: str, at_us: int) -> Event | Refusal:
    """Return what an act makes of a record, or why it is refused. That the party itself appeals is the caller's to check."""
    if isinstance(act, Noticed):
        return Refusal(Problem.WRONG_STATE) if record is not None else act
    if record is None:
        return Refusal(Problem.NO_SUCH_RECORD)
    match act:
        case Appeal(text=text):
            if record.state is not RecordState.NOTICED:
                return Refusal(Problem.WRONG_STATE)
            if at_us >= record.noticed.appeal_until_us:
                return Refusal(Problem.TOO_LATE)
            return Appealed(by=actor, text=text) if _said(text) else Refusal(Problem.REASON_REQUIRED)
        case Decide(upheld=upheld, reason=reason):
            if record.state is not RecordState.APPEALED:
                return Refusal(Problem.WRONG_STATE)
            if actor == record.noticed.by:
                return Refusal(Problem.SAME_PERSON)
            return (
                Decided(by=actor, upheld=upheld, reason=reason) if _said(reason) else Refusal(Problem.REASON_REQUIRED)
            )
        case Repair(reason=reason):
            if not record.counts(at_us):
                return Refusal(Problem.WRONG_STATE)
            return Repaired(by=actor, reason=reason) if _said(reason) else Refusal(Problem.REASON_REQUIRED)
        case TakeEffect():
            due = record.state is RecordState.NOTICED and at_us >= record.noticed.appeal_until_us
            return TookEffect() if due else Refusal(Problem.WRONG_STATE)


def evolve(record: Record | None, event: Event, record_id: str, at_us: int) -> Record:
    """Return the record after an event."""
    if isinstance(event, Noticed):
        return Record(id=record_id, seq=1, state=RecordState.NOTICED, noticed=event, at_us=at_us)
    assert record is not None, "a notice comes first"
    changes: dict[str, object] = {"seq": record.seq + 1}
    match event:
        case Appealed():
            changes |= {"state": RecordState.APPEALED, "appeal": event.text}
        case Decided():
            state = RecordState.WITHDRAWN if event.upheld else RecordState.IN_FORCE
            changes |= {"state": state, "reason": event.reason, "decided_by": event.by}
        case TookEffect():
            changes["state"] = RecordState.IN_FORCE
        case Repaired():
            changes |= {"state": RecordState.WITHDRAWN, "reason": event.reason, "decided_by": event.by}
    return msgspec.structs.replace(record, **changes)


def encode_event(event: Event) -> tuple[str, bytes]:
    """Return the name and the canonical bytes of an event."""
    plain = msgspec.to_builtins(event)
    return str(plain["type"]), canonical_bytes(plain)


def decode_event(body: bytes) -> Event:
    """Return a stored event.

    Raises:
        msgspec.MsgspecError: the bytes are no such event.
    """
    event: Event = msgspec.json.decode(body, type=Event)
    return event


def _said(text: str) -> bool:
    return 0 < len(text.strip()) <= TEXT_MAX
