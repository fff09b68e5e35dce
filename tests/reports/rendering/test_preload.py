"""Forked children render every format, and memory stays flat however many rows there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FORK = """
import datetime, io, os, sys
import pyarrow as pa
from reports.rendering import RENDERERS, Document, preload

preload()
for name in RENDERERS:
    child = os.fork()
    if child == 0:
        import threading
        threading.Timer(60, os._exit, [9]).start()
        rows = pa.record_batch({"n": list(range(20_000)), "l": [[1.5, None]] * 20_000, "t": ["=a, b"] * 20_000})
        out = io.BytesIO()
        document = Document(title="T", generated_at=datetime.datetime.now(datetime.UTC))
        writer = RENDERERS[name].open(out, rows.schema, document)
        for _ in range(3):
            writer.write(rows.slice(0, 500) if name == "pdf" else rows)
        writer.close(rows=60_000, truncated=None)
        os._exit(0 if out.tell() > 1_000 else 8)
    print(name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print("polars" in sys.modules)
"""

PEAK = """
import datetime, sys
import pyarrow as pa
from reports.rendering import RENDERERS, Document, preload

preload()
name, batches = sys.argv[1], int(sys.argv[2])
numbers = list(range(10_000))
rows = pa.record_batch({"n": numbers, "f": [n / 7 for n in numbers], "t": ["some text, O'Brien"] * 10_000})
with open("/dev/null" if name != "xlsx" else sys.argv[3], "wb") as out:
    document = Document(title="T", generated_at=datetime.datetime.now(datetime.UTC))
    writer = RENDERERS[name].open(out, rows.schema, document)
    for _ in range(batches):
        writer.write(rows)
    writer.close(rows=batches * 10_000, truncated=None)
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(int(peak.split()[1]) / 1024)
"""


def python(script: str, *arguments: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, check=True, timeout=120, text=True
    )
    return finished.stdout


def test_a_child_that_is_forked_after_preload_renders_every_format() -> None:
    assert python(FORK).splitlines() == [
        "csv 0", "json 0", "ndjson 0", "xlsx 0", "parquet 0", "html 0", "pdf 0", "False",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("name", ["csv", "json", "ndjson", "xlsx", "parquet", "html"])
def test_memory_stays_flat_with_ten_times_the_rows(name: str, tmp_path: Path) -> None:
    small, large = (float(python(PEAK, name, batches, f"{tmp_path}/r")) for batches in ("15", "150"))
    assert large < small * 1.2 + 5, f"{small:.0f} MB at 150,000 rows, {large:.0f} MB at 1,500,000"
