"""Ties between parties come from what is on record anyway, as keyed digests: nobody can read what they are of, staff included."""

from __future__ import annotations

from engine.catalogue.parties.party import BankAccount, PartyKind, Registration
from gateway.accounts.model import Role
from gateway.pricing.linking import KEPT_US, gather_links, link_of
from gateway.services import Services
from pricing.integrity.links import Shared
from tests.gateway.conftest import Person, Town

PHONE = "0471-7654321"
NUMBERS = ("150102199003070058", "110101199003070070")
"""Invented; well formed."""
BANK = "6222020200112233445"


async def registered(market: Services, town: Town, number: str, phone: str, bank: str) -> Person:
    person = await town.person(Role.BIDDER)
    assert person.account is not None
    said = Registration(kind=PartyKind.PERSON, name_zh="买方", number=number, phone=phone)
    await market.parties.register(said, person.account.id, party_id=person.account.party)
    await market.parties.set_bank_account(
        person.account.party, BankAccount(holder="买方", number=bank, bank="示范银行"), person.account.id
    )
    return person


async def test_parties_that_share_a_telephone_an_account_or_a_network_are_found_and_nothing_raw_is_kept(
    market: Services, town: Town
):
    one = await registered(market, town, NUMBERS[0], PHONE, BANK)
    two = await registered(market, town, NUMBERS[1], PHONE, BANK)
    assert one.account is not None and two.account is not None
    both = tuple(sorted((str(one.account.party), str(two.account.party))))
    assert await gather_links(market) >= 4
    await gather_links(market)
    shared, parties = await market.pricing.store.shared()
    assert {kind: Shared(kind=kind, parties=both) in shared for kind in ("person", "bank")} == {
        "person": True,
        "bank": True,
    }
    networks = [tie for tie in shared if tie.kind == "network"]
    assert networks and set(both) <= set(networks[0].parties) and parties >= 2
    rows = await market.pool.fetch("SELECT * FROM pricing_link")
    text = " ".join(str(dict(row)) for row in rows)
    for raw in (PHONE, BANK, *NUMBERS, "127.0.0.1"):
        assert raw not in text and raw.encode().hex() not in text


async def test_a_tie_that_is_gone_for_a_year_is_forgotten_and_one_market_cannot_read_anothers(
    market: Services, town: Town
):
    row = {"value": "10.0.0.1", "party": "p1", "first_at_us": 1, "last_at_us": 1}
    first, other = link_of(b"k" * 32, "network", row), link_of(b"j" * 32, "network", row)
    assert first.digest != other.digest and first.digest != link_of(b"k" * 32, "person", row).digest
    await market.pricing.store.put_links([first], 2, 0)
    await market.pricing.store.put_links([], KEPT_US + 10, 2)
    assert await market.pool.fetchval("SELECT count(*) FROM pricing_link WHERE party = 'p1'") == 0
