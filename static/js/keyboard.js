// Shortcuts of single keys. They can be turned off: to people who dictate to their browser, every letter is a key.

const help = document.getElementById("keyboard-shortcuts");
const enabled = document.getElementById("keyboard-enabled");
const rows = () => [...document.querySelectorAll("#jobs tbody tr")];
const currentRow = () => document.activeElement.closest("#jobs tbody tr");

enabled.checked = localStorage.getItem("keys") !== "off";
enabled.addEventListener("change", () => localStorage.setItem("keys", enabled.checked ? "on" : "off"));

document.querySelectorAll("[data-open]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => open(document.getElementById(button.dataset.open)));
});

function move(step) {
  const all = rows();
  const index = all.indexOf(currentRow());
  const start = step > 0 ? 0 : all.length - 1;
  const row = index < 0 ? all[start] : all[Math.min(Math.max(index + step, 0), all.length - 1)];
  row?.querySelector("a.title").focus();
}

// The help lists only the shortcuts that this page has.
function open(dialog) {
  dialog.querySelectorAll("[data-needs]").forEach((part) => { part.hidden = !document.querySelector(part.dataset.needs); });
  dialog.showModal();
}

function clickButton(action) {
  const container = currentRow() ?? document.getElementById("job");
  container?.querySelector(`button[id^="${action}-"]`)?.click();
}

const actions = {
  "/": () => document.querySelector('input[type="search"]')?.focus(),
  "?": () => open(help),
  j: () => move(1),
  k: () => move(-1),
  x: () => currentRow()?.querySelector('input[name="job"]')?.click(),
  r: () => clickButton("retry"),
  c: () => clickButton("cancel"),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest('input:not([type="checkbox"]), select, textarea, dialog[open]');
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  if (!enabled.checked && event.key !== "?") return;
  event.preventDefault();
  actions[event.key]();
});
