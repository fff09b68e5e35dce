// The editor of queries and templates: highlights their syntax, and warns before unsaved changes are lost.
// The input stays a plain <textarea>; the highlighted text is a copy of it that lies underneath.

import highlight from "../vendor/highlight-11.12.0.core.min.js";
import sql from "../vendor/highlight-11.12.0.sql.min.js";

// The grammar is that of standard SQL: add placeholders, and keywords of PostgreSQL, SQLite and DuckDB.
const placeholder = { scope: "variable", match: /(?<!:):[A-Za-z_]\w*/ };
const keywords = ["limit", "ilike", "qualify", "pivot", "unpivot", "asof", "semi", "anti", "materialized"];
highlight.registerLanguage("sql", (hljs) => {
  const grammar = sql(hljs);
  grammar.keywords.keyword = [...grammar.keywords.keyword, ...keywords];
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

function createLayer(className) {
  const layer = document.createElement("pre");
  layer.className = className;
  layer.setAttribute("aria-hidden", "true");
  return layer;
}

function update(box) {
  const text = box.querySelector("textarea").value;
  box.querySelector(".highlight-layer").innerHTML = `${highlight.highlight(text, { language: box.dataset.code }).value}\n`;
  const errorLines = new Set((box.dataset.errorLines ?? "").split(","));
  const numbers = text.split("\n").map((_, index) => String(index + 1));
  box.querySelector(".line-numbers").innerHTML = numbers.map((n) => (errorLines.has(n) ? `<mark>${n}</mark>` : n)).join("\n");
}

function enhance(box) {
  if (box.classList.contains("highlighted")) return;
  box.prepend(createLayer("line-numbers"), createLayer("highlight-layer"));
  box.classList.add("highlighted");
  update(box);
}

// A new line is indented like the one before it.
function indent(event) {
  const field = event.target;
  if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
  const line = field.value.slice(0, field.selectionStart).split("\n").pop();
  const indentation = line.match(/^[ \t]*/)[0];
  if (!indentation) return;
  event.preventDefault();
  // Deprecated, but the only way to change the text and keep the browser's undo history.
  document.execCommand("insertText", false, `\n${indentation}`);
}

let unsaved = false;
function markUnsaved() {
  unsaved = true;
  document.querySelectorAll("[data-when-changed]").forEach((notice) => (notice.hidden = false));
}

function setUp() {
  document.querySelectorAll("[data-code]").forEach(enhance);
  if (unsaved || document.querySelector("[data-unsaved]")) markUnsaved();
}

document.addEventListener("input", (event) => {
  const form = event.target.form?.closest("[data-editor]");
  // What only the preview uses isn't part of the report.
  if (form && !event.target.name.startsWith("param.") && event.target.name !== "preview_as") markUnsaved();
  const box = event.target.closest("[data-code]");
  if (!box) return;
  delete box.dataset.errorLines;
  requestAnimationFrame(() => update(box));
});
document.addEventListener("keydown", (event) => event.target.closest("[data-code]") && indent(event));
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.requestConfig.verb !== "post") return;
  if (event.detail.requestConfig.elt?.value !== "check") unsaved = true;
  setUp();
});
document.addEventListener("submit", (event) => event.submitter?.formTarget || (unsaved = false));
// Redirected to the sign-in page: the server has saved the form.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) unsaved = false;
});
window.addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
setUp();
