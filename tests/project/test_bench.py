"""The benchmarks can be started. What they measure isn't tested."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server import ROOT


@pytest.mark.parametrize("module", ["bench", "bench.monitor.seed_jobs"])
def test_a_benchmark_starts(module: str) -> None:
    help_text = subprocess.check_output([sys.executable, "-m", module, "--help"], cwd=ROOT, text=True)
    assert f"python -m {module}" in help_text
