/** Titles in Mongolian: traditional script is written in columns from left to right, Cyrillic in lines. */

const TRADITIONAL = /[\u1800-\u18af]/;

/** {text, script, lang}: script is "vertical" or "lines"; null for an empty title. */
export function mongolian(text) {
  if (!text) return null;
  return TRADITIONAL.test(text) ? { text, script: "vertical", lang: "mn-Mong" } : { text, script: "lines", lang: "mn-Cyrl" };
}
