"""`python -m tests.fidelity [--cases N] [--seed N] [--only SOURCE/FORMAT] [--replay CODE]`: compare random tables.

A case is one random table (up to 6 columns and 5 rows, some beyond 21,000 others) that goes through one source into one
format, and is read back by two programs. The cases are shared out evenly among all sources and formats.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from random import SystemRandom

from tests import mariadb
from tests.fidelity.oracle import FORMATS, SOURCES
from tests.fidelity.search import Result, replay, search
from tests.fidelity.stores import Places
from tests.postgres import postgres_server

_PROCESSES = 2
#: A source and a format.
Pair = tuple[str, str]


def main() -> int:
    """Print progress, failures and a summary. Returns 1 if there is a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("--cases", type=int, default=560, help="cases in total (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="default: a random one")
    parser.add_argument("--only", default="*/*", metavar="SOURCE/FORMAT", help="such as csv/xlsx, or duckdb/*")
    parser.add_argument("--shrink", type=int, default=20, metavar="SECONDS", help="for each example (default: 20)")
    parser.add_argument("--replay", metavar="CODE", help="the case that a failure prints, with its --only")
    arguments = parser.parse_args()
    chosen = [(s, f) for s in SOURCES for f in FORMATS if fnmatch(f"{s}/{f}", arguments.only)]
    if not chosen or (arguments.replay and len(chosen) > 1):
        parser.error(f"Sources: {', '.join(SOURCES)}. Formats: {', '.join(FORMATS)}.")
    with ExitStack() as stack:
        places = _places(stack, {source for source, _ in chosen})
        if arguments.replay:
            (pair,) = chosen
            replay(*pair, places, arguments.replay)
            _say("No difference.")
            return 0
        _say(f"Seed {arguments.seed}, {arguments.cases:,} cases.")
        return _search_all(chosen, places, arguments)


def _places(stack: ExitStack, sources: set[str]) -> Places:
    places = Places(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fidelity-"))))
    if "postgresql" in sources:
        places.postgres_url = stack.enter_context(postgres_server())
    if "mariadb" in sources:
        if reason := mariadb.missing():
            sys.exit(reason)
        places.mariadb_url = stack.enter_context(mariadb.mariadb_server())
    return places


def _search_all(chosen: list[tuple[str, str]], places: Places, arguments: argparse.Namespace) -> int:
    """Search in two processes. A source is searched in one, because its cases take turns in one table."""
    cases, extra = divmod(arguments.cases, len(chosen))
    # The remainder goes to the first, so that the sum is what was asked for.
    shares = {pair: cases + (number < extra) for number, pair in enumerate(chosen)}
    results: dict[Pair, Result] = {}
    with ProcessPoolExecutor(_PROCESSES) as processes:
        searches = []
        for source in dict(chosen):
            own = {pair: share for pair, share in shares.items() if pair[0] == source}
            searches.append(processes.submit(_search_source, own, places, arguments.seed, arguments.shrink))
        for finished in as_completed(searches):
            results |= finished.result()
    _summarize(results)
    return int(any(result.failure for result in results.values()))


def _search_source(shares: dict[Pair, int], places: Places, seed: int, shrink: int) -> dict[Pair, Result]:
    # The log of characters that no font has.
    logging.disable(logging.WARNING)
    results: dict[Pair, Result] = {}
    for (source, format), cases in shares.items():
        started_at = time.monotonic()
        own = replace(places, folder=places.folder / source)
        own.folder.mkdir(exist_ok=True)
        result = results[source, format] = search(source, format, own, cases, seed, shrink)
        text = f"{source}/{format}: {result.cases:,} cases in {time.monotonic() - started_at:.0f} s, {result.summary}"
        if result.failure:
            command = f"make fidelity ONLY={source}/{format} REPLAY={result.code}"
            text += "\n" + re.sub("^", "    ", f"{result.failure}\n{command}\n", flags=re.MULTILINE)
        _say(text)
    return results


def _summarize(results: dict[Pair, Result]) -> None:
    _say("\n" + " ".join(["cases     ", *(f"{format:>9}" for format in FORMATS)]))
    for source in SOURCES:
        cells = [results.get((source, format)) for format in FORMATS]
        _say(" ".join([f"{source:10}", *(f"{cell.mark if cell else '-':>9}" for cell in cells)]))
    cases, failed = sum(result.cases for result in results.values()), sum(bool(r.failure) for r in results.values())
    _say(f"\n{cases:,} cases. " + (f"Differences in {failed} of {len(results)} pairs." if failed else "No difference."))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
