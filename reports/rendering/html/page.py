"""The start of the HTML page's head, and its style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from reports.rendering.column_kinds import NUMBERS, SPANS, TEMPORAL
from reports.rendering.columns.views import ColumnView
from reports.rendering.html.sort_script import script_hash

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '{hash}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
"""


def head(script: str) -> str:
    """The page up to its title. Only this script can run in it."""
    return _HEAD.format(hash=script_hash(script))


STYLE = """:root {
  color-scheme: light dark;
  --ink: #1a1f2b; --soft: #5c6577; --line: #d9dee7; --paper: #ffffff; --band: #f6f7fa; --head: #eceff5;
  --total: #eef3fb; --rule: #9fb0cc;
  --alert-ink: #7a3d00; --alert: #fff3df; --alert-line: #e8b667;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e8f0; --soft: #9aa4b8; --line: #303747; --paper: #14171e; --band: #191d26; --head: #222836;
    --total: #1b2536; --rule: #4a5c7d;
    --alert-ink: #ffd699; --alert: #33260f; --alert-line: #7d5a1f;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", Arial, sans-serif }
main { padding: 24px 28px 32px; width: fit-content; min-width: 100% }
header, footer { position: sticky; left: 28px; max-width: min(60rem, calc(100vw - 56px)) }
h1 { margin: 0; font-size: 22px; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere }
.description { margin: 6px 0 0; color: var(--soft); white-space: pre-line }
table { border-collapse: collapse }
.about { margin: 14px 0 20px; font-size: 13px }
.about th { padding: 1px 20px 1px 0; font-weight: 400; color: var(--soft); text-align: left; vertical-align: top }
.about td { padding: 1px 0; white-space: pre-wrap; overflow-wrap: anywhere }
.rows { border-bottom: 1px solid var(--line); border-collapse: separate; border-spacing: 0 }
.rows thead th { position: sticky; top: 0; z-index: 1; background: var(--head); text-align: left; font-weight: 600;
  border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: bottom }
.rows th, .rows td { padding: 5px 14px }
.rows button { all: unset; box-sizing: border-box; display: block; width: 100%; cursor: pointer }
.rows button:hover { text-decoration: underline }
.rows button:focus-visible { outline: 2px solid currentColor; outline-offset: 3px }
.rows [aria-sort] button::after { content: " \\2191"; content: " \\2191" / ""; color: var(--soft) }
.rows [aria-sort="descending"] button::after { content: " \\2193"; content: " \\2193" / "" }
.rows td { border-top: 1px solid var(--line); vertical-align: top; white-space: pre-wrap; overflow-wrap: break-word;
  max-width: 42rem; unicode-bidi: plaintext }
.rows tr:first-child td { border-top: 0 }
.rows tbody tr:nth-child(even) td { background: var(--band) }
.rows i::before { content: "\\2013"; color: var(--soft); opacity: .6; font-style: normal }
.rows tbody tr.total th, .rows tbody tr.total td, .rows tfoot tr.total th, .rows tfoot tr.total td {
  background: var(--total); border-top: 1px solid var(--rule); font-weight: 600; text-align: left; white-space: nowrap }
.rows tr.total th { white-space: normal !important }
.rows tr.total td.right { text-align: right !important; font-variant-numeric: tabular-nums }
.rows tfoot tr.total th, .rows tfoot tr.total td { background: var(--head); border-top: 2px solid var(--rule) }
.total td[title]::before { content: attr(title); content: attr(title) / ""; color: var(--soft); font-weight: 400;
  font-size: 12px; margin-right: .6em }
footer { margin-top: 14px; color: var(--soft); font-size: 13px }
footer p { margin: 6px 0 }
.truncated { display: inline-block; padding: 8px 12px; border: 1px solid var(--alert-line); border-radius: 6px;
  background: var(--alert); color: var(--alert-ink); font-weight: 600 }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --band: #f5f5f5; --head: #eee;
    --total: #f0f0f0; --rule: #888 }
  @page { margin: 12mm }
  body { font-size: 9pt }
  main { padding: 0; width: auto }
  header, footer, .rows thead th { position: static }
  .table { align-self: stretch }
  .rows { width: 100% }
  .rows button { display: contents }
  .rows thead { display: table-header-group }
  .rows tfoot { display: table-row-group }
  .rows tr { break-inside: avoid }
  .rows th, .rows td { padding: 2pt 5pt }
}
"""

#: Text and background have a contrast of 7 to 1. Bold, so that they differ without colors, too.
HIGHLIGHTS = """:root { --bad: #fde2e1; --bad-ink: #7f1d1d; --warning: #fdf0c8; --warning-ink: #6b4300; --good: #dcf3e1;
  --good-ink: #14532d }
@media screen and (prefers-color-scheme: dark) {
  :root { --bad: #4a1d1f; --bad-ink: #fecaca; --warning: #42330d; --warning-ink: #fde68a; --good: #17371f;
    --good-ink: #bbf7d0 }
}
.rows tbody tr td.bad { background: var(--bad); color: var(--bad-ink); font-weight: 600 }
.rows tbody tr td.warning { background: var(--warning); color: var(--warning-ink); font-weight: 600 }
.rows tbody tr td.good { background: var(--good); color: var(--good-ink); font-weight: 600 }
.bad, .warning, .good { print-color-adjust: exact }
"""


SECTIONS = """.contents { position: sticky; left: 28px; max-width: min(60rem, calc(100vw - 56px)); font-size: 13px }
.contents h2 { margin: 0 0 4px; font-size: 13px; font-weight: 400; color: var(--soft) }
.contents ol { margin: 0; padding-left: 1.6em }
.contents a { color: inherit }
section { display: flex; flex-direction: column; align-items: flex-start; margin-top: 34px }
section > header { order: -2; margin-bottom: 12px }
section > .chart { order: -1 }
section > footer { margin-top: 10px }
h2 { margin: 0; font-size: 17px; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere }
@media print {
  .contents { position: static }
  h2 { break-after: avoid }
}
"""


def column_rules(views: Sequence[ColumnView], table: str = ".rows") -> str:
    """Style rules by column. A class in every cell would double the size of a table with short values.

    `table` selects the table.
    """
    rules: dict[str, list[str]] = {}
    for number, view in enumerate(views, 1):
        declarations = f"text-align: {view.alignment}; " if view.alignment != "left" else ""
        if view.kind in NUMBERS | SPANS:
            declarations += "font-variant-numeric: tabular-nums; "
        if view.kind in NUMBERS | SPANS | TEMPORAL:
            declarations += "white-space: nowrap; "
        if view.options.width:
            declarations += f"width: {view.options.width}ch; min-width: {view.options.width}ch; "
            declarations += f"max-width: {view.options.width}ch; white-space: pre-wrap; overflow-wrap: break-word; "
        if declarations:
            rules.setdefault(declarations, []).append(f"{table} tr>:nth-child({number})")
    return "".join(f"{','.join(cells)} {{ {declarations.strip()} }}\n" for declarations, cells in rules.items())
