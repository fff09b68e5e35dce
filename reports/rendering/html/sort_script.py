"""The only script of the HTML page: it sorts a table by the column whose heading is clicked.

The page's content security policy allows exactly this text, by its hash, so nothing in the rows can run. Where scripts
are disabled, the rows stay in the order of the query. Rows stay within their group, and its total stays below them.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode

#: For a `table` with this `body`.
_SORT = """  const texts = new Intl.Collator(undefined, { numeric: true });
  const plain = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const number = (a, b) => {
    const x = Number(a), y = Number(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || texts.compare(a, b);
    if (x !== y) return x - y;
    return /^-?\\d+$/.test(a) && /^-?\\d+$/.test(b) ? plain(BigInt(a), BigInt(b)) : 0;
  };
  const seconds = (text) => {
    const [, sign, hours, minutes, rest] = /^(-?)(\\d+):(\\d+):(.+)$/.exec(text);
    return (sign ? -1 : 1) * (hours * 3600 + minutes * 60 + Number(rest));
  };
  const duration = (a, b) => seconds(a) - seconds(b);
  const year = (text) => /^-?infinity$/.test(text) ? Number(text.replace("i", "I")) : parseInt(text, 10);
  const moment = (a, b) => (year(a) === year(b) ? plain(a, b) : year(a) - year(b));
  const read = (cell, { zero, point, affixes }) => {
    const child = cell.firstElementChild, text = child?.dateTime ?? cell.textContent;
    if (!zero) return child && !child.dateTime ? null : text;
    if (child) return null;
    const [plus, minus] = JSON.parse(affixes), fits = ([start, end]) => text.startsWith(start) && text.endsWith(end);
    const negative = fits(minus) && (!fits(plus) || minus.join("").length > plus.join("").length);
    const [start, end] = negative ? minus : plus;
    let plain = negative ? "-" : "";
    for (const letter of text.slice(start.length, text.length - end.length)) {
      const digit = letter.codePointAt(0) - zero;
      plain += digit >= 0 && digit < 10 ? digit : letter === point ? "." : /[eE+-]/.test(letter) ? letter : "";
    }
    return /\\d/.test(plain) ? plain : text;
  };
  const by = { number, duration, moment, text: texts.compare };
  const sort = (head) => {
    const at = head.cellIndex, compare = by[head.dataset.sort];
    const down = head.getAttribute("aria-sort") === "ascending";
    const groups = [[]], order = (a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return down ? compare(b.key, a.key) : compare(a.key, b.key);
    };
    for (const row of Array.from(body.rows)) {
      const cell = row.cells[at], group = groups[groups.length - 1];
      if (row.className) groups.push([], []), groups[groups.length - 2].push({ row });
      else group.push({ row, key: read(cell, head.dataset) });
    }
    const next = body.nextSibling;
    body.remove(); // moving thousands of rows takes minutes while they are displayed
    for (const group of groups) for (const { row } of group.sort(order)) body.append(row);
    table.insertBefore(body, next);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
"""
SCRIPT = f""""use strict";
(() => {{
  const table = document.querySelector("table.rows"), body = table.tBodies[0];
{_SORT}}})();
"""
#: Of a page with several tables.
SECTIONS_SCRIPT = f""""use strict";
for (const table of document.querySelectorAll("table.rows")) {{
  const body = table.tBodies[0];
{_SORT}}}
"""


def script_hash(script: str) -> str:
    """Return the script as a content security policy names it."""
    return "sha256-" + b64encode(hashlib.sha256(script.encode()).digest()).decode()
