"""A report without a field at its default, to prove that a page loses none of them."""

from __future__ import annotations

from typing import Any

FULL_REPORT: dict[str, Any] = {
    "slug": "full",
    "tenant": "acme",
    "name": 'Sales & "more" <b>',
    "description": "\nWhat was sold.\n\n  With blanks  \n",
    "folder": "Sales & more/Größe",
    "tags": ["b <b>", "a"],
    "data_source": "sales",
    "query": "\n\n-- a comment: a::int </textarea>\nselect region, amount from sale\n"
    "where (:region is null or region = :region) and amount > :least and day in :days\n"
    "  and :share <> 1 and :since < :until and :sure and :note <> '' and :codes is not null and :none is null\n",
    "parameters": [
        {"name": "region", "type": "string", "label": "Région", "help": "Two\nlines.",
         "choices": ["north", " south", ""]},
        {"name": "least", "type": "integer", "required": True, "default": 0, "minimum": -5.0, "maximum": 10},
        {"name": "days", "type": "date", "multiple": True, "default": ["2024-01-01", "2024-02-01"]},
        {"name": "share", "type": "number", "default": 0.25, "choices": [0.25, 1, 10**20, 1e300]},
        {"name": "since", "type": "datetime", "default": "2024-02-03T04:05:06+01:00"},
        {"name": "until", "type": "datetime", "minimum": "2024-02-03T04:05:06Z", "maximum": "now/d+1d"},
        {"name": "sure", "type": "boolean", "default": False},
        {"name": "note", "type": "string", "default": "", "pattern": '[a-z"]*', "max_length": 7},
        {"name": "codes", "type": "string", "multiple": True,
         "default": ["1", "true", '"quoted"', "[]", " x ", "a\nb"],
         "choices_query": {"query": "select 1\n-- :b\n  where :region <> ''\n", "data_source": "sales"}},
        {"name": "none", "type": "integer", "multiple": True, "default": []},
    ],
    "rules": [
        {"check": "since < until", "message": "“Since” first:\nthen # “until”."},
        {"check": "note != 'a b'", "message": "no"},
    ],
    "time_zone": "Europe/Berlin",
    "formats": ["json", "csv", "pdf"],
    "delivery": [
        {"kind": "api_response", "mode": "synchronous"},
        {"kind": "email", "to": ["a@example.com", "b@example.com"]},
        {"kind": "webhook", "url": "https://example.com/hook?a=1&b=2"},
        {"kind": "file_share", "path": "a folder/file.csv"},
        {"kind": "api_response", "mode": "asynchronous"},
    ],
    "deliver": "always",
    "grants": {"generate": ["analysts", "user:bob"], "view": ["user:bob", "user:carol"]},
    "timeout_seconds": 61,
    "max_rows": 5_000_000_000,
    "max_bytes": 123_456,
    "on_limit": "fail",
    "csv": {"delimiter": "\t", "byte_order_mark": True, "formula_guard": False, "header": "labels"},
    "columns": {
        "region": {"label": "Région: \"x\"", "width": 20, "align": "center", "hidden": True},
        "amount": {
            "format": "#,##0.00 ¤", "currency": "EUR",
            "highlight": [{"when": "> 30.5", "as": "bad"}, {"when": "= 'x: #'", "as": "good"}],
        },
    },
    "locale": "de-CH",
    "max_running": 3,
    "keep_rows": 1_234,
    "compare_by": ["region", "amount"],
    "totals": {"group_by": ["region"], "columns": {"amount": "sum", "a: b": "count"}, "grand": False, "decimals": 2},
    "template": "\n= A letter\n\nWith a line.\n",
    "chart": {
        "mark": {"type": "bar", "opacity": 0.25, "tooltip": None, "clip": True},
        "title": ["yes", "1e3", "", " # no comment", "two\nlines\n", "2024-01-01"],
        "encoding": {"x": {"field": "region"}, "y": {"field": "amount", "aggregate": "sum", "scale": {"domain": []}}},
    },
    "max_attempts": 5,
    "retention_days": 7,
}  # fmt: skip
