// One click copies a field of the form and goes on to the next, so that a form elsewhere is filled without typing.

const DONE_MS = 1500;

/** Copy a text; where the browser has no clipboard for this address, by a selection. */
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return true;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("readonly", "");
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

const buttons = [...document.querySelectorAll("button[data-copy]")];
for (const [place, button] of buttons.entries()) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(button.dataset.copy).catch(() => false);
    const label = button.textContent;
    if (!done) return;
    button.textContent = button.dataset.done;
    button.classList.add("is-done");
    buttons[place + 1]?.focus();
    setTimeout(() => {
      button.textContent = label;
    }, DONE_MS);
  });
}
