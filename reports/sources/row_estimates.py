"""How many rows a query will give, as the engine's own planner expects: for progress, and for a look before the run."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def of_duckdb(plan: str) -> int | None:
    """From `explain (format json)`. None where the plan does not tell."""
    try:
        roots = json.loads(plan)
        return _rows(roots[0]) if roots else None
    except (ValueError, KeyError, TypeError):
        return None


def of_postgresql(plan: str) -> int | None:
    """From `explain (format json)`. None where the plan does not tell."""
    try:
        return int(json.loads(plan)[0]["Plan"]["Plan Rows"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


_OUTERMOST = {"SIMPLE", "PRIMARY", "UNION"}
_LIMIT = re.compile(r"\blimit\s+(?:\d+\s*,\s*)?(\d+)(?:\s+offset\s+\d+)?[\s);]*$", re.IGNORECASE)


def of_mysql(plan: Iterable[Mapping[str, Any]], query: str) -> int | None:
    """From the rows of `explain`: one for each table, which knows no groups and no limits. None without a plan."""
    selects: defaultdict[object, list[float]] = defaultdict(list)
    for step in plan:
        if step["select_type"] in _OUTERMOST:
            part = float(step.get("filtered") or 100) / 100
            selects[step["id"]].append(float(step["rows"]) * part if step["rows"] else _without_table(step["Extra"]))
    if not selects:
        return None
    rows = round(sum(math.prod(tables) for tables in selects.values()))
    limit = _LIMIT.search(query)
    return min(rows, int(limit[1])) if limit else rows


def _without_table(remark: str | None) -> int:
    """One row where no table is used, and none where the planner knows that nothing can match."""
    return 0 if "impossible" in (remark or "").lower() or "no matching" in (remark or "").lower() else 1


def _rows(node: Mapping[str, Any]) -> int | None:
    """DuckDB leaves the number out of limits, products and unions, where it follows from what is below."""
    facts, name = node["extra_info"], node["name"]
    below = [_rows(child) for child in node["children"]]
    if "LIMIT" in name and str(facts.get("Limit", "")).isdigit():
        return min([int(facts["Limit"]), *(rows for rows in below if rows is not None)])
    if name == "EMPTY_RESULT":
        return 0
    if "Estimated Cardinality" in facts:
        return int(facts["Estimated Cardinality"])
    if None in below or not below:
        return None
    known = [rows for rows in below if rows is not None]
    return sum(known) if name == "UNION" else math.prod(known) if name == "CROSS_PRODUCT" else known[0]
