/** The wall as templates: pure functions of what is known. `see` is made in main.js: {t, wall, nowMs, serverUs, english}. */

import { html, nothing, svg } from "../../vendor/lit-html/lit-html.js";
import { mongolian } from "../lib/mongolian.js";
import { money } from "../lib/money.js";
import { countdown, when } from "../lib/texts.js";
import { DEALS_A_PAGE, SESSIONS_A_PAGE, age, biddingNow, freshness, pageOf, sessions, slide } from "./state.js";
import { codePath } from "./code.js";

const DAYS_DRAWN_MOST = 60;
const FULL_DATE = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });

export function wallView(see) {
  return html`
    <header class="wall__head">${headView(see)}</header>
    <section class="wall__notice" aria-label=${see.t("wall.notices")}>${noticeView(see)}</section>
    <section class="wall__side wall__sessions" aria-label=${see.t("wall.sessions")}>
      <h2>${see.t("wall.sessions")} <small>${biddingNow(see.wall)}</small></h2>
      ${sessionsView(see)}
    </section>
    <section class="wall__side wall__deals" aria-label=${see.t("wall.deals")}>
      <h2>${see.t("wall.deals")} <small>${see.wall.data?.totals.deals ?? 0}</small></h2>
      ${dealsView(see)}
    </section>
    <footer class="wall__foot">${footView(see)}</footer>
  `;
}

function pick(see, zh, en) {
  return see.english ? en || zh : zh || en;
}

function headView(see) {
  const { t, wall, serverUs } = see;
  const { data } = wall;
  return html`
    <p class="wall__brand">${t("wall.title")}</p>
    <dl class="wall__totals">
      ${["running", "objected", "ended"].map((name) => html`<div><dt>${t(`wall.total.${name}`)}</dt><dd>${data?.totals[name] ?? "–"}</dd></div>`)}
    </dl>
    <p class="wall__clock"><time>${serverUs === null ? "" : FULL_DATE.format(new Date(serverUs / 1000))}</time></p>
  `;
}

function noticeView(see) {
  const { t, wall } = see;
  const found = slide(wall);
  if (found === null) {
    return html`<div class="wall__empty"><p>${wall.data === null ? t("wall.waiting") : t("wall.no_notices")}</p></div>`;
  }
  const { notice } = found;
  const mn = mongolian(notice.title_mn);
  return html`
    <div class="notice-slide ${mn?.script === "vertical" ? "notice-slide--mn" : ""}">
      <div class="notice-slide__text">
        <p class="notice-slide__tags">
          <span class="wall__tag wall__tag--${notice.group}">${t(`wall.group.${notice.group}`)}</span>
          ${notice.related ? html`<span class="wall__tag wall__tag--objected">${t("wall.related")}</span>` : nothing}
          ${notice.demonstration ? html`<span class="wall__tag">${t("wall.demonstration")}</span>` : nothing}
          <span>${[notice.region_name, notice.field_name].filter(Boolean).join(" · ")}</span>
        </p>
        <h1 class="notice-slide__title ${notice.title_zh.length > 34 ? "notice-slide__title--long" : ""}">${pick(see, notice.title_zh, notice.title_en)}</h1>
        <p class="notice-slide__other">${see.english ? notice.title_zh : notice.title_en}</p>
        ${mn?.script === "lines" ? html`<p class="notice-slide__other" lang=${mn.lang}>${mn.text}</p>` : nothing}
        <dl class="notice-slide__facts">
          <div class="notice-slide__price"><dt>${t("wall.price")}</dt><dd>${money(notice.price, { code: notice.currency, exponent: notice.exponent })}</dd></div>
          <div><dt>${t("wall.seller")}</dt><dd>${pick(see, notice.seller_zh, notice.seller_en)}</dd></div>
          <div><dt>${t("wall.buyer")}</dt><dd>${notice.buyer || t("wall.not_shown")}</dd></div>
          <div><dt>${t("wall.mode")}</dt><dd>${notice.mode ? t(`catalogue.mode.${notice.mode}`) : t("wall.not_shown")}</dd></div>
        </dl>
      </div>
      ${mn?.script === "vertical" ? html`<p class="mn-vertical notice-slide__mn" lang=${mn.lang}>${mn.text}</p>` : nothing}
    </div>
    <div class="notice-slide__period">
      <div class="notice-slide__day">${dayText(see, notice)}</div>
      ${daysView(notice)}
      <div class="notice-slide__end">
        ${notice.group === "running" ? html`<strong>${t("wall.days_left", { days: notice.days_left })}</strong><span>${t("wall.until", { at: notice.ends_text })}</span>` : html`<strong>${t("wall.stands_still")}</strong><span>${t("wall.still_to_show", { days: notice.days_left })}</span>`}
        <span class="notice-slide__objections">${t(`wall.objections.${notice.objection_state}`)}</span>
      </div>
      <figure class="notice-slide__code">${codeView(notice.code)}<figcaption>${t("wall.scan")}</figcaption></figure>
    </div>
    <p class="notice-slide__place">${t("wall.place", { place: found.place, of: found.of })}</p>
  `;
}

function dayText({ t }, notice) {
  if (notice.day_no === 0 && notice.group === "running") return html`<strong class="notice-slide__today">${t("wall.published_today")}</strong>`;
  return html`<span>${t("wall.day")}</span><strong>${notice.day_no}</strong><span>${t("wall.of_days", { days: notice.days })}</span>`;
}

/** A QR code from its modules; drawn here, so that it is there without a network, too. */
function codeView({ size, bits }) {
  return html`<svg class="code" viewBox="-2 -2 ${size + 4} ${size + 4}" role="img" aria-hidden="true"><path d=${codePath(size, bits)}></path></svg>`;
}

/** One cell for each day of the period: shown, running, to come. */
function daysView({ day_no: dayNo, days, group }) {
  const count = Math.min(days, DAYS_DRAWN_MOST);
  const cells = Array.from({ length: count }, (_, place) => {
    const kind = place + 1 < dayNo ? "past" : place + 1 === dayNo ? group : "ahead";
    return svg`<rect x=${place * 10} y="0" width="8.4" height="10" rx="1.4" class="day day--${kind}"></rect>`;
  });
  return html`<svg class="notice-slide__days" viewBox="0 0 ${count * 10 - 1.6} 10" preserveAspectRatio="none" aria-hidden="true">${cells}</svg>`;
}

function sessionsView(see) {
  const { t, wall, serverUs } = see;
  const list = pageOf(sessions(wall), wall.turn, SESSIONS_A_PAGE);
  if (list.length === 0) return html`<p class="wall__none">${t("wall.no_sessions")}</p>`;
  return html`<ul class="wall__list">
    ${list.map((one) => {
      const leftMs = one.closes_at_us === null || serverUs === null ? null : Math.max(0, (one.closes_at_us - serverUs) / 1000);
      const running = one.phase === "open" || one.phase === "limited";
      return html`<li>
        <p class="wall__name">${pick(see, one.title_zh, one.title_en)}</p>
        <p class="wall__line">
          <strong class="wall__price">${money(one.price ?? one.start_price, one)}</strong>
          <span>${one.price === null ? t("wall.start_price") : t("wall.bids", { count: one.bids })}</span>
          <span class="wall__left ${running && leftMs !== null && leftMs < 300_000 ? "wall__left--soon" : ""}">${running && leftMs !== null ? (leftMs > 0 ? countdown(leftMs, t("wall.day_unit")) : t("wall.awaiting")) : t(`phase.${one.phase}`)}</span>
        </p>
      </li>`;
    })}
  </ul>`;
}

function dealsView(see) {
  const { t, wall } = see;
  const list = pageOf(wall.data?.deals ?? [], wall.turn, DEALS_A_PAGE);
  if (list.length === 0) return html`<p class="wall__none">${t("wall.no_deals")}</p>`;
  return html`<ul class="wall__list">
    ${list.map(
      (one) => html`<li>
        <p class="wall__name">${pick(see, one.title_zh, one.title_en)}</p>
        <p class="wall__line"><strong class="wall__price">${money(one.price, one)}</strong><span>${t(`wall.way.${one.way}`)}</span><span class="wall__left">${when(one.struck_at_us).slice(0, 5)}</span></p>
      </li>`,
    )}
  </ul>`;
}

function footView(see) {
  const { t, wall, nowMs } = see;
  const level = freshness(wall, nowMs);
  const seconds = Math.floor((age(wall, nowMs) ?? 0) / 1000);
  const old = seconds < 120 ? t("wall.age_seconds", { count: seconds }) : seconds < 7_200 ? t("wall.age_minutes", { count: Math.floor(seconds / 60) }) : t("wall.age_hours", { count: Math.floor(seconds / 3600) });
  const text = wall.dataMs === null ? t("wall.waiting") : level === "fresh" ? t("wall.fresh") : t("wall.old", { age: old });
  return html`
    <p class="wall__age wall__age--${level}" role="status">${text}</p>
    <p class="wall__line-state wall__line-state--${wall.line}">${t(wall.line === "online" ? "wall.line_up" : "wall.line_down")}</p>
    <p class="wall__law">${t("wall.law")}</p>
    <p class="wall__address">${wall.data?.address ?? ""}</p>
  `;
}
