/** Amounts on a page. Minor units are BigInt; what people type is decimal text. Nothing here rounds. */

const SIGNS = { CNY: "¥" };

/** "123456700" fen as "¥1,234,567"; decimals only where there are any. Empty for null. */
export function money(digits, { code, exponent }) {
  if (digits === null || digits === undefined || digits === "") return "";
  const text = plain(BigInt(digits), exponent);
  const [whole, rest] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const decimals = rest === undefined ? "" : `.${exponent === 2 ? rest.padEnd(2, "0") : rest}`;
  return SIGNS[code] ? `${SIGNS[code]}${grouped}${decimals}` : `${grouped}${decimals} ${code}`;
}

/** Minor units as a plain decimal, "1234.5". */
export function plain(amount, exponent) {
  const size = 10n ** BigInt(exponent);
  const rest = (amount % size).toString().padStart(exponent, "0").replace(/0+$/, "");
  return rest && exponent ? `${amount / size}.${rest}` : `${amount / size}`;
}

/** What a person typed as minor units, or null: full-width digits, commas and spaces are understood, 万 multiplies. */
export function parseAmount(text, exponent) {
  let typed = text.normalize("NFKC").replace(/[,\s¥元]/g, "");
  let scale = 1n;
  for (const [mark, size] of [["亿", 100_000_000n], ["万", 10_000n]]) {
    if (typed.endsWith(mark)) {
      typed = typed.slice(0, -1);
      scale *= size;
    }
  }
  const match = /^(\d{1,20})(?:\.(\d{1,24}))?$/.exec(typed);
  if (!match) return null;
  const fraction = match[2] ?? "";
  const exact = BigInt(match[1] + fraction) * scale * 10n ** BigInt(exponent);
  const size = 10n ** BigInt(fraction.length);
  return exact % size === 0n ? exact / size : null;
}

const DIGITS = "零壹贰叁肆伍陆柒捌玖";
const PLACES = ["", "拾", "佰", "仟"];
const GROUPS = ["", "万", "亿", "万亿", "亿亿"];

/** 人民币大写 of an amount in fen (《支付结算办法》附件一); empty beyond 10^18. */
export function inChinese(fen) {
  if (fen < 0n || fen >= 10n ** 18n) return "";
  const yuan = fen / 100n;
  const jiao = Number((fen / 10n) % 10n);
  const cents = Number(fen % 10n);
  let text = yuan || (!jiao && !cents) ? `${yuanWords(yuan)}元` : "";
  if (!jiao && !cents) return `${text}整`;
  if (jiao) text += `${DIGITS[jiao]}角`;
  else if (yuan) text += "零";
  return text + (cents ? `${DIGITS[cents]}分` : "整");
}

function yuanWords(yuan) {
  if (yuan === 0n) return "零";
  const groups = [];
  for (let rest = yuan; rest > 0n; rest /= 10_000n) groups.push(Number(rest % 10_000n));
  let text = "";
  let gap = false;
  for (let place = groups.length - 1; place >= 0; place -= 1) {
    const group = groups[place];
    if (group === 0) {
      gap = text !== "";
      continue;
    }
    if (text && (gap || group < 1000)) text += "零";
    text += fourWords(group) + GROUPS[place];
    gap = false;
  }
  return text;
}

function fourWords(group) {
  let text = "";
  let gap = false;
  for (let place = 3; place >= 0; place -= 1) {
    const digit = Math.floor(group / 10 ** place) % 10;
    if (digit) {
      text += (gap && text ? "零" : "") + DIGITS[digit] + PLACES[place];
      gap = false;
    } else gap = true;
  }
  return text;
}

const ONES =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(" ");
const TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
const THOUSANDS = ["", "thousand", "million", "billion", "trillion", "quadrillion"];

/** An amount in fen in English words; empty beyond 10^18. */
export function inEnglish(fen) {
  if (fen < 0n || fen >= 10n ** 18n) return "";
  const parts = [];
  let place = 0;
  for (let rest = fen / 100n; rest > 0n; rest /= 1000n) {
    const group = Number(rest % 1000n);
    if (group) parts.unshift(`${hundreds(group)} ${THOUSANDS[place]}`.trim());
    place += 1;
  }
  const cents = fen % 100n;
  return `${parts.join(" ") || "zero"} yuan${cents ? ` ${cents} fen` : ""}`;
}

function hundreds(group) {
  const words = group >= 100 ? [`${ONES[Math.floor(group / 100)]} hundred`] : [];
  const rest = group % 100;
  if (rest >= 20) words.push(TENS[Math.floor(rest / 10)] + (rest % 10 ? `-${ONES[rest % 10]}` : ""));
  else if (rest) words.push(ONES[rest]);
  return words.join(" ");
}
