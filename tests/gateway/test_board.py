"""The public board: what it shows, to whom it is the same, how it is kept, and that nothing shown can act."""

from __future__ import annotations

from gateway.services import Services
from tests.gateway.conftest import Town
from tests.gateway.noticed import publish

HOSTILE = '"><script>alert(1)</script>{{7*7}}]]>\u202e&amp;'


async def fetch(town: Town, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Get a page as somebody without cookies."""
    address = f"http://127.0.0.1:{town.services.config.http_port}{path}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with town.http.get(address, headers=sent, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def test_a_published_notice_is_on_the_board_and_at_its_address(market: Services, town: Town) -> None:
    await publish(market, "n-1", title_zh="耐寒苜蓿培育方法", title_mn="ᠴᠠᠷᠭᠠᠰᠤ", region="150421", field="08")
    status, board, _ = await fetch(town, "/board")
    assert status == 200
    assert "耐寒苜蓿培育方法" in board and "/board/notices/n-1" in board and 'lang="mn-Mong"' in board
    status, page, _ = await fetch(town, "/board/notices/n-1")
    assert status == 200
    assert "第 0 天 / 共 15 天" in page and "¥800,000" in page
    status, page, _ = await fetch(town, "/board/notices/n-1?lang=en")
    assert status == 200 and "Day 0 of 15" in page
