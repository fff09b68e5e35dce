// The selection of jobs: it survives live updates, is counted, and is confirmed in a dialog.

const checkboxes = () => [...document.querySelectorAll('#jobs input[name="job"]')];
const scope = () => document.getElementById("scope");
const dialog = document.getElementById("dialog");
let selected = new Set();
let selectedScope = "selected";

function showCount() {
  const count = checkboxes().filter((checkbox) => checkbox.checked).length;
  const label = document.getElementById("selected");
  if (label) label.textContent = count ? label.dataset.text.replace("{number}", count) : "";
  const selectPage = document.getElementById("select-page");
  if (!selectPage) return;
  selectPage.closest("label").hidden = false;
  selectPage.checked = count > 0 && count === checkboxes().length;
  selectPage.indeterminate = count > 0 && count < checkboxes().length;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "select-page") checkboxes().forEach((checkbox) => (checkbox.checked = event.target.checked));
  if (event.target.name === "job" && scope()) scope().value = "selected";
  if (event.target.closest?.("#jobs")) showCount();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "jobs") return;
  selected = new Set(checkboxes().filter((checkbox) => checkbox.checked).map((checkbox) => checkbox.value));
  selectedScope = scope() ? scope().value : selectedScope;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "dialog-body") return dialog.showModal();
  checkboxes().forEach((checkbox) => (checkbox.checked = selected.has(checkbox.value)));
  if (scope()) scope().value = selectedScope;
  showCount();
});

dialog?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog.close();
});

// A browser completes the whole field, but the user is typing its last word: prefix the completions with the others.
document.querySelectorAll("[data-search]").forEach((field) => {
  const options = [...field.list.options].map((option) => [option, option.value]);
  field.addEventListener("input", () => {
    const prefix = field.value.slice(0, field.value.lastIndexOf(" ") + 1);
    options.forEach(([option, word]) => (option.value = prefix + word));
  });
});

showCount();
