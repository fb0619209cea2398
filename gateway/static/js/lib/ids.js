/** Ids of commands, made by the page before it sends and kept until the answer. */

/** A UUID that begins with the time (RFC 9562, version 7), so that the log finds its place at once; also on pages without HTTPS. */
export function timeOrderedUuid(crypto, wallMs) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let index = 5, rest = wallMs; index >= 0; index -= 1, rest = Math.floor(rest / 256)) bytes[index] = rest % 256;
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join("-");
}
