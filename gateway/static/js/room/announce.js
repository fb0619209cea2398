/** What is spoken: answers and being outbid at once, prices at most every five seconds, time only at marks. Never every second. */

export const PRICE_EVERY_MS = 5_000;
export const MARKS_S = [300, 60, 30, 10];

export class Announcer {
  /** @param speak (text) -> void, writes into the one live region */
  constructor(speak) {
    this._speak = speak;
    this._spokenMs = -PRICE_EVERY_MS;
    this._mark = null;
  }

  /** Something that must not wait. */
  now(text, nowMs) {
    this._spokenMs = nowMs;
    this._speak(text);
  }

  /** A new price; left out when one was spoken a moment ago. */
  price(text, nowMs) {
    if (nowMs - this._spokenMs >= PRICE_EVERY_MS) this.now(text, nowMs);
  }

  /** Time left; spoken when a mark is passed, once. */
  time(remainingMs, text, nowMs) {
    const mark = MARKS_S.filter((seconds) => remainingMs <= seconds * 1000).at(-1) ?? null;
    if (mark !== this._mark) {
      const entered = mark !== null && (this._mark === null || mark < this._mark);
      this._mark = mark;
      if (entered && remainingMs > 0) this.now(text(mark), nowMs);
    }
  }
}
