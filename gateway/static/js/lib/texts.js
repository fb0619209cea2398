/** Texts of the page's language, from the block the server put into it; and instants in Chinese time. */

export function translator(texts) {
  return (key, values = {}) => {
    let text = texts[key] ?? key;
    for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, String(value));
    return text;
  };
}

const PARTS = new Intl.DateTimeFormat("en-CA", {
  timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

/** "11-24 10:30:05" in Asia/Shanghai; empty for null. */
export function when(atUs) {
  if (atUs === null || atUs === undefined) return "";
  const part = Object.fromEntries(PARTS.formatToParts(new Date(atUs / 1000)).map(({ type, value }) => [type, value]));
  return `${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
}

/** Time left: "2 天 03:04:05", "04:05", and tenths in the last ten seconds. */
export function countdown(ms, day) {
  const total = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(total / 86_400);
  const clock = [Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  if (days) return `${days} ${day} ${clock.map(two).join(":")}`;
  if (clock[0]) return clock.map(two).join(":");
  if (total < 10) return `${two(clock[1])}:${two(clock[2])}.${Math.floor((ms % 1000) / 100)}`;
  return `${two(clock[1])}:${two(clock[2])}`;
}
