"""Statistics on the pages: staff and registrars see the market, an institution its own year; files hold the same figures; nothing unescaped."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from gateway.accounts.model import Role
from gateway.services import Services
from gateway.statistics import charts
from gateway.statistics.tables import flows_of, grid, grids_of
from loadtests.made_histories import histories, independent
from settlement.statistics.figures import Cell
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
    assert "平均天数" in text and "1月" in text, "how long registrations took, and kinds by month"
    kinds = {f"{kind}": fen for kind, (_, fen) in wanted.items()}
    sheet = book["合同类别 × 月份"]
    lines = list(sheet.iter_rows(values_only=True))
    assert lines[0][1:3] == ("1月", "2月") and lines[0][-1] == "合计"
    sums = next(row for row in lines if row[0] == "合计")
    assert sums[-1] == pytest.approx(sum(kinds.values()) / 100), "amounts first"
    assert [row for row in lines if row[0] == "合计"][1][-1] == sum(count for count, _ in wanted.values()), (
        "counts below"
    )
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
    received = next(row[2] for row in rows if row[0] == "当年到账")
    parts = [row[2] for row in rows if str(row[0]).startswith("当年到账，按转化方式")]
    assert parts and sum(parts) == pytest.approx(received), "money by mode makes the money of the year"


def test_charts_escape_what_they_show() -> None:
    made = charts.trend([("<b>", 1)], '"><script>', {"<b>": "<i>"})
    assert "<script>" not in made and "<b>" not in made and "<i>" not in made


async def test_the_matrix_of_flows_holds_output_and_intake_of_each_unit(counted: Services, town: Town) -> None:
    """Three registrations are given places by hand: Hohhot to Baotou, Hohhot to Beijing, abroad to Manzhouli."""
    operator = await town.person(Role.OPERATOR)
    places = [("150102", "150202"), ("150100", "110108"), ("502", "150781")]
    await counted.pool.execute("DELETE FROM statistics_fact")
    for number, (seller, buyer) in enumerate(places, 1):
        await counted.pool.execute(INSERT, f"registration/R-{number}", number * 100_000_00, seller, buyer)
    report = await counted.statistics.report("registration", YEAR, 0, NOW_US)
    found = {one.code: (one.out.total_fen, one.taken.total_fen, one.within.total_fen) for one in flows_of(report)}
    assert found == {
        "150100": (300_000_00, 0, 0), "150200": (0, 100_000_00, 0), "150781": (0, 300_000_00, 0), "other": (0, 200_000_00, 0),
        "abroad": (300_000_00, 0, 0),
    }  # fmt: skip
    status, text = await html(operator, f"/desk/statistics?year={YEAR}")
    assert status == 200 and "卖方地区 × 买方地区" in text and "其他省份" in text and text.count("flows__bar--out") == 5
    (matrix,) = [one for one in grids_of(report, "zh") if one.name == "flows"]
    assert matrix.columns == ["包头", "满洲里", "其他省份"] and [row.name for row in matrix.rows] == [
        "呼和浩特",
        "境外",
    ]
    assert [cell.total_fen for cell in matrix.rows[0].cells] == [100_000_00, 0, 200_000_00]
    assert [cell.total_fen for cell in matrix.sums] == [100_000_00, 300_000_00, 200_000_00]


INSERT = """INSERT INTO statistics_fact (stream, seq, measure, at_us, year, quarter, month, count, total_fen, technical_fen, seller, buyer,
    way, mode, kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature, band)
    VALUES ($1, 1, 'registration', 1, 2024, 1, 2, 1, $2, $2, 's', 'b', 'auction', '', 'ZR2', '', '', '', '', '', $3, $4, '', '', '1m')"""


def test_codes_that_nobody_foresaw_stand_at_the_end_of_a_grid() -> None:
    cells = {("b", "2"): Cell(1, 5), ("zz", "1"): Cell(1, 7)}
    made = grid("x", cells, ("a", "b"), ("1", "2"), str.upper, str)
    assert [row.name for row in made.rows] == ["B", "ZZ"] and made.columns == ["1", "2"]
    assert made.whole == Cell(2, 12) and [row.shades for row in made.rows] == [[0, 3], [5, 0]]
