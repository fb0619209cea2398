"""What happens in the demonstration market: lots are published through the engine like any others, recorded bidders bid by its rules."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import uuid
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from engine.evidence.receipts import Receipt
from engine.journal.codec import request_digest
from engine.rules.auction.clearing.descending import runs_us
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid, PublishLot, PublishSession, ResumeLot
from engine.rules.auction.formats.terms import RULE_VERSIONS, Falling, SessionTerms, format_of
from engine.rules.auction.increments import increment_at, minimum_bid
from engine.rules.auction.state import LotState, Phase
from engine.rules.auction.terms import Admission, Closing, FixedIncrement, Terms
from engine.values import Amount, InstantUs, LotId, PartyId
from gateway.demo.lots import DAY_US, FALLING_CLOCK, FALLING_LOT, FALLING_NAME, HOUR_US, LOTS, DemoLot
from gateway.demo.recorded import RecordedBid, recorded_auction
from gateway.services import Services

LIVE_NAME: Final = "live-rareearth"
SOLD_SECONDS: Final = 3
SCHEDULED: Final = ("forest-fire", "magnesium")
SOLD: Final = ("mutton-trace", "potato-virus")
BETWEEN_SESSIONS_S: Final = 20.0
CODE_SEEDS: Final = 900_000
ROUND_FEN: Final = 100_000


async def fill_market(services: Services, seller: PartyId, recorded: Sequence[PartyId]) -> None:
    """Publish what is not there yet: lots that run, lots that start tomorrow, and two that are sold at once."""
    await asyncio.gather(
        *(_publish_once(services, lot, seller, recorded) for lot in LOTS if lot.name != LIVE_NAME),
    )
    if await services.engine.load(LotId(FALLING_NAME)) is None:
        await _publish_falling(services, seller)
    if await services.engine.load(_live_id(1)) is None:
        await _publish_live(services, 1, seller)


async def play_for_ever(services: Services, seller: PartyId, recorded: Sequence[PartyId]) -> None:
    """Run one live session after another; each follows another recorded auction."""
    number = 1
    while (state := await services.engine.load(_live_id(number))) is not None and state.phase.is_final:
        number += 1
    for session in itertools.count(number):
        if await services.engine.load(_live_id(session)) is None:
            await _publish_live(services, session, seller)
        await _play(services, _live_id(session), recorded, session)
        await asyncio.sleep(BETWEEN_SESSIONS_S)


async def _play(services: Services, lot_id: LotId, recorded: Sequence[PartyId], session: int) -> None:
    for bid in recorded_auction(session):
        await asyncio.sleep(bid.pause_s)
        state = services.engine.state(lot_id)
        if state is None or state.phase.is_final:
            return
        if state.phase.is_halted:
            await _resume(services, state)
        elif state.phase.is_bidding:
            await _follow(services, state, recorded[bid.bidder - 1], bid)
    while (state := services.engine.state(lot_id)) is not None and not state.phase.is_final:
        await asyncio.sleep(1.0)
        if state.phase.is_halted:
            await _resume(services, state)


async def _follow(services: Services, state: LotState, party: PartyId, bid: RecordedBid) -> None:
    """Let a recorded bidder bid: his recorded amount scaled, on the steps of this session, at least the minimum now."""
    if party == state.leader:
        return
    if party not in state.codes:
        await _say(services, state.lot_id, AdmitBidder(bidder_id=party), "demo")
    least, step = minimum_bid(state), increment_at(state.terms.increment, state.price or state.terms.start_price)
    wanted = int(state.terms.start_price * bid.factor)
    amount = min(least + max(0, wanted - least) // step * step, least + 9 * step)
    if not state.terms.multiple_only:
        amount = -(-amount // ROUND_FEN) * ROUND_FEN  # people bid round sums
    await _say(services, state.lot_id, PlaceBid(bidder_id=party, amount=Amount(amount)), party)


async def _resume(services: Services, state: LotState) -> None:
    """After a restart of the demonstration the session was interrupted: go on, as an operator would, after notice."""
    if state.resumes_at_us is None and state.phase is Phase.INTERRUPTED:
        at_us = InstantUs(services.now_us + state.terms.resume_notice_us + 1_000_000)
        await _say(services, state.lot_id, ResumeLot(reason="演示市场重启", resumes_at_us=at_us), "demo")


async def _publish_once(services: Services, lot: DemoLot, seller: PartyId, recorded: Sequence[PartyId]) -> None:
    lot_id = LotId(lot.name)
    if await services.engine.load(lot_id) is not None:
        return
    now_us = services.now_us
    opens_at_us = now_us + DAY_US + 2 * HOUR_US if lot.name in SCHEDULED else now_us
    terms = lot.terms(opens_at_us, secrets.randbelow(CODE_SEEDS))
    if lot.name in SOLD:
        ends = Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + SOLD_SECONDS * 1_000_000))
        terms = replace(terms, closing=ends)
    await _say(services, lot_id, PublishLot(terms=terms, subject=lot.subject(), seller_id=seller), "demo")
    if lot.name in SCHEDULED:
        return
    while (state := services.engine.state(lot_id)) is not None and not state.phase.is_bidding:
        await asyncio.sleep(0.02)  # the opening is marked a moment after publication
    for bid in itertools.islice(recorded_auction(len(lot.name)), 2 + len(lot.title_zh) % 5):
        state = services.engine.state(lot_id)
        if state is not None and state.phase.is_bidding:
            await _follow(services, state, recorded[bid.bidder - 1], bid)


async def _publish_live(services: Services, number: int, seller: PartyId) -> None:
    lot = next(lot for lot in LOTS if lot.name == LIVE_NAME)
    terms = replace(lot.terms(services.now_us, secrets.randbelow(CODE_SEEDS)), resume_notice_us=5_000_000)
    await _say(services, _live_id(number), PublishLot(terms=terms, subject=lot.subject(), seller_id=seller), "demo")


async def _publish_falling(services: Services, seller: PartyId) -> None:
    """Publish the session with a falling price: a day from the start price to the floor, first acceptance wins."""
    play = SessionTerms(format=Falling(clock=FALLING_CLOCK))
    opens_at_us = InstantUs(services.now_us)
    name = format_of(play)
    terms = Terms(
        closing=Closing(opens_at_us=opens_at_us, closes_at_us=InstantUs(opens_at_us + runs_us(FALLING_CLOCK))),
        increment=FixedIncrement(FALLING_CLOCK.step),
        start_price=FALLING_CLOCK.start,
        admission=Admission.OPEN,
        code_seed=secrets.randbelow(CODE_SEEDS),
        format=name,
        rule_version=RULE_VERSIONS[name],
    )
    command = PublishSession(terms=terms, play=play, subject=FALLING_LOT.subject(), seller_id=seller)
    await _say(services, LotId(FALLING_NAME), command, "demo")


def _live_id(number: int) -> LotId:
    return LotId(f"{LIVE_NAME}-{number}")


async def _say(services: Services, lot_id: LotId, command: Command, actor: str) -> Receipt:
    return await services.engine.ask(
        lot_id,
        command,
        command_id=uuid.uuid4().bytes,
        request_digest=request_digest(command),
        actor=actor,
        arrived_at_us=InstantUs(services.now_us),
    )
