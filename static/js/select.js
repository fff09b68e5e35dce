// The selection of jobs: it survives live updates, is counted, and opens the dialog that asks before anything is done.

const boxes = () => [...document.querySelectorAll('#jobs input[name="job"]')];
const scope = () => document.getElementById("scope");
const dialog = document.getElementById("dialog");
let kept = new Set();
let keptScope = "selected";

function count() {
  const number = boxes().filter((box) => box.checked).length;
  const told = document.getElementById("selected");
  if (told) told.textContent = number ? `${number} selected` : "";
  const page = document.getElementById("select-page");
  if (!page) return;
  page.closest("label").hidden = false;
  page.checked = number > 0 && number === boxes().length;
  page.indeterminate = number > 0 && number < boxes().length;
}

document.addEventListener("change", (event) => {
  if (event.target.id === "select-page") boxes().forEach((box) => (box.checked = event.target.checked));
  if (event.target.name === "job" && scope()) scope().value = "selected";
  if (event.target.closest?.("#jobs")) count();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "jobs") return;
  kept = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  keptScope = scope() ? scope().value : keptScope;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "dialog-body") return dialog.showModal();
  boxes().forEach((box) => (box.checked = kept.has(box.value)));
  if (scope()) scope().value = keptScope;
  count();
});

dialog?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  event.preventDefault();
  dialog.close();
});

// The browser completes the whole field; here it is the last word that is being written.
document.querySelectorAll("[data-search]").forEach((field) => {
  const options = [...field.list.options].map((option) => [option, option.value]);
  field.addEventListener("input", () => {
    const begun = field.value.slice(0, field.value.lastIndexOf(" ") + 1);
    options.forEach(([option, word]) => (option.value = begun + word));
  });
});

count();
