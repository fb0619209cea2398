"""The compiled layout and its Python definition: the same bytes for everything, also where the compiled one gives way.

Where no compiler was, both sides are the Python one and the tests hold trivially; `make setup` says so.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import layout
from engine.bus.local import Envelope
from engine.canonical import canonical_bytes, canonical_bytes_unchecked
from engine.evidence.receipts import ACCEPTED, Receipt
from engine.journal import codec
from engine.journal.codec import WIRES
from engine.journal.digests import CHAIN_TAG, CONTENT_TAG, chain_digest, content_of
from engine.journal.records import COLUMNS, KINDS, Record
from engine.layout import reference
from engine.rules.auction.commands import PauseKind, PlaceBid
from engine.rules.auction.events import BidAccepted, BidKind, BidRejected, LotPaused
from engine.runtime.book import Live
from engine.values import AMOUNT_MAX, Amount, InstantUs, PartyId, SubjectId, is_lot_id, parse_digits
from gateway.live import messages

ROOT = Path(__file__).resolve().parents[2]
text = st.one_of(st.text(max_size=12), st.from_regex(r"[a-z0-9 ./-]{0,40}", fullmatch=True))
amounts = st.none() | st.integers(1, AMOUNT_MAX).map(Amount) | st.integers(1, 10**6).map(Amount)
instants = st.none() | st.integers(0, 2**53 - 1).map(InstantUs)
parties = text.map(PartyId)
bids = st.builds(PlaceBid, bidder_id=parties, amount=amounts, maximum=amounts, confirmed_jump=st.booleans())
accepted = st.builds(
    BidAccepted, bidder_id=parties, code=text, kind=st.sampled_from(BidKind), amount=amounts, maximum=amounts,
    price=st.integers(1, AMOUNT_MAX).map(Amount), price_changed=st.booleans(), leader_code=text,
    automatic=st.booleans(), closes_at_us=instants, extended=st.booleans(),
)  # fmt: skip
rejected = st.builds(
    BidRejected, bidder_id=parties, amount=amounts, maximum=amounts, reject=text,
    data=st.dictionaries(st.text("abcé_", max_size=4), text | st.integers(-(2**63), 2**63), max_size=10),
)  # fmt: skip
words = st.integers(0, 2**62)
columns = st.tuples(
    st.integers(0, 71), words, words, text, words, text, st.integers(0, 9), words, st.none() | words,
    st.none() | st.binary(min_size=16, max_size=16), st.none() | st.binary(min_size=32, max_size=32), text,
)  # fmt: skip


@given(bids | accepted | rejected)
def test_a_flat_struct_has_the_bytes_of_its_plain_form(value: msgspec.Struct) -> None:
    mirror = codec._mirror(type(value))(value)
    made = codec._canonical(value)
    assert made == canonical_bytes_unchecked(mirror)
    plain = msgspec.to_builtins(mirror)
    if _has_a_canonical_form(plain):
        assert made == canonical_bytes(plain)


def _has_a_canonical_form(plain: dict[str, Any]) -> bool:
    data: dict[str, Any] = plain.get("data", {})
    whole = [part for part in data.values() if type(part) is int]
    return all(key.isascii() for key in data) and all(abs(part) < 2**53 for part in whole)


def test_bids_and_their_outcomes_take_the_short_way() -> None:
    """The plan exists for what is made a thousand times a second; anything else may go through the mirror."""
    for cls in (PlaceBid, BidAccepted, BidRejected):
        plan = codec._plan(cls)
        assert plan is not None and [name for _, name, _ in plan] == sorted(cls.__struct_fields__)


@given(salt=st.binary(min_size=32, max_size=32), body=st.binary(max_size=3_000), columns=columns)
def test_content_bytes_are_the_same(salt: bytes, body: bytes, columns: tuple[Any, ...]) -> None:
    expected = reference.content_bytes(CONTENT_TAG, salt, body, *columns)
    assert layout.content_bytes(CONTENT_TAG, salt, body, *columns) == expected
    header = reference.header_of(*columns)
    assert expected == CONTENT_TAG + salt + struct.pack("!I", len(header)) + header + body
    if all(part.isascii() for part in (columns[3], columns[5], columns[11])) and max(columns[1], columns[7]) < 2**53:
        assert list(json.loads(header)) == sorted(json.loads(header))


entries = st.none() | st.from_regex(r"[0-9]{1,20}-[0-9]{1,20}", fullmatch=True)


@given(st.lists(st.tuples(columns, st.binary(max_size=900), st.binary(max_size=32), entries), max_size=12))
def test_rows_of_a_copy_are_the_same(rows: list[tuple[tuple[Any, ...], bytes, bytes, str | None]]) -> None:
    records = [Record(*(*columns, body, other, other, other, entry)) for columns, body, other, entry in rows]
    expected = reference.copy_rows(records, COLUMNS, KINDS)
    assert layout.copy_rows(records, COLUMNS, KINDS) == expected
    assert expected.startswith(b"PGCOPY\n") and expected.endswith(b"\xff\xff")


sealings = st.tuples(
    columns, st.binary(max_size=900), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), entries
)


@given(sealings)
def test_a_sealed_record_is_the_same(sealing: tuple[tuple[Any, ...], bytes, bytes, bytes, str | None]) -> None:
    told, body, salt, previous, entry = sealing
    given_columns: tuple[Any, ...] = (*told, body, salt, previous, entry)
    made = layout.seal(Record, CONTENT_TAG, CHAIN_TAG, *given_columns)
    assert made == reference.seal(Record, CONTENT_TAG, CHAIN_TAG, *given_columns)
    assert made.content == content_of(made) and made.digest == chain_digest(previous, made.content)
    assert (made.body, made.salt, made.entry_id) == (body, salt, entry)


@given(st.binary(max_size=40), st.binary(max_size=3_000))
def test_a_digest_is_that_of_hashlib(tag: bytes, content: bytes) -> None:
    assert layout.sha256_of(tag, content) == reference.sha256_of(tag, content) == sha256(tag + content).digest()


def test_without_openssl_to_call_directly_hashlib_gives_the_same_record() -> None:
    program = (
        "from engine import layout\nfrom engine.layout import reference\n"
        "columns = (1, 2, 3, 'lot/a', 4, 'lot.bid_accepted', 1, 5, None, b'c' * 16, None, 'p1')\n"
        "rest = (b'{}', b's' * 32, b'p' * 32, None)\n"
        "made = [twin.seal(lambda *told: told, b'content', b'chain', *columns, *rest) for twin in (layout, reference)]\n"
        "assert made[0] == made[1], made\n"
        "assert not layout.COMPILED or layout.compiled.DIRECT_SHA256 == 0\n"
    )
    environment = {**os.environ, "ORTOO_SHA256_BY_HASHLIB": "1"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment, timeout=60)


told_rows = st.lists(st.tuples(columns, st.binary(max_size=900), entries), max_size=8)
streams = st.sampled_from(["lot/a", "lot/b.2", "listing/x", "lo", ""])
types = st.sampled_from(["lot.bid_accepted", "lot.sold", "listing.submitted"])


@given(told_rows, st.lists(st.tuples(streams, types), min_size=8, max_size=8), st.sampled_from([16, 64]))
def test_hidden_rows_are_the_same(
    told: list[tuple[tuple[Any, ...], bytes, str | None]], places: list[tuple[str, str]], step: int
) -> None:
    records = []
    for (some, body, entry), (stream, kind) in zip(told, places, strict=False):
        cells: tuple[Any, ...] = (*some, body, b"s" * 32, b"c" * 32, b"d" * 32, entry)
        records.append(replace(Record(*cells), stream=stream, type=kind))
    public = frozenset({"lot.sold"})
    plain, lengths = reference.secrets(records, "lot/", public, step)
    assert layout.secrets(records, "lot/", public, step) == (plain, lengths)
    assert [length > 0 for length in lengths] == [r.stream[:4] == "lot/" and r.type != "lot.sold" for r in records]
    ciphered = bytes(byte ^ 0x5A for byte in plain)
    expected = reference.copy_hidden_rows(records, COLUMNS, KINDS, lengths, b"\x01nonce", 7, ciphered)
    assert layout.copy_hidden_rows(records, COLUMNS, KINDS, lengths, b"\x01nonce", 7, ciphered) == expected
    if not any(lengths):
        assert expected == layout.copy_rows(records, COLUMNS, KINDS)


@pytest.mark.parametrize("twin", [layout, reference])
def test_rows_for_which_too_little_is_ciphered_are_an_error(twin: Any) -> None:
    hidden = Record(1, 1, 1, "lot/a", 1, "t", 1, InstantUs(1), None, None, None, "a", b"", b"", b"", b"")
    with pytest.raises(ValueError, match="less is ciphered"):
        twin.copy_hidden_rows([hidden], COLUMNS, KINDS, [64], b"h", 0, bytes(63))


receipts = st.builds(
    Receipt, decision=st.just(ACCEPTED), subject_id=text, command_id=st.binary(min_size=16, max_size=16), seq=words,
    at_us=words.map(InstantUs), digest=st.binary(min_size=32, max_size=32),
)  # fmt: skip


@given(receipts, st.none() | accepted)
def test_the_frame_of_an_accepted_command_is_the_same(receipt: Receipt, bid: BidAccepted | None) -> None:
    made = layout.accepted_frame(receipt, bid)
    assert made == reference.accepted_frame(receipt, bid)
    frame = json.loads(made)
    assert receipt.digest is not None and frame["digest"] == receipt.digest.hex()
    assert list(frame)[:4] == ["t", "id", "lot", "seq"] and frame["lot"] == receipt.subject_id
    assert frame["leading"] is (bid is not None and bid.code == bid.leader_code)
    assert (frame["price"], frame["extended"]) == ((None, False) if bid is None else (str(bid.price), bid.extended))


class Loose(dict[str, Any]):
    """An object that keeps its attributes elsewhere than in slots."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


def test_objects_without_slots_are_taken_by_the_reference() -> None:
    told: dict[str, Any] = {"command_id": b"c" * 16, "subject_id": "a", "seq": 1, "at_us": 2, "digest": b"d" * 32}
    assert layout.accepted_frame(Loose(told), None) == reference.accepted_frame(Loose(told), None)
    live, wire, cause = (
        Loose(shard=3, stream="lot/a", chain=b"p" * 32),
        WIRES[BidRejected],
        Loose(told, arrived_at_us=1),
    )
    cause.update(request_digest=None, actor="p", entry_id="1-2")
    event = BidRejected(bidder_id=PartyId("p"), amount=None, maximum=None, reject="late", data={})
    given_parts: tuple[Any, ...] = (Record, CONTENT_TAG, CHAIN_TAG, wire, event, live, cause, 1, 2, 3, 4, b"s" * 32)
    assert layout.seal_event(*given_parts) == reference.seal_event(*given_parts)


places = st.tuples(words, words, words, words, st.binary(min_size=32, max_size=32))
lives = st.builds(
    Live,
    stream=text,
    shard=st.integers(0, 71),
    state=st.none(),
    chain=st.binary(min_size=32, max_size=32),
    commands=st.just({}),
)
causes = st.none() | st.builds(
    Envelope, subject_id=text, command=st.none(), command_id=st.none() | st.binary(min_size=16, max_size=16),
    request_digest=st.none() | st.binary(min_size=32, max_size=32), actor=text, arrived_at_us=instants, reply=st.none(),
    entry_id=entries,
)  # fmt: skip


@given(accepted | rejected | st.builds(LotPaused, reason=text, kind=st.sampled_from(PauseKind)), lives, causes, places)
def test_an_event_is_sealed_the_same(event: Any, live: Any, cause: Any, place: tuple[Any, ...]) -> None:
    given_parts: tuple[Any, ...] = (Record, CONTENT_TAG, CHAIN_TAG, WIRES[type(event)], event, live, cause, *place)
    made = layout.seal_event(*given_parts)
    assert made == reference.seal_event(*given_parts)
    assert (made.epoch, made.seq, made.stream_seq, made.at_us, made.salt) == place
    assert (made.shard, made.stream, made.body) == (live.shard, live.stream, codec.encode_event(event)[2])
    assert made.content == content_of(made) and made.digest == chain_digest(live.chain, made.content)
    told = (made.arrived_at_us, made.command_id, made.request_digest, made.actor, made.entry_id)
    if cause is None:
        assert told == (None, None, None, "engine", None)
    else:
        assert told == (cause.arrived_at_us, cause.command_id, cause.request_digest, cause.actor, cause.entry_id)


def test_the_compiled_functions_keep_and_lose_no_reference() -> None:
    live: Live[Any] = Live("lot/a", 3, None, b"p" * 32, {})
    outside: Live[Any] = Live("lot/é", 3, None, b"p" * 32, {})  # left to the reference
    bid = PlaceBid(bidder_id=PartyId("p"), amount=Amount(5))
    event = BidRejected(bidder_id=PartyId("é"), amount=None, maximum=None, reject="late", data={"a": 1})
    cause: Any = Envelope("a", bid, b"c" * 16, b"r" * 32, "p", InstantUs(1), print, entry_id="1-2")
    receipt = Receipt(ACCEPTED, SubjectId("a"), b"c" * 16, 1, InstantUs(2), b"d" * 32)
    frame = b'{"t":"bid","id":"00000000-0000-4000-8000-000000000000","lot":"a1","amount":"5"}'
    watched = (
        live,
        outside,
        bid,
        event,
        cause,
        receipt,
        cause.command_id,
        cause.actor,
        live.chain,
        receipt.digest,
        frame,
    )

    def once() -> None:
        for place in (live, outside):
            for why in (cause, None):
                layout.seal_event(
                    Record, CONTENT_TAG, CHAIN_TAG, WIRES[BidRejected], event, place, why, 1, 2, 3, 4, b"s" * 32
                )
        layout.accepted_frame(receipt, None)
        codec.request_digest(bid)
        layout.read_bid(frame)
        with pytest.raises(TypeError):
            layout.flat_digest("no bytes", None, None, None)  # type: ignore[arg-type]

    once()
    before = [sys.getrefcount(one) for one in watched]
    for _ in range(100):
        once()
    assert [sys.getrefcount(one) for one in watched] == before


@given(st.binary(max_size=20), bids | accepted | rejected)
def test_a_flat_struct_has_the_digest_of_its_bytes(tag: bytes, value: msgspec.Struct) -> None:
    plan, encode = codec._plan(type(value)), codec._encoder(type(value))
    assert plan is not None
    expected = sha256(tag + codec._canonical(value)).digest()
    assert layout.flat_digest(tag, plan, encode, value) == reference.flat_digest(tag, plan, encode, value) == expected


def test_the_same_plan_serves_only_its_own_class() -> None:
    """The compiled twin remembers where a class keeps what a plan names: another class with that plan is looked at anew."""

    class Turned(msgspec.Struct):
        maximum: Amount | None
        confirmed_jump: bool
        bidder_id: str
        amount: Amount | None

    plan = codec._plan(PlaceBid)
    assert plan is not None
    bid = PlaceBid(bidder_id=PartyId("p"), amount=Amount(5))
    turned = Turned(maximum=None, confirmed_jump=False, bidder_id="p", amount=Amount(5))
    expected = codec._canonical(bid)
    for value in (bid, turned, bid):
        assert layout.flat_object(plan, lambda _: expected, value) == expected


@pytest.mark.parametrize("twin", [layout, reference])
def test_a_number_that_does_not_fit_its_column_is_an_error(twin: Any) -> None:
    record = Record(2**15, 1, 1, "s", 1, "t", 1, InstantUs(1), None, None, None, "a", b"", b"", b"", b"")
    with pytest.raises((OverflowError, struct.error)):
        twin.copy_rows([record], COLUMNS, KINDS)


@given(st.binary(min_size=16, max_size=16))
def test_ids_are_the_same_and_come_back(raw: bytes) -> None:
    written = reference.id_text(raw)
    assert layout.id_text(raw) == written
    assert layout.read_id(written) == reference.read_id(written) == raw


id_like = st.from_regex(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", fullmatch=True)


@given(
    st.one_of(
        st.text(max_size=40), id_like, id_like.map(str.upper), st.text("0123456789abcdefg-", min_size=36, max_size=36)
    )
)
def test_what_is_no_id_is_none_for_both(words: str) -> None:
    assert layout.read_id(words) == reference.read_id(words)


digits = st.one_of(
    st.from_regex(r"[0-9]{1,21}", fullmatch=True), st.integers(0, 10**20).map(str), st.just("-1"), st.just("")
)
value = st.one_of(digits.map(lambda d: f'"{d}"'), st.just("null"), st.just("1"))
lot = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,41}(\.[0-9]{1,5})?", fullmatch=True),
    st.sampled_from(["", "-a", "a.", "A", "a b"]),
)
frame = st.builds(
    lambda id, lot, amount, maximum, confirm, end: (
        f'{{"t":"bid","id":"{id}","lot":"{lot}"'
        + (f',"amount":{amount}' if amount else "")
        + (f',"maximum":{maximum}' if maximum else "")
        + (f',"confirm":{confirm}' if confirm else "")
        + end
    ).encode(),
    id_like, lot, st.none() | value, st.none() | value, st.sampled_from(["", "true", "false", "null", "1"]),
    st.sampled_from(["}", "} ", "}}", ""]),
)  # fmt: skip


@given(frame | st.builds(lambda whole, at: whole[:at], frame, st.integers(0, 140)))
def test_a_bid_is_read_alike_and_never_otherwise_than_by_the_strict_decoder(payload: bytes) -> None:
    read = layout.read_bid(payload)
    assert read == reference.read_bid(payload)
    if read is None:
        return
    strict = messages.decode(payload)
    assert isinstance(strict, messages.Bid) and is_lot_id(strict.lot)
    given = [parse_digits(part) if isinstance(part, str) else None for part in (strict.amount, strict.maximum)]
    assert read == (layout.read_id(strict.id), strict.lot, *given, strict.confirm is True)


def test_a_bid_as_browsers_write_it_is_read_at_once() -> None:
    name = "00000000-0000-4000-8000-000000000001"
    whole = {"t": "bid", "id": name, "lot": "lot-1.2", "amount": "1500", "maximum": None, "confirm": False}
    expected = (reference.read_id(name), "lot-1.2", 1_500, None, False)
    assert layout.read_bid(json.dumps(whole, separators=(",", ":")).encode()) == expected
    short = {key: whole[key] for key in ("t", "id", "lot", "amount")}
    assert layout.read_bid(json.dumps(short, separators=(",", ":")).encode()) == expected
