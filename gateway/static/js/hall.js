/** Live prices in the hall: the server's rows are changed in place; without this script the page is as it was when it was loaded. */

import { money } from "./lib/money.js";
import { connect, liveUrls } from "./room/socket.js";

const place = document.getElementById("hall-lots");
if (place) {
  const data = JSON.parse(place.dataset.live);
  connect({
    urls: liveUrls(data, location),
    lots: [],
    hall: true,
    onChange: (session) => {
      for (const [lot, row] of session.hall) show(lot, row, data);
    },
  });
}

function show(lot, row, data) {
  const card = place.querySelector(`[data-lot="${CSS.escape(lot)}"]`);
  if (!card || card.dataset.seq === String(row.seq)) return;
  card.dataset.seq = String(row.seq);
  card.querySelector("[data-bids]").textContent = row.bids;
  if (row.price === null) return;
  const price = card.querySelector("[data-price]");
  const text = money(row.price, { code: card.dataset.currency, exponent: Number(card.dataset.exponent) });
  if (price.textContent === text) return;
  price.textContent = text;
  card.querySelector("[data-label]").textContent = data.price_label;
  card.classList.remove("card--new");
  void card.offsetWidth; // starts the highlight again
  card.classList.add("card--new");
}
