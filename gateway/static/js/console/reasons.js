/** Reasons given most often are put into the text with one press; the reviewer completes them. */

const text = document.getElementById("f-reason");
for (const button of document.querySelectorAll("[data-reason]")) {
  button.addEventListener("click", () => {
    text.value = (text.value ? `${text.value.trimEnd()}\n` : "") + button.dataset.reason;
    text.focus();
  });
}
