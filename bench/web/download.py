"""Download of a 200 MB result: time to the first byte, speed, and memory of the web processes."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.harness.formatting import below, milliseconds, number, ratio
from bench.harness.markdown import table
from bench.harness.statistics import median, percentile
from bench.web.gunicorn import gunicorn
from bench.web.server import Server

#: Milliseconds to the first byte, and MB by which a web process may grow.
FIRST_BYTE_GOAL, GROWTH_GOAL = 500, 20
_COPIES = 6
_CLIENTS = 8
_BUFFER_SIZE = 262_144
#: Seconds that a slow client takes for the file.
_SLOW_SECONDS = 8.0


@dataclass(frozen=True)
class Download:
    """A download: milliseconds to the first byte of the response, seconds in total, and size of the file in bytes."""

    first_byte: float
    seconds: float
    size: int

    @property
    def megabytes_per_second(self) -> float:
        return self.size / self.seconds / 1e6


def measure(server: Server, downloads: int) -> str:
    """Return the section of the document. `downloads`: by one client, from the server and from the baseline in turn."""
    job = server.analyst.generate("flights-export", {"copies": _COPIES}, "csv")
    size = server.analyst.wait(job, seconds=600)["result"]["size"]
    url, token = f"{server.url}/api/v1/jobs/{job}/result", server.analyst.token
    ours, baseline = [], []
    with gunicorn("bench.web.file_server", BENCH_FILE=str(server.result_file(job))) as file_url:
        for _ in range(downloads):
            ours.append(download(url, token))
            baseline.append(download(file_url, ""))
    assert {each.size for each in (*ours, *baseline)} == {size}, "A download was incomplete."
    return _section(ours, baseline, memory_growth(server.web_processes(), url, token, size), size)


def download(url: str, authorization: str, seconds: float = 0.0) -> Download:
    """Download the file, and take at least this many seconds."""
    start = time.perf_counter()
    with _request(url, authorization) as connection:
        buffer = bytearray(_BUFFER_SIZE)
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
    return Download(first_byte, time.perf_counter() - start, size)


def _request(url: str, authorization: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=60)
    target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
    credentials = f"Authorization: {authorization}\r\n" if authorization else ""
    connection.sendall(f"{head}{credentials}\r\n".encode())
    return connection


def memory_growth(processes: list[psutil.Process], url: str, authorization: str, size: int) -> dict[str, float]:
    """Return by how many MB the process that grew most grew at its peak, by kind of client."""
    kinds = {"unthrottled": 0.0, f"{size / _SLOW_SECONDS / 1e6:.0f} MB/s each": _SLOW_SECONDS}
    growth = {}
    for kind, seconds in kinds.items():
        before = [_reset_peak(process) for process in processes]
        _download_at_once(url, authorization, seconds)
        peaks = [_memory(process, "VmHWM") for process in processes]
        growth[kind] = max((peak - start) / 1e6 for peak, start in zip(peaks, before, strict=True))
    return growth


def _download_at_once(url: str, authorization: str, seconds: float) -> None:
    clients = [threading.Thread(target=download, args=(url, authorization, seconds)) for _ in range(_CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def _reset_peak(process: psutil.Process) -> int:
    """Reset the peak memory of a process (VmHWM). Returns its memory now, in bytes."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return _memory(process, "VmRSS")


def _memory(process: psutil.Process, field: str) -> int:
    """Return a field of /proc/PID/status, in bytes."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def _section(ours: list[Download], baseline: list[Download], growth: dict[str, float], size: int) -> str:
    megabytes = f"{size / 1e6:.0f}"
    head = [f"download of {megabytes} MB", "this server", "file server", "goal", ""]
    return f"""
A CSV of {megabytes} MB (`flights-export`, {_COPIES} copies). One client downloads it {len(ours)} times from this server
and, in turn, from the smallest gunicorn application that sends a file: the same number and kind of processes, without
sign-in or database.

{table(head, [*_speed_rows(ours, baseline), *growth_rows(growth)])}

Until the first byte, the server checks the token, the right and the file, and writes the audit entry. Then the kernel
sends the file, so the speed should equal the file server's. Growth is the peak memory of a web process (VmHWM, reset
before) minus its memory before the downloads, for the process that grew most. It shows that no part of the file is held
in memory, however slow the clients are.
"""


def _speed_rows(ours: list[Download], baseline: list[Download]) -> list[list[str]]:
    first, baseline_first = (percentile([each.first_byte for each in some], 0.95) for some in (ours, baseline))
    speed, baseline_speed = (median([each.megabytes_per_second for each in some]) for some in (ours, baseline))
    return [
        [
            "first byte, p95",
            milliseconds(first),
            milliseconds(baseline_first),
            f"< {FIRST_BYTE_GOAL} ms",
            below(first, FIRST_BYTE_GOAL),
        ],
        [
            "speed for one client, median",
            f"{number(speed)} MB/s",
            f"{number(baseline_speed)} MB/s",
            "",
            ratio(speed / baseline_speed),
        ],
    ]


def growth_rows(growth: dict[str, float], goal: int = GROWTH_GOAL) -> list[list[str]]:
    return [
        [
            f"growth of a web process, 8 clients, {kind}",
            f"{number(megabytes)} MB",
            "",
            f"< {goal} MB",
            below(megabytes, goal),
        ]
        for kind, megabytes in growth.items()
    ]
