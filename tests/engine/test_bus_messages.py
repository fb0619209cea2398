"""What travels between machines: every command of every lane comes out as it went in, and nothing is taken that is not wholly known."""

from __future__ import annotations

import random
import types
import typing
from enum import Enum
from typing import Any

import msgspec
import pytest

from engine.bus import messages as m
from engine.bus.local import Envelope
from engine.evidence.receipts import Outcome, Receipt, refused
from engine.journal.codec import command_bytes, request_digest
from engine.rules.auction.commands import Command, PlaceBid
from engine.rules.auction.events import BidRejected
from engine.rules.listing.commands import ListingCommand
from engine.rules.publicity.commands import NoticeCommand
from engine.rules.rejections import Reject
from engine.values import AMOUNT_MAX, Amount, InstantUs, PartyId, shard_of, shard_of_listing, shard_of_notice

KEY = bytes(range(32))
LANES = [(Command, shard_of), (ListingCommand, shard_of_listing), (NoticeCommand, shard_of_notice)]
COMMANDS = [
    pytest.param(kind, place, id=f"{lane}-{kind.__name__}")
    for lane, (union, place) in enumerate(LANES)
    for kind in typing.get_args(union)
]
BID = PlaceBid(bidder_id=PartyId("A"), amount=Amount(100))


def made_up(hint: Any, chance: random.Random) -> Any:
    """Return some value of a declared type."""
    if hint is Amount:
        return Amount(chance.choice((1, 10**6, AMOUNT_MAX)))
    if isinstance(hint, typing.NewType):
        return made_up(hint.__supertype__, chance)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return chance.choice(list(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = typing.get_type_hints(hint)
        return hint(**{name: made_up(hints[name], chance) for name in hint.__struct_fields__})
    if isinstance(hint, type) and hasattr(hint, "_fields"):
        hints = typing.get_type_hints(hint)
        return hint(*(made_up(hints[name], chance) for name in hint._fields))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return made_up(chance.choice(arguments), chance)
    if origin is tuple and arguments[-1] is Ellipsis:
        return tuple(made_up(arguments[0], chance) for _ in range(chance.randrange(3)))
    if origin is tuple:
        return tuple(made_up(one, chance) for one in arguments)
    if origin is frozenset:
        return frozenset(made_up(arguments[0], chance) for _ in range(chance.randrange(3)))
    if origin is dict:
        return {made_up(arguments[0], chance): made_up(arguments[1], chance) for _ in range(chance.randrange(3))}
    plain = {str: lambda: chance.choice(("", "a", "标的 \\ \"x\"\n", "12")), int: lambda: chance.randrange(2**53),
             bool: lambda: chance.random() < 0.5, type(None): lambda: None}  # fmt: skip
    return plain[hint]()


def envelope(command: Any, subject_id: str = "x1") -> Envelope[Any]:
    return Envelope(
        subject_id, command, b"c" * 16, request_digest(command), "somebody", InstantUs(5), lambda receipt: None
    )


@pytest.mark.parametrize(("kind", "shard_of_subject"), COMMANDS)
def test_every_command_comes_out_as_it_went_in(kind: type[msgspec.Struct], shard_of_subject: Any) -> None:
    chance, shard = random.Random(kind.__name__), shard_of_subject("x1")
    for _ in range(20):
        command = made_up(kind, chance)
        sent = m.sent(envelope(command))
        payload = m.COMMANDS.encode((sent,), m.Cover(KEY))
        (found,) = m.COMMANDS.decode(payload, m.Cover(KEY))
        assert found == sent
        if kind.__name__ in m.BY_RULE:
            with pytest.raises(m.UnknownMessage):
                m.command_of(shard, found)  # only the engine itself says so
            return
        assert m.command_of(shard, found) == command
        with pytest.raises(m.UnknownMessage):
            m.command_of((shard + 40) % 80, found)  # it belongs elsewhere


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":"100","bidder_id":"A","confirmed_jump":false,"from_tomorrow":1,"maximum":null}',
        b'{"amount":100,"bidder_id":"A","confirmed_jump":false,"maximum":null}',
        b'{"amount":"1e2","bidder_id":"A","confirmed_jump":false,"maximum":null}',
        b'{"amount":"100","bidder_id":5,"confirmed_jump":false,"maximum":null}',
        b'{"amount":"100","confirmed_jump":false,"maximum":null}',
        b'{"bidder_id":"A","amount":"100","confirmed_jump":false,"maximum":null}',
        b"{",
        b"",
    ],
)
def test_a_command_that_says_more_or_less_than_is_known_is_refused(body: bytes) -> None:
    sent = m.sent(envelope(BID))
    assert m.command_of(shard_of("x1"), sent) == BID  # type: ignore[arg-type]
    with pytest.raises(m.UnknownMessage):
        m.command_of(shard_of("x1"), msgspec.structs.replace(sent, body=body))  # type: ignore[arg-type]


def test_only_who_has_the_key_is_understood_and_a_changed_byte_is_not() -> None:
    sent, ours = (m.sent(envelope(BID)),), m.Cover(KEY)
    payload = m.COMMANDS.encode(sent, ours)
    assert command_bytes(BID) not in payload and b"somebody" not in payload
    assert m.COMMANDS.encode(sent, ours) != payload, "the same is never the same twice"
    strangers = [m.COMMANDS.encode(sent, m.Cover(None)), m.COMMANDS.encode(sent, m.Cover(bytes(32))), b"", payload[:20]]
    changed = [bytes([*payload[:n], payload[n] ^ 1, *payload[n + 1 :]]) for n in range(0, len(payload), 7)]
    for wrong in (*strangers, *changed):
        with pytest.raises(m.UnknownMessage):
            m.COMMANDS.decode(wrong, ours)
    assert m.COMMANDS.decode(payload, m.Cover(KEY)) == sent
    clear = m.Cover(None)
    assert m.COMMANDS.decode(m.COMMANDS.encode(sent, clear), clear) == sent
    with pytest.raises(m.UnknownMessage):
        m.COMMANDS.decode(payload, clear)


def test_a_receipt_comes_out_as_it_went_in_and_an_unknown_code_is_no_receipt() -> None:
    event = BidRejected(bidder_id=PartyId("A"), amount=Amount(1), maximum=None, reject="late", data={"by": 12})
    on_record = Receipt(Outcome.REJECTED, "x1", b"c" * 16, 7, InstantUs(9), b"d" * 32, Reject.LATE, {"by": 12}, event)
    for receipt in (on_record, refused("x1", b"c" * 16, Reject.BUSY)):
        cover = m.Cover(KEY)
        (found,) = m.ANSWERS.decode(m.ANSWERS.encode((m.answer(3, 4, receipt),), cover), cover)
        assert (found.number, found.place) == (3, 4)
        assert m.receipt_of_answer(found, "x1", b"c" * 16) == receipt
        with pytest.raises(m.UnknownMessage):
            m.receipt_of_answer(msgspec.structs.replace(found, code="from_tomorrow"), "x1", b"c" * 16)
