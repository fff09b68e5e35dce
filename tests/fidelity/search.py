"""The search for a difference by hypothesis, which then makes the example as small as it can."""

from __future__ import annotations

import re
from dataclasses import dataclass

import hypothesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.conjecture import engine

from tests.fidelity.oracle import Difference, check, tables
from tests.fidelity.stores import Places
from tests.fidelity.tables import Table

_SETTINGS = settings(
    database=None,
    deadline=None,
    derandomize=False,
    phases=[Phase.generate, Phase.shrink],
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    verbosity=hypothesis.Verbosity.quiet,
)


@dataclass
class Result:
    """How many cases of a source and format ran, and the smallest failing one with the code that replays it."""

    cases: int = 0
    failure: str = ""
    code: str = ""

    @property
    def mark(self) -> str:
        return "DIFFERENT" if self.failure else f"{self.cases:,}"

    @property
    def summary(self) -> str:
        return "DIFFERENT" if self.failure else "equal"


def search(source: str, format: str, places: Places, cases: int, number: int, shrink: int) -> Result:
    """Run so many cases, or until one differs. The same number gives the same cases.

    A failing example is made smaller for `shrink` seconds.
    """
    result = Result()
    if not cases:
        return result
    # Hypothesis has no setting for it.
    engine.MAX_SHRINKING_SECONDS = shrink

    @seed(number)
    @settings(_SETTINGS, max_examples=cases)
    @given(tables(source, format))
    def run(table: Table) -> None:
        result.cases += not result.failure
        try:
            check(source, format, table, places)
        except Difference as difference:
            result.failure = f"{difference}\n{table!r}"
            raise

    try:
        run()
    except Exception as error:  # noqa: BLE001 -- the other pairs of source and format go on
        result.failure = result.failure or f"The oracle itself failed: {type(error).__name__}: {error}"
        notes = "\n".join(getattr(error, "__notes__", ()))
        found = re.search(r"reproduce_failure\('[^']*', b'([^']*)'\)", notes)
        result.code = found[1] if found else ""
    return result


def replay(source: str, format: str, places: Places, code: str) -> None:
    """Run the case that a failure printed. Raises Difference, unless it was mended since."""

    @hypothesis.reproduce_failure(hypothesis.__version__, code.encode())
    @settings(_SETTINGS)
    @given(tables(source, format))
    def run(table: Table) -> None:
        check(source, format, table, places)

    try:
        run()
    except hypothesis.errors.DidNotReproduce:
        return
