"""Sealed rounds: taking envelopes, closing them with a commitment, scoring plans, opening by two officers.

Nobody, the market included, can read a bid before two of three shares are there; the recovery share counts only once the opening is
late or a share is missing or false. What does not open is named with its reason and does not count.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.envelopes import MalformedEnvelope, context_of, is_share, open_envelope, read_envelope
from engine.rules.auction.formats import commands as c
from engine.rules.auction.formats import events as e
from engine.rules.auction.formats.play import Play
from engine.rules.auction.formats.refusing import (
    Refusal,
    is_reason,
    on_record,
    play_of,
    refuse_outsider,
    refuse_phase,
)
from engine.rules.auction.formats.terms import Hybrid, Packages, Sealed, SealedPricing, SessionTerms, Units, Weighted
from engine.rules.auction.state import Accepted, Decision, LotState, Phase, Rejected
from engine.rules.rejections import Reject
from engine.values import AMOUNT_MAX, Amount, InstantUs, parse_digits

RECOVERY = 2
"""The place of the supervisor's share."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bid on some of several lots, as it stands in an envelope."""

    lots: tuple[str, ...]
    amount: str
    group: str = ""


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in an envelope; amounts are digits in minor units."""

    amount: str
    quantity: int = 1
    partly: bool = True
    parts: tuple[Part, ...] = ()


def sealed_phase(state: LotState) -> Phase:
    """Return in which phase a format takes envelopes."""
    return Phase.SEALING if isinstance(play_of(state).terms.format, Hybrid) else Phase.OPEN


def decide_envelope(state: LotState, wish: c.SubmitEnvelope, at_us: InstantUs) -> Decision:
    """Judge a sealed bid by everything but its content, which nobody knows."""
    outsider = refuse_outsider(state, wish.bidder_id)
    if outsider is not None:
        return Rejected(outsider)
    refusal = refuse_phase(state, at_us, sealed_phase(state)) or _refuse_envelope(state, wish)
    if refusal is not None:
        return on_record(state, wish.bidder_id, None, refusal)
    earlier = play_of(state).envelopes.get(wish.bidder_id)
    return Accepted(
        e.EnvelopeTaken(
            bidder_id=wish.bidder_id,
            code=state.codes[wish.bidder_id],
            envelope=wish.envelope,
            digest=sha256(wish.envelope.encode()).hexdigest(),
            replaces=None if earlier is None else earlier.seq,
        )
    )


def _refuse_envelope(state: LotState, wish: c.SubmitEnvelope) -> Refusal | None:
    play = play_of(state)
    if play.terms.opening is None:
        return Reject.WRONG_FORMAT, {}
    if wish.bidder_id in state.excluded:
        return Reject.EXCLUDED, {}
    if play.takings and play.takings[0].bidder_id == wish.bidder_id:
        return Reject.ALREADY_LEADING, {}
    if wish.bidder_id in play.envelopes and not getattr(play.terms.format, "replaceable", False):
        return Reject.ALREADY_SUBMITTED, {}
    try:
        read_envelope(wish.envelope)
    except MalformedEnvelope:
        return Reject.ENVELOPE_MALFORMED, {}
    return None


def close_sealing(state: LotState, due_us: InstantUs) -> e.SealingClosed:
    """Return the close of a sealed round: the commitment to every envelope in force, before anybody can open one."""
    play = play_of(state)
    opening = play.terms.opening
    assert opening is not None, "what takes envelopes names who opens them"
    held = sorted((state.codes[party], one.seq, one.digest) for party, one in play.envelopes.items())
    return e.SealingClosed(
        commitment=sha256(canonical_bytes([state.lot_id, held])).hexdigest(),
        codes=tuple(code for code, _, _ in held),
        due_us=InstantUs(due_us + opening.due_us),
        last_us=InstantUs(due_us + opening.last_us),
    )


def decide_refusal(state: LotState, wish: c.RefuseBid) -> Decision:
    """Judge the refusal of a sealed bid before prices are opened: of a procurement, with a reason, before any share is there."""
    play = play_of(state)
    kind = play.terms.format
    if state.phase is not Phase.CLOSED or play.opened or play.shares:
        return Rejected(Reject.WRONG_PHASE)
    if not isinstance(kind, Sealed) or kind.pricing is not SealedPricing.LOWEST:
        return Rejected(Reject.WRONG_FORMAT)
    if wish.code not in closed_codes(state) or wish.code in play.refused:
        return Rejected(Reject.NOT_ADMITTED)
    if not is_reason(wish.reason):
        return Rejected(Reject.REASON_REQUIRED)
    return Accepted(e.BidRefusedUnopened(code=wish.code, reason=wish.reason))


def decide_scores(state: LotState, wish: c.GiveScores) -> Decision:
    """Judge an assessor's scores: all plans, all criteria, once, before prices are opened."""
    play = play_of(state)
    kind = play.terms.format
    if not isinstance(kind, Weighted):
        return Rejected(Reject.WRONG_FORMAT)
    if state.phase is not Phase.CLOSED or play.opened:
        return Rejected(Reject.WRONG_PHASE)
    if wish.assessor_id not in kind.assessors:
        return Rejected(Reject.NOT_AN_OFFICER)
    if wish.assessor_id in play.scores:
        return Rejected(Reject.ALREADY_SUBMITTED)
    names = {one.name for one in kind.criteria}
    whole = set(wish.scores) == set(closed_codes(state)) and all(set(plan) == names for plan in wish.scores.values())
    if not whole or any(not 0 <= score <= 100 for plan in wish.scores.values() for score in plan.values()):
        return Rejected(Reject.SCORES_INCOMPLETE)
    place = kind.assessors.index(wish.assessor_id)
    return Accepted(e.ScoresGiven(assessor_id=wish.assessor_id, place=place, scores=wish.scores))


def decide_shares(state: LotState, wish: c.ContributeShares) -> Decision:
    """Judge an officer's shares. False ones are taken as missing and named; an officer brings his shares once."""
    play = play_of(state)
    opening = play.terms.opening
    if opening is None:
        return Rejected(Reject.WRONG_FORMAT)
    if state.phase is not Phase.CLOSED or play.opened:
        return Rejected(Reject.WRONG_PHASE)
    people = [one.party for one in (*opening.officers, opening.recovery)]
    if wish.officer_id not in people:
        return Rejected(Reject.NOT_AN_OFFICER)
    place = people.index(wish.officer_id)
    if str(place) in play.shares:
        return Rejected(Reject.ALREADY_SUBMITTED)
    if isinstance(play.terms.format, Weighted) and set(play.scores) != set(play.terms.format.assessors):
        return Rejected(Reject.SCORES_INCOMPLETE)
    if place == RECOVERY and not play.late and not lacking(state):
        return Rejected(Reject.RECOVERY_NOT_NEEDED)
    fitting = {code: share for code, share in wish.shares.items() if _fits(state, code, place, share)}
    missing = tuple(code for code in closed_codes(state) if code not in fitting)
    return Accepted(e.SharesContributed(officer_id=wish.officer_id, place=place, shares=fitting, missing=missing))


def _fits(state: LotState, code: str, place: int, share: str) -> bool:
    held = {state.codes[party]: one for party, one in play_of(state).envelopes.items()}.get(code)
    try:
        return held is not None and is_share(read_envelope(held.envelope), place, bytes.fromhex(share))
    except ValueError:
        return False


def closed_codes(state: LotState) -> tuple[str, ...]:
    """Return the codes whose sealed bids stand to be opened."""
    return tuple(sorted(state.codes[party] for party in play_of(state).envelopes))


def lacking(state: LotState) -> tuple[str, ...]:
    """Return the codes whose envelopes cannot be opened with the two officers' shares; empty before both have brought theirs."""
    shares = play_of(state).shares
    if not {"0", "1"} <= set(shares):
        return ()
    return tuple(code for code in closed_codes(state) if code not in shares["0"] or code not in shares["1"])


def is_ready(state: LotState) -> bool:
    """Tell whether everything that can be brought is there: two officers' whole shares, or all three people's."""
    shares = play_of(state).shares
    return len(shares) == 3 or (len(shares) == 2 and not _short(state))


def _short(state: LotState) -> bool:
    shares = play_of(state).shares
    return any(sum(code in found for found in shares.values()) < 2 for code in closed_codes(state))


def opened(state: LotState) -> tuple[tuple[e.OpenedBid, ...], dict[str, str]]:
    """Return the bids in the clear, by code, and code -> why an envelope does not count (`shares`, `key`, `content`)."""
    bids: list[e.OpenedBid] = []
    broken: dict[str, str] = {}
    play = play_of(state)
    for party, held in sorted(play.envelopes.items(), key=lambda item: state.codes[item[0]]):
        code = state.codes[party]
        shares = {int(place): bytes.fromhex(found[code]) for place, found in play.shares.items() if code in found}
        if len(shares) < 2:
            broken[code] = "shares"
            continue
        plain = open_envelope(read_envelope(held.envelope), shares, context_of(state.lot_id, code))
        bid = None if plain is None else read_content(plain, play.terms, code, held.seq)
        if bid is None:
            broken[code] = "key" if plain is None else "content"
        else:
            bids.append(bid)
    return tuple(bids), broken


def read_content(plain: bytes, terms: SessionTerms, code: str, seq: int) -> e.OpenedBid | None:
    """Return the bid that stands in an envelope; None if it is no bid of this format."""
    try:
        content = msgspec.json.decode(plain, type=Content)
    except msgspec.DecodeError:
        return None
    amount = parse_digits(content.amount)
    parts = tuple((one.lots, parse_digits(one.amount), one.group) for one in content.parts)
    if amount is None or not 0 < amount <= AMOUNT_MAX or any(not value for _, value, _ in parts):
        return None
    kind = terms.format
    most = (kind.per_bidder_max or kind.units) if isinstance(kind, Units) else 1
    if not 1 <= content.quantity <= most:
        return None
    if not _parts_fit(kind, parts):
        return None
    return e.OpenedBid(
        code=code,
        seq=seq,
        amount=amount,
        quantity=content.quantity,
        partly=content.partly,
        parts=tuple((lots, Amount(value or 0), group[:40]) for lots, value, group in parts),
    )


def _parts_fit(kind: object, parts: tuple[tuple[tuple[str, ...], Amount | None, str], ...]) -> bool:
    if not isinstance(kind, Packages):
        return not parts
    names = {one.name for one in kind.lots}
    return 1 <= len(parts) <= kind.bids_each_max and all(
        0 < len(set(lots)) == len(lots) and set(lots) <= names for lots, _, _ in parts
    )


def waits_for(play: Play) -> InstantUs | None:
    """Return until when a closed round is waited for: the due time, then the last."""
    return play.last_us if play.late else play.due_us
