import assert from "node:assert/strict";
import test from "node:test";

import { codePath } from "../../gateway/static/js/wall/code.js";
import { mongolian } from "../../gateway/static/js/lib/mongolian.js";
import {
  DEALS_MOST, FRESH_MS, NOTICES_MOST, POLL_MS, QUIET_US, RETRY_MOST_MS, SESSIONS_MOST, STALE_MS, age, biddingNow, emptyWall, freshness, pageOf, pauseMs,
  reduce, sessions, slide,
} from "../../gateway/static/js/wall/state.js";

const page = { assets: "one", turn_ms: 12_000 };
const notice = (entry) => ({ entry });
const lot = (name, seq = 1, closes = null) => ({ lot: name, seq, phase: "open", price: "100", bids: 1, closes_at_us: closes });
const told = (data) => ({ notices: [], sessions: [], deals: [], totals: {}, assets: "one", ...data });
const after = (...actions) => actions.reduce(reduce, emptyWall(page));
const rows = (...list) => new Map(list.map((row) => [row.lot, row]));

test("nothing is shown before the first answer, and that is said", () => {
  const wall = emptyWall(page);
  assert.equal(slide(wall), null);
  assert.equal(age(wall, 5), null);
  assert.equal(freshness(wall, 5), "stale");
  assert.equal(reduce(wall, { t: "tick", nowMs: 99_999 }), wall);
});

test("slides turn one by one and begin again; before its time nothing changes", () => {
  let wall = after({ t: "data", nowMs: 0, data: told({ notices: [notice("a"), notice("b")] }) });
  assert.equal(slide(wall).notice.entry, "a");
  assert.equal(reduce(wall, { t: "tick", nowMs: 11_999 }), wall);
  wall = reduce(wall, { t: "tick", nowMs: 12_000 });
  assert.deepEqual(slide(wall), { notice: notice("b"), place: 2, of: 2 });
  wall = reduce(wall, { t: "tick", nowMs: 24_000 });
  assert.equal(slide(wall).notice.entry, "a");
});

test("a new answer keeps the slide that is being read; a notice that is gone gives way", () => {
  const wall = after({ t: "data", nowMs: 0, data: told({ notices: [notice("a"), notice("b")] }) }, { t: "tick", nowMs: 12_000 });
  const more = reduce(wall, { t: "data", nowMs: 13_000, data: told({ notices: [notice("x"), notice("b")] }) });
  assert.equal(slide(more).notice.entry, "b");
  const gone = reduce(more, { t: "data", nowMs: 14_000, data: told({ notices: [notice("x")] }) });
  assert.equal(slide(gone).notice.entry, "x");
  assert.equal(slide(reduce(gone, { t: "data", nowMs: 15_000, data: told({}) })), null);
});

test("a live price counts when it is newer, and only for a session of the last answer", () => {
  let wall = after({ t: "data", nowMs: 0, data: told({ sessions: [lot("a", 5)] }) });
  assert.equal(reduce(wall, { t: "rows", rows: rows({ ...lot("a", 5), price: "1" }, lot("z", 9)) }), wall);
  wall = reduce(wall, { t: "rows", rows: rows({ ...lot("a", 7), price: "700" }, lot("z", 9)) });
  assert.deepEqual(Object.keys(wall.prices), ["a"]);
  assert.equal(sessions(wall)[0].price, "700");
  assert.equal(reduce(wall, { t: "rows", rows: rows(lot("a", 6)) }), wall);
  wall = reduce(wall, { t: "data", nowMs: 1, data: told({ sessions: [lot("a", 6)] }) });
  assert.equal(sessions(wall)[0].price, "700");
  wall = reduce(wall, { t: "data", nowMs: 2, data: told({ sessions: [{ ...lot("a", 8), price: "800" }] }) });
  assert.equal(sessions(wall)[0].price, "800");
  assert.deepEqual(reduce(wall, { t: "data", nowMs: 3, data: told({}) }).prices, {});
});

test("what has not begun is listed, and not counted as bidding; the live line says when it has begun or ended", () => {
  const phases = ["open", "limited", "paused", "interrupted", "scheduled"];
  const given = phases.map((phase, n) => ({ ...lot(`s${n}`), phase }));
  const wall = after({ t: "data", nowMs: 0, data: told({ sessions: given }) });
  assert.equal(sessions(wall).length, 5);
  assert.equal(biddingNow(wall), 4);
  assert.equal(biddingNow(reduce(wall, { t: "rows", rows: rows({ ...lot("s4", 2), phase: "open" }) })), 5);
  assert.equal(biddingNow(reduce(wall, { t: "rows", rows: rows({ ...lot("s0", 2), phase: "sold" }) })), 3);
  assert.equal(biddingNow(emptyWall(page)), 0);
});

test("a lot named like a part of every object changes nothing", () => {
  const wall = after({ t: "data", nowMs: 0, data: told({ sessions: [lot("constructor"), lot("__proto__")] }) });
  assert.equal(sessions(wall).length, 2);
  assert.equal(sessions(reduce(wall, { t: "rows", rows: rows({ ...lot("constructor", 4), price: "4" }) }))[0].price, "4");
});

test("the age of what is shown is told in three steps; a failure does not make it younger", () => {
  const wall = after({ t: "data", nowMs: 1_000, data: told({}) }, { t: "failed" }, { t: "failed" });
  assert.equal(wall.failed, 2);
  assert.equal(age(wall, 61_000), FRESH_MS);
  assert.equal(freshness(wall, 61_000), "fresh");
  assert.equal(freshness(wall, 61_001), "late");
  assert.equal(freshness(wall, 1_001 + STALE_MS), "stale");
  assert.equal(reduce(wall, { t: "data", nowMs: 2_000, data: told({}) }).failed, 0);
});

test("an answer that is none is a failure, and the last good one stays", () => {
  const wall = after({ t: "data", nowMs: 0, data: told({ notices: [notice("a")] }) });
  for (const nonsense of [null, {}, { notices: [] }, { notices: {}, sessions: [], deals: [] }]) {
    const next = reduce(wall, { t: "data", nowMs: 9, data: nonsense });
    assert.equal(next.failed, 1);
    assert.equal(next.dataMs, 0);
    assert.equal(slide(next).notice.entry, "a");
  }
});

test("the server is asked every quarter of a minute, less often while it does not answer, never at the same moment by all walls", () => {
  assert.equal(pauseMs({ failed: 0 }, () => 0.5), POLL_MS);
  assert.ok(pauseMs({ failed: 1 }, () => 0) < pauseMs({ failed: 1 }, () => 1));
  for (const failed of [5, 10, 10_000]) {
    assert.ok(pauseMs({ failed }, () => 1) <= RETRY_MOST_MS);
    assert.ok(pauseMs({ failed }, () => 0) >= 2_000);
  }
});

test("new scripts are picked up between two slides, not while a session is about to close, not without a line", () => {
  const ready = (data, line = "online") =>
    [{ t: "data", nowMs: 0, data: told({ assets: "two", notices: [notice("a")], ...data }) }, { t: "line", line }].reduce(reduce, emptyWall(page));
  const turned = (wall, nowMs = 12_000, serverUs = 1_000_000) => reduce(wall, { t: "tick", nowMs, serverUs }).reload;
  assert.equal(turned(ready({})), true);
  assert.equal(turned(ready({ assets: "one" })), false);
  assert.equal(turned(ready({}, "offline")), false);
  assert.equal(turned(ready({}), 61_000), false, "the last answer is too old");
  assert.equal(turned(ready({}), 12_000, null), false, "the server's time is not known");
  assert.equal(turned(ready({ sessions: [lot("s", 1, 1_000_000 + QUIET_US - 1)] })), false);
  assert.equal(turned(ready({ sessions: [lot("s", 1, 1_000_000 + QUIET_US)] })), true);
  assert.equal(ready({}).reload, false, "never in the middle of a slide");
});

test("whatever comes, what is kept is bounded", () => {
  const many = (count, make) => Array.from({ length: count }, (_, number) => make(`n${number}`));
  let wall = emptyWall(page);
  for (let round = 0; round < 50; round += 1) {
    wall = reduce(wall, { t: "data", nowMs: round, data: told({ notices: many(500, notice), sessions: many(500, (name) => lot(`${name}-${round}`)), deals: many(500, notice) }) });
    wall = reduce(wall, { t: "rows", rows: rows(...many(500, (name) => lot(`${name}-${round}`, 2))) });
  }
  assert.deepEqual(
    [wall.data.notices.length, wall.data.sessions.length, wall.data.deals.length, Object.keys(wall.prices).length],
    [NOTICES_MOST, SESSIONS_MOST, DEALS_MOST, SESSIONS_MOST],
  );
});

test("a reducer changes nothing in place", () => {
  const wall = after({ t: "data", nowMs: 0, data: told({ notices: [notice("a")], sessions: [lot("a")] }) });
  const before = structuredClone(wall);
  for (const action of [{ t: "tick", nowMs: 99_000, serverUs: 1 }, { t: "rows", rows: rows(lot("a", 9)) }, { t: "failed" }, { t: "line", line: "ended" }, { t: "weather" }]) reduce(wall, action);
  assert.deepEqual(wall, before);
});

test("a long list is shown page by page and begins again", () => {
  assert.deepEqual([0, 1, 2, 3].map((turn) => pageOf([1, 2, 3, 4, 5], turn, 2)), [[1, 2], [3, 4], [5], [1, 2]]);
  assert.deepEqual(pageOf([], 7, 2), []);
});

test("traditional Mongolian script stands in columns, Cyrillic in lines", () => {
  assert.deepEqual(mongolian("ᠮᠣᠩᠭᠣᠯ"), { text: "ᠮᠣᠩᠭᠣᠯ", script: "vertical", lang: "mn-Mong" });
  assert.deepEqual(mongolian("Монгол"), { text: "Монгол", script: "lines", lang: "mn-Cyrl" });
  assert.equal(mongolian(""), null);
});

test("a QR code is drawn module by module", () => {
  // 1 0 1 / 0 1 0 / 1 0 0 is 101010100 in binary, 154 in hexadecimal.
  assert.equal(codePath(3, "154"), "M0 0h1v1h-1zM2 0h1v1h-1zM1 1h1v1h-1zM0 2h1v1h-1z");
  assert.equal(codePath(2, "1"), "M1 1h1v1h-1z");
  assert.equal(codePath(2, ""), "");
});
