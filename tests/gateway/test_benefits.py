"""Reference sheets through the doors: each side its own, on the page and on paper; strangers nothing; what is not confirmed is marked."""

from __future__ import annotations

import io

import pypdf
import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from tests.gateway.conftest import Town
from tests.gateway.test_deals import Table
from tests.gateway.test_deposits import html


@pytest.fixture
async def table(market: Services, town: Town) -> Table:
    table = Table(
        market, await town.person(Role.SELLER), await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    )
    await table.struck()
    return table


async def test_each_side_reads_its_own_sheet_and_unconfirmed_parameters_are_marked(table: Table, town: Town) -> None:
    address = f"/deals/{table.id}/benefits"
    status, text = await html(table.seller, f"{address}?reward=1000000&other_income=200000")
    assert status == 200 and "¥139,080" in text and "企业所得税" in text and "待核实" in text and "尚未登记" in text
    assert text.count("benefit--unsure") >= 2
    status, text = await html(table.buyer, address)
    assert status == 200 and "企业所得税" not in text and "印花税" in text and "¥90" in text
    assert "未知" in text, "nothing is reckoned from rates that nobody has seen"
    status, text = await html(table.seller, f"{address}?reward=viel")
    assert status == 422 and "¥90" in text
    stranger = await town.person(Role.BIDDER)
    for path in (address, f"{address}.pdf"):
        assert (await html(stranger, path))[0] == 404
    status, text = await html(table.operator, f"{address}?side=buyer")
    assert status == 200 and "买方" in text


async def test_the_sheet_on_paper_says_the_same(table: Table) -> None:
    address = f"{table.seller.base}/deals/{table.id}/benefits.pdf?reward=1000000"
    async with table.seller.http.get(address, headers={**table.seller.headers, "Accept-Language": "en"}) as response:
        assert response.status == 200
        pages = pypdf.PdfReader(io.BytesIO(await response.read())).pages
    text = "".join(page.extract_text() for page in pages).replace("\n", "")
    for words in ("79,080.00", "not confirmed", "from memory", "no tax advice", "Subsidy after the trade", table.id):
        assert words.replace(" ", "") in text.replace(" ", ""), words
