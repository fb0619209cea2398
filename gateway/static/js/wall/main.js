/**
 * The wall display: asks for its data again and again, listens to the live line as a visitor without an account, turns the slides and
 * draws. It decides nothing. Everything it needs of a browser comes in as `world`, so that tests let a month pass in a minute.
 */

import { render } from "../../vendor/lit-html/lit-html.js";
import { translator } from "../lib/texts.js";
import { connect, liveUrls } from "../room/socket.js";
import { emptyWall, pauseMs, reduce } from "./state.js";
import { wallView } from "./view.js";

const ANSWER_WITHIN_MS = 10_000;
const DRAW_EVERY_MS = 500;
const RELOADED = "ortoo.wall.reloaded";
const RELOAD_EVERY_MS = 600_000;
/** Should the server go on naming other scripts after a reload, the wall still shows its notices between two tries. */

/** Start a wall in `root`; returns {wall(), take(action), draw(), stop()}. */
export function startWall(root, page, texts, world = browserWorld(page)) {
  const t = translator(texts);
  let wall = emptyWall(page);
  const timers = new Map();
  let asking = false;
  let stopped = false;

  function take(action) {
    const before = wall;
    wall = reduce(wall, action);
    if (action.t === "tick" && wall !== before && wall.reload) world.reload();
    if (wall !== before && action.t !== "tick") draw();
    return wall.data !== null;
  }

  function draw() {
    const nowMs = world.nowMs();
    render(wallView({ t, wall, nowMs, serverUs: world.serverUs(nowMs), english: page.language === "en" }), root);
  }

  async function ask() {
    if (asking) return;
    asking = true;
    const data = await world.ask();
    asking = false;
    if (stopped) return;
    take(data === null ? { t: "failed" } : { t: "data", data, nowMs: world.nowMs() });
    later("ask", ask, pauseMs(wall, world.random));
  }

  function tick() {
    const nowMs = world.nowMs();
    take({ t: "tick", nowMs, serverUs: world.serverUs(nowMs) });
    draw();
    later("tick", tick, DRAW_EVERY_MS);
  }

  /** One timer of each name: a new one takes the place of the one before. */
  function later(name, work, ms) {
    if (stopped) return;
    world.clearTimeout(timers.get(name));
    timers.set(name, world.setTimeout(work, ms));
  }

  const line = world.listen(take);
  root.replaceChildren();
  world.onWake(ask); // the network is back: no need to wait for the next turn
  ask();
  tick();
  return {
    wall: () => wall,
    take,
    draw,
    stop() {
      stopped = true;
      for (const timer of timers.values()) world.clearTimeout(timer);
      line.stop();
    },
  };
}

/** The parts of a browser that a wall needs. */
export function browserWorld(page) {
  let session = null;
  let etag = null;
  let last = null;
  return {
    nowMs: () => performance.now(),
    random: Math.random,
    setTimeout: (work, ms) => globalThis.setTimeout(work, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
    serverUs: (nowMs) => session?.clock.serverUs(nowMs) ?? null,
    /** Return the wall's data; null if it could not be had. */
    async ask() {
      const cut = new AbortController();
      const timer = globalThis.setTimeout(() => cut.abort(), ANSWER_WITHIN_MS);
      try {
        const answer = await fetch(page.data_address, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store", signal: cut.signal });
        if (answer.status === 304) return last;
        if (!answer.ok) return null;
        last = await answer.json();
        etag = answer.headers.get("ETag");
        return last;
      } catch {
        return null; // no network, no server, or no JSON: the age of what is shown says so
      } finally {
        globalThis.clearTimeout(timer);
      }
    },
    /** Listen to the live line; `take` gets {t: "line"} and {t: "rows"} and says whether it could use them. */
    listen(take) {
      const line = connect({
        urls: liveUrls(page, location),
        hall: true,
        onChange: (now) => {
          session = now;
          take({ t: "line", line: now.connection });
          // What was taken is kept by the wall itself. Lots come and go for weeks: a list of all of them would grow for ever.
          if (now.hall.size > 0 && take({ t: "rows", rows: now.hall })) now.hall.clear();
        },
      });
      session = line.session;
      return line;
    },
    onWake: (work) => globalThis.addEventListener("online", () => work()),
    reload() {
      try {
        if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < RELOAD_EVERY_MS) return;
        sessionStorage.setItem(RELOADED, String(Date.now()));
      } catch {
        return; // without a memory of the last reload it could reload for ever
      }
      location.reload();
    },
  };
}
