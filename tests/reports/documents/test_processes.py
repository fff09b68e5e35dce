"""The processes that compile templates and draw charts don't outlive the one that started them."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

COMPILES_ENDLESSLY = """
import datetime as dt
from reports.documents.compiler import CompileRequest, compile_document
compile_document(CompileRequest(
    template="#for a in range(100000) { for b in range(100000) {} }", data="{}", timestamp=dt.datetime.now(dt.UTC),
    seconds=60, memory_bytes=2**29,
))
"""
DRAWS_ENDLESSLY = """
import pyarrow as pa
from reports.rendering.charts.chart import Chart
endless = b'{"mark": "bar", "data": {"sequence": {"start": 0, "stop": 1000000000}}}'
Chart({"mark": "bar"}, pa.schema([("n", pa.int64())]))._run("svg", endless, 60)
"""


@pytest.mark.parametrize("script", [COMPILES_ENDLESSLY, DRAWS_ENDLESSLY], ids=["compiles", "draws"])
def test_the_process_dies_with_its_parent(script):
    parent = subprocess.Popen([sys.executable, "-c", script])
    children: list[psutil.Process] = []
    while not children and parent.poll() is None:
        time.sleep(0.05)
        children = psutil.Process(parent.pid).children()
    assert children
    # Long enough for the child to ask the kernel to die with its parent. A child that comes too late finds its parent
    # gone, and ends as well.
    time.sleep(1)
    parent.kill()
    parent.wait()
    # The kernel kills it at once, but must first take back its memory, which may take seconds on a busy machine.
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
