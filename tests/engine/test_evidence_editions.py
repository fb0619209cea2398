"""P6 in evidence files: no line of an edition shows what its reader may not see, for every event type there is and every one to come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.evidence.editions import Edition, withheld
from engine.evidence.lines import StreamWalk, line_of
from engine.journal.codec import decode_event, encode_event
from engine.journal.digests import first_digest
from engine.journal.records import Record
from engine.journal.sealing import seal
from engine.rules.publicity import commands as c
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.values import InstantUs, PartyId
from tests.engine.rules.publicity import transcript as notice

VECTORS = Path(__file__).parents[1] / "vectors"
STRANGER = PartyId("somebody-else")
SECRET = frozenset({"quote", "deposit", "deposit_id", "bidders", "maximum", "code_seed", "envelope", "shares", "play"})
"""Of nobody but the one it belongs to, and the supervisor."""
PERSONS = frozenset({"bidder_id", "buyer_id", "winner_id"})
OF_THE_DEAL = frozenset({"lot.sold", "lot.allocated"})
"""Name the buyer to the seller, who signs with him; and his shares of what was sold."""
OFFERS = frozenset({"listing.submitted", "listing.resubmitted", "listing.revised"})
OFFERED = frozenset({"deposit"})
"""In terms: what deposit is asked for, not anybody's."""
INSIDE = frozenset(
    {"approver", "applicant", "declarations", "members", "person_key", "personal_digest", "handler", "files"}
)
"""What the institution and the market know of a notice, and its buyer does not."""


def vectors(name: str) -> list[tuple[str, int, bytes]]:
    read = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return [(one["type"], one["version"], one["body"].encode()) for one in read]


def notice_events() -> list[tuple[str, int, bytes]]:
    story = notice.Story().published(related=())
    for day, command in (
        ("03-03 09:00", notice.objection()),
        ("03-04 09:00", notice.received()),
        ("03-05 09:00", notice.panel()),
        ("03-06 09:00", notice.decision()),
        ("04-30 10:00", c.ConfirmDeal(by="account-li")),
    ):
        story.tell(day, command)
    assert story.phase == "deal", story.names()
    return [encode_event(event) for _, event in story.events]


EVENTS = [*vectors("events.json"), *vectors("listing_events.json"), *notice_events()]
STREAMS = {"lot": "lot/vector", "listing": "listing/vector", "notice": "notice/vector"}


def record(kind: str, version: int, body: bytes) -> Record:
    stream = STREAMS[kind.partition(".")[0]]
    return seal(
        shard=7, seq=1, epoch=1, stream=stream, stream_seq=1, type_version=(kind, version), at_us=InstantUs(1), arrived_at_us=None,
        command_id=bytes(16), request_digest=bytes(32), actor="p-actor", body=body, salt=bytes(32), previous=first_digest(stream),
    )  # fmt: skip


def named(value: Any) -> Iterator[str]:
    """The names of the fields that say something."""
    if isinstance(value, dict):
        for name, part in value.items():
            if part not in (None, "", [], {}):
                yield name
            yield from named(part)
    elif isinstance(value, list):
        for part in value:
            yield from named(part)


def shown(edition: Edition, viewer: str, one: Record) -> dict[str, Any]:
    event = decode_event(one.type, one.version, one.body)
    line = json.loads(line_of(one, withheld(edition, PartyId(viewer), one, event)))
    if "body" in line:
        line["body"] = json.loads(line["body"])
    return line


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event[0])
def test_no_edition_shows_what_its_reader_may_not_see(event: tuple[str, int, bytes]) -> None:
    one = record(*event)
    assert "body" in shown(Edition.SUPERVISOR, "", one), "the supervisor sees everything"
    assert "maximum" not in set(named(shown(Edition.OPERATOR, "", one)))
    seller, buyer = (set(named(shown(edition, STRANGER, one))) for edition in (Edition.SELLER, Edition.BUYER))
    if not one.type.startswith("notice."):
        allowed = PERSONS | {"shares"} if one.type in OF_THE_DEAL else OFFERED if one.type in OFFERS else frozenset()
        assert not seller & (SECRET - allowed)
        if one.type.startswith("lot."):
            assert not seller & (PERSONS - allowed)
    assert not buyer & (SECRET | PERSONS | INSIDE)
    assert one.type not in OFFERS or "terms" not in buyer
    if "header" not in shown(Edition.BUYER, STRANGER, one):
        assert "p-actor" not in json.dumps(shown(Edition.BUYER, STRANGER, one))


@pytest.mark.parametrize("edition", list(Edition))
def test_every_edition_of_a_record_has_the_same_place_in_the_chain(edition: Edition) -> None:
    for event in EVENTS:
        one = record(*event)
        walk = StreamWalk(one.stream)
        line = line_of(one, withheld(edition, STRANGER, one, decode_event(one.type, one.version, one.body)))
        walk.step(line)  # its state may not follow from nothing; the chain does
        assert walk.digest == one.digest


def test_a_party_sees_its_own_records_whole() -> None:
    """Whoever a record names, or who sent it, reads it whole in the buyer's edition."""
    for event in EVENTS:
        one = record(*event)
        body = json.loads(one.body)
        for name in PERSONS & body.keys():
            if body[name]:
                assert "body" in shown(Edition.BUYER, body[name], one), (one.type, name)
        if not one.type.startswith("notice."):
            assert "body" in shown(Edition.BUYER, "p-actor", one) or one.type in (
                "lot.published",
                "lot.session_published",
            )


def test_every_event_of_a_notice_is_decided_for_its_buyer() -> None:
    assert {kind for kind, _, _ in notice_events()} <= {name for name, _ in NOTICE_WIRE_NAMES.values()}
    assert msgspec.json.decode(notice_events()[0][2])["seller_id"] == notice.SELLER
