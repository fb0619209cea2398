"""What an evidence file says of each stream, and whether the records in it bear that out.

Where every record is open the rules are run again and must give the same state. Where some are withheld, what is open or shown must
fit: the price, the number of bids, the winner's code, the deals.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from engine.evidence.lines import StreamWalk
from engine.journal.codec import encode_state
from engine.journal.streams import kind_of
from engine.rules.auction.events import LotSold
from engine.rules.auction.state import LotState
from engine.rules.listing.events import DealStruck
from engine.rules.listing.visibility import public_listing
from engine.rules.publicity.events import AgreementStruck
from engine.rules.publicity.state import NoticeState
from engine.rules.publicity.visibility import public_notice
from engine.rules.visibility import public_lot


def public_of(state: Any) -> dict[str, Any]:
    """Return the subject of a stream as everybody may see it, plain."""
    shown: msgspec.Struct | None
    if isinstance(state, LotState):
        shown = public_lot(state)
    elif isinstance(state, NoticeState):
        shown = public_notice(state, state.last_at_us)
    else:
        shown = public_listing(state)
    plain: dict[str, Any] | None = msgspec.json.decode(msgspec.json.encode(shown))
    return plain or {}


def stream_claim(stream: str, state: Any, digest: bytes, *, whole: bool) -> dict[str, Any]:
    """Return what a file claims of a stream after its last event.

    Args:
        stream: Its name.
        state: Replayed from the log.
        digest: Of the last event.
        whole: Every record is in the file, so that the reader can replay the state himself.
    """
    return {
        "stream": stream,
        "events": state.seq,
        "digest": digest.hex(),
        "state_sha256": state_digest(state) if whole else "",
        "shape": _shape_of(stream),
        "public": public_of(state),
    }


def state_digest(state: msgspec.Struct) -> str:
    """Return the digest of a state's canonical bytes."""
    return sha256(encode_state(state)).hexdigest()


def claim_problems(claim: dict[str, Any], walk: StreamWalk) -> list[str]:
    """Return where a claim and the records of its stream disagree."""
    problems = []
    if claim["events"] != walk.events or claim["digest"] != walk.digest.hex():
        problems.append("the number of events or the digest is not that of the records")
    if walk.whole and walk.state is not None:
        same_program = claim["shape"] == _shape_of(walk.stream)
        if same_program and claim["state_sha256"] != state_digest(walk.state):
            problems.append("the rules make another state of the records than the file claims")
        problems += _differing(claim["public"], public_of(walk.state))
    else:
        problems += _partly(claim["public"], walk)
    return problems


def _differing(claimed: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Compare what both know: a later program may show more, and call the absence of something by a new name."""
    names = sorted(name for name in claimed.keys() & found.keys() if claimed[name] != found[name])
    return [f"claims another value of {name} than the rules give" for name in names]


def _shape_of(stream: str) -> str:
    """Return the shape of the stream's state: another shape is another program's, and its digest is not comparable."""
    kind = kind_of(stream)
    return "" if kind is None else kind.shape


def _partly(public: dict[str, Any], walk: StreamWalk) -> list[str]:
    problems = []
    ascending = "winner_code" in public and public.get("play") is None
    if ascending and (
        public["bids"] != walk.shown_prices or (walk.shown_prices and public["price"] != walk.last_price)
    ):
        problems.append("the bids shown do not give the price that is claimed")
    deals = {deal["deal_no"]: deal["price"] for deal in public.get("deals", ())}
    for event in walk.opened_events.values():
        match event:
            case LotSold(code=code, price=price) if (code, str(price)) != (public["winner_code"], public["price"]):
                problems.append("claims another winner or price than the recorded sale")
            case DealStruck(deal_no=number, price=price) if deals.get(number) != str(price):
                problems.append(f"claims another price of deal {number} than the record")
            case AgreementStruck(price=price) if str(price) != public["price"]:
                problems.append("claims another price than the agreement on record")
    return problems
