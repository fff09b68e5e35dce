"""How many rows a query will return, as the engine's planner expects: for progress and for dry runs."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def from_duckdb(plan: str) -> int | None:
    """Read the output of `explain (format json)`. None if the plan has no number."""
    try:
        roots = json.loads(plan)
        return _duckdb_rows(roots[0]) if roots else None
    except (ValueError, KeyError, TypeError):
        return None


def _duckdb_rows(node: Mapping[str, Any]) -> int | None:
    """DuckDB gives no number for limits, products and unions: it follows from the nodes below."""
    facts, name = node["extra_info"], node["name"]
    below = [_duckdb_rows(child) for child in node["children"]]
    known = [rows for rows in below if rows is not None]
    if "LIMIT" in name and str(facts.get("Limit", "")).isdigit():
        return min([int(facts["Limit"]), *known])
    if name == "EMPTY_RESULT":
        return 0
    if "Estimated Cardinality" in facts:
        return int(facts["Estimated Cardinality"])
    if not below or len(known) < len(below):
        return None
    if name == "UNION":
        return sum(known)
    return math.prod(known) if name == "CROSS_PRODUCT" else known[0]


def from_postgresql(plan: str) -> int | None:
    """Read the output of `explain (format json)`. None if the plan has no number."""
    try:
        return int(json.loads(plan)[0]["Plan"]["Plan Rows"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


_OUTERMOST_SELECTS = {"SIMPLE", "PRIMARY", "UNION"}
_LIMIT_AT_END = re.compile(r"\blimit\s+(?:\d+\s*,\s*)?(\d+)(?:\s+offset\s+\d+)?[\s);]*$", re.IGNORECASE)


def from_mysql(plan: Iterable[Mapping[str, Any]], query: str) -> int | None:
    """Read the rows of `explain`, one for each table. They don't reflect grouping or limits. None without a plan."""
    rows_by_select: defaultdict[object, list[float]] = defaultdict(list)
    for step in plan:
        if step["select_type"] not in _OUTERMOST_SELECTS:
            continue
        if step["rows"]:
            share = float(step.get("filtered") or 100) / 100
            rows = float(step["rows"]) * share
        else:
            # A select without a table returns one row, unless the planner knows that nothing can match.
            remark = (step["Extra"] or "").lower()
            rows = 0 if "impossible" in remark or "no matching" in remark else 1
        rows_by_select[step["id"]].append(rows)
    if not rows_by_select:
        return None
    total = round(sum(math.prod(tables) for tables in rows_by_select.values()))
    limit = _LIMIT_AT_END.search(query)
    return min(total, int(limit[1])) if limit else total
