// Helps to write the query: puts in names of tables and columns, and finds parameters that nobody has defined.
// Also proposes the URL name of a new report.

export const byId = (id) => document.getElementById(id);

// The query that was worked on last: sections have one each.
let last = null;
export const query = () => (last?.isConnected ? last : byId("edit-query"));
document.addEventListener("focusin", (event) => {
  if (event.target.matches('[data-code="sql"] textarea')) last = event.target;
});

// Deprecated, but the only way to change the text and keep the browser's undo history.
export function put(field, written) {
  field.focus();
  document.execCommand("insertText", false, written);
}

// --- Tables and columns -----------------------------------------------------------------------------------------------

export function tables() {
  return [...document.querySelectorAll("[data-tables] [data-table]")].map((table) => ({
    name: table.dataset.table,
    columns: [...table.querySelectorAll("[data-column]")].map((button) => button.dataset.insert),
  }));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  const field = query();
  const before = field.value.slice(0, field.selectionStart);
  put(field, `${/[\w"`\])]$/.test(before) ? (button.matches("[data-column]") ? ", " : " ") : ""}${button.dataset.insert}`);
});

// Completion offers the tables, so they are read as soon as the query is shown: in a narrow window, they are far below it.
function readTables() {
  const list = byId("query-table-list");
  if (list?.offsetParent) htmx.trigger(list, "seen");
}
document.addEventListener("htmx:load", readTables);
document.addEventListener("tabs:open", readTables);

document.addEventListener("change", (event) => {
  if (event.target.name === "data_source") htmx.trigger(byId("query-table-list"), "refresh");
});

// --- Parameters that nobody has defined -------------------------------------------------------------------------------

export function declared() {
  return [...document.querySelectorAll('[name^="parameters["][name$="].name"]')].map((field) => field.value).filter(Boolean);
}

function showUndefined() {
  const known = new Set(declared());
  const used = [...document.querySelectorAll('[data-code="sql"] .hljs-variable')].map((part) => part.textContent.slice(1));
  const names = [...new Set(used)].filter((name) => !known.has(name) && !name.startsWith("caller_"));
  document.querySelectorAll("[data-undefined]").forEach((notice) => {
    notice.hidden = !names.length;
    if (!names.length) return;
    const codes = names.flatMap((name) => [Object.assign(document.createElement("code"), { textContent: `:${name}` }), " "]);
    notice.querySelector("[data-names]").replaceChildren(...codes);
    const label = names.length === 1 ? notice.dataset.one : notice.dataset.many.replace("{number}", names.length);
    notice.querySelector("[data-label]").textContent = label;
  });
}

// --- The URL name of a new report -------------------------------------------------------------------------------------

function slugOf(name) {
  const plain = name.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase();
  return plain.replace(/[^\w\s-]/g, "").trim().replace(/[-\s]+/g, "-").replace(/^[-_]+|[-_]+$/g, "").slice(0, 100);
}

function proposeSlug(before) {
  const [name, slug] = [byId("edit-name"), byId("edit-slug")];
  if (document.querySelector("[data-editor][data-new]") && (!slug.value || slug.value === slugOf(before))) slug.value = slugOf(name.value);
}

let nameBefore = byId("edit-name")?.value ?? "";
document.addEventListener("input", (event) => {
  if (event.target.id === "edit-name") {
    proposeSlug(nameBefore);
    nameBefore = event.target.value;
  }
  // After the highlighting, which finds the names.
  if (event.target.closest("[data-code]") || event.target.name?.startsWith("parameters[")) requestAnimationFrame(() => requestAnimationFrame(showUndefined));
});
document.addEventListener("htmx:afterSettle", () => requestAnimationFrame(showUndefined));
proposeSlug("");
requestAnimationFrame(showUndefined);
