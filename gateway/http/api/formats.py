"""Endpoints of sessions in other formats: publishing, each way to bid, the opening by two officers, the operator's hand."""

from __future__ import annotations

import secrets
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from engine.canonical import canonical_bytes
from engine.rules.auction import commands as c
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.formats.sealing import closed_codes
from engine.rules.auction.state import LotState, Phase
from engine.rules.rejections import Reject
from engine.values import Amount, DurationUs, LotId, PartyId
from gateway.accounts.officers import OfficerKey
from gateway.desk.further_rounds import round_problem
from gateway.desk.publishing import seller_of, sold_achievement
from gateway.errors import Code, Refused
from gateway.http.api import format_wishes as w
from gateway.http.api.calls import Call, accepted_view
from gateway.http.api.desk import CODE_SEEDS, told
from gateway.http.api.views import CommandView
from gateway.http.api.wishes import CommandWish
from gateway.http.commands import ask, find_lot, take_bid


class Box(Struct, frozen=True):
    """A sealed bid that waits for an officer's share."""

    code: str
    envelope: str


class BoxesView(Struct, frozen=True):
    """What an officer opens in his browser. `place`: 0 and 1 are the officers, 2 holds the recovery share."""

    place: int
    boxes: list[Box]


class OfficerKeyView(Struct, frozen=True):
    """The key in force of the caller, None without."""

    key: OfficerKey | None


async def publish(call: Call, wish: w.SessionWish) -> CommandView:
    """Publish a session of another format."""
    command = await session_of(call, wish)
    # The digest is of what the client meant: the seed is drawn anew for each sending.
    digest = sha256(b"PublishSession\n" + canonical_bytes(wish.model_dump(mode="json", exclude={"id"}))).digest()
    command = replace(command, terms=replace(command.terms, code_seed=secrets.randbelow(CODE_SEEDS)))
    receipt = await ask(call.services, call.caller, LotId(wish.lot), command, wish.id.bytes, digest=digest)
    return await told(call, "lot.publish_session", receipt)


async def session_of(call: Call, wish: w.SessionWish) -> c.PublishSession:
    """Return the session that a wish describes, with the officers' keys from the register, still without its seed.

    Raises:
        Refused: MALFORMED: no seller, no format, or an officer without a key; TERMS_INVALID: no round may follow like this,
            or the achievement may not be sold; NOT_FOUND: it is not the seller's.
    """
    seller = await seller_of(call.services, wish.seller)
    play = replace(wish.session_terms(), opening=await _opening(call, wish))
    name = ft.format_of(play)
    terms = replace(wish.terms.terms(), format=name, rule_version=ft.RULE_VERSIONS[name])
    if play.previous_lot is not None:
        problem = round_problem(await find_lot(call.services, play.previous_lot), terms, play, seller)
        if problem is not None:
            raise Refused(Reject.TERMS_INVALID, problems=problem)
    units = isinstance(play.format, ft.Units)
    achievement = await sold_achievement(call.services, seller, wish.achievement, units=units)
    return c.PublishSession(
        terms=terms, play=play, subject=wish.subject.subject(), seller_id=seller, achievement=achievement
    )


async def _opening(call: Call, wish: w.SessionWish) -> ft.Opening | None:
    if wish.officers is None or wish.recovery is None:
        return None
    people = [PartyId(one) for one in (*wish.officers, wish.recovery)]
    keys = {one.party: one.key for one in await call.services.officer_keys.of(people)}
    missing = [party for party in people if party not in keys]
    if missing:
        raise Refused(Code.MALFORMED, fields=f"officers without a key: {', '.join(missing)}")
    first, second, recovery = (ft.Officer(party=party, key=keys[party]) for party in people)
    return ft.Opening(
        officers=(first, second),
        recovery=recovery,
        due_us=DurationUs(wish.opening_due_us),
        last_us=DurationUs(wish.opening_last_us),
    )


async def take(call: Call, wish: w.TakeWish) -> CommandView:
    """Accept the falling price."""
    party = call.caller.party_on(call.lot_id)
    command = fc.TakePrice(bidder_id=party, shown=Amount(int(wish.shown)), quantity=wish.quantity)
    return await _bid(call, wish, command)


async def submit_envelope(call: Call, wish: w.EnvelopeWish) -> CommandView:
    """Leave a sealed bid."""
    party = call.caller.party_on(call.lot_id)
    return await _bid(call, wish, fc.SubmitEnvelope(bidder_id=party, envelope=wish.envelope))


async def best_bid(call: Call, wish: w.BestBidWish) -> CommandView:
    """Answer the highest sealed bid, once."""
    party = call.caller.party_on(call.lot_id)
    return await _bid(call, wish, fc.PlaceBestBid(bidder_id=party, amount=Amount(int(wish.amount))))


async def priority(call: Call, wish: w.PriorityWish) -> CommandView:
    """Exercise or waive a right of priority after the bidding."""
    party = call.caller.party_on(call.lot_id)
    command: fc.FormatCommand = fc.WaivePriority(bidder_id=party)
    if wish.price is not None:
        command = fc.ExercisePriority(bidder_id=party, price=Amount(int(wish.price)))
    return await _bid(call, wish, command)


async def boxes(call: Call) -> BoxesView:
    """Return the sealed bids to an officer of the session, after the close."""
    state = await find_lot(call.services, call.lot_id)
    play = state.play
    people = [] if play is None or play.terms.opening is None else _people(play.terms.opening)
    if play is None or call.caller.party_id not in people:
        raise Refused(Reject.NOT_AN_OFFICER)
    if state.phase is not Phase.CLOSED:
        raise Refused(Reject.WRONG_PHASE)
    await call.services.accounts.note(call.caller, call.origin.network, "lot.boxes_read", state.lot_id)
    held = {state.codes[party]: one.envelope for party, one in play.envelopes.items()}
    return BoxesView(people.index(call.caller.party_id), [Box(code, held[code]) for code in closed_codes(state)])


def _people(opening: ft.Opening) -> list[PartyId]:
    return [one.party for one in (*opening.officers, opening.recovery)]


async def contribute_shares(call: Call, wish: w.SharesWish) -> CommandView:
    """Bring an officer's shares."""
    command = fc.ContributeShares(officer_id=call.caller.party_id, shares=dict(wish.shares))
    return await _act(call, wish, command, "lot.shares")


async def give_scores(call: Call, wish: w.ScoresWish) -> CommandView:
    """Score all plans, once, before prices are opened."""
    scores = {code: dict(plan) for code, plan in wish.scores.items()}
    return await _act(call, wish, fc.GiveScores(assessor_id=call.caller.party_id, scores=scores), "lot.scores")


async def refuse_bid(call: Call, wish: w.RefuseBidWish) -> CommandView:
    """Refuse a sealed bid before prices are opened."""
    return await _act(call, wish, fc.RefuseBid(code=wish.code, reason=wish.reason), "lot.refuse_bid")


async def exclude(call: Call, wish: w.ExcludeWish) -> CommandView:
    """Exclude a bidder, by his code, with the published reason."""
    state = await find_lot(call.services, call.lot_id)
    command = fc.ExcludeBidder(bidder_id=_party_of(state, wish.code), reason=wish.reason)
    return await _act(call, wish, command, "lot.exclude")


async def extend(call: Call, wish: w.ExtendWish) -> CommandView:
    """Give all bidders more time, with the published reason."""
    return await _act(call, wish, fc.ExtendLot(by_us=DurationUs(wish.by_us), reason=wish.reason), "lot.extend")


async def own_key(call: Call) -> OfficerKeyView:
    """The caller's public key for openings."""
    found = await call.services.officer_keys.of([call.caller.party_id])
    return OfficerKeyView(found[0] if found else None)


async def put_own_key(call: Call, wish: w.OfficerKeyWish) -> OfficerKeyView:
    """Register a public key for openings; sessions published before keep the key they were published with."""
    key = await call.services.officer_keys.put(call.caller, wish.key)
    await call.services.accounts.note(call.caller, call.origin.network, "officer.key", key.key[:20])
    return OfficerKeyView(key)


def _party_of(state: LotState, code: str) -> PartyId:
    party = next((party for party, one in state.codes.items() if one == code), None)
    if party is None:
        raise Refused(Reject.NOT_ADMITTED)
    return party


async def _bid(call: Call, wish: CommandWish, command: fc.FormatCommand) -> CommandView:
    arrived_at_us = call.services.now_us
    take_bid(call.services, call.caller)
    state = await find_lot(call.services, call.lot_id)
    receipt = await ask(call.services, call.caller, state.lot_id, command, wish.id.bytes, arrived_at_us=arrived_at_us)
    return accepted_view(receipt)


async def _act(call: Call, wish: CommandWish, command: fc.FormatCommand, act: str) -> CommandView:
    state = await find_lot(call.services, call.lot_id)
    receipt = await ask(call.services, call.caller, state.lot_id, command, wish.id.bytes)
    return await told(call, act, receipt)
