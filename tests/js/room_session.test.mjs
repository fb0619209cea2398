import assert from "node:assert/strict";
import test from "node:test";

import { RoomSession, backoffMs, comesBack } from "../../gateway/static/js/room/session.js";
import { roomFromPage } from "../../gateway/static/js/room/state.js";

const LOT = "lot-1";
const WELCOME = { t: "welcome", v: 1, server_us: 1e15, user: true, retry_ms: 800 };
const YOU = { code: "100", leading: false, maximum: null };

function memory() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), kept };
}

function someone(options = {}) {
  let made = 0;
  const world = { wall: 1_000_000, storage: options.storage ?? memory() };
  const session = new RoomSession({
    lots: [LOT],
    random: () => 0.5,
    newId: () => `00000000-0000-4000-8000-00000000000${++made}`,
    wallMs: () => world.wall,
    ...options,
    storage: world.storage,
  });
  return { session, world };
}

const snapshot = (seq, more = {}) => ({ t: "snapshot", lot: LOT, epoch: 1, seq, server_us: 1e15, live: {}, rows: [], you: YOU, ...more });
const change = (prev, seq) => ({ t: "change", lot: LOT, epoch: 1, prev, seq, server_us: 1e15, live: {}, rows: [{ seq }], skipped: 0 });
const accepted = (id, seq = 7) => ({ t: "accepted", id, lot: LOT, seq, at_us: 1, digest: "00", price: "5", leading: true, maximum: null, closes_at_us: null, extended: false });
const rejected = (id, code, retry) => ({ t: "rejected", id, lot: LOT, code, retry, data: {}, seq: null, at_us: null, digest: null });
const kinds = (frames) => frames.map((frame) => frame.t);

function online(options) {
  const { session, world } = someone(options);
  session.opened();
  session.received(WELCOME, 0);
  session.received(snapshot(5), 10);
  return { session, world };
}

test("nothing is sent before the welcome; then the join, a ping and what is open", () => {
  const { session } = someone({ hall: true });
  assert.deepEqual(session.opened(), []);
  const sent = session.received(WELCOME, 0);
  assert.deepEqual(kinds(sent), ["join", "ping", "hall"]);
  assert.deepEqual(sent[0], { t: "join", lot: LOT, after: null, epoch: null });
  assert.equal(session.connection, "online");
});

test("a page that was rendered at seq 5 resumes from there", () => {
  const page = { lot: LOT, epoch: 1, seq: 5, live: {}, rows: [], you: YOU };
  const { session } = someone({ lots: [roomFromPage(page)] });
  session.opened();
  assert.deepEqual(session.received(WELCOME, 0)[0], { t: "join", lot: LOT, after: 5, epoch: 1 });
});

test("a gap is asked about once, and closed by the answer", () => {
  const { session } = online();
  assert.deepEqual(kinds(session.received(change(6, 7), 20)), ["join"]);
  assert.deepEqual(session.received(change(7, 8), 21), []);
  const resumed = { ...change(5, 8), t: "resumed", rows: [{ seq: 6 }, { seq: 7 }, { seq: 8 }] };
  assert.deepEqual(session.received(resumed, 30), []);
  const room = session.rooms.get(LOT);
  assert.deepEqual(room.rows.map((row) => row.seq), [6, 7, 8]);
  assert.equal(room.seq, 8);
});

test("a bid is stored before it is sent, and forgotten when it is answered", () => {
  const { session, world } = online();
  const { id, send } = session.bid({ lot: LOT, amount: "500" }, 100);
  assert.deepEqual(send, [{ t: "bid", id, lot: LOT, amount: "500", maximum: null, confirm: false }]);
  assert.match(world.storage.kept.get("ortoo.bids.v1"), new RegExp(id));
  session.received(accepted(id), 150);
  assert.equal(session.pending.size, 0);
  assert.equal(session.receipts.at(-1).wish.amount, "500");
  assert.equal(world.storage.kept.get("ortoo.bids.v1"), "{}");
});

test("an answer that comes twice is one receipt", () => {
  const { session } = online();
  const { id } = session.bid({ lot: LOT, amount: "500" }, 100);
  session.received(accepted(id), 150);
  session.received(accepted(id), 151);
  assert.equal(session.receipts.length, 1);
});

test("cut in mid-bid: a young bid goes out again with the same id", () => {
  const { session, world } = online();
  const { id, send } = session.bid({ lot: LOT, amount: "500" }, 100);
  assert.equal(session.closed(1006, 200), 400);
  assert.equal(session.pending.get(id).doubt, true);
  world.wall += 3_000;
  session.opened();
  const sent = session.received(WELCOME, 3_200);
  assert.deepEqual(sent.filter((frame) => frame.t === "bid"), send);
});

test("an old bid is only asked about, twice, before it is called unrecorded", () => {
  const { session, world } = online();
  const { id } = session.bid({ lot: LOT, amount: "500" }, 100);
  session.closed(1006, 200);
  world.wall += 60_000;
  session.opened();
  const sent = session.received(WELCOME, 60_000);
  assert.deepEqual(sent.filter((frame) => frame.t === "bid"), []);
  assert.deepEqual(sent.filter((frame) => frame.t === "status"), [{ t: "status", id, lot: LOT }]);
  session.received({ t: "outcome", id, found: false, lot: LOT }, 60_050);
  assert.equal(session.pending.size, 1);
  assert.deepEqual(kinds(session.tick(63_100)).filter((kind) => kind !== "ping"), ["status"]);
  session.received({ t: "outcome", id, found: false, lot: LOT }, 63_150);
  assert.equal(session.pending.size, 0);
  assert.equal(session.receipts.at(-1).t, "unrecorded");
});

test("a bid outlives a reload of the page", () => {
  const first = online();
  const { id } = first.session.bid({ lot: LOT, amount: "500" }, 100);
  const second = someone({ storage: first.world.storage });
  second.world.wall = first.world.wall + 1_000;
  second.session.opened();
  const sent = second.session.received(WELCOME, 0);
  assert.equal(sent.find((frame) => frame.t === "bid").id, id);
});

test("bids of somebody who is not logged in any more are not sent", () => {
  const { session } = online();
  session.bid({ lot: LOT, amount: "500" }, 100);
  session.closed(1006, 200);
  session.opened();
  assert.ok(!kinds(session.received({ ...WELCOME, user: false }, 300)).includes("bid"));
  assert.equal(session.pending.size, 1);
});

test("busy, in doubt, too fast: the same id again after a pause", () => {
  for (const answer of [
    (id) => rejected(id, "busy", "same_id"),
    (id) => rejected(id, "in_doubt", "same_id"),
    (id) => ({ t: "error", code: "rate_limited", retry: "same_id", data: { id, lot: LOT, retry_after_ms: 400 } }),
  ]) {
    const { session } = online();
    const { id, send } = session.bid({ lot: LOT, amount: "500" }, 1_000);
    session.received(answer(id), 1_010);
    assert.equal(session.receipts.length, 0);
    assert.deepEqual(session.tick(1_050).filter((frame) => frame.t === "bid"), []);
    assert.deepEqual(session.tick(2_500).filter((frame) => frame.t === "bid"), send);
  }
});

test("no answer on an open line: asked again with the same id", () => {
  const { session } = online();
  const { send } = session.bid({ lot: LOT, amount: "500" }, 1_000);
  assert.deepEqual(session.tick(6_100).filter((frame) => frame.t === "bid"), send);
});

test("a refusal before it became a command ends the bid", () => {
  const { session } = online();
  const { id } = session.bid({ lot: LOT, amount: "500" }, 100);
  session.received({ t: "error", code: "forbidden", retry: "never", data: { id, lot: LOT } }, 110);
  assert.equal(session.pending.size, 0);
  assert.equal(session.receipts.at(-1).code, "forbidden");
});

test("a join that is never answered is asked again; one that is refused for now too, one refused for good is not", () => {
  const { session } = someone();
  session.opened();
  session.received(WELCOME, 0);
  assert.deepEqual(kinds(session.tick(7_000)).filter((kind) => kind === "join"), ["join"]);
  session.received({ t: "error", code: "unavailable", retry: "same_id", data: { lot: LOT } }, 7_100);
  assert.ok(!kinds(session.tick(7_200)).includes("join"));
  assert.ok(kinds(session.tick(9_200)).includes("join"));
  session.received({ t: "error", code: "no_such_lot", retry: "never", data: { lot: LOT } }, 9_300);
  assert.ok(!kinds(session.tick(60_000)).includes("join"));
  assert.equal(session.refused.get(LOT), "no_such_lot");
});

test("back-off: full jitter of a growing bound, started by the server's word", () => {
  assert.deepEqual([0, 1, 2, 10].map((attempt) => backoffMs(attempt, 1_000, () => 1)), [1_000, 2_000, 4_000, 30_000]);
  assert.equal(backoffMs(3, 1_000, () => 0), 0);
  const { session } = online();
  session.received({ t: "bye", code: 4412, retry_ms: 250 }, 100);
  assert.equal(session.closed(4412, 200), 125);
  assert.equal(session.closed(1006, 300), 250);
  assert.equal(session.closed(1006, 300), 500);
  session.opened();
  session.received(WELCOME, 1_000);
  assert.equal(session.closed(1006, 20_000), 400, "a line that held starts anew");
});

test("back-off: short pauses for who watches a lot that closes soon, though the server died without a word", () => {
  const pauseAt = (closesInS) => {
    const { session } = someone({ random: () => 1 });
    session.opened();
    session.received(WELCOME, 0);
    session.received(snapshot(5, { live: { closes_at_us: 1e15 + closesInS * 1e6 } }), 10);
    return session.closed(1006, 1_000);
  };
  assert.equal(pauseAt(60), 250);
  assert.equal(pauseAt(3_600), 800, "otherwise the server's word");
  assert.equal(pauseAt(-60), 800, "a lot that has closed is in no hurry");
  assert.equal(online().session.closed(1006, 1_000), 400, "no deadline, no hurry");
});

test("close codes say whether to come back", () => {
  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 4408, 4410, 4412, 4429]) assert.ok(comesBack(code), String(code));
  for (const code of [4500, 4501, 4503, 4509, 4999]) assert.ok(!comesBack(code), String(code));
  const { session } = online();
  assert.equal(session.closed(4503, 100), null);
  assert.equal(session.connection, "ended");
  assert.deepEqual(session.tick(200), []);
});

test("pings sample the clock quickly at first, then slowly", () => {
  const { session } = online();
  let sent = 1;
  for (let nowMs = 100; nowMs < 10_000; nowMs += 100) sent += kinds(session.tick(nowMs)).filter((kind) => kind === "ping").length;
  assert.equal(sent, 5);
  session.received({ t: "pong", n: 5, server_us: 1e15 }, 1_300);
  assert.ok(session.clock.best() !== null);
  assert.ok(kinds(session.tick(60_000)).includes("ping"));
});

test("a heartbeat that is ahead brings a lost tail back", () => {
  const { session } = online();
  const sent = session.received({ t: "heartbeat", server_us: 1e15, heads: { [LOT]: [1, 9] } }, 100);
  assert.deepEqual(sent, [{ t: "join", lot: LOT, after: 5, epoch: 1 }]);
});

test("the hall keeps the newest row of each lot", () => {
  const { session } = online({ hall: true });
  session.received({ t: "hall", lots: [{ lot: "a", seq: 1, price: "1" }, { lot: "b", seq: 1, price: "2" }] }, 1);
  session.received({ t: "hall", lots: [{ lot: "a", seq: 2, price: "3" }] }, 2);
  assert.deepEqual([...session.hall.values()].map((row) => row.price), ["3", "2"]);
});

test("storage that fails, or holds nonsense, does not stop a bid", () => {
  const broken = {
    getItem: () => "not json",
    setItem: () => {
      throw new Error("full");
    },
  };
  const { session } = online({ storage: broken });
  assert.equal(session.bid({ lot: LOT, amount: "1" }, 1).send.length, 1);
});

test("a bidder who is admitted asks for his code", () => {
  const { session } = online();
  assert.deepEqual(session.refresh(LOT, 100), [{ t: "join", lot: LOT, after: null, epoch: null }]);
});
