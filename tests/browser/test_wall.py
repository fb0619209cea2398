"""The board, the widget and the wall in a real browser: what they show, that they fit, and that a wall runs for weeks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest

from tests.browser.conftest import LiveMarket
from tests.engine.rules.publicity.transcript import objection
from tests.gateway.noticed import accepted, publish, say

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
UPDATES = 10_000
"""Every answer of two days of a wall, or the changes of a month: what may leak, leaks with each of them."""
HOSTILE = "<img src=x onerror=alert(1)>"
MONGOLIAN = "ᠬᠦᠢᠲᠡᠨ ᠳᠦ ᠲᠡᠰᠪᠦᠷᠢᠲᠡᠢ ᠴᠠᠷᠭᠠᠰᠤ"


@pytest.fixture(scope="module")
def noticed(market: LiveMarket) -> LiveMarket:
    """The market with three notices: running with a Mongolian title, under objection, and one with a very long title."""
    services = market.services
    market.do(
        publish(
            services, "w-1", title_zh="一种耐寒紫花苜蓿的培育方法", title_en="Cold-hardy alfalfa", title_mn=MONGOLIAN
        )
    )
    market.do(publish(services, "w-2", title_zh="奶牛乳房炎快速检测试纸", title_mn="Шинжилгээ"))
    accepted(market.do(say(services, "w-2", objection())))
    market.do(publish(services, "w-3", title_zh="稀" * 150 + HOSTILE, title_en="W" * 150 + HOSTILE))
    market.do(services.board.catch_up())
    return market


def until(page: Any, holds: Callable[[], bool], step: Callable[[], None] = lambda: None, times: int = 200) -> None:
    """Wait until it holds, doing a step and giving the browser a tenth of a second between two looks."""
    for _ in range(times):
        if holds():
            return
        step()
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def fits(page: Any) -> bool:
    """Nothing reaches over the right edge."""
    found: bool = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [(390, 844), (1440, 900)])
@pytest.mark.parametrize(
    "path",
    ["/board", "/board/notices/w-1", "/board/notices/w-3", "/board/notices/w-2/availability", "/board/embed", "/board/widget", "/board/widget?notice=w-1"],
)  # fmt: skip
def test_pages_fit_in_both_languages(
    noticed: LiveMarket, visit: Visit, language: str, size: tuple[int, int], path: str
) -> None:
    page = visit(path, language=language, size=size)
    assert fits(page), (path, language, size)


def test_the_board_works_without_script_and_finds_chinese_words(noticed: LiveMarket, visit: Visit) -> None:
    page = visit("/board", script=False)
    page.fill("#q", "乳房炎")
    page.click("form.board-filters button")
    assert page.locator(".entry__title").all_inner_texts() == ["奶牛乳房炎快速检测试纸"]
    page.click(".entry__title a")
    assert page.locator("h1").inner_text() == "奶牛乳房炎快速检测试纸"


def test_traditional_mongolian_stands_in_columns(noticed: LiveMarket, visit: Visit) -> None:
    page = visit("/board/notices/w-1", size=(1440, 900))
    title = page.locator(".record__mn")
    assert title.evaluate("node => getComputedStyle(node).writingMode") == "vertical-lr"
    box = title.bounding_box()
    assert box["height"] > box["width"]
    assert (
        page.evaluate(
            f"document.fonts.load('20px \"Noto Sans Mongolian\"', {json.dumps(MONGOLIAN)}).then(found => found.length)"
        )
        == 1
    )


@contextmanager
def university(body: str) -> Iterator[str]:
    """A site of another origin. It is on this machine too: a browser lets no public site reach into a private network."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_both_widgets_show_the_record_on_a_foreign_site(noticed: LiveMarket, chromium: Any) -> None:
    site = noticed.address
    page = chromium.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    frame = f'<iframe src="{site}/board/widget?notice=w-1"></iframe>'
    with university(f'<!doctype html>{frame}<script src="{site}/board/widget.js" data-lang="zh"></script>') as address:
        page.goto(address)
        digest = page.frame_locator("iframe").locator(".record__digest code").inner_text(timeout=15_000)
        listed = page.locator("ul li", has_text="一种耐寒紫花苜蓿")
        listed.wait_for(timeout=15_000)
        assert digest in listed.inner_text()
        assert listed.locator("a").get_attribute("href") == f"{site}/board/notices/w-1"
        assert problems == []
        page.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160)])
def test_the_wall_fills_its_screen(noticed: LiveMarket, visit: Visit, language: str, size: tuple[int, int]) -> None:
    page = visit(f"/wall?lang={language}", size=size)
    page.wait_for_selector(".notice-slide__title")
    assert fits(page)
    for part in (".wall__foot", ".wall__notice", ".wall__deals", ".notice-slide__code svg"):
        box = page.locator(part).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1], part
    assert len(page.locator(".notice-slide__code path").get_attribute("d")) > 1_000


def test_hostile_titles_are_text_on_the_wall(noticed: LiveMarket, visit: Visit) -> None:
    page = visit("/wall?turn=4", size=(1920, 1080))
    page.get_by_text(HOSTILE).first.wait_for(timeout=30_000)
    assert page.locator("[onerror]").count() == 0


def test_slides_turn_and_prices_move_by_themselves(noticed: LiveMarket, visit: Visit) -> None:
    lot = noticed.open_lot("wb1", "wb2")
    page = visit("/wall?turn=4", size=(1920, 1080))
    page.wait_for_selector(".wall__line-state--online")
    first = page.locator(".notice-slide__title").inner_text()
    noticed.bid(lot, "wb1", 1_000)
    noticed.bid(lot, "wb2", 4_321 - 21)
    page.wait_for_selector("text=¥4,300", timeout=20_000)
    until(page, lambda: page.locator(".notice-slide__title").inner_text() != first)


def test_a_wall_without_network_says_how_old_it_is_and_recovers(noticed: LiveMarket, visit: Visit) -> None:
    page = visit("/wall", size=(1920, 1080))
    page.clock.install()
    page.reload()
    page.wait_for_selector(".wall__line-state--online")
    page.wait_for_selector(".wall__age--fresh")
    page.context.set_offline(True)
    for _ in range(40):
        page.clock.run_for(5_000)
    page.wait_for_selector(".wall__age--late")
    assert "分钟" in page.locator(".wall__age").inner_text()
    assert page.locator(".notice-slide__title").count() == 1, "what was known stays to be read"
    for _ in range(90):
        page.clock.run_for(5_000)
    page.wait_for_selector(".wall__age--stale")
    page.context.set_offline(False)

    def is_back() -> bool:
        counts = [page.locator(f".wall__{name}").count() for name in ("age--fresh", "line-state--online")]
        return counts == [1, 1]

    # The page's time goes no faster than ours now: after so many failures within a minute Chromium itself holds a new line back for
    # up to five seconds, and a page in a hurry would give each of them up.
    until(page, is_back, lambda: page.clock.run_for(100), times=1_500)


def heap_after_collection(session: Any) -> int:
    session.send("HeapProfiler.collectGarbage")
    session.send("HeapProfiler.collectGarbage")
    used: int = session.send("Runtime.getHeapUsage")["usedSize"]
    return used


MONTH = """
async ([from, to]) => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  if (!globalThis.month) {
    const { startWall } = await import(document.querySelector('script[type=module]').src.replace('start.js', 'main.js'));
    const [told, texts] = [read('wall-data'), read('wall-texts')];
    const root = document.createElement('main');
    root.className = 'wall';
    document.body.replaceChildren(root);
    const world = { now: 0, timers: new Map(), next: 1, waiting: [], take: null };
    Object.assign(world, {
      nowMs: () => world.now, serverUs: (now) => 1.8e15 + now * 1000, random: () => 0.5, reload: () => {},
      // Drawn every three seconds of its time instead of every half: 50,000 drawings are enough to see a leak.
      setTimeout: (work, ms) => { world.timers.set(world.next, { work, at: world.now + Math.max(ms, 3_000) }); return world.next++; },
      clearTimeout: (id) => world.timers.delete(id),
      ask: () => new Promise((resolve) => world.waiting.push(resolve)),
      listen: (take) => { world.take = take; return { stop() {} }; }, onWake: () => {},
    });
    globalThis.month = { world, wall: startWall(root, told, texts, world), errors: 0 };
    addEventListener('error', () => { globalThis.month.errors += 1; });
    addEventListener('unhandledrejection', () => { globalThis.month.errors += 1; });
  }
  const { world } = globalThis.month;
  const advance = (ms) => {
    const until = world.now + ms;
    for (;;) {
      let first = null;
      for (const [id, one] of world.timers) if (one.at <= until && (first === null || one.at < world.timers.get(first).at)) first = id;
      if (first === null) break;
      const { work, at } = world.timers.get(first);
      world.timers.delete(first);
      world.now = at;
      work();
    }
    world.now = until;
  };
  const data = (n) => ({
    assets: 'a', address: 'x', totals: { running: n, objected: 1, ended: n, deals: n },
    notices: Array.from({ length: 1 + (n % 40) }, (_, i) => ({
      entry: `notice/${n + i}`, version: 1, digest: 'd', group: i % 3 ? 'running' : 'objected', title_zh: `公示 ${n + i} ${'长'.repeat(n % 60)}`, title_en: `Notice ${n}`,
      title_mn: i % 2 ? '\\u182e\\u1823\\u1829' : '\\u041c\\u043e\\u043d', seller_zh: `单位 ${n}`, seller_en: '', buyer: n % 5 ? '买方' : '', related: n % 7 === 0, mode: 'TRANSFER', price: String(n * 100 + 1),
      currency: 'CNY', code: { size: 3, bits: (n % 512).toString(16).padStart(3, '0') }, exponent: 2, field_name: 'f', region_name: 'r', day_no: n % 16, days: 15, days_left: 15 - (n % 15), ends_text: 't', objection_state: 'none', demonstration: false,
    })),
    sessions: Array.from({ length: n % 30 }, (_, i) => ({ lot: `lot-${n}-${i}`, seq: 1, phase: 'open', title_zh: `场次 ${n}`, title_en: '', price: '100', start_price: '1', code: 'CNY', exponent: 2, bids: 1, closes_at_us: 1.8e15 + 1e12 })),
    deals: Array.from({ length: n % 12 }, (_, i) => ({ entry: `auction/${n}-${i}`, title_zh: `成交 ${n}`, title_en: '', price: '5', code: 'CNY', exponent: 2, way: 'auction', struck_at_us: 1.8e15 })),
  });
  for (let n = from; n < to; n += 1) {
    for (const resolve of world.waiting.splice(0)) resolve(n % 50 === 49 ? null : data(n));
    await null; await null;
    world.take({ t: 'line', line: n % 200 < 5 ? 'offline' : 'online' });
    world.take({ t: 'rows', rows: new Map(Array.from({ length: 30 }, (_, i) => [`lot-${n}-${i}`, { lot: `lot-${n}-${i}`, seq: 2 + i, phase: 'open', price: String(n), bids: 2, closes_at_us: null }])) });
    advance(15_000);
  }
  const wall = globalThis.month.wall.wall();
  return { errors: globalThis.month.errors, nodes: document.getElementsByTagName('*').length, timers: world.timers.size, prices: Object.keys(wall.prices).length, turn: wall.turn };
}
"""


def test_a_month_of_updates_leaves_the_heap_flat(noticed: LiveMarket, visit: Visit) -> None:
    """10,000 answers of the server, each with other notices, sessions and deals, each drawn several times."""
    page = visit("/wall?turn=14", size=(1920, 1080))
    page.wait_for_selector(".notice-slide__title")
    page.set_default_timeout(240_000)
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    steps = [500, 2_500, 5_000, 7_500, UPDATES]
    heaps, seen, before = [], {}, 0
    for step in steps:
        seen = page.evaluate(MONTH, [before, step])
        before = step
        heaps.append(heap_after_collection(session))
        assert seen["errors"] == 0
        assert seen["timers"] <= 3 and seen["prices"] <= 60 and seen["nodes"] < 1_500, seen
    assert seen["turn"] > UPDATES / 2, "the slides turned all the time"
    print(f"heap after a forced collection, kB, after {steps} updates: {[heap // 1024 for heap in heaps]}")
    # From the first 500 updates on nothing grows: what differs is the content of the last answer.
    assert max(heaps[1:]) < heaps[0] * 1.15 + 256 * 1024, heaps


def test_new_scripts_are_picked_up_at_a_quiet_moment(noticed: LiveMarket, visit: Visit) -> None:
    page = visit("/wall?turn=4", size=(1920, 1080))
    page.wait_for_selector(".wall__line-state--online")

    with urlopen(f"{noticed.address}/board/wall.json") as answer:
        data = json.loads(answer.read()) | {"assets": "other", "sessions": []}

    def other_assets(route: Any) -> None:
        route.fulfill(status=200, content_type="application/json", body=json.dumps(data))

    loaded: list[str] = []
    page.on("load", lambda _: loaded.append("again"))
    page.route("**/board/wall.json*", other_assets, times=2)
    until(page, lambda: (page.wait_for_timeout(50), bool(loaded))[1], times=400)
    page.unroute_all(behavior="ignoreErrors")
    page.wait_for_selector(".notice-slide__title")
