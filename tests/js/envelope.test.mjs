// Envelopes made by one side open on the other: vectors from engine/envelopes.py, and a round trip of the browser's own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import * as envelopes from "../../gateway/static/js/lib/envelope.js";

const vectors = JSON.parse(readFileSync(new URL("../vectors/envelopes.json", import.meta.url)));
const keys = await Promise.all(vectors.officers.map((officer) => envelopes.importPrivateJwk(officer.private)));
const publicKeys = vectors.officers.map((officer) => officer.public);

for (const { lot, code, plain, envelope, shares } of vectors.envelopes) {
  test(`the envelope of ${lot} opens with any two shares`, async () => {
    for (const [place, key] of keys.entries()) {
      assert.equal(await envelopes.openBox(envelope, place, key, lot, code), shares[place]);
      assert.equal(await envelopes.openBox(envelope, place, key, lot, "999"), null, "bound to its code");
      assert.equal(await envelopes.openBox(envelope, (place + 1) % 3, key, lot, code), null, "one officer, one box");
    }
    for (const [a, b] of [[0, 1], [0, 2], [1, 2]]) {
      assert.equal(await envelopes.open(envelope, { [a]: shares[a], [b]: shares[b] }, lot, code), plain);
    }
    assert.equal(await envelopes.open(envelope, { 0: shares[0], 1: shares[0] }, lot, code), null);
  });
}

test("what a browser seals, two officers open, and nobody reads before", async () => {
  const plain = JSON.stringify({ amount: "987654321" });
  const envelope = await envelopes.seal(plain, publicKeys, "lot-9", "105");
  assert.ok(!envelope.includes("987654321"));
  const shares = {};
  for (const place of [0, 2]) shares[place] = await envelopes.openBox(envelope, place, keys[place], "lot-9", "105");
  assert.equal(await envelopes.open(envelope, shares, "lot-9", "105"), plain);
  const said = JSON.parse(envelope).commitments[0];
  assert.equal(said, await envelopes.commitment(0, Uint8Array.from(shares[0].match(/../g), (pair) => parseInt(pair, 16))));
});

test("an officer's key file opens with its passphrase only", async () => {
  const { publicKey, file } = await envelopes.makeOfficerKey("four words of grassland");
  assert.equal(await envelopes.readOfficerKey(file, "wrong"), null);
  assert.equal(await envelopes.readOfficerKey("{}", "four words of grassland"), null);
  const read = await envelopes.readOfficerKey(file, "four words of grassland");
  assert.equal(read.publicKey, publicKey);
  const envelope = await envelopes.seal("{}", [publicKey, ...publicKeys.slice(1)], "lot-9", "105");
  assert.equal((await envelopes.openBox(envelope, 0, read.privateKey, "lot-9", "105")).length, 64);
});
