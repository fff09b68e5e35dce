// The live preview: after a change, the form is sent into a frame. Each time it is a new one that replaces the one before,
// or every preview would be a page of the browser's history.

const panel = () => document.querySelector("[data-live-document]");
const isVisible = () => panel()?.offsetParent != null;
let isOutdated = true;
let number = 0;
let timer;

function update() {
  const form = panel().closest("form");
  // Half a date would be sent as an empty field.
  if ([...form.elements].some((field) => field.validity?.badInput)) return;
  isOutdated = false;
  panel().querySelectorAll(".document-frame.waiting").forEach((frame) => frame.remove());
  const shown = panel().querySelector(".document-frame");
  const next = shown.cloneNode();
  const button = panel().querySelector('[value="preview"]');
  next.name = button.formTarget = `document-frame-${(number += 1)}`;
  next.classList.add("waiting");
  shown.after(next);
  panel().setAttribute("aria-busy", "true");
  form.requestSubmit(button);
  next.addEventListener("load", () => {
    shown.remove();
    next.classList.remove("waiting");
    panel()?.removeAttribute("aria-busy");
  }, { once: true });
}

function schedule() {
  isOutdated = true;
  clearTimeout(timer);
  timer = setTimeout(() => isVisible() && update(), 900);
}

document.addEventListener("input", (event) => event.target.form?.matches("[data-editor]") && schedule());
document.addEventListener("tabs:open", () => isOutdated && isVisible() && update());
document.addEventListener("htmx:afterSettle", (event) => event.detail.requestConfig.verb === "post" && schedule());
document.addEventListener("click", (event) => {
  if (!event.target.closest('[data-live-document] [value="preview"]') || !event.isTrusted) return;
  event.preventDefault();
  update();
});

if (isVisible()) update();
