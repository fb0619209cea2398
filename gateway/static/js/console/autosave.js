/** Saves a step while it is being filled in. Without this script every step is saved by its buttons. */

const PAUSE_MS = 1500;
const form = document.querySelector("form[data-autosave]");
const told = document.getElementById("saved");

if (form && told) {
  const version = form.elements.namedItem("version");
  let timer = 0;
  let sent = words();
  let running = false;
  let stopped = false;

  form.addEventListener("input", () => later());
  form.addEventListener("submit", () => {
    stopped = true; // the button saves; a late answer must not come between
    clearTimeout(timer);
  });

  function later() {
    clearTimeout(timer);
    timer = setTimeout(save, PAUSE_MS);
  }

  function words() {
    return [...new FormData(form)].filter(([name]) => name !== "version").map((pair) => pair.join("=")).join("&");
  }

  async function save() {
    const now = words();
    if (stopped || now === sent) return;
    if (running) return later();
    running = true;
    told.textContent = told.dataset.saving;
    try {
      const body = new FormData(form);
      body.set("act", "autosave");
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (answer.status === 409) {
        stopped = true;
        told.textContent = told.dataset.conflict;
        told.classList.add("danger");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      version.value = (await answer.json()).version;
      sent = now;
      told.textContent = told.dataset.saved;
    } catch {
      told.textContent = told.dataset.failed;
      if (!stopped) timer = setTimeout(save, 4 * PAUSE_MS);
    } finally {
      running = false;
    }
    if (!stopped && words() !== sent) later();
  }
}
