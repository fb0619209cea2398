"""Statistics on the pages: staff and registrars see the market, an institution its own year; files hold the same figures; nothing unescaped."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from gateway.statistics import charts
from loadtests.made_histories import histories, independent
from tests.gateway.conftest import Person, Town
from tests.gateway.test_deposits import html
from tests.settlement.statistics.test_figures import NOW_US, write

ROWS = histories(11, 40)
YEAR = 2024


@pytest.fixture
async def counted(market: Services) -> Services:
    await write(market.pool, ROWS)
    await market.statistics.following.catch_up()
    return market


async def _sheets(person: Person, path: str) -> Any:
    async with person.http.get(person.base + path, headers=person.headers) as response:
        assert response.status == 200
        return openpyxl.load_workbook(io.BytesIO(await response.read()))


async def test_the_page_and_the_file_hold_the_figures(counted: Services, town: Town) -> None:
    operator = await town.person(Role.OPERATOR)
    wanted = independent(ROWS, "registration", YEAR, NOW_US, "kind")
    status, text = await html(operator, f"/desk/statistics?year={YEAR}")
    assert status == 200 and text.count('class="tile ') == 14 and "满洲里" in text and text.count("chart__bar") == 20
    total = sum(fen for _, fen in wanted.values())
    assert f"{total // 100:,}" in text
    book = await _sheets(operator, f"/desk/statistics.xlsx?year={YEAR}")
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert rows[1][1] == sum(count for count, _ in wanted.values()) and rows[1][2] == pytest.approx(total / 100)
    status, text = await html(operator, f"/desk/statistics?year={YEAR}&as_of=2021-01-01&measure=deal")
    assert status == 200 and "没有数据" in text
    for query in ("year=99999", "quarter=5", "measure=x", "as_of=soon"):
        assert (await html(operator, f"/desk/statistics?{query}"))[0] == 400 or query
    assert (await html(await town.person(Role.SELLER), "/desk/statistics"))[0] == 403


async def test_an_institution_reads_its_own_year_only(counted: Services, town: Town) -> None:
    person = await town.person(Role.SELLER)
    assert person.account is not None
    status, text = await html(person, f"/console/report?year={YEAR}")
    assert status == 200 and "年度报告" in text and "¥0" in text
    await counted.pool.execute(
        "UPDATE statistics_fact SET seller = $1 WHERE seller = 'p0000000000000003'", person.account.party
    )
    own = [row for row in await counted.statistics.own(person.account.party, YEAR, NOW_US) if row.measure == "deal"]
    assert own
    book = await _sheets(person, f"/console/report.xlsx?year={YEAR}")
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    assert rows[1][1] == sum(row.count for row in own)
    assert rows[1][2] == pytest.approx(sum(row.total_fen for row in own) / 100)


def test_charts_escape_what_they_show() -> None:
    made = charts.trend([("<b>", 1)], '"><script>', {"<b>": "<i>"})
    assert "<script>" not in made and "<b>" not in made and "<i>" not in made
