"""How many rows a query will give, as the engine's own planner expects: for progress, and for a look before the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
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
