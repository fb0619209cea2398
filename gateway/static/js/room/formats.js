/** Rooms of other formats than open ascending bids: what stands now, and what one can do. Templates only; acts are in acts.js. */

import { html, nothing } from "../../vendor/lit-html/lit-html.js";
import { money } from "../lib/money.js";
import { countdown, when } from "../lib/texts.js";

/** The price of a falling clock at an instant: {price, nextMs, share} or null; the same as `price_at` of the rules. */
export function fallingPrice(clock, serverUs) {
  const atUs = clock?.stopped_us ?? serverUs;
  if (!clock || atUs === null) return null;
  const elapsed = Math.max(0, atUs - clock.started_us);
  const fallen = Math.floor(elapsed / clock.step_us);
  const floor = clock.floor === undefined || clock.floor === null ? 0n : BigInt(clock.floor);
  const price = BigInt(clock.start) - BigInt(fallen) * BigInt(clock.step);
  const rest = clock.step_us - (elapsed % clock.step_us);
  return { price: price > floor ? price : floor, nextMs: rest / 1000, share: rest / clock.step_us, atFloor: price <= floor };
}

/** Whether the session is one whose room looks otherwise. */
export const isOtherFormat = (live) => live.play !== undefined && live.play !== null;

const formatName = (play, page) => (play.format === "sealed" && page.rules?.pricing !== "first" ? `room.format.sealed_${page.rules?.pricing}` : `room.format.${play.format}`);

export function formatNow(see) {
  const { t, room, page } = see;
  const { live } = room;
  const { play } = live;
  const takesOpenBids = play.format === "ascending";
  return html`
    <p class="format-name">${t(formatName(play, page))}${play.round_no > 1 ? html` · ${t("room.round", { no: play.round_no })}` : nothing}</p>
    ${page.rules?.ceiling || page.rules?.floor ? boundsView(see) : nothing}
    ${play.clock ? fallingView(see) : takesOpenBids ? nothing : stageView(see)}
    ${play.left !== undefined && play.left !== null && play.units > 1 ? seatsView(see) : nothing}
    ${play.opening ? openingView(see) : nothing}
    ${play.shares?.length ? sharesView(see) : nothing}
    ${play.exercised?.length ? html`<p class="note">${t("room.exercised_by", { codes: play.exercised.join(", ") })}</p>` : nothing}
    ${play.priority && live.phase === "priority" ? html`<p class="announce">${t("room.priority_waits", { price: money(live.price, page.currency), count: play.waiting_for ?? 0 })}</p>` : nothing}
  `;
}

function boundsView({ t, page }) {
  const { ceiling, floor } = page.rules;
  const most = ceiling ? t("room.ceiling", { amount: money(ceiling, page.currency) }) : "";
  const least = floor ? t("room.floor", { amount: money(floor, page.currency) }) : "";
  return html`<p class="muted">${[most, least].filter(Boolean).join(" · ")}</p>`;
}

function fallingView({ t, room, page, serverUs }) {
  const now = fallingPrice(room.live.play.clock, serverUs);
  if (now === null) return html`<p class="muted">${t("clock.quality.none")}</p>`;
  const { clock } = room.live.play;
  const step = money(clock.step, page.currency);
  if (room.live.phase !== "open") {
    const before = room.live.phase === "scheduled";
    return html`
      <p class="panel__label">${t(before ? "room.start_price" : "room.falling_price")}</p>
      <p class="price price--huge">${money(now.price, page.currency)}</p>
      <p class="muted">${before ? t("room.will_fall", { time: countdown(clock.step_us / 1000, t("room.day")), step }) : t("room.clock_stands")}</p>
      <p class="muted">${t("room.falling_rule")}</p>`;
  }
  return html`
    <p class="panel__label">${t("room.falling_price")}</p>
    <p class="price price--huge price--falling" role="timer" aria-live="off">${money(now.price, page.currency)}</p>
    <progress class="fall" max="1" value=${now.share} aria-label=${t("room.next_fall")}></progress>
    <p class="muted">${now.atFloor ? t("room.at_floor") : t("room.next_fall_in", { time: countdown(now.nextMs, t("room.day")), step })}</p>
    <p class="muted">${t("room.falling_rule")}</p>`;
}

function stageView({ t, room, page }) {
  const { live } = room;
  if (live.price !== null) return html`<p class="panel__label">${t(live.phase === "sold" ? "room.final_price" : "room.mark")}</p><p class="price price--huge">${money(live.price, page.currency)}</p>
    ${live.phase === "sold" && page.rules?.pricing === "second" ? html`<p class="muted">${t("room.second_price_note")}</p>` : nothing}`;
  if (isOver(live)) return nothing;
  const unscored = live.phase === "closed" && isUnscored(live, page);
  return html`<p class="envelope ${live.phase === "closed" ? "envelope--closed" : ""}" aria-hidden="true">✉</p>
    <p class="muted">${t(unscored ? "room.stage.unscored" : `room.stage.${live.phase}`)}</p>`;
}

function seatsView({ t, room }) {
  const { units, left } = room.live.play;
  const shown = Math.min(units, 60);
  const taken = Math.round(((units - left) / units) * shown);
  return html`<p>${t("room.units_left", { left, units })}</p>
    <p class="seats" aria-hidden="true">${Array.from({ length: shown }, (_, at) => html`<span class=${at < taken ? "seat seat--taken" : "seat"}></span>`)}</p>`;
}

function openingView({ t, room, page }) {
  const { opening, bids, broken } = room.live.play;
  const step = (done, text) => html`<li class=${done ? "step step--done" : "step"}>${done ? "✓" : "○"} ${text}</li>`;
  const opened = bids?.length > 0 || Object.keys(broken ?? {}).length > 0;
  const criteria = page.rules?.criteria ?? [];
  return html`
    <section class="ceremony" aria-label=${t("room.opening")}>
      <h2>${t("room.opening")}</h2>
      <ol class="steps">
        ${step(true, t("room.opening_closed", { count: opening.codes.length }))}
        ${page.rules?.assessors ? step(opening.scored >= page.rules.assessors, t("room.opening_scored", { scored: opening.scored, all: page.rules.assessors })) : nothing}
        ${step(opening.shares.includes(0), t("room.opening_officer", { no: 1 }))}
        ${step(opening.shares.includes(1), t("room.opening_officer", { no: 2 }))}
        ${opening.late || opening.shares.includes(2) ? step(opening.shares.includes(2), t("room.opening_recovery")) : nothing}
        ${step(opened, t("room.opening_opened"))}
      </ol>
      ${opening.late && !opened ? html`<p class="announce">${t("room.opening_late", { at: when(opening.last_us) })}</p>` : nothing}
      <p class="muted digest">${t("room.commitment")} <code>${opening.commitment}</code></p>
      ${opened ? bidsTable(t, bids ?? [], broken ?? {}, opening.refused ?? {}, criteria, page) : nothing}
    </section>`;
}

function bidsTable(t, bids, broken, refused, criteria, page) {
  const points = (ppm) => (ppm === undefined || ppm === null ? "" : (ppm / 1e6).toFixed(2));
  const up = page.rules?.pricing === "lowest" ? -1 : 1;
  const order = [...bids].sort((a, b) => (b.total_ppm ?? 0) - (a.total_ppm ?? 0) || (BigInt(b.amount) > BigInt(a.amount) ? up : -up));
  const scored = criteria.length > 0;
  const several = (page.rules?.units ?? 1) > 1;
  return html`<div class="table-wrap"><table class="opened">
    <thead><tr><th scope="col">${t("room.code")}</th><th scope="col" class="num">${t("history.price")}</th>
      ${scored ? html`${criteria.map(([name]) => html`<th scope="col" class="num">${name}</th>`)}<th scope="col" class="num">${t("room.total")}</th>` : several ? html`<th scope="col" class="num">${t("room.quantity")}</th>` : nothing}</tr></thead>
    <tbody>${order.map((bid) => html`<tr>
      <td><strong class="code">${bid.code}</strong> ${refused[bid.code] ? html`<span class="tag tag--bad">${t("room.refused")}: ${refused[bid.code]}</span>` : nothing}
        ${(bid.parts ?? []).map(([lots, amount]) => html`<br /><small>${lots.join(" + ")}: ${money(amount, page.currency)}</small>`)}</td>
      <td class="num">${money(bid.amount, page.currency)}</td>
      ${scored ? html`${criteria.map(([name]) => html`<td class="num">${points(bid.plan_scores_ppm?.[name])}</td>`)}<td class="num">${points(bid.total_ppm)}</td>` : several ? html`<td class="num">${bid.quantity}</td>` : nothing}
    </tr>`)}
    ${Object.entries(broken).map(([code, reason]) => html`<tr><td><strong class="code">${code}</strong></td><td colspan="9">${t(`room.broken.${reason}`)}</td></tr>`)}</tbody>
  </table></div>`;
}

function sharesView({ t, room, page }) {
  return html`<h2>${t("room.allocated")}</h2><ul class="receipts">${room.live.play.shares.map(
    (share) => html`<li><strong class="code">${share.code}</strong> <span>${share.lots?.length ? share.lots.join(" + ") : t("room.units", { count: share.quantity })}</span> <span class="num">${money(share.price, page.currency)}</span></li>`,
  )}</ul>`;
}

/** What the visitor can do now; null where the room of open bids serves. */
export function formatBid(see) {
  const { room, page } = see;
  const { live, you } = room;
  const { play } = live;
  const panels = [];
  if (page.officer !== null && live.phase === "closed" && !isUnscored(live, page)) panels.push(officerView(see));
  if (page.assessor && live.phase === "closed" && play.opening) panels.push(scoresView(see));
  if (you?.play?.may_exercise && live.phase === "priority") panels.push(priorityView(see));
  if (you?.play?.excluded) panels.push(html`<p class="announce">${see.t("error.excluded")}</p>`);
  else if (you !== null && play.format !== "ascending") panels.push(ownView(see));
  if (panels.length === 0) return null;
  return html`${panels}${answerView(see)}`;
}

function ownView(see) {
  const { t, room, page, act, busy } = see;
  const { live, you } = room;
  const { play } = live;
  if (play.clock && live.phase === "open") return takeView(see);
  if (live.phase === "best_bid" && you.play?.taker) {
    return html`<p>${t("room.best_bid_hint", { least: money(play.least_best_bid, page.currency) })}</p>
      ${amountForm(see, act.bestBid, t("room.best_bid"))}`;
  }
  const sealing = live.phase === "sealing" || (live.phase === "open" && !play.clock);
  if (!sealing) return html`<p class="muted">${t(isOver(live) ? "room.over" : "room.no_bids_now")}</p>`;
  if (you.play?.taker) return html`<p class="muted">${t("room.you_took")}</p>`;
  const least = live.phase === "sealing" && live.price !== null ? money(BigInt(live.price) + BigInt(live.step), page.currency) : null;
  if (!page.can_seal) return html`<p class="announce">${t("room.seal_needs_https")}</p>`;
  const held = you.play?.envelope_seq;
  return html`
    ${held ? html`<div class="answer answer--good"><strong>${t("room.sealed_in", { seq: held })}</strong><br /><small class="digest">${t("room.sealed_digest")} <code>${you.play.envelope_digest}</code></small><br /><a href="/receipts/${live.lot}/${held}?file=1" download>${t("room.download")}</a></div>` : nothing}
    ${held && !page.rules.replaceable ? html`<p class="muted">${t("room.sealed_once")}</p>` : html`
      <p class="muted">${t("room.seal_hint")}</p>
      ${least === null ? nothing : html`<p>${t("room.seal_least", { least })}</p>`}
      ${page.rules.lots?.length ? packagesForm(see) : amountForm(see, act.seal, t(held ? "room.seal_again" : "room.seal"), page.rules.units > 1)}`}
    ${busy ? html`<p class="muted">${t("room.sending")}</p>` : nothing}`;
}

/** Whether assessors have still to score: prices are not opened before. */
const isUnscored = (live, page) => page.rules?.assessors > (live.play.opening?.scored ?? 0);

/** Whether nothing can be done in a session any more. */
export const isOver = (live) => ["sold", "passed", "voided", "withdrawn"].includes(live.phase);

function takeView(see) {
  const { t, room, page, act, busy, serverUs } = see;
  const now = fallingPrice(room.live.play.clock, serverUs);
  if (now === null) return html`<p class="muted">${t("clock.quality.none")}</p>`;
  const several = (room.live.play.units ?? 1) > 1;
  const mine = room.you.play?.taken ?? 0;
  return html`
    ${several && mine > 0 ? html`<p class="answer answer--good">${t("room.you_took_units", { count: mine })}</p>` : nothing}
    ${several ? html`<label for="quantity">${t("room.quantity")}</label><input id="quantity" name="quantity" inputmode="numeric" value="1" autocomplete="off" />` : nothing}
    <button class="button button--block button--take" type="button" ?disabled=${busy} @click=${() => act.take(now.price)}>
      ${t("room.take", { price: money(now.price, page.currency) })}
    </button>
    <p class="muted">${t("room.take_hint")}</p>`;
}

function amountForm({ t, draft, act, busy }, submit, label, several = false) {
  return html`<form class="bid-form" @submit=${submit} novalidate>
    <label for="amount">${t(several ? "room.amount_each" : "room.amount_label")}</label>
    <input id="amount" name="amount" value=${draft.typed.amount} inputmode="decimal" autocomplete="off" enterkeyhint="send" aria-describedby="amount-words" @input=${act.typed} />
    <p class="amount-words" id="amount-words">${draft.words}</p>
    ${several ? html`<label for="quantity">${t("room.quantity")}</label><input id="quantity" name="quantity" inputmode="numeric" value="1" autocomplete="off" />
      <label class="tick"><input type="checkbox" name="partly" checked /><span>${t("room.partly")}</span></label>` : nothing}
    <button class="button button--block" ?disabled=${busy}>${label}</button>
  </form>`;
}

function packagesForm({ t, page, act, busy }) {
  const row = (number) => html`<fieldset class="package"><legend>${t("room.package", { no: number + 1 })}</legend>
    ${page.rules.lots.map((lot) => html`<label class="tick"><input type="checkbox" name="lot-${number}" value=${lot.name} /><span><strong class="code">${lot.name}</strong> ${page.language === "zh" ? lot.title_zh : lot.title_en}</span></label>`)}
    <label for="package-${number}">${t("room.package_amount")}</label><input id="package-${number}" name="package-${number}" inputmode="decimal" autocomplete="off" /></fieldset>`;
  return html`<form class="bid-form" @submit=${act.sealPackages} novalidate>
    <p class="muted">${t("room.packages_hint")}</p>${[0, 1, 2].map(row)}
    <button class="button button--block" ?disabled=${busy}>${t("room.seal")}</button></form>`;
}

function priorityView({ t, room, page, act, busy }) {
  return html`<div class="note"><p>${t("room.priority_yours", { price: money(room.live.price, page.currency) })}</p>
    <button class="button button--block" type="button" ?disabled=${busy} @click=${() => act.exercise(room.live.price)}>${t("room.exercise")}</button>
    <button class="quiet button--block" type="button" ?disabled=${busy} @click=${() => act.exercise(null)}>${t("room.waive")}</button></div>`;
}

function officerView({ t, page, act, busy, opening }) {
  return html`<form class="note bid-form" @submit=${act.openBoxes} novalidate>
    <h2>${t(page.officer === 2 ? "room.officer_recovery" : "room.officer_title", { no: page.officer + 1 })}</h2>
    <p class="muted">${t("room.officer_hint")}</p>
    <label for="keyfile">${t("room.key_file")}</label><input id="keyfile" name="keyfile" type="file" accept="application/json,.json" />
    <label for="passphrase">${t("room.passphrase")}</label><input id="passphrase" name="passphrase" type="password" autocomplete="off" />
    <button class="button button--block" ?disabled=${busy}>${t("room.open_boxes")}</button>
    ${opening ? html`<p class="muted">${opening}</p>` : nothing}</form>`;
}

function scoresView({ t, room, page, act, busy }) {
  const { codes } = room.live.play.opening;
  return html`<form class="note" @submit=${act.giveScores} novalidate><h2>${t("room.scores_title")}</h2><p class="muted">${t("room.scores_hint")}</p>
    <div class="table-wrap"><table class="opened"><thead><tr><th scope="col">${t("room.code")}</th>${page.rules.criteria.map(([name, weight]) => html`<th scope="col">${name} (${weight})</th>`)}</tr></thead>
    <tbody>${codes.map((code) => html`<tr><th scope="row">${code}</th>${page.rules.criteria.map(([name]) => html`<td><input name="score" data-code=${code} data-criterion=${name} type="number" min="0" max="100" inputmode="numeric" aria-label="${code} ${name}" /></td>`)}</tr>`)}</tbody></table></div>
    <button class="button button--block" ?disabled=${busy}>${t("room.scores_send")}</button></form>`;
}

function answerView({ t, room, answer }) {
  if (answer === null) return nothing;
  const receipt = answer.seq ? html` <a href="/receipts/${room.live.lot}/${answer.seq}?file=1" download>${t("room.download")}</a>` : nothing;
  return html`<div class="answer answer--${answer.kind}" role="status">${answer.text}${receipt}</div>`;
}
