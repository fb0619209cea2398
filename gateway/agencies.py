"""What a confirmed agent reads of his principals: applications, deals, bids and deposits, on what his authorisation is about and while
it lasts. Nothing is copied: the authorisation stands in the caller's proof, and with its end the principal's rows are gone.
"""

from __future__ import annotations

from typing import Final

from engine.catalogue.listings.rows import DealRow, IntentRow
from engine.journal.records import Record, lot_stream
from engine.values import LotId, PartyId
from gateway.accounts.model import Caller
from gateway.services import Services
from settlement.deals.deal import DealSide
from settlement.deals.process import Process
from settlement.deposits.evolving import Deposit
from settlement.listing_effects import LISTING_STREAM

AGENCIES_MAX: Final = 20
"""Authorisations of one login that lists show."""


def agencies(caller: Caller) -> list[tuple[str, PartyId]]:
    """Return the confirmed authorisations of a caller: listing, lot or group of lots, and the principal."""
    return sorted(caller.acts_for.items())[:AGENCIES_MAX]


async def records_of(services: Services, caller: Caller, before_us: int, limit: int) -> list[Record]:
    """Return what the caller's party did, and what was done for his principals where he acts for them; newest first."""
    reader = services.reader
    found = await reader.commands_of(caller.party_id, before_us, limit)
    for subject, principal in agencies(caller):
        found += await reader.commands_of(principal, before_us, limit, lot_stream(LotId(subject)))
    return sorted(found, key=lambda record: record.at_us, reverse=True)[:limit]


async def intents_of(services: Services, caller: Caller) -> list[IntentRow]:
    """Return the caller's applications and those of his principals, newest first."""
    index = services.listings
    found = await index.intents_of_buyer(caller.party_id)
    for subject, principal in agencies(caller):
        found += await index.intents_of_buyer(principal, listing=subject)
    return sorted(found, key=lambda row: row.registered_at_us, reverse=True)


async def deals_of(services: Services, caller: Caller) -> list[DealRow]:
    """Return the caller's deals on either side and those of his principals, newest first."""
    index = services.listings
    found = await index.deals_of(caller.party_id)
    for subject, principal in agencies(caller):
        found += await index.deals_of(principal, listing=subject)
    return sorted(found, key=lambda row: row.struck_at_us, reverse=True)


async def settled_deals_of(
    services: Services, caller: Caller, after: tuple[int, str], limit: int
) -> list[tuple[Process, DealSide, str]]:
    """Return a page of the deals in settlement that a caller acts on, newest first: the deal, the side, the principal he acts for
    (empty: he is the side himself).
    """
    deals, found = services.settling.deals, dict[str, tuple[Process, DealSide, str]]()
    for subject, mandate in sorted(caller.mandates.items())[:AGENCIES_MAX]:
        for process in await deals.of_party_on(mandate.principal, subject, after, limit):
            side = process.deal.side_of(mandate.principal)
            assert side is not None, "it is the party's deal"
            found[process.id] = (process, side, mandate.principal)
    for process in await deals.of_party(caller.party_id, after, limit):
        side = process.deal.side_of(caller.party_id)
        assert side is not None, "it is the party's deal"
        found[process.id] = (process, side, "")
    ordered = sorted(found.values(), key=lambda one: (one[0].deal.struck_at_us, one[0].id), reverse=True)
    return ordered[:limit]


async def deposits_of(services: Services, caller: Caller, after: str, limit: int) -> list[Deposit]:
    """Return a page of the caller's deposits and those of his principals, by id."""
    deposits = services.settling.deposits
    found = await deposits.of_party(caller.party_id, after, limit)
    for subject, principal in agencies(caller):
        found += await deposits.of_party(principal, after, limit, subject=f"{LISTING_STREAM}{subject}")
    return sorted(found, key=lambda deposit: deposit.id)[:limit]


async def deposit_of(services: Services, caller: Caller, deposit_id: str) -> Deposit | None:
    """Return a deposit to its party, and to the agent of its party for what it is about; None for anybody else."""
    deposit = await services.settling.deposits.read(deposit_id)
    if deposit is None:
        return None
    mine = {caller.party_id, caller.party_on(deposit.subject.removeprefix(LISTING_STREAM))}
    return deposit if deposit.party_id in mine else None
