"""`python -m bench [web] [engine] [monitor] [queue] [--quick]`: measure, print, and rewrite docs/benchmarks.md."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from bench import calls, copy, document, download, engine, latency, machine, monitor, queues
from bench.site import running_site


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="web|engine|monitor|queue", help="what to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="a look within a minute or two; docs/benchmarks.md stays")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(_PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    for part in chosen.parts or _PARTS:
        _measure(part, chosen.quick)


def _web(quick: bool) -> Iterator[tuple[str, str]]:
    with running_site() as site:
        yield "latency", latency.measure(site, 10 if quick else 50)
        yield "download", download.measure(site, 5 if quick else 20)
        yield "calls", calls.measure(site, 40 if quick else 304)


def _engine(quick: bool) -> Iterator[tuple[str, str]]:
    yield "copy", copy.measure(quick)
    yield "engine", engine.measure(quick)


def _monitor(quick: bool) -> Iterator[tuple[str, str]]:
    yield "monitor", monitor.measure(quick)


def _queue(quick: bool) -> Iterator[tuple[str, str]]:
    yield "queue", queues.measure(quick)


_PARTS = {"web": _web, "engine": _engine, "monitor": _monitor, "queue": _queue}


def _measure(part: str, quick: bool) -> None:
    facts, start = machine.facts(), time.monotonic()
    print(f"{facts}\n", flush=True)
    for name, text in _PARTS[part](quick):
        print(text, flush=True)
        if not quick:
            document.write(name, f"{facts}\n{text}")
    print(f"{part}: {time.monotonic() - start:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
