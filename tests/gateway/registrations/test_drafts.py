"""Every deal, whatever way it was struck, has its contract drawn up from the templates: what both sides sign is that text, and the
documents are of it.
"""

from __future__ import annotations

import io
from hashlib import sha256
from typing import Any

import docx
import msgspec
import pypdf
import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from settlement.contracts.drafting import clause_table, draft
from settlement.contracts.kinds import belongs
from settlement.contracts.store import contract_id_of
from settlement.deals.deal import Source, Way, deal_id_of
from settlement.deals.phases import Phase
from tests.gateway.conftest import Person, Town
from tests.gateway.listed import register_verified
from tests.gateway.registrations.conftest import wait_for
from tests.settlement.deals.conftest import a_deal

PRICE = 300_000_00
WAYS: dict[str, tuple[Way, str, dict[str, Any], str, str]] = {
    "a lot under the hammer": (Way.AUCTION, "lot", {"struck_by": "hammer", "mode": ""}, "ZR1", "AUCTION"),
    "a seat of a session": (
        Way.AUCTION,
        "lot",
        {"struck_by": "allocation", "mode": "PLAIN", "seat_no": 1},
        "XK2",
        "AUCTION",
    ),
    "a procurement": (Way.AUCTION, "lot", {"struck_by": "procurement", "mode": "DEVELOPMENT"}, "KF2", "AUCTION"),
    "a listing with one buyer": (
        Way.LISTING,
        "listing",
        {"struck_by": "sole_buyer", "mode": "TRANSFER"},
        "ZR1",
        "LISTING",
    ),
    "a licence from a listing": (
        Way.LISTING,
        "listing",
        {"struck_by": "posted", "mode": "EXCLUSIVE"},
        "XK2",
        "LISTING",
    ),
    "an agreement after publicity": (
        Way.NOTICE,
        "notice",
        {"struck_by": "agreement", "mode": "EQUITY"},
        "ZR1",
        "AGREEMENT",
    ),
}


@pytest.fixture
async def sides(market: Services, town: Town) -> tuple[Person, Person]:
    seller, buyer = await town.person(Role.SELLER), await town.person(Role.BIDDER)
    for person in (seller, buyer):
        assert person.account is not None
        await register_verified(market, person.account, "6210998877665544")
    return seller, buyer


async def _open(market: Services, sides: tuple[Person, Person], number: int, name: str) -> str:
    way, stream, more, _, _ = WAYS[name]
    seller, buyer = (person.account for person in sides)
    assert seller is not None and buyer is not None
    subject = f"draft-{number}"
    deal = a_deal(
        id=deal_id_of(way, subject, 1) if way is Way.LISTING else deal_id_of(way, subject), way=way,
        source=Source(stream=f"{stream}/{subject}", stream_seq=2, event_digest="0" * 64), seller_id=seller.party,
        buyers=(buyer.party,), price_fen=PRICE, title_zh="奶牛精准饲喂系统", sign_by_us=market.now_us + 10**12,
        struck_at_us=market.now_us, **more,
    )  # fmt: skip
    async with market.pool.acquire() as connection, connection.transaction():
        await market.settling.deals.open(deal, on=connection)
    return deal.id


async def test_what_is_signed_is_the_text_from_the_templates_whatever_way_it_was_struck(
    market: Services, town: Town, sides: tuple[Person, Person]
) -> None:
    deals = {name: await _open(market, sides, number, name) for number, name in enumerate(WAYS)}
    for name, deal_id in deals.items():
        _, _, _, kind, way = WAYS[name]

        async def signing(deal_id: str = deal_id) -> bool:
            process = await market.settling.deals.read(deal_id)
            return process is not None and process.phase is Phase.SIGNING

        await wait_for(signing)
        process = await market.settling.deals.read(deal_id)
        contract = await market.registering.contracts.read(contract_id_of(deal_id))
        assert process is not None and contract is not None, name
        found = await market.settling.deals.document(deal_id, process.contract_digest)
        assert found is not None
        statement = msgspec.json.decode(found[1])
        assert process.contract_digest == contract.text == sha256(found[1]).hexdigest(), f"{name}: one text"
        assert (contract.facts.kind, contract.facts.way) == (kind, way), name
        assert contract.templates == clause_table().version
        ids = [clause[0] for clause in statement["clauses"]]
        must = {rule.id for rule in clause_table().clauses if belongs(kind, rule.kinds) and not rule.when}
        assert must <= set(ids), f"{name}: every clause that its kind asks for"
        text = "\n".join(clause[2] for clause in statement["clauses"])
        assert "300,000.00" in text and deal_id in text, "the deal's own price and number"
        assert statement["title"] == draft(contract.facts).title


async def test_docx_and_pdf_are_of_that_text_for_both_sides(
    market: Services, town: Town, sides: tuple[Person, Person]
) -> None:
    deal_id = await _open(market, sides, 9, "a procurement")

    async def drawn_up() -> bool:
        return await market.registering.contracts.read(contract_id_of(deal_id)) is not None

    await wait_for(drawn_up)
    contract = await market.registering.contracts.read(contract_id_of(deal_id))
    assert contract is not None
    for person in sides:
        bodies = {}
        for kind in ("docx", "pdf"):
            address = f"{person.base}/contracts/{contract.id}/contract.{kind}"
            async with person.http.get(address, headers=person.headers) as response:
                assert response.status == 200, kind
                bodies[kind] = await response.read()
        document = docx.Document(io.BytesIO(bodies["docx"]))
        written = "\n".join(line.text for line in document.paragraphs)
        assert "技术开发（委托开发）合同" in written and contract.text in written and "研究开发风险" in written
        names = "\n".join(cell.text for table in document.tables for row in table.rows for cell in row.cells)
        assert contract.facts.seller.name in names and contract.facts.buyer.name in names
        pages = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(bodies["pdf"])).pages)
        assert "300,000.00" in pages and contract.id in pages
    stranger = await town.person(Role.BIDDER)
    async with stranger.http.get(
        f"{stranger.base}/contracts/{contract.id}/contract.docx", headers=stranger.headers
    ) as response:
        assert response.status == 404
