"""`python -m bench [web] [engine] [monitor] [queue] [--quick]`: run benchmarks and update docs/benchmarks.md."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from bench.engine import csv_files, formats, postgresql
from bench.harness import machine, markdown
from bench.monitor import pages
from bench.queue import many_hosts, schedules, throughput
from bench.web import download, endpoints, job_latency, object_store, stalled_clients, status_calls
from bench.web.server import running_server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "benchmarks", nargs="*", metavar="web|engine|monitor|queue", help="which benchmarks to run (default: all)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="run briefly, for a minute or two, and leave docs/benchmarks.md alone"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.benchmarks) - set(_BENCHMARKS):
        parser.error(f"Unknown benchmark: {', '.join(sorted(unknown))}. Choose from {', '.join(_BENCHMARKS)}.")
    for name in arguments.benchmarks or _BENCHMARKS:
        _run(name, arguments.quick)


def _web(quick: bool) -> Iterator[tuple[str, str]]:
    with running_server() as server:
        yield "job-latency", job_latency.measure(server, 10 if quick else 50)
        yield "download", download.measure(server, 5 if quick else 20)
        yield "endpoints", endpoints.measure(server, 40 if quick else 304)
        yield "status-calls", status_calls.measure(server, 400 if quick else 2000)
        yield "stalled-clients", stalled_clients.measure(server, 200 if quick else 2000)
    yield "object-store", object_store.measure(5 if quick else 20)


def _engine(quick: bool) -> Iterator[tuple[str, str]]:
    yield "postgresql", postgresql.measure(quick)
    yield "formats", formats.measure(quick)
    yield "csv-files", csv_files.measure(quick)


def _monitor(quick: bool) -> Iterator[tuple[str, str]]:
    yield "pages", pages.measure(quick)


def _queue(quick: bool) -> Iterator[tuple[str, str]]:
    yield "throughput", throughput.measure(quick)
    yield "schedules", schedules.measure(quick)
    yield "many-hosts", many_hosts.measure(quick)


#: Each yields the names and texts of its sections in docs/benchmarks.md.
_BENCHMARKS = {"web": _web, "engine": _engine, "monitor": _monitor, "queue": _queue}


def _run(name: str, quick: bool) -> None:
    conditions, started_at = machine.describe(), time.monotonic()
    print(f"{conditions}\n", flush=True)
    for section, text in _BENCHMARKS[name](quick):
        print(text, flush=True)
        if not quick:
            markdown.replace_section(section, f"{conditions}\n{text}")
    print(f"{name}: {time.monotonic() - started_at:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
