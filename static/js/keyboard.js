// Single keys, as mail and issue trackers have them. They can be switched off, for people who dictate to their browser.

const help = document.getElementById("keys");
const on = document.getElementById("keys-on");
const rows = () => [...document.querySelectorAll("#jobs tbody tr")];
const current = () => document.activeElement.closest("#jobs tbody tr");

on.checked = localStorage.getItem("keys") !== "off";
on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));

document.querySelectorAll("[data-open]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => open(document.getElementById(button.dataset.open)));
});

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const row = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  row?.querySelector("a.title").focus();
}

// The help names the keys of this page and no others.
function open(dialog) {
  dialog.querySelectorAll("[data-needs]").forEach((part) => { part.hidden = !document.querySelector(part.dataset.needs); });
  dialog.showModal();
}

const press = (kind) => (current() ?? document.getElementById("job"))?.querySelector(`button[id^="${kind}-"]`)?.click();

const actions = {
  "/": () => document.querySelector('input[type="search"]')?.focus(),
  "?": () => open(help),
  j: () => move(1),
  k: () => move(-1),
  x: () => current()?.querySelector('input[name="job"]')?.click(),
  r: () => press("retry"),
  c: () => press("cancel"),
};

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest('input:not([type="checkbox"]), select, textarea, dialog[open]');
  if (writing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  if (!on.checked && event.key !== "?") return;
  event.preventDefault();
  actions[event.key]();
});
