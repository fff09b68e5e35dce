"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def number(value: float) -> str:
    """Three digits that matter, with thousands apart."""
    if value >= 100:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value: float) -> str:
    return f"{number(value)} ms"


def times(value: float) -> str:
    return f"{number(value)}x"


def verdict(value: float, goal: float) -> str:
    return "met" if value < goal else f"**missed, {value / goal:.1f}x the goal**"
