// A slider beside each number of "try other inputs": both say the same. Without script the numbers alone do.

for (const field of document.querySelectorAll("[data-slider]")) {
  const [number, range] = field.querySelectorAll("input");
  range.hidden = false;
  range.addEventListener("input", () => {
    number.value = String(Number(range.value));
  });
  number.addEventListener("input", () => {
    const typed = Number(number.value.replaceAll(",", ""));
    if (number.value !== "" && Number.isFinite(typed)) range.value = String(typed);
  });
}
