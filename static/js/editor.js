// A query or a template in colours, and a word before unsaved changes are left. What is written stays a plain text field: the
// colours are a copy of it that lies underneath.

import highlight from "../vendor/highlight-11.12.0.core.min.js";
import sql from "../vendor/highlight-11.12.0.sql.min.js";

// The grammar is that of the standard: without placeholders, and without what PostgreSQL, SQLite and DuckDB add.
const placeholder = { scope: "variable", match: /(?<!:):[A-Za-z_]\w*/ };
const added = ["limit", "ilike", "qualify", "pivot", "unpivot", "asof", "semi", "anti", "materialized"];
highlight.registerLanguage("sql", (hljs) => {
  const grammar = sql(hljs);
  grammar.keywords.keyword = [...grammar.keywords.keyword, ...added];
  return { ...grammar, contains: [placeholder, ...grammar.contains] };
});

const typst = [
  { scope: "comment", match: /(?<!:)\/\/.*$/ },
  { scope: "comment", begin: /\/\*/, end: /\*\// },
  { scope: "string", begin: /"/, end: /"/, contains: [{ match: /\\./ }] },
  { scope: "keyword", match: /#(?:let|set|show|import|include|if|else|for|while|return|context)\b/ },
  { scope: "variable", match: /#[A-Za-z_][\w.-]*/ },
  { scope: "built_in", match: /^=+ .*$/ },
];
highlight.registerLanguage("typst", () => ({ contains: typst }));

function layer(name) {
  const made = document.createElement("pre");
  made.className = name;
  made.setAttribute("aria-hidden", "true");
  return made;
}

function show(box) {
  const text = box.querySelector("textarea").value;
  box.querySelector(".highlight-layer").innerHTML = `${highlight.highlight(text, { language: box.dataset.code }).value}\n`;
  const faulty = new Set((box.dataset.faults ?? "").split(","));
  const numbers = text.split("\n").map((_, at) => String(at + 1));
  box.querySelector(".line-numbers").innerHTML = numbers.map((n) => (faulty.has(n) ? `<mark>${n}</mark>` : n)).join("\n");
}

function begin(box) {
  if (box.classList.contains("highlighted")) return;
  box.prepend(layer("line-numbers"), layer("highlight-layer"));
  box.classList.add("highlighted");
  show(box);
}

// A new line begins where the one before it did.
function indent(event) {
  const field = event.target;
  if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
  const line = field.value.slice(0, field.selectionStart).split("\n").pop();
  const blanks = line.match(/^[ \t]*/)[0];
  if (!blanks) return;
  event.preventDefault();
  document.execCommand("insertText", false, `\n${blanks}`);
}

let unsaved = false;
function changed() {
  unsaved = true;
  document.querySelectorAll("[data-when-changed]").forEach((mark) => (mark.hidden = false));
}

function ready() {
  document.querySelectorAll("[data-code]").forEach(begin);
  if (unsaved || document.querySelector("[data-unsaved]")) changed();
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-editor]");
  if (form && !event.target.name.startsWith("param.")) changed();
  const box = event.target.closest("[data-code]");
  if (!box) return;
  delete box.dataset.faults;
  requestAnimationFrame(() => show(box));
});
document.addEventListener("keydown", (event) => event.target.closest("[data-code]") && indent(event));
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.requestConfig.elt?.value !== "check") unsaved = true;
  ready();
});
document.addEventListener("submit", () => (unsaved = false));
// To the sign-in: the server has kept what was sent.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) unsaved = false;
});
window.addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
ready();
