"""Pricing through the doors of a real market, with the real pricing process: five answers, the report, who sees what, what is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import pytest
from pypdf import PdfReader

from gateway.accounts.model import Role
from gateway.services import Services
from pricing.observations import Observation
from pricing.process import run
from tests.gateway.conftest import Person, Town

FACTS = {"industry": "software", "trl": 6, "sales_fen": "500000000", "spent_fen": "200000000", "remaining_years": 12.0}
FORM = {"industry": "software", "trl": "6", "sales": "500", "spent": "200", "remaining_years": "12"}


@asynccontextmanager
async def pricing_of(market: Services) -> AsyncIterator[None]:
    """Run the pricing process of a market."""
    ready, stopping = asyncio.Event(), asyncio.Event()
    process = asyncio.create_task(run(market.pricing.dsn, market.config.data_dir, ready=ready.set, stopping=stopping))
    async with asyncio.timeout(60):
        await ready.wait()
    yield
    stopping.set()
    await process


@pytest.fixture
async def priced(market: Services) -> AsyncIterator[Services]:
    """A market with its pricing process."""
    async with pricing_of(market):
        yield market


async def page(
    person: Person, path: str, form: dict[str, str] | None = None, language: str = "zh"
) -> tuple[int, str, str]:
    headers = {**person.headers, "Accept-Language": language}
    if form is None:
        async with person.http.get(person.base + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers.get("Location", "")
    csrf = person.login.caller.csrf if person.login is not None else ""
    async with person.http.post(
        person.base + path, data={**form, "csrf": csrf}, headers=headers, allow_redirects=False
    ) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


async def test_five_answers_make_a_report_in_both_languages_and_the_same_numbers_by_the_interface(priced, town: Town):
    seller = await town.person(Role.SELLER)
    status, text, _ = await page(seller, "/pricing/new")
    assert status == 200 and "五个问题" in text
    status, _, where = await page(seller, "/pricing/new", FORM)
    assert status == 303, where
    for language, title in (("zh", "价格测算参考报告"), ("en", "Price estimate")):
        status, text, _ = await page(seller, where, language=language)
        assert status == 200 and title in text
        assert "pricing." not in text.replace("css/pricing.css", ""), "a text is missing"
        assert "评估报告" not in text.replace("不是资产评估报告", "")
        assert text.count('<svg class="chart') == 5
    status, body = await seller.get(f"/api/v1{where}")
    assert status == 200
    low, high = body["quote"]["range"]["p10"], body["quote"]["range"]["p90"]
    from gateway.pages.pricing_words import rough

    assert rough(low, "en") in text and rough(high, "en") in text
    status, body = await seller.post(f"/api/v1{where}/recompute")
    assert (status, body) == (200, {"same": True, "same_snapshot": True, "same_code": True})


async def test_with_a_valuation_the_report_names_the_least_prices_by_rule(priced, town: Town):
    """domain.md §6.4: of 2,000,000 yuan 1,800,000, 1,400,000, 1,120,000 and 1,000,000."""
    seller = await town.person(Role.SELLER)
    _, _, without = await page(seller, "/pricing/new", FORM)
    assert "按评估值的底价下限" not in (await page(seller, without))[1]
    _, _, where = await page(seller, "/pricing/new", {**FORM, "valuation": "200"})
    for language, title in (("zh", "按评估值的底价下限"), ("en", "Least prices by valuation")):
        status, text, _ = await page(seller, where, language=language)
        assert status == 200 and title in text
        assert all(floor in text for floor in ("¥1,800,000", "¥1,400,000", "¥1,120,000", "¥1,000,000"))


async def test_the_report_on_paper_says_what_the_page_says_and_is_no_appraisal(priced, town: Town):
    seller = await town.person(Role.SELLER)
    _, _, where = await page(seller, "/pricing/new", FORM)
    _, body = await seller.get(f"/api/v1{where}")
    async with seller.http.get(f"{seller.base}{where}/report.pdf", headers=seller.headers) as answer:
        assert answer.status == 200 and answer.content_type == "application/pdf"
        pdf = await answer.read()
    async with seller.http.get(f"{seller.base}{where}/report.pdf", headers=seller.headers) as answer:
        assert await answer.read() == pdf, "the same quote is the same document"
    from gateway.pages.pricing_words import rough

    text = "".join("".join(sheet.extract_text() for sheet in PdfReader(BytesIO(pdf)).pages).split())
    assert "价格测算参考报告" in text and "不是资产评估报告" in text
    assert rough(body["quote"]["range"]["p50"], "zh").replace(" ", "") in text
    assert body["quote"]["origin"]["snapshot"] in text


def test_the_markets_own_process_loads_nothing_that_crunches_numbers():
    import json
    import subprocess
    import sys

    program = "import sys, json, gateway.serve; print(json.dumps([n for n in ('numpy', 'scipy', 'sklearn') if n in sys.modules]))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(out.stdout) == []


async def test_a_quote_holds_the_sellers_secret_and_is_seen_by_him_and_staff_alone(priced, town: Town):
    seller, other, operator = [await town.person(role) for role in (Role.SELLER, Role.SELLER, Role.OPERATOR)]
    status, body = await seller.post("/api/v1/pricing/quotes", {"facts": FACTS})
    assert status == 200 and body["unit"] == "fen"
    path = f"/api/v1/pricing/quotes/{body['id']}"
    assert [(await person.get(path))[0] for person in (seller, other, operator)] == [200, 404, 200]
    assert (await other.post(f"{path}/recompute"))[0] == 404
    assert (await page(other, f"/pricing/quotes/{body['id']}"))[0] == 404
    assert (await other.post("/api/v1/pricing/fairness", {"quote": body["id"], "price_fen": "100"}))[0] == 404


async def test_a_what_if_is_not_stored_and_bounds_name_their_field(priced, town: Town):
    seller = await town.person(Role.SELLER)
    status, body = await seller.post("/api/v1/pricing/what-if", {"facts": {**FACTS, "trl": 9}})
    assert status == 200 and body["quote"]["success"] > 0.9
    assert seller.account is not None
    assert await priced.pricing.store.quotes_of(seller.account.party) == []
    for changes, field in (
        ({"industry": "none"}, "industry"),
        ({"trl": 10}, "facts.trl"),
        ({"sales_fen": "9" * 20}, "sales_fen"),
    ):
        status, body = await seller.post("/api/v1/pricing/quotes", {"facts": {**FACTS, **changes}})
        assert (status, body["data"]["fields"]) == (400, field), body
    status, text, _ = await page(seller, "/pricing/new", {**FORM, "sales": "much", "industry": ""})
    assert status == 422 and "请填写大于 0 的数字" in text and "请选择" in text
    assert (await seller.post("/api/v1/pricing/quotes", {"facts": FACTS, "achievement": "a" * 20}))[0] == 404


def deal(number: int) -> tuple[str, int, Observation]:
    one = Observation(
        sold=True, price_fen=80_000_000 + 4_000_000 * (number % 9), mode="english", industry="software", trl=4 + number % 4,
        remaining_years=8.0 + number % 5, title=f"成果{number}", bidders=2 + number % 3, seller="p1", buyer=f"p{number}",
    )  # fmt: skip
    return f"lot/x{number}", 1_700_000_000_000_000 + number * 9 * 86_400_000_000, one


async def test_a_report_is_varied_by_its_sliders_and_without_a_deal_and_both_quotes_stay(market: Services, town: Town):
    await market.pricing.store.add([deal(number) for number in range(30)], market.now_us)
    async with pricing_of(market):
        seller, other = await town.person(Role.SELLER), await town.person(Role.SELLER)
        _, _, where = await page(seller, "/pricing/new", {**FORM, "completion": "300", "trl": "4", "sales": "9000"})
        for language in ("zh", "en"):
            status, text, _ = await page(seller, where, language=language)
            assert status == 200 and "pricing." not in text.replace("css/pricing.css", ""), "a text is missing"
        assert (
            'name="without" value="lot/x' in text
            and 'name="royalty_percent"' in text
            and "At a volatility of 45 %" in text
        )
        left_out = text.split('name="without" value="')[1].split('"')[0]
        changed = {"act": "vary", "sales": "12000", "completion": "300", "royalty_percent": "5", "without": left_out}
        status, _, again = await page(seller, where, changed)
        assert status == 303 and again != where
        _, first = await seller.get(f"/api/v1{where}")
        _, second = await seller.get(f"/api/v1{again}")
        assert second["quote"]["without"] == [left_out] and first["quote"]["without"] == []
        assert second["quote"]["range"] != first["quote"]["range"]
        text = (await page(seller, again, language="en"))[1]
        assert f'href="{where}"' in text and f"Left out: {left_out}" in text and "checked" in text
        assert (await page(seller, where, {**changed, "sales": "-1"}))[0] == 422
        assert (await page(seller, where, {**changed, "without": "lot/none"}))[0] == 422
        body = {"facts": FACTS, "after": first["id"]}
        assert (await seller.post("/api/v1/pricing/quotes", body))[0] == 200
        assert (await other.post("/api/v1/pricing/quotes", body))[0] == 404
        async with seller.http.get(f"{seller.base}{again}/report.pdf", headers=seller.headers) as answer:
            pdf = "".join(
                "".join(sheet.extract_text() for sheet in PdfReader(BytesIO(await answer.read())).pages).split()
            )
        assert "可比案例的调整过程" in pdf and "实物期权" in pdf and left_out in pdf


async def test_the_index_of_prices_is_public_and_stands_although_pricing_is_away(market: Services, town: Town):
    visitor = await town.person(None)
    assert (await visitor.get("/api/v1/pricing/index"))[1] == {"base": 100.0, "points": []}
    await market.pricing.store.add([deal(number) for number in range(40)], market.now_us)
    async with pricing_of(market):
        pass
    status, body = await visitor.get("/api/v1/pricing/index")
    assert status == 200 and body["points"][0]["level"] == 100.0 and len(body["points"]) > 3
    for language, title in (("zh", "技术价格指数"), ("en", "Index of prices")):
        status, text, _ = await page(visitor, "/pricing", language=language)
        assert status == 200 and title in text and "2024Q1" in text
        assert "pricing." not in text.replace("css/pricing.css", ""), "a text is missing"


async def test_fairness_and_the_decision_are_on_record(priced, town: Town):
    seller, supervisor = await town.person(Role.SELLER), await town.person(Role.SUPERVISOR)
    _, body = await seller.post("/api/v1/pricing/quotes", {"facts": FACTS})
    at = body["quote"]["range"]
    status, light = await seller.post("/api/v1/pricing/fairness", {"quote": body["id"], "price_fen": str(at["p05"])})
    assert (status, light["light"]) == (200, "red")
    where = f"/pricing/quotes/{body['id']}"
    status, text, _ = await page(seller, where, {"act": "fairness", "price": "100"})
    assert status == 200 and "light--" in text
    assert (await page(seller, where, {"act": "decide", "chosen_mode": "agreement"}))[0] == 422
    decided = {
        "act": "decide",
        "chosen_mode": "agreement",
        "chosen_price": "90",
        "reason": "唯一的产业方",
        "people": "甲\n乙",
    }
    assert (await page(seller, where, decided))[0] == 303
    assert "唯一的产业方" in (await page(supervisor, where))[1]
    assert (await page(supervisor, where, decided))[0] == 400
    assert (await supervisor.post(f"/api/v1{where}/decisions", {}))[0] == 403


async def test_tables_are_changed_by_operators_with_source_and_history(priced, town: Town):
    operator, supervisor = await town.person(Role.OPERATOR), await town.person(Role.SUPERVISOR)
    change = {
        "table": "royalty",
        "code": "food",
        "field": "median_percent",
        "value": "3.1",
        "source": "本市场",
        "date": "2026-11",
        "confidence": "seen",
        "reason": "十笔成交",
    }
    assert (await page(supervisor, "/desk/pricing", change))[0] == 403
    assert (await page(operator, "/desk/pricing", {**change, "value": "101"}))[0] == 422
    assert (await page(operator, "/desk/pricing", change))[0] == 303
    status, text, _ = await page(supervisor, "/desk/pricing")
    assert status == 200 and "十笔成交" in text and "3.1" in text
    assert "pricing." not in text.replace("css/pricing.css", "")


async def test_reviewers_decide_on_patterns_and_nobody_else_sees_them(priced, town: Town):
    from pricing.store import Case

    case = Case(
        id="c" * 32,
        screen="low_prices",
        subjects=("p1", "p2"),
        p_value=0.0004,
        evidence=({"ref": "lot/x1", "z": -2.1},),
        opened_at_us=1,
    )
    await priced.pricing.store.put_cases([(case, True)], 1)
    supervisor, seller = await town.person(Role.SUPERVISOR), await town.person(Role.SELLER)
    assert (await seller.get("/api/v1/surveillance/cases"))[0] == 403
    status, body = await supervisor.get("/api/v1/surveillance/cases")
    assert status == 200 and [one["p_value"] for one in body["cases"]] == [0.0004]
    path = f"/desk/surveillance/{case.id}"
    assert "长期合作" in (await page(supervisor, path))[1]
    assert (await page(supervisor, path, {"verdict": "guilty", "reason": "x"}))[0] == 422
    assert (await page(supervisor, path, {"verdict": "harmless", "reason": "长期合同"}))[0] == 303
    assert (
        await supervisor.post(f"/api/v1/surveillance/cases/{case.id}/verdicts", {"verdict": "watch", "reason": "再看"})
    )[0] == 200
    assert [one.verdict for one in (await priced.pricing.store.case(case.id))[1]] == ["harmless", "watch"]


async def test_the_record_is_public_and_the_market_goes_on_while_pricing_is_away(market: Services, town: Town):
    visitor, seller = await town.person(None), await town.person(Role.SELLER)
    assert (await page(visitor, "/pricing"))[0] == 200
    assert (await visitor.get("/api/v1/pricing/calibration"))[0] == 200
    assert (await visitor.get("/api/v1/pricing/models/1"))[0] == 404
    status, body = await seller.post("/api/v1/pricing/quotes", {"facts": FACTS})
    assert (status, body["code"]) == (503, "unavailable")
    status, text, _ = await page(seller, "/pricing/new", FORM)
    assert status == 503 and "测算服务暂时没有响应" in text and 'value="500"' in text
    await town.lot()
