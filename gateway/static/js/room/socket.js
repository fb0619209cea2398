/**
 * The line of a RoomSession: a WebSocket that is opened again and again. Tries the fast port first and the page's own port when
 * that one cannot be reached, and remembers which one worked.
 */

import { timeOrderedUuid } from "../lib/ids.js";
import { RoomSession } from "./session.js";

export const OPEN_WITHIN_MS = 4_000;
const TICK_MS = 200;
const SILENT_MS = 20_000;
/** Four heartbeats missed: the line is dead, whatever the browser thinks. */
const WORKED = "ortoo.live.url";

/** Addresses to try, best first. `page` is {live_port, live_public_url}, `location` the page's own. */
export function liveUrls({ live_port, live_public_url }, location) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const fast = live_public_url || `${scheme}//${location.hostname}:${live_port}/live`;
  return [fast, `${scheme}//${location.host}/live`];
}

/**
 * Open and keep a live connection.
 *
 * @param options.urls      from `liveUrls`
 * @param options.onChange  called with the session after anything changed
 * @param options           the rest goes to RoomSession: lots, hall
 * @returns {{session, bid, refresh, stop}}
 */
export function connect({ urls, onChange, world = browserWorld(), ...options }) {
  const session = new RoomSession({
    storage: world.storage,
    newId: world.newId,
    random: world.random,
    wallMs: world.wallMs,
    ...options,
  });
  const line = new Line(session, urls, onChange, world);
  line.open();
  return {
    session,
    bid: (wish) => line.bid(wish),
    refresh: (lot) => line.send(session.refresh(lot, world.nowMs())),
    stop: () => line.stop(),
  };
}

/** The parts of a browser that a line needs; tests bring their own. */
export function browserWorld() {
  return {
    WebSocket: globalThis.WebSocket,
    storage: globalThis.sessionStorage,
    newId: () => timeOrderedUuid(globalThis.crypto, Date.now()),
    random: Math.random,
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimeout: (work, ms) => globalThis.setTimeout(work, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    onWake: (work) => {
      globalThis.addEventListener("online", work);
      globalThis.document.addEventListener("visibilitychange", () => globalThis.document.hidden || work());
    },
  };
}

class Line {
  constructor(session, urls, onChange, world) {
    this.session = session;
    this._urls = urls;
    this._onChange = onChange;
    this._world = world;
    this._choice = Math.max(0, urls.indexOf(this._remembered()));
    this._socket = null;
    this._stopped = false;
    this._timers = new Map();
    world.onWake(() => this._wake());
    this._ticking();
  }

  open() {
    const url = this._urls[this._choice];
    this._clear("retry");
    let socket;
    try {
      socket = new this._world.WebSocket(url);
    } catch {
      this._lost(null, 1006); // an address the browser forbids counts as one that cannot be reached
      return;
    }
    this._socket = socket;
    this._welcomed = false;
    this._heardMs = this._world.nowMs();
    this._after("open", OPEN_WITHIN_MS, () => this._drop(socket));
    socket.onopen = () => this.send(this.session.opened());
    socket.onmessage = (event) => this._heard(socket, event.data, url);
    socket.onclose = (event) => this._lost(socket, event.code);
  }

  bid(wish) {
    const { id, send } = this.session.bid(wish, this._world.nowMs());
    this.send(send);
    this._onChange(this.session);
    return id;
  }

  send(frames) {
    if (this._socket?.readyState !== 1) return;
    for (const frame of frames) this._socket.send(JSON.stringify(frame));
  }

  stop() {
    this._stopped = true;
    for (const name of [...this._timers.keys()]) this._clear(name);
    this._socket?.close();
  }

  _heard(socket, text, url) {
    if (socket !== this._socket) return;
    const nowMs = this._world.nowMs();
    this._heardMs = nowMs;
    const frame = JSON.parse(text);
    if (frame.t === "welcome") {
      this._welcomed = true;
      this._clear("open");
      this._remember(url);
    }
    this.send(this.session.received(frame, nowMs));
    this._onChange(this.session);
  }

  _lost(socket, code) {
    if (socket !== this._socket || this._stopped) return;
    this._socket = null;
    this._clear("open");
    const reached = this._welcomed;
    this._welcomed = false;
    const pauseMs = this.session.closed(code, this._world.nowMs());
    if (pauseMs !== null) {
      // An address that never said welcome may be blocked on the way: the other one is tried at once, then with the usual pauses.
      const other = !reached && this._choice === 0 && this._urls.length > 1;
      if (!reached) this._choice = (this._choice + 1) % this._urls.length;
      this._after("retry", other ? 0 : pauseMs, () => this.open());
    }
    this._onChange(this.session);
  }

  /** Give up a socket without waiting for its close handshake, which may take a minute on a dead line. */
  _drop(socket) {
    if (socket !== this._socket) return;
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    this._lost(socket, 1006);
  }

  _wake() {
    if (!this._stopped && this._timers.has("retry")) this.open();
  }

  _ticking() {
    this._after("tick", TICK_MS, () => {
      const nowMs = this._world.nowMs();
      if (this._socket !== null && this._welcomed && nowMs - this._heardMs > SILENT_MS) this._drop(this._socket);
      else this.send(this.session.tick(nowMs));
      this._ticking();
    });
  }

  _after(name, ms, work) {
    this._clear(name);
    this._timers.set(
      name,
      this._world.setTimeout(() => {
        this._timers.delete(name);
        work();
      }, ms),
    );
  }

  _clear(name) {
    if (this._timers.has(name)) this._world.clearTimeout(this._timers.get(name));
    this._timers.delete(name);
  }

  _remembered() {
    try {
      return this._world.storage.getItem(WORKED);
    } catch {
      return null; // storage is forbidden: the fast port is tried first every time
    }
  }

  _remember(url) {
    try {
      this._world.storage.setItem(WORKED, url);
    } catch {
      this._choice = Math.max(0, this._urls.indexOf(url)); // remembered for this page only
    }
  }
}
