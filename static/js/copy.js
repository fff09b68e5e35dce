// Copies a text or a link. Browsers offer the clipboard to https and to this machine; elsewhere the text is selected.

function showButtons() {
  document.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  if (source.select) source.select();
  else getSelection().selectAllChildren(source);
  if (!navigator.clipboard) return;
  await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
  button.textContent = button.dataset.copied;
});

document.addEventListener("htmx:afterSettle", showButtons);
showButtons();

// A click elsewhere, or Escape, closes what a button has unfolded.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.share[open]").forEach((share) => { if (!share.contains(event.target)) share.open = false; });
});
document.addEventListener("keydown", (event) => {
  const share = event.key === "Escape" && event.target.closest("details.share[open]");
  if (!share) return;
  share.open = false;
  share.querySelector("summary").focus();
});
