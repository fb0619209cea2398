/** The page of an officer's key: made here, encrypted with a passphrase into a file; only its public half goes to the market. */

import { isPossible, makeOfficerKey } from "../lib/envelope.js";

const form = document.getElementById("officer-key");
const said = document.getElementById("officer-said");
const texts = JSON.parse(document.getElementById("officer-texts").textContent);
const LEAST = 12;

if (!isPossible()) said.textContent = texts.https;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [passphrase, again] = ["passphrase", "again"].map((name) => form.elements[name].value);
  if (passphrase.length < LEAST) return void (said.textContent = texts.short);
  if (passphrase !== again) return void (said.textContent = texts.differ);
  said.textContent = texts.making;
  const { publicKey, file } = await makeOfficerKey(passphrase);
  // The file first: a key whose file was never kept would open nothing.
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob([file], { type: "application/json" })), download: form.dataset.file });
  link.click();
  URL.revokeObjectURL(link.href);
  const response = await fetch("/api/v1/me/officer-key", {
    method: "PUT", headers: { "Content-Type": "application/json", "X-CSRF-Token": form.dataset.csrf }, body: JSON.stringify({ key: publicKey }),
  });
  said.textContent = response.ok ? texts.done : texts.failed;
  if (response.ok) form.reset();
});
