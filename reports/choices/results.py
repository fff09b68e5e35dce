"""What reading choices returns, as the children that do it send it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """A value, as JSON, with the label that people see."""

    value: Any
    label: str


@dataclass(frozen=True)
class ChoicesPage:
    """The first choices that match. `more`: there are others."""

    choices: list[Choice] = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True)
class Found:
    """The outcome of looking up values, and of listing choices if that was asked for and all values were found.

    `labels` are, for each of several values, by parameter, in the order of its values; None for one that isn't among
    the choices. A parameter whose parents weren't found is left out. `fault` is a sentence about a query that failed.
    """

    labels: list[dict[str, list[str | None]]] = field(default_factory=list)
    page: ChoicesPage | None = None
    fault: str = ""
