import assert from "node:assert/strict";
import test from "node:test";

import { timeOrderedUuid } from "../../gateway/static/js/lib/ids.js";
import { OPEN_WITHIN_MS, connect, liveUrls } from "../../gateway/static/js/room/socket.js";

const WELCOME = JSON.stringify({ t: "welcome", v: 1, server_us: 1e15, user: true, retry_ms: 1000 });
const URLS = ["ws://fast/live", "ws://page/live"];

/** A browser on a table: time moves when the test says so, sockets do what the test says. */
function browser(kept = new Map()) {
  const world = {
    now: 0,
    sockets: [],
    timers: [],
    wake: () => {},
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
    kept,
    newId: () => "00000000-0000-4000-8000-000000000001",
    random: () => 1,
    nowMs: () => world.now,
    wallMs: () => world.now,
    setTimeout(work, ms) {
      const timer = { work, at: world.now + ms };
      world.timers.push(timer);
      return timer;
    },
    clearTimeout(timer) {
      world.timers = world.timers.filter((other) => other !== timer);
    },
    onWake(work) {
      world.wake = work;
    },
    advance(ms) {
      const until = world.now + ms;
      for (;;) {
        const due = world.timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (!due) break;
        world.now = Math.max(world.now, due.at);
        world.clearTimeout(due);
        due.work();
      }
      world.now = until;
    },
    WebSocket: class {
      constructor(url) {
        this.url = url;
        this.readyState = 0;
        this.sent = [];
        world.sockets.push(this);
      }
      send(text) {
        this.sent.push(JSON.parse(text));
      }
      close() {
        this.readyState = 3;
      }
      open() {
        this.readyState = 1;
        this.onopen();
      }
      say(text) {
        this.onmessage({ data: text });
      }
      cut(code) {
        this.readyState = 3;
        this.onclose?.({ code });
      }
    },
  };
  return world;
}

function start(world) {
  return connect({ urls: URLS, lots: ["a"], onChange: () => {}, world });
}

test("the fast port first; the page's own port when it cannot be reached", () => {
  const world = browser();
  start(world);
  assert.equal(world.sockets[0].url, URLS[0]);
  world.sockets[0].cut(1006);
  world.advance(1);
  assert.equal(world.sockets[1].url, URLS[1], "at once, not after a pause");
  world.sockets[1].open();
  world.sockets[1].say(WELCOME);
  assert.equal(world.sockets[1].sent[0].t, "join");
  assert.equal(world.kept.get("ortoo.live.url"), URLS[1]);
});

test("a port that swallows the connection is given up after a while", () => {
  const world = browser();
  start(world);
  world.advance(OPEN_WITHIN_MS + 1);
  assert.equal(world.sockets[1].url, URLS[1]);
  assert.equal(world.sockets[0].readyState, 3);
});

test("both unreachable: pauses grow", () => {
  const world = browser();
  start(world);
  const opened = [];
  for (let n = 0; n < 300; n++) {
    const socket = world.sockets.at(-1);
    if (socket.readyState === 0) {
      opened.push(world.now);
      socket.cut(1006);
    }
    world.advance(1_000);
  }
  const pauses = opened.slice(1).map((at, n) => at - opened[n]);
  assert.ok(opened.length < 40, `${opened.length} tries in 300 s`);
  assert.ok(pauses.at(-1) <= 31_000);
});

test("next time the port that worked is tried first", () => {
  const world = browser(new Map([["ortoo.live.url", URLS[1]]]));
  start(world);
  assert.equal(world.sockets[0].url, URLS[1]);
});

test("a line that was welcomed comes back to the same port, sooner when the device wakes", () => {
  const world = browser();
  const live = start(world);
  world.sockets[0].open();
  world.sockets[0].say(WELCOME);
  world.sockets[0].cut(1006);
  assert.equal(live.session.connection, "offline");
  assert.equal(world.sockets.length, 1);
  world.wake();
  assert.equal(world.sockets[1].url, URLS[0]);
  world.wake();
  assert.equal(world.sockets.length, 2, "one try at a time");
});

test("a line that falls silent is dropped and opened anew", () => {
  const world = browser();
  start(world);
  world.sockets[0].open();
  world.sockets[0].say(WELCOME);
  world.advance(25_000);
  assert.equal(world.sockets[0].readyState, 3);
  assert.equal(world.sockets.length, 2);
});

test("a session that was ended does not come back", () => {
  const world = browser();
  const live = start(world);
  world.sockets[0].open();
  world.sockets[0].say(WELCOME);
  world.sockets[0].cut(4503);
  world.advance(120_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(live.session.connection, "ended");
});

test("a bid goes out on the line, or waits for it", () => {
  const world = browser();
  const live = start(world);
  const id = live.bid({ lot: "a", amount: "5" });
  world.sockets[0].open();
  world.sockets[0].say(WELCOME);
  assert.deepEqual(world.sockets[0].sent.filter((frame) => frame.t === "bid").map((frame) => frame.id), [id]);
  live.stop();
  world.advance(60_000);
  assert.equal(world.sockets.length, 1);
});

test("addresses", () => {
  const page = { protocol: "https:", host: "m.example:8443", hostname: "m.example" };
  assert.deepEqual(liveUrls({ live_port: 8081, live_public_url: "" }, page), ["wss://m.example:8081/live", "wss://m.example:8443/live"]);
  assert.equal(liveUrls({ live_port: 1, live_public_url: "wss://live.m.example/live" }, page)[0], "wss://live.m.example/live");
  assert.equal(liveUrls({ live_port: 8081, live_public_url: "" }, { ...page, protocol: "http:" })[0], "ws://m.example:8081/live");
});

test("ids are UUIDs of version 7 in lower case that begin with the time", () => {
  const shape = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const atMs = 1_764_383_145_000;
  const made = Array.from({ length: 500 }, () => timeOrderedUuid(globalThis.crypto, atMs));
  for (const id of made) assert.match(id, shape);
  assert.equal(new Set(made).size, made.length);
  assert.equal(Number.parseInt(made[0].slice(0, 13).replace("-", ""), 16), atMs);
  assert.ok(made.every((id) => id < timeOrderedUuid(globalThis.crypto, atMs + 1)));
});
