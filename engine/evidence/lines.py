"""A stream of the journal as lines of a file: whole records, or what may be seen of them, all in one chain.

Whole:    {"body":"…","content":"…","header":{…},"n":1,"salt":"…"}
Withheld: {"content":"…","n":2} or {"content":"…","n":2,"shown":{…}}
`content` is the digest of salt, header and body (ADR 0002); the chain of contents gives the stream's head.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.canonical import canonical_bytes
from engine.evidence.editions import Withheld
from engine.journal.codec import decode_event
from engine.journal.digests import chain_digest, content_digest, first_digest, header_bytes
from engine.journal.records import Record
from engine.journal.streams import kind_of
from engine.values import InstantUs


def line_of(record: Record, closed: Withheld | None) -> bytes:
    """Return the line of a record, with its line end."""
    plain: dict[str, Any] = {"n": record.stream_seq, "content": record.content.hex()}
    if closed is None:
        plain["header"] = msgspec.json.decode(header_bytes(record))
        plain["body"] = record.body.decode()
        plain["salt"] = record.salt.hex()
    elif closed.shown is not None:
        plain["shown"] = closed.shown
    return canonical_bytes(plain) + b"\n"


class StreamWalk:
    """Reads the lines of one stream: chain, contents, and the state while no record is withheld."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.events = 0
        self.opened = 0
        self.digest = first_digest(stream)
        self.contents = bytearray()
        """Content digests, 32 bytes each."""
        self.state: Any = None
        self.last_at_us = 0
        self.opened_events: dict[int, Any] = {}
        """Decisive events that were open, by place."""
        self.shown_prices: int = 0
        """Public lines of bids, and open bids, that moved the price."""
        self.last_price: str | None = None
        self.last_code: str | None = None
        self._kind = kind_of(stream)

    @property
    def whole(self) -> bool:
        """Every record so far was open, so that `state` is what the rules make of them."""
        return self.opened == self.events

    def step(self, line: bytes) -> str | None:
        """Take the next line; return what is wrong with it, None if nothing."""
        try:
            plain = msgspec.json.decode(line, type=dict[str, Any])
            if canonical_bytes(plain) + b"\n" != line:
                return "the line is not in canonical form"
            content = bytes.fromhex(plain["content"])
            if plain["n"] != self.events + 1 or len(content) != 32:
                return f"expected event {self.events + 1}: a line is missing or was moved"
            self.digest = chain_digest(self.digest, content)
            self.contents += content
            self.events += 1
            if "header" not in plain:
                self._take_row(plain.get("shown") or {})
                return None
            return self._open(plain, content)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            return f"the line cannot be read ({type(error).__name__})"

    def _open(self, plain: dict[str, Any], content: bytes) -> str | None:
        header, body = plain["header"], plain["body"].encode()
        if content_digest(bytes.fromhex(plain["salt"]), canonical_bytes(header), body) != content:
            return "the record was changed: it does not give its content digest"
        if header["stream"] != self.stream or header["stream_seq"] != self.events:
            return "the record is of another stream or place"
        if header["at_us"] < self.last_at_us:
            return "decided before the event that precedes it"
        self.last_at_us = header["at_us"]
        whole_before = self.opened == self.events - 1
        self.opened += 1
        try:
            event = decode_event(header["type"], header["version"], body)
            if whole_before and self._kind is not None:
                subject = self._kind.subject(self.stream)
                self.state = self._kind.evolve(self.state, subject, event, InstantUs(header["at_us"]))
        except Exception as error:  # whatever a forged body makes the decoder or the rules say, it is this line's fault
            return f"the event cannot follow the state before it ({type(error).__name__})"
        self._take_event(header["type"], event)
        return None

    def _take_event(self, name: str, event: Any) -> None:
        if name in _REMEMBERED:
            self.opened_events[self.events] = event
        if getattr(event, "price_changed", False):
            self._price(str(event.price), event.leader_code)

    def _take_row(self, shown: dict[str, Any]) -> None:
        if shown.get("kind") == "bid" and "price" in shown:
            self._price(shown["price"], shown.get("leader_code"))

    def _price(self, price: str, code: str | None) -> None:
        self.shown_prices += 1
        self.last_price, self.last_code = price, code


KEPT = frozenset(
    {"lot.sold", "lot.allocated", "lot.passed", "listing.deal_struck", "notice.certified", "notice.agreement_struck"}
)
"""Events that a file is about: they have receipts in it."""
_REMEMBERED = KEPT | {"notice.objection_filed"}
