"""Frames that are none of ours: each is refused with its code, nothing is raised, the connection goes on."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bus.local import Envelope
from engine.layout import id_text, read_id
from engine.rules.auction.commands import PlaceBid
from engine.values import InstantUs, PartyId
from gateway.accounts.model import Account, Caller, Role
from gateway.live import messages as m
from gateway.live.limits import Budget
from gateway.live.session import RoomSession
from gateway.live.settings import LiveSettings
from gateway.live.visitors import visitor_of
from tests.gateway.live.market import LOT, PLENTY, TableWire, uuid

BID: dict[str, Any] = {"t": "bid", "id": uuid(1), "lot": LOT, "amount": "1000"}
QUICK = LiveSettings(frames=PLENTY, refusals=PLENTY, bids=PLENTY)


def seat(settings: LiveSettings = QUICK) -> RoomSession:
    account = Account(
        id=PartyId("anna"),
        party=PartyId("anna"),
        login="anna",
        display_name="anna",
        role=Role.BIDDER,
        language="zh",
        created_at_us=0,
    )
    session = RoomSession(1, TableWire(), settings, lambda session: None, 0)
    session.welcome(visitor_of(Caller(account=account)), Budget(settings.bids), 0)
    session.outbox.clear()
    return session


def said(payload: bytes) -> tuple[Any, list[dict[str, Any]]]:
    session = seat()
    wish = session.receive(payload, InstantUs(1_000), lambda visitor: True)
    return wish, [json.loads(frame) for frame in session.outbox]


@pytest.mark.parametrize(
    "payload, code, fields",
    [
        (b"", "malformed", "json"),
        (b"{", "malformed", "json"),
        (b"[]", "malformed", "fields"),
        (b'"bid"', "malformed", "fields"),
        (b"null", "malformed", "fields"),
        (b"{}", "malformed", "fields"),
        (b'{"t":7}', "malformed", "fields"),
        (b'{"t":"sell"}', "unknown_type", "t"),
        (b'{"t":"welcome"}', "unknown_type", "t"),
        (b'\xef\xbb\xbf{"t":"hall"}', "malformed", "json"),
        (b'{"t":"hall"} {"t":"hall"}', "malformed", "json"),
        (b'{"t":"join","lot":"\xff\xfe"}', "malformed", "utf8"),
        (b'{"t":"join","lot":"\\ud800"}', "malformed", "json"),
        (b'{"t":"join","lot":"a","lot":"b"}', "malformed", "repeated_key"),
        (b'{"t":"hall","t":"hall"}', "malformed", "repeated_key"),
        (b'{"t":"join","lot":"a","after":1,"after":2}', "malformed", "repeated_key"),
        (b'{"t":"join","lot":"a","\\u006cot":"b"}', "malformed", "repeated_key"),
        (b'{"t":"join","lot":"a","after":1e309}', "malformed", "fields"),
        (b'{"t":"join","lot":"a","after":1.5}', "malformed", "fields"),
        (b'{"t":"join","lot":"a","after":-1}', "malformed", "fields"),
        (b'{"t":"join","lot":"a","after":9007199254740992}', "malformed", "fields"),
        (b'{"t":"join","lot":"a","after":NaN}', "malformed", "json"),
        (b'{"t":"join","lot":"a","after":true}', "malformed", "fields"),
        (b'{"t":"join","lot":"A"}', "malformed", "lot"),
        (b'{"t":"join","lot":"../etc"}', "malformed", "lot"),
        (b'{"t":"leave","lot":""}', "malformed", "lot"),
        (b'{"t":"join"}', "malformed", "fields"),
        (b'{"t":"ping","n":"1"}', "malformed", "fields"),
        (b'{"t":"hall","x":' + b"[" * 3_000 + b"]" * 3_000 + b"}", "too_large", None),
        (b'{"t":"hall","x":' + b"[" * 2_000 + b"]" * 2_000 + b"}", "malformed", "fields"),
        (b"x" * 4_097, "too_large", None),
    ],
)
def test_a_frame_that_cannot_be_read(payload: bytes, code: str, fields: str | None) -> None:
    wish, (error,) = said(payload)
    assert wish is None
    assert (error["t"], error["code"], error["retry"]) == ("error", code, "never")
    assert error["data"] == ({"limit_bytes": 4_096} if fields is None else {"fields": fields})


@pytest.mark.parametrize(
    "changes, fields",
    [
        ({"id": "7"}, "id"),
        ({"id": uuid(1).replace("-", "")}, "id"),
        ({"id": "{" + uuid(1)[1:-1] + "}"}, "id"),
        ({"id": uuid(0xABCDEF).upper()}, "id"),
        ({"id": "0000000 -0000-0000-0000-00000000000a"}, "id"),
        ({"id": "é" * 36}, "id"),
        ({"lot": "no:lot"}, "lot"),
        ({"amount": ""}, "amount"),
        ({"amount": "12.5"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "+5"}, "amount"),
        ({"amount": "0500"}, "amount"),
        ({"amount": " 5"}, "amount"),
        ({"amount": "5e3"}, "amount"),
        ({"amount": "\u0665"}, "amount"),
        ({"amount": "1" + "0" * 31}, "amount"),
        ({"maximum": "x"}, "maximum"),
        ({"amount": None, "maximum": "0x10"}, "maximum"),
        ({"amount": 1000}, "fields"),
        ({"amount": True}, "fields"),
        ({"confirm": "yes"}, "fields"),
        ({"confirm": None}, "fields"),
        ({"at_us": 1}, "fields"),
        ({"server_us": 1_893_456_000_000_000}, "fields"),
        ({"bidder_id": "bert"}, "fields"),
        ({"amount": "1" * 100}, "fields"),
    ],
)
def test_a_bid_that_is_not_well_formed(changes: dict[str, Any], fields: str) -> None:
    wish, (error,) = said(json.dumps({**BID, **changes}).encode())
    assert wish is None
    assert (error["code"], error["data"]["fields"]) == ("malformed", fields)
    if fields in ("amount", "maximum"):
        assert error["data"]["id"] == uuid(1), "the sender knows which of his bids it was"


def test_a_well_formed_bid_is_taken_with_the_time_of_the_house() -> None:
    wish, answers = said(json.dumps({**BID, "maximum": "5000", "confirm": True}).encode())
    assert answers == [] and type(wish) is Envelope
    assert wish.arrived_at_us == 1_000 and wish.actor == "anna"
    assert wish.command == PlaceBid(bidder_id=PartyId("anna"), amount=1000, maximum=5000, confirmed_jump=True)  # type: ignore[arg-type]
    assert wish.command_id is not None and id_text(wish.command_id) == uuid(1)


def test_spelling_does_not_make_another_wish() -> None:
    """Space, order of keys and absent optional fields are the same request: the digest is of what was meant."""
    spellings = [
        json.dumps(BID),
        json.dumps({**BID, "maximum": None, "confirm": False}),
        json.dumps(dict(reversed(list(BID.items()))), indent=3),
    ]
    digests = {said(spelling.encode())[0].request_digest for spelling in spellings}
    assert len(digests) == 1


@given(st.binary(min_size=16, max_size=16))
def test_ids_survive(raw: bytes) -> None:
    assert read_id(id_text(raw)) == raw


@given(st.text(max_size=40))
def test_only_one_form_of_an_id_is_read(text: str) -> None:
    raw = read_id(text)
    assert raw is None or id_text(raw) == text


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["t", "id", "lot", "amount", "maximum", "confirm", "after", "epoch", "n", "x"])
TYPES = st.sampled_from(["join", "leave", "bid", "status", "ping", "hall", "sell"])


@given(st.dictionaries(FIELDS, JSON_VALUES, max_size=6), TYPES)
def test_whatever_is_in_the_fields_the_answer_is_a_code_or_a_wish(fields: dict[str, Any], kind: str) -> None:
    wish, answers = said(json.dumps({"t": kind, **fields}, allow_nan=True).encode("utf-8", "surrogatepass"))
    assert (wish is None) == bool(answers)
    assert all(answer["t"] in ("error", "pong") for answer in answers)


def test_a_hundred_thousand_fuzzed_frames() -> None:
    """Mutations of good frames, and noise. Every one is answered or becomes a wish; none raises."""
    chance = random.Random(20)
    seeds = [
        json.dumps(frame).encode()
        for frame in (
            BID,
            {**BID, "maximum": "5000", "confirm": True},
            {"t": "join", "lot": LOT, "after": 5, "epoch": 1},
            {"t": "leave", "lot": LOT},
            {"t": "status", "id": uuid(2), "lot": LOT},
            {"t": "ping", "n": 5},
            {"t": "hall"},
        )
    ]
    scraps = [
        b'"',
        b":",
        b"{",
        b"}",
        b"[",
        b",",
        b"\\",
        b"\\u0000",
        b"1e309",
        b"null",
        b"\xff",
        b"\x00",
        b'"t":"bid"',
        b"-",
        b"99999999999999999999",
    ]
    session = seat()
    codes: dict[str, int] = {}
    wishes = 0
    for number in range(100_000):
        payload = bytearray(chance.choice(seeds)) if number % 10 else bytearray(chance.randbytes(chance.randrange(60)))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(payload) + 1)
            match chance.randrange(4):
                case 0:
                    payload[at:at] = chance.choice(scraps)
                case 1:
                    del payload[at : at + chance.randrange(1, 9)]
                case 2:
                    payload[at : at + 1] = chance.randbytes(1)
                case 3:
                    payload[at:at] = payload[chance.randrange(at + 1) : at]
        wish = session.receive(bytes(payload), InstantUs(number), lambda visitor: True)
        wishes += wish is not None
        if type(wish) is Envelope:
            session.waiting -= 1
        answers = [msgspec.json.decode(frame) for frame in session.outbox]
        session.outbox.clear()
        assert (wish is None) == (len(answers) == 1)
        for answer in answers:
            code = answer.get("code", answer["t"])
            codes[code] = codes.get(code, 0) + 1
        if type(wish) is m.Status:
            session.waiting -= 1
    assert wishes > 10_000
    assert codes.keys() == {"malformed", "unknown_type", "pong"}
