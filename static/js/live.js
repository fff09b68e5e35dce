// What htmx leaves to the page: pause while hidden, say when a call failed, and stop a second press of a button.

const alerts = document.getElementById("alerts");
const OFFLINE = "The server does not answer. The page goes on trying.";
const isPoll = (event) => event.detail.elt.hasAttribute("data-live");

function say(sentence) {
  const notice = document.createElement("div");
  notice.className = "notice error";
  notice.textContent = sentence;
  alerts.replaceChildren(notice);
}

function sentenceOf(xhr) {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const found = page.querySelector("[data-sentence]");
  return found ? found.textContent.trim() : `The server answered with status ${xhr.status}.`;
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isPoll(event) && document.hidden) event.preventDefault();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.querySelectorAll("[data-live]").forEach((region) => htmx.trigger(region, "refresh"));
});

document.addEventListener("htmx:sendError", (event) => say(isPoll(event) ? OFFLINE : "The server does not answer. Try again."));

document.addEventListener("htmx:responseError", (event) => say(sentenceOf(event.detail.xhr)));

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && alerts.textContent === OFFLINE) alerts.replaceChildren();
});

// The button that was pressed is gone with the old rows: keep the keyboard where it was, not at the top of the page. At
// once, not when all has settled: by then the next key may have moved it elsewhere.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig.verb !== "get" && event.detail.target.id === "jobs") document.getElementById("jobs").focus({ preventScroll: true });
});

// A form that is sent twice would make two jobs. Its buttons come back when the page is shown again from history.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-busy", "true"));
});

window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-busy"));
  });
});
