import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { ROWS_KEPT, emptyRoom, joinOf, reduce, roomFromPage } from "../../gateway/static/js/room/state.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/room.json", import.meta.url)));

for (const { name, frames, room } of vectors.transcripts) {
  test(`transcript: ${name}`, () => {
    assert.deepEqual(frames.reduce(reduce, emptyRoom(room.lot)), room);
  });
}

for (const { name, room, frames, after } of vectors.cases) {
  test(`case: ${name}`, () => {
    const before = structuredClone(room);
    assert.deepEqual(frames.reduce(reduce, room), after);
    assert.deepEqual(room, before, "a reducer changes nothing in place");
  });
}

test("what a page was rendered with is a place to resume from", () => {
  const rows = Array.from({ length: 600 }, (_, seq) => ({ seq, kind: "bid" }));
  const room = roomFromPage({ lot: "a", epoch: 3, seq: 600, live: {}, rows });
  assert.equal(room.rows.length, ROWS_KEPT);
  assert.equal(room.rows.at(-1).seq, 599);
  assert.deepEqual(joinOf(room), { t: "join", lot: "a", after: 600, epoch: 3 });
  assert.deepEqual(joinOf(emptyRoom("a")), { t: "join", lot: "a", after: null, epoch: null });
});

test("frames the reducer does not know change nothing", () => {
  const room = emptyRoom("a");
  assert.equal(reduce(room, { t: "weather", lot: "a" }), room);
  assert.equal(reduce(room, { t: "rejected", lot: "a" }), room);
});

test("no more than 500 rows are kept, the oldest go", () => {
  const rows = Array.from({ length: 500 }, (_, seq) => ({ seq, kind: "bid" }));
  const page = { lot: "a", epoch: 3, seq: 499, live: {}, rows };
  const room = { ...roomFromPage(page), wants: null };
  const next = reduce(room, { t: "change", lot: "a", epoch: 3, prev: 499, seq: 501, live: {}, rows: [{ seq: 501, kind: "bid" }], skipped: 1 });
  assert.equal(next.rows.length, ROWS_KEPT);
  assert.deepEqual(next.rows.slice(-2), [{ kind: "skipped", seq: 499, count: 1 }, { seq: 501, kind: "bid" }]);
});
