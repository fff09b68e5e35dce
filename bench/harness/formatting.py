"""Numbers as the tables show them."""

from __future__ import annotations


def number(value: float) -> str:
    """Format with three significant digits and a thousands separator."""
    if value >= 100:
        return f"{round(value, 3 - len(str(int(value)))):,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value: float) -> str:
    return f"{number(value)} ms"


def ratio(value: float) -> str:
    return f"{number(value)}x"


def met(is_met: bool) -> str:
    """Say whether a goal was met."""
    return "met" if is_met else "**missed**"


def below(value: float, goal: float) -> str:
    """Say whether a value is below its goal, and if not, how far above."""
    return "met" if value < goal else f"**missed, {value / goal:.1f}x the goal**"
