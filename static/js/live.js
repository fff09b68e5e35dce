// What htmx leaves to the page: pausing while hidden, reporting failed requests, and ignoring a second click on a button.

const alerts = document.getElementById("alerts");
const texts = document.getElementById("messages").dataset;
const isLive = (event) => event.detail.elt.hasAttribute("data-live");

function showError(message) {
  const notice = document.getElementById("error-notice").content.cloneNode(true);
  notice.querySelector(".notice > div").textContent = message;
  alerts.replaceChildren(notice);
}

function errorMessage(xhr) {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const element = page.querySelector("[data-error-message]");
  return element ? element.textContent.trim() : texts.status.replace("{status}", xhr.status);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isLive(event) && document.hidden) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.querySelectorAll("[data-live]").forEach((region) => htmx.trigger(region, "refresh"));
});

document.addEventListener("htmx:sendError", (event) => showError(isLive(event) ? texts.offline : texts.noResponse));

document.addEventListener("htmx:responseError", (event) => showError(errorMessage(event.detail.xhr)));

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && alerts.textContent.trim() === texts.offline) alerts.replaceChildren();
});

// The clicked button is replaced with its row. Keep the focus in the list instead of losing it to the top of the page.
// This must happen right after the swap: by the time that htmx settles, the user may have moved the focus.
document.addEventListener("htmx:afterSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig.verb !== "get" && target.id === "jobs") document.getElementById("jobs").focus({ preventScroll: true });
});

// A form that is submitted twice would, for example, create two jobs.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // What is sent into a frame leaves the form where it is.
  if (form.method !== "post" || form.hasAttribute("hx-post") || event.submitter?.formTarget) return;
  if (form.dataset.submitted) event.preventDefault();
  form.dataset.submitted = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-busy", "true"));
});

// When the browser shows the page again from its history, the form works again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-submitted]").forEach((form) => {
    delete form.dataset.submitted;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-busy"));
  });
});
