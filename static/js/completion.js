// Completes the word at the cursor of the query: parameters, columns of its tables, tables, and words of SQL.
// The list opens while a word is typed, and by Ctrl+Space. Enter chooses only what the arrow keys have marked.

import { byId, declared, put, query, tables } from "./query.js";

const words = "select from where group by order having limit join left inner on and or not in is null as distinct case when then else end between like count sum avg min max with union all cast coalesce".split(" ");
let list = null;
let marked = -1;

// The tables that a prefix in the query names: a table, or an alias of one.
function named(prefix, all) {
  const found = all.filter(({ name }) => name === prefix || name.split(".").at(-1) === prefix);
  if (found.length) return found;
  const aliased = query().value.match(new RegExp(`([\\w."]+)\\s+(?:as\\s+)?${prefix.replace(/\W/g, "")}\\b`, "i"));
  return aliased ? all.filter(({ name }) => name === aliased[1]) : [];
}

function candidates(before) {
  if (/(?<!:):\w*$/.test(before)) return declared();
  const all = tables();
  const qualified = before.match(/([\w"]+)\.\w*$/);
  if (qualified) return named(qualified[1], all).flatMap(({ columns }) => columns);
  const used = all.filter(({ name }) => query().value.includes(name));
  const columns = (used.length ? used : all).flatMap((table) => table.columns);
  return [...columns, ...all.map(({ name }) => name), ...words];
}

function close() {
  list?.remove();
  list = null;
  query()?.removeAttribute("aria-activedescendant");
  query()?.removeAttribute("aria-controls");
}

function mark(at) {
  marked = at;
  [...list.children].forEach((option, number) => option.setAttribute("aria-selected", number === at));
  list.children[at]?.scrollIntoView({ block: "nearest" });
  if (at >= 0) query().setAttribute("aria-activedescendant", list.children[at].id);
}

function complete(wanted) {
  const field = query();
  const before = field.value.slice(0, field.selectionStart);
  const typed = before.match(/\w*$/)[0];
  close();
  if (!wanted && !typed && !/[\w"]\.$/.test(before)) return;
  const fitting = [...new Set(candidates(before))]
    .filter((word) => word.toLowerCase().replace(/^"/, "").startsWith(typed.toLowerCase()) && word !== typed)
    .slice(0, 50);
  if (!fitting.length) return;
  list = document.createElement("ul");
  Object.assign(list, { id: "completions", className: "completions", role: "listbox" });
  list.setAttribute("aria-label", byId("completion-status").dataset.title);
  fitting.forEach((word, number) => {
    const option = document.createElement("li");
    Object.assign(option, { id: `completion-${number}`, textContent: word, role: "option" });
    list.append(option);
  });
  const box = field.closest(".code");
  const lines = before.split("\n");
  const style = getComputedStyle(field);
  list.style.setProperty("top", `${box.offsetTop - box.scrollTop + parseFloat(style.paddingTop) + lines.length * parseFloat(style.lineHeight)}px`);
  box.parentElement.append(list);
  const column = lines.at(-1).length - typed.length;
  const left = box.offsetLeft - box.scrollLeft + field.offsetLeft + parseFloat(style.paddingLeft) + column * charWidth(style);
  list.style.setProperty("left", `${Math.max(0, Math.min(left, box.parentElement.clientWidth - list.offsetWidth))}px`);
  field.setAttribute("aria-controls", "completions");
  mark(-1);
  byId("completion-status").textContent = byId("completion-status").dataset.text.replace("{number}", fitting.length);
}

function charWidth(style) {
  const context = (charWidth.canvas ??= document.createElement("canvas")).getContext("2d");
  context.font = style.font;
  return context.measureText("0").width;
}

function choose(at) {
  const field = query();
  const typed = field.value.slice(0, field.selectionStart).match(/\w*$/)[0];
  const word = list.children[at].textContent;
  close();
  field.setSelectionRange(field.selectionStart - typed.length, field.selectionStart);
  put(field, word);
  close();
}

document.addEventListener("keydown", (event) => {
  if (event.target !== query()) return;
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    return complete(true);
  }
  if (!list) return;
  const last = list.children.length - 1;
  const keys = {
    ArrowDown: () => mark(marked < last ? marked + 1 : 0),
    ArrowUp: () => mark(marked > 0 ? marked - 1 : last),
    Escape: close,
    Tab: () => choose(Math.max(marked, 0)),
    ...(marked >= 0 ? { Enter: () => choose(marked) } : {}),
  };
  if (!(event.key in keys) || event.shiftKey) return event.key === "Enter" || event.key.startsWith("Arrow") ? close() : undefined;
  event.preventDefault();
  event.stopImmediatePropagation();
  keys[event.key]();
}, true);
document.addEventListener("pointerdown", (event) => {
  if (event.target.parentElement === list && list) {
    event.preventDefault();
    choose([...list.children].indexOf(event.target));
  } else close();
});
document.addEventListener("focusout", (event) => event.target === query() && close());
document.addEventListener("scroll", (event) => event.target !== list && close(), true);
document.addEventListener("input", (event) => {
  if (event.target !== query()) return;
  // A word of one letter would complete to nearly everything.
  if (event.inputType === "insertText" && /(\w\w|\.|:\w?)$/.test(event.target.value.slice(0, event.target.selectionStart))) complete(false);
  else close();
});

