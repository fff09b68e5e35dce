"""How a 200 MB result leaves the server: the first byte, the speed, and the memory of the web processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.document import table
from bench.site import Site
from bench.stats import median, milliseconds, number, percentile, times, verdict
from tests.server import ROOT, free_port

#: Milliseconds to the first byte; MB that a web process may grow by.
FIRST_BYTE_GOAL, GROWTH_GOAL = 500, 20
_COPIES = 6
_CLIENTS = 8
_BLOCK = 262_144
_SLOWLY_SECONDS = 8.0
#: As in reportserver/gunicorn.conf.py.
_GUNICORN = ["--worker-class=gthread", "--workers=2", "--threads=16", "--log-level=warning", "--no-control-socket"]


@dataclass(frozen=True)
class Taken:
    """One download: milliseconds to the first byte of the answer, seconds for all of it, bytes of the file."""

    first_byte: float
    seconds: float
    size: int

    @property
    def megabytes_per_second(self) -> float:
        return self.size / self.seconds / 1e6


def measure(site: Site, downloads: int) -> str:
    """The section of the document. `downloads`: by one client, from the server and from the plain one in turn."""
    job = site.analyst.generate("flights-export", {"copies": _COPIES}, "csv")
    result = site.analyst.wait(job)["result"]
    url, asked = f"{site.server.url}/api/v1/jobs/{job}/result", site.analyst.token
    ours, plain = [], []
    with _plain_server(site.artifact(job)) as plain_url:
        for _ in range(downloads):
            ours.append(_download(url, asked))
            plain.append(_download(plain_url, ""))
    assert {taken.size for taken in (*ours, *plain)} == {result["size"]}, "not the whole file"
    growth = _growth(site.web_processes(), url, asked, result["size"])
    return _section(ours, plain, growth, result["size"])


def _download(url: str, authorization: str, seconds: float = 0.0) -> Taken:
    """Get the whole file, in no less than that many seconds."""
    start = time.perf_counter()
    with _request(url, authorization) as connection:
        buffer = bytearray(_BLOCK)
        count = connection.recv_into(buffer)
        first_byte = (time.perf_counter() - start) * 1000
        head, _, body = bytes(buffer[:count]).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head[:300]
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        size = len(body)
        while size < length and (count := connection.recv_into(buffer)):
            size += count
            if (early := start + seconds * size / length - time.perf_counter()) > 0:
                time.sleep(early)
    return Taken(first_byte, time.perf_counter() - start, size)


def _request(url: str, authorization: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=60)
    head = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
    credentials = f"Authorization: {authorization}\r\n" if authorization else ""
    connection.sendall(f"{head}{credentials}\r\n".encode())
    return connection


@contextmanager
def _plain_server(path: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", *_GUNICORN, f"--bind=127.0.0.1:{port}", "bench.plain_app:application"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "BENCH_FILE": str(path)})
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the plain server did not start")


def _growth(processes: list[psutil.Process], url: str, authorization: str, size: int) -> dict[str, list[float]]:
    """MB by which the memory of each web process grows beyond what it is before, at its highest, by kind of client."""
    found = {}
    for name, seconds in (
        ("as fast as they can", 0.0),
        (f"slowly, {size / _SLOWLY_SECONDS / 1e6:.0f} MB/s each", _SLOWLY_SECONDS),
    ):
        before = [_reset_peak(process) for process in processes]
        _all_at_once(url, authorization, seconds)
        found[name] = [(_status(process, "VmHWM") - rss) / 1e6 for process, rss in zip(processes, before, strict=True)]
    return found


def _all_at_once(url: str, authorization: str, seconds: float) -> None:
    clients = [threading.Thread(target=_download, args=(url, authorization, seconds)) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def _reset_peak(process: psutil.Process) -> int:
    """Begin a new peak (VmHWM), and return the memory in use now, in bytes."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return _status(process, "VmRSS")


def _status(process: psutil.Process, name: str) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _section(ours: list[Taken], plain: list[Taken], growth: dict[str, list[float]], size: int) -> str:
    first = percentile([taken.first_byte for taken in ours], 0.95)
    plain_first = percentile([taken.first_byte for taken in plain], 0.95)
    speed, plain_speed = (median([taken.megabytes_per_second for taken in some]) for some in (ours, plain))
    rows = [
        [
            "first byte, p95",
            milliseconds(first),
            milliseconds(plain_first),
            f"< {FIRST_BYTE_GOAL} ms",
            verdict(first, FIRST_BYTE_GOAL),
        ],
        [
            "speed of one client, median",
            f"{number(speed)} MB/s",
            f"{number(plain_speed)} MB/s",
            "",
            times(speed / plain_speed),
        ],
    ]
    rows += [
        [
            f"growth of a web process, 8 clients {name}",
            f"{number(max(grown))} MB",
            "",
            f"< {GROWTH_GOAL} MB",
            verdict(max(grown), GROWTH_GOAL),
        ]
        for name, grown in growth.items()
    ]
    return f"""
A CSV of {size / 1e6:.0f} MB (`flights-export`, {_COPIES} copies), {len(ours)} downloads by one client from this server
and, in turn, of the same file from the smallest gunicorn application that sends a file (same kind and number of
processes, no sign-in, no database).

{table(["result of 200 MB", "this server", "plain gunicorn", "goal", ""], rows)}

How to read it: the first byte is the time in which the server checks the token, the right and the file and writes the
audit entry. After it the kernel sends the file, so the speed should be that of the plain server. Growth is the highest
memory of the process (VmHWM, reset before) less what it had before, of the process that grew most: it shows that no
part of the file is held in memory, however slow the readers are.
"""
