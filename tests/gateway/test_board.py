"""The public board: what it shows, to whom it is the same, how it is kept, and that nothing shown can act."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
import segno

from engine.journal.codec import request_digest
from engine.rules.auction import commands as auction
from engine.rules.auction import terms as t
from engine.rules.publicity import commands as c
from engine.rules.publicity.content import Basis, BasisKind, Buyer, Confidential, NamedCompleter
from engine.rules.words import parse
from engine.values import Amount, InstantUs, LotId, NoticeId, PartyId
from gateway.accounts.model import Role
from gateway.services import Services
from tests.engine.rules.publicity.transcript import objection
from tests.gateway.conftest import Town
from tests.gateway.noticed import SELLER, accepted, publish, say

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}]]>--><!--/record-->&amp;'
ATOM = "{http://www.w3.org/2005/Atom}"


async def fetch(town: Town, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    """Get a page as somebody without cookies."""
    address = f"http://127.0.0.1:{town.services.config.http_port}{path}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with town.http.get(address, headers=sent, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers


async def ok(town: Town, path: str, **headers: str) -> str:
    status, text, _ = await fetch(town, path, **headers)
    assert status == 200, (path, status, text[:500])
    return text


async def sold_lot(market: Services, town: Town, **subject: Any) -> str:
    """Sell a lot: one bidder, one bid, an end that comes at once."""
    seller, bidder = PartyId("p-seller"), PartyId("p-secret-bidder")
    lot, now_us = LotId(f"sold-{uuid4().hex[:8]}"), market.now_us
    closing = t.Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + 400_000))
    terms = t.Terms(closing=closing, increment=t.FixedIncrement(Amount(100)), start_price=Amount(50_000), admission=t.Admission.OPEN)  # fmt: skip
    given: dict[str, Any] = {
        "title_zh": "马铃薯雾培",
        "title_en": "Potato",
        "seller_name_zh": "薯业站",
        "region": "150900",
        "field": "09",
        **subject,
    }
    publication = auction.PublishLot(terms=terms, subject=auction.Subject(**given), seller_id=seller)
    await told(market, lot, publication, "operator")
    await told(market, lot, auction.AdmitBidder(bidder_id=bidder), "operator")
    async with asyncio.timeout(10):
        while (state := market.engine.state(lot)) is None or not state.phase.is_bidding:
            await asyncio.sleep(0.005)
        await told(market, lot, auction.PlaceBid(bidder_id=bidder, amount=Amount(60_000)), bidder)
        while (state := market.engine.state(lot)) is None or not state.phase.is_final:
            await asyncio.sleep(0.02)
    await market.board.catch_up()
    return lot


async def told(market: Services, lot: LotId, command: auction.Command, actor: str) -> None:
    """Send a command to a lot; it holds."""
    accepted(
        await market.engine.ask(
            lot,
            command,
            command_id=uuid4().bytes,
            request_digest=request_digest(command),
            actor=actor,
            arrived_at_us=None,
        )
    )


async def test_a_published_notice_is_on_the_board_and_at_its_address(market: Services, town: Town) -> None:
    await publish(market, "n-1", title_zh="耐寒苜蓿培育方法", title_mn="ᠴᠠᠷᠭᠠᠰᠤ", region="150421", field="09")
    board = await ok(town, "/board")
    assert "耐寒苜蓿培育方法" in board and "/board/notices/n-1" in board
    assert '<p class="mn-vertical" lang="mn-Mong">' in board
    page = await ok(town, "/board/notices/n-1")
    assert "今日发布，共 15 天" in page and "¥800,000" in page and "捌拾万元整" in page
    assert "赤峰市阿鲁科尔沁旗" in page and "北疆草业有限公司" in page
    assert "/notices/n-1/objection" in page
    assert "未同意公开姓名" in page, "a completer who did not agree has no name"
    english = await ok(town, "/board/notices/n-1?lang=en")
    assert "Published today, 15 days" in english and "eight hundred thousand yuan" in english
    code = await ok(town, "/board/notices/n-1/qr.svg")
    assert ET.fromstring(code).tag == "{http://www.w3.org/2000/svg}svg"


async def test_what_was_never_published_is_not_there(market: Services, town: Town) -> None:
    from tests.engine.rules.publicity.transcript import submit

    accepted(await say(market, "n-draft", submit()))
    await market.board.catch_up()
    for path in (
        "/board/notices/n-draft", "/board/notices/n-draft/record.json", "/board/notices/n-draft/qr.svg",
        "/board/notices/n-draft/availability", "/board/widget?notice=n-draft", "/board/notices/none", "/board/notices/A%20B",
        "/board/deals/lots/none", "/board/deals/listings/none/1", "/board/deals/listings/none/x", "/board/shown/ab",
        f"/board/shown/{'ab' * 32}", "/board/widget?notice=%22",
    ):  # fmt: skip
        status, _, _ = await fetch(town, path)
        assert status == 404, path
    assert "n-draft" not in await ok(town, "/board")


async def test_the_page_is_the_same_for_everybody_and_sets_no_cookie(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    person = await town.person(Role.BIDDER)
    for path in ("/board", "/board/notices/n-1", "/wall", "/board/embed", "/board/widget"):
        status, anonymous, headers = await fetch(town, path)
        assert status == 200
        assert "Set-Cookie" not in headers, path
        _, known, _ = await fetch(town, path, Cookie=person.headers["Cookie"])
        assert known == anonymous, path


async def test_an_answer_is_kept_until_the_board_moves(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    _, first, headers = await fetch(town, "/board")
    status, body, again = await fetch(town, "/board", If_None_Match=headers["ETag"])
    assert (status, body, again["ETag"]) == (304, "", headers["ETag"])
    assert again["Cache-Control"] == "public, max-age=1, must-revalidate"
    assert "Cookie" in again["Vary"] and (await fetch(town, "/board?lang=zh"))[2]["Vary"] == "Accept-Encoding"
    assert (await fetch(town, "/board", If_None_Match='W/"other", ' + headers["ETag"]))[0] == 304
    assert (await fetch(town, "/board", If_None_Match='"other"'))[0] == 200
    await publish(market, "n-2")
    async with asyncio.timeout(10):
        while "/board/notices/n-2" not in (body := (await fetch(town, "/board", If_None_Match=headers["ETag"]))[1]):
            await asyncio.sleep(0.1)
    assert body != first


async def test_a_feed_says_when_it_changed(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    accepted(await say(market, "n-1", c.WithdrawNotice(reason="另行挂牌")))
    await market.board.catch_up()
    status, _, headers = await fetch(town, "/board/feed.atom")
    assert status == 200
    since = headers["Last-Modified"]
    assert (await fetch(town, "/board/feed.atom", If_Modified_Since=since))[0] == 304
    assert (await fetch(town, "/board/feed.atom", If_Modified_Since="Thu, 01 Jan 2015 00:00:00 GMT"))[0] == 200
    assert (await fetch(town, "/board/feed.atom", If_Modified_Since="nonsense"))[0] == 200
    assert (await fetch(town, "/board/feed.atom", If_Modified_Since=since, If_None_Match='"x"'))[0] == 200


async def test_the_record_has_one_digest_wherever_it_is_shown(market: Services, town: Town) -> None:
    await publish(market, "n-1", title_en="Alfalfa")
    record = await ok(town, "/board/notices/n-1/record.json")
    digest = sha256(record.encode()).hexdigest()
    assert json.loads(record)["price"] == "80000000"
    regions = {}
    for path in ("/board/notices/n-1", "/board/widget?notice=n-1", "/board/notices/n-1?lang=en"):
        text = await ok(town, path)
        found = re.search(r"<!--record ([0-9a-f]{64})-->(.*?)<!--/record-->", text, re.DOTALL)
        assert found is not None and found[1] == digest, path
        assert f'<code class="digest">{digest}</code>' in found[2]
        regions[path] = found[2]
    assert regions["/board/notices/n-1"] == regions["/board/widget?notice=n-1"], (
        "published in the unit is the same record"
    )
    feed = json.loads(await ok(town, "/board/feed.json"))
    assert feed["items"][0]["_ortoo"]["digest"] == digest
    assert digest in await ok(town, "/board/widget") and digest in await ok(town, "/board/feed.atom")
    state = await market.engine.notices.load(NoticeId("n-1"))
    assert state is not None
    from msgspec.structs import replace

    corrected = replace(state.content, abstract_zh=state.content.abstract_zh + "。")
    accepted(await say(market, "n-1", c.CorrectTypo(content=corrected, reason="漏了句号")))
    await market.board.catch_up()
    assert sha256((await eventually(town, "/board/notices/n-1/record.json", record)).encode()).hexdigest() != digest
    page = await ok(town, "/board/notices/n-1")
    assert "文字更正" in page and "<ins>。</ins>" in page and "漏了句号" in page


async def eventually(town: Town, path: str, before: str) -> str:
    """Return the page when it differs from what it was: the revision is asked for twice a second."""
    async with asyncio.timeout(10):
        while (text := await ok(town, path)) == before:
            await asyncio.sleep(0.1)
    return text


async def test_an_objection_shows_its_stage_and_nothing_of_the_objector(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    before = await ok(town, "/board/notices/n-1")
    accepted(await say(market, "n-1", objection("zhang-personal-key")))
    await market.board.catch_up()
    page = await eventually(town, "/board/notices/n-1", before)
    assert "权属" in page and "已提出，待受理" in page and "公示期中止" not in page.split("<aside", 1)[0]
    assert "异议处理中" in page
    for path in ("/board/notices/n-1", "/board", "/board/feed.json", "/board/feed.atom", "/board/wall.json"):
        text = await ok(town, path)
        assert "zhang" not in text and "cd" * 32 not in text, path


async def test_a_secret_shows_name_price_and_abstract_only(market: Services, town: Town) -> None:
    await publish(
        market, "n-1", confidential=Confidential.TRADE_SECRET, buyer=Buyer(name_zh="不可公开买方"), scope_zh="不可公开范围",
        completers=(NamedCompleter(name="不可公开人", share_bp=10_000),), basis=(Basis(kind=BasisKind.INQUIRY, reference="不可公开依据"),),
    )  # fmt: skip
    for path in (
        "/board/notices/n-1",
        "/board/notices/n-1/record.json",
        "/board",
        "/board/widget?notice=n-1",
        "/board/feed.json",
        "/board/wall.json",
    ):
        text = await ok(town, path)
        assert "耐寒苜蓿" in text
        assert "不可公开" not in text, path


async def test_filters_find_and_pages_hold_every_entry_once(market: Services, town: Town) -> None:
    for number in range(23):
        await publish(market, f"n-{number:02}", title_zh=f"氢储能监测{number}", region="150602", field="06")
    await publish(market, "n-other", title_zh="稀土永磁", region="150203", field="05", price=Amount(90_000_000))

    async def names(path: str) -> list[str]:
        return re.findall(r'class="entry__title"><a href="/board/notices/([a-z0-9-]+)', await ok(town, path))

    seen, path = [], "/board"
    for _ in range(3):
        text = await ok(town, path)
        seen += re.findall(r'class="entry__title"><a href="/board/notices/([a-z0-9-]+)', text)
        more = re.search(r'href="([^"]+)" rel="next"', text)
        if more is None:
            break
        path = more[1].replace("&amp;", "&")
    assert sorted(seen) == sorted({*(f"n-{number:02}" for number in range(23)), "n-other"})
    assert await names("/board?region=150203") == ["n-other"]
    assert await names("/board?region=150200") == ["n-other"], "a code ending in 00 is the whole city"
    assert await names("/board?region=150204") == []
    assert await names("/board?field=05") == ["n-other"]
    assert await names("/board?q=%E7%A8%80%E5%9C%9F") == ["n-other"], "Chinese words"
    assert await names("/board?q=%22%E5%9C%9F%E7%A8%80%22") == []
    assert len(await names("/board?state=running")) == 20
    assert await names("/board?state=ended") == [] and await names("/board?kind=deal") == []
    assert len(await names("/board?mode=TRANSFER&since=2020-01-01")) == 20
    assert await names("/board?until=2020-01-01") == [] and await names("/board?mode=EQUITY") == []
    assert (
        len(await names("/board?field=nonsense&region=zz&state=x&since=2026-13-45&after=%00".replace("%00", "zz")))
        == 20
    )
    assert len((await market.board.search(parse(""), seller=SELLER, limit=100)).entries) == 24


async def test_a_sold_lot_is_on_the_board_without_its_buyer(market: Services, town: Town) -> None:
    lot = await sold_lot(market, town)
    page = await ok(town, f"/board/deals/lots/{lot}")
    assert "马铃薯雾培" in page and "¥600" in page and "¥500" in page and "拍卖法第二十一条" in page
    assert await ok(town, f"/board/deals/lots/{lot}?lang=en")
    entry = await market.board.read(f"auction/{lot}")
    assert entry is not None and entry.ends_at_us is not None
    for path in (f"/board/deals/lots/{lot}", "/board", "/board?kind=deal", "/board/feed.json", "/board/wall.json"):
        text = await ok(town, path)
        assert "马铃薯雾培" in text
        assert "p-secret-bidder" not in text, path


async def test_nothing_shown_can_act(market: Services, town: Town) -> None:
    texts: dict[str, Any] = {
        name: f"{HOSTILE}{name}"[:150]
        for name in (
            "title_zh",
            "title_en",
            "title_mn",
            "seller_name_zh",
            "seller_name_en",
            "unit_place",
            "objections_to",
        )
    }
    long: dict[str, Any] = {name: f"{HOSTILE}{name}" for name in ("abstract_zh", "abstract_en", "scope_zh", "scope_en")}
    await publish(
        market, "n-1", **texts, **long, buyer=Buyer(name_zh=HOSTILE, name_en=HOSTILE),
        completers=(NamedCompleter(name=HOSTILE, unit=HOSTILE, share_bp=10_000),),
        basis=(Basis(kind=BasisKind.INQUIRY, reference=HOSTILE, made_by=HOSTILE, text=HOSTILE),),
    )  # fmt: skip
    await sold_lot(market, town, title_zh=HOSTILE, title_en=HOSTILE, seller_name_zh=HOSTILE)
    accepted(await say(market, "n-1", c.WithdrawNotice(reason=HOSTILE)))
    await market.board.catch_up()
    for path in (
        "/board", "/board?lang=en", "/board/notices/n-1", "/board/notices/n-1?lang=en", "/board/notices/n-1/availability",
        "/board/widget", "/board/widget?notice=n-1", "/wall", "/board?q=%3Cscript%3Ealert(1)%3C/script%3E", "/board?kind=deal&lang=en",
    ):  # fmt: skip
        text = await ok(town, path)
        assert "<script>alert" not in text and "<img src=x" not in text, path
        assert "49" not in re.findall(r"\{\{|49(?=\]\])", text), path
        scripts = re.findall(r"<script[^>]*>", text)
        assert all('src="/static/' in one or "application/json" in one for one in scripts), (path, scripts)
        # A record whose text pretends to be the end of the record does not cut it short.
        assert text.count("<!--/record-->") == len(re.findall(r"<!--record [0-9a-f]{64}-->", text)), path
    feed = ET.fromstring(await ok(town, "/board/feed.atom"))
    assert any(HOSTILE[:20] in (title.text or "") for title in feed.iter(f"{ATOM}title"))
    items = json.loads(await ok(town, "/board/feed.json"))["items"]
    assert any(HOSTILE[:20] in item["title"] for item in items)


async def test_feeds_are_paged_and_narrowed(market: Services, town: Town) -> None:
    other = PartyId("p00000000000000bb")
    for number in range(52):
        await publish(market, f"n-{number:02}", title_zh=f"氢储能{number}", region="150602")
    await publish(market, "m-1", seller=other, region="150203")
    first = json.loads(await ok(town, "/board/feed.json"))
    assert first["version"] == "https://jsonfeed.org/version/1.1" and len(first["items"]) == 50
    site = market.config.public_address
    assert first["feed_url"] == f"{site}/board/feed.json"
    second = json.loads(await ok(town, first["next_url"].removeprefix(site)))
    assert len(second["items"]) == 3 and "next_url" not in second
    assert len({item["id"] for item in first["items"] + second["items"]}) == 53
    for path in (
        f"/board/feed.json?seller={other}",
        "/board/feed.json?region=150200",
        "/board/feed.json?region=150203",
    ):
        assert [item["_ortoo"]["seller"] for item in json.loads(await ok(town, path))["items"]] == [other], path
    atom = ET.fromstring(await ok(town, "/board/feed.atom"))
    links = {link.get("rel"): link.get("href") for link in atom.findall(f"{ATOM}link")}
    assert set(links) == {"self", "alternate", "first", "next"}
    for required in ("id", "title", "updated"):
        assert atom.find(f"{ATOM}{required}") is not None
        assert all(entry.find(f"{ATOM}{required}") is not None for entry in atom.iter(f"{ATOM}entry"))
    following = ET.fromstring(await ok(town, str(links["next"]).removeprefix(site)))
    assert len(following.findall(f"{ATOM}entry")) == 3
    _, _, headers = await fetch(town, "/board/feed.json")
    assert headers["Access-Control-Allow-Origin"] == "*"


async def test_only_the_widget_may_be_framed_and_it_holds_no_script(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    for path in ("/board/widget", "/board/widget?notice=n-1"):
        _, text, headers = await fetch(town, path)
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors *" in policy and "script-src" not in policy and "default-src 'none'" in policy
        assert "<script" not in text and "<form" not in text
    for path in ("/board", "/board/notices/n-1", "/wall", "/board/embed"):
        _, _, headers = await fetch(town, path)
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
    _, script, headers = await fetch(town, "/board/widget.js")
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "textContent" in script


async def test_the_wall_gets_what_runs_and_what_was_struck(market: Services, town: Town) -> None:
    await publish(market, "n-1", title_mn="Монгол")
    await publish(market, "n-2")
    accepted(await say(market, "n-2", objection()))
    await market.board.catch_up()
    lot = await sold_lot(market, town)
    data = json.loads(await ok(town, "/board/wall.json"))
    assert {one["entry"]: (one["group"], one["objection_state"]) for one in data["notices"]} == {
        "notice/n-1": ("running", "none"),
        "notice/n-2": ("objected", "open"),
    }
    assert [one["entry"] for one in data["deals"]] == [f"auction/{lot}"]
    assert data["totals"] == {"running": 1, "objected": 1, "ended": 0, "deals": 1}
    code = data["notices"][0]["code"]
    drawn = f"{int(code['bits'], 16):0{code['size'] ** 2}b}"
    rows = segno.make_qr(f"{market.config.public_address}/board/notices/n-1", error="m").matrix
    assert [int(one) for one in drawn] == [int(module) for row in rows for module in row]
    page = await ok(town, "/wall?turn=5&lang=en")
    settings = json.loads(re.search(r'id="wall-data">(.*?)</script>', page)[1])  # type: ignore[index]
    assert settings["turn_ms"] == 5_000 and settings["assets"] == data["assets"]
    for nonsense in ("3", "601", "x", "-5", "1e3"):
        assert '"turn_ms": 14000' in await ok(town, f"/wall?turn={nonsense}")


@pytest.mark.parametrize("accepts", ["gzip, deflate", ""])
async def test_long_answers_are_packed_for_who_can_unpack_them(market: Services, town: Town, accepts: str) -> None:
    await publish(market, "n-1")
    status, text, headers = await fetch(town, "/board", Accept_Encoding=accepts or "identity")
    assert status == 200 and "/board/notices/n-1" in text
    assert (headers.get("Content-Encoding") == "gzip") == bool(accepts)
    assert headers["ETag"].endswith('-gz"') == bool(accepts)
    assert (await fetch(town, "/board", If_None_Match=headers["ETag"], Accept_Encoding="identity"))[0] == 304
