/**
 * The board on an institution's own site: <script src="…/board/widget.js" data-seller="…" data-lang="zh" async></script>.
 * Shows the newest entries where the script stands, in a shadow tree of its own, with the digest of each record and its permanent
 * address. Everything shown is set as text. A classic script: it works on old pages, too.
 */
(() => {
  "use strict";

  const tag = document.currentScript;
  if (!tag) return;
  const WITHIN_MS = 10000;
  const MOST = 20;
  const STYLE = [
    ":host{display:block;font:14px/1.6 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif;color:#172033}",
    "ul{list-style:none;margin:0;padding:0;border:1px solid #d8dee8;border-radius:8px;background:#fff}",
    "li{padding:12px 16px;border-top:1px solid #e9edf3}li:first-child{border-top:0}",
    "a{color:#12467f;font-weight:600;text-decoration:none;overflow-wrap:anywhere}a:hover{text-decoration:underline}",
    "p{margin:2px 0 0;color:#4a5670;overflow-wrap:anywhere}code{font:12px ui-monospace,Consolas,monospace;color:#67728a}",
    ".failed{padding:12px 16px;border:1px solid #d8dee8;border-radius:8px}",
  ].join("");
  const site = new URL(tag.src).origin;
  const asked = new URLSearchParams();
  for (const [name, value] of [["seller", tag.dataset.seller], ["region", tag.dataset.region], ["kind", tag.dataset.kind], ["lang", tag.dataset.lang]]) {
    if (value) asked.set(name, value);
  }
  const most = Math.min(MOST, Math.max(1, Number(tag.dataset.most) || 10));
  const place = document.createElement("div");
  tag.after(place);
  const root = place.attachShadow({ mode: "open" });
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet]; // a style element would be refused where the host page's policy forbids it
  } catch {
    // an old browser shows it in the page's own style
  }

  function element(name, text, more = {}) {
    const made = Object.assign(document.createElement(name), more);
    if (text) made.textContent = text;
    return made;
  }

  /** A link of the feed, if it leads to the market. */
  function own(address) {
    try {
      return new URL(address).origin === site ? address : site;
    } catch {
      return site;
    }
  }

  function line(item) {
    const made = element("li");
    made.append(element("a", item.title, { href: own(item.url), target: "_blank", rel: "noopener" }), element("p", item.content_text));
    const digest = item._ortoo?.digest;
    if (digest) made.append(element("code", `SHA-256 ${digest}`));
    return made;
  }

  async function show() {
    const cut = new AbortController();
    const timer = setTimeout(() => cut.abort(), WITHIN_MS);
    try {
      const answer = await fetch(`${site}/board/feed.json?${asked}`, { credentials: "omit", signal: cut.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const feed = await answer.json();
      const list = element("ul");
      list.append(...feed.items.slice(0, most).map(line));
      root.append(list);
    } catch {
      const failed = element("p", "", { className: "failed" });
      failed.append(element("a", `${site}/board`, { href: `${site}/board?${asked}` }));
      root.append(failed); // the way to the record is there even when the record cannot be fetched
    } finally {
      clearTimeout(timer);
    }
  }

  show();
})();
