import assert from "node:assert/strict";
import test from "node:test";

import { SAMPLES_KEPT, ServerClock } from "../../gateway/static/js/room/clock.js";

const OFFSET_MS = 1_700_000_000_000;
/** A ping sent at `sentMs` that needs `there` and `back` ms on the way. */
function ping(clock, sentMs, there, back, offsetMs = OFFSET_MS) {
  clock.sample(sentMs, sentMs + there + back, (sentMs + there + offsetMs) * 1000);
}

test("before the first sample nothing is known", () => {
  const clock = new ServerClock();
  assert.equal(clock.serverUs(5), null);
  assert.equal(clock.remainingMs(9, 5), null);
  assert.equal(clock.quality().level, "none");
});

test("the shortest way counts, and its half is the error", () => {
  const clock = new ServerClock();
  ping(clock, 0, 400, 10);
  assert.equal(clock.quality().level, "fair");
  ping(clock, 1000, 10, 10);
  ping(clock, 2000, 10, 300);
  const { offsetMs, errorMs, level } = clock.quality();
  assert.equal(offsetMs, OFFSET_MS);
  assert.equal(errorMs, 10);
  assert.equal(level, "good");
  assert.equal(clock.serverUs(3000), (3000 + OFFSET_MS) * 1000);
});

test("the true time is always within the error, whatever the ways", () => {
  let seed = 1;
  const random = () => ((seed = (seed * 48271) % 2147483647) / 2147483647);
  for (let round = 0; round < 200; round++) {
    const clock = new ServerClock();
    for (let n = 0; n < 20; n++) ping(clock, n * 1000, random() * 500, random() * 500);
    const { offsetMs, errorMs } = clock.quality();
    assert.ok(Math.abs(offsetMs - OFFSET_MS) <= errorMs + 0.01);
    assert.ok(clock.samples.length <= SAMPLES_KEPT);
  }
});

test("the time left is the server's, less the way of a bid, and never below zero", () => {
  const clock = new ServerClock();
  ping(clock, 0, 20, 20);
  const deadlineUs = (10_000 + OFFSET_MS) * 1000;
  assert.equal(clock.remainingMs(deadlineUs, 5_000), 4_980);
  assert.equal(clock.remainingMs(deadlineUs, 9_990), 0);
  assert.equal(clock.remainingMs(deadlineUs, 20_000), 0);
  assert.equal(clock.remainingMs(null, 5), null);
});

test("a clock of this device that is wrong, or set by the visitor, changes nothing", () => {
  const right = new ServerClock();
  const wrong = new ServerClock();
  ping(right, 0, 20, 20);
  ping(wrong, 900_000, 20, 20, OFFSET_MS - 900_000);
  const deadlineUs = (10_000 + OFFSET_MS) * 1000;
  assert.equal(right.remainingMs(deadlineUs, 5_000), wrong.remainingMs(deadlineUs, 905_000));
});

test("after the device slept, samples from before are given up", () => {
  const clock = new ServerClock();
  ping(clock, 0, 5, 5);
  clock.seen(1_000, (1_000 + OFFSET_MS + 60_000) * 1000);
  assert.ok(clock.serverUs(1_000) >= (1_000 + OFFSET_MS + 60_000) * 1000);
  assert.equal(clock.quality().level, "poor");
  ping(clock, 2_000, 20, 20, OFFSET_MS + 60_000);
  ping(clock, 2_100, 20, 20, OFFSET_MS + 60_000);
  assert.equal(clock.quality().offsetMs, OFFSET_MS + 60_000);
});

test("a frame on a slow way does not disturb a good clock", () => {
  const clock = new ServerClock();
  ping(clock, 0, 5, 5);
  clock.seen(10_000, (4_000 + OFFSET_MS) * 1000);
  assert.equal(clock.quality().offsetMs, OFFSET_MS);
});

test("nonsense is passed over", () => {
  const clock = new ServerClock();
  clock.sample(10, 5, 1);
  clock.sample(1, 2, NaN);
  assert.equal(clock.best(), null);
});
