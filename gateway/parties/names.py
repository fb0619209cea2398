"""Names of parties, from one place: organisations from the register, natural persons from the register or their login."""

from __future__ import annotations

from collections.abc import Iterable

from engine.catalogue.parties.party import BankAccount
from engine.values import PartyId
from gateway.services import Services


async def names_of(services: Services, party_ids: Iterable[str]) -> dict[PartyId, str]:
    """Return the names of parties, for those who may see them; unknown ones are missing."""
    wanted = sorted({PartyId(party_id) for party_id in party_ids})
    registered = await services.parties.read_many(wanted)
    names = {party_id: party.name_zh for party_id, party in registered.items()}
    rest = [party_id for party_id in wanted if party_id not in names]
    accounts = await services.accounts.by_ids(rest) if rest else {}
    return {**names, **{party_id: account.display_name for party_id, account in accounts.items()}}


async def payee_of(services: Services, party_id: str) -> BankAccount | None:
    """Return the verified account to which a party's money goes back."""
    return await services.parties.bank_account(PartyId(party_id))
