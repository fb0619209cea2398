"""The catalogue on the real market: what strangers see, needs from form to board, imports by page and by program, notices."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import pytest

from engine.catalogue.importing.columns import COLUMNS
from engine.catalogue.importing.template import template_csv
from engine.values import PartyId
from gateway.accounts.model import Role, Scope
from gateway.services import Services
from tests.gateway.conftest import Person, Town

FORM = {
    "title": "降低永磁电机重稀土用量", "problem": "直驱风机用钕铁硼磁体含镝高，成本波动大，希望用晶界扩散减少镝用量而不降低矫顽力。",
    "indicators": "镝用量降低 30% 以上\r\n矫顽力不降低", "company": "敕勒川新能源有限公司", "field": "05", "industry": "38",
    "region": "150203", "trl_min": "5", "budget_min": "500", "budget_max": "800.5", "deadline": "2027-06-30",
    "modes": "PLAIN", "contact": "高工 0471-0000000",
}  # fmt: skip
WISH = {
    **{key: FORM[key] for key in ("title", "problem", "company", "field", "industry", "region", "deadline", "contact")},
    "modes": ["PLAIN"], "negotiable": True,
}  # fmt: skip


async def read(person: Person, path: str, language: str = "zh") -> tuple[int, str]:
    headers = {**person.headers, "Accept-Language": language}
    headers.pop("X-CSRF-Token", None)  # a browser that opens a page has none
    async with person.http.get(person.base + path, headers=headers, allow_redirects=False) as response:
        return response.status, await response.text()


async def send(person: Person, path: str, form: Mapping[str, str]) -> tuple[int, str, str]:
    async with person.http.post(
        person.base + path, data=form, headers=person.headers, allow_redirects=False
    ) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def give(person: Person, path: str, body: bytes, token: str = "", **fields: str) -> tuple[int, str, Any]:
    form = aiohttp.FormData()
    headers = dict(person.headers)
    if token:
        headers = {"Authorization": f"Bearer {token}"}
    else:
        form.add_field("csrf", headers.pop("X-CSRF-Token", ""))
    for name, value in fields.items():
        form.add_field(name, value)
    form.add_field("file", body, filename="成果.csv", content_type="text/csv")
    async with person.http.post(person.base + path, data=form, headers=headers, allow_redirects=False) as response:
        answer = await response.json(content_type=None) if "json" in response.content_type else await response.text()
        return response.status, response.headers.get("Location", ""), answer


async def until(what: Callable[[], Any]) -> Any:
    """Wait until something is true; the workers of the market are at it."""
    async with asyncio.timeout(60):
        while not (found := await what()):
            await asyncio.sleep(0.02)
        return found


async def loaded(town: Town, operator: Person, *titles: str) -> None:
    """Make achievements public by an operator's load."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.key for column in COLUMNS])
    writer.writeheader()
    for title in titles:
        own = {"title_zh": title, "title_en": "", "keywords": title, "abstract_zh": f"{title}。" + "内容从略，" * 12}
        writer.writerow({**{column.key: column.example for column in COLUMNS}, **own})
    body = text.getvalue().encode()
    token = await operator.token(Scope.READ, Scope.DESK)
    status, _, job = await give(operator, "/api/v1/me/imports", body, token, target="publish")
    assert status == 200, job
    path = f"/api/v1/me/imports/{job['id']}"

    async def state() -> str:
        return (await operator.get(path))[1]["job"]["state"]

    await until(lambda: _is(state, "CHECKED"))
    status, answer = await operator.post(f"{path}/acts", {"act": "all"})
    assert status == 200, (answer, (await operator.get(path))[1])
    await until(lambda: _is(state, "DONE"))
    await town.services.search_feed.catch_up()


async def _is(state: Callable[[], Any], wanted: str) -> bool:
    now = await state()
    assert now != "FAILED"
    return bool(now == wanted)


async def test_anybody_searches_and_reads_why_nothing_was_found(town: Town):
    operator, visitor = await town.person(Role.OPERATOR), await town.person(None)
    await loaded(town, operator, "面向风机的钕铁硼磁体", "天然草原免耕补播")
    status, text = await read(visitor, "/catalogue?q=钕铁硼")
    assert status == 200
    assert "<mark>钕铁硼</mark>" in text
    assert "天然草原免耕补播" not in text.split("<ol")[1].split("</ol>")[0]
    status, text = await read(visitor, "/catalogue?q=钕铁硼&field=05&region=150200&region=150203&sort=trl&band=4-6")
    assert status == 200
    assert "面向风机的" in text
    status, text = await read(visitor, "/catalogue?q=钕铁硼磁体无此事&field=06")
    assert "没有完全符合的结果" in text
    assert "最接近的结果" in text
    status, text = await read(visitor, "/catalogue?q=<script>alert(1)</script>&field=<b>&sort=x&after='--", "en")
    assert status == 200
    assert "<script>alert" not in text


async def test_a_program_searches_with_counts(town: Town):
    operator, visitor = await town.person(Role.OPERATOR), await town.person(None)
    await loaded(town, operator, "钕铁硼磁体", "草原补播")
    status, found = await visitor.get("/api/v1/catalogue?q=磁体&field=05,06")
    assert status == 200
    assert (found["total"], found["exact"], found["found"][0]["title_zh"]) == (1, True, "钕铁硼磁体")
    assert found["facets"]["region"] == {"150200": 1, "150203": 1}
    assert "contact" not in str(found)
    assert (await visitor.get("/api/v1/catalogue?limit=51"))[0] == 400
    assert (await visitor.get(f"/api/v1/catalogue?q={'长' * 201}"))[0] == 400
    assert (await visitor.get("/api/v1/catalogue?field=%27%3BDROP"))[0] == 400
    assert (await visitor.get("/api/v1/catalogue?counts=false"))[1]["facets"] == {}


async def test_the_feed_names_the_newest(town: Town):
    operator, visitor = await town.person(Role.OPERATOR), await town.person(None)
    await loaded(town, operator, "钕铁硼磁体")
    status, feed = await visitor.get("/catalogue/feed.json")
    assert status == 200
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["title"] for item in feed["items"]] == ["钕铁硼磁体"]
    assert feed["items"][0]["url"].startswith(visitor.base + "/achievements/ach-")


async def test_a_saved_search_brings_a_notice_and_a_number_in_the_header(town: Town):
    operator, bidder = await town.person(Role.OPERATOR), await town.person(Role.BIDDER)
    status, place, _ = await send(
        bidder, "/catalogue/searches", {"from": "/catalogue?q=钕铁硼&field=05", "name": "磁体"}
    )
    assert (status, "saved=yes" in place) == (303, True)
    assert "saved=empty" in (await send(bidder, "/catalogue/searches", {"from": "//evil.example/?q=x"}))[1]
    await loaded(town, operator, "钕铁硼磁体", "草原补播")
    status, text = await read(bidder, "/me/notices")
    assert "“磁体”有新内容：钕铁硼磁体" in text
    assert re.search(r'class="badge"[^>]*>1<', text)
    number = re.search(r'name="id" value="(\d+)"', text)
    assert number
    status, place, _ = await send(bidder, "/me/notices", {"id": number[1], "next": "https://evil.example/"})
    assert (status, place) == (303, "/me/notices")
    assert 'class="badge"' not in (await read(bidder, "/me/notices"))[1]
    assert (await bidder.get("/api/v1/me/notices"))[1]["unread"] == 0
    (saved,) = (await bidder.get("/api/v1/me/searches"))[1]["searches"]
    assert saved["filters"] == {"field": ["05"]}
    stranger = await town.person(Role.BIDDER)
    assert (await stranger.send("DELETE", f"/api/v1/me/searches/{saved['id']}"))[0] == 404
    assert "磁体" in (await read(bidder, "/me/searches"))[1]
    await send(bidder, "/me/searches", {"id": saved["id"]})
    assert (await bidder.get("/api/v1/me/searches"))[1]["searches"] == []


async def test_a_need_goes_from_the_form_to_the_board_and_back(town: Town):
    bidder, operator, visitor = [await town.person(role) for role in (Role.BIDDER, Role.OPERATOR, None)]
    await loaded(town, operator, "风机钕铁硼磁体晶界扩散减镝", *(f"无关成果第{n}号" for n in range(40)))
    status, place, text = await send(bidder, "/me/needs/new", {"title": "题", "act": "SUBMIT"})
    assert status == 422
    assert "至少 30 字" in text
    status, place, text = await send(bidder, "/me/needs/new", {**FORM, "budget_min": "1e3"})
    assert status == 422
    assert FORM["title"] in text  # nothing typed is lost
    status, place, _ = await send(bidder, "/me/needs/new", {**FORM, "act": "SUBMIT"})
    assert status == 303
    need_id = place.rpartition("/")[2]
    assert (await read(visitor, f"/needs/{need_id}"))[0] == 404
    assert FORM["title"] in (await read(operator, "/desk/needs"))[1]
    assert FORM["contact"] in (await read(operator, f"/desk/needs/{need_id}"))[1]
    assert (await send(operator, f"/desk/needs/{need_id}", {"act": "SEND_BACK"}))[0] == 422
    assert (await send(operator, f"/desk/needs/{need_id}", {"act": "SEND_BACK", "reason": "请写明每台用量"}))[0] == 303
    assert "请写明每台用量" in (await read(bidder, f"/me/needs/{need_id}"))[1]
    assert (await send(bidder, f"/me/needs/{need_id}", {**FORM, "version": "1", "act": "SUBMIT"}))[0] == 303
    assert (await send(operator, f"/desk/needs/{need_id}", {"act": "PUBLISH"}))[0] == 303
    await town.services.search_feed.catch_up()
    status, text = await read(visitor, f"/needs/{need_id}")
    assert status == 200
    assert "高工" not in text
    assert "0471" not in text
    assert "¥5,000,000 – ¥8,005,000" in text
    assert "风机钕铁硼磁体晶界扩散减镝" in text
    assert "共同内容：" in html.unescape(text)
    assert need_id in (await read(visitor, "/needs?q=晶界扩散"))[1]
    achievement = re.search(r"/achievements/(ach-[0-9a-f]{12})", text)
    assert achievement
    status, text = await read(visitor, f"/achievements/{achievement[1]}/matches", "en")
    assert FORM["title"] in text
    assert "Same county" in text
    assert FORM["title"] in (await read(visitor, f"/achievements/{achievement[1]}"))[1]
    dismissed = {"achievement": achievement[1], "need": need_id, "next": f"/needs/{need_id}"}
    assert (await send(bidder, "/matches/dismiss", dismissed))[0] == 303
    assert achievement[1] not in (await read(bidder, f"/needs/{need_id}"))[1]
    assert achievement[1] in (await read(visitor, f"/needs/{need_id}"))[1]
    assert (await send(bidder, f"/me/needs/{need_id}", {"act": "MEET"}))[0] == 303
    assert (await read(visitor, f"/needs/{need_id}"))[0] == 404


async def test_needs_by_program(town: Town):
    bidder, operator, visitor = [await town.person(role) for role in (Role.BIDDER, Role.OPERATOR, None)]
    status, made = await bidder.post("/api/v1/needs", WISH)
    assert status == 200, made
    path = f"/api/v1/needs/{made['need']['id']}"
    stranger = await town.person(Role.BIDDER)
    assert (await stranger.post(f"{path}/acts", {"act": "SUBMIT"}))[0] == 404
    assert (await bidder.post(f"{path}/acts", {"act": "PUBLISH"}))[0] == 409
    assert (await bidder.post(f"{path}/acts", {"act": "SUBMIT"}))[0] == 200
    assert (await operator.post(f"{path}/acts", {"act": "SEND_BACK"}))[1]["code"] == "reason_required"
    assert (await operator.post(f"{path}/acts", {"act": "PUBLISH"}))[0] == 200
    status, shown = await visitor.get(path)
    assert (status, shown["need"]["contact"]) == (200, "")
    assert (await visitor.get(f"{path}/matches"))[1] == {"suggestions": []}
    await town.services.search_feed.catch_up()
    assert (await visitor.get("/api/v1/needs?q=晶界扩散"))[1]["total"] == 1
    assert (await visitor.get("/api/v1/catalogue?q=晶界扩散"))[1]["total"] == 0
    status, answer = await bidder.post("/api/v1/needs", {**WISH, "title": ""})
    status, answer = await bidder.post(f"/api/v1/needs/{answer['need']['id']}/acts", {"act": "SUBMIT"})
    assert answer["data"]["fields"] == "title:required"


async def test_an_institution_imports_drafts_by_the_page(town: Town):
    seller, stranger = await town.person(Role.SELLER), await town.person(Role.SELLER)
    status, text = await read(seller, "/me/imports")
    assert status == 200
    assert "直接公开" not in text
    body = template_csv("zh")
    status, place, _ = await give(seller, "/me/imports", body)
    assert status == 303
    assert (await read(stranger, place))[0] == 404
    await until(lambda: _contains(seller, place, "导入全部 1 行"))
    assert (await send(seller, place, {"act": "all"}))[:2] == (303, place)
    await until(lambda: _contains(seller, place, "已导入 1 条"))
    status, again, _ = await give(seller, "/me/imports", body)
    assert again == f"{place}?same=1"
    assert "没有重复导入" in (await read(seller, again))[1]
    page = await town.services.achievements.of_owner(PartyId(seller.account.id if seller.account else ""))
    assert len(page.items) == 1
    assert not page.items[0].is_public


async def _contains(person: Person, path: str, words: str) -> bool:
    return words in (await read(person, path))[1]


async def test_a_bad_file_is_told_line_by_line(town: Town):
    seller = await town.person(Role.SELLER)
    body = template_csv("zh").decode("utf-8-sig").replace("150203", "包头").encode("gb18030")
    _, place, _ = await give(seller, "/me/imports", body)
    await until(lambda: _contains(seller, place, "检查报告"))
    _, text = await read(seller, place)
    assert "“包头”不在代码表中" in text
    assert (await send(seller, place, {"act": "all"}))[0] == 422
    assert (await send(seller, place, {"act": "cancel"}))[0] == 303


@pytest.mark.parametrize("path", ["/me/imports", "/api/v1/me/imports"])
async def test_only_operators_publish_at_once_and_only_with_the_forms_secret(town: Town, path: str):
    seller = await town.person(Role.SELLER)
    status, _, _ = await give(seller, path, template_csv("zh"), target="publish")
    assert status == 403
    form = aiohttp.FormData()
    form.add_field("csrf", "wrong")
    form.add_field("file", b"x", filename="x.csv")
    headers = {name: value for name, value in seller.headers.items() if name != "X-CSRF-Token"}
    async with seller.http.post(seller.base + path, data=form, headers=headers) as response:
        assert response.status == 403


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_template_is_there_for_everybody(town: Town, kind: str):
    visitor = await town.person(None)
    async with visitor.http.get(f"{visitor.base}/imports/template?format={kind}") as response:
        assert response.status == 200
        assert (await response.read()).startswith(b"\xef\xbb\xbf" if kind == "csv" else b"PK")


async def test_every_page_speaks_both_languages(town: Town, market: Services):
    operator, bidder = await town.person(Role.OPERATOR), await town.person(Role.BIDDER)
    for language in ("zh", "en"):
        for path in (
            "/catalogue",
            "/needs",
            "/me/needs",
            "/me/needs/new",
            "/me/searches",
            "/me/notices",
            "/me/imports",
        ):
            status, text = await read(bidder, path, language)
            assert status == 200, path
            assert not re.search(r">(catalogue|need|import|notice|match|nav)\.[a-z_]+", text), path
        status, text = await read(operator, "/desk/needs", language)
        assert status == 200
