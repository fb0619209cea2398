"""`python -m tests.browser.room_pictures DIRECTORY [NAME…]`: every room × stage × language × size from a running market, as PNG.

Pictures stand beside each other on sheets of four telephones or two desktops, to be looked at. NAME: only rooms that begin so.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from engine.journal import embedded
from engine.rules.auction import commands as c
from engine.rules.auction.clearing.priority import PriorityMode
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import terms as ft
from engine.values import Amount
from tests.browser.conftest import ARGUMENTS, CHROMIUM, PASSWORD, LiveMarket
from tests.browser.staging import (
    FIRST,
    LOWEST,
    PACKAGES,
    QUICK,
    SEATS,
    SECOND_PRICE,
    SLOW,
    Staged,
    hybrid,
    opening,
    rights,
    stage,
    weighted,
)
from tests.conftest import _make_template, new_database

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
LANGUAGES = ("zh", "en")
A_ROW = {"phone": 4, "desktop": 2}
Scene = tuple[str, Callable[[LiveMarket], Staged], str]
"""Name, how the session comes to that stage, and who looks ("" is a visitor)."""
BIDDERS = ("alice", "bob", "carol")
SHORT_S = 60.0


def scenes() -> Iterator[Scene]:
    """Every format × stage that looks different to somebody."""
    falling, several = ft.Falling(clock=SLOW), ft.Falling(clock=SLOW, units=5)
    secret = ft.Falling(clock=SLOW, secret_floor=True)
    yield "falling-1-before", lambda m: _before(m, falling), "alice"
    yield "falling-2-running", lambda m: stage(m, falling, *BIDDERS), "alice"
    yield "falling-3-secret-floor", lambda m: stage(m, secret, *BIDDERS), ""
    yield "falling-4-paused", lambda m: stage(m, falling, *BIDDERS).say(c.PauseLot(reason="核对应价记录")), "alice"
    yield "falling-5-several", lambda m: stage(m, several, *BIDDERS).take("bob", 2), "alice"
    yield "falling-6-several-mine", lambda m: stage(m, several, *BIDDERS).take("alice", 2), "alice"
    yield "falling-7-taken-by-me", lambda m: stage(m, falling, *BIDDERS).take("alice").until("sold"), "alice"
    yield "falling-8-taken", lambda m: stage(m, falling, *BIDDERS).take("bob").until("sold"), "alice"
    yield "falling-9-passed", lambda m: stage(m, ft.Falling(clock=QUICK), *BIDDERS).until("passed"), ""
    yield "sealed-1-before", lambda m: _before(m, FIRST), "alice"
    yield "sealed-2-open", lambda m: stage(m, FIRST, *BIDDERS), "alice"
    yield "sealed-3-submitted", lambda m: stage(m, FIRST, *BIDDERS).seal("alice", 350_000), "alice"
    yield "sealed-4-once-only", lambda m: stage(m, SECOND_PRICE, *BIDDERS).seal("alice", 350_000), "alice"
    yield "sealed-5-closed", lambda m: _closed(m, FIRST), "alice"
    yield "sealed-6-officer", lambda m: _closed(m, FIRST), "opener1"
    yield "sealed-7-one-share", lambda m: _closed(m, FIRST).bring(0), ""
    yield "sealed-8-late", _late, ""
    yield "sealed-9-sold", lambda m: _closed(m, SECOND_PRICE).open().until("sold"), "bob"
    yield "sealed-10-passed", lambda m: stage(m, FIRST, *BIDDERS, lasts_s=SHORT_S).pass_stage().until("passed"), ""
    yield "lowest-1-open", lambda m: stage(m, LOWEST, *BIDDERS), "alice"
    yield "lowest-2-refused", _refused, "alice"
    yield "lowest-3-sold", lambda m: _refused(m).open().until("sold"), "bob"
    yield "hybrid-1-running", lambda m: stage(m, hybrid(), *BIDDERS), "alice"
    yield "hybrid-2-taker", lambda m: stage(m, hybrid(), *BIDDERS).take("alice"), "alice"
    yield "hybrid-3-others", lambda m: stage(m, hybrid(), *BIDDERS).take("bob"), "alice"
    yield "hybrid-4-best-bid", lambda m: _challenged(m), "alice"
    yield "hybrid-5-best-bid-seen", lambda m: _challenged(m), "bob"
    yield "hybrid-6-sold", lambda m: _challenged(m).say(_best(m), "alice").until("sold"), ""
    yield "weighted-1-open", lambda m: stage(m, weighted(m), *BIDDERS), "alice"
    yield "weighted-2-assessor", lambda m: _closed(m, weighted(m)), "assessor1"
    yield "weighted-3-officer", lambda m: _closed(m, weighted(m)), "opener1"
    yield "weighted-4-sold", lambda m: _closed(m, weighted(m)).score().open().until("sold"), "alice"
    yield "units-1-open", lambda m: stage(m, SEATS, *BIDDERS), "alice"
    yield "units-2-sold", _seats, "alice"
    yield "packages-1-open", lambda m: stage(m, PACKAGES, *BIDDERS), "alice"
    yield "packages-2-sold", _packages, "bob"
    yield "rights-1-in-room", lambda m: _led(m, PriorityMode.IN_ROOM), "carol"
    yield "rights-2-asked", lambda m: _asked(m), "carol"
    yield "rights-3-asked-seen", lambda m: _asked(m), "alice"
    yield "rights-4-exercised", _exercised, "carol"
    yield "ended-1-voided", lambda m: stage(m, FIRST, *BIDDERS).say(c.VoidLot(reason="串通投标：第 31 条")), "alice"
    yield "ended-2-excluded", _excluded, "alice"


def _before(market: LiveMarket, kind: ft.Format) -> Staged:
    market.opens_in_s = 7_200
    try:
        return stage(market, kind, *BIDDERS)
    finally:
        market.opens_in_s = 0


def _closed(market: LiveMarket, kind: ft.Format, **around: Any) -> Staged:
    lot = stage(market, kind, *BIDDERS, lasts_s=SHORT_S, **around)
    for login, yuan in zip(BIDDERS, (350_000, 420_000, 395_000), strict=True):
        lot.seal(login, yuan)
    return lot.pass_stage().until("closed")


def _late(market: LiveMarket) -> Staged:
    lot = _closed(market, FIRST, opening=opening(market, due_s=60)).pass_stage()
    return lot.wait(lambda: lot.state.play is not None and lot.state.play.late)


def _refused(market: LiveMarket) -> Staged:
    lot = _closed(market, LOWEST)
    code = lot.state.codes[market.account("alice").id]
    return lot.say(fc.RefuseBid(code=code, reason="未附施工资质证明"))


def _challenged(market: LiveMarket) -> Staged:
    lot = stage(market, hybrid(sealed_s=60), *BIDDERS).take("alice").until("sealing")
    return lot.seal("bob", 5_200_000).seal("carol", 5_100_000).pass_stage().until("closed").open().until("best_bid")


def _best(market: LiveMarket) -> fc.PlaceBestBid:
    return fc.PlaceBestBid(bidder_id=market.account("alice").id, amount=Amount(5_200_100_00))


def _seats(market: LiveMarket) -> Staged:
    lot = stage(market, SEATS, *BIDDERS, lasts_s=SHORT_S)
    for login, yuan, quantity in (("alice", 30_000, 3), ("bob", 28_000, 2), ("carol", 25_000, 4)):
        lot.seal(login, yuan, quantity=quantity)
    return lot.pass_stage().until("closed").open().until("sold")


def _packages(market: LiveMarket) -> Staged:
    lot = stage(market, PACKAGES, *BIDDERS, lasts_s=SHORT_S)
    for login, parts in (
        ("alice", [(("A", "B", "C"), 900_000)]),
        ("bob", [(("A",), 500_000), (("B",), 200_000)]),
        ("carol", [(("C",), 250_000), (("B", "C"), 380_000)]),
    ):
        told = [{"lots": lots, "amount": str(yuan * 100)} for lots, yuan in parts]
        lot.seal(login, max(yuan for _, yuan in parts), parts=told)
    return lot.pass_stage().until("closed").open().until("sold")


def _led(market: LiveMarket, mode: PriorityMode, lasts_s: float = 3_600) -> Staged:
    lot = stage(market, ft.Ascending(), *BIDDERS, lasts_s=lasts_s, priority=rights(market, mode, "carol"))
    market.bid(lot.lot, "bob", 300_000)
    market.bid(lot.lot, "alice", 320_000)
    return lot


def _asked(market: LiveMarket) -> Staged:
    return _led(market, PriorityMode.AFTERWARDS, SHORT_S).pass_stage().until("priority")


def _exercised(market: LiveMarket) -> Staged:
    lot = _asked(market)
    holder = market.account("carol").id
    return lot.say(fc.ExercisePriority(bidder_id=holder, price=Amount(320_000_00)), "carol").until("sold")


def _excluded(market: LiveMarket) -> Staged:
    party = market.account("alice").id
    return stage(market, FIRST, *BIDDERS).say(fc.ExcludeBidder(bidder_id=party, reason="提供虚假材料"))


class Studio:
    """A browser that is logged in as everybody who looks, in each language and size."""

    def __init__(self, browser: Any, market: LiveMarket) -> None:
        self._browser, self._market = browser, market
        self._cookies: dict[str, list[Any]] = {}

    def shoot(self, address: str, login: str, language: str, size: str, path: Path) -> None:
        """Take one picture of a whole page."""
        width, height = SIZES[size]
        context = self._browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
        context.add_cookies(self._logged_in(login))
        context.add_cookies([{"name": "ortoo_lang", "value": language, "url": self._market.address}])
        page = context.new_page()
        page.goto(self._market.address + address)
        page.locator("#room, main").first.wait_for()
        page.wait_for_timeout(900)
        page.screenshot(path=path, full_page=size == "phone")
        context.close()

    def _logged_in(self, login: str) -> list[Any]:
        if login and login not in self._cookies:
            self._market.account(login)
            context = self._browser.new_context()
            page = context.new_page()
            page.goto(f"{self._market.address}/login")
            page.fill("#f-login", login)
            page.fill("#f-password", PASSWORD)
            page.click("main form button")
            page.wait_for_url(lambda url: "/login" not in url)
            self._cookies[login] = context.cookies()
            context.close()
        return self._cookies.get(login, [])

    def sheet(self, pictures: list[Path], size: str, path: Path) -> None:
        """Put pictures beside each other on one sheet."""
        width, _ = SIZES[size]
        context = self._browser.new_context(viewport={"width": A_ROW[size] * (width + 10), "height": 400})
        page = context.new_page()
        images = "".join(
            f'<figure style="margin:0;width:{width}px"><figcaption style="font:14px sans-serif">{one.stem}</figcaption>'
            f'<img width="{width}" src="data:image/png;base64,{base64.b64encode(one.read_bytes()).decode()}"></figure>'
            for one in pictures
        )
        page.set_content(f'<body style="margin:0;display:flex;gap:10px;align-items:start;background:#888">{images}')
        page.screenshot(path=path, full_page=True)
        context.close()


def main() -> int:
    """Open a market of our own, take the pictures, close it."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in scenes() if not sys.argv[2:] or one[0].startswith(tuple(sys.argv[2:]))]
    data = Path(tempfile.mkdtemp(prefix="ortoo-rooms-"))
    server = asyncio.run(embedded.start(data / "server", settings=embedded.SMALL))
    asyncio.run(_make_template(server))
    market = LiveMarket(asyncio.run(new_database(server)), data / "market")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            _take(Studio(browser, market), market, chosen, directory)
            browser.close()
    finally:
        market.stop()
        asyncio.run(server.stop())
        shutil.rmtree(data, ignore_errors=True)
    return 0


def _take(studio: Studio, market: LiveMarket, chosen: list[Scene], directory: Path) -> None:
    taken: dict[tuple[str, str], list[Path]] = {}
    began = time.monotonic()
    for name, act, login in chosen:
        lot = act(market)
        for size in SIZES:
            for language in LANGUAGES:
                path = directory / f"{name}-{size}-{language}.png"
                studio.shoot(f"/lots/{lot.lot}/room", login, language, size, path)
                taken.setdefault((size, language), []).append(path)
        print(f"{time.monotonic() - began:5.0f} s {name}", flush=True)
    for (size, language), pictures in taken.items():
        for start in range(0, len(pictures), A_ROW[size]):
            group = pictures[start : start + A_ROW[size]]
            studio.sheet(group, size, directory / f"sheet-{size}-{language}-{start // A_ROW[size]:02}.png")


if __name__ == "__main__":
    sys.exit(main())
