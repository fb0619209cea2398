/** The room as templates: pure functions of what is known. A render never writes into a field that somebody types in; a field
 * that comes back after a halt begins with what was typed (its `value` attribute). */

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { money, plain } from "../lib/money.js";
import { countdown, when } from "../lib/texts.js";
import { formatBid, formatNow, isOtherFormat, isOver } from "./formats.js";

const QUICK_STEPS = [0, 1, 4];
const ROWS_SHOWN = 120;
/** Reasons that the platform gives itself; every other reason is the words of a person. */
const FAULTS = new Set(["fault", "fault.connections", "fault.database", "fault.writer"]);

/** The whole room. `see` is made in main.js: {t, room, page, clock, link, draft, answer, receipts, act, announce}. */
export function roomView(see) {
  return html`
    <section class="room__now" aria-label=${see.t("room.now")}>${nowView(see)}</section>
    <section class="room__bid" aria-label=${see.t("room.bid")}>${bidView(see)}</section>
    <section class="room__history"><h2>${see.t("room.record")}</h2>${historyView(see)}</section>
    ${takesOpenBids(see.room.live) ? html`<section class="room__chart"><h2>${see.t("room.chart")}</h2><div class="chart" id="chart" role="img" aria-label=${see.t("room.chart_label")}></div></section>` : nothing}
    <section class="room__receipts"><h2>${see.t("room.receipts")}</h2>${receiptsView(see)}</section>
  `;
}

function nowView(see) {
  const { t, room, page } = see;
  const { live, you } = room;
  return html`
    <div class="status-row">
      <span class="phase phase--${live.phase}">${t(`phase.${live.phase}`)}</span>
      <span class="link link--${see.link.up ? "up" : "down"}">${see.link.text}</span>
    </div>
    ${haltedView(see)}
    ${isOtherFormat(live) ? formatNow(see) : nothing}
    ${takesOpenBids(live) ? html`<p class="panel__label">${live.price === null ? t("room.start_price") : t(live.phase === "sold" ? "room.final_price" : "room.price")}</p>
    <p class="price price--huge" data-price>${money(live.price ?? page.start_price, page.currency)}</p>
    ${standingView(see, you, live)}` : ownCodeView(see, you, live)} ${clockView(see)}
    ${see.announce ? html`<p class="announce">${see.announce}</p>` : nothing}
    <ul class="meta">
      ${takesOpenBids(live) || live.play.clock || live.bids ? html`<li>${t("room.bids_count", { count: live.bids })}</li>` : nothing}
      <li>${t("room.bidders_count", { count: live.bidders })}</li>
      ${takesOpenBids(live) ? html`<li>${t("room.step", { step: money(live.step, page.currency) })}</li>` : nothing}
      ${live.extensions ? html`<li>${t("room.extensions", { count: live.extensions })}</li>` : nothing}
      ${live.reserve === "none" ? nothing : html`<li>${reserveText(see, live)}</li>`}
    </ul>
  `;
}

function takesOpenBids(live) {
  return !isOtherFormat(live) || live.play.format === "ascending";
}

function ownCodeView({ t }, you, live) {
  if (you === null) return nothing;
  const won = live.winner_code === you.code || live.play.shares?.some((share) => share.code === you.code);
  return html`<p class="standing ${won ? "standing--lead" : ""}">${won ? `★ ${t("room.you_won")}` : ""}<span class="standing__code">${t("room.your_code")} <strong class="code">${you.code}</strong></span></p>`;
}

function reserveText({ t, page }, live) {
  if (live.reserve === "public") return t("room.reserve_public", { price: money(live.reserve_amount, page.currency) });
  if (live.reserve_met === null) return t("room.reserve_secret");
  return t(live.reserve_met ? "room.reserve_met" : "room.reserve_not_met");
}

function reasonText(t, reason) {
  return FAULTS.has(reason) ? t(`halt.${reason}`) : reason;
}

/** Why the clock stands: the operator's words, or what the platform could not do. */
function haltedView({ t, room: { live } }) {
  if (live.phase !== "paused" && live.phase !== "interrupted") return nothing;
  const reason = reasonText(t, live.halted_reason);
  return html`<p class="announce announce--halted" role="status">${reason}<br><small>${t("room.halted_keeps")}</small></p>`;
}

function standingView({ t }, you, live) {
  if (you === null) return nothing;
  const code = html`<span class="standing__code">${t("room.your_code")} <strong class="code">${you.code}</strong></span>`;
  if (live.winner_code === you.code) return html`<p class="standing standing--lead">★ ${t("room.you_won")}${code}</p>`;
  if (live.leader_code === null) return html`<p class="standing">${t("room.no_bid_yet")}${code}</p>`;
  if (you.leading) return html`<p class="standing standing--lead">▲ ${t("room.you_lead")}${code}</p>`;
  return html`<p class="standing standing--out">▼ ${t("room.outbid")}${code}</p>`;
}

function clockView(see) {
  const { t, room, clock } = see;
  const { live } = room;
  const quality = html`<span class="clock__offset">${clock.quality}</span>`;
  const box = (label, time, soon = false) => html`
    <div class="clock ${soon ? "clock--soon" : ""}">
      <span class="clock__label">${label}</span><span class="clock__time" role="timer" aria-live="off">${time}</span>${quality}
    </div>`;
  if (live.phase === "paused" || live.phase === "interrupted") {
    const label = live.resumes_at_us ? t("clock.resumes", { at: when(live.resumes_at_us) }) : t(`room.${live.phase}`);
    return box(label, live.remaining_us === null ? "—" : countdown(live.remaining_us / 1000, t("room.day")));
  }
  if (clock.deadline === null) return live.phase === "open" && takesOpenBids(live) ? box(t("clock.waits_first"), "—") : endView(see);
  if (clock.remainingMs === null) return box(t(clock.label), when(clock.deadline));
  if (clock.remainingMs <= 0) return box(t("room.awaiting"), "00:00", true);
  return box(t(clock.label), countdown(clock.remainingMs, t("room.day")), clock.remainingMs < 60_000);
}

function endView({ t, room, page }) {
  const { live } = room;
  const words = {
    sold: () => (live.winner_code === null ? t("room.allocated_end") : t("room.sold", { code: live.winner_code, price: money(live.price, page.currency) })),
    passed: () => `${t("room.passed")} ${t(`pass.${live.pass_reason}`)}`,
    voided: () => `${t("room.voided")} ${live.end_reason}`,
    withdrawn: () => `${t("room.withdrawn")} ${live.end_reason}`,
  };
  return words[live.phase] ? html`<p class="announce">${words[live.phase]()}</p>` : nothing;
}

function bidView(see) {
  const { t, room, page, act } = see;
  const { live, you } = room;
  const other = isOtherFormat(live) ? formatBid(see) : null;
  if (other !== null && !(takesOpenBids(live) && live.phase !== "priority")) return other;
  const open = live.phase === "open" || live.phase === "limited";
  if (you === null && !isOver(live) && live.phase !== "closed") return html`<p class="muted">${t(page.signed_in ? "room.need_code" : "room.need_login")}</p>`;
  if (!open) return html`<p class="muted">${t(isOver(live) ? "room.over" : "room.no_bids_now")}</p>${answerView(see)}`;
  return html`
    <p class="panel__label">${t("room.minimum", { amount: money(live.minimum, page.currency) })}</p>
    ${you.play?.may_exercise ? html`<div class="note"><p>${t("room.priority_in_room", { price: money(live.price, page.currency) })}</p>
      <button class="button button--block" type="button" ?disabled=${see.busy} @click=${() => act.quick(BigInt(live.price))}>${t("room.exercise")}</button></div>` : nothing}
    ${you.leading ? html`<p class="muted">${t("room.leading_hint")}</p>` : quickView(see)}
    <form class="bid-form" @submit=${act.submit} novalidate>
      <label for="amount">${t("room.amount_label")}</label>
      <input id="amount" name="amount" value=${see.draft.typed.amount} inputmode="decimal" autocomplete="off" enterkeyhint="send" aria-describedby="amount-words" @input=${act.typed} />
      <p class="amount-words" id="amount-words">${see.draft.words}</p>
      <button class="button button--block" ?disabled=${see.busy}>${see.busy ? t("room.sending") : t("room.bid")}</button>
    </form>
    ${answerView(see)} ${page.proxy ? proxyView(see) : nothing}
  `;
}

function quickView({ t, room, page, act, busy }) {
  const { live } = room;
  const least = BigInt(live.minimum);
  const button = (more) => {
    const amount = least + BigInt(more) * BigInt(live.step);
    return html`<button class="button" type="button" ?disabled=${busy} @click=${() => act.quick(amount)}>
      ${money(amount, page.currency)}<small>${t("room.plus", { count: more + 1 })}</small>
    </button>`;
  };
  return html`<div class="quick">${QUICK_STEPS.map(button)}</div>`;
}

function proxyView({ t, room, page, act, draft, busy }) {
  const { you } = room;
  return html`
    <details class="proxy">
      <summary>${t("room.proxy")}</summary>
      <p class="muted">${t("room.proxy_hint")}</p>
      ${you.maximum ? html`<p>${t("room.your_maximum", { amount: money(you.maximum, page.currency) })}</p>` : nothing}
      <form class="bid-form" @submit=${act.submitMaximum} novalidate>
        <label for="maximum">${t("room.maximum_label")}</label>
        <input id="maximum" name="maximum" value=${draft.typed.maximum} inputmode="decimal" autocomplete="off" aria-describedby="maximum-words" @input=${act.typedMaximum} />
        <p class="amount-words" id="maximum-words">${draft.maximumWords}</p>
        <button class="button button--ghost button--block" ?disabled=${busy}>${t("room.set_maximum")}</button>
      </form>
    </details>
  `;
}

function answerView({ answer }) {
  if (answer === null) return nothing;
  return html`<div class="answer answer--${answer.kind}">${answer.text}</div>`;
}

function historyView({ t, room, page }) {
  const rows = room.rows.filter((row) => row.kind !== "admitted").slice(-ROWS_SHOWN).reverse();
  if (rows.length === 0) return html`<p class="muted">${t("history.none")}</p>`;
  return html`<table class="history">
    <thead><tr><th scope="col">${t("history.time")}</th><th scope="col">${t("history.what")}</th><th scope="col" class="num">${t("history.price")}</th></tr></thead>
    <tbody>${rows.map((row) => rowView(row, t, room, page))}</tbody>
  </table>`;
}

function rowView(row, t, room, page) {
  if (row.kind === "skipped") return html`<tr><td colspan="3" class="muted">${t("history.skipped", { count: row.count })}</td></tr>`;
  const mine = room.you !== null && row.leader_code === room.you.code;
  return html`<tr class="history__row history__row--${row.kind} ${mine ? "history__row--you" : ""}">
    <td><time>${when(row.at_us)}</time></td>
    <td>${rowText(row, t)} ${row.extended ? html`<span class="tag">${t("history.extended")}</span>` : nothing}</td>
    <td class="num">${money(row.price, page.currency)}</td>
  </tr>`;
}

function rowText(row, t) {
  if (row.kind === "bid") return t(row.automatic ? "history.auto" : "history.bid", { code: row.code, leader: row.leader_code });
  const more = row.kind === "sealing_closed" ? `${row.text.slice(0, 12)}…` : row.kind === "passed" ? t(`pass.${row.text}`) : reasonText(t, row.text ?? "");
  return `${t(`history.${row.kind}`, { code: row.code ?? "" })} ${more}`;
}

function receiptsView({ t, receipts, page }) {
  if (receipts.length === 0) return html`<p class="muted">${t("room.no_receipts")}</p>`;
  const line = (receipt) => html`<li>
    <span class="tag ${receipt.t === "accepted" ? "tag--good" : "tag--bad"}">${t(receipt.t === "accepted" ? "room.accepted" : "room.rejected")}</span>
    <span class="num">${money(receipt.wish?.amount ?? receipt.wish?.maximum, page.currency)}</span>
    ${receipt.seq ? html`<a href="/receipts/${receipt.lot}/${receipt.seq}?file=1" download>#${receipt.seq} ${t("room.download")}</a>` : nothing}
  </li>`;
  return html`<ul class="receipts">${[...receipts].reverse().map(line)}</ul>`;
}

/** Prices for the chart: [[seconds], [amount]]. */
export function chartData(room, page) {
  const bids = room.rows.filter((row) => row.price && row.kind === "bid");
  const value = (row) => Number(plain(BigInt(row.price), page.currency.exponent));
  return [bids.map((row) => row.at_us / 1e6), bids.map(value)];
}
