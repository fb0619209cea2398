// Sealed envelopes in the browser: the same as engine/envelopes.py, held together by tests/vectors/envelopes.json.
// A bid is encrypted with a fresh key; that key is split into three shares of which two give it back; each share is encrypted to one
// officer. The market never sees the amount, the key, or a share before the officers bring theirs. Needs WebCrypto (https or localhost).

const SHARES = 3;
const utf8 = new TextEncoder();
const subtle = globalThis.crypto?.subtle;

export const isPossible = () => subtle !== undefined;

export const contextOf = (lot, code) => utf8.encode(`${lot}\n${code}`);

export async function seal(plain, officerKeys, lot, code) {
  const context = contextOf(lot, code);
  const contentKey = randomBytes(32);
  const nonce = randomBytes(12);
  const key = await subtle.importKey("raw", contentKey, "AES-GCM", false, ["encrypt"]);
  const encrypted = await subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: context }, key, utf8.encode(plain));
  const shares = split(contentKey, randomBytes(32));
  return JSON.stringify({
    v: 1,
    sealed: toBase64(joined(nonce, new Uint8Array(encrypted))),
    boxes: await Promise.all(shares.map((share, place) => box(share, officerKeys[place], context, place))),
    commitments: await Promise.all(shares.map((share, place) => commitment(place, share))),
  });
}

// The share that an officer finds in his box, hex; null if it is not for his key.
export async function openBox(envelope, place, privateKey, lot, code) {
  const context = contextOf(lot, code);
  const bytes = fromBase64(JSON.parse(envelope).boxes[place]);
  try {
    const key = await boxKey(privateKey, bytes.slice(0, 65), context, place);
    const share = await subtle.decrypt(withContext(context), key, bytes.slice(65));
    return toHex(new Uint8Array(share));
  } catch {
    return null;
  }
}

// The bid, from two shares (place -> hex); null if it does not open. Anybody can check an opening with it.
export async function open(envelope, shares, lot, code) {
  const sealed = fromBase64(JSON.parse(envelope).sealed);
  const contentKey = combine(Object.entries(shares).slice(0, 2).map(([place, share]) => [Number(place), fromHex(share)]));
  try {
    const key = await subtle.importKey("raw", contentKey, "AES-GCM", false, ["decrypt"]);
    const options = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: contextOf(lot, code) };
    return new TextDecoder().decode(await subtle.decrypt(options, key, sealed.slice(12)));
  } catch {
    return null;
  }
}

export async function commitment(place, share) {
  const tagged = joined(utf8.encode("ortoo/share/v1\n"), Uint8Array.of(place), share);
  return toHex(new Uint8Array(await subtle.digest("SHA-256", tagged)));
}

export async function digestOf(envelope) {
  return toHex(new Uint8Array(await subtle.digest("SHA-256", utf8.encode(envelope))));
}

// An officer's key: made in his browser, kept in a file that only his passphrase opens. `publicKey` goes to the market.
export async function makeOfficerKey(passphrase) {
  const pair = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const publicKey = toBase64(new Uint8Array(await subtle.exportKey("raw", pair.publicKey)));
  const secret = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const key = await passphraseKey(passphrase, salt);
  const encrypted = new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, secret));
  const file = { kind: "ortoo.officer-key", v: 1, public: publicKey, salt: toBase64(salt), nonce: toBase64(nonce), key: toBase64(encrypted) };
  return { publicKey, file: JSON.stringify(file, null, 1) };
}

// The private key in an officer's file; null if the passphrase does not open it.
export async function readOfficerKey(file, passphrase) {
  try {
    const said = JSON.parse(file);
    if (said.kind !== "ortoo.officer-key" || said.v !== 1) return null;
    const key = await passphraseKey(passphrase, fromBase64(said.salt));
    const secret = await subtle.decrypt({ name: "AES-GCM", iv: fromBase64(said.nonce) }, key, fromBase64(said.key));
    const privateKey = await subtle.importKey("pkcs8", secret, { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
    return { publicKey: said.public, privateKey };
  } catch {
    return null;
  }
}

export const importPrivateJwk = (jwk) => subtle.importKey("jwk", jwk, { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);

async function passphraseKey(passphrase, salt) {
  const said = await subtle.importKey("raw", utf8.encode(passphrase), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: 600_000 };
  return subtle.deriveKey(how, said, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function box(share, officerKey, context, place) {
  const pair = await subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const key = await boxKey(pair.privateKey, fromBase64(officerKey), context, place);
  const encrypted = await subtle.encrypt(withContext(context), key, share);
  const point = new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
  return toBase64(joined(point, new Uint8Array(encrypted)));
}

async function boxKey(privateKey, point, context, place) {
  const publicKey = await subtle.importKey("raw", point, { name: "ECDH", namedCurve: "P-256" }, false, []);
  const secret = await subtle.deriveBits({ name: "ECDH", public: publicKey }, privateKey, 256);
  const base = await subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const info = joined(utf8.encode("ortoo/box/v1\n"), Uint8Array.of(place), context);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
  return subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

// A box's key is fresh for every box, so its nonce may be constant.
const withContext = (context) => ({ name: "AES-GCM", iv: new Uint8Array(12), additionalData: context });

function split(secret, slope) {
  return Array.from({ length: SHARES }, (_, place) => secret.map((byte, at) => byte ^ times(slope[at], place + 1)));
}

function combine([[leftPlace, one], [rightPlace, two]]) {
  const left = leftPlace + 1;
  const right = rightPlace + 1;
  const apart = inverse(left ^ right);
  const [byLeft, byRight] = [times(right, apart), times(left, apart)];
  return one.map((byte, at) => times(byte, byLeft) ^ times(two[at], byRight));
}

function times(a, b) {
  let product = 0;
  while (b) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11b : 0);
    b >>= 1;
  }
  return product;
}

function inverse(a) {
  let [result, power] = [1, a];
  for (let bit = 0; bit < 7; bit += 1) {
    power = times(power, power);
    result = times(result, power);
  }
  return result;
}

const randomBytes = (length) => globalThis.crypto.getRandomValues(new Uint8Array(length));

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
