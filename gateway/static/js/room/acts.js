/**
 * What people do in rooms of other formats: one request each, with an id that is kept until it is answered, so that a lost answer and
 * a second tap never count twice. Amounts of sealed bids are encrypted here, before anything is sent.
 */

import { openBox, readOfficerKey, seal } from "../lib/envelope.js";
import { timeOrderedUuid } from "../lib/ids.js";
import { parseAmount } from "../lib/money.js";

const TRIES = 4;
const PAUSE_MS = 800;

/** Acts over `post(path, body)`; `say({kind, text})` shows what became of them, `kept(receipt)` keeps a receipt, `done()` asks for a fresh view. */
export function formatActs({ page, t, csrf, room, draft, say, kept, done, refusal }) {
  let open = false;

  async function post(path, body) {
    const wish = JSON.stringify({ id: timeOrderedUuid(crypto, Date.now()), ...body });
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await fetch(`/api/v1/lots/${page.lot}/${path}`, { method: "POST", headers, body: wish });
        const said = await response.json();
        const again = !response.ok && said.retry === "same_id" && attempt < TRIES;
        if (!again) return { ok: response.ok, said };
      } catch (problem) {
        if (attempt >= TRIES) throw problem;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
  }

  async function act(path, body, good) {
    if (open) return;
    open = true;
    say({ kind: "wait", text: t("room.sending") });
    try {
      const { ok, said } = await post(path, body);
      const seq = ok && room().you ? said.seq : undefined;
      if (seq) kept({ t: "accepted", id: said.id ?? `${page.lot}/${seq}`, lot: page.lot, seq, wish: { amount: said.bid?.price } });
      say(ok ? { kind: "good", text: t(good, { seq: said.seq }), seq } : { kind: "bad", text: refusal(said.code, said.data ?? {}) });
    } catch {
      say({ kind: "bad", text: t("room.act_unanswered") });
    } finally {
      open = false;
      done();
    }
  }

  const quantityIn = (form) => Number(new FormData(form).get("quantity") ?? 1) || 0;

  async function sealContent(content) {
    const { you } = room();
    const envelope = await seal(JSON.stringify(content), page.rules.officer_keys, page.lot, you.code);
    await act("envelopes", { envelope }, "room.sealed_done");
  }

  return {
    busy: () => open,
    take: (price) => {
      const field = document.getElementById("quantity");
      return act("takes", { shown: price.toString(), quantity: field ? Number(field.value) || 0 : 1 }, "room.taken");
    },
    seal: (event) => {
      event.preventDefault();
      if (draft.amount === null) return say({ kind: "bad", text: t("room.not_an_amount") });
      const several = page.rules.units > 1;
      const more = several ? { quantity: quantityIn(event.target), partly: new FormData(event.target).get("partly") !== null } : {};
      return sealContent({ amount: draft.amount.toString(), ...more });
    },
    sealPackages: (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const parts = [];
      for (const number of [0, 1, 2]) {
        const lots = form.getAll(`lot-${number}`);
        const typed = String(form.get(`package-${number}`)).trim();
        if (lots.length === 0 && typed === "") continue;
        const amount = parseAmount(typed, page.currency.exponent);
        if (lots.length === 0 || amount === null) return say({ kind: "bad", text: t("room.package_incomplete", { no: number + 1 }) });
        parts.push({ lots, amount: amount.toString() });
      }
      if (parts.length === 0) return say({ kind: "bad", text: t("room.package_incomplete", { no: 1 }) });
      const most = parts.reduce((best, part) => (BigInt(part.amount) > BigInt(best) ? part.amount : best), "0");
      return sealContent({ amount: most, parts });
    },
    bestBid: (event) => {
      event.preventDefault();
      if (draft.amount === null) return say({ kind: "bad", text: t("room.not_an_amount") });
      return act("best-bid", { amount: draft.amount.toString() }, "room.best_bid_done");
    },
    exercise: (price) => act("priority", { price }, price === null ? "room.waived" : "room.exercised"),
    giveScores: (event) => {
      event.preventDefault();
      const scores = {};
      for (const field of event.target.querySelectorAll("[data-code]")) {
        if (field.value === "") return say({ kind: "bad", text: t("error.scores_incomplete") });
        (scores[field.dataset.code] ??= {})[field.dataset.criterion] = Number(field.value);
      }
      return act("scores", { scores }, "room.scores_done");
    },
    openBoxes: async (event) => {
      event.preventDefault();
      const form = new FormData(event.target);
      const file = form.get("keyfile");
      const key = file?.size ? await readOfficerKey(await file.text(), String(form.get("passphrase"))) : null;
      if (key === null) return say({ kind: "bad", text: t("room.key_wrong") });
      const response = await fetch(`/api/v1/lots/${page.lot}/boxes`);
      const said = await response.json();
      if (!response.ok) return say({ kind: "bad", text: refusal(said.code, said.data ?? {}) });
      const shares = {};
      for (const { code, envelope } of said.boxes) {
        const share = await openBox(envelope, said.place, key.privateKey, page.lot, code);
        if (share !== null) shares[code] = share;
      }
      return act("shares", { shares }, "room.shares_done");
    },
  };
}
