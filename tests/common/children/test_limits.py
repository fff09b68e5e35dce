"""Limits of children on hosts that have limits of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.server import ROOT

_LIMIT = """
import os, resource
from common.children.limits import limit_resources
limit_resources(memory_bytes=2**30, file_bytes=2**30, cpu_seconds=100)
print(resource.getrlimit(resource.RLIMIT_FSIZE)[0], resource.getrlimit(resource.RLIMIT_CPU)[0])
"""


def limited_under(*prlimit: str) -> str:
    command = ["prlimit", *prlimit, sys.executable, "-c", _LIMIT]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize(
    ("prlimit", "limits"),
    [
        ((), f"{2**30} 100"),
        (("--fsize=1000000:1000000",), "1000000 100"),
        (("--cpu=7:7",), f"{2**30} 7"),
        ((f"--as={2**33}:{2**33}",), f"{2**30} 100"),
    ],
)
def test_a_lower_limit_of_the_host_is_kept(prlimit: tuple[str, ...], limits: str) -> None:
    assert limited_under(*prlimit) == limits


def test_a_process_that_is_a_likelier_victim_stays_one() -> None:
    """Kubernetes sets values up to 1000, which unprivileged processes can't lower."""
    script = (
        "from pathlib import Path; Path('/proc/self/oom_score_adj').write_text('900')\n"
        f"{_LIMIT}print(Path('/proc/self/oom_score_adj').read_text())"
    )
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert out.split()[-1] == "900"
