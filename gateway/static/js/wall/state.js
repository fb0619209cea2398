/**
 * What the wall display knows: a pure reducer (wall, action) -> wall. No clock, no sockets, no DOM; `nowMs` is a clock that never
 * goes back (performance.now()). It runs for weeks: everything kept is bounded by what the last answer of the server held.
 *
 * A wall: {assets, turnMs, data, dataMs, failed, prices, turn, turnMsAt, current, line, reload}
 *   assets    digest of the scripts and styles this page was loaded with
 *   data      the last good answer of /board/wall.json, cut to bounds; null before the first
 *   dataMs    when it came
 *   failed    answers missed since then
 *   prices    {lot: row} from the live line, only for lots in `data`
 *   turn      slides shown so far; `current` names the notice that is shown, so that it stays when the list changes
 *   line      state of the live line: "connecting", "online", "offline", "ended"
 *   reload    the server has other scripts and styles, and now is a quiet moment: the page should load itself again
 */

export const NOTICES_MOST = 200;
export const SESSIONS_MOST = 60;
export const DEALS_MOST = 30;
export const SESSIONS_A_PAGE = 4;
export const DEALS_A_PAGE = 4;
export const FRESH_MS = 60_000;
/** Older than this is shown as such; a wall that says nothing of its age would be believed. */
export const STALE_MS = 600_000;
export const QUIET_US = 600_000_000;
/** No reload while a session closes within this time: people watch it. */
export const POLL_MS = 15_000;
export const RETRY_MOST_MS = 60_000;

export function emptyWall({ assets, turn_ms: turnMs }) {
  return {
    assets, turnMs, data: null, dataMs: null, failed: 0, prices: {}, turn: 0, turnMsAt: null, current: null, line: "connecting", reload: false,
  };
}

/** Return the wall after an action; the same object if nothing changed. */
export function reduce(wall, action) {
  switch (action.t) {
    case "data":
      return data(wall, action);
    case "failed":
      return { ...wall, failed: wall.failed + 1 };
    case "line":
      return wall.line === action.line ? wall : { ...wall, line: action.line };
    case "rows":
      return rows(wall, action.rows);
    case "tick":
      return tick(wall, action);
    default:
      return wall;
  }
}

function data(wall, { data: given, nowMs }) {
  if (!Array.isArray(given?.notices) || !Array.isArray(given.sessions) || !Array.isArray(given.deals)) {
    return { ...wall, failed: wall.failed + 1 };
  }
  const kept = {
    ...given,
    notices: given.notices.slice(0, NOTICES_MOST),
    sessions: given.sessions.slice(0, SESSIONS_MOST),
    deals: given.deals.slice(0, DEALS_MOST),
  };
  const next = { ...wall, data: kept, dataMs: nowMs, failed: 0, turnMsAt: wall.turnMsAt ?? nowMs };
  return { ...next, prices: pruned(wall.prices, kept.sessions), current: shown(next) };
}

/** The notice to show: the one shown so far while it is still on the board, else the one whose turn it is. */
function shown({ data: { notices }, current, turn }) {
  if (notices.length === 0) return null;
  return notices.some((one) => one.entry === current) ? current : notices[turn % notices.length].entry;
}

function pruned(prices, sessions) {
  const kept = {};
  for (const { lot, seq } of sessions) if (Object.hasOwn(prices, lot) && prices[lot].seq > seq) kept[lot] = prices[lot];
  return kept;
}

function rows(wall, given) {
  if (wall.data === null) return wall;
  let prices = null;
  for (const { lot, seq } of wall.data.sessions) {
    const row = given.get(lot);
    const known = Object.hasOwn(wall.prices, lot) ? wall.prices[lot].seq : seq;
    if (row === undefined || row.seq <= known) continue;
    prices ??= { ...wall.prices };
    prices[lot] = { lot, seq: row.seq, phase: row.phase, price: row.price, bids: row.bids, closes_at_us: row.closes_at_us };
  }
  return prices === null ? wall : { ...wall, prices };
}

function tick(wall, { nowMs, serverUs = null }) {
  if (wall.data === null || nowMs - wall.turnMsAt < wall.turnMs) return wall;
  const { notices } = wall.data;
  const at = notices.findIndex((one) => one.entry === wall.current);
  const current = notices.length === 0 ? null : notices[(at + 1) % notices.length].entry;
  return { ...wall, turn: wall.turn + 1, turnMsAt: nowMs, current, reload: wantsReload(wall, nowMs, serverUs) };
}

/** Other scripts and styles are there, the line is good, and nobody watches the end of a session. Asked only between two slides. */
function wantsReload(wall, nowMs, serverUs) {
  if (!wall.data.assets || wall.data.assets === wall.assets || age(wall, nowMs) > FRESH_MS || wall.line !== "online") return false;
  return serverUs !== null && !sessions(wall).some(({ closes_at_us: end }) => end !== null && end - serverUs < QUIET_US);
}

/** Milliseconds since the last good answer, null before the first. */
export function age(wall, nowMs) {
  return wall.dataMs === null ? null : Math.max(0, nowMs - wall.dataMs);
}

/** "fresh", "late" or "stale". */
export function freshness(wall, nowMs) {
  const old = age(wall, nowMs);
  if (old === null) return "stale";
  return old <= FRESH_MS ? "fresh" : old <= STALE_MS ? "late" : "stale";
}

/** When to ask the server next, counted from the last answer or failure; failures are spread out. */
export function pauseMs(wall, random) {
  if (wall.failed === 0) return POLL_MS;
  return Math.round(Math.min(RETRY_MOST_MS, 2_000 * 2 ** Math.min(wall.failed, 10)) * (0.5 + random() / 2));
}

/** Sessions with what the live line knows of them. */
export function sessions(wall) {
  return (wall.data?.sessions ?? []).map((one) => ({ ...one, ...(wall.prices[one.lot] ?? {}) }));
}

/** How many sessions have begun and not ended, those that stand still included; the list has those to come too. */
export function biddingNow(wall) {
  return sessions(wall).filter(({ phase }) => ["open", "limited", "paused", "interrupted"].includes(phase)).length;
}

/** The part of a list that is shown in this turn. */
export function pageOf(list, turn, size) {
  const pages = Math.max(1, Math.ceil(list.length / size));
  return list.slice((turn % pages) * size, (turn % pages) * size + size);
}

/** {notice, place, of} of the slide, or null. */
export function slide(wall) {
  const notices = wall.data?.notices ?? [];
  const place = notices.findIndex((one) => one.entry === wall.current);
  return place < 0 ? null : { notice: notices[place], place: place + 1, of: notices.length };
}
