/**
 * The client's side of the room protocol without any I/O: frames and the time go in, frames to send come out. socket.js gives it
 * a line; tests give it a script.
 *
 * Bids keep their id in `storage` (sessionStorage) until they are answered. After a cut a young bid is sent again with the same
 * id, which can never count twice; an old one is only asked about, so that nothing is bid long after the person meant it.
 */

import { ServerClock } from "./clock.js";
import { emptyRoom, joinOf, reduce } from "./state.js";

export const RESEND_YOUNGER_MS = 10_000;
/** A bid younger than this is sent again after a cut; an older one is asked about. */
export const RESEND_EVERY_MS = 5_000;
/** How long an answer may take on an open line before the question is repeated. */
export const BACKOFF_MOST_MS = 30_000;
export const RETRY_CLOSING_MS = 250;
export const CLOSING_SOON_MS = 120_000;
/** Who watches a lot in its last two minutes begins with short pauses, even where a server died without a word. */
export const STABLE_MS = 10_000;
/** A line that held this long starts the back-off anew. */
export const RECEIPTS_KEPT = 200;
export const PENDING_MOST = 50;
export const PINGS_AT_START = 5;
const PING_FAST_MS = 300;
const PING_SLOW_MS = 15_000;
const ASK_AGAIN_MS = 3_000;
const JOIN_WITHIN_MS = 6_000;
/** A join may be lost to a limit; a room that waits longer than this asks again. */
const REJOIN_MS = 2_000;
const STORED = "ortoo.bids.v1";

/** What happens to the line after a close code: only 4500 to 4999 mean "do not come back". */
export function comesBack(code) {
  return !(code >= 4500 && code <= 4999);
}

/** Full jitter: a random part of min(most, base * 2^attempt). */
export function backoffMs(attempt, baseMs, random) {
  return Math.round(random() * Math.min(BACKOFF_MOST_MS, baseMs * 2 ** Math.min(attempt, 20)));
}

export class RoomSession {
  /**
   * @param options.lots     lots to watch: ids, or rooms from `roomFromPage`
   * @param options.hall     watch the hall
   * @param options.storage  {getItem, setItem}: where open bids outlive a reload
   * @param options.random   () -> [0, 1)
   * @param options.newId    () -> UUID
   * @param options.wallMs   () -> milliseconds since 1970; ages bids across a reload
   */
  constructor({ lots = [], hall = false, storage, random = Math.random, newId, wallMs = () => Date.now() }) {
    this.rooms = new Map(lots.map((lot) => (typeof lot === "string" ? [lot, emptyRoom(lot)] : [lot.lot, lot])));
    this.hall = hall ? new Map() : null;
    this.clock = new ServerClock();
    /** "connecting", "online", "offline" (will come back) or "ended" (will not). */
    this.connection = "connecting";
    this.closeCode = null;
    /** Somebody is logged in on this line; null before the welcome. */
    this.user = null;
    /** Open bids by id: {frame, at_ms, doubt, asked}. */
    this.pending = new Map();
    /** Answers, newest last: accepted and rejected frames, {t: "refused"} and {t: "unrecorded"}. */
    this.receipts = [];
    this.lastError = null;
    this._storage = storage;
    this._random = random;
    this._newId = newId;
    this._wallMs = wallMs;
    this._retryMs = 1_000;
    this._attempt = 0;
    this._welcomedMs = null;
    this._pings = new Map();
    this._pingNumber = 0;
    this._nextPingMs = 0;
    this._again = new Map();
    this._joinDueMs = new Map();
    /** Refusals of joins that will not change, by lot. */
    this.refused = new Map();
    this._load();
  }

  /** The line is open; nothing is sent before the welcome. */
  opened() {
    this.connection = "connecting";
    return [];
  }

  /** Take a frame; return the frames to send. */
  received(frame, nowMs) {
    if (typeof frame.server_us === "number" && frame.t !== "pong") this.clock.seen(nowMs, frame.server_us);
    switch (frame.t) {
      case "welcome":
        return this._welcome(frame, nowMs);
      case "pong":
        return this._pong(frame, nowMs);
      case "accepted":
      case "rejected":
        this._answer(frame, nowMs);
        break;
      case "outcome":
        this._outcome(frame, nowMs);
        break;
      case "error":
        this._error(frame, nowMs);
        break;
      case "hall":
        if (this.hall) for (const row of frame.lots) this.hall.set(row.lot, row);
        break;
      case "bye":
        this._retryMs = frame.retry_ms;
        break;
      default:
    }
    this._reduce(frame);
    return this._joins(nowMs);
  }

  /** The line is gone; return how long to wait before the next try, or null for "do not come back". */
  closed(code, nowMs) {
    this.closeCode = code;
    this.user = null;
    this._pings.clear();
    this._again.clear();
    this._joinDueMs.clear();
    this._reduce({ t: "offline" });
    for (const bid of this.pending.values()) bid.doubt = true;
    if (!comesBack(code)) {
      this.connection = "ended";
      return null;
    }
    const held = this._welcomedMs !== null && nowMs - this._welcomedMs >= STABLE_MS;
    this._attempt = held ? 0 : this._attempt;
    this._welcomedMs = null;
    this.connection = "offline";
    const baseMs = this._closesSoon(nowMs) ? Math.min(this._retryMs, RETRY_CLOSING_MS) : this._retryMs;
    const pauseMs = backoffMs(this._attempt, baseMs, this._random);
    this._attempt += 1;
    return pauseMs;
  }

  _closesSoon(nowMs) {
    const serverUs = this.clock.serverUs(nowMs);
    if (serverUs === null) return false;
    return [...this.rooms.values()].some((room) => {
      const leftMs = ((room.live?.closes_at_us ?? -Infinity) - serverUs) / 1_000;
      return leftMs >= 0 && leftMs < CLOSING_SOON_MS;
    });
  }

  /** Time passes; return the frames to send. Called a few times a second while the line is open. */
  tick(nowMs) {
    if (this.connection !== "online") return [];
    for (const [lot, dueMs] of [...this._joinDueMs]) {
      if (nowMs < dueMs) continue;
      this._joinDueMs.delete(lot);
      const room = this.rooms.get(lot);
      if (room && (room.joining || room.seq === null)) this.rooms.set(lot, reduce(room, { t: "offline" }));
    }
    const frames = this._joins(nowMs);
    if (nowMs >= this._nextPingMs) frames.push(this._ping(nowMs));
    for (const [id, dueMs] of [...this._again]) {
      if (nowMs < dueMs) continue;
      this._again.delete(id);
      const bid = this.pending.get(id);
      if (bid) frames.push(...this._repeat(id, bid, nowMs));
    }
    return frames;
  }

  /** Bid; return {id, send}. The id is stored before anything is sent. */
  bid({ lot, amount = null, maximum = null, confirm = false }, nowMs) {
    if (this.pending.size >= PENDING_MOST) return { id: null, send: [] };
    const id = this._newId();
    const frame = { t: "bid", id, lot, amount, maximum, confirm };
    this.pending.set(id, { frame, at_ms: this._wallMs(), doubt: this.connection !== "online", asked: false });
    this._store();
    if (this.connection !== "online") return { id, send: [] };
    this._again.set(id, nowMs + RESEND_EVERY_MS);
    return { id, send: [frame] };
  }

  /** Ask for a fresh snapshot of a lot, for instance after having been admitted; return the frames to send. */
  refresh(lot, nowMs) {
    const room = this.rooms.get(lot);
    if (room) this.rooms.set(lot, { ...room, wants: "snapshot" });
    return this.connection === "online" ? this._joins(nowMs) : [];
  }

  _welcome(frame, nowMs) {
    this.connection = "online";
    this.closeCode = null;
    this.user = frame.user;
    this._retryMs = frame.retry_ms;
    this._welcomedMs = nowMs;
    this._pingsLeft = PINGS_AT_START;
    const frames = [...this._joins(nowMs), this._ping(nowMs)];
    if (this.hall) frames.push({ t: "hall" });
    if (frame.user) for (const [id, bid] of this.pending) frames.push(...this._repeat(id, bid, nowMs));
    return frames;
  }

  _repeat(id, bid, nowMs) {
    this._again.set(id, nowMs + RESEND_EVERY_MS);
    bid.doubt = true;
    if (this._wallMs() - bid.at_ms < RESEND_YOUNGER_MS) return [bid.frame];
    return [{ t: "status", id, lot: bid.frame.lot }];
  }

  _ping(nowMs) {
    const n = ++this._pingNumber;
    this._pings.set(n, nowMs);
    if (this._pings.size > PINGS_AT_START) this._pings.delete(this._pings.keys().next().value);
    this._pingsLeft = Math.max(0, this._pingsLeft - 1);
    this._nextPingMs = nowMs + (this._pingsLeft > 0 ? PING_FAST_MS : PING_SLOW_MS);
    return { t: "ping", n };
  }

  _pong(frame, nowMs) {
    const sentMs = this._pings.get(frame.n);
    this._pings.delete(frame.n);
    if (sentMs !== undefined) this.clock.sample(sentMs, nowMs, frame.server_us);
    return [];
  }

  _answer(frame, nowMs) {
    const bid = this.pending.get(frame.id);
    if (frame.t === "rejected" && frame.retry === "same_id") {
      if (bid) this._later(frame.id, bid, nowMs, backoffMs(1, 500, this._random) + 200);
      return;
    }
    this._settle(frame.id, { ...frame, wish: bid ? bid.frame : null });
  }

  _outcome(frame, nowMs) {
    const bid = this.pending.get(frame.id);
    if (!bid || frame.found) return;
    // It may still have been on its way when we asked: one more question before it is called unrecorded.
    if (!bid.asked) {
      bid.asked = true;
      this._again.set(frame.id, nowMs + ASK_AGAIN_MS);
      return;
    }
    this._settle(frame.id, { t: "unrecorded", id: frame.id, lot: frame.lot, wish: bid.frame });
  }

  _error(frame, nowMs) {
    this.lastError = { code: frame.code, data: frame.data, at_ms: nowMs };
    const bid = this.pending.get(frame.data.id);
    if (bid && frame.retry === "same_id") this._later(frame.data.id, bid, nowMs, frame.data.retry_after_ms ?? 1_000);
    else if (bid) this._settle(frame.data.id, { t: "refused", id: frame.data.id, lot: bid.frame.lot, code: frame.code, wish: bid.frame });
    const room = this.rooms.get(frame.data.lot);
    if (!room || frame.data.id) return;
    // A join was refused: for good, or to be tried again in a while.
    this.rooms.set(room.lot, { ...room, joining: frame.retry !== "never", wants: null });
    if (frame.retry === "never") {
      this.refused.set(room.lot, frame.code);
      this._joinDueMs.delete(room.lot);
    } else this._joinDueMs.set(room.lot, nowMs + REJOIN_MS);
  }

  _later(id, bid, nowMs, pauseMs) {
    bid.doubt = true;
    this._again.set(id, nowMs + pauseMs);
  }

  _settle(id, receipt) {
    this._again.delete(id);
    if (this.pending.delete(id)) this._store();
    if (!this.receipts.some((known) => known.id === id && known.t === receipt.t)) this.keep(receipt);
  }

  /** Keep a receipt for the list; the oldest goes when there are too many. */
  keep(receipt) {
    this.receipts.push(receipt);
    if (this.receipts.length > RECEIPTS_KEPT) this.receipts.shift();
  }

  _reduce(frame) {
    for (const [lot, room] of this.rooms) {
      const next = reduce(room, frame);
      if (next !== room) this.rooms.set(lot, next);
    }
  }

  _joins(nowMs) {
    const frames = [];
    for (const [lot, room] of this.rooms) {
      if (room.wants === null || room.joining) continue;
      frames.push(joinOf(room));
      this._joinDueMs.set(lot, nowMs + JOIN_WITHIN_MS);
      this.rooms.set(lot, reduce(room, { t: "joining", lot }));
    }
    return frames;
  }

  _load() {
    try {
      for (const [id, { frame, at_ms }] of Object.entries(JSON.parse(this._storage.getItem(STORED) ?? "{}"))) {
        this.pending.set(id, { frame, at_ms, doubt: true, asked: false });
      }
    } catch {
      this.pending.clear(); // what is stored is not ours: nothing was sent under it
    }
  }

  _store() {
    const open = Object.fromEntries([...this.pending].map(([id, { frame, at_ms }]) => [id, { frame, at_ms }]));
    try {
      this._storage.setItem(STORED, JSON.stringify(open));
    } catch {
      this.lastError = { code: "storage", data: {}, at_ms: 0 }; // full or forbidden: the bid goes on without the safety of a reload
    }
  }
}
