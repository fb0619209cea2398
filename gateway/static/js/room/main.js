/** The live room: wires the page's data, the connection and the templates. It decides nothing; it shows what the server says. */

import { render } from "../../vendor/lit-html/lit-html.js";
import { inChinese, inEnglish, money, parseAmount } from "../lib/money.js";
import { translator, when } from "../lib/texts.js";
import { isPossible } from "../lib/envelope.js";
import { formatActs } from "./acts.js";
import { Announcer } from "./announce.js";
import { connect, liveUrls } from "./socket.js";
import { roomFromPage } from "./state.js";
import { chartData, roomView } from "./view.js";

const ANNOUNCE_MS = 8_000;
const CHART_FROM = 2;

const page = JSON.parse(document.getElementById("room-data").textContent);
const t = translator(JSON.parse(document.getElementById("room-texts").textContent));
const root = document.getElementById("room");
const spoken = Object.assign(document.createElement("p"), { className: "visually-hidden" });
spoken.setAttribute("role", "status");
document.body.append(spoken);
const announcer = new Announcer((text) => {
  spoken.textContent = text;
});

const draft = { words: "", maximumWords: "", amount: null, maximum: null, typed: { amount: "", maximum: "" } };
let lastId = null;
let local = null; // {kind, text}: what is wrong with what was typed, before anything is sent
let notice = null; // {text, until_ms}
let frame = 0;
let chart = null;
let before = null;

const live = connect({ urls: liveUrls(page, location), lots: [roomFromPage(page)], onChange: schedule });
const { session } = live;

function words(digits) {
  if (digits === null || page.currency.code !== "CNY") return "";
  return page.language === "zh" ? inChinese(digits) : inEnglish(digits);
}

function read(field, key, into) {
  const text = field.value.trim();
  draft.typed[key] = field.value;
  draft[key] = text === "" ? null : parseAmount(text, page.currency.exponent);
  draft[into] = text === "" ? "" : draft[key] === null ? t("room.not_an_amount") : `${money(draft[key], page.currency)} ${words(draft[key])}`;
  schedule();
}

function send(wish) {
  local = null;
  lastId = live.bid({ lot: page.lot, ...wish });
  if (lastId === null) local = { kind: "bad", text: t("room.too_many_open") };
  schedule();
}

function refuse(key) {
  local = { kind: "bad", text: t(key) };
  schedule();
}

const act = {
  typed: (event) => read(event.target, "amount", "words"),
  typedMaximum: (event) => read(event.target, "maximum", "maximumWords"),
  quick: (amount) => send({ amount: amount.toString() }),
  submit: (event) => {
    event.preventDefault();
    if (draft.amount === null) refuse("room.not_an_amount");
    else send({ amount: draft.amount.toString() });
  },
  submitMaximum: (event) => {
    event.preventDefault();
    if (draft.maximum === null) refuse("room.not_an_amount");
    else send({ maximum: draft.maximum.toString() });
  },
};

const formats = formatActs({
  page, t, draft, csrf: root.dataset.csrf, room: () => session.rooms.get(page.lot),
  say: (said) => {
    local = said;
    announcer.now(said.text, performance.now());
    schedule();
  },
  kept: (receipt) => session.keep(receipt),
  done: () => live.refresh(page.lot),
  refusal,
});
Object.assign(act, formats);
page.can_seal = isPossible();

function clear(id, key, into) {
  const field = document.getElementById(id);
  if (field) field.value = "";
  draft.typed[key] = "";
  draft[key] = null;
  draft[into] = "";
}

function busy() {
  const bid = lastId === null ? undefined : session.pending.get(lastId);
  return bid !== undefined && !bid.doubt;
}

function answer() {
  if (local) return local;
  if (lastId === null) return null;
  const open = session.pending.get(lastId);
  if (open) return { kind: "wait", text: t(open.doubt ? "room.confirming" : "room.sending") };
  const receipt = session.receipts.findLast((one) => one.id === lastId);
  if (!receipt) return null;
  if (receipt.t === "accepted") {
    const key = receipt.leading ? "room.accepted_leading" : "room.accepted_outbid";
    return { kind: receipt.leading ? "good" : "bad", text: t(key, { seq: receipt.seq, price: money(receipt.price, page.currency) }) };
  }
  if (receipt.t === "unrecorded") return { kind: "bad", text: t("room.unrecorded") };
  return { kind: "bad", text: refusal(receipt.code, receipt.data ?? {}) };
}

function refusal(code, data) {
  const amount = (name) => money(data[name], page.currency);
  return t(`error.${code}`, {
    minimum: amount("minimum"), step: amount("step"), limit: amount("limit"), price: amount("price"), wait: "",
    opens: when(data.opens_at_us), earliest: when(data.earliest_us), late: data.late_by_us ? `${Math.ceil(data.late_by_us / 1000)} ms` : "",
  });
}

function settled() {
  // A bid that was accepted empties its field, unless something else has been typed since.
  const receipt = session.receipts.at(-1);
  if (!receipt || receipt === before?.receipt) return;
  if (receipt.t === "accepted" && receipt.wish?.amount === draft.amount?.toString()) clear("amount", "amount", "words");
  if (receipt.t === "accepted" && receipt.wish?.maximum === draft.maximum?.toString()) clear("maximum", "maximum", "maximumWords");
  if (receipt.t === "rejected" && receipt.code === "jump_needs_confirmation") confirmJump(receipt);
  announcer.now(answer()?.text ?? "", performance.now());
}

function confirmJump(receipt) {
  const dialog = document.createElement("dialog");
  const amount = money(receipt.wish.amount, page.currency);
  const ask = Object.assign(document.createElement("p"), { textContent: `${t("room.confirm_ask", { amount })} ${words(BigInt(receipt.wish.amount))}` });
  const yes = Object.assign(document.createElement("button"), { className: "button", textContent: t("room.confirm_yes"), type: "button" });
  const no = Object.assign(document.createElement("button"), { className: "quiet", textContent: t("room.confirm_no"), type: "button" });
  yes.addEventListener("click", () => {
    dialog.close();
    send({ amount: receipt.wish.amount, confirm: true });
  });
  no.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(ask, yes, no);
  document.body.append(dialog);
  dialog.showModal();
}

function clockOf(room, nowMs) {
  const { live: lot } = room;
  const [label, deadline] =
    lot.phase === "scheduled" ? ["room.until_open", lot.opens_at_us]
    : lot.phase === "open" && lot.free_ends_at_us ? ["room.until_free_end", lot.free_ends_at_us]
    : lot.phase === "open" || lot.phase === "limited" ? ["room.until_close", lot.closes_at_us]
    : lot.phase === "closed" && lot.play?.opening ? [lot.play.opening.late ? "room.until.opening_last" : "room.until.opening", lot.play.opening.late ? lot.play.opening.last_us : lot.play.opening.due_us]
    : ["sealing", "best_bid", "priority"].includes(lot.phase) ? [`room.until.${lot.phase}`, lot.closes_at_us]
    : ["", null];
  const { level, errorMs } = session.clock.quality();
  const quality = level === "none" ? t("clock.quality.none") : t(`clock.quality.${level}`, { error: Math.max(1, Math.round(errorMs)) });
  return { label, deadline: deadline ?? null, remainingMs: session.clock.remainingMs(deadline ?? null, nowMs), quality };
}

function linkOf() {
  const up = session.connection === "online";
  return { up, text: t(`live.${session.connection}`) };
}

function tell(room, clock, nowMs) {
  const { live: lot, you } = room;
  if (before && before.lot.seq !== lot.seq) {
    const last = room.rows.at(-1);
    if (last?.extended && before.lot.closes_at_us !== lot.closes_at_us) {
      notice = { text: t("room.extended", { at: when(lot.closes_at_us) }), until_ms: nowMs + ANNOUNCE_MS };
      announcer.now(notice.text, nowMs);
    } else if (before.leading && you && !you.leading) announcer.now(`${t("room.outbid")} ${money(lot.price, page.currency)}`, nowMs);
    else if (lot.phase !== before.lot.phase) announcer.now(t(`phase.${lot.phase}`), nowMs);
    else if (lot.price !== before.lot.price) announcer.price(money(lot.price, page.currency), nowMs);
  }
  if (clock.remainingMs !== null) announcer.time(clock.remainingMs, (s) => t("room.time_mark", { seconds: s }), nowMs);
}

function draw() {
  frame = 0;
  const nowMs = performance.now();
  const room = session.rooms.get(page.lot);
  const clock = clockOf(room, nowMs);
  settled();
  tell(room, clock, nowMs);
  if (notice && nowMs > notice.until_ms) notice = null;
  const receipts = session.receipts.filter((one) => one.lot === page.lot);
  const see = { t, room, page, clock, link: linkOf(), draft, answer: answer(), receipts, act, busy: busy() || formats.busy(), serverUs: session.clock.serverUs(nowMs), announce: notice?.text ?? null };
  root.classList.toggle("room--watch", room.you === null);
  render(roomView(see), root);
  before = { lot: room.live, leading: room.you?.leading ?? false, receipt: session.receipts.at(-1) };
  drawChart(room);
}

async function drawChart(room) {
  const [times, prices] = chartData(room, page);
  if (times.length < CHART_FROM) return;
  if (chart === null) {
    chart = { draw() {}, length: 0 };
    const { PriceChart } = await import("./chart.js");
    const short = new Intl.NumberFormat(page.language === "zh" ? "zh-CN" : "en", { notation: "compact", maximumFractionDigits: 2 });
    chart = Object.assign(new PriceChart(document.getElementById("chart"), t("room.price"), (value) => short.format(value)), { length: 0 });
  }
  if (chart.length !== times.length) {
    chart.length = times.length;
    chart.draw(times, prices);
  }
}

function schedule() {
  if (frame === 0) frame = requestAnimationFrame(draw);
}

root.replaceChildren();
setInterval(schedule, 100);
schedule();
